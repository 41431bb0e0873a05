"""`gitops init`, pure: environments proposed from the stacks there are, and the text of the files to write."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gitops.config.settings import FILE, Config, parse
from gitops.flow.doctor import workflows
from gitops.flow.doctor.workflows import Action, scalar
from gitops.model import Stack

# Words in names of stacks, in the order in which changes usually travel.
_ORDER = (
    ("sandbox", "playground"),
    ("dev", "develop", "development"),
    ("test", "testing", "qa", "int", "integration"),
    ("staging", "stage", "stg", "uat", "preprod"),
    ("prod", "production", "prd", "live"),
)
_REQUIREMENTS = ("requirements.txt", "requirements.lock")
_RANKS = {word: rank for rank, words in enumerate(_ORDER) for word in words}
_ACTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+@[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One environment to be written: `stacks` are patterns."""

    name: str
    branch: str
    stacks: tuple[str, ...]


def is_action(text: str) -> bool:
    """Whether it names an action by commit: OWNER/REPOSITORY@COMMIT."""
    return _ACTION.fullmatch(text) is not None


def propose(stacks: Iterable[Stack], branch: str) -> tuple[Wanted, ...]:
    """An environment for each word such as dev or prod in the names of stacks, in promotion order.

    The first follows `branch`, each other one a branch of its own name. A single stack is an environment, whatever
    its name. Stacks that say nothing of themselves are left out.
    """
    names = tuple(dict.fromkeys(stack.name for stack in stacks))
    found: dict[str, list[str]] = {}
    for name in names:
        words = {word for word in re.split(r"[-_.]", name.lower()) if word in _RANKS}
        if len(words) == 1:
            found.setdefault(words.pop(), []).append(name)
    if not found and len(names) == 1:
        found = {names[0]: [names[0]]}
    ordered = sorted(found, key=lambda word: (_RANKS.get(word, 0), word))
    return tuple(
        Wanted(word, word if index else branch, tuple(sorted(found[word]))) for index, word in enumerate(ordered)
    )


def wanted(text: str) -> Wanted:
    """An environment as given on the command line: NAME=BRANCH, or NAME=BRANCH:STACK,STACK. Raises ValueError."""
    name, equals, rest = text.partition("=")
    branch, _, stacks = rest.partition(":")
    patterns = tuple(filter(None, (one.strip() for one in stacks.split(",")))) or (name,)
    if not (name and equals and branch):
        raise ValueError(f"{text!r} is not NAME=BRANCH or NAME=BRANCH:STACK,STACK")
    return Wanted(name, branch, patterns)


def settings(environments: Sequence[Wanted], documents: str) -> str:
    """The text of a gitops.yaml. Raises ConfigError where a name cannot be used."""
    lines = [
        "# How this repository ships: environments in promotion order, the branch that each follows, the stacks it",
        f"# holds, how many people besides the author approve. What else can be asked for: {documents}/docs/gate.md",
        "version: 1",
        "environments:",
    ]
    for one in environments:
        lines += [
            f"  - name: {scalar(one.name)}",
            f"    branch: {scalar(one.branch)}",
            f"    stacks: [{', '.join(map(_pattern, one.stacks))}]",
            "    approvals: 1",
        ]
    text = "\n".join([*lines, ""])
    parse(text.encode())
    return text


def _pattern(pattern: str) -> str:
    # A pattern may begin with what YAML takes for an alias or a list.
    return pattern if re.fullmatch(r"[A-Za-z][\w./-]*", pattern) and scalar(pattern) == pattern else f'"{pattern}"'


def pipeline(shipped: Mapping[str, bytes], action: Action, branches: Sequence[str]) -> dict[str, str]:
    """The workflows of the pipeline for another repository, by path. `shipped` are this repository's files."""
    ours = [one.branch for one in parse(shipped[FILE]).environments]
    return {
        path: workflows.adapted(content.decode(), action, ours, branches)
        for path, content in sorted(shipped.items())
        if path.startswith(f"{workflows.FOLDER}/") and workflows.is_pipelines(content)
    }


def requirements(contents: Mapping[str, bytes]) -> str:
    """Of the files at the root, the one that names what programs import with its hashes; empty where there is none."""
    return next((name for name in _REQUIREMENTS if b"--hash=" in contents.get(name, b"")), "")


def left(config: Config, stacks: Iterable[Stack]) -> tuple[str, ...]:
    """Labels of the stacks that no environment holds."""
    return tuple(stack.label for stack in stacks if config.environment_of(stack) is None)


def read_me(name: str, documents: str) -> str:
    """The README of a new repository."""
    return f"""# {name}

Infrastructure as Pulumi programs in Python, changed by pull request only: what was reviewed is exactly what is applied,
or nothing is.

| here | what |
|---|---|
| `infra/` | what can exist: one component a file |
| `stacks/` | where it exists: a module for each environment, with its values in `Pulumi.<stack>.yaml` |
| `policy/` | what is allowed |
| `bootstrap/` | what an administrator applies once: state bucket, the pipeline's roles |
| `gitops.yaml` | environments, branches, gates |

Start with the names in `Pulumi.*.yaml`, `bootstrap/Pulumi.bootstrap.yaml` and `stacks/bootstrap.py`, then follow the
[guide]({documents}/docs/guide.md). `gitops affected` shows what a change can alter, `gitops doctor` what is
still to be set up.
"""
