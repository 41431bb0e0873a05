"""The ledger record as JSON Schema, made from the types that read and write it. Pure.

Fields may be added within a format, so unknown ones are allowed everywhere.
"""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from gitops.errors import StepFailure
from gitops.flow.chatops import Ending
from gitops.model import Check, Plan, Record, RecordKind, ResourceChange, Verdict

ID = "https://gitops-pulumi.invalid/schemas/ledger-record.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATE = "#/$defs/{name}"

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 in hexadecimal.")]
Commit = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$", description="A Git commit, in full.")]


@dataclass(frozen=True, slots=True)
class Planned:
    """A preview's plan, shown on pull request `shown_on`; `seconds` is what the preview took, 0 where none ran."""

    plan: Plan
    shown_on: int
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class ApplyStarted:
    """Written right before an apply, by the run `run` on the machine `host`."""

    plan_digest: Digest
    run: str
    host: str


@dataclass(frozen=True, slots=True)
class Applied:
    """Written as soon as all of the plan is applied."""

    plan_digest: Digest


@dataclass(frozen=True, slots=True)
class Verified:
    """What the checks after an apply found: `not verified` when one did not pass, else `release`.

    `drift` is what is live and not as it was applied.
    """

    plan_digest: Digest
    checks: tuple[Check, ...]
    drift: tuple[ResourceChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A release to which nothing had to be applied since the release of that commit."""

    unchanged_since: Commit


@dataclass(frozen=True, slots=True)
class ApplyFailed:
    """An apply that did not come to its end. `touched` false: it ended before it changed anything.

    `message` and `failures` hold no word of an engine, a provider or a program. `cancelled`: it was ended at once, and
    may have left the backend's lock of `run` on `host`.
    """

    plan_digest: Digest
    message: str
    failures: tuple[StepFailure, ...] = ()
    touched: bool = True
    cancelled: bool = False
    run: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """What the gate said; the digest of the fresh plan, where there was one."""

    verdict: Verdict
    plan_digest: Digest = ""


@dataclass(frozen=True, slots=True)
class Repaired:
    """A sentence for each thing that was done about what a killed run left."""

    repairs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Superseded:
    """The later commit that the stack was at already."""

    by: Commit


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Written before an apply that the gate did not allow; the verdict has every rule that was overridden."""

    reason: str
    plan_digest: Digest
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DestroyStarted:
    """Written right before a stack is destroyed, by the run `run` on the machine `host`."""

    run: str
    host: str


@dataclass(frozen=True, slots=True)
class Destroyed:
    """Written when the stack and all that it had is gone; `why` it had to go."""

    why: str


@dataclass(frozen=True, slots=True)
class DestroyFailed:
    """A destroy that did not come to its end; `message`, `failures` and `cancelled` as for an apply."""

    message: str
    failures: tuple[StepFailure, ...] = ()
    cancelled: bool = False
    run: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class DestroyApproved:
    """Somebody approved what that plan destroys, by a comment on pull request `shown_on`.

    It counts for as long as the comment stands there as it was written.
    """

    plan_digest: Digest
    shown_on: int
    comment: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class Commanded:
    """A comment's command, and what became of it. `answer` is what was said about it, in Markdown."""

    command: str
    pull_request: int
    comment: int
    outcome: Ending
    answer: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class RollbackAsked:
    """Somebody proposed to take the record's commit back to the release `to`, with commit `head`, as a pull request."""

    to: Commit
    head: Commit
    pull_request: int


BODIES: dict[RecordKind, tuple[type, ...]] = {
    RecordKind.PLAN: (Planned,),
    RecordKind.APPLY_STARTED: (ApplyStarted,),
    RecordKind.APPLIED: (Applied,),
    RecordKind.NOT_VERIFIED: (Verified,),
    RecordKind.APPLY_FAILED: (ApplyFailed,),
    RecordKind.REFUSED: (Refused,),
    RecordKind.REPAIRED: (Repaired,),
    RecordKind.RELEASE: (Verified, Unchanged),
    RecordKind.SUPERSEDED: (Superseded,),
    RecordKind.BREAK_GLASS: (BreakGlass,),
    RecordKind.DESTROY_STARTED: (DestroyStarted,),
    RecordKind.DESTROYED: (Destroyed,),
    RecordKind.DESTROY_FAILED: (DestroyFailed,),
    RecordKind.DESTROY_APPROVED: (DestroyApproved,),
    RecordKind.COMMAND: (Commanded,),
    RecordKind.ROLLBACK: (RollbackAsked,),
}


def schema() -> dict[str, Any]:
    """The whole schema; each kind of record has the body that `BODIES` names."""
    bodies = [body for one in BODIES.values() for body in one]
    _, found = msgspec.json.schema_components([Record, *dict.fromkeys(bodies)], ref_template=_TEMPLATE)
    components = _tidied(found)
    record = components.pop("Record")
    record["properties"] |= {
        "sequence": {"type": "integer", "minimum": 1, "description": "Its number; the first is 1."},
        "previous": {
            "type": "string",
            "pattern": "^([0-9a-f]{64})?$",
            "description": "SHA-256 of the record before it as canonical JSON (RFC 8785); empty for the first.",
        },
        "stack": {
            "type": "string",
            "pattern": "^([^/]+/[^/]+)?$",
            "description": "project/name; empty for a command, which is about a pull request.",
        },
    }
    kinds = [
        {
            "if": {"properties": {"kind": {"const": kind.value}}},
            "then": {"properties": {"body": _any_of([_TEMPLATE.format(name=body.__name__) for body in bodies])}},
        }
        for kind, bodies in BODIES.items()
    ]
    required = [*record["required"], "body", "format"]
    return {"$schema": DRAFT, "$id": ID, **record, "required": required, "allOf": kinds, "$defs": components}


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _any_of(references: list[str]) -> dict[str, Any]:
    if len(references) == 1:
        return {"$ref": references[0]}
    return {"anyOf": [{"$ref": one} for one in references]}


def _tidied(value: Any) -> Any:
    """Without line breaks in descriptions, and with the format of times."""
    if isinstance(value, list):
        return [_tidied(one) for one in value]
    if not isinstance(value, dict):
        return value
    tidied = {key: _tidied(one) for key, one in sorted(value.items())}
    if isinstance(tidied.get("description"), str):
        tidied["description"] = " ".join(tidied["description"].split())
    for name in ("at", "created_at"):
        if tidied.get(name) == {"type": "string"}:
            tidied[name] = {"type": "string", "format": "date-time"}
    return tidied
