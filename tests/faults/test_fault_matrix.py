"""Each fault at each step of `gitops up`: nothing forgotten, nothing twice, no stuck lease, and it says what it found.

The engine, its cloud, the code host and the clock are simulated; Git, the processes and the signals are real.
`docs/faults.md` is the table; `python -m tests.faults.table` writes it.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.cases import AHEAD, CASES, NOT_APPLICABLE
from tests.faults.checking import ANOTHER, problems
from tests.faults.moments import Act, Step
from tests.faults.warm import warm
from tests.faults.world import World, wanting

# Cells wait for leases and processes most of the time.
SIDE_BY_SIDE = 3


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with a reviewed change, made once for each worker and copied for each cell."""
    with warm(SIDE_BY_SIDE) as seats:
        yield World.begin(tmp_path_factory.mktemp("faults") / "template", seats)


@pytest.mark.parametrize("act", Act)
def test_after_the_fault_the_next_run_says_what_it_found_and_ends_well(
    template: World, tmp_path: Path, act: Act
) -> None:
    cells = [(case, step) for case in CASES if case.act is act for step in case.steps]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = pool.map(lambda cell: problems(template, tmp_path / cell[1].name, *cell), cells)
        told = "\n".join(problem for one in found for problem in one)
    assert not told, told


def test_after_a_clock_that_was_ahead_an_approval_counts_once_that_time_has_come(
    template: World, tmp_path: Path
) -> None:
    with template.copy(tmp_path / "cell", small_disk=False) as world:
        world.faults.arm(Step.GATE, Act.FORWARD)
        assert world.up().code == 0
        world.faults.end()
        world.review("third", {"Pulumi.dev.yaml": wanting(ANOTHER)})
        ran = world.up()
        # Time on the ledger does not run back, so the plan is dated after bob's approval. He may have seen it or not.
        assert ran.code == 4
        assert AHEAD in ran.said
        assert "bob does not count: approved before a plan was shown" in ran.said
        world.faults.set("clock", "7200")
        world.host.approve(3, "bob")
        assert world.up().code == 0
        assert world.cloud.things() == ANOTHER


def test_every_fault_at_every_step_is_accounted_for_once() -> None:
    cells = Counter((one.act, step) for one in (*CASES, *NOT_APPLICABLE) for step in one.steps)
    assert cells == Counter((act, step) for act in Act for step in Step)


def test_the_table_in_the_documents_is_the_one_that_was_run() -> None:
    assert table.FILE.read_text(encoding="utf-8") == table.render()
