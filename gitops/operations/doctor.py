"""What `gitops doctor` judges: everything is read here, and whatever cannot be read is told as such."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import yaml

from gitops.adapters.pulumi.secret_digests import DIGEST_KEY
from gitops.config.settings import LEDGER_BRANCH, Config
from gitops.context import Context
from gitops.errors import GitOpsError, LedgerBroken
from gitops.flow.doctor import cloud_settings, code_owners, workflows
from gitops.flow.doctor.cloud_settings import StackSettings
from gitops.flow.doctor.diagnosis import Broken, Facts, Tool, pipelines_own
from gitops.flow.doctor.findings import CreateEnvironment, ProtectBranch, Repair
from gitops.flow.doctor.host_settings import BranchFiles
from gitops.flow.impact.discovery import Snapshot, take_snapshot
from gitops.model import BranchSettings, JobEnvironment, Query, Stack, Unread
from gitops.operations.program import fetched
from gitops.ports import HostSettingsReader, LedgerReport
from gitops.toolchain import status
from gitops.toolchain.places import Places

Fact = TypeVar("Fact")


def examine(context: Context) -> Facts:
    """Read everything that the checks look at. Raises GitFailed outside a repository, ConfigError for gitops.yaml."""
    head = context.repository.resolve("HEAD")
    config = context.config(head)
    branches = [one.branch for one in config.environments]
    environments = _host(context, lambda host: host.environments())
    ours = pipelines_own(environments, config)
    local = context.environment.get(cloud_settings.BACKEND, "")
    stacks = _attempt(lambda: _stacks(context, head, config))
    ledger, newest = _ledger(context)
    return Facts(
        config=config,
        repository=_host(context, lambda host: host.name),
        branches={name: _host(context, partial(_rules, name)) for name in [*branches, LEDGER_BRANCH]},
        files=_each(branches, partial(_files, context)),
        environments=environments,
        workflows=_host(context, lambda host: host.workflows()),
        trusts=_each(_roles(ours), context.cloud.trust),
        buckets=_each(_s3(cloud_settings.addresses(ours, local, stacks)), context.cloud.bucket),
        local_backend=local,
        stacks=stacks,
        ledger=ledger,
        newest=newest,
        tools=_attempt(lambda: _tools(context)),
        git=_git_version(context),
        host_now=_host(context, lambda host: host.now()),
        # Last, right after the host was asked for its time.
        now=context.clock.now(),
    )


def _attempt(read: Callable[[], Fact]) -> Fact | Unread:
    try:
        return read()
    except GitOpsError as error:
        return Unread(error.message, error.hint)


def _each(subjects: Iterable[str], read: Callable[[str], Fact]) -> dict[str, Fact | Unread]:
    return {one: _attempt(partial(read, one)) for one in subjects}


def _host(context: Context, ask: Callable[[HostSettingsReader], Fact]) -> Fact | Unread:
    # Reading the attribute may fail as well: no token, or no host that has settings.
    return _attempt(lambda: ask(context.settings))


def _rules(branch: str, host: HostSettingsReader) -> BranchSettings:
    return host.branch(branch)


def _s3(addresses: Iterable[str]) -> Iterator[str]:
    return (address for address in addresses if address.startswith("s3://"))


def _files(context: Context, branch: str) -> BranchFiles:
    """What the remote's branch has now."""
    commit = fetched(context, branch)
    paths = context.repository.paths(commit)
    wanted = [path for path in paths if path.rpartition("/")[0] == workflows.FOLDER]
    wanted = [path for path in wanted if path.endswith((".yml", ".yaml"))]
    place = next((path for path in code_owners.PLACES if path in paths), None)
    owners = context.repository.read(commit, place).decode("utf-8", "replace") if place else None
    return BranchFiles(frozenset(paths), owners, dict(context.repository.read_many(commit, wanted)))


def _roles(environments: Mapping[str, JobEnvironment] | Unread) -> Iterator[str]:
    """The ARNs that variables name, each once."""
    found: dict[str, None] = {}
    for one in {} if isinstance(environments, Unread) else environments.values():
        if not isinstance(one.variables, Unread) and (role := one.variables.get(cloud_settings.ROLE)):
            found[role] = None
    yield from found


def _stacks(context: Context, commit: str, config: Config) -> tuple[StackSettings, ...]:
    """The settings of every stack that an environment holds."""
    snapshot = take_snapshot(context.repository, commit)
    held = [stack for one in config.environments for stack in config.stacks_of(one, snapshot.stacks)]
    return tuple(_stack(snapshot, stack) for stack in held)


def _stack(snapshot: Snapshot, stack: Stack) -> StackSettings:
    project = snapshot.project_of(stack)
    file = project.config_files[stack.name]
    [(_, content)] = snapshot.read([file])
    try:
        value = yaml.safe_load(content) or {}
        settings = value.get("config") or {}
    except (yaml.YAMLError, AttributeError):
        unread = Unread(f"{file} is not a stack's settings", f"correct {file}")
        return StackSettings(stack.label, unread=unread, backend=project.backend)
    provider = str(value.get("secretsprovider") or "")
    if not provider and "encryptionsalt" in value:
        provider = "passphrase"
    key = settings.get(DIGEST_KEY) if isinstance(settings, dict) else None
    has_key = isinstance(key, dict) and "secure" in key
    return StackSettings(
        stack.label, provider, _has_secrets(settings), has_key, folder=stack.folder, backend=project.backend
    )


def _has_secrets(value: Any) -> bool:
    if isinstance(value, dict):
        secret = set(value) == {"secure"} and isinstance(value["secure"], str)
        return secret or any(map(_has_secrets, value.values()))
    return isinstance(value, list) and any(map(_has_secrets, value))


def _ledger(context: Context) -> tuple[LedgerReport | Broken | Unread, datetime | None]:
    try:
        ledger = context.ledger()
        report = ledger.verify()
        newest = next(islice(ledger.history().select(Query()), 1), None)
    except LedgerBroken as error:
        return Broken(error.message, error.hint), None
    except GitOpsError as error:
        return Unread(error.message, error.hint), None
    return report, newest.at if newest else None


def _tools(context: Context) -> tuple[Tool, ...]:
    rows = status.rows(["pipeline"], Places.from_environment(context.environment))
    return tuple(Tool(row.title, row.wanted, row.version, row.origin) for row in rows)


def _git_version(context: Context) -> tuple[int, ...]:
    found = re.search(r"\d+(?:\.\d+)+", context.git.text("version"))
    return tuple(map(int, found[0].split("."))) if found else ()


def repair(context: Context, wanted: Repair) -> None:
    """Do one of the repairs. Raises CodeHostFailed, Failed."""
    if isinstance(wanted, CreateEnvironment):
        context.settings.create_environment(wanted.name, wanted.branch)
    elif isinstance(wanted, ProtectBranch):
        context.settings.protect(wanted.branch)
    else:
        context.cloud.keep_versions(wanted.address)
