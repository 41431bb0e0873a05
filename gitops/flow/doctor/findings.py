"""What `gitops doctor` tells: one finding for each check of each thing, and the repairs that it may make itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gitops.model import Unread


class State(StrEnum):
    """How a check came out. Not checked is not passed; advice does not decide about the promise."""

    PASSED = "ok"
    ADVICE = "advice"
    NOT_CHECKED = "not checked"
    MISSING = "missing"


class About(StrEnum):
    """The checks, by the names that docs/doctor.md describes."""

    PULL_REQUESTS = "pull-requests"
    CODE_OWNER_REVIEW = "code-owner-review"
    REQUIRED_CHECKS = "required-checks"
    HISTORY = "history"
    BYPASS = "bypass"
    CODE_OWNERS = "code-owners"
    ENVIRONMENTS = "environments"
    ENVIRONMENT_BRANCH = "environment-branch"
    REVIEWERS = "reviewers"
    ENVIRONMENT_BYPASS = "environment-bypass"
    WORKFLOWS = "workflows"
    WORKFLOW_BRANCHES = "workflow-branches"
    PINNED_ACTIONS = "pinned-actions"
    TOKEN = "workflow-token"  # noqa: S105 - a name
    ACTIONS_APPROVE = "actions-approve"
    LEDGER_BRANCH = "ledger-branch"
    LEDGER = "ledger"
    SIGNERS = "signers"
    ROLES = "roles"
    TRUST = "trust"
    STATE_BACKEND = "state-backend"
    SECRETS = "secrets"
    DIGEST_KEY = "digest-key"
    TOOLCHAIN = "toolchain"
    GIT = "git"
    CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class CreateEnvironment:
    """Make a missing environment of the code host, for one branch or (empty) for any."""

    name: str
    branch: str


@dataclass(frozen=True, slots=True)
class ProtectBranch:
    """Forbid force pushes to a branch, and its deletion."""

    branch: str


@dataclass(frozen=True, slots=True)
class KeepVersions:
    """Turn on the versioning of the bucket of a backend's address."""

    address: str


Repair = CreateEnvironment | ProtectBranch | KeepVersions


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one thing: how it came out and, where it did not pass, what to do. `repair`: `--fix` does it."""

    about: About
    subject: str
    state: State
    text: str
    fix: str = ""
    repair: Repair | None = None


def passed(about: About, subject: str, text: str) -> Finding:
    """A check that passed."""
    return Finding(about, subject, State.PASSED, text)


def not_checked(about: About, subject: str, unread: Unread) -> Finding:
    """A check that could not be made."""
    return Finding(about, subject, State.NOT_CHECKED, unread.why, unread.hint)


def repairs(findings: Sequence[Finding]) -> Iterator[Repair]:
    """What `--fix` would do, each thing once."""
    yield from dict.fromkeys(one.repair for one in findings if one.repair is not None)


def told(repair: Repair) -> str:
    """A repair as something to do: "create …"."""
    if isinstance(repair, CreateEnvironment):
        limit = f", for the branch {repair.branch} only" if repair.branch else ""
        return f"create the GitHub environment {repair.name}{limit}"
    if isinstance(repair, ProtectBranch):
        return f"add a ruleset to {repair.branch}: no force pushes, no deletion"
    return f"turn on versioning of the bucket {repair.address.partition('?')[0]}"
