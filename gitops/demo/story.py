"""The chapters: first deploy, a change, a state that moved between review and merge, promotion."""

import json
import subprocess
from pathlib import Path

from gitops.demo.stage import GITOPS, Stage
from gitops.errors import Failed
from gitops.sandbox.cluster import Client
from gitops.sandbox.folder import Folder

AUTHOR = "ada"
REVIEWER = "grace"
SHOP, STORES, PROD = "stacks/application.py", "stacks/data.py", "stacks/prod.py"
DEV_CONFIG = "Pulumi.dev.yaml"
DEV_NAMESPACE = "example-shop-dev"
_SCALERS = "horizontalpodautoscalers"


def tell(stage: Stage, tear_down: bool) -> None:
    """Tell the whole story, to the end of the environments if asked. Raises Failed when a step goes otherwise."""
    _first_deploy(stage)
    _change(stage)
    _moved_state(stage)
    _promote(stage)
    _ledger(stage)
    if tear_down:
        _tear_down(stage)


def _first_deploy(stage: Stage) -> None:
    stage.chapter("The first deploy of three environments")
    stage.say(
        "A Git remote with the branches main (dev), staging and prod is up, an AWS emulator and a Kubernetes API too.\n"
        "Nothing is deployed. The branch first-deploy holds the whole program: a pull request brings it into dev."
    )
    stage.gitops("status")
    number = _open(stage, "first-deploy", "main")
    _review_merge_apply(stage, number, "dev", base="main", head="first-deploy", lines=14)
    stage.say("Staging and prod get the same commit by promotion, a pull request from the environment before.")
    for environment, branch, source in (("staging", "staging", "main"), ("prod", "prod", "staging")):
        number = _open(stage, source, branch)
        _review_merge_apply(stage, number, environment, base=branch, head=f"origin/{source}", lines=6)
    stage.gitops("status")
    _expect_released(stage, "dev", "staging", "prod")


def _change(stage: Stage) -> None:
    stage.chapter("A change: another colour for the web workload, and a bucket for reports")
    _branch(stage, "reports")
    _edit(stage.folder / SHOP, ('environment={"PODINFO_UI_MESSAGE": settings.web.message},', _COLOURED))
    _edit(stage.folder / STORES, ("    database = Database(\n", _REPORTS))
    _commit(stage, "Add a bucket for reports, and a colour", SHOP, STORES)
    stage.say("Which stacks can this touch, and why?")
    stage.gitops("affected", "--base", "origin/main")
    stage.say("The pull request, and its preview as the reviewer sees it:")
    number = _open(stage, "reports", "main")
    stage.gitops("preview", "--base", "origin/main", "--pull-request", str(number), lines=90)
    stage.say(f"{REVIEWER} approves this plan; the merge applies exactly it.")
    _approve_and_merge(stage, number)
    stage.gitops("up", "--environment", "dev")
    _expect_released(stage, "dev")


def _moved_state(stage: Stage) -> None:
    stage.chapter("What sets it apart: the state moves between approval and merge")
    _branch(stage, "replicas")
    _edit(stage.folder / DEV_CONFIG, ('webMinReplicas: "1"', 'webMinReplicas: "2"'))
    _commit(stage, "Run at least two replicas in dev", DEV_CONFIG)
    number = _open(stage, "replicas", "main")
    stage.gitops("preview", "--base", "origin/main", "--pull-request", str(number))
    stage.gitops("sandbox", "pull-request", "approve", str(number), "--as", REVIEWER)
    stage.say(
        "Approved: from 1 to 2. Now a colleague goes around the pipeline, with plain Pulumi, and sets it to 3.\n"
        "(Pulumi's own saved plans do not notice this: a plan for 1 to 2 would be applied on 3.)"
    )
    colleague = stage.folder.parent / "colleague"
    stage.run(["git", "clone", "--quiet", "--branch", "main", "../remote.git", str(colleague)], lines=0)
    _edit(colleague / DEV_CONFIG, ('webMinReplicas: "1"', 'webMinReplicas: "3"'))
    stage.run(
        ["pulumi", "up", "--stack", "dev", "--yes", "--skip-preview", "--non-interactive", "--suppress-progress"],
        folder=colleague,
        lines=5,
        leave_out="pulumi-language-python",
    )
    stage.say("The merge. What was reviewed is no longer what would be done, so nothing is done:")
    stage.gitops("sandbox", "pull-request", "merge", str(number))
    before = _minimum_replicas(stage)
    stage.gitops("up", "--environment", "dev", ends_with=3)
    stage.check("the refused apply touched nothing", _minimum_replicas(stage) == before == 3)
    stage.say("A new review of what it would do now: from 3 to 2.")
    stage.run(["git", "fetch", "--quiet"], lines=0)
    arguments = ("--base", "origin/main", "--head", "replicas", "--pull-request", str(number))
    stage.gitops("preview", *arguments)
    stage.gitops("sandbox", "pull-request", "approve", str(number), "--as", REVIEWER)
    stage.gitops("up", "--environment", "dev")
    stage.check("dev runs at least two replicas, as reviewed", _minimum_replicas(stage) == 2)
    _expect_released(stage, "dev")


def _promote(stage: Stage) -> None:
    stage.chapter("Promotion: dev over staging to prod, by merging branches")
    for environment, branch, source in (("staging", "staging", "main"), ("prod", "prod", "staging")):
        number = _open(stage, source, branch)
        _review_merge_apply(stage, number, environment, base=branch, head=f"origin/{source}", lines=30)
    _expect_released(stage, "dev", "staging", "prod")


