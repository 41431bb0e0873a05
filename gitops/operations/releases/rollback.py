"""Give an environment the files of an earlier release again, by a pull request like any other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from gitops.adapters.git import objects
from gitops.config.settings import Environment
from gitops.context import Context
from gitops.errors import GitFailed, Refused, UsageError
from gitops.flow.ledger import chain as records
from gitops.flow.releases import release as flow_release
from gitops.flow.releases import rollback as flow
from gitops.flow.releases.release import Release
from gitops.flow.releases.rollback import Content, Outcome, Result
from gitops.flow.words import listed, short
from gitops.model import History
from gitops.model.record_bodies import RollbackAsked
from gitops.operations.program import contains, fetched
from gitops.operations.releases import releases
from gitops.operations.releases.proposals import Proposal, propose, standing
from gitops.views.markdown import rollback as rollback_text

_SHOWN = 5
_LOGIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


@dataclass(frozen=True, slots=True)
class Request:
    """What to roll back, and to which release ("": the one before the present one). `dry_run`: touch nothing.

    `asked_by` is the account in whose name somebody else runs it: both contribute, so neither counts as an approver.
    """

    environment: str
    to: str = ""
    dry_run: bool = False
    asked_by: str = ""


def rollback(context: Context, request: Request) -> Result:
    """Propose a commit on top of the environment's branch with the files of the release, and keep who asked.

    Raises UsageError for an unknown environment or what is no account, Refused for what was never released there or
    where the branch is somebody else's, RemoteUnreachable, CodeHostFailed.
    """
    if request.asked_by and not _LOGIN.fullmatch(request.asked_by):
        raise UsageError(f"{request.asked_by!r} is no account.", hint="Name the login of who asked.")
    environment = context.config(context.repository.resolve("HEAD")).environment(request.environment)
    tip = fetched(context, environment.branch)
    return _Rollback(context, context.ledger().history(), environment, tip, request.asked_by).result(request)


@dataclass(frozen=True)
class _Rollback:
    """One environment, and the newest commit of its branch."""

    context: Context
    history: History
    environment: Environment
    tip: str
    asked_by: str

    @property
    def by(self) -> str:
        """Who asked, for people and for the ledger."""
        return f"{self.context.holder.name} for {self.asked_by}" if self.asked_by else self.context.holder.name

    def result(self, request: Request) -> Result:
        """Find the release, and propose it, unless this is a rehearsal."""
        to = self._asked(request.to) if request.to else self._before()
        files = self._files(to.commit, self.tip)
        found = Result(self.environment.name, Outcome.NOTHING, to.commit, self.tip)
        if files == objects.tree(self.context.git, self.tip):
            return found
        branch = flow.branch_of(self.environment.name)
        head = self._head(branch, files, to)
        found = replace(
            found, outcome=Outcome.WOULD_PROPOSE, branch=branch, head=head, losses=flow.losses(self.history, to)
        )
        found = replace(found, body=rollback_text.body(found, to, self._content(to, files), self.by))
        if request.dry_run:
            return found
        proposal = Proposal(
            branch, self.environment.branch, head, rollback_text.title(self.environment.name, to), found.body
        )
        number = propose(self.context, self.history, proposal, self._is_ours)
        self._record(to, head, number)
        return replace(found, outcome=Outcome.PROPOSED, pull_request=number)

    def _releases(self) -> Iterator[Release]:
        return releases.of_environment(self.context, self.history, self.environment.name, self.tip)

    def _asked(self, revision: str) -> Release:
        """The release that was named. Raises Refused for what is none."""
        name = self.environment.name
        newest = listed([short(one.commit) for one in islice(self._releases(), _SHOWN)])
        hint = f"Its newest releases: {newest}." if newest else "It has no release at all."
        try:
            commit = self.context.repository.resolve(revision)
        except GitFailed as error:
            raise Refused(f"{revision!r} is no commit of this clone, so {name} never had it.", hint=hint) from error
        found = releases.on_branch(self.context, self.history, name, self.tip, commit)
        if found is None:
            raise Refused(f"{commit[:12]} was never released in {name}, in all of its stacks.", hint=hint)
        return found

    def _before(self) -> Release:
        """The newest release that differs from the branch, and was not taken back itself. Raises Refused."""
        now = objects.tree(self.context.git, self.tip)
        asked = flow_release.rollbacks(self.history, self.environment.name)
        done = [one for one in asked if self._contains(self.tip, one.head)]
        for one in self._releases():
            is_taken = any(flow_release.takes_back(other, one.commit, self._contains) for other in done)
            if not is_taken and self._files(one.commit, self.tip) != now:
                return one
        raise Refused(
            f"{self.environment.name} has no release before the present one.",
            hint="Name one that it had with --to; `gitops log` lists them.",
        )

    def _contains(self, commit: str, ancestor: str) -> bool:
        return contains(self.context, commit, ancestor)

    def _files(self, release: str, onto: str) -> str:
        """The release's tree, with the workflows of today: they are the pipeline, and not what it ships.

        A workflow's own token may not push a commit that alters them, and a rollback must work with nothing else.
        """
        trees = objects.tree(self.context.git, release), objects.tree(self.context.git, onto)
        return objects.grafted(self.context.git, *trees, releases.WORKFLOWS)

    def _head(self, branch: str, files: str, to: Release) -> str:
        """The commit to propose: the one that stands there already, where it is the same."""
        there = standing(self.context, branch)
        same = there and objects.parents(self.context.git, there) == (self.tip,)
        if same and objects.tree(self.context.git, there) == files:
            return there
        name = self.environment.name
        message = f"Roll back {name} to {short(to.commit)}\n\nThe files of release {to.commit} again."
        if self.asked_by:
            message += f"\n\nCo-authored-by: {self.asked_by} <{self.asked_by}@{releases.PRIVATE_ADDRESSES}>"
        return releases.commit_of(self.context, files, (self.tip,), message)

    def _is_ours(self, commit: str) -> bool:
        """Whether a rollback put it there: one commit on top of the branch, with the files of a release."""
        above = objects.parents(self.context.git, commit)
        if len(above) != 1 or not self._contains(self.tip, above[0]):
            return False
        files = objects.tree(self.context.git, commit)
        return any(self._files(one.commit, above[0]) == files for one in self._releases())

    def _content(self, to: Release, files: str) -> Content:
        context = self.context
        return Content(
            gone=objects.commits_between(context.git, to.commit, self.tip),
            changed=releases.differing(context, self.tip, files),
            kept=releases.differing(context, to.commit, files),
        )

    def _record(self, to: Release, head: str, number: int) -> None:
        """Keep who asked, once for each commit that was proposed."""
        name = self.environment.name
        if any(one.head == head for one in flow_release.rollbacks(self.history, name)):
            return
        author = records.Author(self.by, name)
        body = RollbackAsked(to.commit, head, number)
        for stack in sorted(to.records):
            now = self.context.clock.now()
            self.context.ledger().append(records.ledger_record(author, stack, self.tip, now, body))
