"""The fault matrix as a document. `python -m tests.faults.table` writes docs/faults.md."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.faults.cases import (
    AS_REVIEWED,
    CASES,
    NEVER_ENDED,
    NOT_APPLICABLE,
    OTHER_PLAN,
    REAL_CASES,
    UNKNOWN,
    VERIFIES,
    Case,
    End,
    Struck,
    expected,
)
from tests.faults.moments import Act, Step

FILE = Path(__file__).parents[2] / "docs" / "faults.md"

BEGINNING = """# When something breaks

What becomes of a deploy that is struck in the middle. Each cell of these tables is a test: a reviewed change is applied
with `gitops up`, the fault strikes at that step, it is mended, and the same command is run again. This page is written
from the cases that the tests run (`python -m tests.faults.table`), and a test compares the two.

After every cell, these hold:

- nothing is forgotten: all that exists is in the state;
- nothing is done twice: each operation of the plan reached the cloud once;
- no lease is stuck: the next run, or the next change, gets the stack;
- the ledger's chain holds, and no release is recorded of something that is not there;
- no process, temporary folder or checkout is left over by the time the next run has ended;
- the change, or where the state was altered its new and reviewed plan, ends in a release.

Git, processes and signals are real. Engine, cloud, code host and clock of the first tables are simulated; the last
table is the real Pulumi CLI with a simulated provider. The simulated engine leaves the state as the real one does where
it is cut short: written back as its refresh found it, deletes last.

## In one look

"same" means that the struck run releases it all the same, "next" that the next run does, "review" that the next run
is refused until the new plan is reviewed, and "another" that it is applied, and no release until another pull request
takes back what differs. An empty cell cannot be.

"""
WORDS = {End.WAS_RELEASED: "same", End.RELEASED: "next", End.REVIEWED_ANEW: "review", End.TAKEN_BACK: "another"}
# What stands around a part that is looked for.
LONGER = {
    AS_REVIEWED: f"plan digest … {AS_REVIEWED}",
    OTHER_PLAN: f"plan digest … {OTHER_PLAN} …",
    NEVER_ENDED: f"the apply of … by ada at … {NEVER_ENDED}",
    VERIFIES: f"… was applied by ada and {VERIFIES}",
    UNKNOWN: f"… {UNKNOWN}: no rule says what its id would be",
}
HOW = {
    Act.KILL: "`gitops` and all that it started are killed. What it was just pushing does not arrive.",
    Act.KILL_ALONE: "Only `gitops` is killed. What it was just pushing arrives.",
    Act.KILL_ENGINE: "As where memory runs out: `gitops` lives, and notes whose lock is left on the state backend.",
    Act.TERM: "One SIGTERM; Ctrl-C and SIGHUP do the same. It ends what it is doing, and stops.",
    Act.OFFLINE: "From then on, neither the remote nor the code host can be reached.",
    Act.ANSWER_LOST: "The remote does what it is asked, but its answer does not arrive.",
    Act.DISK: "The file system of the clone and the temporary files is full. (A tmpfs, filled at that moment. Where\n"
    "the tests may not mount one, the process is forbidden to write files, and only the list above is asserted.)",
    Act.PROVIDER: "The cloud says no: quota exceeded.",
    Act.EXPIRED: "In preview, apply and verify the cloud's credentials, else those for the remote and the code host.",
    Act.STATE: "Somebody changes the stack with Pulumi by hand.",
    Act.ALTERED: "Somebody alters an old record and force-pushes the ledger. Every run says so until that is mended.",
    Act.SHORTENED: "Somebody removes the newest record and force-pushes the ledger. Every run says so until that is "
    "mended.",
    Act.FORWARD: "The clock of the running machine jumps. Time on the ledger never runs back, so plans that are shown\n"
    "afterwards carry that later time, and approvals count again when it has come.",
    Act.BACKWARD: "The clock of the running machine jumps.",
}


def render() -> str:
    """The whole document."""
    return BEGINNING + "\n".join([*_overview(), *_details(), *_real()]) + "\n"


def _overview() -> Iterator[str]:
    yield from _head(["", *(f"[{act}](#{_anchor(act)})" for act in Act)])
    for step in Step:
        cases = [expected(act, step) for act in Act]
        yield _row([step, *(WORDS[case.next.end] if case else "" for case in cases)])
    yield ""


def _details() -> Iterator[str]:
    for act in Act:
        yield from (f"## {_title(act)}", "", HOW[act], "")
        yield from _head(["at", "the run", "the ledger then", "the next run"])
        yield from (_line(case) for case in CASES if case.act is act)
        yield ""
        nowhere = [f"{_steps(one.steps)}: {one.why}." for one in NOT_APPLICABLE if one.act is act]
        yield from (f"Not at {one}" for one in nowhere)
        yield from [""] * bool(nowhere)


def _real() -> Iterator[str]:
    yield from ("## With the real Pulumi", "", REAL, "")
    yield from _head(["fault", "at", "the run", "the ledger then", "the next run"])
    yield from (f"| {case.act} {_line(case)}" for case in REAL_CASES)


REAL = """Three things are to be made, one after the other; an apply is struck when the second exists and Pulumi does
not know it yet. Clone, temporary files and state are on the disk that gets full. A Pulumi whose `gitops` is killed
finishes what it is doing, and stops."""


def _line(case: Case) -> str:
    ledger = ", ".join(f"`{kind}`" for kind in case.struck.ledger) or "nothing"
    return _row([_steps(case.steps), _run(case.struck), ledger, _next(case)])


def _run(struck: Struck) -> str:
    said = f", “{struck.said}”" if struck.said else ""
    lease = "; its lease stays" if struck.lease_left else ""
    ended = "killed" if struck.code < 0 else f"exit code {struck.code}"
    return f"{ended}{said}{lease}"


def _next(case: Case) -> str:
    said = ", ".join(f"“{LONGER.get(text, text)}”" for text in case.next.said)
    ends = {
        End.RELEASED: "releases",
        End.WAS_RELEASED: "nothing to do",
        End.REVIEWED_ANEW: "is refused",
        End.TAKEN_BACK: "applies nothing",
    }
    by_hand = f"; then `{case.next.by_hand}`" if case.next.by_hand else ""
    return f"{ends[case.next.end]}: {said}{by_hand}"


def _steps(steps: Sequence[Step]) -> str:
    order = tuple(Step)
    if len(steps) == len(order):
        return "every step"
    first = order.index(steps[0])
    if len(steps) > 2 and tuple(steps) == order[first : first + len(steps)]:
        return f"{steps[0]} … {steps[-1]}"
    return ", ".join(steps)


def _title(act: Act) -> str:
    return f"{act[0].upper()}{act[1:]}" if act.split()[0] != "kill" else str(act)


def _anchor(act: Act) -> str:
    return _title(act).lower().replace("`", "").replace(",", "").replace(" ", "-")


def _head(cells: Iterable[str]) -> Iterator[str]:
    names = list(cells)
    yield _row(names)
    yield "|" + "---|" * len(names)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8", newline="\n")
