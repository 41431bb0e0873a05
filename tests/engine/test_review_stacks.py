"""Review stacks on the real Pulumi CLI: up, again, secrets of the copied config, expiry, orphans, killed runs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
import yaml
from moto.server import ThreadedMotoServer

from gitops.flow.review_stacks import copied_config
from gitops.model import RecordKind
from gitops.ports import SavedPlan
from gitops.views.markdown.review_stack_comment import MARKER
from tests.engine.journey import ROOT, Journey, alive
from tests.engine.test_engine import wait_until
from tests.support.canaries import files, found
from tests.support.tiny import Tiny

pytestmark = pytest.mark.engine

CANARY = "canary-77ab01c3"
LABEL = "review stack"
# Its name, as everything that must differ, comes from the config.
WANTED = {
    "things": {"one": {"size": {"secret": "prefix"}, "password": {"secret": "pw"}}},
    "outputs": {"serial": {"of": "one.serial"}, "password": {"secret": "pw"}},
}
GITOPS = """version: 1
lease: {duration: 4s}
environments:
  - {name: dev, branch: main, stacks: [dev], approvals: 0}
review_stacks:
  like: dev
  expires: 24h
  most: 2
  config: {"tiny:prefix": "t-{number}"}
"""


class Reviewed(Journey):
    """A journey whose pull request may carry the label."""

    def label(self, *labels: str) -> None:
        """Have pull request 1 carry exactly these."""
        self.host.label(1, labels, [LABEL])

    def review_stack(self, *arguments: str, expect: int = 0) -> str:
        """`gitops review-stack …`, to its end."""
        return self.gitops("review-stack", *arguments, expect=expect)

    def sweep_later(self, seconds: int) -> str:
        """The sweep of a machine whose clock is so many seconds ahead."""
        more = {"SIMULATED_LATER": str(seconds), "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)}
        done = subprocess.run(
            [sys.executable, "-m", "tests.engine.later_gitops", "review-stack", "sweep"],
            cwd=self.clone,
            env={**self.tiny.environment, **more, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @property
    def stacks(self) -> tuple[str, ...]:
        """What the backend has."""
        return self.tiny.engine.stacks(self.clone)

    @property
    def sizes(self) -> list[str]:
        """What exists, by the name that its stack's config gives it."""
        return sorted(thing["size"] for thing in self.tiny.things.values())

    @property
    def kinds(self) -> list[str]:
        """The ledger."""
        return [record["kind"] for record in json.loads(self.gitops("log", "--json"))]


@pytest.fixture
def journey(tmp_path: Path) -> Reviewed:
    """A main with the program, never applied, and pull request 1 with one thing more."""
    made = Reviewed.begin(tmp_path, WANTED, {"tiny:pw": CANARY})
    made.push({"gitops.yaml": GITOPS})
    subprocess.run(["git", "push", "--quiet", "origin", "HEAD:main"], cwd=made.clone, check=True)
    made.branch("change")
    two = {**WANTED, "things": {**WANTED["things"], "two": {"size": {"secret": "prefix"}}}}
    made.push({"wanted.json": json.dumps(two)})
    assert made.host.open("change", "main", title="Two", author="ada") == 1
    made.label(LABEL)
    return made


def test_a_review_stack_from_its_first_up_to_its_expiry(journey: Reviewed) -> None:
    said = [journey.review_stack("up", "--pull-request", "1")]
    assert journey.stacks == ("review-1",)
    assert journey.sizes == ["t-1", "t-1"]
    [comment] = journey.host.comments(1)
    assert comment.startswith(MARKER)
    assert "one&#45;" not in comment
    assert "| secret |" in comment

    three = {**WANTED, "things": {name: {"size": {"secret": "prefix"}} for name in ("one", "three")}}
    journey.push({"wanted.json": json.dumps({**three, "outputs": {}})})
    said.append(journey.review_stack("up", "--pull-request", "1"))
    assert sorted(name.split("-")[0] for name in journey.tiny.things) == ["one", "three"]
    said.append(journey.review_stack("sweep"))
    assert "kept" in said[-1]

    # An orphan: made by nobody who is known here.
    (journey.clone / "Pulumi.review-9.yaml").write_text((journey.clone / "Pulumi.dev.yaml").read_text())
    journey.tiny.process.must(journey.clone, ["stack", "init", "review-9"], "make an orphan")
    (journey.clone / "Pulumi.review-9.yaml").unlink()
    said.append(journey.review_stack("list"))
    assert "tiny/review-9: #9, which does not ask for it; in no record" in said[-1]
    assert "tiny/review-1: #1; release at " in said[-1]
    said.append(journey.review_stack("sweep"))
    assert journey.stacks == ("review-1",)

    said.append(journey.sweep_later(25 * 3600))
    assert "expired at" in said[-1]
    assert journey.stacks == ()
    assert journey.tiny.things == {}
    assert journey.tiny.state_files == []
    assert "is gone" in journey.host.comments(1)[0]
    assert journey.kinds[-1] == RecordKind.DESTROYED.value
    assert journey.review_stack("list").strip() == "There are no review stacks."
    places = {
        "standard output and error": said,
        "comments": journey.host.comments(1),
        "temporary files": files(journey.temporary),
        "the state": files(journey.tiny.root / "state"),
    }
    assert found(places, CANARY) == {}
    assert list(journey.temporary.iterdir()) == []
    assert not list(journey.clone.glob("Pulumi.review-*"))


