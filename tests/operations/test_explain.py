"""`gitops explain`, and rules that need a repository: what is promoted, owners' paths, the rules of the release."""

import json
from pathlib import Path

import pytest

from gitops.cli import run
from gitops.errors import ConfigError, Refused, UsageError, Waiting
from gitops.model import Outcome, RuleResult
from gitops.operations import explain as explaining
from gitops.operations.apply.work import BreakGlass
from gitops.operations.judging import Judge
from gitops.verbs import explain
from tests.operations.world import DEV, PROD, World, wanting
from tests.support import git

DEV_FILE = "Pulumi.dev.yaml"
RULES = """version: 1
lease: {{duration: 3s}}
environments:
  - {{name: dev, branch: main, stacks: [dev], approvals: 1, {dev}}}
  - {{name: prod, branch: prod, stacks: [prod], approvals: {{count: 1, {approvals}}}, {prod}}}
"""


def rules(dev: str = "gate: {}", prod: str = "gate: {}", approvals: str = "count: 1") -> str:
    """A gitops.yaml with these rules."""
    text = RULES.format(dev=dev, prod=prod, approvals=approvals)
    return text.replace("{count: 1, count: 1}", "{count: 1}")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def explained(world: World, **request: object) -> explaining.Explanation:
    """What explain finds."""
    return explaining.explain(world.context(), explaining.Request(**request))  # type: ignore[arg-type]


def by_name(found: explaining.Explanation) -> dict[str, RuleResult]:
    """Rule → result, of the only stack."""
    [(verdict, _)] = found.verdicts.values()
    return {rule.rule: rule for rule in verdict.rules}


def test_an_open_pull_request_is_explained_before_and_after_its_preview_and_approval(world: World) -> None:
    number = world.open({DEV_FILE: wanting(web=20)})
    before = explained(world, pull_request=number)
    assert before.outcome is Outcome.REFUSE
    assert by_name(before)["reviewed"].outcome is Outcome.REFUSE
    assert (
        by_name(before)["reviewed"].remedy
        == f"Run `gitops preview --pull-request {number}`, and have that plan approved."
    )
    world.preview()
    assert explained(world, pull_request=number).outcome is Outcome.WAIT
    world.host.approve(number, "bob")
    after = explained(world, pull_request=number)
    assert after.outcome is Outcome.ALLOW
    assert list(by_name(after)) == ["reviewed", "same plan", "approvals", "policy"]


def test_a_merged_pull_request_and_its_commit_are_explained_alike(world: World) -> None:
    commit = world.reviewed({DEV_FILE: wanting(web=20)}, "bob")
    by_number = explained(world, pull_request=world.opened)
    assert (by_number.commit, by_number.outcome) == (commit, Outcome.ALLOW)
    assert explained(world, environment="dev").verdicts.keys() == by_number.verdicts.keys() == {DEV}
    world.up()
    assert explained(world, environment="dev").verdicts == {}


def test_nothing_is_previewed_recorded_or_leased(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20)}, "bob")
    records, previews = world.records, len(world.engine.previews)
    explained(world, environment="dev")
    assert (world.records, len(world.engine.previews), world.leases) == (records, previews, ())


