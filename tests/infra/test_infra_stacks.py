"""Whole environments, as they would be sent to the engine."""

import ast
import importlib
import inspect
import runpy
from functools import cache

import pulumi
import pulumi_aws
import pytest

from infra.delivery_names import DeliveryNames
from infra.delivery_scope import DeliveryScope
from infra.tags import OWNER, PROJECT, RESOURCE, STACK, default_tags
from tests.infra.configuration import ENVIRONMENTS, ROOT, as_engine_sends
from tests.infra.recording import Recorded, Registration, record


@cache
def environment(stack: str) -> Recorded:
    return record(importlib.import_module(f"stacks.{stack}").build, stack=stack, config=as_engine_sends(stack))


def is_taggable(resource: Registration) -> bool:
    package, module, name = resource.type.split(":")
    if package != "aws":
        return False
    resource_class = getattr(getattr(pulumi_aws, module.split("/")[0]), name)
    return "tags" in inspect.signature(resource_class._internal_init).parameters


def tags_of(resource: Registration) -> dict[str, str]:
    """An Auto Scaling group has its tags as a list, everything else as a mapping."""
    given = resource.inputs["tags"]
    return {one["key"]: one["value"] for one in given} if isinstance(given, list) else given


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_nothing_uses_a_default_provider(stack: str) -> None:
    for resource in environment(stack).created():
        package = resource.type.split(":")[0]
        assert f"pulumi:providers:{package}::{package}::" in resource.provider, resource


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_taggable_resource_carries_its_own_tags(stack: str) -> None:
    taggable = [resource for resource in environment(stack).created() if is_taggable(resource)]
    assert len(taggable) >= 60
    for resource in taggable:
        own = {
            "Name": f"{stack}-{resource.name}",
            PROJECT: "infrastructure",
            STACK: stack,
            RESOURCE: resource.name,
        }
        assert own.items() <= tags_of(resource).items(), resource
    names = [tags_of(resource)[RESOURCE] for resource in taggable]
    assert len(set(names)) == len(names)


def test_default_tags_never_meet_a_resource_s_own() -> None:
    (vpc,) = environment("dev").of(":Vpc")
    assert not default_tags("anyone", "anything").keys() & vpc.inputs["tags"].keys()


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_resource_has_a_component_for_a_parent_and_is_named_after_it(stack: str) -> None:
    for resource in environment(stack).created():
        owner = resource.parent.split("::")[-1]
        assert "infra:" in resource.parent, resource
        assert resource.name == owner or resource.name.startswith(f"{owner}-"), resource


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_physical_name_is_chosen(stack: str) -> None:
    # Names that Pulumi makes up differ in every preview, so that no plan would equal the approved one.
    for resource in environment(stack).created():
        if resource.type.startswith("kubernetes:"):
            assert resource.inputs["metadata"]["name"], resource
    assert environment(stack).named("s3/bucket:Bucket", "assets").inputs["bucket"] == f"example-shop-{stack}-assets"
    aliases = {alias.inputs["name"] for alias in environment(stack).of(":Alias")}
    assert aliases == {f"alias/example-shop-{stack}-data", f"alias/example-shop-{stack}-logs"}


def test_component_types_never_change() -> None:
    # A type is half of the URN: another spelling is another resource, and the old one is deleted.
    assert {resource.type for resource in environment("prod").all if not resource.custom} == {
        "infra:addons/ingress:Ingress",
        "infra:addons/priorityClasses:PriorityClasses",
        "infra:bucket:Bucket",
        "infra:containerRegistry:ContainerRegistry",
        "infra:database:Database",
        "infra:eksCluster:EksCluster",
        "infra:encryptionKey:EncryptionKey",
        "infra:hostConfiguration:HostConfiguration",
        "infra:hostPatching:HostPatching",
        "infra:hostRole:HostRole",
        "infra:internalBalancer:InternalBalancer",
        "infra:legacyHosts:LegacyHosts",
        "infra:namespace:Namespace",
        "infra:network:Network",
        "infra:nodeGroup:NodeGroup",
        "infra:observability:Observability",
        "infra:queue:Queue",
        "infra:workloadRole:WorkloadRole",
        "infra:workloads/scheduledJob:ScheduledJob",
        "infra:workloads/webService:WebService",
    }


def test_prod_protects_what_holds_data_or_identity() -> None:
    protected = {resource.type for resource in environment("prod").all if resource.protect}
    assert {
        "aws:ecr/repository:Repository",
        "aws:eks/cluster:Cluster",
        "aws:kms/alias:Alias",
        "aws:kms/key:Key",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:sqs/queue:Queue",
    } <= protected
    assert not any(kind.startswith("kubernetes:") for kind in protected)


