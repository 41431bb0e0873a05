"""A state backend in which other stacks already have the outputs that are proposed for them.

It is a private folder, gone afterwards. Of the others it holds their outputs and nothing else; secrets stay encrypted
as they are in the saved plan or in the state. The real backend is read, and never written.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitops.adapters.pulumi import deployments, partly_known
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.settings_files import stack_settings
from gitops.adapters.system import scratch
from gitops.model import Stack
from gitops.model.urn import STACK_TYPE, type_in
from gitops.ports import Upstream

Export = Callable[[Path, str], Mapping[str, Any]]
"""Reads a stack's deployment document, by its project's folder and its name; {} for one that does not exist."""


@contextmanager
def backend(
    process: PulumiProcess, export: Export, reader: Upstream, upstream: Sequence[Upstream]
) -> Iterator[PulumiProcess]:
    """Pulumi on such a backend, with the reader's own state as it is now. Raises EngineFailed.

    A stack that the reader's program reads and that is neither in `upstream` nor in the reader's state is not there.
    """
    with scratch.folder("downstream") as private:
        (private / ".pulumi").mkdir()
        # In this layout alone a stack's full name, with its project, is told apart from others'.
        (private / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        state = export(reader.folder, reader.stack.name)
        known = {deployments.full_name(one.stack) for one in upstream}
        for one in upstream:
            if document := _outputs_of(export, one):
                _write(private, deployments.full_name(one.stack), document)
        # Stacks of elsewhere; where one cannot be read, the reader's program says so itself.
        for name in sorted(deployments.referenced(state) - known):
            finished = process.run(reader.folder, ["stack", "export", "--stack", name])
            if finished.code == 0:
                _, project, stack = name.split("/")
                _write(private, name, _outputs_in(Stack(project, stack), json.loads(finished.output)))
        _write(private, deployments.full_name(reader.stack), state)
        yield _reading_each_by_itself(process.with_backend(private.as_uri()), private / "python")


def outputs_in_plan(saved_plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """The stack's outputs after the apply by a saved Pulumi plan: secrets encrypted, unknowns as the engine's marks."""
    for urn, resource in (saved_plan.get("resourcePlans") or {}).items():
        if type_in(urn) == STACK_TYPE:
            return dict(resource.get("state") or {})
    return {}


def _outputs_of(export: Export, one: Upstream) -> Mapping[str, Any]:
    """The document to write of a stack that is read; {} for one that does not exist and is not proposed."""
    if one.outputs is None:
        state = export(one.folder, one.stack.name)
        return _outputs_in(one.stack, state) if state else {}
    provider = deployments.secrets_provider(stack_settings(one.folder, one.stack.name))
    if provider is None:
        provider = deployments.secrets_provider_in(export(one.folder, one.stack.name))
    return deployments.outputs_only(one.stack, one.outputs, provider)


def _outputs_in(stack: Stack, state: Mapping[str, Any]) -> dict[str, Any]:
    """Of a stack's state, its outputs."""
    return deployments.outputs_only(stack, deployments.stack_outputs(state), deployments.secrets_provider_in(state))


def _reading_each_by_itself(process: PulumiProcess, folder: Path) -> PulumiProcess:
    """The same, with programs in Python for which one unknown output leaves the others known."""
    folder.mkdir()
    shutil.copyfile(partly_known.__file__, folder / "sitecustomize.py")
    places = (str(folder), process.environment.get("PYTHONPATH", ""))
    return replace(process, environment={**process.environment, "PYTHONPATH": os.pathsep.join(filter(None, places))})


def _write(private: Path, name: str, document: Mapping[str, Any]) -> None:
    _, project, stack = name.split("/")
    file = private / ".pulumi" / "stacks" / project / f"{stack}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(deployments.checkpoint(name, document)))
