"""`gitops doctor`: real Git and a simulated GitHub; what it says, what it repairs, how it ends."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.settings import GitHubSettings
from gitops.adapters.system import shipped
from gitops.cli import run
from gitops.context import Context
from gitops.errors import Failed
from gitops.flow import init
from gitops.flow.doctor import workflows
from gitops.model import BucketSettings, RoleTrust
from tests.support import git
from tests.workflows.github_settings import (
    HISTORY,
    Ruleset,
    Settings,
    SimulatedEnvironment,
    checks_rule,
    pull_request_rule,
)
from tests.workflows.simulated_github import REPOSITORY, TOKEN, SimulatedGitHub

STATE = "s3://example-state?region=eu-west-1"
GITOPS = """version: 1
environments:
  - {name: dev, branch: main, stacks: [dev]}
  - {name: prod, branch: prod, stacks: [prod]}
"""
FILES = {
    "gitops.yaml": GITOPS,
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "Pulumi.dev.yaml": "secretsprovider: awskms:///alias/x\nconfig:\n  gitops:digestKey: {secure: v1:a}\n",
    "Pulumi.prod.yaml": "config: {}\n",
    ".github/CODEOWNERS": "/.github/ @ada\n/gitops.yaml @ada\n",
}


@dataclass
class Cloud:
    """Buckets and roles by what they are asked by; whatever is not here cannot be read."""

    buckets: dict[str, BucketSettings] = field(default_factory=dict)
    roles: dict[str, RoleTrust] = field(default_factory=dict)

    def trust(self, role: str) -> RoleTrust:
        return self._found(self.roles, role)

    def bucket(self, address: str) -> BucketSettings:
        return self._found(self.buckets, address)

    def keep_versions(self, address: str) -> None:
        self.buckets[address] = BucketSettings(True, self.buckets[address].encrypted, self.buckets[address].private)

    def _found(self, values: Mapping[str, Any], key: str) -> Any:
        if key not in values:
            raise Failed("asked AWS: there are no credentials", hint="log in")
        return values[key]


@dataclass
class Patient:
    """A clone, the simulated GitHub of its remote, and the cloud."""

    folder: Path
    github: SimulatedGitHub
    settings: Settings
    cloud: Cloud

    def doctor(self, *options: str) -> int:
        github, cloud = self.github, self.cloud

        class World(Context):
            @cached_property
            def settings(self) -> GitHubSettings:
                return GitHubSettings(Client(REPOSITORY, TOKEN, api=github.url, retries=0))

            @cached_property
            def cloud(self) -> Cloud:
                return cloud

        return run(["-C", str(self.folder), "doctor", *options], World)

    def heal(self) -> None:
        """Set everything up as it should be."""
        rules = [pull_request_rule(), checks_rule("gitops dev", "gitops prod"), *HISTORY]
        self.settings.rulesets = [
            Ruleset("environments", ["refs/heads/main", "refs/heads/prod"], rules),
            Ruleset("ledger", ["refs/heads/gitops/ledger"], HISTORY),
        ]
        variables = {"PULUMI_BACKEND_URL": STATE}
        for branch in ("main", "prod"):
            self.settings.environments[branch] = SimulatedEnvironment(branch, [branch], variables=variables)
            name = f"preview-{branch}"
            self.settings.environments[name] = SimulatedEnvironment(name, variables=variables)
        self.cloud.buckets[STATE] = BucketSettings(versioned=True, encrypted=True, private=True)


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Patient]:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    action = workflows.Action(f"example/gitops@{'a' * 40}", "1.0.0")
    written = init.pipeline(shipped.workflow_files(), action, ["main", "prod"])
    seed = git.create(tmp_path / "seed", {**FILES, **written})
    git.git(seed, "branch", "prod")
    git.git(tmp_path, "clone", "--quiet", "--bare", str(seed), "remote.git")
    git.git(tmp_path, "clone", "--quiet", "remote.git", "clone")
    with SimulatedGitHub(tmp_path / "remote.git") as github:
        yield Patient(tmp_path / "clone", github, github.settings, Cloud())


def findings(output: str, state: str) -> set[tuple[str, str]]:
    return {(one["check"], one["subject"]) for one in json.loads(output)["findings"] if one["state"] == state}


def test_where_all_is_well_it_ends_with_0(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    patient.heal()
    assert patient.doctor() == 0, capsys.readouterr()
    assert "missing" not in capsys.readouterr().out


def test_what_is_missing_is_told_with_its_fix_and_ends_with_3(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.heal()
    patient.settings.environments["prod"].branches = None
    assert patient.doctor() == 3
    out, err = capsys.readouterr()
    assert "environment-branch: prod: jobs of any branch get its role and secrets" in out
    assert "Fix: Settings, Environments, prod: deployment branches, selected branches, prod" in out
    assert "1 thing that the promise rests on is missing." in err


def test_what_cannot_be_read_ends_with_1_and_is_not_passed(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.heal()
    patient.cloud.buckets.clear()
    patient.github.forbidden = [".*/actions/permissions/workflow"]
    assert patient.doctor("--json") == 1
    out, err = capsys.readouterr()
    assert findings(out, "missing") == set()
    assert findings(out, "not_checked") == {
        ("state-backend", "state of main, preview-main, prod and preview-prod"),
        ("workflow-token", "workflows"),
        ("actions-approve", "workflows"),
    }
    assert "3 checks could not be made, so they count as not passed." in err


def test_a_token_without_any_right_passes_nothing_of_github(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.github.forbidden = [".*"]
    assert patient.doctor("--json") == 1
    out, err = capsys.readouterr()
    told = {check for check, _ in findings(out, "ok")} | {check for check, _ in findings(out, "passed")}
    assert told <= {"code-owners", "workflows", "workflow-branches", "pinned-actions", "ledger", "secrets",
                    "digest-key", "toolchain", "git", "clock"}  # fmt: skip
    assert TOKEN not in out + err


def test_a_repair_adds_what_is_missing_and_says_each_thing(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    patient.heal()
    patient.settings.rulesets.pop()
    del patient.settings.environments["preview-prod"]
    patient.cloud.buckets[STATE] = BucketSettings(versioned=False, encrypted=True, private=True)
    assert patient.doctor("--fix", "--yes") == 3  # the new environment has no backend yet
    out, err = capsys.readouterr()
    assert [line for line in err.splitlines() if line.startswith("Done:")] == [
        "Done: create the GitHub environment preview-prod.",
        "Done: add a ruleset to gitops/ledger: no force pushes, no deletion.",
        "Done: turn on versioning of the bucket s3://example-state.",
    ]
    assert "state of preview-prod: names no backend" in out
    patient.settings.environments["preview-prod"].variables = {"PULUMI_BACKEND_URL": STATE}
    before = len(patient.github.requests)
    assert patient.doctor("--fix", "--yes") == 0
    assert [line for line in patient.github.requests[before:] if not line.startswith("GET")] == []


def test_a_repair_is_not_made_where_nobody_can_be_asked(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    assert patient.doctor("--fix") == 2
    assert "Would create the GitHub environment prod, for the branch prod only." in capsys.readouterr().err
    assert [line for line in patient.github.requests if not line.startswith("GET")] == []


def test_an_environment_that_is_there_is_never_written_again(patient: Patient) -> None:
    patient.heal()
    patient.settings.environments["prod"].reviewers, patient.settings.environments["prod"].branches = 2, None
    assert patient.doctor("--fix", "--yes") == 3
    assert patient.settings.environments["prod"].reviewers == 2
    assert [line for line in patient.github.requests if line.startswith("PUT")] == []


def test_a_ledger_that_somebody_rewrote_is_missing(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    patient.heal()
    git.git(patient.folder, "push", "--quiet", "origin", "HEAD:refs/heads/gitops/ledger")
    assert patient.doctor("--json") == 3
    assert ("ledger", "gitops/ledger") in findings(capsys.readouterr().out, "missing")


def test_the_files_are_those_of_each_branch_on_the_remote(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    patient.heal()
    git.git(patient.folder, "checkout", "--quiet", "-b", "prod", "origin/prod")
    git.commit(patient.folder, {".github/CODEOWNERS": None})
    git.git(patient.folder, "push", "--quiet", "origin", "prod")
    git.git(patient.folder, "checkout", "--quiet", "main")
    assert patient.doctor("--json") == 3
    assert findings(capsys.readouterr().out, "missing") == {("code-owners", "prod")}


def test_a_host_without_settings_is_not_checked(patient: Patient, capsys: pytest.CaptureFixture[str]) -> None:
    git.git(patient.folder, "config", "gitops.host", "simulated")
    assert run(["-C", str(patient.folder), "doctor"]) == 1
    assert "the simulated code host has no settings" in capsys.readouterr().out


def test_yes_without_fix_is_a_mistake(patient: Patient) -> None:
    assert patient.doctor("--yes") == 2
