"""What `gitops doctor` says in a terminal, against an expected file; and its checks against the document's table."""

import io
import re
from collections.abc import Callable
from pathlib import Path

from gitops.flow.doctor.findings import About, CreateEnvironment, Finding, State, not_checked, passed
from gitops.model import Unread
from gitops.views.terminal import doctor as views
from gitops.views.terminal import screen

DOCUMENT = Path(__file__).parents[2] / "docs" / "doctor.md"
FINDINGS = (
    passed(About.PULL_REQUESTS, "main", "changed by pull request only, with 1 approval (ruleset 'reviews')"),
    passed(About.PULL_REQUESTS, "prod", "changed by pull request only, with 1 approval (ruleset 'reviews')"),
    Finding(About.BYPASS, "prod", State.MISSING, "deploy keys may go past the rules", "empty the bypass list"),
    Finding(
        About.ENVIRONMENTS, "preview-prod", State.MISSING, "does not exist", "make it",
        CreateEnvironment("preview-prod", ""),
    ),
    not_checked(About.TOKEN, "workflows", Unread("answered 403", "this needs `administration: read`")),
    not_checked(About.ACTIONS_APPROVE, "workflows", Unread("answered 403", "this needs `administration: read`")),
    Finding(About.SECRETS, "shop/dev", State.ADVICE, "encrypted with a passphrase", "use a key"),
    passed(About.CODE_OWNERS, "evil\x1b[31m\n::set-output", "owners for\u202e x"),
)  # fmt: skip


def test_the_gravest_comes_first_and_what_is_alike_is_said_once(golden: Callable[[str, str], None]) -> None:
    stream = io.StringIO()
    screen.console(stream).print(views.view(FINDINGS))
    golden("doctor.txt", "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n")


def test_every_check_is_described_and_no_other() -> None:
    table = DOCUMENT.read_text(encoding="utf-8").partition("## Checks")[2]
    described = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert described == [about.value for about in About]
