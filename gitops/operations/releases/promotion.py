"""Carry the newest release of one environment to the next, as a pull request with its evidence."""

from dataclasses import dataclass, replace

from gitops.adapters.git import objects
from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import UsageError
from gitops.flow.releases import promotion as flow
from gitops.flow.releases import release as flow_release
from gitops.flow.releases.promotion import Content, Outcome, Promotion
from gitops.flow.releases.release import Release, Rollback
from gitops.flow.words import short
from gitops.model import History
from gitops.operations.affected import find_affected
from gitops.operations.program import contains, fetched
from gitops.operations.releases import releases
from gitops.operations.releases.proposals import Proposal, propose, standing
from gitops.views.markdown import promotion


@dataclass(frozen=True, slots=True)
class Request:
    """Where to promote to: one environment, or each that has one before it. `dry_run`: say it, and touch nothing."""

    environment: str | None = None
    dry_run: bool = False


def promote(context: Context, request: Request) -> tuple[Promotion, ...]:
    """Open a pull request into each environment that lacks a release of the one before, or bring it up to date.

    Raises UsageError for the first environment, Refused where the two conflict or the branch is somebody else's,
    RemoteUnreachable, CodeHostFailed. An environment for which there is nothing yet is part of the result.
    """
    settings = context.config(context.repository.resolve("HEAD"))
    wanted = [settings.environment(request.environment)] if request.environment else list(settings.environments[1:])
    pairs = [(one, before) for one in wanted if (before := settings.before(one))]
    if not pairs:
        first = settings.environments[0].name
        raise UsageError(
            f"Nothing is promoted to {first}: it is the first environment.",
            hint="Changes come to it by pull requests; promote to one of those after it.",
        )
    history = context.ledger().history()
    return tuple(_Search(context, history, one, before).result(request.dry_run) for one, before in pairs)


@dataclass(frozen=True)
class _Search:
    """One environment, and the one before it."""

    context: Context
    history: History
    to: Environment
    before: Environment

    def result(self, dry_run: bool) -> Promotion:
        """What there is to promote; proposed, unless this is a rehearsal."""
        tip, source = fetched(self.context, self.to.branch), fetched(self.context, self.before.branch)
        nothing = Promotion(self.to.name, self.before.name, Outcome.UP_TO_DATE)
        found, held = self._newest(source)
        late = flow_release.why_not_released(
            self.history, source, releases.stacks_at(self.context, self.before.name, source)
        )
        later = tuple(f"{one} at {short(source)}" for one in late)
        reasons = (*held, *later)
        if found is None or self._has(tip, found.commit):
            if self._contains(tip, source) or (found and found.commit == source):
                return nothing
            return replace(nothing, outcome=Outcome.WAITING, reasons=reasons or self._why(found))
        head, content = self._content(tip, found)
        proposal = Proposal(
            flow.branch_of(self.to.name),
            self.to.branch,
            head,
            promotion.title(self.to.name, found),
            promotion.body(self.to, found, content, reasons, self.context.clock.now()),
        )
        made = replace(
            nothing,
            outcome=Outcome.WOULD_PROPOSE,
            release=found.commit,
            branch=proposal.branch,
            head=head,
            reasons=reasons,
            body=proposal.body,
        )
        if dry_run:
            return made
        number = propose(self.context, self.history, proposal, lambda commit: self._is_ours(commit, source))
        return replace(made, outcome=Outcome.PROPOSED, pull_request=number)

    def _why(self, found: Release | None) -> tuple[str, ...]:
        if found is None:
            return (f"{self.before.name} has no release: a commit at which each of its stacks was released",)
        return (f"{self.before.branch} has commits after {short(found.commit)} that are not released",)

    def _newest(self, source: str) -> tuple[Release | None, tuple[str, ...]]:
        """The newest release that is not held, and why later ones are."""
        asked = [one for one in flow_release.rollbacks(self.history, self.before.name) if self._stands(one)]
        held: list[str] = []
        for one in releases.of_environment(self.context, self.history, self.before.name, source):
            by = next((r for r in asked if flow_release.takes_back(r, one.commit, self._contains)), None)
            if by is None:
                return one, tuple(held)
            held.append(
                f"{short(one.commit)} is held: {by.by} asked to roll {self.before.name} back (#{by.pull_request})"
            )
        return None, tuple(held)

    def _stands(self, rollback: Rollback) -> bool:
        """Whether the rollback was not given up: a pull request closed without a merge holds nothing."""
        return not self.context.host.pull_request(rollback.pull_request).closed

    def _contains(self, commit: str, ancestor: str) -> bool:
        return contains(self.context, commit, ancestor)

    def _has(self, tip: str, commit: str) -> bool:
        """Whether the branch has the commit: in its history, or (where it was squashed) in its files."""
        if self._contains(tip, commit):
            return True
        if self._taken_up(tip, commit):
            return False
        merged = self.context.git.merged(tip, commit)
        return objects.tree(self.context.git, merged) == objects.tree(self.context.git, tip)

    def _content(self, tip: str, found: Release) -> tuple[str, Content]:
        """The pull request's head, and what it brings.

        The head is the release itself. After a rollback a merge of it would leave out what was rolled back, so it is
        a commit on top of both, with the files of the release.
        """
        rolled_back = self._taken_up(tip, found.commit)
        if rolled_back:
            head = self._taking_up(tip, found)
            merged = head
        else:
            head, merged = found.commit, self.context.git.merged(tip, found.commit)
        change = find_affected(self.context.repository, tip, merged)
        held = releases.stacks_at(self.context, self.to.name, merged)
        return head, Content(
            commits=objects.commits_between(self.context.git, tip, found.commit),
            changed=tuple(one.path for one in change.change.files),
            affected=tuple(one for one in change.stacks if one.stack in held),
            unlike=releases.differing(self.context, found.commit, merged),
            takes_up=rolled_back.pull_request if rolled_back else 0,
        )

    def _taken_up(self, tip: str, commit: str) -> Rollback | None:
        """The rollback that the branch still stands on, and that this commit knows nothing of.

        Only where the branch is as the release that was returned to, and that release's files are some earlier
        commit's of what is promoted: then nothing is lost that only the branch has.
        """
        for one in flow_release.rollbacks(self.history, self.to.name):
            if not self._contains(tip, one.head) or self._contains(commit, one.head):
                continue
            if releases.differing(self.context, one.to, tip, with_workflows=False):
                return None
            trees = self.context.git.text("log", "--format=%T", commit).split()
            return one if objects.tree(self.context.git, one.to) in trees else None
        return None

    def _taking_up(self, tip: str, found: Release) -> str:
        """The release's files on top of the release and of the branch; the standing commit, where it is that."""
        files = objects.tree(self.context.git, found.commit)
        there = standing(self.context, flow.branch_of(self.to.name))
        same = there and objects.parents(self.context.git, there) == (found.commit, tip)
        if same and objects.tree(self.context.git, there) == files:
            return there
        message = f"Promote {short(found.commit)} to {self.to.name}, with what was rolled back"
        return releases.commit_of(self.context, files, (found.commit, tip), message)

    def _is_ours(self, commit: str, source: str) -> bool:
        """Whether a promotion put it there: a commit of the environment before, or one with exactly its files."""
        return self._contains(source, commit) or self._contains(source, releases.promoted(self.context, commit))
