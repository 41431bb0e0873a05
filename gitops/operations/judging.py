"""What `up` and `explain` share: the facts that a gate decides by, gathered from Git, the code host and the ledger.

The rules are those of the commit and those of the release before it, both: a commit must not open the gate in front
of itself.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from gitops.config.settings import FILE, Config, Environment
from gitops.context import Context
from gitops.errors import ConfigError
from gitops.flow.gate import approvals, destroys, expressions, judgement
from gitops.flow.gate.case import Case, Remarks
from gitops.flow.gate.rules import RuleSet
from gitops.flow.impact.discovery import Snapshot, take_snapshot
from gitops.flow.plans.plan import unknowns
from gitops.model import History, Inputs, Plan, PolicyPack, PullRequest, Query, Record, RecordKind, Stack, Verdict
from gitops.operations import unreleased
from gitops.operations.program import Program, contains, last_release
from gitops.operations.releases import releases

AS_RELEASED = "as released"


def must_be_readable(environments: Iterable[Environment]) -> None:
    """Raises ConfigError for a CEL expression that cannot be read, or names what no plan has.

    It is asked for where rules are evaluated or reviewed and not by the parser, since cel-python takes 0.2 s to import.
    """
    for environment in environments:
        for one in environment.expressions:
            problem = expressions.problem(one.text)
            if problem:
                raise ConfigError(FILE, problem, line=one.line, key=one.key, hint="docs/gate.md lists what there is.")


class Judge:
    """Judges the plans of one commit for one environment. `settings` is gitops.yaml as the commit has it.

    `shown` is a pull request that is still open; without it, it is the one that became the commit. Raises ConfigError
    for a rule that cannot be read.
    """

    def __init__(
        self, context: Context, settings: Config, environment: Environment, commit: str, shown: int | None = None
    ) -> None:
        must_be_readable((environment,))
        self._context = context
        self._settings = settings
        self._environment = environment
        self._commit = commit
        self._shown = shown
        self._asked: list[PullRequest | None] = []

    def _pull_request(self, history: History) -> PullRequest | None:
        """The open pull request that is shown, or the one that became the commit; asked of the host."""
        if self._shown is not None:
            return self._context.host.pull_request(self._shown)
        return self._context.host.pull_request_of(self._commit, self._branch(history))

    def _branch(self, history: History) -> str:
        """Into which branch the change had to be merged: a commit that moves its environment to another branch is
        itself held to the one that was followed before.
        """
        held = self._settings.stacks_of(self._environment, self._snapshot.stacks)
        known = [found for stack in held if (found := history.release(stack))]
        known += [found] if (found := history.newest(_releases(self._environment.name))) else []
        if not known:
            return self._environment.branch
        last = max(known, key=lambda one: one.sequence)
        return _followed(self._settings_at(last.commit), last.stack) or self._environment.branch

    def foresee(self, stack: Stack, history: History) -> Verdict:
        """What can be said before the commit's program runs. Raises CodeHostFailed."""
        return self.foreseen(stack, history)[0]

    def foreseen(self, stack: Stack, history: History) -> tuple[Verdict, Case]:
        """The same, with what it was decided by."""
        sets = self._sets(stack, history)
        # Once for all stacks: nothing has taken time yet.
        self._asked = self._asked or [self._pull_request(history)]
        case = judgement.gather(None, self._case(stack, history, sets, self._asked[0]), history)
        if case.approved and unknowns(case.approved):
            case = judgement.gather(None, replace(case, program=self._program(stack)), history)
        return judgement.foresee(sets, case), case

    def decide(self, fresh: Plan, history: History, resumed: bool) -> tuple[Verdict, Case]:
        """The verdict on a fresh plan, and what it was decided by. Raises CodeHostFailed.

        The host is asked anew: previews take minutes, in which an approval can be taken back.
        """
        sets = self._sets(fresh.stack, history)
        facts = replace(self._case(fresh.stack, history, sets, self._pull_request(history)), resumed=resumed)
        case = judgement.gather(fresh, facts, history)
        return judgement.decide(sets, case), case

    def may_break_glass(self) -> tuple[str, ...]:
        """Who may apply past this gate: those whom the commit and every release before it name.

        That is each release of the environment, and of each of its stacks, whatever their environment was called then.
        Raises RemoteUnreachable, LedgerBroken.
        """
        names, environment = self._environment.break_glass, self._environment
        history = self._context.ledger().history()
        held = {stack.label: stack for stack in self._settings.stacks_of(environment, self._snapshot.stacks)}
        named = {one.stack for one in history.select(_releases(environment.name))}
        for label in sorted(named | held.keys()):
            release = history.newest(Query(stack=label, kinds=(RecordKind.RELEASE,)))
            if release is None:
                continue
            before = self._settings_at(release.commit)
            found = before.environment_of(held[label]) if label in held else None
            found = found or next((one for one in before.environments if one.name == environment.name), None)
            names = tuple(name for name in names if found and name in found.break_glass)
        return names

    # --- rules ----------------------------------------------------------------------------------

    def _sets(self, stack: Stack, history: History) -> tuple[RuleSet, ...]:
        """The commit's rules, and those of the release before it: the stack's own, else any of the environment's.

        Raises ConfigError where the released rules cannot be read.
        """
        own = _rule_set(self._settings, self._environment, self._context.packs(self._commit))
        release = last_release(history, stack, self._environment.name)
        if release is None:
            return (own,)
        settings = self._settings_at(release.commit)
        packs = self._context.packs(release.commit)
        named = [one for one in settings.environments if one.name == self._environment.name]
        holding = settings.environment_of(stack)
        released = [holding] if holding else named
        must_be_readable(released)
        if not released:  # its packs stand for every stack, whatever its environment was
            return (own, replace(own, origin=AS_RELEASED, packs=packs))
        return (own, *(_rule_set(settings, one, packs, AS_RELEASED) for one in released))

    def _settings_at(self, commit: str) -> Config:
        return self._context.config(self._context.repository.resolve(commit))

    # --- facts ----------------------------------------------------------------------------------

    def _case(self, stack: Stack, history: History, sets: tuple[RuleSet, ...], request: PullRequest | None) -> Case:
        """Every fact that Git, the code host and the ledger have, but for the plans and who approved them."""
        environments = [one.environment for one in sets]
        into = self._environment.branch if self._shown is not None else ""
        earlier = unreleased.find(self._context, history.release(stack), self._commit, into)
        if request and earlier:
            request = earlier.contributors(request)
        soaks = {one.before.name for one in sets if one.before and one.environment.gate.soak is not None}
        soaking = {name: self._soaking(name, request, history) for name in soaks}
        host = self._context.host
        files: tuple[str, ...] | None = ()
        if request and any(map(_asks_for_files, environments)):
            files = host.files(request.number)
            files = earlier.files(files) if earlier else files
        return Case(
            stack=stack,
            commit=self._commit,
            pull_request=request,
            now=self._context.clock.now(),
            files=files,
            teams={team: host.members(team) for team in _teams(environments, files)},
            soaking={name: since for name, since in soaking.items() if since is not None},
            vouched=self._is_vouched(sets, request, history),
            remarks=self._remarks(stack, request, history),
            returns_to=self._returns_to(request, history) if soaks else "",
        )

    def _remarks(self, stack: Stack, request: PullRequest | None, history: History) -> Remarks:
        """The comments that records of approved destroys point at, asked of the host anew."""
        if request is None:
            return Remarks()
        host, number = self._context.host, request.number
        asked = {comment for comment, _ in destroys.given(history, stack, number)}
        found = {comment: one for comment in sorted(asked) if (one := host.find_comment(number, comment))}
        authors = {one.by for one in found.values() if one.by}
        return Remarks(found, frozenset(author for author in authors if host.may_write(author)))

    def _returns_to(self, request: PullRequest | None, history: History) -> str:
        """The release of this environment that a rollback returns to: it has soaked before it came here."""
        if request is None:
            return ""
        found = releases.returned_to(self._context, history, self._environment.name, request.head, self._commit)
        return found.commit if found else ""

    def _soaking(self, environment: str, request: PullRequest | None, history: History) -> datetime | None:
        """Since when all stacks of the environment are at the promoted commit, or at later ones."""
        first = self._first_releases(environment, request, history)
        return max((one.at for one in first if one), default=None) if all(first) else None

    def _first_releases(
        self, environment: str, request: PullRequest | None, history: History
    ) -> tuple[Record | None, ...]:
        """With which release each stack of the environment came to the promoted commit; None where it is not there."""
        held = [one for one in self._settings.environments if one.name == environment]
        if request is None or not held:
            return ()
        promoted = self._promoted(request.head)
        found: list[Record | None] = []
        for stack in self._settings.stacks_of(held[0], self._snapshot.stacks):
            first: Record | None = None
            for one in history.select(replace(_releases(environment), stack=stack.label)):
                if one.commit != promoted and not contains(self._context, one.commit, promoted):
                    break
                first = one
            found.append(first)
        return tuple(found)

    def _promoted(self, head: str) -> str:
        return releases.promoted(self._context, head)

    def _is_vouched(self, sets: tuple[RuleSet, ...], request: PullRequest | None, history: History) -> bool:
        """Whether this promotes what is released in the environment before, where others had to approve it.

        Nobody had to where no stack there had anything to apply, or where the glass was broken for it. A merge that
        only has a release's files is none: what it leaves out of the branch is its author's own decision.
        """
        if request is None or not _matters(request) or self._promoted(request.head) != request.head:
            return False
        return all(
            one.before is not None
            and one.before.approvals.count > 0
            and one.before.gate.auto_approve is None
            and self._was_approved(self._first_releases(one.before.name, request, history), history)
            for one in sets
        )

    @staticmethod
    def _was_approved(found: tuple[Record | None, ...], history: History) -> bool:
        """Whether all are released, and one of them came through the gate."""
        glass = (RecordKind.BREAK_GLASS,)
        return all(found) and any(
            not one.is_unchanged and history.newest(Query(stack=one.stack, kinds=glass, commit=one.commit)) is None
            for one in found
            if one
        )

    @cached_property
    def _snapshot(self) -> Snapshot:
        return take_snapshot(self._context.repository, self._commit)

    def _program(self, stack: Stack) -> Inputs:
        """What a plan of the commit would be computed from, as far as that is known without a preview."""
        return Program(self._context, self._commit, self._snapshot, Path()).inputs(stack, {})


