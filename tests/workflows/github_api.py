"""The HTTP side of the simulated GitHub: routes, pages, refusals and faults over its state."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub

# The largest page GitHub gives, and the one it gives unasked.
LARGEST_PAGE, USUAL_PAGE = 100, 30


@dataclass(frozen=True)
class Answer:
    """Status, JSON (a list is sent in pages) and headers of one response; `page` is HTML instead."""

    status: int
    value: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: bytes | None = None


@dataclass(frozen=True)
class Request:
    """One request: who asks, for what, with which body."""

    method: str
    target: str
    token: str
    body: Json

    @property
    def line(self) -> str:
        """`METHOD /path`, without the query."""
        return f"{self.method} {unquote(urlsplit(self.target).path)}"

    @property
    def query(self) -> Mapping[str, str]:
        """The query's values, the first of each name."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


def answer(github: "SimulatedGitHub", request: Request) -> Answer:
    """The response to one request: a fault that was asked for, a refusal, or the right answer."""
    with github.lock:
        github.requests.append(request.line)
        login = github.tokens.get(request.token)
        given = _fault(github, request)
        if given is None and login is None:
            given = Answer(401, {"message": "Bad credentials", "status": "401"})
        if given is None and any(re.fullmatch(pattern, request.line) for pattern in github.forbidden):
            given = Answer(403, {"message": "Resource not accessible by integration", "status": "403"})
        if given is None:
            given = _right_answer(github, request, login or "")
        return _page(github, request, given.value) if isinstance(given.value, list) else given


def _fault(github: "SimulatedGitHub", request: Request) -> Answer | None:
    for fault in github.faults:
        if fault.times > 0 and re.fullmatch(fault.pattern, request.line):
            fault.times -= 1
            return Answer(fault.status, {"message": fault.message}, fault.headers, fault.page)
    return None


