"""Policy packs on the real Pulumi CLI: what they find is a plan to review, and nothing that they stop is applied."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gitops.errors import EngineFailed
from gitops.model import Evaluation, PolicyFinding, PolicyLevel, PolicyPack, Stack
from gitops.ports import RunnablePack, SavedPlan
from tests.engine.journey import GITOPS, PASSWORD, Journey, wanting
from tests.support.tiny import STACK, Tiny

pytestmark = pytest.mark.engine

HOUSE = Path(__file__).parents[1] / "data" / "policy"
PACK = RunnablePack(HOUSE / "pack.py", PolicyPack("policy", "d" * 64))
TINY = Stack("tiny", STACK)
SECRETS = {"tiny:pw": "correct horse"}
ONE = "urn:pulumi:dev::tiny::things:index:Thing::one"
TWO = "urn:pulumi:dev::tiny::things:index:Thing::two"
CURIOUS = """#!/usr/bin/env python3
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy


def beside(args, report):
    if args.resource_type != "things:index:Thing":
        args.not_applicable()
    if args.props.get("beside") == "nobody":
        report("is beside nobody")


def many(args, report):
    if len([one for one in args.resources if one.resource_type == "things:index:Thing"]) > 1:
        report("there are many things")


def break_down(args, report):
    if args.name == "two":
        raise RuntimeError("the rule is broken on purpose")


