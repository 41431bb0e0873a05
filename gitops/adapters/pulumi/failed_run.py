"""A run of the engine that failed, as an error: typed facts for everybody, redacted text for a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.adapters.pulumi import failures
from gitops.adapters.pulumi import preview as previews
from gitops.adapters.pulumi.failures import Surroundings
from gitops.adapters.pulumi.process import Finished, failure
from gitops.errors import EngineFailed
from gitops.flow.redaction import Redactor
from gitops.model import Diagnostic, EngineRun, PolicyLevel, Severity

_SAYS_NOTHING = (previews.FAILED, "update failed")


@dataclass(frozen=True, slots=True)
class FailedRun:
    """What is known of the run by its own words."""

    doing: str
    """What was being done, as an error names it."""
    folder: Path
    """The project's folder in the checkout."""
    finished: Finished
    """How the process ended."""
    run: EngineRun
    """What its events told."""
    raw: Sequence[Mapping[str, Any]]
    """The events as they came."""

    def error(self, redactor: Redactor, deployment: Mapping[str, Any], saved_plan: Mapping[str, Any]) -> EngineFailed:
        """The error to raise. State and plan tell which names may be told; both may be empty."""
        around = Surroundings(
            failures.operations_in(self.raw), failures.properties_in(deployment, saved_plan), self._own_file
        )
        failed = failures.of_run(self.run.errors, self.run.findings, around)
        texts = [previews.sentence(one) for one in self._worth_telling()]
        return failure(self.doing, self.finished, redactor, failed, texts)

    def _own_file(self, path: str) -> str:
        """The path of one of the project's files, relative to its folder; empty for any other path."""
        try:
            own = (self.folder / path).resolve().relative_to(self.folder.resolve())
            return own.as_posix() if (self.folder / own).is_file() else ""
        except (ValueError, OSError):
            return ""

    def _worth_telling(self) -> Sequence[Diagnostic]:
        """The run's messages, and the mandatory policies that it violated: they may be all there is to say."""
        violated = [one for one in self.run.findings if one.level is PolicyLevel.MANDATORY]
        told = [
            Diagnostic(Severity.ERROR, f"policy {one.pack}/{one.policy}: {one.message}", one.urn) for one in violated
        ]
        said = [one for one in self.run.errors if one.urn or one.message not in _SAYS_NOTHING]
        return (*said, *told) or self.run.errors
