"""Whose lock on the state backend may be freed, and when. A shell script stands in for Pulumi."""

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.adapters.pulumi.engine import PulumiEngine
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.recovery import killed_run
from gitops.errors import EngineKilled, Waiting
from gitops.model import CutOff

# `rename` looks at the lock, `cancel` frees it; the file `looks` counts down until its owner lets go by itself.
SCRIPT = """#!/bin/sh
case "$1 $2" in
"stack rename")
  if [ -e looks ]; then n=$(cat looks); if [ "$n" -le 0 ]; then rm -f lock looks; else echo $((n - 1)) > looks; fi; fi
  if [ -e lock ]; then
    echo "error: the stack is currently locked by 1 lock(s). Either wait or run 'pulumi cancel'." >&2
    echo "  file:///lock: created by $(cat lock)" >&2
  else echo "error: a stack named dev already exists" >&2; fi
  exit 255;;
"cancel --yes") rm lock; touch cancelled;;
"stack export") cat state;;
"stack import") echo "ci@$(cat host) (pid $$) at 2026-05-04T09:30:00Z" > lock; kill -9 $$;;
esac
"""
ELSEWHERE = "ci@runner-7 (pid 4711) at 2026-05-04T09:30:00Z"
HERE_DEAD = f"ci@{socket.gethostname()} (pid 999999999) at 2026-05-04T09:30:00Z"
HERE_ALIVE = f"ci@{socket.gethostname()} (pid {os.getpid()}) at {datetime.now(UTC).isoformat()}"
CUT_OFF = CutOff("run of ci", "runner-7", 0.0)


def backend(folder: Path, owner: str, looks: int | None = None) -> PulumiProcess:
    """A backend whose lock somebody holds."""
    file = folder / "pulumi"
    file.write_text(SCRIPT)
    file.chmod(0o755)
    (folder / "lock").write_text(owner)
    if looks is not None:
        (folder / "looks").write_text(f"{looks}\n")
    return PulumiProcess(file, {"PATH": os.environ["PATH"], "PULUMI_BACKEND_URL": f"file://{folder}"})


def cleared(folder: Path, process: PulumiProcess, left_by: CutOff | None) -> tuple[str, ...]:
    return killed_run.clear(process, folder, "dev", left_by)


def test_the_lock_of_a_dead_process_of_this_machine_is_freed(tmp_path: Path) -> None:
    (told,) = cleared(tmp_path, backend(tmp_path, HERE_DEAD), None)
    assert told.startswith("freed the state backend's lock that ci@")
    assert (tmp_path / "cancelled").exists()


def test_the_lock_of_the_machine_where_the_run_was_cut_off_is_freed_when_its_time_is_over(tmp_path: Path) -> None:
    (told,) = cleared(tmp_path, backend(tmp_path, ELSEWHERE), CUT_OFF)
    assert "ci@runner-7 (process 4711) since 2026-05-04 09:30:00 UTC" in told
    assert (tmp_path / "cancelled").exists()


def test_what_is_still_stopping_over_there_is_waited_for(tmp_path: Path) -> None:
    process = backend(tmp_path, ELSEWHERE, looks=1)
    (told,) = cleared(tmp_path, process, CutOff("run of ci", "runner-7", patience=0.5))
    assert told.startswith("waited until ci@runner-7 (process 4711)")
    assert not (tmp_path / "cancelled").exists()


@pytest.mark.parametrize(
    ("owner", "left_by"),
    [
        (HERE_ALIVE, CUT_OFF),
        (HERE_ALIVE, None),
        (ELSEWHERE, None),
        (ELSEWHERE, CutOff("run of ci", "runner-8")),
        (ELSEWHERE, CutOff("run of ci")),
    ],
    ids=["ours, alive", "ours, not cut", "theirs, not cut", "theirs, cut elsewhere", "theirs, no host"],
)
def test_any_other_lock_is_somebody_at_work(tmp_path: Path, owner: str, left_by: CutOff | None) -> None:
    process = backend(tmp_path, owner)
    with pytest.raises(Waiting, match="outside of this pipeline"):
        cleared(tmp_path, process, left_by)
    with pytest.raises(Waiting, match="outside of this pipeline"):
        killed_run.find(process, tmp_path, "dev", left_by)
    assert (tmp_path / "lock").exists()


def test_a_look_frees_nothing(tmp_path: Path) -> None:
    found = killed_run.find(backend(tmp_path, ELSEWHERE), tmp_path, "dev", CUT_OFF)
    assert found.sentences[0].startswith("the state backend's lock of ci@runner-7 (process 4711)")
    assert (tmp_path / "lock").exists()


def test_a_state_that_cannot_be_read_yet_is_found_and_mended(tmp_path: Path) -> None:
    process = backend(tmp_path, HERE_DEAD)
    broken = tmp_path / ".pulumi" / "stacks" / "shop" / "dev.json.attrs"
    broken.parent.mkdir(parents=True)
    broken.touch()
    found = killed_run.find(process, tmp_path, "dev", None)
    assert found.unreadable
    assert found.sentences[0] == "dev.json.attrs, which a write that was cut short left empty, is removed"
    assert broken.exists()
    assert cleared(tmp_path, process, None)[0].startswith("removed dev.json.attrs")
    assert not broken.exists()


def test_stacks_that_pulumi_cannot_list_are_found_by_their_files(tmp_path: Path) -> None:
    place = tmp_path / ".pulumi" / "stacks" / "tiny"
    place.mkdir(parents=True)
    for name in ("dev.json", "dev.json.attrs", "review-1.json", "review-1.json.attrs", "old.json.bak"):
        (place / name).write_text("{}")
    address = f"file://{tmp_path}"
    assert killed_run.stacks_by_files(address, "tiny") is None
    (place / "review-1.json.attrs").write_text("")
    assert killed_run.stacks_by_files(address, "tiny") == ("dev", "review-1")
    assert killed_run.stacks_by_files(address, "other") == ()
    assert killed_run.stacks_by_files("s3://bucket", "tiny") is None


def test_the_lock_of_a_repair_whose_pulumi_was_killed_is_freed_at_once(tmp_path: Path) -> None:
    process = backend(tmp_path, HERE_DEAD)
    (tmp_path / "lock").unlink()
    (tmp_path / "host").write_text(socket.gethostname())
    pending = [{"type": "reading", "resource": {"urn": "urn:pulumi:dev::p::t::a", "type": "t"}}]
    (tmp_path / "state").write_text(json.dumps({"deployment": {"resources": [], "pending_operations": pending}}))
    with pytest.raises(EngineKilled):
        PulumiEngine(process).settle(tmp_path, "dev")
    assert not (tmp_path / "lock").exists()