def test_prod_is_protected_by_aws_as_well() -> None:
    prod = environment("prod")
    assert prod.only("rds/instance:Instance").inputs["deletionProtection"] is True
    assert prod.only("eks/cluster:Cluster").inputs["deletionProtection"] is True
    assert prod.only("lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is True
    assert prod.only("rds/instance:Instance").inputs["multiAz"] is True


def test_environments_differ_in_structure_as_their_modules_say() -> None:
    expected = {"dev": "SPOT", "staging": "ON_DEMAND", "prod": "ON_DEMAND"}
    capacities = {
        stack: environment(stack).only("eks/nodeGroup:NodeGroup").inputs["capacityType"] for stack in expected
    }
    assert capacities == expected


def test_names_that_the_bootstrap_stack_makes_are_those_that_environments_use() -> None:
    made_for = {"region": "eu-west-1", "state_bucket": "state", "state_alias": "state", "stacks": ()}
    scope = DeliveryScope(environment="dev", name_prefix="example-shop-dev", account_id="123456789012", **made_for)
    names = DeliveryNames(name_prefix="example-shop-dev", account_id="123456789012")
    assert scope.names == names


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_role_carries_the_boundary(stack: str) -> None:
    boundary = f"arn:aws:iam::123456789012:policy/example-shop-{stack}-boundary"
    roles = environment(stack).of("iam/role:Role")
    assert len(roles) >= 6
    for role in roles:
        assert role.inputs.get("permissionsBoundary") == boundary, role


@pytest.mark.parametrize("stack", ["dev", "staging"])
def test_other_environments_protect_nothing(stack: str) -> None:
    assert not [resource for resource in environment(stack).all if resource.protect]


def test_the_aws_provider_is_held_to_region_account_and_default_tags() -> None:
    provider = environment("dev").only("providers:aws").inputs
    assert provider["region"] == "eu-west-1"
    assert provider["allowedAccountIds"] == '["123456789012"]'
    assert f'"{OWNER}": "platform"' in provider["defaultTags"]
    assert provider["skipCredentialsValidation"] == "false"
    assert "endpoints" not in provider


def test_an_existing_cluster_is_named_and_the_caller_s_kubeconfig_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/.kube/config")
    config = as_engine_sends("dev", cluster="existing", kubeContext="shared")
    recorded = record(importlib.import_module("stacks.dev").build, config=config)
    inputs = recorded.only("providers:kubernetes").inputs
    assert inputs["context"] == inputs["clusterIdentifier"] == "shared"
    assert inputs["kubeconfig"] == ""
    assert not recorded.of("eks/cluster:Cluster")
    assert recorded.of("apps/v1:Deployment")


def test_the_stack_s_own_cluster_is_reached_without_a_stored_credential() -> None:
    kubeconfig = environment("dev").only("providers:kubernetes").inputs["kubeconfig"]
    assert "get-token" in kubeconfig
    assert "certificate-authority-data" in kubeconfig
    assert "client-key" not in kubeconfig


def test_changed_configuration_is_updated_in_place() -> None:
    inputs = environment("dev").only("providers:kubernetes").inputs
    assert (inputs["enableConfigMapMutable"], inputs["enableSecretMutable"]) == ("true", "true")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("awsAccountIds", ["12345"], "aws.awsAccountIds must be account ids of 12 digits"),
        ("awsMaxRetries", "-1", "aws.awsMaxRetries must be 0 or more"),
    ],
)
def test_a_provider_refuses_what_it_cannot_work_with(key: str, value: object, message: str) -> None:
    with pytest.raises(Exception, match=message):
        record(importlib.import_module("stacks.dev").build, config=as_engine_sends("dev", **{key: value}))


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_outputs_say_what_operators_and_checks_need(stack: str) -> None:
    outputs = environment(stack).outputs
    assert outputs["namespace"] == f"example-shop-{stack}"
    assert outputs["url"] == f"http://web.example-shop-{stack}.svc"
    assert outputs["bucketName"] == f"example-shop-{stack}-assets"
    assert outputs["deployment"] == outputs["service"] == "web"
    assert len(outputs["privateSubnetIds"]) == len(outputs["publicSubnetIds"])
    assert {"region", "vpcId", "keyArn", "keyAlias", "bucketArn", "image", "clusterName"} <= outputs.keys()
    assert not any("password" in name.lower() for name in outputs)


@pytest.mark.parametrize("module", sorted(file.stem for file in (ROOT / "stacks").glob("*.py")))
def test_no_module_imports_an_environment(module: str) -> None:
    # A change of stacks/prod.py is a change of prod only because nothing else imports it.
    tree = ast.parse((ROOT / "stacks" / f"{module}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not {f"stacks.{stack}" for stack in (*ENVIRONMENTS, "bootstrap")} & imported


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_program_builds_the_environment_that_its_stack_is_named_after(stack: str) -> None:
    recorded = record(run_program, stack=stack, config=as_engine_sends(stack))
    assert recorded.outputs == environment(stack).outputs


@pytest.mark.parametrize("stack", ["qa", "application", "../prod"])
def test_a_stack_without_an_environment_is_refused_with_those_there_are(stack: str) -> None:
    known = ", ".join(sorted(ENVIRONMENTS))
    with pytest.raises(pulumi.RunError, match=rf"has no environment.*Select one of {known}, or add"):
        record(run_program, stack=stack, config=as_engine_sends("dev"))


def run_program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
