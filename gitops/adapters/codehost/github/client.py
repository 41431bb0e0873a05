"""The connection to one repository on GitHub, and what its failures mean to the person who ran the command.

Built on PyGithub; its exceptions end here. Which token, which API and which repository come from a mapping that
`gitops.context` passes in, never from the process environment.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from gitops.errors import CodeHostFailed, UsageError
from gitops.flow.redaction import without_credentials

if TYPE_CHECKING:  # importing PyGithub costs about 0.3 s, which `gitops affected` does not have
    from github.GithubException import GithubException
    from github.Issue import Issue
    from github.IssueComment import IssueComment

Text = TypeVar("Text", "Issue", "IssueComment")

PUBLIC_SERVER = "https://github.com"
PUBLIC_API = "https://api.github.com"
TIMEOUT_SECONDS = 20
RETRIES = 4
# Longer than this and a runner is better given back: the error says when to start again.
LONGEST_WAIT_SECONDS = 60


def repository_of(url: str, server: str = PUBLIC_SERVER) -> str | None:
    """The `owner/name` that a remote's URL names on github.com or on `server`; None for any other host or a path."""
    scp = re.fullmatch(r"(?:[^@/]+@)?([^:/]+):(?!//)(.+)", url)
    host, path = (scp[1], scp[2]) if scp else (urlsplit(url).hostname or "", urlsplit(url).path)
    if host not in {"github.com", "ssh.github.com", urlsplit(server).hostname}:
        return None
    name = path.strip("/").removesuffix(".git")
    return name if name.count("/") == 1 else None


class Client:
    """One repository, asked with one token.

    `github` is PyGithub's client, for what its `repository` object has no method for; `name` is owner/name.
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
        self.github = Github(
            auth=Auth.Token(token),
            base_url=api.rstrip("/"),
            timeout=TIMEOUT_SECONDS,
            per_page=100,
            retry=retry,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        self.repository = self.github.get_repo(repository)
        self.name = repository
        self._api = api

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], remote_url: str) -> "Client":
        """Built from GITHUB_TOKEN, GITHUB_API_URL, GITHUB_SERVER_URL and GITHUB_REPOSITORY, as a workflow sets them.

        Outside of a workflow the repository is the remote's and the API follows from the server. Raises
        UsageError when no repository can be told, CodeHostFailed when there is no token.
        """
        server = environment.get("GITHUB_SERVER_URL") or PUBLIC_SERVER
        repository = environment.get("GITHUB_REPOSITORY") or repository_of(remote_url, server)
        if not repository:
            raise UsageError(
                f"the remote {without_credentials(remote_url)} does not name a repository on GitHub",
                hint="set GITHUB_REPOSITORY to owner/name, and GITHUB_SERVER_URL for a GitHub of your own",
            )
        token = environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN")
        if not token:
            raise failure(
                f"cannot ask GitHub about {repository}: there is no token",
                hint="set GITHUB_TOKEN; in a workflow step: `env: {GITHUB_TOKEN: ${{ github.token }}}`, "
                'on a laptop: export GITHUB_TOKEN="$(gh auth token)"',
                retryable=False,
            )
        public = server.rstrip("/") == PUBLIC_SERVER
        api = environment.get("GITHUB_API_URL") or (PUBLIC_API if public else f"{server.rstrip('/')}/api/v3")
        return cls(repository, token, api=api)

    def own_login(self) -> str:
        """Who the token speaks for. By GraphQL: the REST call for it is closed to a workflow's token."""
        _, answer = self.github.requester.graphql_query("query { viewer { login } }", {})
        return str(answer["data"]["viewer"]["login"])

    def ours(self, found: Iterable[Text], marker: str) -> list[Text]:
        """Those that begin with the marker, and are by the token's own account: anybody can copy a marker."""
        login = self.own_login()
        return [one for one in found if one.user and one.user.login == login and (one.body or "").startswith(marker)]

    def send(self, method: str, address: str, body: Any = None) -> Any:
        """A request below the repository, for what PyGithub has no method that tells of a refusal; what it answered.

        Raises ValueError for an answer that is not JSON, such as the page of a proxy, and what PyGithub raises.
        """
        place = f"/repos/{self.name}/{address}"
        _, answer = self.github.requester.requestJsonAndCheck(method, place, input=body)
        if isinstance(answer, dict) and answer.keys() == {"data"}:  # how PyGithub hands over any other text
            raise ValueError(f"{method} {place} was not answered in JSON")
        return answer

    @contextmanager
    def asking(self, question: str, *, needs: str, also: str = "") -> Iterator[None]:
        """Turn what PyGithub and its HTTP client raise into one CodeHostFailed that says what was asked.

        `question` completes "asked GitHub …"; `needs` is the permission of the token that this takes, `also` what else.
        """
        from github import GithubException
        from github.GithubException import BadAttributeException
        from requests import RequestException

        asked = f"asked GitHub {question} in {self.name}"
        try:
            yield
        except GithubException as error:
            raise _answer(asked, error, f"`{needs}`{f' and {also}' if also else ''}") from error
        except RequestException as error:
            raise failure(
                f"{asked}: {self._api} cannot be reached ({type(error).__name__})",
                hint="check the network and https://www.githubstatus.com, then run the command again",
            ) from error
        except (BadAttributeException, KeyError, TypeError, AttributeError, ValueError, AssertionError) as error:
            raise failure(
                f"{asked}: the answer of {self._api} cannot be understood ({type(error).__name__})",
                hint="is GITHUB_API_URL the address of a GitHub API?",
                retryable=False,
            ) from error


def _answer(asked: str, error: "GithubException", needs: str) -> CodeHostFailed:
    """What a refused or broken request means to the person who ran the command."""
    said = error.data.get("message") if isinstance(error.data, dict) else None
    message = f"{asked}: answered {error.status}{f' ({said})' if said else ''}"
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status == 401:
        return failure(
            message,
            hint="the token in GITHUB_TOKEN is wrong, expired or revoked; a workflow's token ends with its job",
            retryable=False,
        )
    # Told by its headers: once retries are used up, the message has been read and is gone.
    if error.status == 429 or headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers:
        return failure(message, hint=f"the token's rate limit is used up; run the command again {_reset(headers)}")
    if error.status == 403:
        return failure(message, hint=f"the token lacks a permission; this needs {needs}", retryable=False)
    if error.status in (404, 410):
        return failure(
            message,
            hint=f"it does not exist, or the token may not see it; this needs {needs} on the repository",
            retryable=False,
        )
    if error.status >= 500:
        return failure(message, hint="a fault at GitHub; see https://www.githubstatus.com and run the command again")
    return failure(message, hint="GitHub did not accept the request as it is", retryable=False)


def _reset(headers: Mapping[str, str]) -> str:
    """When the rate limit starts afresh, as far as the answer's headers tell."""
    wait, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if wait.isdigit():
        return f"in {wait} s"
    return f"after {datetime.fromtimestamp(int(reset), UTC):%H:%M:%S} UTC" if reset.isdigit() else "in a few minutes"


def made(identity: int | None) -> int:
    """The number that GitHub gave what it made. Raises ValueError where it gave none: nothing was made."""
    if identity is None:
        raise ValueError("the answer names nothing that was made")
    return identity


def failure(message: str, *, hint: str, retryable: bool = True) -> CodeHostFailed:
    """A CodeHostFailed that says whether the same command can help."""
    made = CodeHostFailed(message, hint=hint)
    made.retryable = retryable
    return made
