"""The database by itself: who reaches it, what is kept of it, whose its password is, and what it refuses."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from pulumi_aws import rds

from infra.database import Database, DatabaseArgs, _secret_arn
from infra.inputs import InputError
from infra.tags import RESOURCE
from tests.infra.recording import Recorded, record
from tests.infra.seen_options import SeenOptions

ARGS = DatabaseArgs(
    identifier="shop-dev",
    region="eu-west-1",
    account_id="123456789012",
    vpc_id="vpc-1",
    subnet_ids=["subnet-a", "subnet-b"],
    key_arn="arn:key",
    log_key_arn="arn:log-key",
    major_version="17",
    instance_class="db.t4g.medium",
    database_name="shop",
    storage_gib=20,
    max_storage_gib=100,
    from_security_groups={"nodes": "sg-nodes"},
    from_cidrs=("10.0.64.0/19",),
)


def database(args: DatabaseArgs = ARGS) -> Recorded:
    return record(lambda: Database("orders", args))


def instance(args: DatabaseArgs = ARGS) -> dict[str, Any]:
    return dict(database(args).only(":Instance").inputs)


def test_only_named_clients_connect_and_only_to_postgresql() -> None:
    recorded = database()
    rules = {rule.name: rule.inputs for rule in recorded.of(":SecurityGroupIngressRule")}
    assert {(rule["ipProtocol"], rule["fromPort"], rule["toPort"]) for rule in rules.values()} == {("tcp", 5432, 5432)}
    assert rules["orders-from-nodes"]["referencedSecurityGroupId"] == "sg-nodes"
    assert "cidrIpv4" not in rules["orders-from-nodes"]
    assert rules["orders-from-10.0.64.0-19"]["cidrIpv4"] == "10.0.64.0/19"
    assert len(rules) == 2
    assert {"ingress", "egress"}.isdisjoint(recorded.only(":SecurityGroup").inputs)
    assert instance()["vpcSecurityGroupIds"] == ["orders-clients-id"]


def test_without_clients_nobody_connects() -> None:
    recorded = database(replace(ARGS, from_security_groups={}, from_cidrs=()))
    assert not recorded.of(":SecurityGroupIngressRule")


def test_a_database_is_not_on_the_internet() -> None:
    assert instance()["publiclyAccessible"] is False
    assert database().only(":SubnetGroup").inputs["subnetIds"] == ["subnet-a", "subnet-b"]


def test_connections_are_by_tls_and_with_strong_passwords() -> None:
    group = database().only(":ParameterGroup").inputs
    values = {parameter["name"]: parameter["value"] for parameter in group["parameters"]}
    assert values["rds.force_ssl"] == "1"
    assert values["rds.accepted_password_auth_method"] == "scram"
    assert instance()["caCertIdentifier"] == "rds-ca-rsa2048-g1"
    assert instance()["iamDatabaseAuthenticationEnabled"] is True


def test_logs_hold_neither_passwords_nor_values() -> None:
    parameters = database().only(":ParameterGroup").inputs["parameters"]
    values = {parameter["name"]: parameter["value"] for parameter in parameters}
    assert "log_statement" not in values
    assert values["log_parameter_max_length"] == "0"


def test_no_password_is_known_to_pulumi() -> None:
    inputs = instance()
    assert inputs["manageMasterUserPassword"] is True
    assert inputs["masterUserSecretKmsKeyId"] == "arn:key"
    assert "password" not in inputs


def test_the_secret_is_named_and_not_read() -> None:
    secret = rds.outputs.InstanceMasterUserSecret(secret_arn="arn:secret", secret_status="active")
    assert _secret_arn([secret]) == "arn:secret"
    assert _secret_arn([]) == _secret_arn(None) == ""


def test_data_at_rest_are_encrypted_with_the_given_key() -> None:
    inputs = instance()
    assert inputs["storageEncrypted"] is True
    assert inputs["kmsKeyId"] == inputs["performanceInsightsKmsKeyId"] == "arn:key"
    assert inputs["storageType"] == "gp3"


def test_minor_versions_and_growth_belong_to_aws() -> None:
    inputs = instance()
    assert inputs["engineVersion"] == "17"
    assert inputs["autoMinorVersionUpgrade"] is True
    assert inputs["allowMajorVersionUpgrade"] is False
    assert (inputs["allocatedStorage"], inputs["maxAllocatedStorage"]) == (20, 100)


def test_another_major_version_gets_a_parameter_group_beside_the_one_in_use() -> None:
    def group(version: str) -> tuple[str, str, str]:
        made = database(replace(ARGS, major_version=version)).only(":ParameterGroup")
        return made.name, made.inputs["name"], made.inputs["family"]

    assert group("17") == ("orders-parameters-17", "shop-dev-postgres17", "postgres17")
    assert group("18") == ("orders-parameters-18", "shop-dev-postgres18", "postgres18")


def test_a_database_is_hard_to_lose() -> None:
    inputs = instance()
    assert inputs["deletionProtection"] is True
    assert inputs["skipFinalSnapshot"] is False
    assert inputs["finalSnapshotIdentifier"] == "shop-dev-final"
    assert inputs["deleteAutomatedBackups"] is False
    assert inputs["copyTagsToSnapshot"] is True
    assert inputs["multiAz"] is True
    assert inputs["backupRetentionPeriod"] == 14
    assert inputs["applyImmediately"] is False


def test_a_database_is_never_deleted_for_a_replacement() -> None:
    seen = SeenOptions()
    record(lambda: Database("orders", ARGS, seen.opts))
    assert seen.of["aws:rds/instance:Instance::orders"].delete_before_replace is False


def test_a_disposable_database_leaves_nothing_behind() -> None:
    inputs = instance(replace(ARGS, disposable=True))
    assert inputs["deletionProtection"] is False
    assert inputs["skipFinalSnapshot"] is True
    assert "finalSnapshotIdentifier" not in inputs
    assert inputs["deleteAutomatedBackups"] is True
    assert inputs["applyImmediately"] is True


def test_logs_have_an_end_and_a_key_before_the_database_writes_any() -> None:
    recorded = database(replace(ARGS, log_days=30))
    groups = recorded.of(":LogGroup")
    assert {group.inputs["name"] for group in groups} == {
        "/aws/rds/instance/shop-dev/postgresql",
        "/aws/rds/instance/shop-dev/upgrade",
    }
    assert {(group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) for group in groups} == {(30, "arn:log-key")}
    needed = {urn.split("::")[-1] for urn in recorded.only(":Instance").depends_on}
    assert {"orders-log-postgresql", "orders-log-upgrade", "orders-monitoring-policy"} <= needed
    assert instance()["enabledCloudwatchLogsExports"] == ["postgresql", "upgrade"]


def test_figures_of_the_system_are_taken_for_this_database_only() -> None:
    recorded = database(replace(ARGS, partition="aws-cn"))
    (trust,) = json.loads(recorded.only(":Role").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "StringLike": {"aws:SourceArn": "arn:aws-cn:rds:eu-west-1:123456789012:db:shop-dev"},
    }
    attached = recorded.only(":RolePolicyAttachment").inputs["policyArn"]
    assert attached == "arn:aws-cn:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
    assert instance()["monitoringRoleArn"] == "arn:orders-monitoring"


def test_without_monitoring_there_is_no_role_for_it() -> None:
    recorded = database(replace(ARGS, monitoring_seconds=0))
    assert not recorded.of(":Role")
    assert not recorded.of(":RolePolicyAttachment")
    assert "monitoringRoleArn" not in recorded.only(":Instance").inputs


def test_physical_names_are_chosen() -> None:
    recorded = database()
    assert recorded.only(":Instance").inputs["identifier"] == "shop-dev"
    assert recorded.only(":SubnetGroup").inputs["name"] == "shop-dev"
    assert recorded.only(":SecurityGroup").inputs["name"] == "shop-dev-database"
    assert recorded.only(":Role").inputs["name"] == "shop-dev-rds-monitoring"


def test_each_resource_is_tagged_with_its_own_name() -> None:
    for resource in database().created():
        if not resource.type.endswith(":RolePolicyAttachment"):
            assert resource.inputs["tags"][RESOURCE] == resource.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"identifier": "shop--dev"}, "orders.identifier must be 1 to 40 lower-case"),
        ({"identifier": "s" * 41}, "orders.identifier must be 1 to 40 lower-case"),
        ({"major_version": "17.5"}, "orders.major_version must be a major version alone"),
        ({"instance_class": "t4g.medium"}, "orders.instance_class must be a class of RDS"),
        ({"database_name": "my-shop"}, "orders.database_name must be up to 63 lower-case"),
        ({"username": "rdsadmin"}, "orders.username must be up to 63.*none of admin"),
        ({"storage_gib": 19}, "orders.storage_gib must be 20 or more"),
        ({"max_storage_gib": 21}, "orders.max_storage_gib must be at least a tenth above the 20 of storage_gib"),
        ({"backup_days": 0}, "orders.backup_days must be from 1 to 35; got 0"),
        ({"backup_days": 36}, "orders.backup_days must be from 1 to 35; got 36"),
        ({"log_days": 31}, "orders.log_days must be a number of days that CloudWatch Logs knows"),
        ({"monitoring_seconds": 20}, "orders.monitoring_seconds must be one of 0, 1, 5"),
        ({"from_security_groups": {"The nodes": "sg"}}, "orders.from_security_groups must be named by lower-case"),
        ({"from_cidrs": ("0.0.0.0/0",)}, "orders.from_cidrs must be different ranges of private"),
        ({"from_cidrs": ("8.8.8.0/24",)}, "orders.from_cidrs must be different ranges of private"),
        ({"from_cidrs": ("10.0.0.1/16",)}, "orders.from_cidrs must be different ranges of private"),
        ({"from_cidrs": ("10.0.0.0/16", "10.0.0.0/16")}, "orders.from_cidrs must be different ranges"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        database(replace(ARGS, **changes))


def test_pods_addresses_outside_of_the_vpc_s_range_are_private_too() -> None:
    recorded = database(replace(ARGS, from_cidrs=("100.64.0.0/16",)))
    assert recorded.named(":SecurityGroupIngressRule", "orders-from-100.64.0.0-16")


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.region = "other"  # type: ignore[misc]
