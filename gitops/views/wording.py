"""The words and the order in which every view speaks of resource changes; plain text, no markup.

Whatever comes from a program, a provider or a pull request passes `gitops.flow.words` first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gitops.flow.plans.plan import unknowns
from gitops.flow.plans.values import top_level
from gitops.flow.words import LINE_LIMIT, clip, first, listed, minute, plural, resource_of, short
from gitops.model import (
    Diagnostic,
    Drift,
    MovedInput,
    Operation,
    PackChange,
    PackFate,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PropertyKind,
    ResourceChange,
    Weight,
)

_DRIFT_SHOWN = 5


TITLES = {
    Weight.DESTROYS: "Destroys",
    Weight.UNKNOWN: "Operations this version does not know",
    Weight.CHANGES: "Changes",
    Weight.CREATES: "Creates",
    Weight.BOOKKEEPING: "Bookkeeping",
}
UNDECLARED = (
    "is no longer declared: nothing is applied to it any more, and its resources stay until somebody destroys them or "
    "it is declared again"
)
BOOKKEEPING_NOTE = "provider versions, reads, and updates in which no property differs"

MARKS = {
    Operation.CREATE: "+",
    Operation.IMPORT: "=",
    Operation.UPDATE: "~",
    Operation.REPLACE: "-/+",
    Operation.DELETE: "-",
    Operation.READ: ">",
    Operation.DISCARD: "<",
    Operation.REFRESH: "~",
    Operation.UNKNOWN: "?",
}

MOVED_TITLES = {
    MovedInput.STATE: "the state of the stack",
    MovedInput.LIVE: "the live infrastructure, behind the state's back",
    MovedInput.PROGRAM: "the program",
    MovedInput.CONFIG: "the stack's configuration",
    MovedInput.DIGEST_KEY: "the digest key was rotated",
    MovedInput.ENGINE: "the engine or a provider",
    MovedInput.POLICY: "a policy or what it found",
    MovedInput.AMBIENT: "what the environment points at",
}

# The operations of a one-line summary, most destructive first.
_TALLY_ORDER = (
    Operation.DELETE,
    Operation.REPLACE,
    Operation.UNKNOWN,
    Operation.UPDATE,
    Operation.IMPORT,
    Operation.CREATE,
    Operation.REFRESH,
    Operation.READ,
    Operation.DISCARD,
)


def hidden(plan: Plan) -> list[str]:
    """How many values the plan cannot show, if there are any."""
    count = len(unknowns(plan))
    return [f"{plural(count, 'value')} known only after the apply"] if count else []


def same_inputs(recorded: Plan) -> str:
    """Why no preview ran: a plan on record came from the same."""
    return f"same inputs as at {short(recorded.commit)}, previewed {minute(recorded.created_at)}"


def tally(changes: Iterable[ResourceChange]) -> str:
    """`1 to delete, 2 to replace, 3 to create`; empty for no changes."""
    counts = Counter(change.operation for change in changes)
    words = {Operation.UNKNOWN: "in an unknown way"}
    return ", ".join(
        f"{counts[operation]:,} {words.get(operation, f'to {operation}')}"
        for operation in _TALLY_ORDER
        if counts[operation]
    )


def done(changes: Iterable[ResourceChange]) -> str:
    """`1 deleted, 2 replaced, 3 created`, for changes that were made; `no changes` for none."""
    counts = Counter(change.operation for change in changes)
    verbs = (f"{counts[operation]:,} {_past(operation)}" for operation in _TALLY_ORDER if counts[operation])
    return ", ".join(verbs) or "no changes"


def _past(operation: Operation) -> str:
    if operation in (Operation.READ, Operation.UNKNOWN):
        return {Operation.READ: "read", Operation.UNKNOWN: "treated in an unknown way"}[operation]
    return operation.value + ("d" if operation.value.endswith("e") else "ed")


def headline(environment: str, changes: Sequence[ResourceChange], failed: int) -> str:
    """The verdict of a whole preview in one line; `failed` stacks have no plan."""
    if failed:
        return f"{environment}: the preview of {plural(failed, 'stack')} failed"
    if not changes:
        return f"{environment}: nothing changes"
    destroyed = sum(change.operation.destroys for change in changes)
    unknown = sum(change.operation is Operation.UNKNOWN for change in changes)
    grave = f"destroys {plural(destroyed, 'resource') if destroyed else 'nothing'}"
    if unknown:
        grave = f"{f'{grave} and ' if destroyed else ''}does {plural(unknown, 'unknown operation')}"
    return f"{environment}: {grave} ({tally(changes)})"


def findings(found: Iterable[PolicyFinding]) -> tuple[PolicyFinding, ...]:
    """Policy findings, the strictest first."""
    levels = tuple(PolicyLevel)
    return tuple(sorted(found, key=lambda f: (levels.index(f.level), f.pack, f.policy, f.urn, f.message)))


def packs(plan: Plan) -> Iterator[str]:
    """Each policy pack that the pipeline had the preview run, and how much it looked at."""
    for pack in plan.packs:
        count = sum(one.passed + one.failed for one in plan.evaluated if one.pack == pack.name)
        yield f"policy pack {clip(pack.name)} {clip(pack.version)}: {plural(count, 'evaluation')}"


def pack_fate(change: PackChange) -> str:
    """What becomes of a policy pack, as the rest of a sentence about it."""
    before, after = short(change.before), short(change.after)
    return {
        PackFate.NEW: f"is new (files {after})",
        PackFate.CHANGED: f"is not the released one: files {before} → {after}",
        PackFate.DROPPED: "is no longer named in gitops.yaml, and takes part once more",
        PackFate.GONE: "is gone, but the release names it: this cannot be applied",
    }[change.fate]


def drift(plan: Plan) -> Iterator[tuple[str, str]]:
    """What is not as the state says, in two sentences at most: what becomes of it, and which resources it is."""
    planned = {change.urn for change in plan.changes}
    for fate, mended in (("this plan mends it", True), ("this plan leaves it", False)):
        found = [drifted(one) for one in plan.drift if (one.urn in planned) is mended]
        shown = first(found, _DRIFT_SHOWN)
        if found:
            yield f"Live infrastructure differs from the state, and {fate}", listed(shown)


def drifted(drift: Drift) -> str:
    """A resource that is not as the state says, with the properties that differ."""
    paths = list(dict.fromkeys(clip(top_level(item.path)) for item in drift.properties))
    return f"{resource_of(drift.urn)} ({'gone' if drift.gone else listed(paths)})"


def warning(diagnostic: Diagnostic) -> Iterator[str]:
    """A message of the engine in lines, the first of which names the resource it is about."""
    first, *rest = diagnostic.message.splitlines() or [""]
    about = f"{resource_of(diagnostic.urn)}: " if diagnostic.urn else ""
    yield f"{about}{clip(first, LINE_LIMIT)}"
    for line in rest:
        yield f"    {clip(line, LINE_LIMIT)}"


def cause(change: ResourceChange) -> str:
    """Why something that exists goes away; empty for a change that destroys nothing."""
    if change.operation is Operation.DELETE:
        return "no longer in the program"
    if change.operation is not Operation.REPLACE:
        return ""
    paths = sorted({clip(item.path) for item in change.properties if item.replaces})
    if not paths:
        return "the provider cannot change it in place"
    kinds = {item.kind for item in change.properties if item.replaces}
    verb = "is removed" if kinds == {PropertyKind.DELETE} else "is added" if kinds == {PropertyKind.ADD} else "changes"
    if len(paths) > 1:
        verb = verb.replace("is ", "are ").replace("changes", "change")
    return f"{listed(first(paths, 3))} {verb}"


def protection(change: ResourceChange) -> str:
    """What protection means for a change that destroys; empty where it means nothing."""
    if change.protected and change.operation.destroys:
        return "protected: the apply stops here until `protect` is taken off in a change of its own"
    return ""


def notes(change: ResourceChange) -> str:
    """What has to be said of a change that destroys: its cause, and what protection means; empty for any other."""
    return "; ".join(filter(None, (cause(change), protection(change))))