@pytest.mark.parametrize(("approvers", "code"), [((), 4), (("bob",), 0)])
def test_exit_codes_and_the_view(
    world: World, approvers: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    world.reviewed({DEV_FILE: wanting(web=20)}, *approvers)
    error = {4: Waiting}.get(code)
    if error:
        with pytest.raises(error, match="shop/dev would not be applied yet"):
            world.run(explain.command, "--pull-request", str(world.opened))
    else:
        world.run(explain.command, "--pull-request", str(world.opened))
    shown = capsys.readouterr().out
    assert ("shop/dev: waiting, plan" in shown) is (code == 4)
    assert "looked at needed 1; counted" in shown
    assert ("next: Somebody who neither opened nor contributed" in shown) is (code == 4)


def test_a_refusal_is_a_refusal(world: World) -> None:
    world.open({DEV_FILE: wanting(web=20)})
    with pytest.raises(Refused, match="shop/dev would not be applied"):
        world.run(explain.command, "--pull-request", str(world.opened))


def test_json_has_every_rule_with_its_inputs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.reviewed({DEV_FILE: wanting(web=20)}, "bob")
    world.run(explain.command, "--environment", "dev", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["environment"], told["outcome"]) == (1, "dev", "allow")
    [stack] = told["stacks"]
    assert stack["stack"] == "shop/dev"
    approvals = next(rule for rule in stack["rules"] if rule["rule"] == "approvals")
    assert approvals["inputs"]["counted"] == ["bob"]


def test_a_commit_and_a_pull_request_are_not_asked_for_at_once(world: World) -> None:
    with pytest.raises(UsageError, match="not both"):
        world.run(explain.command, "--pull-request", "1", "--commit", "HEAD")


def test_a_pull_request_is_not_explained_for_another_environment(world: World) -> None:
    number = world.open({DEV_FILE: wanting(web=20)})
    with pytest.raises(UsageError, match="goes into main, not into prod"):
        explained(world, pull_request=number, environment="prod")


def test_check_reads_the_file_as_it_lies_there(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    (world.clone / "gitops.yaml").write_text(rules(dev="gate: {auto_approve: plan.deletes == 0}"))
    world.run(explain.command, "--check")
    assert capsys.readouterr().out == "gitops.yaml is right: 2 environments, 1 expression in CEL.\n"
    (world.clone / "gitops.yaml").write_text(rules(dev="gate: {auto_approve: plan.delets == 0}"))
    with pytest.raises(ConfigError, match=r"gitops.yaml:4: environments\[0\].gate.auto_approve: plan has no field"):
        world.run(explain.command, "--check")
    assert run(["-C", str(world.clone), "explain", "--check"]) == 2


def test_a_preview_tells_of_a_rule_that_cannot_be_read(world: World) -> None:
    world.open({"gitops.yaml": rules(prod="gate: {auto_approve: plan.delets == 0}")})
    with pytest.raises(ConfigError, match=r"gitops.yaml:5: environments\[1\].gate.auto_approve: plan has no field"):
        world.preview()


# --- rules in a repository --------------------------------------------------------------------------


def promoted(world: World, *approvers: str) -> int:
    """A pull request from main into prod, previewed and approved; its number."""
    number = world.host.open("main", "prod", title="Promote", author="ada")
    world.preview("origin/main", "origin/prod", pull_request=number, environment="prod")
    for name in approvers:
        world.host.approve(number, name)
    return number


def test_a_promotion_waits_for_its_soak_in_the_environment_before(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20), "gitops.yaml": rules(prod="gate: {soak: 24h}")}, "bob")
    number = promoted(world, "bob")
    waiting = by_name(explained(world, pull_request=number))["soak"]
    assert (waiting.outcome, waiting.reason.partition(" ")[2]) == (Outcome.WAIT, "is not released in dev")
    world.up()
    assert "and soaks until" in by_name(explained(world, pull_request=number))["soak"].reason
    world.clock.advance(24 * 3600)
    assert explained(world, pull_request=number).outcome is Outcome.ALLOW


def test_owners_are_asked_for_by_the_paths_that_the_pull_request_changes(world: World) -> None:
    approvals = 'owners: {"Pulumi.prod.yaml": ["@shop/data"], "docs/**": [nobody]}'
    files = {DEV_FILE: wanting(web=20), "Pulumi.prod.yaml": wanting(web=200), "gitops.yaml": rules(approvals=approvals)}
    world.host.team("@shop/data", ["grace"])
    world.reviewed(files, "bob")
    world.up()
    number = promoted(world, "bob")
    found = by_name(explained(world, pull_request=number))
    assert found["owners of Pulumi.prod.yaml"].outcome is Outcome.WAIT
    assert found["owners of docs/**"].outcome is Outcome.ALLOW
    world.host.approve(number, "grace")
    assert explained(world, pull_request=number).outcome is Outcome.ALLOW


def test_a_change_that_drops_a_rule_is_held_to_it(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20, logs=1), "gitops.yaml": rules(dev="gate: {destroys: 0}")}, "bob")
    world.up()
    files = {DEV_FILE: wanting(web=20), "gitops.yaml": rules()}
    world.reviewed(files, "bob", branch="drop")
    with pytest.raises(Refused, match="1 to be deleted or replaced, at most 0 may be"):
        world.up()
    refused = [rule for rule in by_name(explained(world, environment="dev")).values() if rule.outcome is Outcome.REFUSE]
    assert [rule.rule for rule in refused] == ["destroys (as released)"]


