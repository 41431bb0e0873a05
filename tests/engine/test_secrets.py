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
