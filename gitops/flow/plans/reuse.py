"""Whether a plan on record still says what a preview would: nothing that it was computed from has moved. Pure.

A program can ask the world while it runs (data sources, which leave no trace in a plan), so such a plan serves a review
and never an apply: `gitops up` always previews anew, and compares.
"""

from collections.abc import Mapping

from gitops.model import Inputs, Operation, Plan, PolicyLevel

_PACKAGE = " package"
_TOOLS = frozenset({"pulumi", "python"})


def obstacle(plan: Plan) -> str:
    """Why the plan cannot stand for another preview, whatever moved or not; empty when it can."""
    if plan.start.pending:
        return "operations were pending"
    if plan.drift:
        return "the live infrastructure was not what the state said"
    if any(finding.level is PolicyLevel.NOT_EVALUATED for finding in plan.findings):
        return "a policy was not evaluated"
    if any(change.operation in (Operation.READ, Operation.IMPORT, Operation.UNKNOWN) for change in plan.changes):
        return "it reads from outside of the stack"
    for name, version in plan.inputs.versions.items():
        is_provider = name not in _TOOLS and not name.endswith(_PACKAGE)
        if is_provider and not (version and f"pulumi-{name}{_PACKAGE}" in plan.inputs.versions):
            return f"the version of the provider {name} is known only after a run"
    return ""


def relevant(installed: Mapping[str, str], took_part: Mapping[str, str]) -> dict[str, str]:
    """The versions that a plan records: what took part, and of the installed packages those that belong to it."""
    packages = {f"pulumi-{name}{_PACKAGE}" for name in took_part} | {f"pulumi{_PACKAGE}"}
    return {**{name: installed[name] for name in installed if name in packages | _TOOLS}, **took_part}


def same_origin(plan: Plan, now: Inputs) -> bool:
    """Whether the plan was computed from just this, the state apart; `now.versions` are those that are installed."""
    before = plan.inputs
    known = {name for name in before.versions if name in _TOOLS or name.endswith(_PACKAGE)}
    return (
        (before.files, before.config, before.ambient) == (now.files, now.config, now.ambient)
        and all(before.versions[name] == now.versions.get(name) for name in known)
        and {*_TOOLS, f"pulumi{_PACKAGE}"} <= known
    )