def test_the_rules_of_a_released_environment_hold_for_a_stack_that_it_never_released(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20), "gitops.yaml": rules(dev="gate: {windows: []}")}, "bob")
    world.up()
    lax = rules().replace("stacks: [dev], approvals: 1", "stacks: [dev, new], approvals: 0")
    world.reviewed({"Pulumi.new.yaml": wanting(web=1), "gitops.yaml": lax}, branch="new")
    found = explained(world, environment="dev", stacks=("new",))
    assert by_name(found)["approvals (as released)"].outcome is Outcome.WAIT


def test_a_commit_whose_rules_cannot_be_read_is_not_applied(world: World) -> None:
    world.host.merge(world.open({DEV_FILE: wanting(web=20), "gitops.yaml": rules(dev="gate: {auto_approve: plan.x}")}))
    with pytest.raises(ConfigError, match="plan has no field 'x'"):
        world.up()
    assert world.engine.states["dev"] == {"web": 12}


def test_glass_is_broken_by_those_whom_the_commit_and_the_release_name(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20), "gitops.yaml": rules(dev="break_glass: {by: [grace, linus]}")}, "bob")
    context = world.context()
    settings = context.config(world.main())
    assert Judge(context, settings, settings.environment("dev"), world.main()).may_break_glass() == ("grace", "linus")
    world.up()
    world.reviewed({"gitops.yaml": rules(dev="break_glass: {by: [ada, grace]}")}, "bob", branch="mine")
    context = world.context()
    settings = context.config(world.main())
    assert Judge(context, settings, settings.environment("dev"), world.main()).may_break_glass() == ("grace",)


def test_who_contributed_to_what_is_promoted_may_approve_it(world: World) -> None:
    git.git(world.clone, "config", "user.name", "bob")
    world.reviewed({DEV_FILE: wanting(web=20), "Pulumi.prod.yaml": wanting(web=200)}, "grace")
    world.up()
    number = promoted(world, "Test Author")
    assert "Test Author" in world.host.pull_request(number).contributors
    assert by_name(explained(world, pull_request=number))["approvals"].outcome is Outcome.ALLOW


def test_who_contributed_to_what_nobody_had_to_approve_may_not_approve_its_promotion(world: World) -> None:
    world.reviewed({DEV_FILE: wanting(web=20), "gitops.yaml": rules(dev="break_glass: {by: [ada]}")}, "bob")
    world.up()
    world.push_to_main({"Pulumi.prod.yaml": wanting(web=999)})
    assert [one.done.value for one in world.up()] == ["already released"]
    number = promoted(world, "Test Author")
    assert by_name(explained(world, pull_request=number))["approvals"].outcome is Outcome.WAIT
    world.push_to_main({DEV_FILE: wanting(web=21)})
    (shown,) = world.up(dry_run=True, glass=BreakGlass("down", ()))
    assert shown.plan
    world.up(glass=BreakGlass("down", (shown.plan.plan_digest,)))
    world.main()
    world.preview("origin/main", "origin/prod", pull_request=number, environment="prod")
    world.host.approve(number, "Test Author")
    assert by_name(explained(world, pull_request=number))["approvals"].outcome is Outcome.WAIT


def test_who_contributed_to_a_pull_request_may_not_approve_it(world: World) -> None:
    number = world.open({DEV_FILE: wanting(web=20)})
    world.preview()
    world.host.approve(number, "Test Author")
    found = by_name(explained(world, pull_request=number))["approvals"]
    assert found.outcome is Outcome.WAIT
    assert "Test Author does not count: contributed to the pull request" in found.reason


def test_the_stack_of_another_environment_is_not_explained(world: World) -> None:
    with pytest.raises(UsageError, match="There is no stack 'prod'"):
        explained(world, environment="dev", stacks=(PROD.name,))


def test_a_plan_that_is_too_old_is_made_young_by_another_preview(world: World) -> None:
    world.push_to_main({"gitops.yaml": rules(dev="gate: {plan_age: 1h}")})
    number = world.open({DEV_FILE: wanting(web=20)})
    world.preview()
    world.clock.advance(7200)
    world.preview(fresh=True)
    assert by_name(explained(world, pull_request=number))["plan age"].outcome is Outcome.ALLOW
