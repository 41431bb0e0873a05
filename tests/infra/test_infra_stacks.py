"""Whole environments, as they would be sent to the engine."""

import ast
import importlib
import inspect
import runpy
from functools import cache

import pulumi
import pulumi_aws
import pytest

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


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_nothing_uses_a_default_provider(stack: str) -> None:
    for resource in environment(stack).created():
        package = resource.type.split(":")[0]
        assert f"pulumi:providers:{package}::{package}::" in resource.provider, resource


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_taggable_resource_carries_its_own_tags(stack: str) -> None:
    taggable = [resource for resource in environment(stack).created() if is_taggable(resource)]
    assert len(taggable) >= 12
    for resource in taggable:
        assert resource.inputs["tags"] == {
            "Name": f"{stack}-{resource.name}",
            PROJECT: "infrastructure",
            STACK: stack,
            RESOURCE: resource.name,
        }
    names = [resource.inputs["tags"][RESOURCE] for resource in taggable]
    assert len(set(names)) == len(names)


def test_default_tags_never_meet_a_resource_s_own() -> None:
    (vpc,) = environment("dev").of(":Vpc")
    assert not default_tags("anyone").keys() & vpc.inputs["tags"].keys()


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
    assert environment(stack).only(":Bucket").inputs["bucket"] == f"example-shop-{stack}-assets"
    assert environment(stack).only(":Alias").inputs["name"] == f"alias/example-shop-{stack}-data"


def test_component_types_never_change() -> None:
    # A type is half of the URN: another spelling is another resource, and the old one is deleted.
    assert {resource.type for resource in environment("prod").all if not resource.custom} == {
        "infra:bucket:Bucket",
        "infra:encryptionKey:EncryptionKey",
        "infra:namespace:Namespace",
        "infra:network:Network",
        "infra:workload:Workload",
    }


def test_prod_protects_what_holds_data_or_identity() -> None:
    protected = {resource.type for resource in environment("prod").all if resource.protect}
    assert {"aws:s3/bucket:Bucket", "aws:kms/key:Key", "aws:kms/alias:Alias"} <= protected
    assert not any(kind.startswith("kubernetes:") or ":ec2/" in kind for kind in protected)


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


def test_the_cluster_is_named_and_the_caller_s_kubeconfig_stays_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/home/somebody/.kube/config")
    provider = record(importlib.import_module("stacks.dev").build, config=as_engine_sends("dev"))
    inputs = provider.only("providers:kubernetes").inputs
    assert inputs["context"] == inputs["clusterIdentifier"] == "dev"
    assert inputs["kubeconfig"] == ""


def test_changed_configuration_is_updated_in_place() -> None:
    assert environment("dev").only("providers:kubernetes").inputs["enableConfigMapMutable"] == "true"


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
    assert {"region", "vpcId", "keyArn", "keyAlias", "bucketArn", "image", "kubeContext"} <= outputs.keys()


@pytest.mark.parametrize("module", [*ENVIRONMENTS, "application"])
def test_no_module_imports_an_environment(module: str) -> None:
    # A change of stacks/prod.py is a change of prod only because nothing else imports it.
    tree = ast.parse((ROOT / "stacks" / f"{module}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name for name in imported if name and name.startswith("stacks")} <= {"stacks.application"}


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_the_program_builds_the_environment_that_its_stack_is_named_after(stack: str) -> None:
    recorded = record(run_program, stack=stack, config=as_engine_sends(stack))
    assert recorded.outputs == environment(stack).outputs


@pytest.mark.parametrize("stack", ["qa", "application", "../prod"])
def test_a_stack_without_an_environment_is_refused_with_those_there_are(stack: str) -> None:
    with pytest.raises(pulumi.RunError, match=r"has no environment.*Select one of dev, prod, staging, or add"):
        record(run_program, stack=stack, config=as_engine_sends("dev"))


def run_program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