PolicyPack(
    name="curious",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy("beside", "Things are beside somebody.", beside),
        StackValidationPolicy("many", "Things are few.", many, EnforcementLevel.ADVISORY),
        BROKEN
    ],
)
"""


def sized(one: int) -> dict[str, Any]:
    return wanting(one)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tiny, Path]:
    """A stack that was deployed under the pack; `one` is 12, and is to be 20, which the pack does not allow."""
    root = tmp_path_factory.mktemp("deployed")
    tiny = Tiny(root / "world")
    project = tiny.project(root / "project", sized(12), SECRETS)
    saved = SavedPlan(root / "plan.json", (PACK,))
    tiny.engine.preview(project, STACK, save_plan=saved.file, packs=(PACK,))
    run = tiny.engine.apply(project, STACK, saved, lambda _step: None, lambda: "")
    assert [one.name for one in run.packs] == ["house-rules"]
    tiny.want(project, sized(20))
    return tiny, project


def curious(folder: Path, broken: str = "") -> RunnablePack:
    executable = folder / "curious"
    executable.write_text(CURIOUS.replace("        BROKEN\n", broken))
    executable.chmod(0o755)
    return RunnablePack(executable, PolicyPack("curious", "e" * 64))


def found(findings: tuple[PolicyFinding, ...]) -> list[tuple[str, str, PolicyLevel]]:
    return [(one.policy, one.urn, one.level) for one in findings]


def test_a_mandatory_violation_is_a_whole_plan_with_findings_and_none_is_saved(
    deployed: tuple[Tiny, Path], tmp_path: Path
) -> None:
    tiny, project = deployed
    saved = tmp_path / "plan.json"
    preview = tiny.engine.preview(project, STACK, save_plan=saved, packs=(PACK,))
    assert not saved.exists()
    assert found(preview.run.findings) == [
        ("owned", ONE, PolicyLevel.ADVISORY),
        ("owned", TWO, PolicyLevel.ADVISORY),
        ("small", ONE, PolicyLevel.MANDATORY),
    ]
    assert preview.run.errors == ()
    assert Evaluation("house-rules", TWO, ("small",), ("owned",)) in preview.run.evaluations
    without = tiny.engine.preview(project, STACK)
    assert (preview.run.changes, preview.start) == (without.run.changes, without.start)
    assert (preview.versions, preview.digest_key) == (without.versions, without.digest_key)


def test_an_earlier_plan_does_not_outlive_a_violation(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    saved = tmp_path / "plan.json"
    tiny.engine.preview(project, STACK, save_plan=saved)
    assert saved.exists()
    tiny.engine.preview(project, STACK, save_plan=saved, packs=(PACK,))
    assert not saved.exists()


def test_an_apply_stops_at_a_violation_that_no_preview_told(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    saved = tmp_path / "plan.json"
    tiny.engine.preview(project, STACK, save_plan=saved)
    with pytest.raises(EngineFailed, match="violates a mandatory policy house-rules/small"):
        tiny.engine.apply(project, STACK, SavedPlan(saved, (PACK,)), lambda _step: None, lambda: "")
    assert [thing["size"] for name, thing in tiny.things.items() if name.startswith("one")] == [12]


def test_a_stack_that_was_never_created_is_judged_as_well_and_left_untouched(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "world")
    project = tiny.project(tmp_path / "project", sized(20), SECRETS)
    run = tiny.engine.preview(project, STACK, packs=(PACK,)).run
    assert [one.policy for one in run.findings if one.level is PolicyLevel.MANDATORY] == ["small"]
    assert tiny.state_files == []


def test_a_value_that_is_unknown_leaves_a_rule_unevaluated(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "world")
    project = tiny.project(tmp_path / "project", sized(12), SECRETS)
    run = tiny.engine.preview(project, STACK, packs=(curious(tmp_path),)).run
    assert found(run.findings) == [
        ("beside", TWO, PolicyLevel.NOT_EVALUATED),
        ("many", "urn:pulumi:dev::tiny::pulumi:pulumi:Stack::tiny-dev", PolicyLevel.ADVISORY),
    ]
    told = {one.urn: (one.passed, one.failed) for one in run.evaluations}
    assert told[""] == ((), ("many",))
    assert told[TWO] == ((), ("beside",))
    assert told[ONE] == (("beside",), ())
    assert told["urn:pulumi:dev::tiny::pulumi:pulumi:Stack::tiny-dev"] == ((), ())  # does not apply


@pytest.mark.parametrize("with_violation", [False, True])
def test_a_pack_that_breaks_fails_the_preview_whatever_it_found_before(
    deployed: tuple[Tiny, Path], tmp_path: Path, with_violation: bool
) -> None:
    tiny, project = deployed
    broken = curious(tmp_path, '        ResourceValidationPolicy("broken", "Breaks.", break_down),\n')
    with pytest.raises(EngineFailed, match="Could not"):
        tiny.engine.preview(project, STACK, packs=(broken, PACK) if with_violation else (broken,))


def test_a_broken_program_is_told_as_such_beside_a_violation(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    folder = tmp_path / "broken"
    shutil.copytree(project, folder)
    tiny.want(folder, {"broken": True})
    with pytest.raises(EngineFailed, match="failed in the program"):
        tiny.engine.preview(folder, STACK, packs=(PACK,))


def test_packs_tell_of_their_rules_without_a_run(deployed: tuple[Tiny, Path], tmp_path: Path) -> None:
    tiny, project = deployed
    rules = tiny.engine.rules(project, TINY, (PACK, curious(tmp_path)))
    assert [(one.pack, one.name, one.level, one.scope) for one in rules] == [
        ("house-rules", "small", "mandatory", "resource"),
        ("house-rules", "owned", "advisory", "resource"),
        ("curious", "beside", "mandatory", "resource"),
        ("curious", "many", "advisory", "stack"),
    ]


@pytest.mark.parametrize("text", ["#!/bin/sh\necho no >&2\nexit 3\n", "#!/bin/sh\necho no port here\nsleep 60\n"])
def test_a_file_that_is_no_pack_is_told_with_its_own_words(
    deployed: tuple[Tiny, Path], tmp_path: Path, text: str
) -> None:
    tiny, project = deployed
    executable = tmp_path / "no-pack"
    executable.write_text(text)
    executable.chmod(0o755)
    with pytest.raises(EngineFailed, match="Could not ask the policy pack bad for its rules"):
        tiny.engine.rules(project, TINY, (RunnablePack(executable, PolicyPack("bad", "0")),))


NAMED = GITOPS + "policy: {packs: [policy/pack.py]}\n"


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """A repository that is released under the pack, by `gitops` itself: `one` is 12."""
    journey = Journey.begin(tmp_path_factory.mktemp("governed") / "journey", wanting(), {"tiny:pw": PASSWORD})
    shutil.copytree(HOUSE, journey.clone / "policy")
    journey.push({"gitops.yaml": NAMED})
    journey.host.merge(journey.review())
    said = journey.gitops("up", "--environment", "dev")
    assert "released" in said  # an advisory finding is no hindrance, and the verification is clean
    return journey


def test_a_release_under_a_pack_records_which_and_what_it_looked_at(governed: Journey) -> None:
    (record,) = json.loads(governed.gitops("log", "--json", "--kind", "plan"))
    plan = record["body"]["plan"]
    (pack,) = plan["packs"]
    assert (pack["path"], pack["name"]) == ("policy/pack.py", "house-rules")
    assert {one["policy"]: (one["passed"], one["failed"]) for one in plan["evaluated"]} == {
        "owned": (2, 2),
        "small": (4, 0),
    }


def test_a_violation_is_refused_in_preview_and_gate_and_told_with_its_remedy(governed: Journey, tmp_path: Path) -> None:
    journey = governed.copied(tmp_path / "journey")
    journey.branch("scale")
    journey.push({"wanted.json": json.dumps(wanting(20))})
    number = journey.host.open("scale", "main", title="Change", author="ada")
    said = journey.gitops("preview", "--base", "origin/main", "--pull-request", str(number), expect=3)
    assert "policy, mandatory: house-rules/small" in said
    assert "a thing is at most 15 large" in "\n".join(journey.host.comments(number))
    journey.host.approve(number, "bob")
    journey.host.merge(number)
    said = journey.gitops("up", "--environment", "dev", expect=3)
    assert "1 violation, first small (mandatory)" in said
    assert sorted(thing["size"] for thing in journey.tiny.things.values()) == [1, 12]


def test_a_change_that_takes_the_pack_away_is_refused(governed: Journey, tmp_path: Path) -> None:
    journey = governed.copied(tmp_path / "journey")
    journey.branch("dodge")
    shutil.rmtree(journey.clone / "policy")
    journey.push({"gitops.yaml": GITOPS, "wanted.json": json.dumps(wanting(20))})
    journey.host.merge(journey.review())
    said = journey.gitops("up", "--environment", "dev", expect=3)
    assert "the policy pack policy/pack.py took no part in this plan" in said
    assert sorted(thing["size"] for thing in journey.tiny.things.values()) == [1, 12]


def test_compliance_is_of_what_is_live(governed: Journey) -> None:
    said = governed.gitops("compliance", "--environment", "dev", "--json")
    document = json.loads(said[said.index("{") : said.rindex("}") + 1])
    (environment,) = document["environments"]
    assert {one["name"]: one["state"] for one in environment["controls"]} == {"owned": "violated", "small": "passed"}
    assert environment["controls"][0]["level"] == "advisory"
