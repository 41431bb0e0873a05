"""The checks after an apply that make a commit a release: outputs present, workloads ready, nothing left to change.

They read one preview that was refreshed from the live infrastructure, so they see what is there and not what the
state believes. What it would still change is drift: all of the plan is applied, and nothing of it is applied again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gitops.flow.plans import values
from gitops.flow.words import listed
from gitops.model import Check, EngineRun, Operation, ResourceChange, ResourceState, UnknownValue
from gitops.model.urn import name_in

Outputs = Mapping[str, Any]

_JOB = "kubernetes:batch/v1:Job"
_TIME_TO_LIVE = "spec.ttlSecondsAfterFinished"


def checks(applied_outputs: Outputs, refreshed: EngineRun) -> tuple[Check, ...]:
    """Every check's result. `applied_outputs` are the stack's outputs as the apply left them."""
    return (_outputs_present(applied_outputs), _workloads_ready(refreshed), _no_changes(refreshed))


def failed(results: tuple[Check, ...]) -> tuple[Check, ...]:
    """Those that did not pass."""
    return tuple(check for check in results if not check.passed)


def drift(refreshed: EngineRun) -> tuple[ResourceChange, ...]:
    """What is live and not as it was applied: what an apply would change."""
    # A stack that reads another one reads it in every run: that leaves nothing to change.
    done = ended_jobs(refreshed)
    return tuple(one for one in refreshed.changes if one.operation is not Operation.READ and one not in done)


def ended_jobs(refreshed: EngineRun) -> tuple[ResourceChange, ...]:
    """The creations of Jobs that the state has, and that their time to live has taken away: they have done their work.

    Pulumi's provider waits until a Job has ended, so one that is in the state has. Whether Kubernetes took it away or
    somebody did, nobody can tell.
    """
    gone = {one.urn for one in refreshed.drift if one.gone}
    return tuple(
        one
        for one in refreshed.changes
        if (one.operation, one.type) == (Operation.CREATE, _JOB) and one.urn in gone and _ends_by_itself(one)
    )


def _ends_by_itself(job: ResourceChange) -> bool:
    inside = (part for item in job.properties for part in values.parts(item.new, item.path))
    return any(path == _TIME_TO_LIVE and isinstance(value, int | float) for path, value in inside)


def _outputs_present(outputs: Outputs) -> Check:
    # An empty text or null is a value that a program may well mean.
    missing = sorted(name for name, value in outputs.items() if isinstance(value, UnknownValue))
    if missing:
        return Check("outputs present", False, f"without a value: {', '.join(missing)}")
    return Check("outputs present", True, f"{len(outputs)} outputs")


def _workloads_ready(run: EngineRun) -> Check:
    workloads = [(r, _READY[r.type]) for r in run.resources if r.type in _READY]
    waiting = sorted(_name(r) for r, ready in workloads if not ready(r.outputs))
    if waiting:
        return Check("workloads ready", False, f"not ready: {', '.join(waiting)}")
    return Check("workloads ready", True, f"{len(workloads)} workloads" if workloads else "no workloads in this stack")


def _no_changes(run: EngineRun) -> Check:
    left = sorted(map(_difference, drift(run)))
    if left:
        return Check("nothing left to change", False, f"drift since the apply: {', '.join(left)}")
    ended = listed([one.name for one in ended_jobs(run)])
    gone = f"; ended and gone, as its time to live says: {ended}" if ended else ""
    return Check("nothing left to change", True, f"{run.unchanged} resources as declared{gone}")


def _difference(change: ResourceChange) -> str:
    """What differs of a resource; which value it has is for whoever may look."""
    paths = dict.fromkeys(values.top_level(one.path) for one in change.properties)
    whole = change.operation in (Operation.CREATE, Operation.DELETE)
    return f"{change.operation.value} {change.name}" + ("" if whole or not paths else f" ({', '.join(paths)})")


def _name(resource: ResourceState) -> str:
    return name_in(resource.urn)


def _deployment_ready(outputs: Outputs) -> bool:
    """A Deployment is ready when its newest generation was seen and all wanted replicas run it and are available."""
    status, wanted = _part(outputs, "status"), _wanted_replicas(outputs)
    return (
        _observed(outputs)
        and _number(status, "updatedReplicas") >= wanted
        and _number(status, "availableReplicas") >= wanted
    )


def _stateful_set_ready(outputs: Outputs) -> bool:
    return _observed(outputs) and _number(_part(outputs, "status"), "readyReplicas") >= _wanted_replicas(outputs)


def _daemon_set_ready(outputs: Outputs) -> bool:
    status = _part(outputs, "status")
    return _observed(outputs) and _number(status, "numberReady") >= _number(status, "desiredNumberScheduled")


# By whole type token: other packages and people's own components have Deployments as well. The groups and versions are
# those in which Kubernetes has, or had, each kind.
_READY: Mapping[str, Callable[[Outputs], bool]] = {
    **dict.fromkeys(
        (
            f"kubernetes:{group}:Deployment"
            for group in ("apps/v1", "apps/v1beta1", "apps/v1beta2", "extensions/v1beta1")
        ),
        _deployment_ready,
    ),
    **dict.fromkeys(
        (f"kubernetes:{group}:StatefulSet" for group in ("apps/v1", "apps/v1beta1", "apps/v1beta2")),
        _stateful_set_ready,
    ),
    **dict.fromkeys(
        (f"kubernetes:{group}:DaemonSet" for group in ("apps/v1", "apps/v1beta2", "extensions/v1beta1")),
        _daemon_set_ready,
    ),
}


def _observed(outputs: Outputs) -> bool:
    """Whether the controller has seen the newest generation; a status that nobody wrote yet has seen none."""
    status = _part(outputs, "status")
    return bool(status) and _number(status, "observedGeneration") >= _number(_part(outputs, "metadata"), "generation")


def _wanted_replicas(outputs: Outputs) -> float:
    spec = _part(outputs, "spec")
    return _number(spec, "replicas") if "replicas" in spec else 1


def _part(outputs: Outputs, name: str) -> Outputs:
    """A part of the outputs; nothing where it is missing or not known yet."""
    part = outputs.get(name)
    return part if isinstance(part, Mapping) else {}


def _number(part: Outputs, name: str) -> float:
    """A count; 0 where it is missing or not known yet."""
    value = part.get(name, 0)
    return value if isinstance(value, (int, float)) else 0
