"""Faults at the steps of `gitops up` that matter most, on the real Pulumi CLI; see tests/faults for all the others."""

from pathlib import Path

import pytest

from tests.faults.cases import REAL_CASES, Case
from tests.faults.checking import problems
from tests.faults.real_world import RealWorld

pytestmark = pytest.mark.engine


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> RealWorld:
    """A world with a reviewed first deploy, made once for each worker and copied for each case."""
    return RealWorld.begin_real(tmp_path_factory.mktemp("faults") / "template")


@pytest.mark.parametrize("case", REAL_CASES, ids=lambda case: f"{case.act} at {case.steps[0]}")
def test_after_the_fault_the_next_run_says_what_it_found_and_ends_well(
    template: RealWorld, tmp_path: Path, case: Case
) -> None:
    [step] = case.steps
    told = "\n".join(problems(template, tmp_path / "cell", case, step))
    assert not told, told