def _ledger(stage: Stage) -> None:
    stage.chapter("What is left: the ledger")
    stage.gitops("log", lines=80)
    stage.gitops("log", "--verify")
    stage.gitops("status")
    kinds = [record["kind"] for record in json.loads(_quiet(stage, "log", "--json"))]
    stage.check(
        "seven releases and one refusal are on record", (kinds.count("release"), kinds.count("refused")) == (7, 1)
    )


def _tear_down(stage: Stage) -> None:
    stage.chapter("The end: three environments are taken away")
    stage.say(
        "Not by the pipeline, which refuses to delete what holds data, but by an administrator with plain Pulumi.\n"
        "prod protects itself twice, in Pulumi and at AWS: both protections are first taken away, by a change."
    )
    quietly = ("--yes", "--skip-preview", "--non-interactive", "--suppress-progress", "--suppress-outputs")
    stage.run(["git", "switch", "--quiet", "--detach", "origin/prod"], lines=0)
    _edit(stage.folder / PROD, ("Data.PROTECTED", "Data.DISPOSABLE"))
    stage.run(["pulumi", "up", "--stack", "prod", *quietly], lines=4, leave_out="pulumi-language-python")
    for name in ("prod", "staging", "dev"):
        stage.run(["pulumi", "destroy", "--stack", name, *quietly], lines=4, leave_out="pulumi-language-python")
        left = json.loads(_output(stage, ["pulumi", "stack", "export", "--stack", name]))["deployment"].get("resources")
        stage.check(f"nothing is left in the state of {name}", not left)
    stage.check("nothing is left in the cluster", not _namespaces(stage))


def _namespaces(stage: Stage) -> list[str]:
    """The namespaces of all environments that the cluster still has."""
    found = Client(Folder(stage.folder.parent)).get("/api/v1/namespaces")
    if not found:
        raise Failed("The story cannot be checked: the API server lists no namespaces.")
    names = [str(one["metadata"]["name"]) for one in found["items"]]
    return [name for name in names if name.startswith("example-shop-")]


def _open(stage: Stage, head: str, base: str) -> int:
    stage.gitops("sandbox", "pull-request", "open", "--head", head, "--base", base, "--as", AUTHOR)
    listed = json.loads(_quiet(stage, "sandbox", "pull-request", "list", "--json"))
    return max(int(entry["number"]) for entry in listed)


def _review_merge_apply(stage: Stage, number: int, environment: str, *, base: str, head: str, lines: int) -> None:
    arguments = ("--environment", environment, "--base", f"origin/{base}", "--head", head)
    stage.gitops("preview", *arguments, "--pull-request", str(number), lines=lines)
    _approve_and_merge(stage, number)
    stage.gitops("up", "--environment", environment, lines=14)


def _approve_and_merge(stage: Stage, number: int) -> None:
    stage.gitops("sandbox", "pull-request", "approve", str(number), "--as", REVIEWER)
    stage.gitops("sandbox", "pull-request", "merge", str(number))
    stage.run(["git", "fetch", "--quiet"], lines=0)


def _branch(stage: Stage, name: str) -> None:
    stage.run(["git", "switch", "--quiet", "--create", name, "--no-track", "origin/main"], lines=0)


def _edit(file: Path, *replacements: tuple[str, str]) -> None:
    """Change a file as a person would in an editor. Raises Failed when the text is not where the story expects it."""
    text = file.read_text(encoding="utf-8")
    for old, new in replacements:
        if text.count(old) != 1:
            raise Failed(f"The story cannot be told: {file.name} holds {old!r} {text.count(old)} times, not once.")
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def _commit(stage: Stage, subject: str, *paths: str) -> None:
    stage.run(["git", "diff", "--unified=1", "--", *paths])
    stage.run(["git", "commit", "--quiet", "--all", "-m", subject])
    stage.run(["git", "push", "--quiet", "origin", "HEAD"])


def _expect_released(stage: Stage, *environments: str) -> None:
    rows = {row["environment"]: row for row in json.loads(_quiet(stage, "status", "--json"))["environments"]}
    for name in environments:
        row = rows[name]
        stage.check(f"{name} is released at the head of its branch", row["released"] == row["branch_head"] is not None)


def _minimum_replicas(stage: Stage) -> int:
    """What the cluster itself says, asked past Pulumi and past the pipeline."""
    scalers = Client(Folder(stage.folder.parent)).get(f"/apis/autoscaling/v2/namespaces/{DEV_NAMESPACE}/{_SCALERS}")
    if not scalers or len(scalers["items"]) != 1:
        raise Failed(f"The story cannot be checked: {DEV_NAMESPACE} has not one autoscaler.")
    return int(scalers["items"][0]["spec"]["minReplicas"])


def _quiet(stage: Stage, *arguments: str) -> str:
    """A command for the story's own eyes."""
    return _output(stage, [*GITOPS, *arguments])


def _output(stage: Stage, command: list[str]) -> str:
    done = subprocess.run(
        command, cwd=stage.folder, env=dict(stage.environment), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(f"The story cannot be checked: `{' '.join(command)}` failed.", hint=done.stderr)
    return done.stdout


_COLOURED = 'environment={"PODINFO_UI_MESSAGE": settings.web.message, "PODINFO_UI_COLOR": "#2f6f4f"},'
_REPORTS = """\
    Bucket(
        "reports",
        BucketArgs(
            bucket_name=f"{prefix}-reports",
            key_arn=base.data_key.arn,
            retention_days=30,
            disposable=base.disposable,
        ),
        base.holds_data,
    )
    database = Database(
"""
