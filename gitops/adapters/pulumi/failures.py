"""Why an engine run failed, as typed facts. Pure.

In goes what the engine told (diagnostics, findings, standard error), out come `StepFailure`s. Texts are only matched
against known patterns; no part of a text goes into a fact, but names that plan or state have as names already, files
that the project has, and the names of Python's own exceptions.
"""

import builtins
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gitops.adapters.pulumi.deployments import resources_of
from gitops.errors import FailureKind, StepFailure
from gitops.model import Diagnostic, PolicyFinding, PolicyLevel, Severity
from gitops.model.urn import STACK_TYPE, type_in

_OPERATION_FAILED = "the operation failed"
"""The message of the diagnostic that stands for the engine's own event of a failed operation."""

# The first that matches counts: the more telling ones come first. What stands between two words is bounded: a long text
# that repeats the first would be searched from each to the end.
_KINDS: tuple[tuple[FailureKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (FailureKind.DEVIATES, r"violates plan|no plan for resource|is not allowed by the plan"),
        (FailureKind.SECRET_TRIGGER, r"attempt to encrypt value"),
        (FailureKind.PASSPHRASE, r"incorrect passphrase|passphrase must be set|PULUMI_CONFIG_PASSPHRASE"),
        (FailureKind.UNDECRYPTABLE, r"message authentication failed|decrypting secret|failed to decrypt|bad decrypt"),
        (FailureKind.LOCKED, r"currently locked"),
        (FailureKind.NO_BACKEND, r"no Pulumi backend|PULUMI_ACCESS_TOKEN"),
        (FailureKind.UNREADABLE_STATE, r"failed to load checkpoint|load snapshot|snapshot integrity"),
        (FailureKind.PROTECTED, r"marked for protection|cannot be deleted[^\n]{0,300}protected|is protected"),
        (
            FailureKind.FIELD_CONFLICT,
            r"conflict[^\n]{0,300}\bwith \"|field manager|server-side apply[^\n]{0,300}conflict",
        ),
        (
            FailureKind.CREDENTIALS,
            r"ExpiredToken|InvalidClientTokenId|no valid credential|InvalidAccessKeyId|Unauthorized\b",
        ),
        (FailureKind.DENIED, r"AccessDenied|UnauthorizedOperation|not authorized to perform|forbidden"),
        (FailureKind.QUOTA, r"LimitExceeded|quota|limit exceeded"),
        (FailureKind.THROTTLED, r"throttl|TooManyRequests|rate exceeded|SlowDown"),
        (FailureKind.EXISTS, r"already ?exists|AlreadyOwnedByYou|EntityAlreadyExists"),
        (
            FailureKind.UNREACHABLE,
            r"connection refused|no such host|unreachable|i/o timeout|TLS handshake timeout|failed to dial|"
            r"unable to connect",
        ),
        (FailureKind.TIMED_OUT, r"timed? ?out|deadline exceeded|timeout while waiting"),
        (FailureKind.CONFIG, r"missing required configuration variable"),
        (FailureKind.PLUGIN, r"no resource plugin|could not find plugin|plugin .{0,300} (not found|not installed)"),
        (FailureKind.MISSING, r"NotFound|not found|NoSuch|does not exist"),
        (
            FailureKind.INVALID,
            r"invalid|failed validation|is required|unprocessable|validation error|ValidationException",
        ),
    )
)
_HINTS: Mapping[FailureKind, str] = {
    FailureKind.DEVIATES: "Something that the program reads has changed since the preview: a file, a clock, a service. "
    "Preview the change again and have that plan approved.",
    FailureKind.PASSPHRASE: "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to this stack's passphrase.",
    FailureKind.LOCKED: "Another Pulumi run holds the backend's lock: wait for it to end. Where a run of this pipeline "
    "was cut off, `gitops repair` frees what that held, and nothing of a run that is alive.",
    FailureKind.NO_BACKEND: "Set PULUMI_BACKEND_URL to the bucket or folder that holds the state.",
    FailureKind.CREDENTIALS: "The cloud credentials are expired or wrong: renew them and run the same command again.",
    FailureKind.SECRET_TRIGGER: "A secret as `replacement_trigger` cannot be previewed: use a plain value, such as a "
    "version.",
}
# Of the goals in a plan that are no properties, what the engine says of one that differs (`resource/deploy/plan.go`).
_OPTIONS: Mapping[str, str] = {
    "provider changed": "(provider)",
    "parent changed": "(parent)",
    "protect changed": "(protect)",
    "dependencies changed": "(dependencies)",
    "aliases changed": "(aliases)",
    "ignoreChanges changed": "(ignore changes)",
    "deleteBeforeReplace changed": "(delete before replace)",
    "custom timeouts": "(custom timeouts)",
    "additional secret outputs changed": "(additional secret outputs)",
}
_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')
_EXCEPTION = re.compile(r"^(\w+)(?::|$)", re.MULTILINE)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|unhandled exception|Program failed")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the run is known to be about; only names from here go into a failure."""

    operations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """URN → type and operation, of each step that the engine began."""
    properties: Mapping[str, Collection[str]] = field(default_factory=dict)
    """URN → the names of its properties, in the plan and in the state."""
    file_of: Callable[[str], str] = lambda _: ""
    """The path, relative to the project, of a file that the text names; empty for one that is not the project's."""


