"""Hosts are kept as declared: what runs the setup, where, and how often."""

from dataclasses import replace
from typing import Any

import pytest

from infra.host_configuration import HostConfiguration, HostConfigurationArgs
from infra.host_script import HostFile, HostSetup, render
from infra.inputs import InputError
from tests.infra.recording import Recorded, record

SETUP = HostSetup(files={"/etc/shop.conf": HostFile(content="colour = blue\n")}, health_check=("true",))
ARGS = HostConfigurationArgs(group_name="shop-dev-legacy", region="eu-west-1", setup=SETUP)


def configuration(args: HostConfigurationArgs = ARGS) -> Recorded:
    return record(lambda: HostConfiguration("setup", args))


def association(args: HostConfigurationArgs = ARGS) -> dict[str, Any]:
    return dict(configuration(args).only(":Association").inputs)


def test_the_script_is_run_as_rendered() -> None:
    script = render("shop-dev-legacy", "eu-west-1", SETUP)
    made = association()
    assert made["name"] == "AWS-RunShellScript"
    assert made["parameters"] == {"commands": script.text, "executionTimeout": "1800"}


def test_a_script_is_run_on_hosts_of_its_digest_only() -> None:
    changed = replace(ARGS, setup=replace(SETUP, health_check=("false",)))
    for args in (ARGS, changed):
        digest = render("shop-dev-legacy", "eu-west-1", args.setup).digest
        assert association(args)["targets"] == [{"key": "tag:gitops:configuration", "values": [digest]}]


def test_a_changed_setup_replaces_nothing() -> None:
    changed = replace(ARGS, setup=replace(SETUP, health_check=("false",)))
    before, after = association(), association(changed)
    assert {key for key in before if before[key] != after[key]} == {"parameters", "targets"}


def test_drift_is_repaired_on_schedule_host_by_host() -> None:
    made = association(replace(ARGS, schedule="rate(2 hours)"))
    assert made["scheduleExpression"] == "rate(2 hours)"
    assert (made["maxConcurrency"], made["maxErrors"]) == ("1", "0")
    # Or it would not be run when a host starts.
    assert "applyOnlyAtCronInterval" not in made


def test_it_is_tagged_by_its_name() -> None:
    assert association()["tags"]["gitops:resource"] == "setup"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_name": "Shop"}, "setup.group_name must be 3 to 63"),
        ({"schedule": "rate(29 minutes)"}, "setup.schedule must be a rate of 30 minutes or more"),
        ({"schedule": "cron(0 3 ? * SUN *)"}, "setup.schedule must be a rate"),
        ({"setup": HostSetup()}, "setup.setup.health_check must be at least one"),
    ],
)
def test_what_cannot_be_applied_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        configuration(replace(ARGS, **change))
