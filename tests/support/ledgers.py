"""Ledgers of any size in a bare repository, written by one `git fast-import`: no network, no race, no patience."""

import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitops.flow.ledger import chain as records
from gitops.model import Record, RecordKind, Stack
from tests.support.records import BODIES, record_of

BEGIN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
_PLAN_EVERY = 10
_KINDS = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.RELEASE, RecordKind.REFUSED)


def synthetic(count: int, stacks: int = 40) -> Iterator[Record]:
    """Records as a busy team would write them, a minute apart, in no chain yet.

    Every tenth is a plan of about 20 KB; the rest are 300 bytes to 2 KB.
    """
    for number in range(1, count + 1):
        index = number // _PLAN_EVERY % stacks
        stack = Stack("shop", f"stack-{index:02d}")
        author = records.Author("ada", ("dev", "staging", "prod")[index % 3])
        commit = f"{number // _PLAN_EVERY:040x}"
        is_plan = number % _PLAN_EVERY == 0
        kind = RecordKind.PLAN if is_plan else _KINDS[number % _PLAN_EVERY % len(_KINDS)]
        body = _plan(number) if is_plan else {"plan_digest": f"{number:064x}", "checks": _checks(number)}
        yield record_of(kind, author, stack, commit, BEGIN + timedelta(minutes=number), body)


def _checks(number: int) -> list[dict[str, Any]]:
    detail = "the refreshed preview of the applied program changes nothing: "
    return [{"name": f"check {i}", "passed": True, "detail": detail + str(number)} for i in range(number % 9)]


def _plan(number: int) -> dict[str, Any]:
    properties = [
        {"path": f"spec.ports[{i}].name", "kind": "add", "new": f"port-{number}-{i}", "old": None, "replaces": False}
        for i in range(12)
    ]
    urn = "urn:pulumi:dev::shop::kubernetes:core/v1:Service::service-"
    changes = [
        {
            "urn": f"{urn}{i}",
            "type": "kubernetes:core/v1:Service",
            "operation": "create",
            "provider": "kubernetes",
            "properties": properties,
        }
        for i in range(10)
    ]
    whole = BODIES[RecordKind.PLAN]["plan"]
    return {"plan": {**whole, "changes": changes, "commit": f"{number:040x}"}, "shown_on": number}


def chained(given: Iterable[Record]) -> Iterator[tuple[Record, bytes]]:
    """Each record in its place, with its file."""
    last: records.Place | None = None
    for one in given:
        placed = records.following(one, last)
        content = records.encode(placed)
        last = records.read(content, "x")[1]
        yield placed, content


def write(remote: Path, given: Iterable[Record]) -> None:
    """Make the repository's ledger branch of these records."""
    write_files(remote, (content for _, content in chained(given)))


def write_files(remote: Path, files: Iterable[bytes]) -> None:
    """Make the repository's ledger branch of these records' files, the first of which has the number 1."""
    importing = subprocess.Popen(["git", "fast-import", "--quiet", "--force"], cwd=remote, stdin=subprocess.PIPE)
    assert importing.stdin is not None
    for number, content in enumerate(files, start=1):
        path = records.path_of(number)
        message = f"record {number}\n\n{path}\n".encode()
        importing.stdin.write(
            b"commit refs/heads/%s\nmark :%d\ncommitter gitops <gitops@localhost> %d +0000\ndata %d\n%s\n%s"
            b"M 100644 inline %s\ndata %d\n%s\n"
            % (
                records.BRANCH.encode(),
                number,
                BEGIN.timestamp() + number,
                len(message),
                message,
                b"from :%d\n" % (number - 1) if number > 1 else b"",
                path.encode(),
                len(content),
                content,
            )
        )
    importing.stdin.close()
    assert importing.wait() == 0
