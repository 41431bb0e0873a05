"""A Helm chart, where a chart is how somebody else's software comes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi_kubernetes.helm import v4 as helm

from infra.inputs import require
from infra.kubernetes_inputs import public, require_label

# https://semver.org/, whole: a range, or a version with parts left out, is another chart tomorrow.
_EXACT_VERSION = re.compile(r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_OCI = "oci://"
_HTTPS = "https://"
# Helm's limit, https://helm.sh/docs/chart_best_practices/conventions/; names of objects add to it.
_LONGEST_RELEASE = 53


@dataclass(frozen=True, kw_only=True)
class ChartReleaseArgs:
    """Which chart, at which exact `version`, into which namespace, with which values.

    `chart` is `oci://…`, or the name of a chart in `repository` (`https://…`), or a folder below the program's own, as
    in `./charts/hello`. `values` are public: what a chart renders of them is plain text in state and plans. Give a
    chart the name of a Secret that is there already. `release_name` begins the names of what it makes.

    `skip_crds` leaves out the chart's resource definitions, which are the whole cluster's.
    """

    chart: str
    version: str
    namespace: pulumi.Input[str]
    release_name: str
    repository: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    skip_crds: bool = False
    after: Sequence[pulumi.Resource] = ()


class ChartRelease(pulumi.ComponentResource):
    """The objects that a chart renders, each one a resource of its own in previews, plans and policies.

    Limits. Hooks are left out, and tests, which are hooks: a chart that needs its hooks does not work this way. A chart
    that draws lots (passwords, certificates) has another plan in each preview, and none is ever the one that was
    approved: give it the values it would make up. What is rendered may depend on the version of the cluster.

    A preview that cannot render the chart, because the cluster does not exist yet or a value is not known, is refused
    with `InputError`: its plan would lack the objects, and its apply would stop half-way at the first of them. So the
    cluster comes in a change before.
    """

    release_name: str
    object_count: pulumi.Output[int]

    def __init__(self, name: str, args: ChartReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:workloads/chartRelease:ChartRelease", name, None, opts)
        _validate(name, args)
        self.release_name = args.release_name
        chart = helm.Chart(
            name,
            name=args.release_name,
            namespace=args.namespace,
            chart=args.chart,
            version=args.version,
            repository_opts=helm.RepositoryOptsArgs(repo=args.repository) if args.repository else None,
            values=public(dict(args.values), f"{name}.values"),
            skip_crds=args.skip_crds,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(args.after)),
        )
        self.object_count = pulumi.Output.from_input(_count(name, chart))
        self.register_outputs({"releaseName": self.release_name, "objectCount": self.object_count})


async def _count(name: str, chart: helm.Chart) -> int:
    require(
        await chart.resources.is_known(),
        f"{name} (its cluster, namespace and values)",
        "known before the chart is previewed, or nobody could review what it renders; deploy the cluster first",
        "something that the apply would make",
    )
    return len(await chart.resources.future() or ())


def _validate(name: str, args: ChartReleaseArgs) -> None:
    require_label(args.release_name, f"{name}.release_name", longest=_LONGEST_RELEASE)
    require_label(args.namespace, f"{name}.namespace")
    require(
        _EXACT_VERSION.fullmatch(args.version) is not None,
        f"{name}.version",
        "one exact version, as in 1.2.3",
        args.version,
    )
    if args.repository is not None:
        require(args.repository.startswith(_HTTPS), f"{name}.repository", "an https:// address", args.repository)
        require(
            re.fullmatch(r"[A-Za-z0-9._-]+", args.chart) is not None,
            f"{name}.chart",
            "the name of a chart where there is a repository",
            args.chart,
        )
    elif not args.chart.startswith(_OCI):
        _validate_folder(name, args)


def _validate_folder(name: str, args: ChartReleaseArgs) -> None:
    # Helm takes whatever version a folder has. An absolute path is another one on each machine, and so in each plan.
    require(
        args.chart.startswith("./") and ".." not in Path(args.chart).parts and Path(args.chart, "Chart.yaml").is_file(),
        f"{name}.chart",
        "oci://…, or a chart's name with a repository, or a folder with a Chart.yaml, as in ./charts/hello",
        args.chart,
    )
    found = yaml.safe_load(Path(args.chart, "Chart.yaml").read_text(encoding="utf-8")).get("version")
    require(str(found) == args.version, f"{name}.version", f"{found}, which the folder holds", args.version)
