"""The fault matrix: what is to happen for each fault at each step of `gitops up`. Read by the tests and by the table.

A line covers the steps that end alike. Texts are parts of what the struck run and the next one say. Where a struck run
leaves its lease, the next one waits until it has seen that lease stand still; waiting takes no time here.
"""

from dataclasses import dataclass
from enum import StrEnum

from tests.faults.moments import Act, Step


class End(StrEnum):
    """How it ends."""

    RELEASED = "the next run releases it"
    WAS_RELEASED = "the struck run had released it"
    REVIEWED_ANEW = "refused until the plan is reviewed anew, then released"
    TAKEN_BACK = "no release until another reviewed change takes the difference back"


@dataclass(frozen=True, slots=True)
class Struck:
    """The struck run: its exit code (minus the signal that killed it), what it says, what it leaves.

    `ledger` are the kinds of record about its apply. `lease_left` says whether its lease still stands.
    """

    code: int
    ledger: tuple[str, ...] = ()
    said: str = ""
    lease_left: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """The next run, after the fault is mended; `another` asks for one more change to be carried through after it.

    `by_hand` is a command that the next run asks a person for, before it can go on.
    """

    end: End
    said: tuple[str, ...] = ()
    another: bool = False
    by_hand: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault at some steps."""

    act: Act
    steps: tuple[Step, ...]
    struck: Struck
    next: Next


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """Steps that a fault cannot strike, and why."""

    act: Act
    steps: tuple[Step, ...]
    why: str


STARTED = ("apply started",)
STOPPED = ("apply started", "apply failed")
APPLIED = ("apply started", "applied")
RELEASED = ("apply started", "applied", "release")

TOOK_OVER = "took over the lease of ada"
NEVER_ENDED = "never ended; looking at what it left"
THE_REST = "it is the rest of the reviewed plan, whose apply was cut short"
VERIFIES = "is not verified yet: that is done now, and nothing is applied"
ADOPTED = "queue: its pending create was done; adopted"
ALREADY = "already released"
AS_REVIEWED = "is the reviewed one"

NO_HOST = "Could not resolve host"
NO_RIGHTS = "Authentication failed"
KILLED = "Pulumi was ended by SIGKILL"
FREED = "freed the simulated backend's lock of a dead process"
HUNG_UP = "the remote end hung up"
NO_SPACE = "No space left on device"
QUOTA = "quota exceeded"
EXPIRED = "ExpiredToken"
INTERRUPTED = "Interrupted"
AHEAD = "ahead of this machine's clock: one of two clocks is wrong"
UNKNOWN = "may have been created"
REWRITTEN = "The ledger"
MOVED = "moved while it was being previewed; nothing was touched"
OTHER_PLAN = "is not the reviewed"
NO_RELEASE = "was applied, but is no release"
DRIFTED = "nothing left to change: drift since the apply: update web (size)"
WILL_DIE = "the lease could not be released, and dies by itself"

ALL = tuple(Step)
READING = (Step.HISTORY, Step.PREVIEW, Step.GATE)
BEFORE_APPLY = (*READING, Step.STARTED)
MOVED_BEFORE = (Step.LEASE, Step.HISTORY, Step.PREVIEW)
ENGINE = (Step.PREVIEW, Step.APPLY, Step.VERIFY)
NOT_PUSHING = (*READING, Step.APPLY, Step.VERIFY)


def killed(*ledger: str, lease_left: bool = True) -> Struck:
    """A run that was killed with -9."""
    return Struck(-9, ledger, lease_left=lease_left)


def ended(code: int, *ledger: str, said: str = "") -> Struck:
    """A run that ended by itself, and gave its lease back."""
    return Struck(code, ledger, said)


def cut_off(*ledger: str, said: str) -> Struck:
    """A run that failed and could not give its lease back."""
    return Struck(1, ledger, said, lease_left=True)


def released(*said: str) -> Next:
    """The next run releases it."""
    return Next(End.RELEASED, said)


def was_released(*said: str, another: bool = False) -> Next:
    """There was nothing left to do."""
    return Next(End.WAS_RELEASED, (ALREADY, *said), another)


def reviewed_anew(*said: str) -> Next:
    """The next run is refused."""
    return Next(End.REVIEWED_ANEW, said)


def taken_back(*said: str) -> Next:
    """The next run fails, and applies nothing; another pull request mends it."""
    return Next(End.TAKEN_BACK, said)


def by_hand(command: str, *said: str) -> Next:
    """The next run fails until a person has run a command; then it is released."""
    return Next(End.RELEASED, said, by_hand=command)


CASES = (
    # What is being pushed does not arrive.
    Case(Act.KILL, (Step.LEASE,), killed(lease_left=False), released(AS_REVIEWED)),
    Case(Act.KILL, BEFORE_APPLY, killed(), released(TOOK_OVER, AS_REVIEWED)),
    Case(Act.KILL, (Step.APPLY,), killed(*STARTED), released(TOOK_OVER, NEVER_ENDED, ADOPTED, THE_REST)),
    Case(Act.KILL, (Step.APPLIED,), killed(*STARTED), released(TOOK_OVER, NEVER_ENDED, THE_REST)),
    Case(Act.KILL, (Step.VERIFY, Step.RELEASE), killed(*APPLIED), released(TOOK_OVER, VERIFIES)),
    Case(Act.KILL, (Step.LET_GO,), killed(*RELEASED), was_released(another=True)),
    # What is being pushed arrives.
    Case(Act.KILL_ALONE, (Step.LEASE,), killed(), released(TOOK_OVER, AS_REVIEWED)),
    Case(Act.KILL_ALONE, (Step.STARTED,), killed(*STARTED), released(TOOK_OVER, NEVER_ENDED, AS_REVIEWED)),
    Case(Act.KILL_ALONE, (Step.APPLIED,), killed(*APPLIED), released(TOOK_OVER, VERIFIES)),
    Case(Act.KILL_ALONE, (Step.RELEASE,), killed(*RELEASED), was_released()),
    Case(Act.KILL_ALONE, (Step.LET_GO,), killed(*RELEASED, lease_left=False), was_released()),
    # The engine is killed, and what started it lives: as where memory runs out.
    Case(Act.KILL_ENGINE, (Step.PREVIEW,), ended(1, said=KILLED), released(AS_REVIEWED)),
    Case(Act.KILL_ENGINE, (Step.APPLY,), ended(1, *STOPPED, said=KILLED), released(FREED, ADOPTED, THE_REST)),
    Case(Act.KILL_ENGINE, (Step.VERIFY,), ended(1, *APPLIED, said=KILLED), released(VERIFIES)),
    # An interrupt waits for what is being pushed.
    Case(Act.TERM, (Step.LEASE, *READING), ended(130, said=INTERRUPTED), released(AS_REVIEWED)),
    Case(Act.TERM, (Step.STARTED,), ended(130, *STOPPED, said=INTERRUPTED), released(AS_REVIEWED)),
    Case(Act.TERM, (Step.APPLY,), ended(130, *STOPPED, said=INTERRUPTED), released(THE_REST)),
    Case(Act.TERM, (Step.APPLIED, Step.VERIFY), ended(130, *APPLIED, said=INTERRUPTED), released(VERIFIES)),
    Case(Act.TERM, (Step.RELEASE, Step.LET_GO), ended(130, *RELEASED, said=INTERRUPTED), was_released()),
    # The lease cannot be given back.
    Case(Act.OFFLINE, (Step.LEASE,), ended(1, said=NO_HOST), released(AS_REVIEWED)),
    Case(Act.OFFLINE, BEFORE_APPLY, cut_off(said=NO_HOST), released(TOOK_OVER, AS_REVIEWED)),
    Case(
        Act.OFFLINE,
        (Step.APPLY, Step.APPLIED),
        cut_off(*STARTED, said=NO_HOST),
        released(TOOK_OVER, NEVER_ENDED, THE_REST),
    ),
    Case(Act.OFFLINE, (Step.VERIFY, Step.RELEASE), cut_off(*APPLIED, said=NO_HOST), released(TOOK_OVER, VERIFIES)),
    Case(Act.OFFLINE, (Step.LET_GO,), Struck(0, RELEASED, WILL_DIE, lease_left=True), was_released(another=True)),
    Case(Act.ANSWER_LOST, (Step.LEASE,), cut_off(said=HUNG_UP), released(TOOK_OVER, AS_REVIEWED)),
    Case(Act.ANSWER_LOST, (Step.HISTORY,), ended(1, said=HUNG_UP), released(AS_REVIEWED)),
    # A record whose arrival is unknown is looked for, and pushed again where it is not there.
    Case(Act.ANSWER_LOST, (Step.STARTED, Step.APPLIED, Step.RELEASE, Step.LET_GO), ended(0, *RELEASED), was_released()),
    Case(Act.DISK, (Step.LEASE, *READING), ended(1, said=NO_SPACE), released(AS_REVIEWED)),
    Case(Act.DISK, (Step.STARTED, Step.APPLY), ended(1, *STARTED, said=NO_SPACE), released(NEVER_ENDED, THE_REST)),
    Case(Act.DISK, (Step.APPLIED, Step.VERIFY), ended(1, *APPLIED, said=NO_SPACE), released(VERIFIES)),
    Case(Act.DISK, (Step.RELEASE, Step.LET_GO), ended(0, *RELEASED), was_released()),
    Case(Act.PROVIDER, (Step.PREVIEW,), ended(1, said=QUOTA), released(AS_REVIEWED)),
    Case(Act.PROVIDER, (Step.APPLY,), ended(1, *STOPPED, said=QUOTA), released(THE_REST)),
    Case(Act.PROVIDER, (Step.VERIFY,), ended(1, *APPLIED, said=QUOTA), released(VERIFIES)),
    # The cloud's while Pulumi works, else the code host's: the lease cannot be given back.
    Case(Act.EXPIRED, (Step.LEASE,), ended(1, said=NO_RIGHTS), released(AS_REVIEWED)),
    Case(Act.EXPIRED, (Step.HISTORY, Step.STARTED), cut_off(said=NO_RIGHTS), released(TOOK_OVER, AS_REVIEWED)),
    Case(Act.EXPIRED, (Step.PREVIEW,), ended(1, said=EXPIRED), released(AS_REVIEWED)),
    Case(Act.EXPIRED, (Step.GATE,), cut_off(said="Bad credentials"), released(TOOK_OVER, AS_REVIEWED)),
    Case(Act.EXPIRED, (Step.APPLY,), ended(1, *STOPPED, said=EXPIRED), released(THE_REST)),
    Case(Act.EXPIRED, (Step.APPLIED,), cut_off(*STARTED, said=NO_RIGHTS), released(TOOK_OVER, NEVER_ENDED, THE_REST)),
    Case(Act.EXPIRED, (Step.VERIFY,), ended(1, *APPLIED, said=EXPIRED), released(VERIFIES)),
    Case(Act.EXPIRED, (Step.RELEASE,), cut_off(*APPLIED, said=NO_RIGHTS), released(TOOK_OVER, VERIFIES)),
    Case(Act.EXPIRED, (Step.LET_GO,), Struck(0, RELEASED, WILL_DIE, lease_left=True), was_released()),
    Case(Act.STATE, MOVED_BEFORE, ended(3, "refused", said=OTHER_PLAN), reviewed_anew(OTHER_PLAN)),
    Case(Act.STATE, (Step.GATE, Step.STARTED), ended(3, *STOPPED, said=MOVED), reviewed_anew(OTHER_PLAN)),
    Case(
        Act.STATE,
        (Step.APPLIED, Step.VERIFY),
        ended(1, *APPLIED, "not verified", said=NO_RELEASE),
        taken_back(VERIFIES, DRIFTED),
    ),
    Case(Act.STATE, (Step.RELEASE, Step.LET_GO), ended(0, *RELEASED), was_released(another=True)),
    Case(Act.ALTERED, (Step.LEASE, *BEFORE_APPLY), ended(1, said=REWRITTEN), released(AS_REVIEWED)),
    Case(Act.ALTERED, (Step.APPLY, Step.APPLIED), ended(1, *STARTED, said=REWRITTEN), released(NEVER_ENDED, THE_REST)),
    Case(Act.ALTERED, (Step.VERIFY, Step.RELEASE), ended(1, *APPLIED, said=REWRITTEN), released(VERIFIES)),
    Case(Act.ALTERED, (Step.LET_GO,), ended(0, *RELEASED), was_released()),
    Case(Act.SHORTENED, (Step.LEASE, *BEFORE_APPLY), ended(1, said=REWRITTEN), released(AS_REVIEWED)),
    Case(Act.SHORTENED, (Step.APPLY, Step.APPLIED), ended(1, said=REWRITTEN), released(NEVER_ENDED, THE_REST)),
    Case(Act.SHORTENED, (Step.VERIFY, Step.RELEASE), ended(1, *STARTED, said=REWRITTEN), released(VERIFIES)),
    Case(Act.SHORTENED, (Step.LET_GO,), ended(0, *APPLIED), was_released()),
    Case(Act.FORWARD, ALL[:-2], ended(0, *RELEASED), was_released(AHEAD)),
    Case(Act.FORWARD, ALL[-2:], ended(0, *RELEASED), was_released()),
    Case(Act.BACKWARD, ALL, ended(0, *RELEASED), was_released()),
)
# The same faults with the real Pulumi. What nobody can be asked about, a person has to look up.
REPAIRED = "gitops repair dev --exists URN=ID"
REAL_CASES = (
    Case(Act.KILL, (Step.PREVIEW,), killed(), released(TOOK_OVER, AS_REVIEWED)),
    Case(
        Act.KILL,
        (Step.APPLY,),
        killed(*STARTED),
        Next(End.RELEASED, (TOOK_OVER, NEVER_ENDED, UNKNOWN), False, REPAIRED),
    ),
    Case(Act.KILL, (Step.VERIFY,), killed(*APPLIED), released(TOOK_OVER, VERIFIES)),
    Case(Act.KILL_ALONE, (Step.APPLY,), killed(*STARTED), released(TOOK_OVER, NEVER_ENDED, THE_REST)),
    Case(
        Act.KILL_ENGINE,
        (Step.APPLY,),
        ended(1, *STOPPED, said=KILLED),
        Next(End.RELEASED, (UNKNOWN,), False, REPAIRED),
    ),
    Case(Act.KILL_ENGINE, (Step.VERIFY,), ended(1, *APPLIED, said=KILLED), released(VERIFIES)),
    Case(Act.TERM, (Step.PREVIEW,), ended(130, said=INTERRUPTED), released(AS_REVIEWED)),
    Case(Act.TERM, (Step.APPLY,), ended(130, *STOPPED, said=INTERRUPTED), released(THE_REST)),
    Case(Act.TERM, (Step.VERIFY,), ended(130, *APPLIED, said=INTERRUPTED), released(VERIFIES)),
    Case(Act.OFFLINE, (Step.APPLY,), cut_off(*STARTED, said=NO_HOST), released(TOOK_OVER, NEVER_ENDED, THE_REST)),
    Case(Act.DISK, (Step.APPLY,), ended(1, *STARTED, said="Out of diskspace"), released(NEVER_ENDED, THE_REST)),
    Case(Act.PROVIDER, (Step.APPLY,), ended(1, *STOPPED, said=QUOTA), released(THE_REST)),
    Case(Act.EXPIRED, (Step.APPLY,), ended(1, *STOPPED, said=EXPIRED), released(THE_REST)),
)
NOT_APPLICABLE = (
    NotApplicable(Act.KILL_ALONE, NOT_PUSHING, "nothing is being pushed (what Pulumi does then: see the last table)"),
    NotApplicable(Act.KILL_ENGINE, tuple(step for step in ALL if step not in ENGINE), "Pulumi runs no program"),
    NotApplicable(Act.ANSWER_LOST, (*ENGINE, Step.GATE), "the remote is not being asked"),
    NotApplicable(Act.PROVIDER, tuple(step for step in ALL if step not in ENGINE), "no provider is at work"),
    NotApplicable(Act.STATE, (Step.APPLY,), "the state backend's own lock keeps everybody else out"),
)


def expected(act: Act, step: Step) -> Case | None:
    """What is to happen; None where the fault cannot strike."""
    return next((case for case in CASES if case.act is act and step in case.steps), None)
