"""Each rule says what it says: of inputs that keep it, that break it, and that are not known yet."""

import re
from collections.abc import Mapping
from pathlib import Path

import pulumi_aws
import pytest

from policy.catalogue import ALL, RULES, STACK_RULES
from policy.rule import HOLDS, NOT_APPLICABLE, Rule, StackRule, Unknown, Violated
from tests.policy import identity_cases, kubernetes_cases, network_cases, stack_cases, storage_cases
from tests.policy.judging import Case, StackCase

CASES: Mapping[str, Case] = {
    **storage_cases.STORAGE,
    **network_cases.NETWORK,
    **network_cases.COMPUTE,
    **network_cases.LOGGING,
    **network_cases.EKS,
    **identity_cases.IDENTITY,
    **kubernetes_cases.PODS,
    **kubernetes_cases.ACCESS,
    **kubernetes_cases.CLUSTER_NETWORK,
}
# A rule that no inputs of its type can keep: nothing of that type should exist.
NEVER_KEPT = {"iam-no-access-keys"}


def test_every_rule_has_cases_and_no_case_is_without_a_rule() -> None:
    assert {rule.name for rule in RULES} == set(CASES)
    assert {rule.name for rule in STACK_RULES} == set(stack_cases.STACKS)


def test_every_rule_is_seen_kept_broken_and_left_open() -> None:
    every: dict[str, Case | StackCase] = {**CASES, **stack_cases.STACKS}
    assert {name for name, case in every.items() if not case.keeps} == NEVER_KEPT
    assert {name for name, case in every.items() if not case.breaks} == set()
    assert {name for name, case in every.items() if not case.unknown} == NEVER_KEPT


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule(rule: Rule) -> None:
    case = CASES[rule.name]
    for inputs in case.keeps:
        assert rule.judge(inputs) == HOLDS, inputs
    for inputs, reason in case.breaks:
        found = rule.judge(inputs)
        assert isinstance(found, Violated), (inputs, found)
        assert reason in found.reason
    for inputs, missing in case.unknown:
        assert rule.judge(inputs) == Unknown(missing), inputs
    for inputs in case.silent:
        assert rule.judge(inputs) == NOT_APPLICABLE, inputs


@pytest.mark.parametrize("rule", STACK_RULES, ids=lambda rule: rule.name)
def test_stack_rule(rule: StackRule) -> None:
    case = stack_cases.STACKS[rule.name]
    worlds = [*case.keeps, *case.silent, *(world for world, _ in [*case.breaks, *case.unknown])]
    assert {world.resource.type for world in worlds} <= set(rule.types)
    for world in case.keeps:
        assert rule.judge(world.resource, world.stack) == HOLDS, world
    for world, reason in case.breaks:
        found = rule.judge(world.resource, world.stack)
        assert isinstance(found, Violated), (world, found)
        assert reason in found.reason
    for world, missing in case.unknown:
        found = rule.judge(world.resource, world.stack)
        assert isinstance(found, Unknown), (world, found)
        assert missing in found.property
    for world in case.silent:
        assert rule.judge(world.resource, world.stack) == NOT_APPLICABLE, world


def test_no_reason_holds_a_secret_value() -> None:
    told = [rule.judge(inputs) for rule in RULES for inputs, _ in CASES[rule.name].breaks]
    assert [one for one in told if "correct horse" in str(one) or "PRIVATE KEY" in str(one)] == []


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.name)
def test_what_a_rule_says_of_itself_is_complete(rule: Rule | StackRule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.name)
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.remedy.endswith(".")
    assert rule.types
    assert rule.controls
    for control in rule.controls:
        assert " " not in control.version + control.id
        assert control.version
        assert control.url.startswith("https://")
    assert len({one.name for one in ALL}) == len(ALL)


def test_every_aws_type_is_one_that_the_sdk_has() -> None:
    sdk = Path(pulumi_aws.__file__).parent
    types = {type_ for rule in ALL for type_ in rule.types if type_.startswith("aws:")}
    assert len(types) > 40
    for type_ in types:
        module, _, name = type_.removeprefix("aws:").partition("/")
        file = re.sub(r"([A-Z]+)", lambda match: f"_{match[0].lower()}", name.partition(":")[0])
        assert f"'{type_}'" in (sdk / module / f"{file}.py").read_text(encoding="utf-8"), type_
