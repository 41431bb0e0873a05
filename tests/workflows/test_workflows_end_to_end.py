"""A change on its way through the real workflows: pull request, comment, approval, merge, apply, refusal.

act runs the workflows on this host; Git, Pulumi, the Kubernetes API and the AWS provider are real, AWS is the
sandbox's emulator, GitHub is simulated.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitops.errors import Refused, Waiting
from gitops.sandbox import environment
from gitops.sandbox.backend import with_values
from tests.support.sandbox import Sandbox, running_sandbox
from tests.workflows.acting import Act, Finished, Settings
from tests.workflows.simulated_github import BOT, TOKEN, Comment, SimulatedGitHub

pytestmark = pytest.mark.engine
REFUSED, WAITING = Refused.exit_code, Waiting.exit_code
# Given by the job's settings or by the runner, as in a real job.
GIVEN_ELSEWHERE = ("PATH", "KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE")
SMALL_DEV = Path(__file__).with_name("small_dev.py")
# The cluster's kubeconfig is the runner's.
ON_A_CLUSTER_THAT_IS_THERE = {"infrastructure:cluster": "existing", "infrastructure:kubeconfig": ""}


@dataclass(frozen=True)
class Pipeline:
    """A sandbox whose remote belongs to the simulated GitHub, and act as its runners."""

    sandbox: Sandbox
    github: SimulatedGitHub
    act: Act

    def commit(self, branch: str, old: str, new: str) -> str:
        """Push a commit that replaces a text in dev's configuration, on `branch`, made from main if it is new."""
        checkout = self.sandbox.checkout
        self.git("fetch", "--quiet", "origin")
        known = self.git("branch", "--remotes", "--list", f"origin/{branch}")
        self.git("checkout", "--quiet", "-B", branch, f"origin/{branch}" if known else "origin/main")
        file = checkout / "Pulumi.dev.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.git("commit", "--quiet", "--all", "-m", f"Set {new}")
        self.git("push", "--quiet", "origin", branch)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        done = subprocess.run(command, cwd=self.sandbox.checkout, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def by_hand(self, *arguments: str) -> None:
        """What somebody does with Pulumi beside the pipeline."""
        command = [str(self.sandbox.tools.path("pulumi")), "--non-interactive", *arguments]
        subprocess.run(
            command, cwd=self.sandbox.checkout, env=self.sandbox.variables, stdout=subprocess.DEVNULL, check=True
        )

    def approve(self, number: int) -> None:
        """Somebody approves. GitHub's times are whole seconds: in the second of the preview it would be too early."""
        time.sleep(1)
        self.github.review(number, "grace")

    def comments(self, number: int) -> list[Comment]:
        return self.github.pull_requests[number].comments

    def check(self, number: int) -> tuple[str, set[str]]:
        """How the required check of its head ended, and the files that have a remark."""
        head = self.github.follow(self.github.pull_requests[number]).head
        *_, check = [one for one in self.github.checks if (one.commit, one.fields["name"]) == (head, "gitops dev")]
        return check.fields["conclusion"], {one["path"] for one in check.annotations}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline for this repository, but with a small dev: each of eight jobs would preview or deploy all of it.

    What judges a change, the policy packs of gitops.yaml among it, is the repository's own.
    """
    folder = tmp_path_factory.mktemp("workflows")
    with running_sandbox(folder / "sandbox") as sandbox, SimulatedGitHub(sandbox.folder.remote) as github:
        make_dev_small(sandbox)
        known = environment.of(sandbox.folder, sandbox.tools)
        settings = Settings(
            variables={"PULUMI_BACKEND_URL": known["PULUMI_BACKEND_URL"]},
            secrets={"PULUMI_CONFIG_PASSPHRASE": sandbox.folder.passphrase.read_text(encoding="utf-8").strip()},
            runner={
                **{name: value for name, value in known.items() if name not in GIVEN_ELSEWHERE},
                "KUBECONFIG": str(eks_kubeconfig(sandbox, folder)),
                "SIMULATED_PYTHON": sys.executable,
            },
            commands=sandbox.folder.commands,
        )
        yield Pipeline(sandbox, github, Act(github, folder / "runs", settings))


def make_dev_small(sandbox: Sandbox) -> None:
    """One more commit on `first-deploy`."""
    checkout = sandbox.checkout
    shutil.copy(SMALL_DEV, checkout / "stacks" / "dev.py")
    configuration = checkout / "Pulumi.dev.yaml"
    configuration.write_text(with_values(configuration.read_text("utf-8"), ON_A_CLUSTER_THAT_IS_THERE), "utf-8")
    for arguments in (["commit", "--quiet", "--all", "-m", "Make dev small"], ["push", "--quiet", "origin", "HEAD"]):
        subprocess.run(["git", *arguments], cwd=checkout, check=True)


def eks_kubeconfig(sandbox: Sandbox, folder: Path) -> Path:
    """What `aws eks update-kubeconfig` would write: it holds no token, but the command that asks for one."""
    document = json.loads(sandbox.folder.kubeconfig.read_text(encoding="utf-8"))
    ask = {"command": "aws", "args": ["eks", "get-token", "--cluster-name", "shop"], "interactiveMode": "Never"}
    document["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1beta1", **ask}}
    file = folder / "kubeconfig"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def succeeded(run: Finished) -> None:
    assert run.code == 0, run.output
    assert TOKEN not in run.output


def test_what_was_reviewed_is_applied_and_a_moved_state_is_refused(pipeline: Pipeline) -> None:
    github, act = pipeline.github, pipeline.act

    # The first pull request gets one comment with the plan.
    first = github.open("first-deploy", "main", title="Bring in the program", author="ada")
    run = act.pull_request(first)
    succeeded(run)
    assert "Summary - <!-- gitops:preview:dev -->" in run.output
    [comment] = pipeline.comments(first)
    assert comment.by == BOT
    assert comment.body.startswith("<!-- gitops:preview:dev -->")
    identity, before = comment.identity, comment.body

    # Another push: the same comment, with the new plan.
    pipeline.commit("first-deploy", 'webMaxReplicas: "3"', 'webMaxReplicas: "4"')
    succeeded(act.pull_request(first, "synchronize"))
    [comment] = pipeline.comments(first)
    assert (comment.identity, comment.edits) == (identity, 1)
    assert comment.body != before

    # Merged without an approval: the job fails. Approved, the same job run again applies.
    github.merge(first)
    early = act.push("main")
    assert f"exit status {WAITING}" in early.output
    pipeline.approve(first)
    run = act.push("main")
    succeeded(run)
    assert max_replicas(pipeline) == 4

    # A merge queue lets pass what is approved, and not before.
    pipeline.commit("more-pods", 'webMaxReplicas: "4"', 'webMaxReplicas: "5"')
    second = github.open("more-pods", "main", title="Allow more pods", author="ada")
    succeeded(act.pull_request(second))
    assert pipeline.check(second) == ("success", {"Pulumi.dev.yaml"})
    early = act.merge_group(second)
    assert f"exit status {WAITING}" in early.output
    pipeline.approve(second)
    succeeded(act.merge_group(second))

    # Approved, but somebody changes the stack by hand before the merge: refused, in the queue too; nothing is touched.
    pipeline.git("checkout", "--quiet", "--detach", "origin/main")
    pipeline.by_hand("up", "--yes", "--skip-preview", "--stack", "dev", "--config", "infrastructure:webMaxReplicas=6")
    queued = act.merge_group(second)
    assert f"exit status {REFUSED}" in queued.output
    assert github.checks[-1].fields["conclusion"] == "failure"
    github.merge(second)
    run = act.push("main")
    assert f"exit status {REFUSED}" in run.output
    assert "spec.maxReplicas: 6 → 5" in run.output
    assert max_replicas(pipeline) == 6

    # The way on: the preview's job again, an approval of what it shows now, the apply's job again.
    succeeded(act.pull_request(second, "synchronize"))
    [comment] = pipeline.comments(second)
    assert "6 → 5" in comment.body
    pipeline.approve(second)
    succeeded(act.push("main"))
    assert max_replicas(pipeline) == 5


def max_replicas(pipeline: Pipeline) -> int:
    """What the cluster itself says about the one autoscaler."""
    [found] = pipeline.sandbox.kubernetes.get("/apis/autoscaling/v2/horizontalpodautoscalers")["items"]
    return int(found["spec"]["maxReplicas"])
