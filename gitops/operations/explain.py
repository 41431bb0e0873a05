"""Why a pull request's plans would pass the gate or not, before anybody merges."""

from collections.abc import Mapping
from dataclasses import dataclass

from gitops.adapters.pulumi import policy_packs
from gitops.config.settings import FILE, Config, Environment, parse
from gitops.context import Context, require_environment
from gitops.errors import ConfigError, UsageError
from gitops.flow import words
from gitops.flow.gate.case import Case
from gitops.model import Outcome, Stack, Verdict
from gitops.operations.judging import Judge, must_be_readable
from gitops.operations.program import fetched, named, newest, stacks_at, standing_release


@dataclass(frozen=True, slots=True)
class Request:
    """What to explain: a pull request, or a commit of an environment (default: the newest of its branch)."""

    environment: str | None = None
    branch: str | None = None
    commit: str | None = None
    pull_request: int | None = None
    stacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the gate says of each stack that has something to apply, and what it looked at.

    `applied` are those to which the commit is applied already: what is left is to verify it.
    """

    environment: str
    commit: str
    verdicts: Mapping[Stack, tuple[Verdict, Case]]
    applied: tuple[Stack, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The strictest of the stacks'."""
        return Verdict(tuple(rule for verdict, _ in self.verdicts.values() for rule in verdict.rules)).outcome


def explain(context: Context, request: Request) -> Explanation:
    """Judge the recorded plans; nothing is previewed, recorded or leased.

    Raises UsageError, ConfigError, CodeHostFailed, RemoteUnreachable, LedgerBroken; Refused when an open pull request
    conflicts with its base.
    """
    settings, environment, commit, shown = _target(context, request)
    judge = Judge(context, settings, environment, commit, shown)
    history = context.ledger().history()
    held = stacks_at(context, environment.name, commit)
    wanted = [
        stack
        for stack in named(held, request.stacks)
        if request.stacks or standing_release(context, history, stack, commit) is None
    ]
    applied = tuple(
        stack for stack in wanted if (found := history.unverified(stack)) is not None and found.commit == commit
    )
    verdicts = {stack: judge.foreseen(stack, history) for stack in wanted if stack not in applied}
    return Explanation(environment.name, commit, verdicts, applied)


def _target(context: Context, request: Request) -> tuple[Config, Environment, str, int | None]:
    """Settings, environment and commit, and the number of a pull request that is still open.

    An open pull request is judged as what it would become: its merge into its base as it is now.
    """
    number = request.pull_request
    if number is None:
        environment, tip = newest(context, request.environment, request.branch)
        commit, shown = (context.repository.resolve(request.commit) if request.commit else tip), None
    else:
        found = context.host.pull_request(number)
        base = fetched(context, found.base)
        environment_branch, shown = found.base, None if found.merged_as else number
        if not found.merged_as:
            context.git.fetch(found.head)
        commit = found.merged_as or context.git.merged(base, found.head)
        environment = require_environment(context.config(commit), request.environment, environment_branch)
        if environment.branch != environment_branch:
            raise UsageError(
                f"Pull request {number} goes into {environment_branch}, not into {environment.branch}, "
                f"the branch of {environment.name}.",
                hint="Leave --environment away.",
            )
    settings = context.config(commit)
    return settings, settings.environment(environment.name), commit, shown


def check(context: Context) -> str:
    """A sentence on gitops.yaml as it lies in the working tree. Raises ConfigError for what is wrong with it."""
    file = context.repository.root / FILE
    if not file.is_file():
        raise ConfigError(FILE, "there is no such file", hint=f"`gitops init` writes {FILE}.")
    settings = parse(file.read_bytes())
    environments = settings.environments
    must_be_readable(environments)
    policy_packs.must_be_there(context.repository.root, settings.packs)
    packs = f", {words.plural(len(settings.packs), 'policy pack')}" if settings.packs else ""
    expressions = sum(len(one.expressions) for one in environments)
    return (
        f"{FILE} is right: {words.plural(len(environments), 'environment')}, "
        f"{words.plural(expressions, 'expression')} in CEL{packs}."
    )
