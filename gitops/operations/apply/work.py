"""What the steps of an apply pass on: what was asked for, where the work is done, how far a stack has come."""

from dataclasses import dataclass

from gitops.config.settings import Environment
from gitops.context import Context, Ledger
from gitops.flow.gate.case import Case
from gitops.flow.ledger import chain as records
from gitops.model import Plan, Record, Stack, Verdict
from gitops.model.record_bodies import Body
from gitops.operations.judging import Judge
from gitops.operations.leasing.holding import Held
from gitops.operations.program import Program
from gitops.ports import SavedPlan


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Why the gate is overridden, and the plans that were read: the first 12 characters of each digest, or more."""

    reason: str
    plans: tuple[str, ...]

    def covers(self, digest: str) -> bool:
        """Whether a plan with this digest was named."""
        return any(digest.startswith(plan) for plan in self.plans)


@dataclass(frozen=True)
class Work:
    """What applying needs, whoever allowed it: where, and who writes the records."""

    context: Context
    environment: Environment
    ledger: Ledger
    program: Program

    @property
    def commit(self) -> str:
        """The commit that records are about."""
        return self.program.commit

    def make(self, stack: Stack, body: Body) -> Record:
        """A record of this run, not in the ledger yet."""
        author = records.Author(self.context.holder.name, self.environment.name)
        return records.ledger_record(author, stack, self.commit, self.context.clock.now(), body)

    def record(self, stack: Stack, body: Body) -> None:
        """Append a record that needs no lease: it tells what was not done."""
        self.ledger.append(self.make(stack, body))

    def way_on(self, *, drifted: bool) -> str:
        """What to do about a check that does not pass. An approval is used up by its apply."""
        if drifted:
            return (
                "It is not applied again. Open another pull request that affects the stack: its plan takes the "
                "difference back, or change the program so that it leaves it alone; see docs/drift.md."
            )
        return (
            "Nothing is promoted from it. Run the same command again to verify it once more, which applies nothing; "
            "or mend it with another change."
        )


@dataclass(frozen=True)
class Run(Work):
    """What every step of one `up` needs."""

    judge: Judge
    dry_run: bool
    glass: BreakGlass | None


@dataclass(frozen=True)
class Ready:
    """A stack that is ready to be applied; `saved` is Pulumi's plan."""

    lease: Held
    plan: Plan
    saved: SavedPlan

    @property
    def stack(self) -> Stack:
        """The stack."""
        return self.plan.stack


@dataclass(frozen=True)
class Prepared(Ready):
    """The same, as far as its verdict allows it."""

    verdict: Verdict
    case: Case
