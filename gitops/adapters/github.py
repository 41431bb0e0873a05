"""GitHub as the code host: pull requests, their approvals, and one comment that is kept up to date.

Built on PyGithub; its exceptions end here. Which token, which API and which repository come from a
mapping that `gitops.context` passes in, never from the process environment.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gitops.errors import CodeHostFailed, UsageError
from gitops.model import Approval, PullRequest

if TYPE_CHECKING:  # importing PyGithub costs about 0.3 s, which `gitops affected` does not have
    import github.Commit
    import github.PullRequest
    import github.PullRequestReview
    from github.GithubException import GithubException

PUBLIC_SERVER = "https://github.com"
PUBLIC_API = "https://api.github.com"
TIMEOUT_SECONDS = 20
RETRIES = 4
# Longer than this and a runner is better given back: the error says when to start again.
LONGEST_WAIT_SECONDS = 60
LATELY_CLOSED = 100  # one page
# Reviews in these states replace a reviewer's earlier word; a plain comment leaves it standing.
DECISIVE = frozenset({"APPROVED", "CHANGES_REQUESTED", "DISMISSED"})
# GitHub's own name for the author of what a deleted account left behind.
DELETED_ACCOUNT = "ghost"
MAY_WRITE = frozenset({"admin", "write"})
# The committer of what is merged or edited on the web site, whoever pressed the button.
WEB_SITE = "web-flow"
# GitHub lists no more of a pull request than this, and does not say so.
MOST_COMMITS = 250
MOST_FILES = 3000
_CO_AUTHOR = re.compile(r"^co-authored-by:.*<([^>]*)>\s*$", re.IGNORECASE | re.MULTILINE)
_PRIVATE_ADDRESS = re.compile(r"(?:\d+\+)?([^@+]+)@users\.noreply\.github\.com", re.IGNORECASE)


def repository_of(url: str, server: str = PUBLIC_SERVER) -> str | None:
    """The `owner/name` that a remote's URL names on github.com or on `server`; None for any other host or a path."""
    scp = re.fullmatch(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)", url)
    host, path = (scp[1], scp[2]) if scp else (urlsplit(url).hostname or "", urlsplit(url).path)
    if host not in {"github.com", "ssh.github.com", urlsplit(server).hostname}:
        return None
    name = path.strip("/").removesuffix(".git")
    return name if name.count("/") == 1 else None


