"""This repository's own environments on the real providers: what a first deploy reads like, and what guards it."""

import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitops.config.settings import parse
from gitops.sandbox.backend import with_values
from tests.support.programs import Project, clone, everything, program, standing
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.engine

# With its branch, in promotion order.
SETTINGS = Path(__file__).parents[2] / "gitops.yaml"
ENVIRONMENTS = {one.name: one.branch for one in parse(SETTINGS.read_bytes()).environments}
ANOTHER_REGION = {"AWS_REGION": "us-east-2", "AWS_DEFAULT_REGION": "us-east-2"}
DIGESTS = re.compile(r"plan [0-9a-f]{12}  inputs [0-9a-f]{12}  commit [0-9a-f]{12}")
BLOCK = re.compile(r"    [-+~] +\w+ ")


def preview(sandbox: Sandbox, environment: str) -> str:
    """What `gitops preview` says of an environment's first deploy, from a shell that is set to another region."""
    arguments = ("--environment", environment, "--base", f"origin/{ENVIRONMENTS[environment]}")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gitops", "preview", *arguments, "--head", "origin/first-deploy"],
        cwd=sandbox.checkout,
        env={**sandbox.variables, **ANOTHER_REGION, "NO_COLOR": "1", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return DIGESTS.sub("plan ############  inputs ############  commit ############", done.stdout)


def blocks(text: str, environment: str) -> dict[str, list[str]]:
    """The lines by what they belong to, a resource or the preview as a whole, with the environment's name left out."""
    # Not that of a device, and not in another word.
    name = re.compile(rf"(?<![A-Za-z]){environment}(?![A-Za-z]|/(?:null|xvda))")
    # A long line is cut by its length, and so elsewhere when a name in it is longer.
    cut = re.compile(r"^(.{150}).*… \(\d+ characters\)$")
    found: dict[str, list[str]] = {}
    lines = found.setdefault("the preview", [])
    for line in name.sub("<environment>", text).splitlines():
        if BLOCK.match(line):
            lines = found.setdefault(line.strip(), [])
        elif line.startswith("  ") and not line.startswith("   "):
            lines = found["the preview"]
            lines.append(line.strip())
        else:
            lines.append(cut.sub(r"\1…", line).strip())
    return found


def differences(one: tuple[str, str], other: tuple[str, str]) -> str:
    """What the second environment's preview says otherwise than the first one's, each of them a name and a text."""
    (name, text), (other_name, other_text) = one, other
    before, after = blocks(text, name), blocks(other_text, other_name)
    said = [f"What is otherwise in {other_name} (>) than in {name} (<), but for its name", ""]
    for block in [*before, *(block for block in after if block not in before)]:
        old, new = before.get(block), after.get(block)
        if old is None or new is None:
            mark, lines = (">", new) if old is None else ("<", old)
            said += [f"{mark} {block}", *(f"{mark}     {line}" for line in lines or ()), ""]
        elif old != new:
            gone, come = [line for line in old if line not in new], [line for line in new if line not in old]
            said += [f"  {block}", *(f"<     {line}" for line in gone), *(f">     {line}" for line in come), ""]
    return "\n".join(said)


def test_the_first_deploys_read_as_expected_whatever_region_the_shell_is_in(
    sandbox: Sandbox, golden: Callable[[str, str], None]
) -> None:
    with ThreadPoolExecutor() as pool:
        said = dict(zip(ENVIRONMENTS, pool.map(lambda name: preview(sandbox, name), ENVIRONMENTS), strict=True))
    assert "us-east-2" not in "".join(said.values())
    golden("preview-dev.txt", said["dev"])
    # Six thousand lines would be compared by nobody: whoever promotes reads what the next environment does otherwise.
    golden("preview-staging.txt", differences(("dev", said["dev"]), ("staging", said["staging"])))
    golden("preview-prod.txt", differences(("staging", said["staging"]), ("prod", said["prod"])))


def configured(sandbox: Sandbox, folder: Path, stack: str, **values: object) -> Project:
    """The whole program with other values in a stack's configuration."""
    project = Project(clone(sandbox, folder), sandbox, stack)
    file = project.folder / f"Pulumi.{stack}.yaml"
    file.write_text(with_values(file.read_text(), {f"infrastructure:{key}": value for key, value in values.items()}))
    return project


def test_an_account_that_is_not_the_stacks_own_is_refused_before_anything_exists(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    project = configured(sandbox, tmp_path / "clone", "prod", awsAccountIds=["999999999999"])
    before = everything(sandbox)
    for refuse in (project.preview, project.up):
        said = refuse(succeed=False)
        assert "AWS account ID not allowed: 123456789012" in said
    assert [one["type"] for one in project.state() if one["type"].startswith("aws:")] == []
    assert everything(sandbox) == before


# A preview does not tell: the provider has nothing to ask the cluster for as long as no object is in the state.
ELSEWHERE = """
from infra.cluster import existing_cluster
from infra.namespace import Namespace, NamespaceArgs
from infra.settings import KubernetesSettings

cluster = existing_cluster(KubernetesSettings(context="elsewhere", kubeconfig=None))
Namespace(
    "shop",
    NamespaceArgs(namespace_name="shop-elsewhere", cpu="4", memory="4Gi", pods=20),
    pulumi.ResourceOptions(providers=[cluster.provider]),
)
"""


def test_a_context_that_the_kubeconfig_does_not_have_is_never_taken_for_the_current_one(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with program(sandbox, tmp_path / "one", "elsewhere", ELSEWHERE) as project:
        before = everything(sandbox)
        assert 'context "elsewhere" does not exist' in project.up(succeed=False)
        assert everything(sandbox) == before


def test_the_bootstrap_deploys_and_is_taken_away_without_a_trace(sandbox: Sandbox, tmp_path: Path) -> None:
    before = everything(sandbox)
    folder = clone(sandbox, tmp_path / "clone") / "bootstrap"
    with standing(Project(folder, sandbox, "bootstrap", more=ANOTHER_REGION)) as project:
        file = folder / "Pulumi.bootstrap.yaml"
        file.write_text(with_values(file.read_text(), {"bootstrap:awsMaxRetries": "2"}))
        project.up()
        project.preview("--expect-no-changes")
        made = everything(sandbox)
        assert {"example-shop-audit-trail", "example-shop-pulumi-state"} <= set(made["buckets"])
        project.unprotect()
        project.destroy()
        assert project.state() == []
    assert everything(sandbox) == before
