"""Who moved what a refused plan came from: what the ledger and Git say of the time since the review. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gitops.flow.plans.compare import kind_of_file
from gitops.flow.words import clip, minute, plural, short
from gitops.model import Commit, MovedInput, Plan, PlanDifference, Record, RecordKind

_SHOWN = 5
_VERBS = {
    RecordKind.APPLIED: "applied by",
    RecordKind.APPLY_FAILED: "applied in part, and failed, by",
    RecordKind.APPLY_STARTED: "an apply that never told its end, by",
    RecordKind.REPAIRED: "repaired by",
}

KINDS = tuple(_VERBS)
"""The records that tell of a moved state."""


@dataclass(frozen=True, slots=True)
class Mover:
    """What moved one part of a plan's origin: a sentence's part for people."""

    moved: MovedInput
    text: str


def paths(difference: PlanDifference, config_file: str) -> tuple[str, ...]:
    """The files whose history tells who moved them; `config_file` is the stack's own."""
    own = (config_file,) if MovedInput.CONFIG in difference.moved else ()
    return (*difference.moved_files, *own)


def movers(
    difference: PlanDifference, plans: tuple[Plan, Plan], records: Iterable[Record], commits: Iterable[Commit]
) -> tuple[Mover, ...]:
    """Who moved what between the approved and the fresh plan, as far as anybody knows, in the order of what moved.

    `records` is the ledger, oldest first; `commits` are those of the branch, newest first, that touched a file of
    `paths`. Only what came after the approved plan counts, and the commit that is to be applied, which brings the
    reviewed change itself, only where no other does.
    """
    approved, fresh = plans
    since = [record for record in records if record.at >= approved.created_at]
    # Git's times are whole seconds.
    later = [commit for commit in commits if commit.at >= approved.created_at.replace(microsecond=0)]
    others = [commit for commit in later if commit.id != fresh.commit]
    found: list[Mover] = []
    for moved in difference.moved:
        if moved is MovedInput.STATE:
            texts = _applies(since, approved, MovedInput.DIGEST_KEY in difference.moved)
        elif moved in (MovedInput.PROGRAM, MovedInput.CONFIG, MovedInput.POLICY):
            texts = _commits(moved, (others, later), difference, approved)
        else:
            texts = []
        found += [Mover(moved, text) for text in texts]
    return tuple(found)


def _applies(since: list[Record], approved: Plan, other_key: bool) -> list[str]:
    ours = [record for record in since if record.stack == approved.stack.label and record.kind in _VERBS]
    ends = [
        record
        for index, record in enumerate(ours)
        # A start that has an end is told by that; one that ended before it touched anything moved nothing.
        if (record.kind is not RecordKind.APPLY_STARTED or _is_open(ours[index + 1 :])) and not record.touched_nothing
    ]
    if not ends and other_key:
        return ["no apply is on record since the review: with another digest key, every resource with a secret moves"]
    if not ends:
        return ["no apply is on record since the review: it was changed outside of the pipeline"]
    told = [
        f"{_VERBS[record.kind]} {clip(record.by)} at {minute(record.at)}, commit {short(record.commit)}"
        for record in ends[-_SHOWN:]
    ]
    return [*told, *_more(len(ends), "apply", "before these")]


def _is_open(after: list[Record]) -> bool:
    return not any(record.kind in (RecordKind.APPLIED, RecordKind.APPLY_FAILED) for record in after[:1])


def _commits(
    moved: MovedInput, either: tuple[list[Commit], list[Commit]], difference: PlanDifference, approved: Plan
) -> list[str]:
    wanted = {path for path in difference.moved_files if kind_of_file(path, approved.stack.name) is moved}
    touching = [[commit for commit in some if _touches(commit, moved, wanted, approved)] for some in either]
    ours = next((some for some in touching if some), [])
    if not ours:
        if moved is MovedInput.POLICY and not wanted:
            return []
        return ["no commit since the review touches it: the two lines of history came together in the merge"]
    told = [
        f"commit {short(commit.id)} by {clip(commit.author)} at {minute(commit.at)}: {clip(commit.subject)}"
        for commit in ours[:_SHOWN]
    ]
    return [*told, *_more(len(ours), "commit", "before these")]


def _touches(commit: Commit, moved: MovedInput, wanted: set[str], approved: Plan) -> bool:
    if wanted & set(commit.paths):
        return True
    # The stack's own config is no entry of the moved files: it has a digest of its own.
    return moved is MovedInput.CONFIG and any(
        kind_of_file(path, approved.stack.name) is MovedInput.CONFIG for path in commit.paths
    )


def _more(count: int, noun: str, where: str) -> list[str]:
    return [f"and {plural(count - _SHOWN, f'{noun}')} {where}"] if count > _SHOWN else []


def by_kind(found: Iterable[Mover]) -> Mapping[MovedInput, tuple[str, ...]]:
    """What moved → who moved it."""
    grouped: dict[MovedInput, tuple[str, ...]] = {}
    for mover in found:
        grouped[mover.moved] = (*grouped.get(mover.moved, ()), mover.text)
    return grouped
