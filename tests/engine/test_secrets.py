"""A canary in the stack's secrets appears nowhere but, encrypted, in Pulumi's state and config."""

import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.engine.journey import Journey
from tests.support.git import git

pytestmark = pytest.mark.engine

CANARY = "canary-4f1e9b7c2d"
# In the middle of other bytes a base64 text starts at one of three places.
FORMS = [CANARY, *(base64.b64encode(b"x" * shift + CANARY.encode())[4:-4].decode() for shift in range(3))]
WANTED = {
    "things": {"one": {"size": 12, "password": {"secret": "pw"}}},
    "outputs": {"password": {"secret": "pw"}, "near": {"of": "one.serial"}},
}


class Arguments:
    """The arguments of every process below this one, looked at as fast as they can be read."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Arguments":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        ours = psutil.Process()
        while not self._stop.wait(0.05):
            for child in ours.children(recursive=True):
                try:
                    self.seen.add(" ".join(child.cmdline()))
                except psutil.Error:
                    continue


def objects(repository: Path) -> Iterator[str]:
    """The content of every object, reachable or not, and every ref."""
    yield git(repository, "for-each-ref")
    listing = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered"]
    yield subprocess.run(listing, cwd=repository, capture_output=True, check=True).stdout.decode(errors="replace")


def files(folder: Path) -> Iterator[str]:
    """The content of every file."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield file.read_text(errors="replace")


def test_a_secret_is_nowhere_but_in_the_encrypted_state(tmp_path: Path) -> None:
    journey = Journey.begin(tmp_path, WANTED, {"tiny:pw": CANARY})
    # Encrypted before anybody looks: here the canary does go through the arguments, as any `pulumi config set` may.
    rotated = journey.tiny.stack_config(ROTATED)
    said = []
    with Arguments() as arguments:
        number = journey.host.open("feature", "main", title="Change", author="ada")
        git(journey.clone, "fetch", "--quiet", "origin")
        for form in ([], ["--json"], ["--markdown", "--pull-request", str(number)]):
            said.append(journey.gitops("preview", "--base", "origin/main", *form))
        journey.host.approve(number, "bob")
        journey.host.merge(number)
        said.append(journey.gitops("up", "--environment", "dev"))

        journey.branch("rotate")
        journey.push({"Pulumi.dev.yaml": rotated})
        number = journey.review()
        journey.host.merge(number)
        said.append(journey.gitops("up", "--environment", "dev"))

        journey.branch("fail")
        failing = {"size": 13, "password": {"secret": "pw"}, "fail": {"secret": "pw"}}
        journey.push({"wanted.json": json.dumps({**WANTED, "things": {"one": failing}})})
        journey.host.merge(journey.review())
        said.append(journey.gitops("up", "--environment", "dev", expect=1))
        said.append(journey.gitops("log", "--json"))
        said.append(journey.gitops("status", "--json"))

    assert "the things API said no" in said[-3]
    assert len(arguments.seen) > 5
    places = {
        "standard output and error": said,
        "comments": [body for number in (1, 2, 3) for body in journey.host.comments(number)],
        "process arguments": arguments.seen,
        "the remote's objects and refs": objects(journey.remote),
        "the clone's objects and refs": objects(journey.clone),
        "temporary files": files(journey.temporary),
        "the state": files(journey.tiny.root / "state"),
        "the working tree": files(journey.clone),
    }
    found = {place: form for place, texts in places.items() for text in texts for form in FORMS if form in text}
    assert found == {}
    assert list(journey.temporary.iterdir()) == []
    state = "".join(files(journey.tiny.root / "state"))
    assert "ciphertext" in state


ROTATED = {"tiny:pw": f"{CANARY}-rotated", "gitops:digestKey": "0f" * 32}


def test_a_rotated_digest_key_voids_approvals_and_says_so(tmp_path: Path) -> None:
    """The commands are those of docs/decisions/0004-keyed-secret-digests.md."""
    journey = Journey.begin(tmp_path, WANTED, {"tiny:pw": CANARY})
    journey.host.merge(journey.review())
    assert "released" in journey.gitops("up", "--environment", "dev")
    scaled = {**WANTED, "things": {"one": {"size": 20, "password": {"secret": "pw"}}}}
    journey.branch("scale")
    journey.push({"wanted.json": json.dumps(scaled)})
    approved = journey.review()

    journey.branch("rotate")
    rotate = "openssl rand -hex 32 | pulumi config set --secret gitops:digestKey --stack dev"
    assert rotate in DECISION.read_text()
    subprocess.run(["bash", "-c", rotate], cwd=journey.clone, env=journey.tiny.environment, check=True)
    journey.push({})
    rotation = journey.review()
    (body,) = journey.host.comments(rotation)
    assert "nothing changes" in body
    journey.host.merge(rotation)
    assert "released" in journey.gitops("up", "--environment", "dev")

    journey.host.merge(approved)
    told = journey.gitops("up", "--environment", "dev", expect=3)
    assert "the digest key was rotated" in told
    assert "size: 12 → 20" not in told.partition("What the apply would do differently")[2].partition("\n\n")[0]
    git(journey.clone, "checkout", "--quiet", "scale")
    journey.preview(approved)
    journey.host.approve(approved, "bob")
    assert "released" in journey.gitops("up", "--environment", "dev")
    plans = [
        record["body"]["plan"] for record in json.loads(journey.gitops("log", "--json")) if record["kind"] == "plan"
    ]
    under_old, under_new = (plan for plan in plans if plan["changes"] and plan["start"]["resources"])
    assert under_old["changes"] == under_new["changes"]
    assert under_old["inputs"]["digest_key"] != under_new["inputs"]["digest_key"]
    assert under_old["start"]["digest"] != under_new["start"]["digest"]


DECISION = Path(__file__).parents[2] / "docs" / "decisions" / "0004-keyed-secret-digests.md"
