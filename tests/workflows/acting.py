"""Runs this repository's workflows with act, on the host, against the simulated GitHub.

Each run gets an empty folder, as a fresh runner would. Actions of others are replaced by the simulated ones in
`actions/`; the repository's own setup action and everything after it are real.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gitops.toolchain import tools
from tests.workflows.github_shapes import Json
from tests.workflows.simulated_github import TOKEN, Comment, SimulatedGitHub
from tests.workflows.simulated_queue import merge_group_event

ROOT = Path(__file__).parents[2]
ACTIONS = Path(__file__).parent / "actions"
# Valid on GitHub since 2026, unknown to the schema of act 0.2.89. Neither changes what a job does.
UNKNOWN_TO_ACT = (r"^ +deployment: false\n", r"^ +queue: max\n")
PATIENCE_SECONDS = 300
# What a runner has by itself; anything else reaches a step through its workflow only.
OF_THE_MACHINE = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "GITOPS_CACHE", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Finished:
    """A run's exit code (0: every job that ran succeeded), and what it printed."""

    code: int
    output: str


@dataclass(frozen=True)
class Settings:
    """What the GitHub environment of the job holds, and what the runner's environment has beside it.

    `commands` is a folder with those that the image of a runner has and this machine has not, such as `aws`.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    runner: Mapping[str, str] = field(default_factory=dict)
    commands: Path | None = None


class Act:
    """Plays GitHub Actions for one simulated repository, with `folder` for its runners."""

    def __init__(self, github: SimulatedGitHub, folder: Path, settings: Settings | None = None) -> None:
        self._github = github
        self._folder = folder
        self._settings = settings or Settings()
        self._runs = 0

    def pull_request(
        self, number: int, action: str = "opened", workflow: str = "preview", **payload: object
    ) -> Finished:
        """A workflow for an event of a pull request; `payload` adds to the event."""
        event = {**self._github.pull_request_event(number, action), **payload}
        return self._run(workflow, "pull_request", event, f"refs/pull/{number}/merge", event["pull_request"]["head"])

    def merge_group(self, number: int, behind: str = "") -> Finished:
        """The `preview` workflow for what a merge queue would merge: the pull request, and what is queued before it."""
        event = merge_group_event(self._github, number, behind=behind)
        group = event["merge_group"]
        return self._run("preview", "merge_group", event, group["head_ref"], {"sha": group["head_sha"]})

    def push(self, branch: str, workflow: str = "apply") -> Finished:
        """A workflow for a push that moved the branch to where it is now."""
        event = self._github.push_event(branch)
        return self._run(workflow, "push", event, f"refs/heads/{branch}", {"sha": event["after"]})

    def comment(self, number: int, comment: Comment, **payload: object) -> Finished:
        """The `command` workflow for a comment below a pull request; it runs on the default branch."""
        event = {**self._github.comment_event(number, comment), **payload}
        head = {"sha": self._github.git("rev-parse", "refs/heads/main")}
        return self._run("command", "issue_comment", event, "refs/heads/main", head)

    def started(self, workflow: str, inputs: Mapping[str, str] | None = None, branch: str = "main") -> Finished:
        """A workflow by its schedule, or with inputs by hand, on a branch."""
        event = {**self._github.push_event(branch), **({"inputs": dict(inputs)} if inputs is not None else {})}
        name = "schedule" if inputs is None else "workflow_dispatch"
        return self._run(workflow, name, event, f"refs/heads/{branch}", {"sha": event["after"]})

    def _run(self, workflow: str, event: str, payload: Json, ref: str, head: Mapping[str, str]) -> Finished:
        self._runs += 1
        here = self._folder / f"run-{self._runs}"
        (here / "runner").mkdir(parents=True)
        environment = {
            "GITHUB_API_URL": self._github.url,
            "GITHUB_REPOSITORY": self._github.repository,
            "GITHUB_REF": ref,
            "SHA_REF": head["sha"],
            "SIMULATED_REMOTE": str(self._github.remote),
            "SIMULATED_ACTIONS": str(ACTIONS),
            "SIMULATED_ARTIFACTS": str(here / "artifacts"),
            **self._settings.runner,
        }
        files = {
            "--eventpath": _write(here / "event.json", json.dumps(payload)),
            "--workflows": _write(here / f"{workflow}.yml", _for_act(ROOT / f".github/workflows/{workflow}.yml")),
            "--env-file": _write(here / "environment", _lines(environment)),
            "--var-file": _write(here / "variables", _lines(self._settings.variables)),
            "--secret-file": _write(here / "secrets", _lines({"GITHUB_TOKEN": TOKEN, **self._settings.secrets})),
        }
        command = [
            *(tools.find(["act"]).path("act"), event, "--directory", here / "runner"),
            *(part for pair in files.items() for part in pair),
            *("--platform", "ubuntu-latest=-self-hosted", "--no-cache-server", "--no-skip-checkout", "--rm"),
            *("--action-cache-path", here / "act"),
            *(part for given in _stand_ins() for part in ("--local-repository", given)),
        ]
        machine = {name: os.environ[name] for name in OF_THE_MACHINE if name in os.environ}
        if self._settings.commands:
            machine["PATH"] = os.pathsep.join((str(self._settings.commands), machine.get("PATH", os.defpath)))
        log = here / "log"
        with log.open("wb") as output:
            code = subprocess.run(
                command,
                env=machine,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE_SECONDS,
                check=False,
            ).returncode
        return Finished(code, log.read_text(encoding="utf-8", errors="replace"))


def _stand_ins() -> list[str]:
    """Each pinned action with the folder of its simulated one."""
    files = [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / "action.yml"]
    used = {
        match
        for file in files
        for match in re.findall(r"uses: ([\w-]+)/([\w-]+)[\w/-]*@(\w+)", file.read_text("utf-8"))
    }
    return [f"{owner}/{name}@{commit}={ACTIONS / name}" for owner, name, commit in sorted(used)]


def _for_act(workflow: Path) -> str:
    text = workflow.read_text(encoding="utf-8")
    for pattern in UNKNOWN_TO_ACT:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    return text


def _write(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def _lines(values: Mapping[str, str]) -> str:
    """A dotenv file; single quotes keep everything literal."""
    return "".join(f"{name}='{value}'\n" for name, value in values.items())
