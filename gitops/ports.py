"""What the pipeline needs from the world, as small protocols; reads apart from writes.

The adapters in `gitops.adapters` implement them on Git, Pulumi, GitHub and the clock; the fakes in
`tests/fakes` implement them in memory. Both pass the contract tests in `tests/contracts`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gitops.model import (
    BranchSettings,
    BucketSettings,
    Change,
    CheckReport,
    Comment,
    Commit,
    CutOff,
    EngineRun,
    JobEnvironment,
    Lease,
    Line,
    PolicyPack,
    PolicyRule,
    PullRequest,
    Record,
    ResourceGraph,
    ResourceStep,
    RoleTrust,
    Stack,
    StartState,
    Ticket,
    WorkflowSettings,
)

if TYPE_CHECKING:
    from gitops.flow.record import History


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> datetime:
        """The current time, aware, in UTC; it jumps when somebody sets the clock."""

    def monotonic(self) -> float:
        """Seconds since some moment. Nobody can set it, and it counts the time that the machine was asleep."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class RepositoryReader(Protocol):
    """Commits and files of the local repository."""

    def resolve(self, revision: str) -> str:
        """The commit that `revision` names. Raises GitFailed when there is none."""

    def change(self, base: str, head: str) -> Change:
        """What `head` changed since it left `base` (their merge base). Raises GitFailed for unknown commits."""

    def paths(self, commit: str) -> Mapping[str, str]:
        """Every file of the commit: path → object id."""

    def symlinks(self, commit: str) -> Mapping[str, str]:
        """The commit's symbolic links: path → target as written in the link."""

    def read(self, commit: str, path: str) -> bytes:
        """A file's content. Raises GitFailed when the commit has no such file."""

    def read_many(self, commit: str, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The content of many files in one Git process, in the order asked."""

    def checkout(self, commit: str) -> AbstractContextManager[Path]:
        """A clean, temporary working tree of exactly that commit, gone when the context ends."""

    def branch_head(self, branch: str) -> str:
        """The commit that the remote's branch is at now, asked of the remote. Raises RemoteUnreachable."""

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`."""

    def commits_touching(self, paths: Sequence[str], since: datetime, until: str) -> tuple[Commit, ...]:
        """The commits of `until`'s own line (first parents), newest first, made since then, that touch a path."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What one preview found: the run, the state it started from, and the versions that took part.

    `digest_key` tells apart the keys that secrets are digested with; empty where there are none. `outputs` are the
    stack's after an apply, as the engine writes them: secrets encrypted, unknown values as its own marks.
    """

    run: EngineRun
    start: StartState
    versions: Mapping[str, str]
    digest_key: str = ""
    graph: ResourceGraph = field(default_factory=ResourceGraph)
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A stack that another reads: its project's folder in a checkout, and its outputs as a preview proposes them.

    `outputs` are written as in `Preview.outputs`; None: they stay as they are in its state.
    """

    stack: Stack
    folder: Path
    outputs: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RunnablePack:
    """A policy pack in a checkout: the file that starts it, and what the commit has there."""

    executable: Path
    pack: PolicyPack


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """Pulumi's own plan in a file, and the policy packs that its apply runs again."""

    file: Path
    packs: tuple[RunnablePack, ...] = ()


class EngineReader(Protocol):
    """Engine runs that change nothing. `folder` is the Pulumi project's folder in a checkout."""

    def preview(
        self, folder: Path, stack: str, *, save_plan: Path | None = None, packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """Preview a stack from the live infrastructure, secrets as keyed digests; the state is not written.

        Where a mandatory policy is violated, and nothing else is wrong, the run has its changes and findings, and no
        plan is saved. Raises EngineFailed with the diagnostics, also when something cannot be read.
        """

    def preview_after(
        self, folder: Path, stack: Stack, upstream: Sequence[Upstream], packs: Sequence[RunnablePack] = ()
    ) -> Preview:
        """Preview a stack as if those that it reads had these outputs already; no state is written.

        `upstream` is what the program is known to read. Raises EngineFailed as `preview` does.
        """

    def rules(self, folder: Path, stack: Stack, packs: Sequence[RunnablePack]) -> tuple[PolicyRule, ...]:
        """What the rules of the packs say of themselves for a stack. Raises EngineFailed for a pack that does not."""

    def installed(self, folder: Path) -> Mapping[str, str]:
        """The versions that a preview there would record, as far as they are known without one. Raises EngineFailed."""

    def start_state(self, folder: Path, stack: str) -> StartState:
        """The stack's state now; a stack that was never created has an empty one."""

    def outputs(self, folder: Path, stack: str) -> Mapping[str, Any]:
        """The stack's outputs, secrets masked."""

    def stacks(self, folder: Path) -> tuple[str, ...]:
        """The names of the project's stacks in the state backend, in Git or not. Raises EngineFailed."""

    def unsettled(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """What `EngineWriter.settle` would do, a sentence for each thing; the providers are asked, nothing is done.

        Raises EngineFailed when something cannot be settled.
        """


class EngineWriter(Protocol):
    """Engine runs that change infrastructure or state."""

    def apply(
        self,
        folder: Path,
        stack: str,
        plan: SavedPlan,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> EngineRun:
        """Apply exactly the saved plan, from the live infrastructure as the preview did, under its policy packs.

        Raises EngineFailed; what was done until then is in the state.

        `must_stop` is asked all the while: as soon as it gives a reason, the running operations are finished, the
        rest is left, and the reason is raised.
        """

    def destroy(
        self,
        folder: Path,
        stack: str,
        on_progress: Callable[[ResourceStep], None],
        must_stop: Callable[[], str],
    ) -> None:
        """Delete all that the stack has, and then the stack itself; one that does not exist is nothing to do.

        The program is not run. Raises EngineFailed, also for what is protected; what was deleted until then is out of
        the state. `must_stop` as in `apply`.
        """

    def settle(
        self, folder: Path, stack: str, left_by: CutOff | None = None, told: Mapping[str, str] | None = None
    ) -> tuple[str, ...]:
        """Bring the state to the truth after a run that was cut off, if one is known.

        Ends what processes it left on this machine, frees the backend's lock it held, and settles its pending
        operations: adopts what exists, drops the rest. `told` is what a person found out about pending creates:
        URN → id, empty for what does not exist. Returns a sentence for each thing done. Raises EngineFailed
        when something cannot be settled, Waiting when somebody who may be alive holds the backend's lock.
        """


@dataclass(frozen=True, slots=True)
class LedgerReport:
    """What a whole reading of the ledger found: how many records, and how many are signed by whom.

    `head` is the commit it ends with, `seen` the one that this clone had seen before; empty where there is none.
    """

    records: int
    signers: Mapping[str, int]
    head: str
    seen: str


class LedgerReader(Protocol):
    """The append-only record of everything."""

    def history(self) -> "History":
        """The verified history, fetched from the remote now. Raises RemoteUnreachable, LedgerBroken."""

    def verify(self) -> LedgerReport:
        """Read all of it again, with every signature, whatever was verified before.

        Raises RemoteUnreachable, LedgerBroken.
        """

    def accept_rewritten(self) -> LedgerReport:
        """Forget the head that was seen, and start over from what the remote has now, if that is whole.

        Raises RemoteUnreachable, LedgerBroken.
        """


@dataclass(frozen=True, slots=True)
class Renewal:
    """A lease as it must stand on the remote, and what it becomes together with a record."""

    held: Lease
    wanted: Lease


class LedgerWriter(Protocol):
    """Appends to the ledger."""

    def append(self, record: Record) -> Record:
        """Append, retrying when another writer was faster; `sequence` and `previous` are set here.

        Returns the record as it stands in the ledger. Raises RemoteUnreachable, LedgerBroken.
        """

    def append_renewing(self, record: Record, renewal: Renewal) -> tuple[Record, Lease]:
        """Append and renew the lease in one atomic step: both or neither, so a stale holder writes nothing.

        Returns the record and the lease as they stand on the remote. Raises LeaseMoved when the lease stands
        elsewhere, RemoteUnreachable, LedgerBroken.
        """


class Leases(Protocol):
    """Exclusive, expiring rights to operate on stacks, and the lines of those who wait for one."""

    def current(self, stack: Stack) -> Lease | None:
        """The lease as the remote has it now, expired or not."""

    def all(self) -> tuple[Lease, ...]:
        """Every lease on the remote."""

    def swap(self, stack: Stack, expected: Lease | None, wanted: Lease | None) -> Lease | None:
        """Compare and swap: put `wanted` (None: remove) where `expected` stands.

        Returns what stands there now. Raises LeaseMoved when something else stood there.
        """

    def line(self, stack: Stack) -> Line:
        """The stack's lease and everybody who waits for it, in one look."""

    def tickets(self) -> tuple[Ticket, ...]:
        """Everybody who waits, for whichever stack."""

    def enter(self, ticket: Ticket) -> Ticket:
        """Put a new ticket (without a version) into the line, or renew one; as it stands there now.

        Raises LeaseMoved when it is not there any more as it was.
        """

    def leave(self, ticket: Ticket) -> None:
        """Take a ticket out of the line. Raises LeaseMoved when it is not there any more as it was."""


class LeaseMoved(Exception):
    """Another writer moved the lease or the ticket first; read it again."""


class CodeHostReader(Protocol):
    """Pull requests and their approvals."""

    def pull_request_of(self, commit: str, branch: str) -> PullRequest | None:
        """The pull request that became `commit` on `branch`, with its approvals. Raises CodeHostFailed."""

    def pull_request(self, number: int) -> PullRequest:
        """One pull request with its approvals. Raises CodeHostFailed."""

    def files(self, number: int) -> tuple[str, ...] | None:
        """The paths that a pull request changes, old and new names; None where not all can be told.

        Raises CodeHostFailed.
        """

    def contributors(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who wrote or committed what `head` has and `base` has not: accounts, and names of those who have none.

        Merges that the host itself made count for nobody. Raises CodeHostFailed.
        """

    def members(self, team: str) -> frozenset[str]:
        """Who belongs to the team, named as @organisation/team. Raises CodeHostFailed."""

    def may_write(self, login: str) -> bool:
        """Whether this account may push to the repository; an account that is gone may not. Raises CodeHostFailed."""

    def find_comment(self, number: int, comment: int) -> Comment | None:
        """A comment below the pull request as it stands there now; None where there is none (any more) of that id.

        Raises CodeHostFailed.
        """

    def labelled(self, label: str) -> tuple[PullRequest, ...]:
        """The open pull requests that carry a label, in whatever case, without their approvals and people.

        Raises CodeHostFailed.
        """


class CodeHostWriter(Protocol):
    """What the pipeline tells the code host."""

    def comment(self, number: int, marker: str, body: str) -> None:
        """Create the comment that carries `marker`, or replace it where it exists. Raises CodeHostFailed."""

    def label(self, number: int, wanted: Collection[str], ours: Collection[str]) -> None:
        """Of the labels `ours`, let the pull request carry exactly `wanted`; others stay. Raises CodeHostFailed."""

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """Open a pull request, or bring title and text of the open one of these branches up to date; its number.

        Raises CodeHostFailed.
        """

    def announce(self, title: str, body: str) -> None:
        """Tell everybody who follows the repository, in Markdown. Raises CodeHostFailed."""


class Issues(Protocol):
    """The code host's issues."""

    def keep_issue(self, marker: str, title: str, body: str | None) -> None:
        """Keep exactly one open issue of ours whose text begins with `marker`: opened, or brought up to date.

        Without a body, close it where there is one. Raises CodeHostFailed.
        """


class Checks(Protocol):
    """What the code host shows beside a commit."""

    def report(self, commit: str, report: CheckReport) -> None:
        """Create the commit's check of that name, or replace it. Raises CodeHostFailed."""

    def findings(self, commit: str, ref: str, sarif: bytes) -> None:
        """Hand a SARIF document to code scanning. `ref` is `refs/heads/…` or `refs/pull/…`. Raises CodeHostFailed."""


class Runs(Protocol):
    """The workflow runs that carry the pipeline. A workflow is named by its file, such as `apply.yml`."""

    def start(self, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
        """Start a workflow on a branch. Raises CodeHostFailed."""

    def start_again(self, workflow: str, commit: str) -> str:
        """Start the newest run of a workflow for a commit again, with the rights it had; its address.

        Raises CodeHostFailed, also where there is none, or where it is still under way.
        """

    def has_ended(self, run: str) -> bool | None:
        """Whether the run of that number is over; None where the host does not know it. Raises CodeHostFailed."""


class HostSettingsReader(Protocol):
    """How a repository is set up at its code host."""

    @property
    def name(self) -> str:
        """The repository as owner/name."""

    def branch(self, branch: str) -> BranchSettings:
        """The rules over a branch; what may not be read is told in the answer. Raises CodeHostFailed."""

    def environments(self) -> Mapping[str, JobEnvironment]:
        """The environments of jobs, by name. Raises CodeHostFailed."""

    def workflows(self) -> WorkflowSettings:
        """What workflows may do unasked. Raises CodeHostFailed."""

    def now(self) -> datetime:
        """The host's clock, to the second. Raises CodeHostFailed."""


class HostSettingsWriter(Protocol):
    """Settings that can be added without taking anything from anybody."""

    def create_environment(self, name: str, branch: str) -> None:
        """Make an environment that is not there; only jobs of `branch` may use it, of any where that is empty.

        Raises CodeHostFailed.
        """

    def protect(self, branch: str) -> None:
        """Forbid force pushes to a branch, and its deletion. Raises CodeHostFailed."""


class CloudSettings(Protocol):
    """What the pipeline's roles and its state rest on in AWS. All raise Failed, also where there are no credentials."""

    def trust(self, role: str) -> RoleTrust:
        """Who may take the role of that ARN."""

    def bucket(self, address: str) -> BucketSettings:
        """The bucket that a backend's address such as `s3://name?region=…` names."""

    def keep_versions(self, address: str) -> None:
        """Turn on the versioning of that bucket."""