def _right_answer(github: "SimulatedGitHub", request: Request, login: str) -> Answer:
    for pattern, route in {**ROUTES, **github.more_routes}.items():
        if found := re.fullmatch(pattern.replace("{repository}", f"/repos/{github.repository}"), request.line):
            try:
                return route(github, request, login, found[1] if found.lastindex else "")
            except KeyError:
                break
    return Answer(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"})


def _page(github: "SimulatedGitHub", request: Request, items: Sequence[Json]) -> Answer:
    size = min(int(request.query.get("per_page", USUAL_PAGE)), github.largest_page)
    page = int(request.query.get("page", 1))
    last = max(1, -(-len(items) // size))
    address = f"{github.url}{urlsplit(request.target).path}?per_page={size}"
    links = f'<{address}&page={page + 1}>; rel="next", <{address}&page={last}>; rel="last"'
    return Answer(200, items[(page - 1) * size : page * size], {"Link": links} if page < last else {})


def _viewer(_github: "SimulatedGitHub", _request: Request, login: str, _name: str) -> Answer:
    return Answer(200, {"data": {"viewer": {"login": login}}})


def _pull_requests_of_commit(github: "SimulatedGitHub", _request: Request, _login: str, commit: str) -> Answer:
    found = [p for p in github.pull_requests.values() if github.belongs(p, commit) and not github.index_is_late]
    return Answer(200, [github.pull_request_json(p) for p in found])


def _pull_requests(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    """Newest first, which is what sorting by update comes to here."""
    answers = [github.pull_request_json(p) for p in reversed(github.pull_requests.values())]
    wanted = (request.query.get("state", "open"), request.query["base"])
    return Answer(200, [one for one in answers if (one["state"], one["base"]["ref"]) == wanted])


def _pull_request(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.pull_request_json(github.pull_requests[int(number)]))


def _reviews(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    pull_request = github.pull_requests[int(number)]
    return Answer(200, [github.review_json(pull_request, r, n) for n, r in enumerate(pull_request.reviews, 700)])


def _commits(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.commits_json(github.pull_requests[int(number)]))


def _compared(github: "SimulatedGitHub", _request: Request, _login: str, span: str) -> Answer:
    commits = github.span_json(span.replace("...", ".."))
    counts = {"status": "ahead", "ahead_by": len(commits), "behind_by": 0, "total_commits": len(commits)}
    return Answer(200, {**counts, "url": f"{github.url}/compare/{span}", "commits": commits, "files": []})


def _open_issue(github: "SimulatedGitHub", request: Request, login: str, _name: str) -> Answer:
    github.issues.append((str(request.body["title"]), str(request.body["body"])))
    return Answer(201, {"number": 900 + len(github.issues), "user": github.user_json(login), **request.body})


def _files(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.files_json(github.pull_requests[int(number)]))


def _members(github: "SimulatedGitHub", _request: Request, _login: str, team: str) -> Answer:
    return Answer(200, [github.user_json(login) for login in github.teams[team.replace("/teams/", "/")]])


def _comments(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    pull_request = github.pull_requests[int(number)]
    return Answer(200, [github.comment_json(pull_request, c) for c in pull_request.comments])


def _create_comment(github: "SimulatedGitHub", request: Request, login: str, number: str) -> Answer:
    return Answer(
        201,
        github.comment_json(github.pull_requests[int(number)], github.say(int(number), login, request.body["body"])),
    )


def _one_comment(github: "SimulatedGitHub", request: Request, login: str, identity: str) -> Answer:
    """Edit or delete; a workflow's token may touch its own comments only."""
    pull_request, comment = github.find_comment(int(identity))
    if comment.by != login:
        return Answer(403, {"message": "Must have admin rights to Repository.", "status": "403"})
    if request.method == "DELETE":
        pull_request.comments.remove(comment)
        return Answer(204)
    comment.body, comment.edits = request.body["body"], comment.edits + 1
    return Answer(200, github.comment_json(pull_request, comment))


def _permission(github: "SimulatedGitHub", _request: Request, _login: str, user: str) -> Answer:
    permission = github.permissions.get(user, "write")
    return Answer(200, {"permission": permission, "role_name": permission, "user": github.user_json(user)})


Route = Callable[["SimulatedGitHub", Request, str, str], Answer]
ROUTES: Mapping[str, Route] = {
    r"POST /graphql": _viewer,
    r"GET {repository}/commits/(\w+)/pulls": _pull_requests_of_commit,
    r"GET {repository}/pulls": _pull_requests,
    r"GET {repository}/pulls/(\d+)": _pull_request,
    r"GET {repository}/pulls/(\d+)/reviews": _reviews,
    r"GET {repository}/pulls/(\d+)/commits": _commits,
    r"GET {repository}/pulls/(\d+)/files": _files,
    r"GET {repository}/compare/(\w+\.\.\.\w+)": _compared,
    r"POST {repository}/issues": _open_issue,
    r"GET /orgs/(.+/teams/.+)/members": _members,
    r"GET {repository}/issues/(\d+)/comments": _comments,
    r"POST {repository}/issues/(\d+)/comments": _create_comment,
    r"(?:PATCH|DELETE) {repository}/issues/comments/(\d+)": _one_comment,
    r"GET {repository}/collaborators/(.+)/permission": _permission,
}


def handler(github: "SimulatedGitHub") -> type[BaseHTTPRequestHandler]:
    """The class that http.server makes an instance of for each connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").rpartition(" ")[2]
            given = answer(github, Request(self.command, self.path, token, json.loads(content or b"{}")))
            if given.page is not None:
                self._send(given, given.page, "text/html")
            else:
                body = b"" if given.value is None else json.dumps(given.value).encode()
                self._send(given, body, "application/json; charset=utf-8")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - names given by http.server

        def _send(self, given: Answer, content: bytes, kind: str) -> None:
            self.send_response(given.status)
            headers = {"Content-Type": kind, "Content-Length": str(len(content)), **given.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a test that fails shows `requests`."""

    return Handler
