"""Checks beside a commit, with remarks on lines, and documents for code scanning."""

import base64
import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitops.adapters.codehost.github.client import Client, made
from gitops.model import Annotation, CheckReport

if TYPE_CHECKING:  # importing PyGithub costs about 0.3 s
    from github.CheckRun import CheckRun

# docs.github.com, "Create a check run": a request takes 50 annotations, a summary 65,535 characters.
ANNOTATIONS_AT_ONCE = 50
LONGEST_TEXT = 65_535
# "Create a check run", of an annotation: its title is in characters, its message 64 KB.
LONGEST_TITLE = 255
LONGEST_MESSAGE_BYTES = 64_000


class GitHubChecks:
    """A repository on GitHub, as `Checks`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def report(self, commit: str, report: CheckReport) -> None:
        """A check run of that name; one that is there already gets the new text, and its remarks are made again."""
        summary = report.summary
        if len(summary) > LONGEST_TEXT:
            summary = f"{len(summary):,} characters, which is more than a check can hold: see the comment."
        remarks = [_remark(one) for one in report.annotations]
        starts = range(0, len(remarks), ANNOTATIONS_AT_ONCE)
        first, *rest = [remarks[start : start + ANNOTATIONS_AT_ONCE] for start in starts] or [[]]
        with self._client.asking(f"to report a check on {commit[:12]}", needs="checks: write"):
            output: dict[str, Any] = {"title": report.title, "summary": summary, "annotations": first}
            # A check run cannot lose its remarks, so one of the same name takes its place: the newest one counts.
            run: CheckRun = self._client.repository.create_check_run(
                report.name,
                commit,
                status="completed",
                conclusion=report.conclusion.value,
                completed_at=datetime.now(UTC),
                output=output,
            )
            made(run.id)
            for more in rest:
                run.edit(output={**output, "annotations": more})

    def findings(self, commit: str, ref: str, sarif: bytes) -> None:
        """Upload the document; what is not violated any more is closed by GitHub, for each tool and category."""
        body = {"commit_sha": commit, "ref": ref, "sarif": base64.b64encode(gzip.compress(sarif)).decode()}
        needs = "security-events: write"
        also = "code scanning, which a private repository has with GitHub Code Security only"
        with self._client.asking("to take findings for code scanning", needs=needs, also=also):
            self._client.send("POST", "code-scanning/sarifs", body)


def _remark(one: Annotation) -> dict[str, Any]:
    first, last = one.lines
    place = {"path": one.path, "start_line": first, "end_line": last, "annotation_level": one.level.value}
    title, message = one.title, one.message
    if len(title) > LONGEST_TITLE:
        title, message = f"{len(title)} characters of title: see below", f"{title}\n\n{message}"
    if len(message.encode()) > LONGEST_MESSAGE_BYTES:
        message = f"{len(message):,} characters, which is more than a remark can hold: see the command's own output."
    return {**place, "title": title, "message": message}
