"""A chart by itself, with mocks; and what it renders, on the real engine with the chart in tests/infra/charts."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.settings import SETTINGS

from infra.inputs import InputError
from infra.workloads.chart_release import ChartRelease, ChartReleaseArgs
from tests.infra.recording import Recorded, Registration, record
from tests.support.sandbox import REPOSITORY, Sandbox

CHART = REPOSITORY / "tests/infra/charts/hello"
ARGS = ChartReleaseArgs(
    chart="oci://registry.example.com/charts/hello", version="1.2.3", namespace="shop-dev", release_name="hello"
)
LOCAL = replace(ARGS, chart="./charts/hello")


@pytest.fixture
def charts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program's folder, which holds the chart in `charts/hello`, as the current one."""
    shutil.copytree(CHART, tmp_path / "charts/hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def release(args: ChartReleaseArgs = ARGS) -> Recorded:
    return record(lambda: ChartRelease("hello", args))


def chart(args: ChartReleaseArgs = ARGS) -> Registration:
    (found,) = [one for one in release(args).all if one.type == "kubernetes:helm.sh/v4:Chart"]
    return found


def test_a_chart_comes_in_one_exact_version_with_its_values() -> None:
    found = chart(replace(ARGS, values={"greeting": "hi", "nested": {"size": 2}}))
    assert found.name == "hello"
    assert found.parent.endswith("infra:workloads/chartRelease:ChartRelease::hello")
    assert found.inputs["chart"] == ARGS.chart
    assert found.inputs["version"] == "1.2.3"
    assert found.inputs["name"] == "hello"
    assert found.inputs["namespace"] == "shop-dev"
    assert found.inputs["values"] == {"greeting": "hi", "nested": {"size": 2}}
    assert "repositoryOpts" not in found.inputs


def test_a_chart_comes_from_a_repository_of_the_web() -> None:
    args = replace(ARGS, chart="hello", repository="https://charts.example.com")
    assert chart(args).inputs["chart"] == "hello"
    assert chart(args).inputs["repositoryOpts"] == {"repo": "https://charts.example.com"}


@pytest.mark.usefixtures("charts")
def test_a_chart_comes_from_a_folder_by_a_path_that_is_the_same_on_every_machine() -> None:
    assert chart(LOCAL).inputs["chart"] == "./charts/hello"


def test_resource_definitions_are_left_out_if_asked() -> None:
    assert chart().inputs["skipCrds"] is False
    assert chart(replace(ARGS, skip_crds=True)).inputs["skipCrds"] is True


def test_a_chart_waits_for_what_must_stand_before_it() -> None:
    def program() -> None:
        first = ChartRelease("first", replace(ARGS, release_name="first"))
        ChartRelease("hello", replace(ARGS, after=[first]))

    (found,) = [one for one in record(program).all if one.name == "hello" and one.type.endswith(":Chart")]
    assert any(urn.endswith("Chart::first") for urn in found.depends_on)


def test_a_secret_among_the_values_ends_the_run() -> None:
    # The chart would render it into whatever object it likes, in plain text.
    def program() -> None:
        ChartRelease("hello", replace(ARGS, values={"deep": {"password": pulumi.Output.secret("correct horse")}}))

    with pytest.raises(InputError, match=r"hello.values must be without secrets.*\(not shown\)") as caught:
        record(program)
    assert "correct horse" not in str(caught.value)
    # The SDK keeps what a failed run left undone, and the next one would wait for it.
    SETTINGS.outputs.clear()


@pytest.mark.parametrize("version", ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.5"])
def test_an_exact_version_is_taken(version: str) -> None:
    assert chart(replace(ARGS, version=version)).inputs["version"] == version


@pytest.mark.parametrize("version", ["", "latest", "1.2", "^1.2.3", "~1.2.3", ">=1.2.3", "1.2.x", "*", "1.2.3 - 2.0.0"])
def test_a_version_that_is_another_chart_tomorrow_is_refused(version: str) -> None:
    with pytest.raises(InputError, match=r"hello\.version must be one exact version"):
        release(replace(ARGS, version=version))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": "http://charts.example.com", "chart": "hello"}, "hello.repository must be an https:// address"),
        ({"repository": "https://charts.example.com"}, "hello.chart must be the name of a chart"),
        ({"chart": "hello"}, "hello.chart must be oci://"),
        ({"chart": "/charts/hello"}, "hello.chart must be oci://"),
        ({"chart": "./../charts/hello"}, "hello.chart must be oci://"),
        ({"chart": "./charts/missing"}, "hello.chart must be oci://"),
        ({"chart": "http://example.com/hello.tgz"}, "hello.chart must be oci://"),
        ({"chart": "./charts/hello", "version": "1.2.4"}, "hello.version must be 1.2.3, which the folder holds"),
        ({"release_name": "Hello"}, "hello.release_name must be 1 to 53 lower-case"),
        ({"release_name": "x" * 54}, "hello.release_name must be 1 to 53 lower-case"),
        ({"namespace": "a/b"}, "hello.namespace must be 1 to 63 lower-case"),
    ],
)
@pytest.mark.usefixtures("charts")
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        release(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.version = "2.0.0"  # type: ignore[misc]


# On the real engine

PROGRAM = """\
import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

from infra.namespace import Namespace, NamespaceArgs
from infra.workloads.chart_release import ChartRelease, ChartReleaseArgs


class Later(pulumi.dynamic.ResourceProvider):
    def create(self, inputs):
        return pulumi.dynamic.CreateResult("later", {"kubeconfig": Path(os.environ["KUBECONFIG"]).read_text()})


class Cluster(pulumi.dynamic.Resource):
    kubeconfig: pulumi.Output[str]

    def __init__(self, name):
        super().__init__(Later(), name, {"kubeconfig": None})


config = pulumi.Config()
kubeconfig = Cluster("cluster").kubeconfig if config.get_bool("clusterIsNew") else os.environ["KUBECONFIG"]
provider = kubernetes.Provider(
    "kubernetes",
    context="sandbox",
    kubeconfig=kubeconfig,
    cluster_identifier="sandbox",
    enable_config_map_mutable=True,
)
on_cluster = pulumi.ResourceOptions(providers=[provider])
namespace = Namespace("charts", NamespaceArgs(namespace_name="charts", cpu="1", memory="1Gi", pods=5), on_cluster)
made = ChartRelease(
    "hello",
    ChartReleaseArgs(
        chart="./charts/hello",
        version="1.2.3",
        namespace=namespace.name,
        release_name="greeter",
        values={"greeting": config.get("greeting") or "hello"},
        skip_crds=config.get_bool("skipCrds") or False,
        after=namespace.guards,
    ),
    on_cluster,
)
pulumi.export("objects", made.object_count)
"""

Pulumi = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pulumi_command(charts: Path, sandbox: Sandbox) -> Pulumi:
    """The Pulumi CLI in a project that releases the chart to the sandbox's cluster."""
    (charts / "Pulumi.yaml").write_text("name: charts\nruntime: python\n")
    (charts / "__main__.py").write_text(PROGRAM)
    (charts / "state").mkdir()
    variables = {
        **sandbox.variables,
        "PULUMI_BACKEND_URL": f"file://{charts}/state",
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive"]
        return subprocess.run(command, cwd=charts, env=variables, capture_output=True, text=True, check=False)

    assert run("stack", "init").returncode == 0
    return run


@pytest.mark.engine
def test_what_a_chart_renders_is_planned_applied_and_removed_object_by_object(
    pulumi_command: Pulumi, charts: Path, sandbox: Sandbox
) -> None:
    plan = charts / "plan.json"
    objects = {
        "hello:charts/greeter": {"ConfigMap", "Deployment"},
        "hello:greetings.hello.example": {"CustomResourceDefinition"},
    }
    assert planned(pulumi_command, plan) == objects
    try:
        applied = pulumi_command("up", "--yes", "--skip-preview", "--plan", str(plan))
        assert applied.returncode == 0, applied.stdout
        settled = pulumi_command("preview", "--refresh", "--expect-no-changes")
        assert settled.returncode == 0, settled.stdout
        _, maps = sandbox.kubernetes.call("GET", "/api/v1/namespaces/charts/configmaps")
        names = {one["metadata"]["name"] for one in json.loads(maps)["items"]}
        # The hook of the chart is a ConfigMap, too, and its test a pod.
        assert names == {"greeter", "kube-root-ca.crt"}

        pulumi_command("config", "set", "greeting", "servus")
        changed = {name: found for name, found in steps(pulumi_command, plan).items() if found != ["same"]}
        assert [(name.split("$")[-1], found) for name, found in changed.items()] == [
            ("kubernetes:core/v1:ConfigMap::hello:charts/greeter", ["update"])
        ]
        assert pulumi_command("up", "--yes", "--skip-preview", "--plan", str(plan)).returncode == 0
    finally:
        removed = pulumi_command("destroy", "--yes", "--skip-preview")
    assert removed.returncode == 0, removed.stdout
    assert sandbox.kubernetes.call("GET", "/api/v1/namespaces/charts")[0] == 404


@pytest.mark.engine
def test_without_resource_definitions_none_is_planned(pulumi_command: Pulumi, charts: Path) -> None:
    pulumi_command("config", "set", "skipCrds", "true")
    assert planned(pulumi_command, charts / "plan.json") == {"hello:charts/greeter": {"ConfigMap", "Deployment"}}


@pytest.mark.engine
def test_a_chart_on_a_cluster_that_does_not_exist_yet_is_refused_in_the_preview(pulumi_command: Pulumi) -> None:
    # Its plan would lack the objects, and the apply would stop at the first of them.
    pulumi_command("config", "set", "clusterIsNew", "true")
    preview = pulumi_command("preview")
    assert preview.returncode != 0
    assert "must be known before the chart is previewed" in preview.stdout
    assert "deploy the cluster first" in preview.stdout


def steps(pulumi_command: Pulumi, plan: Path) -> dict[str, list[str]]:
    """What a preview plans for each resource, by the part of its URN after stack and project."""
    plan.unlink(missing_ok=True)
    preview = pulumi_command("preview", "--refresh", "--save-plan", str(plan))
    assert preview.returncode == 0, preview.stdout
    resources = json.loads(plan.read_text())["resourcePlans"]
    return {urn.split("::", 2)[2]: found["steps"] for urn, found in resources.items()}


def planned(pulumi_command: Pulumi, plan: Path) -> dict[str, set[str]]:
    """Kinds of what a preview plans for the chart's objects, by their logical names."""
    found: dict[str, set[str]] = {}
    for urn in steps(pulumi_command, plan):
        if ":Chart$" in urn:
            types, name = urn.split("::", 1)
            found.setdefault(name, set()).add(types.rsplit(":", 1)[-1])
    return found