def operations_in(raw: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """URN → type and operation, of each step that raw events tell of; a failed one counts before others."""
    found: dict[str, tuple[str, str]] = {}
    failed: dict[str, tuple[str, str]] = {}
    for event in raw:
        for kind, into in (("resourcePreEvent", found), ("resOpFailedEvent", failed)):
            step = (event.get(kind) or {}).get("metadata") or {}
            if step.get("urn") and step.get("type") != STACK_TYPE:
                into[str(step["urn"])] = (str(step.get("type", "")), str(step.get("op", "")))
    return found | failed


def properties_in(deployment: Mapping[str, Any], saved_plan: Mapping[str, Any]) -> dict[str, set[str]]:
    """URN → the names of the properties that a state and a saved plan have."""
    found: dict[str, set[str]] = {}
    for resource in resources_of(deployment):
        names = {*(resource.get("inputs") or {}), *(resource.get("outputs") or {})}
        found.setdefault(str(resource.get("urn")), set()).update(map(str, names))
    for urn, planned in (saved_plan.get("resourcePlans") or {}).items():
        goal = planned.get("goal") or {}
        for difference in (goal.get("inputDiff") or {}, goal.get("outputDiff") or {}):
            for part in ("adds", "updates", "deletes"):
                found.setdefault(str(urn), set()).update(map(str, difference.get(part) or ()))
    return found


def of_run(
    errors: Iterable[Diagnostic], findings: Iterable[PolicyFinding], around: Surroundings
) -> tuple[StepFailure, ...]:
    """What failed in a run, the resource's own failures before those of the run as a whole; each once."""
    found: dict[StepFailure, None] = {}
    # That an operation failed is told by an event of its own; what the provider said of it tells more.
    explained = {one.urn for one in errors if one.urn and one.message != _OPERATION_FAILED}
    for one in errors:
        if one.message != _OPERATION_FAILED or one.urn not in explained:
            found[_of_diagnostic(one, around)] = None
    for finding in findings:
        if finding.level is PolicyLevel.MANDATORY:
            kind, operation = around.operations.get(finding.urn, ("", ""))
            policy = f"{finding.pack}/{finding.policy}"
            found[StepFailure(FailureKind.POLICY, finding.urn, kind, operation, policy=policy)] = None
    ordered = sorted(found, key=lambda one: not one.urn)
    # "update failed" at the end of a run says nothing where something else says why.
    telling = [one for one in ordered if one != StepFailure(FailureKind.OTHER)]
    return tuple(telling or ordered)


def of_text(text: str) -> StepFailure:
    """What a command that ended without events failed for, by its standard error."""
    return StepFailure(kind_of(text))


def kind_of(text: str) -> FailureKind:
    """The known class of error that a text tells of."""
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), FailureKind.OTHER)


def hint(failures: Iterable[StepFailure]) -> str:
    """What to do next, by the first failure of which that is known; empty otherwise."""
    return next((_HINTS[one.kind] for one in failures if one.kind in _HINTS), "")


def _of_diagnostic(diagnostic: Diagnostic, around: Surroundings) -> StepFailure:
    text, urn = diagnostic.message, diagnostic.urn
    of_stack = type_in(urn) == STACK_TYPE
    kind, operation = around.operations.get(urn, (type_in(urn), ""))
    made = StepFailure(kind_of(text), "" if of_stack else urn, "" if of_stack else kind, "" if of_stack else operation)
    if made.kind is FailureKind.DEVIATES:
        return replace(made, paths=_paths(text, around.properties.get(urn, ())))
    if _TRACEBACK.search(text):
        known = FailureKind.PROGRAM if made.kind is not FailureKind.CONFIG else made.kind
        return replace(made, kind=known, place=_place(text, around.file_of))
    return made


def _paths(text: str, names: Collection[str]) -> tuple[str, ...]:
    """The properties that a deviation is about, as far as they are known by name, and the options."""
    told = text.partition("violates plan")[2]
    found = [name for name in names if re.search(rf"[~+=-]{{2}}{re.escape(name)}\[", told)]
    return (*sorted(found), *(path for words, path in _OPTIONS.items() if words in told))


def _place(text: str, file_of: Callable[[str], str]) -> str:
    """Where in the project's own files a Python program failed: the innermost place, and Python's own exception."""
    places = [f"{own} line {line}" for path, line in _PLACE.findall(text) if (own := file_of(path))]
    names = [name for name in _EXCEPTION.findall(text) if _is_exception(name)]
    said = f" ({names[-1]})" if names else ""
    return f"{places[-1]}{said}" if places else said.strip(" ()")


def _is_exception(name: str) -> bool:
    found = getattr(builtins, name, None)
    return isinstance(found, type) and issubclass(found, BaseException)


def errors_of(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The messages that mean that a run failed."""
    return tuple(one for one in diagnostics if one.severity is Severity.ERROR)
