"""One cell's world on the real Pulumi CLI: a reviewed first deploy of three things, one after the other."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitops.adapters.pulumi.process import PulumiProcess
from gitops.toolchain import tools
from tests.faults.simulated_cloud import Sizes
from tests.faults.warm import Ran
from tests.faults.world import GITOPS, World
from tests.support import git

PROVIDER = Path(__file__).parent / "struck_provider"
PROGRAM = """import pulumi


class Thing(pulumi.CustomResource):
    def __init__(self, name, after):
        super().__init__("struck:index:Thing", name, {"made": None}, pulumi.ResourceOptions(depends_on=after))


cache = Thing("cache", [])
queue = Thing("queue", [cache])
search = Thing("search", [queue])
"""
TYPE = "struck:index:Thing"
NAMES = ("cache", "queue", "search")


class Started:
    """Starts `gitops` with the real Pulumi."""

    def run(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Ran:
        """Run to the end."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tests.faults.real_gitops", *arguments],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        return Ran(done.returncode, done.stdout)


@dataclass(frozen=True)
class RealCloud:
    """What exists in the struck provider's cloud, and what the state in Pulumi's own backend says; sizes are counts."""

    things_folder: Path
    backend: Path

    def things(self) -> Sizes:
        """How many exist of each name."""
        return dict(Counter(file.name.split("-")[0] for file in self.things_folder.glob("*.json")))

    def operations(self) -> Counter[str]:
        """Nothing is ever deleted here, so what exists is what was created."""
        return Counter({f"create {name}": count for name, count in self.things().items()})

    def state(self) -> Sizes:
        """How many the state knows of each name."""
        resources = self._deployment().get("resources") or ()
        things = [one["urn"].rsplit("::", 1)[-1] for one in resources if one["type"] == TYPE]
        return dict(Counter(things))

    def pending(self) -> dict[str, str]:
        """Thing → its pending operation."""
        pending = self._deployment().get("pending_operations") or ()
        return {one["resource"]["urn"].rsplit("::", 1)[-1]: one["type"] for one in pending}

    def _deployment(self) -> dict[str, object]:
        [file] = self.backend.glob(".pulumi/stacks/*/dev.json")
        return json.loads(file.read_text())["checkpoint"]["latest"] or {}


@dataclass(frozen=True)
class RealWorld(World):
    """A cell's folder. State, clone and temporary files are on the disk that can be full."""

    @property
    def backend(self) -> Path:
        """The state backend."""
        return self.folder / "disk" / "state"

    @property
    def cloud(self) -> RealCloud:  # type: ignore[override]
        """Its cloud."""
        return RealCloud(self.folder / "cloud", self.backend)

    @property
    def wanted(self) -> Sizes:
        """One of each."""
        return dict.fromkeys(NAMES, 1)

    @property
    def planned(self) -> Counter[str]:
        """One create each."""
        return Counter(f"create {name}" for name in NAMES)

    @property
    def environment(self) -> dict[str, str]:
        """A whole process environment."""
        simulated = super().environment
        real = tools.find(["pipeline"]).environment()
        return {
            **simulated,
            **real,
            "PATH": f"{simulated['PATH'].split(os.pathsep)[0]}{os.pathsep}{real['PATH']}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": self.backend.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "simulated",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    @classmethod
    def begin_real(cls, folder: Path) -> "RealWorld":
        """A world whose first deploy is reviewed, approved and merged."""
        made = cls(folder, Started())
        made.make_folders()
        for part in (made.backend, folder / "home"):
            part.mkdir()
        plugins = {"providers": [{"name": "struck", "path": str(PROVIDER)}]}
        made.make_repository({"README.md": "words\n"})
        git.git(made.clone, "checkout", "--quiet", "-b", "first")
        project = {"name": "shop", "runtime": "python", "plugins": plugins}
        (made.clone / "Pulumi.yaml").write_text(json.dumps(project))
        process = PulumiProcess(tools.find(["pipeline"]).path("pulumi"), made.environment)
        process.must(made.clone, ["stack", "init", "dev"], "create a stack for a test")
        made.review("first", {"gitops.yaml": GITOPS, "__main__.py": PROGRAM})
        return made

    def repair_by_hand(self) -> None:
        """Somebody looks what the pending create left, and says so."""
        [name] = self.cloud.pending()
        [thing] = (self.folder / "cloud").glob(f"{name}-*.json")
        urn = f"urn:pulumi:dev::shop::{TYPE}::{name}"
        self.must("repair", "dev", "--environment", "dev", "--exists", f"{urn}={thing.stem}", "--yes")
