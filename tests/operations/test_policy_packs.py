"""Policy packs in the pipeline: they run with each preview and apply, they are held to, and nobody dodges them."""

import json
from pathlib import Path

import pytest

from gitops.errors import ConfigError, Refused
from gitops.model import PackFate, Plan, PolicyLevel, RecordKind, Review, RuleResult
from gitops.operations import explain
from gitops.operations.apply.run import Done
from gitops.operations.apply.work import BreakGlass
from gitops.verbs import preview
from gitops.views.markdown import review_comment
from tests.fakes.policies import pack
from tests.operations.world import GITOPS, World, wanting
from tests.support import git

PLAIN = GITOPS.format(approvals=1).replace("approvals: 1}", "approvals: 1, break_glass: {by: [ada]}}")
NAMED = PLAIN + "policy: {packs: [policies/house]}\n"
HOUSE = pack("house-rules", small={"largest": 15, "level": "mandatory"}, neat={"largest": 10, "level": "advisory"})
LOOSE = pack("house-rules", small={"largest": 50, "level": "mandatory"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world in which the pack is released, and `web` is 13."""
    made = World(tmp_path)
    made.reviewed({"gitops.yaml": NAMED, "policies/house": HOUSE, "Pulumi.dev.yaml": wanting(web=13)}, "bob")
    made.up()
    return made


def plan_in(review: Review) -> Plan:
    (one,) = review.stacks
    assert isinstance(one.result, Plan)
    return one.result


def policy_rules(refused: Refused, world: World) -> list[RuleResult]:
    """The gate's word on policies in the newest refusal."""
    record = next(one for one in reversed(world.records) if one.kind is RecordKind.REFUSED)
    return [rule for rule in record.body["verdict"]["rules"] if rule["rule"].startswith("policy")]


def test_a_pack_runs_with_preview_and_apply_and_is_on_record(world: World) -> None:
    world.reviewed({"Pulumi.dev.yaml": wanting(web=9)}, "bob")
    (result,) = world.up()
    assert result.done is Done.RELEASED
    assert world.engine.applied_under[-1] == ("policies/house",)
    assert result.plan
    (ran,) = result.plan.packs
    assert (ran.path, ran.name, ran.version) == ("policies/house", "house-rules", "1.0.0")
    assert [(one.policy, one.passed, one.failed) for one in result.plan.evaluated] == [("neat", 1, 0), ("small", 1, 0)]


def test_an_advisory_finding_is_told_and_allowed(world: World) -> None:
    world.open({"Pulumi.dev.yaml": wanting(web=14)})
    review = world.preview()
    assert [finding.level for finding in plan_in(review).findings] == [PolicyLevel.ADVISORY]
    assert "house-rules/neat" in review_comment.render(review)
    world.host.approve(world.opened or 0, "bob")
    world.host.merge(world.opened or 0)
    assert world.up()[0].done is Done.RELEASED


def test_a_mandatory_violation_is_a_plan_with_its_remedy_refused_by_preview_and_gate(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open({"Pulumi.dev.yaml": wanting(web=20)})
    git.git(world.clone, "fetch", "--quiet", "origin")
    with pytest.raises(Refused, match=r"plan of shop/dev violates a mandatory policy"):
        world.run(preview.command, "--base", "origin/main", "--pull-request", str(world.opened))
    assert "Remedy: Make it smaller." in capsys.readouterr().out
    body = "\n".join(world.host.comments(world.opened or 0))
    assert "1 mandatory policy is violated" in body
    assert "size is 20, at most 15 may be. Remedy: Make it smaller. (H.5)" in body
    assert "Nothing of this can be applied while a mandatory policy is violated" in body

    world.host.approve(world.opened or 0, "bob")
    world.host.merge(world.opened or 0)
    with pytest.raises(Refused, match=r"1 violation, first small \(mandatory\)"):
        world.up()
    assert world.engine.states["dev"] == {"web": 13}
    assert world.engine.applied == ["dev"]


def test_even_break_glass_does_not_apply_a_mandatory_violation(world: World) -> None:
    world.push_to_main({"Pulumi.dev.yaml": wanting(web=20)})
    (found,) = world.up(dry_run=True, glass=BreakGlass("down", ()))
    assert found.plan
    with pytest.raises(Refused, match="violates a mandatory policy, so Pulumi itself would not apply it"):
        world.up(glass=BreakGlass("down", (found.plan.plan_digest,)))
    assert world.engine.applied == ["dev"]
    assert "break glass" not in world.kinds


def test_what_was_not_evaluated_is_refused_and_never_passed(world: World) -> None:
    blind = pack("house-rules", small={"largest": 15, "level": "mandatory", "unknown": ["web"]})
    world.reviewed({"policies/house": blind, "Pulumi.dev.yaml": wanting(web=9)}, "bob")
    with pytest.raises(Refused, match="could not be evaluated"):
        world.up()


def test_a_changed_pack_is_another_plan_and_is_told_everywhere(world: World) -> None:
    world.open({"Pulumi.dev.yaml": wanting(web=9)})
    before = plan_in(world.preview())
    world.host.approve(world.opened or 0, "bob")
    world.commit({"policies/house": LOOSE})
    review = world.preview()
    after = plan_in(review)
    assert before.changes == after.changes
    assert before.plan_digest != after.plan_digest
    (change,) = review.stacks[0].packs
    assert change.fate is PackFate.CHANGED
    assert "Policy pack `policies/house` is not the released one" in review_comment.render(review)
    world.host.merge(world.opened or 0)
    with pytest.raises(Exception, match="approved another plan"):
        world.up()


def test_a_change_that_stops_naming_a_pack_is_held_to_it_once_more(world: World) -> None:
    world.open({"gitops.yaml": PLAIN, "Pulumi.dev.yaml": wanting(web=20)})
    review = world.preview()
    assert plan_in(review).violations
    assert [one.fate for one in review.stacks[0].packs] == [PackFate.DROPPED]
    assert "is no longer named in gitops.yaml, and takes part once more" in review_comment.render(review)


def test_a_change_that_deletes_a_released_pack_is_refused(world: World) -> None:
    world.open({"gitops.yaml": PLAIN, "policies/house": None, "Pulumi.dev.yaml": wanting(web=20)})
    review = world.preview()
    assert plan_in(review).packs == ()
    assert [one.fate for one in review.stacks[0].packs] == [PackFate.GONE]
    assert "is gone, but the release names it: this cannot be applied" in review_comment.render(review)
    world.host.approve(world.opened or 0, "bob")
    world.host.merge(world.opened or 0)
    with pytest.raises(Refused, match="the policy pack policies/house took no part in this plan") as caught:
        world.up()
    (rule,) = [one for one in policy_rules(caught.value, world) if one["outcome"] == "refuse"]
    assert rule["rule"] == "policy (as released)"
    assert "its files go in the next pull request" in rule["remedy"]
    assert world.engine.states["dev"] == {"web": 13}


def test_break_glass_gets_past_a_pack_that_is_gone(world: World) -> None:
    world.push_to_main({"policies/house": None, "gitops.yaml": PLAIN, "Pulumi.dev.yaml": wanting(web=20)})
    (found,) = world.up(dry_run=True, glass=BreakGlass("down", ()))
    assert found.plan
    assert world.up(glass=BreakGlass("down", (found.plan.plan_digest,)))[0].done is Done.RELEASED


def test_a_pack_goes_in_two_steps(world: World) -> None:
    world.reviewed({"gitops.yaml": PLAIN, "Pulumi.dev.yaml": wanting(web=12)}, "bob")
    assert world.up()[0].done is Done.RELEASED
    world.reviewed({"policies/house": None, "Pulumi.dev.yaml": wanting(web=20)}, "bob", branch="second")
    assert world.up()[0].done is Done.RELEASED
    assert world.engine.states["dev"] == {"web": 20}
    assert world.engine.applied_under[-2:] == [("policies/house",), ()]


def test_a_plan_on_record_is_not_shown_again_under_another_set_of_packs(world: World) -> None:
    world.open({"gitops.yaml": PLAIN, "Pulumi.dev.yaml": wanting(web=9)})
    world.preview()
    world.commit({"README.md": "words"})
    assert world.preview().stacks[0].same_as is not None
    number = world.opened
    world.reviewed({"gitops.yaml": PLAIN}, "bob", branch="first")
    world.up()
    world.opened = number
    git.git(world.clone, "checkout", "--quiet", "feature")
    again = world.preview().stacks[0]
    assert again.same_as is None
    assert isinstance(again.result, Plan)
    assert again.result.packs == ()


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, r"has no policy pack at 'policies/house': there is neither such a file nor such a pack"),
        ({"policies/house/PulumiPolicy.yaml": "runtime: python\n"}, r"policies/house/__main__.py is missing"),
        ({"policies/house": HOUSE.removeprefix("#!")}, r"policies/house of the policy pack .* is not executable"),
    ],
)
def test_a_pack_that_is_not_there_is_told_with_what_is_missing(
    tmp_path: Path, files: dict[str, str], problem: str
) -> None:
    world = World(tmp_path)
    world.open({"gitops.yaml": NAMED, "Pulumi.dev.yaml": wanting(web=9), **files})
    with pytest.raises(ConfigError, match=problem) as caught:
        world.preview()
    assert caught.value.key == "policy.packs"


