"""The state backend, and the stacks' configuration in the clone: what points them at the sandbox."""

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gitops.errors import EngineFailed
from gitops.flow.redaction import Redactor, secrets_of_environment
from gitops.sandbox.cloud import REGION
from gitops.sandbox.folder import Folder

DIGEST_KEY = "gitops:digestKey"
_ACCOUNT = "123456789012"  # moto's


@dataclass(frozen=True, slots=True)
class Project:
    """A Pulumi project of the clone with the stacks that have a configuration file."""

    folder: Path
    name: str
    declared: frozenset[str]
    stacks: tuple[str, ...]

    def stack_file(self, stack: str) -> Path:
        """The file that holds the stack's configuration."""
        return self.folder / f"Pulumi.{stack}.yaml"


@dataclass(frozen=True, slots=True)
class Pulumi:
    """The CLI as it runs in a project's folder, and what its environment holds."""

    program: Path
    environment: Mapping[str, str]

    def run(self, folder: Path, *arguments: str, stdin: str = "") -> None:
        """Run to the end. Raises EngineFailed with what Pulumi said; `stdin` is never shown."""
        self.finish(self.begin(folder, *arguments), arguments, stdin)

    def begin(self, folder: Path, *arguments: str) -> "subprocess.Popen[str]":
        """Start a call that `finish` waits for."""
        return subprocess.Popen(
            [str(self.program), *arguments, "--non-interactive", "--cwd", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )

    def finish(self, process: "subprocess.Popen[str]", arguments: Sequence[str], stdin: str = "") -> None:
        """Wait for a started call. Raises EngineFailed."""
        _, said = process.communicate(stdin)
        if process.returncode:
            text = Redactor(frozenset(secrets_of_environment({**os.environ, **self.environment}))).clean([said.strip()])
            raise EngineFailed(f"pulumi {' '.join(arguments[:3])} failed.", text=text)


def project_at(folder: Path) -> Project | None:
    """The project whose Pulumi.yaml lies in the folder, if there is one."""
    file = folder / "Pulumi.yaml"
    if not file.exists():
        return None
    document: dict[str, Any] = yaml.safe_load(file.read_text()) or {}
    stacks = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in folder.glob("Pulumi.*.yaml"))
    return Project(folder, str(document.get("name", "")), frozenset(document.get("config") or ()), tuple(stacks))


def prepare(folder: Folder) -> None:
    """Make the passphrase that encrypts the stacks' secrets; 256 random bits, readable by the owner only."""
    folder.passphrase.touch(mode=0o600)
    folder.passphrase.write_text(secrets.token_urlsafe(32) + "\n")


def create_stacks(project: Project, folder: Folder, pulumi: Pulumi) -> None:
    """Make the project's stacks in the backend, and point their files in the clone at the sandbox.

    Pulumi works on a stand-in project, because it rewrites whole stack files (numbers become texts). The
    stacks share one salt and one digest key: deriving the key of another salt costs a second. Raises EngineFailed.
    """
    if not project.stacks:
        return
    bench = folder.root / "stand-in"
    bench.mkdir()
    (bench / "Pulumi.yaml").write_text(yaml.safe_dump({"name": project.name, "runtime": "python"}))
    first, *others = project.stacks
    made = bench / f"Pulumi.{first}.yaml"
    pulumi.run(bench, "stack", "init", first, "--no-select")
    pulumi.run(bench, "config", "set", "--secret", "--stack", first, DIGEST_KEY, stdin=secrets.token_hex(32))
    document = yaml.safe_load(made.read_text())
    for stack in others:
        shutil.copy(made, bench / f"Pulumi.{stack}.yaml")
    calls = [("stack", "init", stack, "--no-select") for stack in others]
    for call, process in [(call, pulumi.begin(bench, *call)) for call in calls]:
        pulumi.finish(process, call)
    values = {**sandbox_values(project, folder), DIGEST_KEY: document["config"][DIGEST_KEY]}
    for stack in project.stacks:
        file = project.stack_file(stack)
        file.write_text(with_values(file.read_text(), values, document["encryptionsalt"]))
    shutil.rmtree(bench)


def sandbox_values(project: Project, folder: Folder) -> dict[str, Any]:
    """The values that differ in the sandbox, of those the project declares; the rest comes by environment."""
    values = {
        "awsRegion": REGION,
        "awsAccountIds": [_ACCOUNT],
        # A call that the emulator does not know is otherwise tried again for minutes.
        "awsMaxRetries": "2",
        # For a cluster that is there already. One that the program makes in the emulator leads to the same API server,
        # by a kubeconfig of its own.
        "kubeContext": "sandbox",
        "kubeconfig": str(folder.kubeconfig),
    }
    return {f"{project.name}:{key}": value for key, value in values.items() if key in project.declared}


def with_values(text: str, values: Mapping[str, Any], salt: str = "") -> str:
    """The text of a stack file with these values (each on one line) and, when given, this salt.

    A key that already stands there is replaced in its place with whatever lies under it.
    """
    lines = text.splitlines()
    if not any(re.match(r"config:\s*(#.*)?$", line) for line in lines):
        lines = [line for line in lines if not re.match(r"config:\s*(\{\}|null|~)\s*$", line)] + ["config:"]
    for key, value in values.items():
        lines = _with_value(lines, key, value)
    if salt:
        lines = [f"encryptionsalt: {salt}", *(line for line in lines if not line.startswith("encryptionsalt:"))]
    return "\n".join(lines) + "\n"


def _with_value(lines: Sequence[str], key: str, value: Any) -> list[str]:
    start = next(i for i, line in enumerate(lines) if re.match(r"config:\s*(#.*)?$", line)) + 1
    end = next((i for i in range(start, len(lines)) if re.match(r"[^\s#]", lines[i])), len(lines))
    # JSON is YAML on one line; a plain text needs its quotes only where YAML would read something else.
    flow = (
        yaml.safe_dump(value, width=10**9).removesuffix("...\n").strip()
        if isinstance(value, str)
        else json.dumps(value, ensure_ascii=False)
    )
    keys = [i for i in range(start, end) if re.match(r" +[^\s#-]", lines[i])]
    indent = min((len(lines[i]) - len(lines[i].lstrip()) for i in keys), default=2)
    wanted = f"{' ' * indent}{key}: {flow}"
    for i in keys:
        if re.match(rf" {{{indent}}}[\"']?{re.escape(key)}[\"']?:", lines[i]):
            after = next((j for j in range(i + 1, end) if j in keys and _indent(lines[j]) <= indent), end)
            return [*lines[:i], wanted, *lines[after:]]
    while end > start and not lines[end - 1].strip():
        end -= 1
    return [*lines[:end], wanted, *lines[end:]]


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
