"""The stack that comes before all others: its settings, what it builds, and that no environment holds it."""

import json
import runpy
from functools import cache
from typing import Any

import pytest
import yaml

from gitops.config.settings import parse as parse_gitops
from gitops.model import Stack
from infra import bootstrap_settings
from infra.configuration import SettingsError
from stacks import bootstrap
from stacks.bootstrap import ENVIRONMENTS
from tests.infra import recording
from tests.infra.configuration import ROOT
from tests.infra.recording import Recorded, record

FOLDER = ROOT / "bootstrap"
PROJECT: dict[str, Any] = yaml.safe_load((FOLDER / "Pulumi.yaml").read_text())


def configuration(**changes: Any) -> dict[str, str]:
    """What the engine sends: the project's defaults and the stack's file; None takes a key away."""
    merged: dict[str, Any] = {
        f"bootstrap:{key}": rule["default"] for key, rule in PROJECT["config"].items() if "default" in rule
    }
    merged |= yaml.safe_load((FOLDER / "Pulumi.bootstrap.yaml").read_text())["config"]
    merged |= {f"bootstrap:{key}": value for key, value in changes.items()}
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in merged.items()
        if value is not None
    }


@cache
def foundation() -> Recorded:
    """The program at the root, as Pulumi runs it, but under the name of the project that recordings are made in."""
    program = (FOLDER / PROJECT["main"] / "__main__.py").resolve()
    return record(
        lambda: runpy.run_path(str(program), run_name="__main__"),
        stack="bootstrap",
        config=as_recorded(),
    )


def as_recorded() -> dict[str, str]:
    """The configuration under the name of the project that recordings are made in."""
    return {key.replace("bootstrap:", f"{recording.PROJECT}:"): value for key, value in configuration().items()}


# Settings


def test_every_key_of_the_project_is_read_and_no_other() -> None:
    settings = bootstrap_settings.parse("bootstrap", "bootstrap", configuration())
    assert settings.name_prefix == "example-shop"
    assert settings.aws.account_ids == ("123456789012",)
    with pytest.raises(SettingsError, match="bootstrap:buget is not a setting"):
        bootstrap_settings.parse("bootstrap", "bootstrap", configuration(buget="1"))


@pytest.mark.parametrize(
    "key", sorted(key for key, rule in PROJECT["config"].items() if ":" not in key and "default" not in rule)
)
def test_a_missing_key_is_named_with_its_file(key: str) -> None:
    with pytest.raises(SettingsError, match=rf"Pulumi.bootstrap.yaml: bootstrap:{key} must be .*missing or empty"):
        bootstrap_settings.parse("bootstrap", "bootstrap", configuration(**{key: None}))


def test_nobody_has_to_be_told() -> None:
    assert bootstrap_settings.parse("bootstrap", "bootstrap", configuration(emails=[])).emails == ()


def test_everything_is_tagged_with_who_answers_and_who_pays() -> None:
    (provider,) = foundation().of("pulumi:providers:aws")
    tags = json.loads(provider.inputs["defaultTags"])["tags"]
    assert (tags["gitops:owner"], tags["gitops:cost-centre"]) == ("platform", "platform")


# Who holds it


def test_its_environments_are_those_of_gitops_yaml() -> None:
    held = parse_gitops((ROOT / "gitops.yaml").read_bytes()).environments
    assert [(one.name, one.branch) for one in held] == [(one.name, one.branch) for one in ENVIRONMENTS]


def test_no_environment_of_the_pipeline_holds_it() -> None:
    config = parse_gitops((ROOT / "gitops.yaml").read_bytes())
    assert config.environment_of(Stack("bootstrap", "bootstrap", "bootstrap")) is None


# What it builds


def test_everything_in_it_is_protected_and_has_a_chosen_name() -> None:
    unprotected = [one for one in foundation().created() if not one.protect]
    assert unprotected == []
    for kind, key in ((":Role", "name"), (":Bucket", "bucket"), (":Trail", "name"), (":Topic", "name")):
        for one in foundation().of(kind):
            assert one.inputs[key].startswith("example-shop-"), one


def test_each_environment_has_its_two_roles_and_the_state_admits_exactly_those() -> None:
    roles = {one.inputs["name"] for one in foundation().of(":Role")} - {"example-shop-audit-trail"}
    assert roles == {
        f"example-shop-{environment.name}-delivery-{kind}"
        for environment in ENVIRONMENTS
        for kind in ("preview", "apply")
    }
    policy = json.loads(foundation().named(":BucketPolicy", "state-bucket-policy").inputs["policy"])
    (reach,) = [one for one in policy["Statement"] if one["Sid"] == "NamedRolesReach"]
    admitted = {
        arn.rsplit("/", 1)[1] for arn in reach["Condition"]["ArnNotLike"]["aws:PrincipalArn"] if "delivery" in arn
    }
    assert admitted == roles


def test_one_identity_provider_serves_all_environments() -> None:
    assert foundation().only(":OpenIdConnectProvider").name == "delivery-dev-github"


def test_outputs_are_what_the_environments_settings_in_github_need() -> None:
    outputs = foundation().outputs
    assert outputs["backendUrl"] == "s3://example-shop-pulumi-state?region=eu-west-1"
    assert outputs["awsRoles"].keys() == {
        name for environment in ENVIRONMENTS for name in (environment.branch, f"preview-{environment.branch}")
    }
    assert outputs["secretsProviders"].keys() == {"bootstrap", *(one.name for one in ENVIRONMENTS)}


def test_alarms_and_budget_are_told_to_one_topic() -> None:
    recorded = foundation()
    (budget,) = recorded.of(":Budget")
    told = {one["subscriberSnsTopicArns"][0] for one in budget.inputs["notifications"]}
    told |= {one.inputs["alarmActions"][0] for one in recorded.of(":MetricAlarm")}
    assert told == {"arn:account-topic"}


def test_an_environment_whose_roles_would_lie_within_another_one_s_prefix_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "ENVIRONMENTS", (*ENVIRONMENTS, bootstrap.Environment("dev-eu", "dev-eu")))
    with pytest.raises(Exception, match="names none of which begins with dev-"):
        record(bootstrap.build, stack="bootstrap", config=as_recorded())
