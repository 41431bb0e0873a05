"""The HTTP side of the simulated GitHub: routes, pages, refusals and faults over its state."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlencode, urlsplit

from tests.workflows import github_checks, github_issues, github_labels, github_runs, github_settings
from tests.workflows import github_shapes as shapes
from tests.workflows.github_requests import NOT_FOUND, Answer, Request, Route
from tests.workflows.github_shapes import Json
from tests.workflows.openapi import described

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub

# The largest page GitHub gives, and the one it gives unasked.
LARGEST_PAGE, USUAL_PAGE = 100, 30


# GraphQL has a schema of its own and no OpenAPI description: this one query is answered without one.
GRAPHQL = "POST /graphql"


def answer(github: "SimulatedGitHub", request: Request) -> Answer:
    """The response to one request: a fault that was asked for, a refusal, or the right answer.

    What breaks GitHub's own description of its API, on either side, is kept in `violations` and fails the test.
    """
    with github.lock:
        github.requests.append(request.line)
        try:
            return _answer(github, request)
        except described.NotAsDescribed as error:
            github.violations.append(str(error))
            return Answer(400, {"message": f"against GitHub's description of its API: {error}"})


def _answer(github: "SimulatedGitHub", request: Request) -> Answer:
    operation, names = _route(github, request)
    if operation not in {"", GRAPHQL}:
        described.operation(operation).must_take(names, request.query, request.body)
    login = github.tokens.get(request.token)
    given = _fault(github, request)
    if given is not None:
        return given
    if login is None:
        return Answer(401, {"message": "Bad credentials", "status": "401"})
    if any(re.fullmatch(pattern, request.line) for pattern in github.forbidden):
        return Answer(403, {"message": "Resource not accessible by integration", "status": "403"})
    if not operation:
        raise described.NotAsDescribed(f"{request.line}: the simulated GitHub has no such route")
    try:
        given = ROUTES[operation](github, request, login, "/".join(names.values()))
    except KeyError:
        given = NOT_FOUND
    if isinstance(given.value, list):
        given = _page(github, request, given)
    if operation == GRAPHQL:
        return given
    return replace(given, value=described.operation(operation).completed(given.status, given.value))


def _route(github: "SimulatedGitHub", request: Request) -> tuple[str, Mapping[str, str]]:
    """The operation that a request asks for, and what its path names beside the repository; "" for none."""
    asked = f"{request.method} {urlsplit(request.target).path}"
    here = f"/repos/{github.repository}"
    for operation in ROUTES:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.replace("/repos/{owner}/{repo}", here))
        if found := re.fullmatch(pattern, asked):
            return operation, {name: unquote(value) for name, value in found.groupdict().items()}
    return "", {}


def _fault(github: "SimulatedGitHub", request: Request) -> Answer | None:
    for fault in github.faults:
        if fault.times > 0 and re.fullmatch(fault.pattern, request.line):
            fault.times -= 1
            return Answer(fault.status, {"message": fault.message}, fault.headers, fault.page)
    return None


def _page(github: "SimulatedGitHub", request: Request, whole: Answer) -> Answer:
    items: Sequence[Json] = whole.value if isinstance(whole.value, list) else []
    size = min(int(request.query.get("per_page", USUAL_PAGE)), github.largest_page)
    page = int(request.query.get("page", 1))
    last = max(1, -(-len(items) // size))
    kept = {name: value for name, value in request.query.items() if name not in {"page", "per_page"}}
    address = f"{github.url}{urlsplit(request.target).path}?{urlencode({**kept, 'per_page': size})}"
    links = f'<{address}&page={page + 1}>; rel="next", <{address}&page={last}>; rel="last"'
    shown: object = items[(page - 1) * size : page * size]
    if whole.under:
        shown = {**whole.beside, whole.under: shown}
    return replace(whole, value=shown, headers={"Link": links} if page < last else {})


def _viewer(_github: "SimulatedGitHub", _request: Request, login: str, _name: str) -> Answer:
    return Answer(200, {"data": {"viewer": {"login": login}}})


def _pull_requests_of_commit(github: "SimulatedGitHub", _request: Request, _login: str, commit: str) -> Answer:
    found = [p for p in github.pull_requests.values() if github.belongs(p, commit) and not github.index_is_late]
    return Answer(200, [github.pull_request_json(p, listed=True) for p in found])


def _pull_requests(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    """Newest first, which is what sorting by update comes to here."""
    answers = [github.pull_request_json(p, listed=True) for p in reversed(github.pull_requests.values())]
    owner = github.repository.partition("/")[0]
    wanted = {
        "state": request.query.get("state", "open"),
        "base": request.query.get("base"),
        "head": request.query.get("head"),
    }
    found = []
    for one in answers:
        has = {"state": one["state"], "base": one["base"]["ref"], "head": f"{owner}:{one['head']['ref']}"}
        if all(value in {None, has[name]} for name, value in wanted.items()):
            found.append(one)
    return Answer(200, found)


def _propose(github: "SimulatedGitHub", request: Request, login: str, _name: str) -> Answer:
    body = request.body
    branch, base = body["head"], body["base"]
    if not github.git("rev-list", f"refs/heads/{base}..refs/heads/{branch}"):
        error = {"resource": "PullRequest", "code": "custom", "message": f"No commits between {base} and {branch}"}
        return Answer(422, {"message": "Validation Failed", "errors": [error]})
    number = github.open(branch, base, title=body["title"], author=login)
    github.pull_requests[number].body = body.get("body", "")
    return Answer(201, github.pull_request_json(github.pull_requests[number]))


def _edit(github: "SimulatedGitHub", request: Request, _login: str, number: str) -> Answer:
    pull_request = github.pull_requests[int(number)]
    pull_request.title = request.body.get("title", pull_request.title)
    pull_request.body = request.body.get("body", pull_request.body)
    return Answer(200, github.pull_request_json(pull_request))


def _pull_request(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.pull_request_json(github.pull_requests[int(number)]))


def _reviews(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    pull_request = github.pull_requests[int(number)]
    return Answer(200, [github.review_json(pull_request, r, n) for n, r in enumerate(pull_request.reviews, 700)])


def _commits(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.commits_json(github.pull_requests[int(number)]))


def _compared(github: "SimulatedGitHub", request: Request, _login: str, span: str) -> Answer:
    commits, beside = github.compared_json(*span.split("..."))
    return Answer(200, commits, under="commits", beside=beside)


def _open_issue(github: "SimulatedGitHub", request: Request, login: str, _name: str) -> Answer:
    github.issues.append((str(request.body["title"]), str(request.body["body"])))
    fields = {"state": "open", "user": github.user_json(login), **request.body}
    return Answer(201, shapes.issue(github.url, github.repository, 900 + len(github.issues), fields))


def _files(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    return Answer(200, github.files_json(github.pull_requests[int(number)]))


def _members(github: "SimulatedGitHub", _request: Request, _login: str, team: str) -> Answer:
    return Answer(200, [github.user_json(login) for login in github.teams[team]])


def _comments(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    pull_request = github.pull_requests[int(number)]
    return Answer(200, [github.comment_json(pull_request, c) for c in pull_request.comments])


def _create_comment(github: "SimulatedGitHub", request: Request, login: str, number: str) -> Answer:
    return Answer(
        201,
        github.comment_json(github.pull_requests[int(number)], github.say(int(number), login, request.body["body"])),
    )


def _one_comment(github: "SimulatedGitHub", request: Request, login: str, identity: str) -> Answer:
    """Read, edit or delete; a workflow's token may change its own comments only."""
    pull_request, comment = github.find_comment(int(identity))
    if request.method == "GET":
        return Answer(200, github.comment_json(pull_request, comment))
    if comment.by != login:
        return Answer(403, {"message": "Must have admin rights to Repository.", "status": "403"})
    if request.method == "DELETE":
        pull_request.comments.remove(comment)
        return Answer(204)
    comment.body, comment.edits = request.body["body"], comment.edits + 1
    return Answer(200, github.comment_json(pull_request, comment))


