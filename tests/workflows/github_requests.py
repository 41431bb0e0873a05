"""One request to the simulated GitHub, and the answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub


@dataclass(frozen=True)
class Answer:
    """Status, JSON (a list is sent in pages) and headers of one response; `page` is HTML instead.

    `under` names the list in an object, as some lists of GitHub's come; `beside` is what else that object has.
    """

    status: int
    value: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    page: bytes | None = None
    under: str = ""
    beside: Mapping[str, object] = field(default_factory=dict)


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
        """The query's values."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


# What a route gets: who is asked, the request, who asks, and what its path names, with "/" between several.
Route = Callable[["SimulatedGitHub", Request, str, str], Answer]
NOT_FOUND = Answer(404, {"message": "Not Found", "status": "404"})
