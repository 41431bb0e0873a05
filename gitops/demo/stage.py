"""The stage: types commands where a person watches, runs them for real, and insists that they end as told."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from gitops.errors import Failed

# This installation's own command; -P, because the checkout that the story plays in has a folder gitops too.
GITOPS = (sys.executable, "-P", "-m", "gitops")


@dataclass
class Stage:
    """Runs each command in `folder` with the sandbox's environment, and shows at most `lines` lines of its output."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    out: TextIO = sys.stdout
    lines: int = 40
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._console = Console(file=self.out, markup=False, emoji=False, highlight=False, soft_wrap=True)
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapters += 1
        clock = f"{time.monotonic() - self.started:.0f}s"
        self._console.print()
        self._console.rule(Text(f" {self._chapters}. {title}  ({clock}) ", "bold cyan"), align="left", style="cyan")

    def say(self, text: str) -> None:
        """Tell what happens next."""
        self._console.print()
        self._console.print(Text(text, "italic"))

    def gitops(self, *arguments: str, ends_with: int = 0, lines: int | None = None) -> str:
        """Run a gitops command as a user would type it; its output. Raises Failed when it ends otherwise."""
        return self.run(["gitops", *arguments], ends_with=ends_with, lines=lines)

    def run(
        self,
        command: Sequence[str],
        *,
        ends_with: int = 0,
        lines: int | None = None,
        folder: Path | None = None,
        leave_out: str = "",
    ) -> str:
        """Run a command and show its output, without lines that hold `leave_out`.

        Raises Failed when its exit code is not the one of the story.
        """
        self._console.print()
        self._console.print(Text("$ " + " ".join(_shown(part) for part in command), "bold"))
        real = [*GITOPS, *command[1:]] if command[0] == "gitops" else list(command)
        process = subprocess.Popen(
            real,
            cwd=folder or self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        output = self._show(process, self.lines if lines is None else lines, leave_out)
        code = process.wait()
        if code != ends_with:
            shown = " ".join(command)
            last = "\n".join(output.splitlines()[-30:])
            raise Failed(
                f"The story went otherwise than told: `{shown}` ended with exit code {code}, not {ends_with}.\n{last}"
            )
        if ends_with:
            self._console.print(Text(f"(exit code {code}, as it should be)", "dim"))
        return output

    def _show(self, process: "subprocess.Popen[str]", lines: int, leave_out: str) -> str:
        """Print lines as they come, the first `lines` of them, and say how many more there were."""
        collected, shown = [], 0
        assert process.stdout is not None  # noqa: S101 - asked for above
        for line in process.stdout:
            collected.append(line)
            if shown < lines and not (leave_out and leave_out in line):
                self._console.print(Text.from_ansi(line.rstrip("\n")))
                shown += 1
        if len(collected) > shown:
            self._console.print(Text(f"… {len(collected) - shown} more lines", "dim"))
        return "".join(collected)

    def check(self, claim: str, holds: bool) -> None:
        """Insist on a claim of the story. Raises Failed when it does not hold."""
        if not holds:
            raise Failed(f"The story went otherwise than told: it is not so that {claim}.")
        self._console.print(Text(f"✓ {claim}", "green"))


def _shown(part: str) -> str:
    """An argument as a person would type it."""
    return f"'{part}'" if " " in part or part.startswith("#") else part
