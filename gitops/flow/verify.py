"""The checks after an apply that make a commit a release: outputs present, workloads ready, nothing left to change.

They read one preview that was refreshed from the live infrastructure, so they see what is there and not what the
state believes.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gitops.model import Check, EngineRun, ResourceState

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
    left = sorted(f"{c.operation.value} {c.name}" for c in run.changes)
    if left:
        return Check("nothing left to change", False, ", ".join(left))
    return Check("nothing left to change", True, f"{run.unchanged} resources as declared")


def _name(resource: ResourceState) -> str:
    return resource.urn.rsplit("::", 1)[-1]


def _deployment_ready(outputs: Outputs) -> bool:
    """A Deployment is ready when its newest generation was seen and all wanted replicas run it and are available."""
    status, wanted = _status(outputs), _spec(outputs).get("replicas", 1)
    return (
        _observed(outputs)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("availableReplicas", 0) >= wanted
    )


def _stateful_set_ready(outputs: Outputs) -> bool:
    return _observed(outputs) and _status(outputs).get("readyReplicas", 0) >= _spec(outputs).get("replicas", 1)


def _daemon_set_ready(outputs: Outputs) -> bool:
    status = _status(outputs)
    return _observed(outputs) and status.get("numberReady", 0) >= status.get("desiredNumberScheduled", 0)


_READY: Mapping[str, Callable[[Outputs], bool]] = {
    ":Deployment": _deployment_ready,
    ":StatefulSet": _stateful_set_ready,
    ":DaemonSet": _daemon_set_ready,
}


def _observed(outputs: Outputs) -> bool:
    generation = (outputs.get("metadata") or {}).get("generation", 0)
    return bool(_status(outputs).get("observedGeneration", 0) >= generation)


def _status(outputs: Outputs) -> Outputs:
    return outputs.get("status") or {}


def _spec(outputs: Outputs) -> Outputs:
    return outputs.get("spec") or {}
