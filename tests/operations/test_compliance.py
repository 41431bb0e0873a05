"""`gitops compliance`: the state of every control in each environment, of what is released, against what is live."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import EngineFailed, Refused, UsageError
from gitops.flow.compliance.controls import ControlState
from gitops.operations.compliance import Request, compliance
from gitops.verbs.compliance import command
from tests.fakes.policies import pack
from tests.operations.world import GITOPS, World, wanting
from tests.support import git

NAMED = GITOPS.format(approvals=1) + "policy: {packs: [policy]}\n"


def packed(**rules: dict[str, Any]) -> dict[str, str]:
    return {"policy/PulumiPolicy.yaml": "runtime: python\n", "policy/__main__.py": pack("house-rules", **rules)}


RULES = packed(
    small={"largest": 15, "level": "mandatory", "severity": "high", "unknown": ["db"]},
    neat={"largest": 10, "level": "advisory", "exempt": ["web"]},
    rare={"largest": 99, "level": "mandatory", "not_for": ["web", "db"]},
    off={"largest": 0, "level": "disabled"},
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world whose dev is released under the pack, and whose prod was never released."""
    made = World(tmp_path)
    made.reviewed({"gitops.yaml": NAMED, "Pulumi.dev.yaml": wanting(web=13), **RULES}, "bob")
    made.up()
    git.git(made.clone, "checkout", "--quiet", "--detach", made.main())
    return made


def states(world: World, **request: Any) -> dict[str, ControlState]:
    (found,) = compliance(world.context(), Request(**{"environment": "dev", **request}))
    return {one.rule.name: one.state for one in found.controls}


def test_each_control_has_the_state_that_it_is_in(world: World) -> None:
    assert states(world) == {
        "small": ControlState.PASSED,
        "neat": ControlState.EXEMPT,
        "rare": ControlState.NOT_APPLICABLE,
        "off": ControlState.NEVER_RAN,
    }


def test_it_is_the_release_that_is_looked_at_and_not_what_is_merged_since(world: World) -> None:
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=13, db=3)})
    assert states(world)["small"] is ControlState.PASSED
    assert states(world, commit=world.main())["small"] is ControlState.NOT_EVALUATED


def test_a_mandatory_violation_is_refused_with_the_table_before_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = world.push_to_main({"Pulumi.dev.yaml": wanting(web=20, db=3)})
    with pytest.raises(Refused, match=r"1 mandatory control violated: dev: small") as caught:
        world.run(command, "--environment", "dev", "--commit", commit)
    assert caught.value.exit_code == 3
    output = capsys.readouterr()
    assert "mandatory  high      house-rules/small" in output.out
    assert "Remedy: Make it smaller." in output.out
    assert "dev: looking at shop/dev" in output.err


def test_json_and_sarif_are_one_document_each_on_standard_output(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.run(command, "--json")
    document = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in document["environments"]] == ["dev", "prod"]
    dev, prod = document["environments"]
    assert dev["controls_by_state"]["passed"] == 1
    assert dev["stacks"][0]["packs"][0]["version"] == "1.0.0"
    (neat,) = [one for one in dev["controls"] if one["name"] == "neat"]
    assert (neat["resources"]["exempt"], neat["findings"][0]["exempt"]) == (1, True)
    assert prod["controls"] == []
    world.run(command, "--sarif")
    sarif = json.loads(capsys.readouterr().out)
    assert [run["automationDetails"]["id"] for run in sarif["runs"]] == ["gitops/dev/house-rules/"]
    with pytest.raises(UsageError, match="not both"):
        world.run(command, "--sarif", "--json")


def test_nothing_is_recorded_leased_or_applied(world: World) -> None:
    records, applied = world.records, list(world.engine.applied)
    states(world)
    assert world.records == records
    assert world.engine.applied == applied
    assert world.leases == ()


def test_without_a_pack_anywhere_nothing_is_said_to_be_passed(world: World) -> None:
    with pytest.raises(UsageError, match="names no policy pack in what is released in prod") as caught:
        compliance(world.context(), Request("prod"))
    assert "--commit" in caught.value.hint


def test_a_preview_that_fails_fails_the_look(world: World) -> None:
    world.engine.broken = "no credentials"
    with pytest.raises(EngineFailed, match="no credentials"):
        states(world)


def test_a_commit_is_of_one_environment(world: World) -> None:
    with pytest.raises(UsageError, match="--commit is a commit of one environment"):
        compliance(world.context(), Request(commit="HEAD"))
    with pytest.raises(UsageError, match="no stack 'nowhere'"):
        states(world, stacks=("nowhere",))