def test_what_a_killed_up_left_is_settled_and_destroyed_by_the_sweep(journey: Reviewed) -> None:
    slow = {"things": {"a": {"size": 1, "seconds": 6}, "b": {"size": 2, "beside": {"of": "a.serial"}}}}
    journey.push({"wanted.json": json.dumps(slow)})
    process = journey.start("review-stack", "up", "--pull-request", "1")
    wait_until((journey.tiny.root / "things" / ".working").exists)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert not alive(process.pid)
    assert "review-1" in journey.stacks
    journey.label()
    at_once = journey.review_stack("sweep", expect=4)
    assert "leased to" in at_once
    time.sleep(11)  # its lease dies, and clocks may differ
    told = journey.review_stack("sweep")
    assert "never ended; looking at what it left" in told
    assert "destroyed" in told
    assert journey.stacks == ()
    assert journey.tiny.things == {}
    assert '"leases": []' in journey.gitops("status", "--json")


@pytest.mark.parametrize("whole_tree", [True, False], ids=["with all it started", "gitops alone"])
def test_what_a_killed_down_left_is_finished_by_the_sweep(journey: Reviewed, whole_tree: bool) -> None:
    journey.push({"wanted.json": json.dumps({"things": {"a": {"size": 1, "lingers": 5}, "b": {"size": 2}}})})
    journey.review_stack("up", "--pull-request", "1")
    process = journey.start("review-stack", "down", "--pull-request", "1")
    wait_until((journey.tiny.root / "things" / ".leaving").exists)
    children = psutil.Process(process.pid).children(recursive=True) if whole_tree else []
    for victim in [process.pid, *(child.pid for child in children)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    process.communicate()
    time.sleep(11)
    told = journey.review_stack("sweep")
    assert "it was being destroyed, and that did not come to its end" in told
    assert journey.stacks == ()
    assert journey.tiny.things == {}
    assert journey.kinds[-1] == RecordKind.DESTROYED.value


def test_a_protected_thing_is_left_and_told(journey: Reviewed) -> None:
    kept = {"things": {"a": {"size": 1, "options": {"protect": True}}, "b": {"size": 2}}}
    journey.push({"wanted.json": json.dumps(kept)})
    journey.review_stack("up", "--pull-request", "1")
    journey.label()
    told = journey.review_stack("sweep", expect=1)
    assert "Left as they are: tiny/review-1" in told
    assert "protect" in told
    assert journey.kinds[-1] == RecordKind.DESTROY_FAILED.value
    assert journey.stacks == ("review-1",)


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[tuple[Tiny, str]]:
    """A world whose secrets are encrypted by an emulated KMS, and nobody has a passphrase."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    who = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    client = boto3.client("kms", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="testing",
                          aws_secret_access_key="testing")  # fmt: skip
    key = client.create_key()["KeyMetadata"]["KeyId"]
    variables = {"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true", **who}
    world = Tiny(tmp_path / "world", {**variables, "PULUMI_CONFIG_PASSPHRASE": ""})
    yield world, f"awskms:///{key}?region=eu-west-1&context_environment=dev"
    server.stop()


def test_secrets_under_a_key_of_kms_open_in_the_copy(kms: tuple[Tiny, str], tmp_path: Path) -> None:
    tiny, provider = kms
    project = tiny.project(tmp_path / "project", WANTED)
    (project / "Pulumi.dev.yaml").unlink()
    run = tiny.process
    run.must(project, ["stack", "init", "dev", "--secrets-provider", provider], "make dev")
    for name, secret in (("tiny:pw", CANARY), ("gitops:digestKey", "0f" * 32)):
        run.must(project, ["config", "set", "--stack", "dev", "--secret", name, secret], "encrypt")
    copy = copied_config((project / "Pulumi.dev.yaml").read_bytes(), "Pulumi.dev.yaml", {"tiny:prefix": "t-7"})
    file = project / "Pulumi.review-7.yaml"
    file.write_bytes(copy)
    saved = tmp_path / "plan.json"
    tiny.engine.preview(project, "review-7", save_plan=saved)
    tiny.engine.apply(project, "review-7", SavedPlan(saved), lambda _step: None, lambda: "")
    assert [thing["size"] for thing in tiny.things.values()] == ["t-7"]
    assert yaml.safe_load(file.read_bytes()) == yaml.safe_load(copy)
    state = json.loads(run.must(project, ["stack", "export", "--stack", "review-7"], "look"))
    assert state["deployment"]["secrets_providers"]["type"] == "cloud"
    tiny.engine.destroy(project, "review-7", lambda _step: None, lambda: "")
    assert tiny.engine.stacks(project) == ("dev",)
    assert tiny.things == {}
