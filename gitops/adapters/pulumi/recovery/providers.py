"""Settle what a killed update left pending, by asking the providers themselves.

Each question is a refresh of one resource in a scratch backend; the real state is written once, at the end, when
everything is answered. A repair that is killed has changed nothing and is done again.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gitops.adapters.aws import lookup
from gitops.adapters.pulumi import deployments
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.recovery import pending as flow
from gitops.adapters.pulumi.recovery.pending import ByTags, KnownId, Nothing, Pending, Probe, Settled, Unknowable
from gitops.adapters.pulumi.recovery.whereabouts import RULES, Rules
from gitops.adapters.system import scratch
from gitops.errors import NO_TEXT, EngineFailed, FreeText
from gitops.model.urn import provider_of

_LOOKUP_SECONDS = 120


def settle(
    process: PulumiProcess, folder: Path, stack: str, deployment: Mapping[str, Any], rules: Rules = RULES
) -> tuple[str, ...]:
    """Adopt what exists, drop the rest; one sentence for each pending operation.

    Raises EngineFailed, with the state untouched, when one cannot be settled: rather no apply than a lost resource.
    """
    settled = look(process, folder, stack, deployment, rules)
    if settled is None:
        return ()
    with scratch.folder("repair") as private:
        doing = f"write the repaired state of stack {stack}"
        process.must(folder, _import(private, stack, settled.document), doing)
    return settled.told


def look(
    process: PulumiProcess, folder: Path, stack: str, deployment: Mapping[str, Any], rules: Rules = RULES
) -> Settled | None:
    """What settling would write and tell, asked of the providers; None where nothing is pending.

    Raises EngineFailed when one operation cannot be settled.
    """
    operations = _pending(stack, deployment)
    strangers = rules.told.keys() - {one.urn for one in operations}
    if strangers:
        raise _cannot(stack, [f"{urn} has no operation pending" for urn in sorted(strangers)])
    if not operations:
        return None
    places = [(one, flow.where(one, deployment, rules)) for one in operations]
    refusals = [_refusal(one, place.why) for one, place in places if isinstance(place, Unknowable)]
    if refusals:
        raise _cannot(stack, refusals)
    nothing = [(one, place.why) for one, place in places if isinstance(place, Nothing)]
    ids: list[tuple[Pending, Sequence[str]]] = [(one, place.ids) for one, place in places if isinstance(place, KnownId)]
    tagged = [(one, place) for one, place in places if isinstance(place, ByTags)]
    ids += _look_up(process, folder, stack, deployment, tagged)
    # What was noted later may depend on what was noted earlier, and the state lists a resource after its dependencies.
    ids.sort(key=lambda found: operations.index(found[0]))
    questions = [probe for one, found in ids for probe in flow.probes(one, found, deployment)]
    asked = {id(probe.pending) for probe in questions}
    # Nothing carries its tags, or what does is in the state already as another resource.
    nothing += [(one, "it had not been created") for one, _ in ids if id(one) not in asked]
    answered = _ask(process, folder, stack, deployment, questions)
    missing = [probe.pending for probe, state in answered if state is None and rules.told.get(probe.pending.urn)]
    if missing:
        raise _cannot(stack, [_refusal(one, f"its provider finds no {rules.told[one.urn]}") for one in missing])
    settled = flow.settle(deployment, nothing, answered)
    if settled.refusals:
        raise _cannot(stack, settled.refusals)
    return settled


def _pending(stack: str, deployment: Mapping[str, Any]) -> tuple[Pending, ...]:
    try:
        return flow.pending(deployment)
    except ValueError as error:
        raise EngineFailed(
            f"Could not settle what is pending in stack {stack}: {error}.",
            hint="Use a Pulumi release in the supported range; see `gitops toolchain status`.",
        ) from None


def _ask(
    process: PulumiProcess, folder: Path, stack: str, deployment: Mapping[str, Any], questions: Sequence[Probe]
) -> list[flow.Answer]:
    """Let the providers read each probed resource; what does not exist is gone after the refresh."""
    answered: list[flow.Answer] = []
    for asked in flow.rounds(questions):
        with scratch.folder("repair") as private:
            backend = private / "state"
            backend.mkdir()
            beside = process.with_backend(backend.as_uri()).with_temporary(private)
            doing = f"find out what the killed update of stack {stack} left"
            beside.must(folder, ["stack", "init", stack, "--no-select"], doing)
            beside.must(folder, _import(private, stack, flow.probe_document(deployment, asked)), doing)
            beside.must(folder, ["refresh", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"], doing)
            refreshed = json.loads(beside.must(folder, ["stack", "export", "--stack", stack], doing))
        answered += flow.answers(asked, refreshed)
    return answered


def _import(private: Path, stack: str, document: Mapping[str, Any]) -> list[str]:
    """The arguments that import a document through a file in a folder of mode 0700; secrets stay ciphertext."""
    file = private / "deployment.json"
    file.write_text(json.dumps(document))
    return ["stack", "import", "--stack", stack, "--file", str(file)]


def _look_up(
    process: PulumiProcess,
    folder: Path,
    stack: str,
    deployment: Mapping[str, Any],
    tagged: Sequence[tuple[Pending, ByTags]],
) -> list[tuple[Pending, Sequence[str]]]:
    """Ask AWS by tags, one process for each provider, with its region, endpoints and roles."""
    by_provider: dict[str, list[tuple[Pending, ByTags]]] = defaultdict(list)
    for one, place in tagged:
        by_provider[str(one.resource.get("provider"))].append((one, place))
    found: list[tuple[Pending, Sequence[str]]] = []
    for reference, group in by_provider.items():
        settings = _provider_inputs(deployment, reference)
        lookups = [
            {"service": p.service, "kind": p.kind, "tags": dict(p.tags), "id_is_arn": p.id_is_arn} for _, p in group
        ]
        question = json.dumps({"provider": settings, "lookups": lookups})
        answer = _answer(process, folder, question)
        if "ids" not in answer:
            why = f"AWS could not be asked for its tags: {answer.get('problem', 'no answer')}"
            text = process.redactor.clean([str(answer.get("said", ""))])
            raise _cannot(stack, [_refusal(one, why) for one, _ in group], text)
        found += [(one, tuple(ids)) for (one, _), ids in zip(group, answer["ids"], strict=True)]
    return found


def _provider_inputs(deployment: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    urn, id_ = provider_of(reference)
    for resource in deployments.resources_of(deployment):
        if resource.get("urn") == urn and resource.get("id") == id_:
            inputs: Mapping[str, Any] = resource.get("inputs") or {}
            return inputs
    return {}


def _answer(process: PulumiProcess, folder: Path, question: str) -> dict[str, Any]:
    # -P: the adapters' folder is full of names that other packages have too.
    command = [sys.executable, "-P", str(Path(lookup.__file__).resolve())]
    try:
        finished = subprocess.run(
            command,
            input=question,
            capture_output=True,
            text=True,
            cwd=folder,
            env=dict(process.environment),
            timeout=_LOOKUP_SECONDS,
            check=False,
        )
        answer: dict[str, Any] = json.loads(finished.stdout)
    except subprocess.TimeoutExpired:
        return {"problem": f"no answer within {_LOOKUP_SECONDS} seconds"}
    except json.JSONDecodeError:
        return {"problem": "the look-up ended without an answer"}
    return answer


def _refusal(one: Pending, why: str) -> str:
    return f"{one.urn} of type {one.type} may have been created: {why}"


def _cannot(stack: str, reasons: Sequence[str], text: FreeText = NO_TEXT) -> EngineFailed:
    return EngineFailed(
        f"Could not settle what is pending in stack {stack}; its state is untouched. {'. '.join(reasons)}.",
        text=text,
        hint=(
            f"Look whether it exists, and say so: `gitops repair {stack} --exists URN=ID` or "
            f"`gitops repair {stack} --absent URN`."
        ),
    )
