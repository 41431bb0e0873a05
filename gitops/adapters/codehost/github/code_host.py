"""GitHub as the code host: pull requests, their approvals, and one comment that is kept up to date."""

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC
from itertools import chain, islice
from typing import TYPE_CHECKING

from gitops.adapters.codehost.github.client import Client, made
from gitops.model import Approval, Comment, PullRequest

if TYPE_CHECKING:  # importing PyGithub costs about 0.3 s, which `gitops affected` does not have
    import github.Commit
    import github.PullRequest
    import github.PullRequestReview

LATELY_CLOSED = 100  # one page
# Reviews in these states replace a reviewer's earlier word; a plain comment leaves it standing.
DECISIVE = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
# GitHub's own name for the author of what a deleted account left behind.
DELETED_ACCOUNT = "ghost"
LABEL_COLOUR = "5319e7"
MAY_WRITE = frozenset({"admin", "write"})
# The committer of what is merged or edited on the web site, whoever pressed the button.
WEB_SITE = "web-flow"
# GitHub lists no more of a pull request than this, and does not say so.
MOST_COMMITS = 250
MOST_FILES = 3000
_CO_AUTHOR = re.compile(r"^co-authored-by:.*<([^>]*)>\s*$", re.IGNORECASE | re.MULTILINE)
_PRIVATE_ADDRESS = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com", re.IGNORECASE)


