"""Whether what the promise rests on is there: facts in, findings out.

What could not be read is a finding of its own, never a passed check. Settings of the code host are judged in
`host_settings`, of the cloud and the stacks in `cloud_settings`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gitops.config.settings import LEDGER_BRANCH, Config
from gitops.flow.doctor import cloud_settings, host_settings, workflows
from gitops.flow.doctor.cloud_settings import StackSettings
from gitops.flow.doctor.findings import About, Finding, State, not_checked, passed
from gitops.flow.doctor.host_settings import BranchFiles
from gitops.flow.words import listed, plural
from gitops.model import BranchSettings, BucketSettings, JobEnvironment, RoleTrust, Unread, WorkflowSettings
from gitops.ports import LedgerReport

OLDEST_GIT = (2, 38)
"""`git merge-tree --write-tree` is from there on."""
# GitHub's answers carry whole seconds, AWS refuses signatures that are 5 minutes off, records must not go back in time.
MOST_SKEW = timedelta(seconds=60)
_NOT_ASKED = Unread("nobody was asked")


@dataclass(frozen=True, slots=True)
class Broken:
    """A ledger that was read, and whose chain does not hold."""

    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A piece of the toolchain: the pinned version, and the one that was found, empty where there is none."""

    title: str
    wanted: str
    version: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read. `repository` is owner/name; the keys of `trusts` are ARNs, of `buckets` backend addresses.

    `local_backend` is the backend's address on this machine, `newest` when the ledger's last record was written.
    """

    config: Config
    now: datetime
    repository: str | Unread = _NOT_ASKED
    branches: Mapping[str, BranchSettings | Unread] = field(default_factory=dict)
    files: Mapping[str, BranchFiles | Unread] = field(default_factory=dict)
    environments: Mapping[str, JobEnvironment] | Unread = _NOT_ASKED
    workflows: WorkflowSettings | Unread = _NOT_ASKED
    trusts: Mapping[str, RoleTrust | Unread] = field(default_factory=dict)
    buckets: Mapping[str, BucketSettings | Unread] = field(default_factory=dict)
    local_backend: str = ""
    stacks: tuple[StackSettings, ...] | Unread = ()
    ledger: LedgerReport | Broken | Unread = _NOT_ASKED
    newest: datetime | None = None
    tools: tuple[Tool, ...] | Unread = ()
    git: tuple[int, ...] = ()
    host_now: datetime | Unread = _NOT_ASKED


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """Every check of every thing, in the order in which a change meets them."""
    return tuple(_findings(facts))


def pipelines_own(
    environments: Mapping[str, JobEnvironment] | Unread, config: Config
) -> Mapping[str, JobEnvironment] | Unread:
    """Those environments of the code host that the pipeline uses."""
    if isinstance(environments, Unread):
        return environments
    return {name: environments[name] for name in workflows.environments(config) if name in environments}


def _findings(facts: Facts) -> Iterator[Finding]:
    config = facts.config
    for environment in config.environments:
        branch = environment.branch
        yield from host_settings.branch(environment, facts.branches.get(branch, _NOT_ASKED))
        yield from host_settings.files(branch, facts.files.get(branch, _NOT_ASKED), config)
    yield from host_settings.environments(facts.environments, config)
    yield from host_settings.workflow_settings(facts.workflows, facts.files)
    yield from host_settings.ledger_branch(LEDGER_BRANCH, facts.branches.get(LEDGER_BRANCH, _NOT_ASKED))
    yield from _ledger(facts)
    ours = pipelines_own(facts.environments, config)
    yield from cloud_settings.roles(facts.environments, facts.trusts, facts.repository, config)
    yield from cloud_settings.backends(ours, facts.buckets, facts.local_backend, facts.stacks)
    yield from cloud_settings.secrets(facts.stacks)
    yield from _machine(facts)


def _ledger(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.ledger, Unread):
        yield not_checked(About.LEDGER, LEDGER_BRANCH, facts.ledger)
    elif isinstance(facts.ledger, Broken):
        yield Finding(About.LEDGER, LEDGER_BRANCH, State.MISSING, facts.ledger.why, facts.ledger.hint)
    else:
        yield passed(About.LEDGER, LEDGER_BRANCH, f"the chain of {plural(facts.ledger.records, 'record')} holds")
    if not facts.config.ledger_signers:
        text, fix = "records are not signed", "list who may sign, see docs/ledger.md, Signing"
        yield Finding(About.SIGNERS, LEDGER_BRANCH, State.ADVICE, text, fix)
    elif isinstance(facts.ledger, LedgerReport):
        signed = sum(facts.ledger.signers.values())
        # That none follows a signed one without a signature is part of the chain, which holds.
        who = listed(sorted(facts.ledger.signers)) or "nobody yet"
        yield passed(About.SIGNERS, LEDGER_BRANCH, f"{plural(signed, 'record')} signed, by {who}")
    else:
        yield not_checked(About.SIGNERS, LEDGER_BRANCH, Unread("the ledger could not be read, or does not hold"))


def _machine(facts: Facts) -> Iterator[Finding]:
    """The machine that this runs on."""
    if isinstance(facts.tools, Unread):
        yield not_checked(About.TOOLCHAIN, "this machine", facts.tools)
    else:
        yield from map(_tool, facts.tools)
    found = ".".join(map(str, facts.git))
    wanted = ".".join(map(str, OLDEST_GIT))
    if not facts.git:
        yield not_checked(About.GIT, "this machine", Unread("Git does not tell its version", "run `git version`"))
    elif facts.git < OLDEST_GIT:
        text = f"Git {found} cannot merge without a working tree"
        yield Finding(About.GIT, "this machine", State.MISSING, text, f"install Git {wanted} or newer")
    else:
        yield passed(About.GIT, "this machine", f"Git {found}")
    yield from _clock(facts)


def _tool(tool: Tool) -> Finding:
    if not tool.version:
        text, fix = f"not installed; {tool.wanted} is wanted", "gitops toolchain install --for pipeline"
        return Finding(About.TOOLCHAIN, tool.title, State.MISSING, text, fix)
    pinned = "as pinned" if tool.version == tool.wanted else f"a supported version; {tool.wanted} is pinned"
    return passed(About.TOOLCHAIN, tool.title, f"{tool.version}, {tool.origin}, {pinned}")


def _clock(facts: Facts) -> Iterator[Finding]:
    fix = "set this machine's clock, best by NTP"
    if isinstance(facts.host_now, Unread):
        yield not_checked(About.CLOCK, "against the code host", facts.host_now)
    else:
        skew = facts.now - facts.host_now
        text = f"{abs(skew).total_seconds():.0f} s {'ahead of' if skew > timedelta() else 'behind'} the code host"
        state = State.MISSING if abs(skew) > MOST_SKEW else State.PASSED
        yield Finding(About.CLOCK, "against the code host", state, text, fix if state is State.MISSING else "")
    if isinstance(facts.ledger, Unread | Broken):
        why = Unread("the ledger could not be read, or does not hold")
        yield not_checked(About.CLOCK, "against the ledger", why)
    elif facts.newest and facts.newest - facts.now > MOST_SKEW:
        ahead = (facts.newest - facts.now).total_seconds()
        text = f"the newest record was written {ahead:.0f} s after what this machine takes for now"
        yield Finding(About.CLOCK, "against the ledger", State.MISSING, text, f"{fix}, or that of whoever wrote it")
    else:
        yield passed(About.CLOCK, "against the ledger", "no record is from the future")
