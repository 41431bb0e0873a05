"""Downstream previews on the real engine: three stacks, each of which reads the one before."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.pulumi import deployments, property_values, proposed
from gitops.adapters.pulumi.secret_digests import DIGEST_KEY
from gitops.errors import EngineFailed
from gitops.flow.plans import downstream, values
from gitops.model import EngineRun, Operation, SecretValue, Stack, UnknownValue
from gitops.ports import Preview, Upstream
from tests.engine.journey import ROOT, Journey
from tests.support import canaries, git
from tests.support.tiny import PASSPHRASE, PROJECT, STACK, Tiny

pytestmark = pytest.mark.engine

READER = ROOT / "tests" / "engine" / "reader"
OLD, NEW = "canary-old-5d0b7e", "canary-new-9a41cc"
NET, APP, EDGE = (Stack(name, STACK, name) for name in ("net", "app", "edge"))
GITOPS = """version: 1
environments:
  - {name: dev, branch: main, stacks: [dev], approvals: 1}
"""
OUTPUTS = {"size": 12, "zone": "a", "pw": {"secret": "pw"}}
NETWORK = {"things": {"one": {"size": 1}}, "outputs": OUTPUTS}
APPLICATION = {"reads": {"size": "size", "kind": "zone", "password": "pw"}, "outputs": {"size": "size", "kind": "kind"}}
EDGES = {"reads": {"size": "size"}, "outputs": {}}


def network(things: Mapping[str, Any] | None = None, **outputs: Any) -> dict[str, Any]:
    """The first stack with other outputs; None takes one away."""
    wanted = {**OUTPUTS, **outputs}
    return {
        "things": {**NETWORK["things"], **(things or {})},
        "outputs": {name: value for name, value in wanted.items() if value is not None},
    }


@dataclass(frozen=True)
class Chain:
    """A clone with the three projects, whose stacks are deployed."""

    journey: Journey

    @property
    def tiny(self) -> Tiny:
        return self.journey.tiny

    def folder(self, stack: Stack) -> Path:
        return self.journey.clone / stack.folder

    def want(self, wanted: Mapping[str, Any]) -> None:
        self.tiny.want(self.folder(NET), wanted)

    def preview(self) -> Preview:
        return self.tiny.engine.preview(self.folder(NET), STACK)

    def after(self, found: Preview) -> Preview:
        """What follows in the second stack."""
        upstream = Upstream(NET, self.folder(NET), found.outputs)
        return self.tiny.engine.preview_after(self.folder(APP), APP, [upstream])

    def backend(self) -> dict[str, bytes]:
        """Every file of the real backend."""
        root = self.tiny.root / "state"
        return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Deployed once; what a test wants of the first stack it writes into its own copy."""
    root = tmp_path_factory.mktemp("chain") / "journey"
    root.mkdir()
    shutil.copytree(PROJECT / "provider", root / "plugins")
    tiny = Tiny(root / "world")
    path = f"{root / 'plugins'}{os.pathsep}{tiny.environment['PATH']}"
    chain = Chain(Journey(root, Tiny(root / "world", {"PATH": path})))
    seed = git.create(root / "seed", {"README.md": "words"})
    git.git(root, "clone", "--quiet", "--bare", str(seed), "remote.git")
    git.git(root, "clone", "--quiet", "--config=gitops.host=simulated", "remote.git", "clone")
    config = chain.tiny.stack_config({"net:pw": OLD, DIGEST_KEY: "0f" * 32})
    programs = {
        NET: ((PROJECT / "__main__.py").read_text(), NETWORK),
        APP: ((READER / "__main__.py").read_text().replace("UPSTREAM", "net"), APPLICATION),
        EDGE: ((READER / "__main__.py").read_text().replace("UPSTREAM", "app"), EDGES),
    }
    for stack, (program, wanted) in programs.items():
        folder = chain.folder(stack)
        folder.mkdir()
        (folder / "Pulumi.yaml").write_text(f"name: {stack.project}\nruntime: python\n")
        (folder / f"Pulumi.{STACK}.yaml").write_text(config)
        (folder / "requirements.txt").write_text("pulumi-things==1.0.0\n")
        (folder / "__main__.py").write_text(program)
        tiny.want(folder, wanted)
        for arguments in (["stack", "init", STACK], ["up", "--yes", "--skip-preview", "--stack", STACK]):
            chain.tiny.process.must(folder, arguments, " ".join(arguments))
    chain.journey.push({"gitops.yaml": GITOPS})
    return chain


@pytest.fixture
def chain(deployed: Chain) -> Iterator[Chain]:
    """The same clone, cleaned up afterwards: no test writes to the backend."""
    before = deployed.backend()
    yield deployed
    git.git(deployed.journey.clone, "checkout", "--quiet", "--force", "--detach", "origin/HEAD")
    git.git(deployed.journey.clone, "clean", "--quiet", "--force", "-d", "-x")
    assert deployed.backend() == before


def property_of(run: EngineRun, name: str, path: str) -> Any:
    return next(item.new for one in run.changes if one.name == name for item in one.properties if item.path == path)


def test_what_stays_the_same_moves_nothing(chain: Chain) -> None:
    found = chain.preview()
    assert not downstream.moves(found.run.changes)
    assert downstream.without_references(chain.after(found).run.changes) == ()


def test_a_new_value_flows_to_whoever_reads_it(chain: Chain) -> None:
    chain.want(network(zone="b"))
    found = chain.preview()
    assert [item.path for item in downstream.moved(found.run.changes)] == ["outputs.zone"]
    own = chain.tiny.engine.preview(chain.folder(APP), STACK).run
    assert downstream.without_references(own.changes) == ()
    run = chain.after(found).run
    assert [one.operation for one in run.changes if one.name == "reader"] == [Operation.REPLACE]
    assert property_of(run, "reader", "kind") == "b"