class GitHub:
    """A repository on GitHub, as `CodeHostReader` and `CodeHostWriter`.

    An approval counts when it is the reviewer's last decisive review, when the reviewer is a person and
    not a bot, and when that person may write to the repository: on a public one, anybody may press "approve".
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def pull_request_of(self, commit: str, branch: str) -> PullRequest | None:
        """The merged pull request into `branch` whose merge, squash or last rebased commit is `commit`."""
        with self._client.asking(f"which pull request became {commit[:12]} on {branch}", needs="pull-requests: read"):
            for candidate in chain(self._client.repository.get_commit(commit).get_pulls(), self._lately_closed(branch)):
                if candidate.merged_at and candidate.base.ref == branch and candidate.merge_commit_sha == commit:
                    return self._read(candidate)
        return None

    def _lately_closed(self, branch: str) -> "Iterator[github.PullRequest.PullRequest]":
        """The pull requests into the branch that were closed last, asked for only when iterated.

        GitHub fills its index from commits to pull requests some time after a merge (Songmu/tagpr#333 measured more
        than 13 s), and an apply starts at once.
        """
        closed = self._client.repository.get_pulls(state="closed", base=branch, sort="updated", direction="desc")
        yield from islice(closed, LATELY_CLOSED)

    def pull_request(self, number: int) -> PullRequest:
        """One pull request with its approvals."""
        with self._client.asking(f"about pull request {number}", needs="pull-requests: read"):
            return self._read(self._client.repository.get_pull(number))

    def files(self, number: int) -> tuple[str, ...] | None:
        """The paths that it changes, old and new names; None for more than GitHub lists."""
        with self._client.asking(f"which files pull request {number} changes", needs="pull-requests: read"):
            found = list(self._client.repository.get_pull(number).get_files())
            names = {name for file in found for name in (file.filename, file.previous_filename) if name}
            return tuple(sorted(names)) if len(found) < MOST_FILES else None

    def contributors(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who wrote or committed what `head` has and `base` has not."""
        with self._client.asking(f"who wrote what lies between {base[:12]} and {head[:12]}", needs="contents: read"):
            compared = self._client.repository.compare(base, head)
            total = compared.total_commits
            commits = list(compared.commits)
            logins, strangers = _people([one for one in commits if not _merged_on_the_site(one)])
            return logins, tuple(sorted({*strangers, *_unlisted(len(commits), total)}))

    def members(self, team: str) -> frozenset[str]:
        """Who belongs to @organisation/team, or to a team below it. A workflow's own token may not ask for that."""
        from github.NamedUser import NamedUser
        from github.PaginatedList import PaginatedList

        organisation, _, slug = team.removeprefix("@").partition("/")
        with self._client.asking(f"who belongs to {team}", needs="organization members: read"):
            address = f"/orgs/{organisation}/teams/{slug}/members"
            return frozenset(one.login for one in PaginatedList(NamedUser, self._client.github.requester, address, {}))

    def find_comment(self, number: int, comment: int) -> Comment | None:
        """The comment as it stands below the pull request now."""
        from github import GithubException

        with self._client.asking(f"about a comment on pull request {number}", needs="pull-requests: read"):
            try:
                found = self._client.repository.get_issue(number).get_comment(comment)
                # The first thing that is read of it is what asks GitHub.
                below = found.issue_url
            except GithubException as error:
                if error.status == 404:
                    return None
                raise
            # GitHub finds a comment by its id alone, below whatever it stands.
            if not below.endswith(f"/issues/{number}"):
                return None
            return Comment(
                id=found.id,
                by=found.user.login if found.user else "",
                body=found.body,
                at=found.created_at.astimezone(UTC),
                edited=found.updated_at != found.created_at,
                by_person=found.user is not None and found.user.type == "User",
                address=found.html_url,
            )

    def may_write(self, login: str) -> bool:
        """Whether the account may push; one that is gone may not."""
        with self._client.asking(f"what {login} may do", needs="metadata: read"):
            return self._permits(login)

    def labelled(self, label: str) -> tuple[PullRequest, ...]:
        """The open pull requests with that label."""
        with self._client.asking(f"which pull requests are labelled {label!r}", needs="pull-requests: read"):
            # By the list of pull requests: that of issues, which can be asked for a label, has no commits.
            return tuple(
                PullRequest(
                    number=one.number,
                    title=one.title,
                    author=one.user.login if one.user else DELETED_ACCOUNT,
                    base=one.base.ref,
                    head=one.head.sha,
                    labels=tuple(sorted(given.name for given in one.labels)),
                    from_fork=_is_from_fork(one),
                )
                for one in self._client.repository.get_pulls(state="open")
                if label.casefold() in {given.name.casefold() for given in one.labels}
            )

    def label(self, number: int, wanted: Collection[str], ours: Collection[str]) -> None:
        """Put on and take off what differs; a label that the repository does not have is made."""
        with self._client.asking(f"to label pull request {number}", needs="pull-requests: write"):
            issue = self._client.repository.get_issue(number)
            there = {one.name for one in issue.get_labels()}
            if missing := sorted(set(wanted) - there):
                for name in missing:
                    self._make_label(name)
                self._client.send("POST", f"issues/{number}/labels", {"labels": missing})
            for name in sorted((set(ours) - set(wanted)) & there):
                issue.remove_from_labels(name)

    def _make_label(self, name: str) -> None:
        """Have the repository know a label; one that it knows keeps its colour."""
        from github import GithubException

        try:
            self._client.repository.create_label(name, LABEL_COLOUR)
        except GithubException as error:
            if error.status != 422:  # it is there already
                raise

    def propose(self, branch: str, base: str, title: str, body: str) -> int:
        """The open pull request of these branches, new or brought up to date."""
        with self._client.asking(f"to propose {branch} for {base}", needs="pull-requests: write"):
            owner = self._client.name.partition("/")[0]
            for found in self._client.repository.get_pulls(state="open", head=f"{owner}:{branch}", base=base):
                found.edit(title=title, body=body)
                return found.number
            return made(self._client.repository.create_pull(base=base, head=branch, title=title, body=body).number)

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep exactly one comment of ours that starts with `marker`; whoever else copies the marker is left alone."""
        if not body.startswith(marker):
            body = f"{marker}\n{body}"
        with self._client.asking(f"to comment on pull request {number}", needs="pull-requests: write"):
            issue = self._client.repository.get_issue(number)
            ours = self._client.ours(issue.get_comments(), marker)
            if not ours:
                made(issue.create_comment(body).id)
                return
            ours[0].edit(body)
            # Two runs that started together, or a retry, may each have created one.
            for extra in ours[1:]:
                extra.delete()

    def announce(self, title: str, body: str) -> None:
        """An issue: everybody who watches the repository is told of it."""
        with self._client.asking("to open an issue", needs="issues: write"):
            made(self._client.repository.create_issue(title=title, body=body).number)

    def _read(self, found: "github.PullRequest.PullRequest") -> PullRequest:
        contributors, strangers = self._contributors(found)
        return PullRequest(
            number=found.number,
            title=found.title,
            author=found.user.login if found.user else DELETED_ACCOUNT,
            base=found.base.ref,
            head=found.head.sha,
            approvals=self._approvals(found),
            merged_as=found.merge_commit_sha if found.merged_at else None,
            contributors=contributors,
            strangers=strangers,
            labels=tuple(sorted(one.name for one in found.labels)),
            closed=found.state == "closed" and not found.merged_at,
            from_fork=_is_from_fork(found),
        )

    def _contributors(self, found: "github.PullRequest.PullRequest") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who opened it, wrote or committed its commits, and the names of those who have no account."""
        commits = list(found.get_commits())
        logins, strangers = _people(commits)
        author = found.user.login if found.user else DELETED_ACCOUNT
        unknown = _unlisted(len(commits), found.commits) if len(commits) >= MOST_COMMITS else set()
        return tuple(sorted({*logins, author})), tuple(sorted({*strangers, *unknown}))

    def _approvals(self, pull_request: "github.PullRequest.PullRequest") -> tuple[Approval, ...]:
        # Oldest first, as GitHub lists them; a deleted account has no user, and no say.
        last = {r.user.login: r for r in pull_request.get_reviews() if r.user and r.state in DECISIVE}
        return tuple(
            Approval(by=login, commit=review.commit_id, at=review.submitted_at.astimezone(UTC))
            for login, review in last.items()
            if review.state == "APPROVED" and self._has_a_say(review)
        )

    def _has_a_say(self, review: "github.PullRequestReview.PullRequestReview") -> bool:
        return bool(review.user.type == "User") and self._permits(review.user.login)

    def _permits(self, login: str) -> bool:
        from github import GithubException

        try:
            return self._client.repository.get_collaborator_permission(login) in MAY_WRITE
        except GithubException as error:
            if error.status == 404:  # the account is gone
                return False
            raise


