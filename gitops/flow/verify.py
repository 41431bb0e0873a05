"""The checks after an apply that make a commit a release: outputs present, workloads ready, nothing left to change.

They read one preview that was refreshed from the live infrastructure, so they see what is there and not what the
state believes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gitops.model import Check, EngineRun, Operation, ResourceState

Outputs = Mapping[str, Any]


def checks(applied_outputs: Outputs, refreshed: EngineRun) -> tuple[Check, ...]:
    """Every check's result. `applied_outputs` are the stack's outputs as the apply left them."""
    return (_outputs_present(applied_outputs), _workloads_ready(refreshed), _no_changes(refreshed))


def failed(results: tuple[Check, ...]) -> tuple[Check, ...]:
    """Those that did not pass."""
    return tuple(check for check in results if not check.passed)


def _outputs_present(outputs: Outputs) -> Check:
    missing = sorted(name for name, value in outputs.items() if value is None or value == "")
    if missing:
        return Check("outputs present", False, f"without a value: {', '.join(missing)}")
    return Check("outputs present", True, f"{len(outputs)} outputs")


def _workloads_ready(run: EngineRun) -> Check:
    workloads = [(r, ready) for r in run.resources for kind, ready in _READY.items() if r.type.endswith(kind)]
    waiting = sorted(_name(r) for r, ready in workloads if not ready(r.outputs))
    if waiting:
        return Check("workloads ready", False, f"not ready: {', '.join(waiting)}")
    return Check("workloads ready", True, f"{len(workloads)} workloads" if workloads else "no workloads in this stack")


def _no_changes(run: EngineRun) -> Check:
    # A stack that reads another one reads it in every run: that leaves nothing to change.
    left = sorted(f"{c.operation.value} {c.name}" for c in run.changes if c.operation is not Operation.READ)
    if left:
        return Check("nothing left to change", False, ", ".join(left))
    return Check("nothing left to change", True, f"{run.unchanged} resources as declared")


def _name(resource: ResourceState) -> str:
    return resource.urn.rsplit("::", 1)[-1]


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


_READY: Mapping[str, Callable[[Outputs], bool]] = {
    ":Deployment": _deployment_ready,
    ":StatefulSet": _stateful_set_ready,
    ":DaemonSet": _daemon_set_ready,
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