def test_explain_check_looks_for_packs_in_the_working_tree(world: World) -> None:
    git.git(world.clone, "checkout", "--quiet", "--detach", world.main())
    assert explain.check(world.context()).endswith("0 expressions in CEL, 1 policy pack.")
    (world.clone / "policies" / "house").chmod(0o644)
    with pytest.raises(ConfigError, match="is not executable"):
        explain.check(world.context())
    (world.clone / "policies" / "house").unlink()
    with pytest.raises(ConfigError, match=r"gitops.yaml:6: policy.packs: there is no policy pack at 'policies/house'"):
        explain.check(world.context())


def test_a_pack_in_a_folder_is_known_by_all_of_its_files(tmp_path: Path) -> None:
    world = World(tmp_path)
    folder = {"policies/house/PulumiPolicy.yaml": "runtime: python\n", "policies/house/__main__.py": HOUSE}
    world.open({"gitops.yaml": NAMED, "Pulumi.dev.yaml": wanting(web=9), **folder})
    before = plan_in(world.preview())
    world.commit({"policies/house/rules/more.py": "LARGEST = 3\n"})
    after = plan_in(world.preview())
    assert [one.path for one in before.packs] == ["policies/house"]
    assert before.packs != after.packs
    world.commit({"policies/house/rules/more.py": None, "policies/house.md": "words"})
    assert plan_in(world.preview()).packs == before.packs


def test_the_json_of_a_preview_has_packs_findings_and_what_changed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.open({"policies/house": LOOSE, "Pulumi.dev.yaml": wanting(web=20)})
    git.git(world.clone, "fetch", "--quiet", "origin")
    world.run(preview.command, "--base", "origin/main", "--json")
    (stack,) = json.loads(capsys.readouterr().out)["stacks"]
    assert stack["plan"]["packs"][0]["name"] == "house-rules"
    assert stack["plan"]["evaluated"] == [{"pack": "house-rules", "policy": "small", "passed": 1, "failed": 0}]
    assert [one["fate"] for one in stack["policy_packs_changed"]] == ["changed"]