def test_an_unknown_value_is_unknown_to_whoever_reads_it(chain: Chain) -> None:
    chain.want(network({"two": {"size": 2}}, size={"of": "two.serial"}))
    found = chain.preview()
    assert deployments.unknown_outputs(found.outputs) == ("size",)
    run = chain.after(found).run
    assert property_of(run, "reader", "size") == UnknownValue()
    # The others stay known, and what stays the same is no change: the kind would replace the thing, unknown as well.
    reader = next(one for one in run.changes if one.name == "reader")
    assert (reader.operation, [item.path for item in reader.properties]) == (Operation.UPDATE, ["size"])
    assert downstream.hangs_on_unknown(reader)


def test_a_proposed_secret_flows_and_stays_secret(chain: Chain) -> None:
    rotated = chain.tiny.stack_config({"net:pw": NEW, DIGEST_KEY: "0f" * 32})
    (chain.folder(NET) / f"Pulumi.{STACK}.yaml").write_text(rotated)
    found = chain.preview()
    assert property_values.is_secret(found.outputs["pw"])
    run = chain.after(found).run
    secret = property_of(run, "reader", "password")
    assert isinstance(secret, SecretValue)
    assert secret.digest
    process, export = chain.tiny.process, chain.tiny.engine._export
    upstream = [Upstream(NET, chain.folder(NET), found.outputs)]
    with proposed.backend(process, export, Upstream(APP, chain.folder(APP)), upstream) as there:
        folder = Path(there.environment["PULUMI_BACKEND_URL"].removeprefix("file://"))
        assert folder.stat().st_mode & 0o777 == 0o700
        on_disk = list(canaries.files(folder))
    assert any(found.outputs["pw"]["ciphertext"] in text for text in on_disk)
    told = {"disk": on_disk, "run": [repr(run), repr(found), repr(upstream), json.dumps(values.pack(run.changes))]}
    assert canaries.found(told, OLD, NEW, PASSPHRASE) == {}
    assert not folder.exists()


def test_an_output_that_is_gone_makes_its_reader_fail_visibly(chain: Chain) -> None:
    chain.want(network(zone=None))
    with pytest.raises(EngineFailed) as caught:
        chain.after(chain.preview())
    assert any("zone" in line for line in caught.value.text.lines)


def test_a_stack_that_does_not_exist_yet_is_previewed_with_what_it_will_read(chain: Chain, tmp_path: Path) -> None:
    elsewhere = Tiny(tmp_path / "world", chain.tiny.more)
    found = elsewhere.engine.preview(chain.folder(NET), STACK)
    assert downstream.moves(found.run.changes)
    upstream = [Upstream(NET, chain.folder(NET), found.outputs)]
    run = elsewhere.engine.preview_after(chain.folder(APP), APP, upstream).run
    assert property_of(run, "reader", "size") == 12
    assert elsewhere.state_files == []


def changed(chain: Chain, wanted: Mapping[str, Any]) -> None:
    """A commit on a branch of its own; the stacks' real backend and remote stay as they are."""
    git.git(chain.journey.clone, "checkout", "--quiet", "-B", "feature", "origin/HEAD")
    git.commit(chain.journey.clone, {"net/wanted.json": json.dumps(wanted)})


def test_a_chain_is_followed_to_its_end_and_nothing_is_written(chain: Chain) -> None:
    changed(chain, network(size=20))
    things, refs = chain.tiny.things, git.git(chain.journey.remote, "for-each-ref")
    with canaries.Arguments() as arguments:
        said = chain.journey.gitops("preview", "--base", "origin/HEAD", "--environment", "dev", "--json")
    document = json.JSONDecoder().raw_decode(said, said.index("{\n"))[0]
    found = {one["stack"]["project"]: one for one in document["downstream"]}
    assert sorted(found) == ["app", "edge"]
    for one in found.values():
        thing = next(change for change in one["changes"] if change["urn"].endswith("::reader"))
        assert (thing["operation"], thing["properties"][0]["new"]) == ("update", 20)
    assert [one["project"] for one in found["edge"]["reads"]] == ["app"]
    plans = {one["stack"]: one["plan"]["changes"] for one in document["stacks"]}
    assert [{one["operation"] for one in plans[label]} for label in ("app/dev", "edge/dev")] == [{"read"}, {"read"}]
    assert chain.tiny.things == things
    assert git.git(chain.journey.remote, "for-each-ref") == refs
    assert canaries.found({"arguments": arguments.seen, "output": [said]}, OLD, NEW, PASSPHRASE) == {}
    assert any("preview" in one for one in arguments.seen)
    assert list(chain.journey.temporary.glob("gitops-scratch-*")) == []


def test_what_cannot_be_told_is_shown_and_fails_nothing_else(chain: Chain) -> None:
    changed(chain, network(zone=None))
    said = chain.journey.gitops("preview", "--base", "origin/HEAD", "--environment", "dev")
    assert "app/dev will follow, since it reads net/dev: cannot be told" in said
    assert "edge/dev will follow, since it reads app/dev: cannot be told" in said
    assert "KeyError" in said


def test_an_interrupt_leaves_nothing_behind(chain: Chain) -> None:
    changed(chain, network(size=20))
    process = chain.journey.start("preview", "--base", "origin/HEAD", "--environment", "dev")
    assert process.stderr
    for line in process.stderr:
        if "what follows" in line:
            break
    deadline = time.monotonic() + 60
    while not list(chain.journey.temporary.glob("gitops-scratch-downstream-*/.pulumi/stacks/app")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode not in (0, None)
    assert list(chain.journey.temporary.glob("gitops-scratch-*")) == []
