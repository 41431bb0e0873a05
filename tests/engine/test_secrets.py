"""A canary in the stack's secrets appears nowhere but, encrypted, in Pulumi's state and config."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.engine.journey import Journey
from tests.support.canaries import Arguments, files, found, objects
from tests.support.git import git

pytestmark = pytest.mark.engine

CANARY = "canary-4f1e9b7c2d"
WANTED = {
    "things": {"one": {"size": 12, "password": {"secret": "pw"}}},
    "outputs": {"password": {"secret": "pw"}, "near": {"of": "one.serial"}},
}


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
    assert found(places, CANARY) == {}
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
