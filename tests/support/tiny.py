"""The tiny Pulumi project of `tests/engine/tiny` on a file backend of its own: real engine, no cloud."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gitops.adapters.pulumi.engine import PulumiEngine
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.secret_digests import DIGEST_KEY
from gitops.toolchain import tools

PROJECT = Path(__file__).parents[1] / "engine" / "tiny"
PASSPHRASE = "a passphrase for tests"
STACK = "dev"


@dataclass(frozen=True)
class Tiny:
    """A world of things: `root` holds the state, the things that exist, and Pulumi's home."""

    root: Path
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """A whole process environment in which Pulumi, its program and the provider of things work."""
        for name in ("state", "things", "home"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        return {
            **os.environ,
            **tools.find(["pipeline"]).environment(),
            "PULUMI_HOME": str(self.root / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "THINGS": str(self.root / "things"),
            **self.more,
        }

    @property
    def process(self) -> PulumiProcess:
        """How to start Pulumi here."""
        return PulumiProcess(tools.find(["pipeline"]).path("pulumi"), self.environment)

    @property
    def engine(self) -> PulumiEngine:
        """The engine adapter on this world."""
        return PulumiEngine(self.process)

    @property
    def things(self) -> dict[str, Any]:
        """What exists, by serial."""
        return {file.stem: json.loads(file.read_text()) for file in (self.root / "things").glob("*.json")}

    @property
    def state_files(self) -> list[str]:
        """The files of the state backend that hold stacks."""
        return sorted(file.name for file in (self.root / "state").glob(".pulumi/stacks/**/*.json"))

    def project(self, folder: Path, wanted: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Path:
        """The project in `folder`, wanting this; each of `secrets` in the stack's config, and a digest key."""
        shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
        self.want(folder, wanted)
        (folder / f"Pulumi.{STACK}.yaml").write_text(self.stack_config({**(secrets or {}), DIGEST_KEY: "0f" * 32}))
        return folder

    @staticmethod
    def want(folder: Path, wanted: Mapping[str, Any]) -> None:
        """Have the program want this from now on."""
        (folder / "wanted.json").write_text(json.dumps(wanted))

    def stack_config(self, secrets: Mapping[str, str]) -> str:
        """The content of a stack's config file with these secrets, encrypted by Pulumi itself in a scratch project."""
        scratch = self.root / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
        process = self.process.with_backend(f"file://{scratch}")
        if not (scratch / ".pulumi").exists():
            process.must(scratch, ["stack", "init", STACK], "create a scratch stack")
        file = scratch / f"Pulumi.{STACK}.yaml"
        settings = yaml.safe_load(file.read_text())
        file.write_text(yaml.safe_dump({k: v for k, v in settings.items() if k != "config"}))
        for name, secret in secrets.items():
            process.must(scratch, ["config", "set", "--stack", STACK, "--secret", name, secret], "encrypt")
        return file.read_text()
