"""A leaked value is taken out of the ledger, and every clone is told; the commands are those of the page about it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.adapters.git.command import GitCommand
from gitops.adapters.git.ledger import GitLedger
from gitops.adapters.git.ledger_rewrite import rewrite
from gitops.errors import LedgerBroken
from gitops.flow.ledger import chain as records
from gitops.flow.redaction import Redactor
from gitops.model import RecordKind, Stack
from gitops.operations.apply.run import Done
from tests.operations.world import World, wanting
from tests.support.canaries import objects
from tests.support.git import create, git
from tests.support.records import record_of

CANARY = 'leaked-canary-81f0"<x>'
SHOP = Stack("shop", "dev")
HEAD = "a" * 40
START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def gitops(clone: Path, *arguments: str, stdin: str = "", expect: int = 0) -> str:
    """What `gitops` says there, on both streams."""
    finished = subprocess.run(
        [sys.executable, "-m", "gitops", *arguments],
        cwd=clone,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == expect, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    """Two clones of one remote, whose ledger has the canary in the second of its four records; both have seen it."""
    settings = "version: 1\nenvironments: [{name: dev, branch: main, stacks: [dev]}]\n"
    create(tmp_path / "seed", {"gitops.yaml": settings})
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "remote.git")
    made = tuple(tmp_path / name for name in ("one", "two"))
    for clone in made:
        git(tmp_path, "clone", "--quiet", "remote.git", clone.name)
    ledger = GitLedger(GitCommand(made[0]))
    author = records.Author("ada", "dev")
    bodies = [
        (RecordKind.APPLY_STARTED, {"plan_digest": "1" * 64, "run": "r", "host": "h"}),
        (RecordKind.APPLY_FAILED, {"plan_digest": "1" * 64, "message": f"data[{{map[pw:{CANARY}]}}]"}),
        (RecordKind.APPLY_STARTED, {"plan_digest": "2" * 64, "run": "r", "host": "h"}),
        (RecordKind.APPLIED, {"plan_digest": "2" * 64}),
    ]
    for minute, (kind, body) in enumerate(bodies):
        ledger.append(record_of(kind, author, SHOP, HEAD, START.replace(minute=minute), body))
    GitLedger(GitCommand(made[1])).history()
    return made[0], made[1]


def test_a_leaked_value_is_found_removed_and_every_clone_is_told(
    clones: tuple[Path, Path],
) -> None:
    here, other = clones
    remote = here.parent / "remote.git"
    before = git(remote, "rev-parse", "gitops/ledger")

    told = gitops(here, "log", "--remove-value", stdin=f"{CANARY}\n")
    assert "record 2: apply failed shop/dev" in told
    assert "3 records would be written anew" in told
    assert git(remote, "rev-parse", "gitops/ledger") == before

    told = gitops(here, "log", "--remove-value", "--yes", stdin=f"{CANARY}\n")
    assert "3 records written anew" in told
    assert CANARY not in told
    assert git(remote, "rev-list", "--count", "gitops/ledger") == "4"
    assert "The chain holds: 4 records." in gitops(here, "log", "--verify")
    kept = json.loads(gitops(here, "log", "--json"))
    assert [one["kind"] for one in kept] == ["apply started", "apply failed", "apply started", "applied"]
    assert kept[1]["body"]["message"] == "data[{map[pw:[secret]]}]"

    ledger = GitLedger(GitCommand(other))
    with pytest.raises(LedgerBroken, match="The ledger was rewritten"):
        ledger.history()
    assert "Accepted" in gitops(other, "log", "--accept-rewritten")

    for place in (remote, here, other):
        for command in (("reflog", "expire", "--expire=now", "--all"), ("gc", "--quiet", "--prune=now")):
            git(place, *command)
        assert all(CANARY not in text and json.dumps(CANARY)[1:-1] not in text for text in objects(place))


def test_a_value_that_stands_there_as_a_number_is_one_too(clones: tuple[Path, Path]) -> None:
    here = clones[0]
    body = {"plan_digest": "3" * 64, "was": 4711081599, "now": [1, True, None]}
    made = record_of(RecordKind.APPLIED, records.Author("ada", "dev"), SHOP, HEAD, START.replace(minute=9), body)
    GitLedger(GitCommand(here)).append(made)
    assert "1 record written anew" in gitops(here, "log", "--remove-value", "--yes", stdin="4711081599")
    kept = json.loads(gitops(here, "log", "--json"))[-1]["body"]
    assert kept == {**body, "was": "[secret]"}


def test_a_pull_request_whose_plan_held_the_value_is_reviewed_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    number = world.open({"Pulumi.dev.yaml": wanting(web=4711081599)})
    world.preview()
    world.host.approve(number, "bob")
    redactor = Redactor(frozenset(["4711081599"]))
    found = rewrite(GitCommand(world.clone), redactor, signers=b"", tell=lambda _: None)
    assert found.broken == (1,)
    world.context().ledger().accept_rewritten()

    world.clock.advance(600)
    world.preview()  # as the branch stands, and as it is once it is mended
    world.commit({"Pulumi.dev.yaml": wanting(web=20)})
    world.preview()
    world.host.merge(number)
    with pytest.raises(LedgerBroken, match="was altered after it was recorded"):
        world.up()
    world.host.approve(number, "bob")
    assert [one.done for one in world.up()] == [Done.RELEASED]


def test_a_ledger_that_nobody_would_read_is_not_written(clones: tuple[Path, Path], tmp_path: Path) -> None:
    here = clones[0]
    for name in ("listed", "other"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(tmp_path / name)], check=True
        )
    settings = (here / "gitops.yaml").read_text() + "ledger: {signers: signers}\n"
    (here / "gitops.yaml").write_text(settings)
    (here / "signers").write_text(f"ada@example.com {(tmp_path / 'listed.pub').read_text()}")
    git(here, "add", ".")
    git(here, "commit", "--quiet", "--message", "Sign records")
    before = git(here.parent / "remote.git", "rev-parse", "gitops/ledger")

    git(here, "config", "user.signingkey", str(tmp_path / "other"))
    told = gitops(here, "log", "--remove-value", "--yes", stdin=CANARY, expect=1)
    assert "with a key that is not in the list" in told
    assert git(here.parent / "remote.git", "rev-parse", "gitops/ledger") == before

    git(here, "config", "user.signingkey", str(tmp_path / "listed"))
    assert "written anew" in gitops(here, "log", "--remove-value", "--yes", stdin=CANARY)


@pytest.mark.parametrize("value", ["", "short", "long enough\nline"])
def test_a_value_that_cannot_be_told_from_other_text_is_refused(clones: tuple[Path, Path], value: str) -> None:
    assert "8 characters" in gitops(clones[0], "log", "--remove-value", stdin=value, expect=2)
