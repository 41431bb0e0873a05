"""The state of controls: passed is only what ran and passed."""

from dataclasses import replace
from datetime import date

import pytest

from gitops.flow.compliance.controls import ControlState, Look, Tally, assess
from gitops.model import EngineRun, Evaluation, PolicyLevel
from policy.catalogue import ALL
from policy.exemptions import Exemption
from policy.pack import exempted
from policy.rule import Violated
from tests.support.compliance import BUCKET, DEV, EXEMPT, KEY, LOGS, PACKS, RULES, RUN, dev, finding, prod, rule

FOUND = {one.rule.name: one for one in dev().controls}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("encrypted", ControlState.VIOLATED),
        ("rotated", ControlState.VIOLATED),
        ("one-region", ControlState.VIOLATED),
        ("private", ControlState.NOT_EVALUATED),
        ("off", ControlState.NEVER_RAN),
        ("no-queues", ControlState.NOT_APPLICABLE),
        ("versioned", ControlState.EXEMPT),
        ("tagged", ControlState.PASSED),
        ("no-orphans", ControlState.PASSED),
        ("images", ControlState.NOT_APPLICABLE),
    ],
)
def test_each_state_has_its_cause(name: str, state: ControlState) -> None:
    assert FOUND[name].state is state


def test_resources_are_counted_by_what_the_rule_came_to_on_each() -> None:
    assert FOUND["encrypted"].tally == Tally(passed=1, violated=1, not_applicable=1)
    assert FOUND["private"].tally == Tally(passed=1, not_evaluated=1, not_applicable=1)
    assert FOUND["versioned"].tally == Tally(passed=1, exempt=1, not_applicable=1)
    assert FOUND["tagged"].tally == Tally(passed=3)
    assert FOUND["images"].tally == Tally(not_applicable=3)
    assert FOUND["one-region"].tally == Tally(violated=1)
    assert FOUND["no-orphans"].tally == Tally(passed=1)
    assert FOUND["no-queues"].tally == Tally(not_applicable=1)


def test_stacks_of_one_environment_are_counted_together() -> None:
    assert FOUND["rotated"].tally == Tally(passed=1, violated=1, not_applicable=2)
    assert [one.stack.name for one in FOUND["rotated"].findings] == ["dev-data"]


def test_only_mandatory_violations_are_in_the_way() -> None:
    assert [one.rule.name for one in dev().violated] == ["encrypted", "rotated"]
    assert FOUND["one-region"].level == "advisory"


def test_the_level_of_a_violation_counts_and_not_the_packs_own() -> None:
    strict = finding("tagged", PolicyLevel.MANDATORY, "no owner", BUCKET)
    found = assess("prod", [Look(DEV, "c", replace(RUN, findings=(*RUN.findings, strict)), RULES)])
    (tagged,) = [one for one in found.controls if one.rule.name == "tagged"]
    assert (tagged.level, tagged.is_violated) == ("mandatory", True)


def test_a_rule_without_any_word_of_it_never_ran() -> None:
    found = assess("dev", [Look(DEV, "c", EngineRun((), 1, packs=PACKS), (rule("encrypted"),))])
    assert [one.state for one in found.controls] == [ControlState.NEVER_RAN]


@pytest.mark.parametrize("urn", [LOGS, ""])
def test_what_fails_without_a_word_is_violated_and_an_unlisted_rule_counts(urn: str) -> None:
    run = EngineRun((), 1, evaluations=(Evaluation("house-rules", urn, (), ("secret-rule",)),))
    (control,) = assess("dev", [Look(DEV, "c", run, ())]).controls
    assert (control.rule.name, control.state) == ("secret-rule", ControlState.VIOLATED)


def test_a_finding_outweighs_a_pass_of_the_same_resource() -> None:
    blind = finding("tagged", PolicyLevel.NOT_EVALUATED, "can't run remediation 'tagged' during preview: x", KEY)
    found = assess("dev", [Look(DEV, "c", replace(RUN, findings=(blind,)), RULES)])
    (tagged,) = [one for one in found.controls if one.rule.name == "tagged"]
    assert tagged.tally == Tally(passed=2, not_evaluated=1)


def test_an_exemption_hides_no_violation_of_the_same_resource() -> None:
    exempt = finding("exempt", PolicyLevel.ADVISORY, EXEMPT.replace("versioned:", "encrypted:"), BUCKET)
    found = assess("dev", [Look(DEV, "c", replace(RUN, findings=(*RUN.findings, exempt)), RULES)])
    (encrypted,) = [one for one in found.controls if one.rule.name == "encrypted"]
    assert (encrypted.state, encrypted.tally.violated) == (ControlState.VIOLATED, 1)


def test_the_rule_that_tells_of_exemptions_is_no_control_unless_nobody_understands_it() -> None:
    assert "exempt" not in FOUND
    odd = finding("exempt", PolicyLevel.ADVISORY, "something else", BUCKET)
    found = assess("dev", [Look(DEV, "c", replace(RUN, findings=(odd,)), RULES)])
    (exempt,) = [one for one in found.controls if one.rule.name == "exempt"]
    assert exempt.state is ControlState.VIOLATED


def test_of_several_stacks_the_strictest_level_is_the_environments() -> None:
    looks = [Look(DEV, "c", RUN, (rule("tagged", level),)) for level in ("advisory", "mandatory", "advisory")]
    (tagged,) = [one for one in assess("dev", looks).controls if one.rule.name == "tagged"]
    assert tagged.level == "mandatory"


def test_the_gravest_come_first_and_an_environment_without_packs_has_no_control() -> None:
    order = [one.state for one in dev().controls]
    assert order == sorted(order, key=list(ControlState).index)
    assert prod().controls == ()


def test_the_repository_s_own_pack_s_exemptions_are_understood() -> None:
    shipped = ALL[0]
    exemption = Exemption(rule=shipped.name, urn="*", owner="ops", reason="a cache", expires=date(2027, 1, 1))
    text = f"{shipped.title}\n{exempted(shipped, Violated('it is off'), exemption)}"
    told = replace(RUN, findings=(finding("versioned", PolicyLevel.ADVISORY, text, BUCKET),))
    found = assess("dev", [Look(DEV, "c" * 40, told, RULES)])
    [control] = [one for one in found.controls if one.rule.name == "versioned"]
    assert [one.exempt for one in control.findings] == [True]
    assert control.state is ControlState.EXEMPT
