"""What the engine is told: levels, wording, what is open, what is exempt. The SDK's own types, without an engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pulumi_policy import (
    EnforcementLevel,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from policy import pack
from policy.catalogue import ALL
from policy.exemptions import Exemption, Exemptions
from policy.levels import Environment, Level, Levels
from policy.rule import HOLDS, Control, Rule, Severity, StackRule, Violated
from policy.values import UNKNOWN, at

TODAY = date(2026, 11, 24)
TYPE = "things:index:Thing"
URN = f"urn:pulumi:dev::shop::{TYPE}::one"
OPTIONS = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
CONTROLS = (
    Control("Things", "1.0", "T.1", "https://example.com/t1"),
    Control("Items", "2", "I.9", "https://example.com"),
)
SMALL = Rule(
    name="thing-small",
    title="Things are small",
    controls=CONTROLS,
    severity=Severity.HIGH,
    remedy="Set size to 15 or less.",
    types=(TYPE,),
    check=lambda inputs: Violated(f"size is {at(inputs, 'size'):g}") if at(inputs, "size") > 15 else HOLDS,
)
OWNED = StackRule(
    name="thing-owned",
    title="Things have owners",
    controls=CONTROLS[:1],
    severity=Severity.LOW,
    remedy="Set owner.",
    types=(TYPE,),
    check=lambda one, _stack: HOLDS if at(one.values, "owner") else Violated("owner is not set"),
)
BROKEN = Rule(**{**vars(SMALL), "name": "thing-broken", "check": lambda inputs: [][int(inputs["size"])]})
MILD = dict.fromkeys(Severity, Level.ADVISORY)
LEVELS = Levels(
    {
        "dev": Environment(MILD, {"thing-owned": Level.DISABLED}),
        "prod": Environment({**MILD, Severity.HIGH: Level.MANDATORY}, {}),
    }
)
UNTIL = Exemption(rule="thing-small", urn=URN, owner="platform", reason="It grows back", expires=date(2026, 12, 31))


def args(props: Mapping[str, Any], type_: str = TYPE) -> ResourceValidationArgs:
    return ResourceValidationArgs(type_, unknown_checking_proxy(dict(props)), URN, "one", OPTIONS, None)


def stack(*things: Mapping[str, Any]) -> StackValidationArgs:
    return StackValidationArgs(
        [
            PolicyResource(
                TYPE, unknown_checking_proxy(dict(one)), f"{URN}-{number}", "one", OPTIONS, None, None, [], {}
            )
            for number, one in enumerate(things)
        ]
    )


@dataclass
class Said:
    """What policies report."""

    found: list[tuple[str, str | None]]

    def __call__(self, message: str, urn: str | None = None) -> None:
        self.found.append((message, urn))


class NotApplicable(Exception):
    """What the SDK raises is private; this stands in for it."""


def assembled(*rules: Rule | StackRule, exempt: Sequence[Exemption] = (), today: date = TODAY) -> pack.Pack:
    return pack.assemble(rules or (SMALL, OWNED), LEVELS, Exemptions(tuple(exempt), today))


def reported(
    made: pack.Pack, name: str, given: ResourceValidationArgs | StackValidationArgs
) -> list[tuple[str, str | None]]:
    """What the policy reports of this."""
    said = Said([])
    given.not_applicable = _not_applicable  # type: ignore[method-assign] # see NotApplicable
    (found,) = [policy for policy in made.policies if policy.name == name]
    assert isinstance(found, ResourceValidationPolicy | StackValidationPolicy)
    found.validate(given, said)  # type: ignore[arg-type] # each with arguments of its own kind
    return said.found


def _not_applicable(reason: str | None = None) -> None:
    raise NotApplicable(reason)


def test_a_violation_is_one_line_with_severity_reason_remedy_and_controls() -> None:
    assert reported(assembled(), "thing-small", args({"size": 20.0})) == [
        ("[high] size is 20. Remedy: Set size to 15 or less. (Things T.1, Items I.9)", None)
    ]


def test_what_holds_is_not_reported() -> None:
    assert reported(assembled(), "thing-small", args({"size": 12.0})) == []


def test_a_rule_does_not_apply_to_resources_of_other_types() -> None:
    with pytest.raises(NotApplicable):
        reported(assembled(), "thing-small", args({"size": 20.0}, "things:index:Other"))


def test_what_is_not_known_is_never_passed_and_never_a_violation() -> None:
    with pytest.raises(UnknownValueError) as caught:
        reported(assembled(), "thing-small", args({"size": UNKNOWN_STRING_VALUE}))
    assert caught.value.message == "size is not known yet"


def test_a_stack_rule_reports_by_resource_what_is_broken_and_what_is_open() -> None:
    given = stack({"owner": "a"}, {}, {"owner": UNKNOWN_STRING_VALUE})
    assert reported(assembled(), "thing-owned", given) == [
        ("[low] owner is not set. Remedy: Set owner. (Things T.1)", f"{URN}-1"),
        ("can't run policy 'thing-owned' during preview: owner is not known yet, for one-2", f"{URN}-2"),
    ]


def test_a_stack_rule_does_not_apply_where_nothing_is_of_its_types() -> None:
    with pytest.raises(NotApplicable):
        reported(assembled(), "thing-owned", stack())


EXEMPT = "[exempt until 2026-12-31 by platform: It grows back] [high] "


@pytest.mark.parametrize("today", [TODAY, UNTIL.expires], ids=["before", "last day"])
def test_what_is_exempt_is_no_violation_stays_in_sight_and_does_not_move(today: date) -> None:
    ((line, _),) = reported(assembled(exempt=[UNTIL], today=today), "thing-small", args({"size": 20.0}))
    assert line == f"{EXEMPT}size is 20. Remedy: Set size to 15 or less. (Things T.1, Items I.9)"
    assert pack.is_remark(f"Things are small.\n{line}")


def test_nothing_is_said_of_an_exemption_that_is_not_needed() -> None:
    assert reported(assembled(exempt=[UNTIL]), "thing-small", args({"size": 12.0})) == []


def test_what_is_exempt_may_be_unknown() -> None:
    ((line, _),) = reported(assembled(exempt=[UNTIL]), "thing-small", args({"size": UNKNOWN_STRING_VALUE}))
    assert line.startswith(f"{EXEMPT}size is not known yet.")


def test_an_expired_exemption_exempts_from_nothing_and_the_finding_says_so() -> None:
    made = assembled(exempt=[UNTIL], today=date(2027, 1, 1))
    ((line, _),) = reported(made, "thing-small", args({"size": 20.0}))
    assert line.startswith("[high] size is 20 (exempt until 2026-12-31, expired). Remedy: Set size")
    assert not pack.is_remark(f"Things are small.\n{line}")


def test_exemptions_from_stack_rules_are_by_resource_too() -> None:
    exempt = Exemption(rule="thing-owned", urn=f"{URN}-1", owner="a", reason="b", expires=TODAY)
    told = reported(assembled(exempt=[exempt]), "thing-owned", stack({}, {}))
    assert [(urn, pack.is_remark(f"x\n{line}")) for line, urn in told] == [(f"{URN}-0", False), (f"{URN}-1", True)]


@pytest.mark.parametrize("claim", ["x during preview", "\n[exempt until 2999-01-01 by me: x]", "can't run policy 'x'"])
def test_no_value_makes_a_violation_look_like_less(claim: str) -> None:
    line = pack.violation(SMALL, f"image is {claim}")
    assert "\n" not in line
    assert not pack.is_remark(f"Things are small.\n{line}")
    # By these the pipeline tells what was not evaluated (gitops/adapters/pulumi/preview.py).
    assert "during preview" not in line
    assert "can't run policy" not in line


def test_what_is_open_is_told_by_the_words_that_the_pipeline_looks_for() -> None:
    ((line, _),) = reported(assembled(), "thing-owned", stack({"owner": UNKNOWN_STRING_VALUE}))
    assert pack.is_remark(f"Things have owners.\n{line}")
    assert "can't run policy" in line


def test_a_rule_that_breaks_fails_the_run_and_tells_no_value() -> None:
    with pytest.raises(
        RuntimeError, match=r"thing-broken broke on urn:.*::one with IndexError at test_policy_pack.py"
    ) as caught:
        reported(assembled(BROKEN), "thing-broken", args({"size": 333.0}))
    assert "333" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_levels_are_the_strictest_until_an_environment_is_chosen() -> None:
    made = assembled()

    def level(name: str) -> EnforcementLevel | None:
        return next(one.enforcement_level for one in made.policies if one.name == name)

    assert (level("thing-small"), level("thing-owned")) == (EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY)
    made.choose("dev")
    assert (level("thing-small"), level("thing-owned")) == (EnforcementLevel.ADVISORY, EnforcementLevel.DISABLED)
    made.choose("somewhere")
    assert (level("thing-small"), level("thing-owned")) == (EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY)


def test_the_catalogue_tells_each_rules_controls() -> None:
    (policy,) = [one for one in assembled().policies if one.name == "thing-small"]
    assert policy.tags == ["Things 1.0 T.1", "Items 2 I.9"]
    assert policy.framework is not None
    assert (policy.framework.name, policy.framework.version, policy.framework.reference) == ("Things", "1.0", "T.1")
    assert policy.remediation_steps == SMALL.remedy
    assert policy.url == "https://example.com/t1"
    assert [one.name for one in assembled(*ALL).policies] == [rule.name for rule in ALL]


def test_stack_rules_see_inputs_where_outputs_do_not_tell() -> None:
    made = assembled()
    made.note(f"{URN}-0", unknown_checking_proxy({"owner": "ada"}))
    made.note(f"{URN}-1", unknown_checking_proxy({"owner": "ada"}))
    made.note(f"{URN}-2", unknown_checking_proxy({"owner": "ada"}))
    told = reported(made, "thing-owned", stack({}, {"owner": UNKNOWN_STRING_VALUE}, {"owner": ""}))
    assert [urn for _, urn in told] == [f"{URN}-2"]


def test_the_sdks_view_becomes_plain_values() -> None:
    given = {"a": [1.0, {"b": UNKNOWN_STRING_VALUE}], "c": None, "d": UNKNOWN_STRING_VALUE, "e": {"f": "text"}}
    seen = pack.plain(unknown_checking_proxy(given))
    assert seen == {"a": [1.0, {"b": UNKNOWN}], "c": None, "d": UNKNOWN, "e": {"f": "text"}}
