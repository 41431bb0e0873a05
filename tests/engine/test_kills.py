"""`gitops up` killed after some of its operations goes on with what was approved; `make kills` has fifty more."""

from pathlib import Path

import pytest

from tests.kills.chain import Chain
from tests.kills.killing import End, Moment, Victim, strike

pytestmark = pytest.mark.engine

# What is under way by then: an update, the first part of a replacement, the second part of the other kind, the last
# things of the program, the deletes.
KILLS = (
    (Victim.TREE, Moment(2, 0.05)),
    (Victim.ENGINE, Moment(3, 0.05)),
    (Victim.GITOPS, Moment(6, 0.05)),
    (Victim.TREE, Moment(15, 0.15)),
    (Victim.ENGINE, Moment(19, 0.3)),
    (Victim.TREE, Moment(24, 0.05)),
)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Forty things and a reviewed change, made once for each worker and copied for each kill."""
    return Chain.begin(tmp_path_factory.mktemp("kills"))


@pytest.mark.parametrize(("victim", "moment"), KILLS, ids=lambda one: getattr(one, "operations", one))
def test_a_killed_run_goes_on_with_the_approval_that_it_has(
    template: Chain, tmp_path: Path, victim: Victim, moment: Moment
) -> None:
    outcome = strike(template, tmp_path / "kill", victim, moment)
    assert outcome.end is End.CONTINUED, "\n".join(outcome.problems) or outcome.end
