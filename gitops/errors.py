"""Every error this package raises, in one tree.

::

    GitOpsError                       exit code
    ├── UsageError                        2      the request itself is wrong; nothing was looked at
    │   └── ConfigError                   2      a file the user wrote is wrong: file, line, key
    ├── Failed                            1      something broke; what was being done, and what to do next
    │   ├── GitFailed                     1      a Git command failed
    │   │   └── RemoteUnreachable         1      the remote could not be asked, so nothing may be applied
    │   ├── EngineFailed                  1      Pulumi failed; carries what failed, typed
    │   │   ├── Interrupted             130      somebody stopped it; the running operations were finished
    │   │   └── EngineKilled              1      a signal ended it; operations and a lock may be left
    │   ├── NotVerified                   1      it is applied, and a check after that does not pass
    │   ├── LedgerBroken                  1      the ledger's chain does not hold
    │   ├── CodeHostFailed                1      GitHub (or its stand-in) could not be asked
    │   └── ToolchainError                1      a tool could not be installed; says the way out
    │       └── ToolMissing               1      a tool is not installed; names the command that installs it
    ├── Refused                           3      a gate said no; nothing was touched
    └── Waiting                           4      not now: somebody holds the lease, an approval is missing

"Refused" is a decision, "failed" is a breakage, "waiting" resolves itself or by another person's action.
`retryable` says whether the same call may succeed later without anybody changing anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class GitOpsError(Exception):
    """Base of all errors; `message` is for people, `hint` says what to do next (may be empty)."""

    exit_code = 1
    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GitOpsError):
    """The command line asks for something that cannot be meant."""

    exit_code = 2


class ConfigError(UsageError):
    """A file written by the user is wrong; `line` is 1-based, `key` is a dotted path, either may be unknown."""

    def __init__(
        self, file: Path | str, problem: str, *, line: int | None = None, key: str = "", hint: str = ""
    ) -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {key + ': ' if key else ''}{problem}", hint=hint)
        self.file, self.problem, self.line, self.key = str(file), problem, line, key


class Failed(GitOpsError):
    """Something broke while doing what was asked."""


class GitFailed(Failed):
    """A Git command failed."""


class RemoteUnreachable(GitFailed):
    """The Git remote could not be read or written; without it there is no lease and no ledger, so no apply."""

    retryable = True


class FailureKind(StrEnum):
    """A known class of error. The value is how a sentence ends whose subject is the resource or the run."""

    DEVIATES = "deviates from its plan"
    POLICY = "violates a mandatory policy"
    PROTECTED = "is protected against deletion"
    FIELD_CONFLICT = "has fields that another field manager owns"
    EXISTS = "exists already"
    MISSING = "needs something that does not exist"
    DENIED = "is not permitted to these credentials"
    CREDENTIALS = "needs valid credentials: those at hand are missing, expired or wrong"
    THROTTLED = "was throttled"
    QUOTA = "would exceed a quota"
    UNREACHABLE = "needs a server that cannot be reached"
    TIMED_OUT = "was not ready in time"
    INVALID = "has inputs that its provider does not accept"
    CONFIG = "lacks a required configuration value"
    PROGRAM = "failed in the program"
    PLUGIN = "needs a plugin that is not installed"
    PASSPHRASE = "needs the stack's passphrase: it is missing or wrong"  # noqa: S105 - a sentence
    UNDECRYPTABLE = "has secrets that cannot be decrypted"
    LOCKED = "finds the state backend's lock held by another run"
    NO_BACKEND = "knows no state backend"
    UNREADABLE_STATE = "finds a state that cannot be read"
    SECRET_TRIGGER = "has a secret as replacement trigger, which cannot be previewed"  # noqa: S105 - a sentence
    OTHER = "failed"


@dataclass(frozen=True, slots=True)
class StepFailure:
    """One thing that went wrong in an engine run, without a word that the engine, a provider or a program wrote."""

    kind: FailureKind
    """The known class of error."""
    urn: str = ""
    """The resource; empty for the run as a whole."""
    type: str = ""
    """The resource's type token."""
    operation: str = ""
    """What was being done to the resource, as the engine calls it: `create`, `update`."""
    paths: tuple[str, ...] = ()
    """The properties concerned, as far as the plan or the state has properties of these names."""
    place: str = ""
    """Where the program failed: a file of the project and a line, `stacks/web.py line 12`; empty: unknown."""
    policy: str = ""
    """The violated policy, `pack/name`."""

    @property
    def sentence(self) -> str:
        """The failure in one line, for people."""
        at = f", at {', '.join(self.paths)}" if self.paths else ""
        where = f", at {self.place}" if self.place else ""
        which = f" {self.policy}" if self.policy else ""
        # As `name_in` of gitops/model/urn.py, which may not be imported here: the toolchain's errors need no model.
        name = self.urn.split("::", 3)[-1]
        subject = " ".join(part for part in (self.operation, self.type, name) if part) or "the run"
        return f"{subject} {self.kind.value}{which}{at}{where}"


@dataclass(frozen=True, slots=True)
class FreeText:
    """What an engine, a provider or a program wrote, with every known secret replaced. It is for a terminal alone."""

    lines: tuple[str, ...] = ()
    """The lines that may be shown."""
    left_out: int = 0
    """How many lines are not shown: they could hold a secret."""


NO_TEXT = FreeText()


class EngineFailed(Failed):
    """Pulumi failed. Message, hint and `failures` may go anywhere: they hold no word that an engine wrote.

    `text` is what Pulumi, a provider or a program wrote, rid of known secrets. It is for a terminal alone, and belongs
    into no record, comment or report.
    """

    def __init__(
        self,
        message: str,
        *,
        failures: tuple[StepFailure, ...] = (),
        text: FreeText = NO_TEXT,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.failures = failures
        self.text = text

    @property
    def details(self) -> tuple[str, ...]:
        """A sentence for each failure that the message does not have already."""
        return tuple(one.sentence for one in self.failures if one.sentence not in self.message)


class Interrupted(EngineFailed):
    """Ctrl-C or a termination signal stopped an engine run in good order; 130 is 128 + SIGINT, as shells count."""

    exit_code = 130


class EngineKilled(EngineFailed):
    """Pulumi's process was ended by a signal that is not ours, as the kernel does where memory runs out.

    What it was doing may be pending, and its lock may stand on the state backend. All that it started is ended.
    """


class NotVerified(Failed):
    """What is recorded as applied is no release; `drift` is what differs from it, as plain values."""

    def __init__(self, message: str, *, drift: tuple[Mapping[str, object], ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.drift = drift


class LedgerBroken(Failed):
    """A record is missing, altered, out of order, or cannot be read."""


class CodeHostFailed(Failed):
    """The code host could not be asked, or gave an answer that cannot be understood."""

    retryable = True


class ToolchainError(Failed):
    """A tool could not be found, downloaded or built; the hint is the way out."""


class ToolMissing(ToolchainError):
    """A tool that the command needs is not installed."""


class Refused(GitOpsError):
    """A rule between a plan and an apply said no; nothing was touched."""

    exit_code = 3


class Waiting(GitOpsError):
    """The answer is not no, but not yet."""

    exit_code = 4
    retryable = True
