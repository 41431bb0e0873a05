"""Which plans on record can stand for a preview that would repeat them."""

from dataclasses import replace
from typing import Any

import pytest

from gitops.flow.plans import reuse
from gitops.model import Inputs, Operation, Plan, PolicyFinding, PolicyLevel
from tests.support.plans import change, plan, start, update

THING = "fake:index:Thing"
VERSIONS = {"pulumi": "3.259.0", "python": "3.11.7", "pulumi package": "3.259.0", "pulumi-aws package": "7.21.0"}
INPUTS = Inputs({"__main__.py": "f0"}, "c0", {**VERSIONS, "aws": "7.21.0"}, {"AWS_REGION": "eu-west-1"})
RECORDED = plan(change(Operation.UPDATE, THING, "web", update("size", 12, 20)), origin=INPUTS)
NOW = replace(INPUTS, versions={**VERSIONS, "pulumi-kubernetes package": "4.25.0"})


def test_a_plan_stands_while_nothing_moved_that_it_came_from() -> None:
    assert reuse.obstacle(RECORDED) == ""
    assert reuse.same_origin(RECORDED, NOW)


@pytest.mark.parametrize(
    "moved",
    [
        {"files": {"__main__.py": "f1"}},
        {"config": "c1"},
        {"ambient": {}},
        {"versions": {**VERSIONS, "pulumi-aws package": "7.22.0"}},
        {"versions": {**VERSIONS, "pulumi": "3.260.0"}},
        {"versions": {"pulumi": "3.259.0"}},
    ],
    ids=["a file", "the config", "the environment", "a provider", "Pulumi", "a Python nobody knows"],
)
def test_whatever_moved_asks_for_a_preview(moved: dict[str, Any]) -> None:
    assert not reuse.same_origin(RECORDED, replace(NOW, **moved))


def with_versions(**versions: str) -> Plan:
    return plan(*RECORDED.changes, origin=replace(INPUTS, versions={**VERSIONS, **versions}))


UNEVALUATED = PolicyFinding("house", "small", PolicyLevel.NOT_EVALUATED, "unknown size")
CANNOT = {
    "pending operations": plan(origin=INPUTS, state=start(pending=("x",))),
    "a policy that was not evaluated": plan(origin=INPUTS, findings=(UNEVALUATED,)),
    "a resource that is read": plan(change(Operation.READ, THING, "web"), origin=INPUTS),
    "a resource that is imported": plan(change(Operation.IMPORT, THING, "web"), origin=INPUTS),
    "a provider without a version": with_versions(aws=""),
    "a provider without a package": with_versions(things="1.0.0"),
}


@pytest.mark.parametrize("recorded", CANNOT.values(), ids=CANNOT.keys())
def test_a_plan_that_looked_outside_never_stands_for_a_preview(recorded: Plan) -> None:
    assert reuse.obstacle(recorded)


def test_a_plan_records_the_packages_of_the_providers_that_took_part() -> None:
    installed = {**VERSIONS, "pulumi-random package": "4.0.0"}
    assert reuse.relevant(installed, {"aws": "7.21.0"}) == INPUTS.versions
