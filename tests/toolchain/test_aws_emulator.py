"""The simulated AWS, as a process, asked with the real client library."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

EMULATOR = Path(__file__).parents[2] / "toolchain" / "aws-emulator"
ROLE = "arn:aws:iam::123456789012:role/reader"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, EMULATOR, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def eks(endpoint: str) -> Any:
    eks = client(endpoint, "eks")
    eks.create_cluster(name="platform", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1"]}, version="1.32")
    return eks


def test_an_addon_lives_from_creation_to_deletion(eks: Any) -> None:
    created = eks.create_addon(clusterName="platform", addonName="coredns", tags={"team": "edge"})["addon"]
    assert created["status"] == "ACTIVE"
    assert created["addonVersion"] == "v1.11.4-eksbuild.2"
    update = eks.update_addon(clusterName="platform", addonName="coredns", addonVersion="v2")["update"]
    assert eks.describe_update(name="platform", updateId=update["id"])["update"]["status"] == "Successful"
    assert eks.describe_addon(clusterName="platform", addonName="coredns")["addon"]["addonVersion"] == "v2"
    eks.delete_addon(clusterName="platform", addonName="coredns")
    assert eks.list_addons(clusterName="platform")["addons"] == []


def test_an_unknown_addon_is_not_found(eks: Any) -> None:
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_addon(clusterName="platform", addonName="none")


def test_an_addon_of_an_unknown_cluster_is_not_found(eks: Any) -> None:
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.create_addon(clusterName="elsewhere", addonName="coredns")


def test_access_entries_carry_policies_and_refuse_doubles(eks: Any) -> None:
    eks.create_access_entry(clusterName="platform", principalArn=ROLE)
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.create_access_entry(clusterName="platform", principalArn=ROLE)
    eks.associate_access_policy(
        clusterName="platform", principalArn=ROLE, policyArn=POLICY, accessScope={"type": "cluster"}
    )
    listed = eks.list_associated_access_policies(clusterName="platform", principalArn=ROLE)
    assert [policy["policyArn"] for policy in listed["associatedAccessPolicies"]] == [POLICY]
    eks.disassociate_access_policy(clusterName="platform", principalArn=ROLE, policyArn=POLICY)
    listed = eks.list_associated_access_policies(clusterName="platform", principalArn=ROLE)
    assert listed["associatedAccessPolicies"] == []
    eks.delete_access_entry(clusterName="platform", principalArn=ROLE)
    assert eks.list_access_entries(clusterName="platform")["accessEntries"] == []


def test_pod_identities_are_listed_by_namespace(eks: Any) -> None:
    made = eks.create_pod_identity_association(
        clusterName="platform", namespace="shop", serviceAccount="web", roleArn=ROLE
    )["association"]
    assert eks.list_pod_identity_associations(clusterName="platform", namespace="other")["associations"] == []
    found = eks.list_pod_identity_associations(clusterName="platform", namespace="shop")["associations"]
    assert [one["associationId"] for one in found] == [made["associationId"]]


def test_a_version_update_changes_the_cluster(eks: Any) -> None:
    eks.update_cluster_version(name="platform", version="1.33")
    assert eks.describe_cluster(name="platform")["cluster"]["version"] == "1.33"


def test_a_bucket_keeps_the_tags_of_its_creation(endpoint: str) -> None:
    s3 = client(endpoint, "s3")
    s3.create_bucket(
        Bucket="tagged",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1", "Tags": [{"Key": "a", "Value": "x & y"}]},
    )
    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == [{"Key": "a", "Value": "x & y"}]


def test_a_node_group_has_no_invented_ssh_key(eks: Any) -> None:
    eks.create_nodegroup(clusterName="platform", nodegroupName="general", subnets=["subnet-1"], nodeRole=ROLE)
    group = eks.describe_nodegroup(clusterName="platform", nodegroupName="general")["nodegroup"]
    assert not group.get("remoteAccess")