def _is_from_fork(found: "github.PullRequest.PullRequest") -> bool:
    """Whether its branch is in another repository; a fork that was deleted leaves none behind."""
    return found.head.repo is None or bool(found.head.repo.full_name != found.base.repo.full_name)


def _unlisted(listed: int, total: int) -> set[str]:
    """Strangers, one for each commit that GitHub counts and does not list."""
    return {f"a commit that GitHub does not list ({number})" for number in range(listed, total)}


def _login_in(address: str) -> str | None:
    """The account that GitHub's own private address names."""
    match = _PRIVATE_ADDRESS.fullmatch(address or "")
    return match.group(1) if match else None


def _people(commits: "Sequence[github.Commit.Commit]") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The accounts that wrote or committed the commits, and the names of those who have no account.

    A co-author is a claim in a message: one that can be told excludes an account, one that cannot is nobody.
    """
    logins: set[str] = set()
    strangers: set[str] = set()
    addresses: dict[str, str] = {}
    for one in commits:
        for account, person in ((one.author, one.commit.author), (one.committer, one.commit.committer)):
            login = account.login if account else _login_in(person.email)
            if login is None:
                strangers.add(f"{person.name} <{person.email}>")
            elif login != WEB_SITE:
                logins.add(login)
                addresses[person.email] = login
    for address in (address for one in commits for address in _CO_AUTHOR.findall(one.commit.message)):
        login = addresses.get(address) or _login_in(address)
        logins |= {login} if login else set()
    return tuple(sorted(logins)), tuple(sorted(strangers))


def _merged_on_the_site(commit: "github.Commit.Commit") -> bool:
    """Whether it is a merge that the web site made: it holds nothing of whoever clicked."""
    return len(commit.parents) > 1 and commit.committer is not None and commit.committer.login == WEB_SITE
