"""What `up` and `explain` share: the facts that a gate decides by, gathered from Git, the code host and the ledger.

The rules are those of the commit and those of the release before it, both: a commit must not open the gate in front
of itself.
"""

from dataclasses import replace
from functools import cached_property

from gitops.config import Config, Environment
from gitops.context import Context
from gitops.flow import gate
from gitops.flow import record as records
from gitops.flow.gate import Evidence
from gitops.flow.record import History
from gitops.model import Plan, PullRequest, RecordKind, Stack, Verdict


class Judge:
    """Judges the plans of one commit for one environment. `settings` is gitops.yaml as the commit has it."""

    def __init__(self, context: Context, settings: Config, environment: Environment, commit: str) -> None:
        self._context = context
        self._settings = settings
        self._environment = environment
        self._commit = commit

    @cached_property
    def pull_request(self) -> PullRequest | None:
        """The pull request that became the commit, asked of the host when it is first needed."""
        return self._context.host.pull_request_of(self._commit, self._environment.branch)

    def refreshed(self) -> PullRequest | None:
        """The same, asked anew: previews take minutes, in which an approval can be taken back."""
        self.__dict__.pop("pull_request", None)
        return self.pull_request

    def foresee(self, stack: Stack, history: History) -> Verdict:
        """What can be said before the commit's program runs. Raises CodeHostFailed."""
        return gate.foresee(self._strictest(stack, history), stack, self._commit, self.pull_request, history)

    def decide(self, fresh: Plan, history: History, resumed: bool) -> tuple[Verdict, Evidence]:
        """The verdict on a fresh plan, and what it was decided by; the host is asked anew. Raises CodeHostFailed."""
        evidence = gate.gather(fresh, self.refreshed(), history, resumed)
        return gate.decide(self._strictest(fresh.stack, history), fresh, evidence), evidence

    def may_break_glass(self) -> tuple[str, ...]:
        """Who may apply past this gate: those whom the commit and every release before it name.

        Raises RemoteUnreachable, LedgerBroken.
        """
        names = self._environment.break_glass
        history = records.trusted(self._context.ledger(self._settings).records())
        released = {
            one.stack: one
            for one in history.records
            if one.kind is RecordKind.RELEASE and one.environment == self._environment.name
        }
        for release in released.values():
            before = {one.name: one.break_glass for one in self._settings_at(release.commit).environments}
            names = tuple(name for name in names if name in before.get(self._environment.name, ()))
        return names

    def _before(self, stack: Stack, history: History) -> Environment | None:
        """The stack's environment as its released commit has it; None where nothing was released yet."""
        release = history.release(stack)
        if release is None:
            return None
        return self._settings_at(release.commit).environment_of(stack)

    def _settings_at(self, commit: str) -> Config:
        return self._context.config(self._context.repository.resolve(commit))

    def _strictest(self, stack: Stack, history: History) -> Environment:
        before = self._before(stack, history)
        needed = max(self._environment.approvals, before.approvals if before else 0)
        return replace(self._environment, approvals=needed)