def _permission(github: "SimulatedGitHub", _request: Request, _login: str, user: str) -> Answer:
    permission = github.permissions.get(user, "write")
    account = {**github.user_json(user), "role_name": permission}
    return Answer(200, {"permission": permission, "role_name": permission, "user": account})


# By the name that GitHub's description of its API gives them: method and path.
ROUTES: Mapping[str, Route] = {
    GRAPHQL: _viewer,
    "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls": _pull_requests_of_commit,
    "GET /repos/{owner}/{repo}/pulls": _pull_requests,
    "POST /repos/{owner}/{repo}/pulls": _propose,
    "GET /repos/{owner}/{repo}/pulls/{pull_number}": _pull_request,
    "PATCH /repos/{owner}/{repo}/pulls/{pull_number}": _edit,
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews": _reviews,
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/commits": _commits,
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/files": _files,
    "GET /repos/{owner}/{repo}/compare/{basehead}": _compared,
    "POST /repos/{owner}/{repo}/issues": _open_issue,
    "GET /orgs/{org}/teams/{team_slug}/members": _members,
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": _comments,
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": _create_comment,
    "GET /repos/{owner}/{repo}/issues/comments/{comment_id}": _one_comment,
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": _one_comment,
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": _one_comment,
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission": _permission,
    **github_labels.ROUTES,
    **github_checks.ROUTES,
    **github_issues.ROUTES,
    **github_runs.ROUTES,
    **github_settings.ROUTES,
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
