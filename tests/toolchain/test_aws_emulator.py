"""The simulated AWS, as a process, asked with the real client library."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.toolchain.emulator import client

ROLE = "arn:aws:iam::123456789012:role/reader"
POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


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


@pytest.fixture
def subnet(endpoint: str) -> Iterator[tuple[str, str]]:
    """A VPC and a subnet in it."""
    ec2 = client(endpoint, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    yield vpc, made
    ec2.delete_subnet(SubnetId=made)
    ec2.delete_vpc(VpcId=vpc)


def test_clusters_lead_to_the_api_server_once_it_is_there(eks: Any, kubeconfig: Path) -> None:
    assert eks.describe_cluster(name="platform")["cluster"]["endpoint"].endswith("amazonaws.com/")
    cluster = {"server": "https://127.0.0.1:20001", "certificate-authority-data": "Y2E="}
    kubeconfig.write_text(json.dumps({"clusters": [{"name": "sandbox", "cluster": cluster}]}))
    try:
        found = eks.describe_cluster(name="platform")["cluster"]
        assert (found["endpoint"], found["certificateAuthority"]) == ("https://127.0.0.1:20001", {"data": "Y2E="})
    finally:
        kubeconfig.unlink()


def test_each_cluster_has_an_issuer_of_its_own_that_iam_takes(eks: Any, endpoint: str) -> None:
    eks.create_cluster(name="other", roleArn=ROLE, resourcesVpcConfig={"subnetIds": ["subnet-1"]})
    issuers = [
        eks.describe_cluster(name=name)["cluster"]["identity"]["oidc"]["issuer"] for name in ("platform", "other")
    ]
    iam = client(endpoint, "iam")
    arns = {
        iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])["OpenIDConnectProviderArn"]
        for issuer in issuers
    }
    eks.delete_cluster(name="other")
    assert len(arns) == 2


def test_a_cluster_is_described_as_it_was_asked_for(eks: Any, endpoint: str, subnet: tuple[str, str]) -> None:
    vpc, made = subnet
    eks.create_cluster(
        name="asked",
        roleArn=ROLE,
        resourcesVpcConfig={"subnetIds": [made], "endpointPublicAccess": False, "endpointPrivateAccess": True},
        accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
        upgradePolicy={"supportType": "STANDARD"},
        kubernetesNetworkConfig={"serviceIpv4Cidr": "10.100.0.0/16"},
    )
    found = eks.describe_cluster(name="asked")["cluster"]
    assert found["accessConfig"] == {"authenticationMode": "API"}
    assert found["upgradePolicy"] == {"supportType": "STANDARD"}
    assert found["kubernetesNetworkConfig"] == {"ipFamily": "ipv4", "serviceIpv4Cidr": "10.100.0.0/16"}
    network = found["resourcesVpcConfig"]
    assert (network["vpcId"], network["endpointPublicAccess"], network["endpointPrivateAccess"]) == (vpc, False, True)
    ec2 = client(endpoint, "ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[network["clusterSecurityGroupId"]])["SecurityGroups"]
    assert group["VpcId"] == vpc
    eks.delete_cluster(name="asked")
    names = [group["GroupName"] for group in ec2.describe_security_groups()["SecurityGroups"]]
    assert not any(name.startswith("eks-cluster-sg-asked") for name in names)


def test_a_protected_cluster_stays_until_it_is_not(eks: Any) -> None:
    network = {"subnetIds": ["subnet-1"]}
    eks.create_cluster(name="kept", roleArn=ROLE, resourcesVpcConfig=network, deletionProtection=True)
    with pytest.raises(eks.exceptions.InvalidRequestException, match="Deletion protection"):
        eks.delete_cluster(name="kept")
    update = eks.update_cluster_config(name="kept", deletionProtection=False)["update"]
    assert update["type"] == "DeletionProtectionUpdate"
    eks.delete_cluster(name="kept")


def test_a_cluster_begins_with_nothing_of_its_namesake(eks: Any) -> None:
    network = {"subnetIds": ["subnet-1"]}
    eks.create_cluster(name="again", roleArn=ROLE, resourcesVpcConfig=network)
    eks.create_addon(clusterName="again", addonName="coredns")
    eks.create_access_entry(clusterName="again", principalArn=ROLE)
    eks.delete_cluster(name="again")
    eks.create_cluster(name="again", roleArn=ROLE, resourcesVpcConfig=network)
    assert eks.list_addons(clusterName="again")["addons"] == []
    assert eks.list_access_entries(clusterName="again")["accessEntries"] == []
    eks.delete_cluster(name="again")


def test_a_node_group_is_described_as_it_was_asked_for_and_updated(eks: Any, endpoint: str) -> None:
    template = client(endpoint, "ec2").create_launch_template(
        LaunchTemplateName="nodes", LaunchTemplateData={"MetadataOptions": {"HttpTokens": "required"}}
    )["LaunchTemplate"]["LaunchTemplateId"]
    whose = {"clusterName": "platform", "nodegroupName": "batch"}
    eks.create_nodegroup(
        **whose,
        subnets=["subnet-1"],
        nodeRole=ROLE,
        launchTemplate={"id": template, "version": "1"},
        updateConfig={"maxUnavailablePercentage": 33},
        releaseVersion="1.32.1-20250101",
    )
    made = eks.describe_nodegroup(**whose)["nodegroup"]
    assert made["updateConfig"] == {"maxUnavailablePercentage": 33}
    assert "diskSize" not in made
    updates = [
        eks.update_nodegroup_version(**whose, releaseVersion="1.32.2-20250201")["update"],
        eks.update_nodegroup_config(**whose, scalingConfig={"minSize": 1, "maxSize": 5, "desiredSize": 1})["update"],
    ]
    for update in updates:
        described = eks.describe_update(name="platform", nodegroupName="batch", updateId=update["id"])["update"]
        assert described["status"] == "Successful"
    made = eks.describe_nodegroup(**whose)["nodegroup"]
    assert (made["releaseVersion"], made["scalingConfig"]["maxSize"]) == ("1.32.2-20250201", 5)
    eks.delete_nodegroup(**whose)


def test_whatever_has_an_arn_can_be_tagged(eks: Any) -> None:
    addon = eks.create_addon(clusterName="platform", addonName="kube-proxy")["addon"]["addonArn"]
    entry = eks.create_access_entry(clusterName="platform", principalArn=ROLE)["accessEntry"]["accessEntryArn"]
    cluster = eks.describe_cluster(name="platform")["cluster"]["arn"]
    for arn in (addon, entry, cluster):
        eks.tag_resource(resourceArn=arn, tags={"team": "edge", "cost": "shop"})
        eks.untag_resource(resourceArn=arn, tagKeys=["cost"])
        assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "edge"}
    assert eks.describe_addon(clusterName="platform", addonName="kube-proxy")["addon"]["tags"] == {"team": "edge"}


def test_a_launch_template_has_the_tags_of_today(endpoint: str) -> None:
    ec2 = client(endpoint, "ec2")
    template = ec2.create_launch_template(
        LaunchTemplateName="tagged",
        LaunchTemplateData={"InstanceType": "m7g.large"},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "1"}]}],
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_tags(Resources=[template], Tags=[{"Key": "b", "Value": "2"}])
    ec2.delete_tags(Resources=[template], Tags=[{"Key": "a"}])
    (found,) = ec2.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"]
    assert found["Tags"] == [{"Key": "b", "Value": "2"}]


@pytest.mark.parametrize("sizes", [(3, 2, 5), (1, 6, 5)], ids=["fewer than the minimum", "more than the maximum"])
def test_a_node_group_of_an_impossible_size_is_refused(eks: Any, sizes: tuple[int, int, int]) -> None:
    whose = {"clusterName": "platform", "nodegroupName": "sized"}
    eks.create_nodegroup(**whose, subnets=["subnet-1"], nodeRole=ROLE)
    try:
        with pytest.raises(eks.exceptions.InvalidParameterException, match="can't be greater"):
            eks.update_nodegroup_config(
                **whose, scalingConfig=dict(zip(("minSize", "desiredSize", "maxSize"), sizes, strict=True))
            )
    finally:
        eks.delete_nodegroup(**whose)


def test_a_queue_keeps_its_policy_and_tells_who_may_redrive_to_it(endpoint: str) -> None:
    sqs = client(endpoint, "sqs")
    url = sqs.create_queue(QueueName="letters")["QueueUrl"]
    allowed = json.dumps({"redrivePermission": "denyAll"})
    policy = json.dumps({"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedriveAllowPolicy": allowed})
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedriveAllowPolicy", "Policy"])
    assert asked["Attributes"] == {"RedriveAllowPolicy": allowed, "Policy": policy}


def test_a_database_keeps_its_performance_insights_and_is_like_no_other(endpoint: str) -> None:
    rds = client(endpoint, "rds")
    settings = {"DBInstanceClass": "db.t4g.medium", "Engine": "postgres", "EnablePerformanceInsights": True}
    made = [rds.create_db_instance(DBInstanceIdentifier=name, **settings)["DBInstance"] for name in ("one", "two")]
    assert [one["PerformanceInsightsEnabled"] for one in made] == [True, True]
    assert made[0]["DbiResourceId"] != made[1]["DbiResourceId"]


def test_a_changed_subnet_group_is_still_there(endpoint: str) -> None:
    ec2, rds = client(endpoint, "ec2"), client(endpoint, "rds")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]]
    names = {"DBSubnetGroupName": "isolated"}
    rds.create_db_subnet_group(**names, DBSubnetGroupDescription="isolated", SubnetIds=subnets[:2])
    rds.modify_db_subnet_group(**names, SubnetIds=subnets)
    [group] = rds.describe_db_subnet_groups(**names)["DBSubnetGroups"]
    assert len(group["Subnets"]) == len(subnets)


def test_a_rule_that_admits_a_security_group_keeps_its_description(endpoint: str) -> None:
    ec2 = client(endpoint, "ec2")
    group = ec2.create_security_group(GroupName="database", Description="database")["GroupId"]
    pair = {"GroupId": group, "Description": "from the cluster"}
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [pair]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    filters = [{"Name": "group-id", "Values": [group]}]
    found = ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    assert "from the cluster" in {one.get("Description") for one in found}
