"""Looking for a planted secret wherever it must not be: texts, processes, repositories, folders."""

import base64
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from tests.support.git import git


def found(places: Mapping[str, Iterable[str]], *canaries: str) -> dict[str, str]:
    """Place → the form in which a canary sits there, in clear or inside of base64; empty when all are clean."""
    forms = [form for canary in canaries for form in _forms(canary)]
    return {place: form for place, texts in places.items() for text in texts for form in forms if form in text}


def _forms(canary: str) -> Iterator[str]:
    """In the middle of other bytes a base64 text starts at one of three places."""
    yield canary
    for shift in range(3):
        yield base64.b64encode(b"x" * shift + canary.encode())[4:-4].decode()


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