def _followed(settings: Config, label: str) -> str:
    """The branch that the environment of a stack, by its label, followed; "" where none held it."""
    project, _, name = label.rpartition("/")
    holding = settings.environment_of(Stack(project, name))
    return holding.branch if holding else ""


def _rule_set(settings: Config, environment: Environment, packs: tuple[PolicyPack, ...], origin: str = "") -> RuleSet:
    return RuleSet(environment, settings.before(environment), origin, packs)


def _releases(environment: str) -> Query:
    return Query(kinds=(RecordKind.RELEASE,), environment=environment)


def _matters(request: PullRequest) -> bool:
    """Whether it matters who contributed: an approver did, or somebody without an account."""
    contributors = {one.casefold() for one in request.contributors}
    return bool(request.strangers) or any(one.by.casefold() in contributors for one in request.approvals)


def _asks_for_files(environment: Environment) -> bool:
    return bool(environment.approvals.owners or environment.expressions)


def _teams(environments: Iterable[Environment], files: tuple[str, ...] | None) -> set[str]:
    """The teams that have a say about the paths: a token needs more rights to ask for a team than for anything else."""
    concerned = [
        rule for one in environments for rule in one.approvals.owners if approvals.matching(rule.pattern, files)
    ]
    return {person for rule in concerned for person in rule.people if "/" in person}
