"""What is GitHub's own about checks and code scanning: limits of a request, permissions, faults."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.checks import LONGEST_MESSAGE_BYTES, LONGEST_TEXT, LONGEST_TITLE, GitHubChecks
from gitops.adapters.codehost.github.client import Client
from gitops.errors import CodeHostFailed
from gitops.model import Annotation, AnnotationLevel, CheckReport, Conclusion
from tests.contracts.code_hosts import bare_repository, git
from tests.workflows.simulated_github import REPOSITORY, TOKEN, Fault, SimulatedGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated


def adapter(github: SimulatedGitHub, *, retries: int = 0) -> GitHubChecks:
    return GitHubChecks(Client(REPOSITORY, TOKEN, api=github.url, retries=retries))


def head(github: SimulatedGitHub) -> str:
    return git(github.remote, "rev-parse", "main")


def remark(title: str = "title", message: str = "message") -> Annotation:
    return Annotation("a.py", 3, AnnotationLevel.NOTICE, title, message)


def checked(*remarks: Annotation, summary: str = "summary") -> CheckReport:
    return CheckReport("gitops dev", Conclusion.SUCCESS, "title", summary, remarks)


def test_remarks_go_in_requests_of_fifty(github: SimulatedGitHub) -> None:
    adapter(github).report(head(github), checked(*[remark()] * 101))
    assert [line.partition(" ")[0] for line in github.requests] == ["POST", "PATCH", "PATCH"]
    assert len(github.checks[0].annotations) == 101


def test_a_summary_that_fits_is_sent_whole_and_a_longer_one_is_replaced(github: SimulatedGitHub) -> None:
    adapter(github).report(head(github), checked(summary="x" * LONGEST_TEXT))
    adapter(github).report(head(github), checked(summary="x" * (LONGEST_TEXT + 1)))
    whole, replaced = [check.output["summary"] for check in github.checks]
    assert len(whole) == LONGEST_TEXT
    assert replaced.startswith("65,536 characters, which is more than")


def test_a_title_that_is_too_long_moves_into_the_message(github: SimulatedGitHub) -> None:
    adapter(github).report(head(github), checked(remark("t" * LONGEST_TITLE), remark("t" * (LONGEST_TITLE + 1))))
    fits, moved = github.checks[0].annotations
    assert fits["title"] == "t" * LONGEST_TITLE
    assert (moved["title"], moved["message"]) == ("256 characters of title: see below", f"{'t' * 256}\n\nmessage")


def test_a_message_that_is_too_long_says_so_instead(github: SimulatedGitHub) -> None:
    fitting = "ä" * (LONGEST_MESSAGE_BYTES // 2)
    adapter(github).report(head(github), checked(remark(message=fitting), remark(message=f"{fitting}!")))
    fits, replaced = github.checks[0].annotations
    assert fits["message"] == fitting
    assert replaced["message"].startswith("32,001 characters, which is more than")


def report(checks: GitHubChecks, github: SimulatedGitHub) -> None:
    checks.report(head(github), checked())


def findings(checks: GitHubChecks, github: SimulatedGitHub) -> None:
    checks.findings(head(github), "refs/heads/main", b"{}")


Call = Callable[[GitHubChecks, SimulatedGitHub], None]


@pytest.mark.parametrize(("call", "permission"), [(report, "`checks: write`"), (findings, "`security-events: write`")])
@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_permission_is_named(github: SimulatedGitHub, call: Call, permission: str, status: int) -> None:
    github.faults = [Fault("POST .*", status, "Resource not accessible by integration")]
    with pytest.raises(CodeHostFailed) as raised:
        call(adapter(github), github)
    assert permission in raised.value.hint
    assert not raised.value.retryable


def test_where_there_is_no_code_scanning_the_error_says_what_it_takes(github: SimulatedGitHub) -> None:
    github.has_code_scanning = False
    with pytest.raises(CodeHostFailed, match="Code Security must be enabled") as raised:
        findings(adapter(github), github)
    assert "a private repository has with GitHub Code Security only" in raised.value.hint


@pytest.mark.parametrize("call", [report, findings])
def test_a_passing_fault_or_limit_is_retried(github: SimulatedGitHub, call: Call) -> None:
    limit = Fault("POST .*", 403, "You have exceeded a secondary rate limit.", {"Retry-After": "1"})
    github.faults = [Fault("POST .*", 502, "Server Error"), limit]
    call(adapter(github, retries=3), github)
    assert len(github.checks) + len(github.analyses) == 1


@pytest.mark.parametrize("call", [report, findings])
def test_a_rate_limit_that_ends_much_later_says_when(github: SimulatedGitHub, call: Call) -> None:
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444799"}
    github.faults = [Fault("POST .*", 403, "API rate limit exceeded for installation ID 1.", used_up)]
    with pytest.raises(CodeHostFailed) as raised:
        call(adapter(github, retries=2), github)
    assert "after 23:59:59 UTC" in raised.value.hint
    assert raised.value.retryable


@pytest.mark.parametrize("call", [report, findings])
def test_a_page_of_a_proxy_is_not_taken_for_a_report(github: SimulatedGitHub, call: Call) -> None:
    github.faults = [Fault("POST .*", 200, "", page=b"<html>sign in</html>")]
    with pytest.raises(CodeHostFailed, match="cannot be understood"):
        call(adapter(github), github)
