"""What Pulumi runs: builds the environment that the selected stack is named after, from `stacks/<stack>.py`.

A pull request's own stack, `review-<number>`, is built by `stacks/review.py`.
"""

import importlib
import re
from pathlib import Path

import pulumi

STACKS = Path(__file__).parent / "stacks"


def main() -> None:
    """Build `stacks.<stack>`; an unknown stack ends the run with the list of known ones."""
    _build("review" if re.fullmatch(r"review-\d+", pulumi.get_stack()) else pulumi.get_stack())


def _build(stack: str) -> None:
    # Looked up among the files, not by trying the import: an import error inside a stack's module must stay visible.
    if not (STACKS / f"{stack}.py").is_file():
        raise pulumi.RunError(_unknown(stack))
    environment = importlib.import_module(f"stacks.{stack}")
    if not hasattr(environment, "build"):
        raise pulumi.RunError(_unknown(stack))
    environment.build()


def _unknown(stack: str) -> str:
    configured = {file.stem.removeprefix("Pulumi.") for file in STACKS.parent.glob("Pulumi.*.yaml")}
    known = sorted(configured & {file.stem for file in STACKS.glob("*.py")})
    return (
        f"Stack {stack!r} has no environment: stacks/{stack}.py with a function build() is missing. "
        f"Select one of {', '.join(known)}, or add that file and Pulumi.{stack}.yaml."
    )


main()
