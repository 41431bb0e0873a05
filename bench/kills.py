"""Does an apply that is killed go on with the approval that it has? The real engine, killed at random moments.

    python bench/kills.py [--kills 50] [--seed N] [--beside 1]

Forty chained things were released once; a reviewed change updates some, replaces some in both ways, makes and deletes
some, and leaves the last ten as they are. A `gitops up` of it is killed with -9 at a random moment: with all that it
started, Pulumi alone, or `gitops` alone, by turns. Then the same command is run again. It has to go on without a new
plan, and everything has to exist once and to be in the state. A kill before the first operation or after the last one
does not count. Prints figures, and ends with 1 if a run did not go on. About 45 seconds a kill.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count, cycle
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.kills.chain import OPERATIONS, Chain  # noqa: E402 - the checkout's own, wherever this is started
from tests.kills.killing import End, Moment, Outcome, Victim, strike  # noqa: E402

COUNTED = (End.CONTINUED, End.REFUSED)
# Longer than an operation takes, with what the engine does between two of them.
SPREAD_SECONDS = 0.4


def main() -> int:
    """Kill, count, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=20260504)
    options.add_argument("--beside", type=int, default=1, help="how many at the same time")
    asked = options.parse_args()
    _say(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory(prefix="gitops-kills-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        started = time.monotonic()
        (folder / "template").mkdir()
        template = Chain.begin(folder / "template")
        _say(f"forty things released and a change of {OPERATIONS} operations reviewed in {_since(started)}")
        chance = random.Random(asked.seed)  # noqa: S311 - moments, not secrets
        outcomes = list(_kills(template, folder, asked.kills, asked.beside, chance))
        _say(f"\n{_figures(outcomes)}\nin {_since(started)}")
    return int(any(one.end is End.REFUSED for one in outcomes))


def _kills(template: Chain, folder: Path, wanted: int, beside: int, chance: random.Random) -> Iterator[Outcome]:
    """Outcomes until enough of them count."""
    numbers, victims = count(1), cycle(Victim)
    counted = 0
    with ThreadPoolExecutor(beside) as pool:
        while counted < wanted:
            several = [
                (next(numbers), next(victims), Moment(chance.randrange(OPERATIONS), chance.uniform(0, SPREAD_SECONDS)))
                for _ in range(min(beside, wanted - counted))
            ]
            for (number, _, _), outcome in zip(
                several, pool.map(lambda one: strike(template, folder / str(one[0]), *one[1:]), several), strict=True
            ):
                counted += outcome.end in COUNTED
                _say(_line(number, outcome))
                yield outcome


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _line(number: int, one: Outcome) -> str:
    went_on = f" after {one.seconds:.1f} s" if one.end is End.CONTINUED else ""
    told = "".join(f"\n    {problem}" for problem in one.problems)
    return f"{number:3}  {one.victim:32}  {one.done:2} done  {one.end}{went_on}{told}"


def _figures(outcomes: Sequence[Outcome]) -> str:
    lines = ["| killed | kills | continued | seconds until the next run goes on: least, median, most | did not count |"]
    lines.append("|---|---|---|---|---|")
    for name, chosen in [*((str(one), [one]) for one in Victim), ("all", list(Victim))]:
        those = [one for one in outcomes if one.victim in chosen]
        counted = [one for one in those if one.end in COUNTED]
        seconds = [one.seconds for one in counted if one.end is End.CONTINUED]
        figures = (min(seconds), statistics.median(seconds), max(seconds)) if seconds else ()
        spread = ", ".join(f"{figure:.1f}" for figure in figures)
        lines.append(f"| {name} | {len(counted)} | {len(seconds)} | {spread} | {len(those) - len(counted)} |")
    return "\n".join(lines)


def _since(started: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s"


if __name__ == "__main__":
    sys.exit(main())