class GitHub:
    """A repository on GitHub, as `CodeHostReader` and `CodeHostWriter`.

    An approval counts when it is the reviewer's last decisive review, when the reviewer is a person and
    not a bot, and when that person may write to the repository: on a public one, anybody may press "approve".
    """

    def __init__(self, repository: str, token: str, *, api: str = PUBLIC_API, retries: int = RETRIES) -> None:
        from github import Auth, Github, GithubRetry

        # PyGithub writes each retry to stderr by itself; what it comes to in the end is told by our error.
        logging.getLogger("github").setLevel(logging.WARNING)
        # POST as well: a comment that was created although the answer said otherwise has the same text, and the
        # next run removes one of the two.
        retry = GithubRetry(
            total=retries,
            backoff_factor=0.5,
            allowed_methods={"GET", "POST", "PATCH", "DELETE"},
            max_rate_limit_wait=LONGEST_WAIT_SECONDS,
            retry_after_max=LONGEST_WAIT_SECONDS,
            raise_on_status=False,
        )
        # No pause between requests: a run makes a handful, not the hundreds that GitHub asks to be spread out.
        self._client = Github(
            auth=Auth.Token(token),
            base_url=api.rstrip("/"),
            timeout=TIMEOUT_SECONDS,
            per_page=100,
            retry=retry,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        self._repository = self._client.get_repo(repository)
        self._name = repository
        self._api = api

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], remote_url: str) -> "GitHub":
        """Built from GITHUB_TOKEN, GITHUB_API_URL, GITHUB_SERVER_URL and GITHUB_REPOSITORY, as a workflow sets them.

        Outside of a workflow the repository is the remote's and the API follows from the server. Raises
        UsageError when no repository can be told, CodeHostFailed when there is no token.
        """
        server = environment.get("GITHUB_SERVER_URL") or PUBLIC_SERVER
        repository = environment.get("GITHUB_REPOSITORY") or repository_of(remote_url, server)
        if not repository:
            raise UsageError(
                f"the remote {_without_credentials(remote_url)} does not name a repository on GitHub",
                hint="set GITHUB_REPOSITORY to owner/name, and GITHUB_SERVER_URL for a GitHub of your own",
            )
        token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN")
        if not token:
            raise _failure(
                f"cannot ask GitHub about {repository}: there is no token",
                hint="set GITHUB_TOKEN; in a workflow step: `env: {GITHUB_TOKEN: ${{ github.token }}}`, "
                'on a laptop: export GITHUB_TOKEN="$(gh auth token)"',
                retryable=False,
            )
        public = server.rstrip("/") == PUBLIC_SERVER
        api = environment.get("GITHUB_API_URL") or (PUBLIC_API if public else f"{server.rstrip('/')}/api/v3")
        return cls(repository, token, api=api)

    def pull_request_of(self, commit: str, branch: str) -> PullRequest | None:
        """The merged pull request into `branch` whose merge, squash or last rebased commit is `commit`."""
        with self._asking(f"which pull request became {commit[:12]} on {branch}", needs="pull-requests: read"):
            for candidate in chain(self._repository.get_commit(commit).get_pulls(), self._lately_closed(branch)):
                if candidate.merged_at and candidate.base.ref == branch and candidate.merge_commit_sha == commit:
                    return self._read(candidate)
        return None

    def _lately_closed(self, branch: str) -> "Iterator[github.PullRequest.PullRequest]":
        """The pull requests into the branch that were closed last, asked for only when iterated.

        GitHub fills its index from commits to pull requests some time after a merge (Songmu/tagpr#333 measured more
        than 13 s), and an apply starts at once.
        """
        closed = self._repository.get_pulls(state="closed", base=branch, sort="updated", direction="desc")
        yield from islice(closed, LATELY_CLOSED)

    def pull_request(self, number: int) -> PullRequest:
        """One pull request with its approvals."""
        with self._asking(f"about pull request {number}", needs="pull-requests: read"):
            return self._read(self._repository.get_pull(number))

    def files(self, number: int) -> tuple[str, ...] | None:
        """The paths that it changes, old and new names; None for more than GitHub lists."""
        with self._asking(f"which files pull request {number} changes", needs="pull-requests: read"):
            found = list(self._repository.get_pull(number).get_files())
            names = {name for file in found for name in (file.filename, file.previous_filename) if name}
            return tuple(sorted(names)) if len(found) < MOST_FILES else None

    def contributors(self, base: str, head: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who wrote or committed what `head` has and `base` has not."""
        with self._asking(f"who wrote what lies between {base[:12]} and {head[:12]}", needs="contents: read"):
            commits = list(self._repository.compare(base, head).commits)
            return _people([one for one in commits if not _merged_on_the_site(one)])

    def members(self, team: str) -> frozenset[str]:
        """Who belongs to @organisation/team, or to a team below it. A workflow's own token may not ask for that."""
        from github.NamedUser import NamedUser
        from github.PaginatedList import PaginatedList

        organisation, _, slug = team.removeprefix("@").partition("/")
        with self._asking(f"who belongs to {team}", needs="organization members: read"):
            address = f"/orgs/{organisation}/teams/{slug}/members"
            return frozenset(one.login for one in PaginatedList(NamedUser, self._client.requester, address, {}))

    def comment(self, number: int, marker: str, body: str) -> None:
        """Keep exactly one comment of ours that starts with `marker`; whoever else copies the marker is left alone."""
        if not body.startswith(marker):
            body = f"{marker}\n{body}"
        with self._asking(f"to comment on pull request {number}", needs="pull-requests: write"):
            own_login = self._own_login()
            issue = self._repository.get_issue(number)
            ours = [
                comment
                for comment in issue.get_comments()
                if comment.user and comment.user.login == own_login and comment.body.startswith(marker)
            ]
            if not ours:
                issue.create_comment(body)
                return
            ours[0].edit(body)
            # Two runs that started together, or a retry, may each have created one.
            for extra in ours[1:]:
                extra.delete()

    def announce(self, title: str, body: str) -> None:
        """An issue: everybody who watches the repository is told of it."""
        with self._asking("to open an issue", needs="issues: write"):
            self._repository.create_issue(title=title, body=body)

    def _own_login(self) -> str:
        """Who the token speaks for. By GraphQL: the REST call for it is closed to a workflow's token."""
        _, answer = self._client.requester.graphql_query("query { viewer { login } }", {})
        return str(answer["data"]["viewer"]["login"])

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
        )

    def _contributors(self, found: "github.PullRequest.PullRequest") -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Who opened it, wrote or committed its commits, and the names of those who have no account."""
        commits = list(found.get_commits())
        logins, strangers = _people(commits)
        author = found.user.login if found.user else DELETED_ACCOUNT
        unlisted = range(len(commits), found.commits) if len(commits) >= MOST_COMMITS else ()
        unknown = {f"a commit that GitHub does not list ({number})" for number in unlisted}
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
        from github import GithubException

        if review.user.type != "User":
            return False
        try:
            return self._repository.get_collaborator_permission(review.user.login) in MAY_WRITE
        except GithubException as error:
            if error.status == 404:  # the account is gone
                return False
            raise

    @contextmanager
    def _asking(self, question: str, *, needs: str) -> Iterator[None]:
        """Turn what PyGithub and its HTTP client raise into one CodeHostFailed that says what was asked."""
        from github import GithubException
        from github.GithubException import BadAttributeException
        from requests import RequestException

        asked = f"asked GitHub {question} in {self._name}"
        try:
            yield
        except GithubException as error:
            raise _answer(asked, error, needs) from error
        except RequestException as error:
            raise _failure(
                f"{asked}: {self._api} cannot be reached ({type(error).__name__})",
                hint="check the network and https://www.githubstatus.com, then run the command again",
            ) from error
        except (BadAttributeException, KeyError, TypeError, AttributeError, ValueError, AssertionError) as error:
            raise _failure(
                f"{asked}: the answer of {self._api} cannot be understood ({type(error).__name__})",
                hint="is GITHUB_API_URL the address of a GitHub API?",
                retryable=False,
            ) from error


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


def _answer(asked: str, error: "GithubException", needs: str) -> CodeHostFailed:
    """What a refused or broken request means to the person who ran the command."""
    said = error.data.get("message") if isinstance(error.data, dict) else None
    message = f"{asked}: answered {error.status}{f' ({said})' if said else ''}"
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status == 401:
        return _failure(
            message,
            hint="the token in GITHUB_TOKEN is wrong, expired or revoked; a workflow's token ends with its job",
            retryable=False,
        )
    # Told by its headers: once retries are used up, the message has been read and is gone.
    if error.status == 429 or headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers:
        return _failure(message, hint=f"the token's rate limit is used up; run the command again {_reset(headers)}")
    if error.status == 403:
        return _failure(message, hint=f"the token lacks a permission; this needs `{needs}`", retryable=False)
    if error.status in (404, 410):
        return _failure(
            message,
            hint=f"it does not exist, or the token may not see it; this needs `{needs}` on the repository",
            retryable=False,
        )
    if error.status >= 500:
        return _failure(message, hint="a fault at GitHub; see https://www.githubstatus.com and run the command again")
    return _failure(message, hint="GitHub did not accept the request as it is", retryable=False)


def _reset(headers: Mapping[str, str]) -> str:
    """When the rate limit starts afresh, as far as the answer's headers tell."""
    wait, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if wait.isdigit():
        return f"in {wait} s"
    return f"after {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC" if reset.isdigit() else "in a few minutes"


def _failure(message: str, *, hint: str, retryable: bool = True) -> CodeHostFailed:
    failure = CodeHostFailed(message, hint=hint)
    failure.retryable = retryable
    return failure


def _without_credentials(url: str) -> str:
    """The URL without a user name and password: people do put tokens there."""
    return re.sub(r"(?<=://)[^/@]*@", "", url)
