"""The pipeline's workflows: what they are called where people set things up, and what their files say.

The one place that knows the names; the tests compare it with the workflow files.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gitops.config.settings import Config

FOLDER = ".github/workflows"
PREVIEWS, APPLIES = "preview.yml", "apply.yml"
PROPOSING_VERBS = ("promote", "rollback")
"""Verbs that open pull requests, which a workflow's token may only where the repository lets it."""

_VERB = r"\bgitops (?:-C \S+ )?{verb}(?![\w-])"
_PINNED = re.compile(r"\./.*|[^@\s]+@[0-9a-f]{40}|docker://[^@\s]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Action:
    """The pipeline's action as other repositories use it: OWNER/REPOSITORY@COMMIT, its version in words.

    `requirements` is the file of theirs with what their programs import, empty where there is none.
    """

    name: str
    version: str
    requirements: str = ""

    @property
    def documents(self) -> str:
        """Where the pipeline's documents are, at that commit."""
        repository, _, commit = self.name.partition("@")
        return f"https://github.com/{repository}/blob/{commit}"


def apply_environments(branch: str, *, several: bool) -> tuple[str, ...]:
    """The code host's environments of applies from a branch; the second is that of `several` machines."""
    return (branch, f"apply-{branch}") if several else (branch,)


def preview_environment(branch: str) -> str:
    """The code host's environment of previews into a branch."""
    return f"preview-{branch}"


def environments(config: Config) -> Mapping[str, str]:
    """All environments of the code host that the pipeline needs: name → the branch that alone may use it, or ""."""
    found: dict[str, str] = {}
    for one in config.environments:
        applies = apply_environments(one.branch, several=config.apply_runners > 1)
        # A preview runs on the pull request's own ref, so there is no branch to restrict it to.
        found |= {**dict.fromkeys(applies, one.branch), preview_environment(one.branch): ""}
    return found


def load(content: bytes) -> Mapping[str, Any] | None:
    """A workflow file's value; None where it is none. YAML 1.1 reads the key `on` as true."""
    try:
        value = yaml.safe_load(content)
    except yaml.YAMLError:
        return None
    return (
        {"on" if key is True else str(key): below for key, below in value.items()} if isinstance(value, dict) else None
    )


def runs(content: bytes, verb: str) -> bool:
    """Whether a step of the workflow runs that verb."""
    return any(re.search(_VERB.format(verb=verb), str(step.get("run", ""))) for step in _steps(load(content)))


def is_pipelines(content: bytes) -> bool:
    """Whether the workflow belongs to the pipeline: it runs a verb. Tests of this repository do not."""
    return runs(content, "[a-z-]+")


def branches(content: bytes, event: str) -> frozenset[str] | None:
    """The branches that an event of the workflow is limited to; None where it has no such event, or no such limit."""
    events = (load(content) or {}).get("on")
    below = events.get(event) if isinstance(events, dict) else None
    named = below.get("branches") if isinstance(below, dict) else None
    if isinstance(named, str):
        return frozenset([named])
    return frozenset(map(str, named)) if isinstance(named, list) else None


def has_event(content: bytes, event: str) -> bool:
    """Whether the event starts the workflow."""
    events = (load(content) or {}).get("on")
    return event in events if isinstance(events, str | list | dict) else False


def unpinned(content: bytes) -> tuple[str, ...]:
    """The actions and workflows it uses by a name that can move, such as a tag."""
    value = load(content)
    jobs = [job for job in ((value or {}).get("jobs") or {}).values() if isinstance(job, dict)]
    used = [str(one["uses"]) for one in [*_steps(value), *jobs] if "uses" in one]
    return tuple(dict.fromkeys(one for one in used if not _PINNED.fullmatch(one)))


def _steps(value: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    for job in ((value or {}).get("jobs") or {}).values():
        steps = job.get("steps") if isinstance(job, dict) else None
        yield from (step for step in steps or () if isinstance(step, dict))


def adapted(text: str, action: Action, ours: Sequence[str], theirs: Sequence[str]) -> str:
    """A workflow of this repository for another one: the action by commit, its own branches in place of `ours`.

    Remarks that name our documents name their addresses at that commit.
    """
    uses = f"{action.name} # gitops {action.version}"
    text = re.sub(r"(?m)^(\s*(?:- )?uses:) \./$", lambda found: f"{found[1]} {uses}", text)
    if action.requirements:
        # Only where programs run: a job that needs the environment alone imports none.
        steps = rf"(?m)^( *)uses: {re.escape(uses)}\n\1with:\n(?! *for: environment$)"
        text = re.sub(steps, lambda found: f"{found[0]}{found[1]}  requirements: {action.requirements}\n", text)
    text = re.sub(r"(?<=branches: )\[([^\]]*)\]", lambda found: _translated(found[1], ours, theirs), text)
    return re.sub(r"(?<![\w/.-])docs/[\w./-]+\.md", lambda found: f"{action.documents}/{found[0]}", text)


def _translated(names: str, ours: Sequence[str], theirs: Sequence[str]) -> str:
    """All of our branches are all of theirs; one alone is the one in its place in the order, or their last."""
    named = names.split(", ")
    if not set(named) <= set(ours):
        return f"[{names}]"
    placed = [theirs[min(ours.index(one), len(theirs) - 1)] for one in named]
    written = theirs if set(named) == set(ours) else dict.fromkeys(placed)
    return f"[{', '.join(map(scalar, written))}]"


def scalar(name: str) -> str:
    """A name as YAML text, in quotes where it would be read as something else, such as `on` or `1.0`."""
    return name if yaml.safe_load(name) == name else f'"{name}"'


def check_name(environment: str) -> str:
    """What the check on a commit is called; branch rules require it by this name."""
    return f"gitops {environment}"
