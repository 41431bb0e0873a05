"""Every error this package raises, in one tree.

::

    GitOpsError                       exit code
    ├── UsageError                        2      the request itself is wrong; nothing was looked at
    │   └── ConfigError                   2      a file the user wrote is wrong: file, line, key
    ├── Failed                            1      something broke; what was being done, and what to do next
    │   ├── GitFailed                     1      a Git command failed
    │   │   └── RemoteUnreachable         1      the remote could not be asked, so nothing may be applied
    │   ├── EngineFailed                  1      Pulumi failed; carries its diagnostics
    │   │   ├── Interrupted             130      somebody stopped it; the running operations were finished
    │   │   └── EngineKilled              1      a signal ended it; operations and a lock may be left
    │   ├── LedgerBroken                  1      the ledger's chain does not hold
    │   ├── CodeHostFailed                1      GitHub (or its stand-in) could not be asked
    │   └── ToolchainError                1      a tool could not be installed; says the way out
    │       └── ToolMissing               1      a tool is not installed; names the command that installs it
    ├── Refused                           3      a gate said no; nothing was touched
    └── Waiting                           4      not now: somebody holds the lease, an approval is missing

"Refused" is a decision, "failed" is a breakage, "waiting" resolves itself or by another person's action.
`retryable` says whether the same call may succeed later without anybody changing anything.
"""

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


class EngineFailed(Failed):
    """Pulumi failed; `diagnostics` are its error messages, already without secrets."""

    def __init__(self, message: str, *, diagnostics: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.diagnostics = diagnostics


class Interrupted(EngineFailed):
    """Ctrl-C or a termination signal stopped an engine run in good order; 130 is 128 + SIGINT, as shells count."""

    exit_code = 130


class EngineKilled(EngineFailed):
    """Pulumi's process was ended by a signal that is not ours, as the kernel does where memory runs out.

    What it was doing may be pending, and its lock may stand on the state backend. All that it started is ended.
    """


class LedgerBroken(Failed):
    """A record is missing, altered or out of order."""


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
