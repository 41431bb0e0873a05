"""The refusal of an apply: a difference of differences, for the person who has to decide what to do about it."""

from collections import Counter
from collections.abc import Mapping

from rich.console import RenderableType

from gitops.flow import words
from gitops.flow.plans.attribution import Mover, by_kind
from gitops.flow.plans.compare import kind_of_file
from gitops.flow.words import clip, plural, short
from gitops.model import MovedInput, Plan, PlanDifference, ResourceChange
from gitops.views import properties, wording
from gitops.views.terminal.lines import Lines, add_change, add_moved, add_property

_MOVED_SHOWN = 50


def difference(
    difference: PlanDifference, approved: Plan, fresh: Plan, movers: tuple[Mover, ...] = ()
) -> RenderableType:
    """Why an apply is refused: what moved since the approval, who moved it, and what the apply would now do instead."""
    lines = Lines()
    lines.add(f"The plan for {clip(fresh.stack.label)} is not the one that was reviewed", "bold red", hang=2)
    for title, one in (("reviewed", approved), ("now", fresh)):
        lines.add(f"  {title:<9} plan {short(one.plan_digest)}  commit {short(one.commit)}", "dim")
    lines.add("What moved", "bold")
    for moved in difference.moved:
        lines.add(f"  {wording.MOVED_TITLES[moved]}", "bold")
        _moved(lines, moved, difference, (approved, fresh))
        for text in by_kind(movers).get(moved, ()):
            lines.add(f"    {text}", "bold", hang=6)
    if not difference.moved:
        lines.add("  nothing that a plan records: the changes themselves differ")
    lines.add("What the apply would do differently", "bold")
    for change in difference.appeared:
        lines.add("  it would now also", "bold")
        add_change(lines, change, indent=4)
    for change in difference.vanished:
        lines.add("  it would no longer", "bold")
        add_change(lines, change, indent=4)
    for before, after in difference.altered:
        lines.add(f"  it would treat {words.resource(after)} differently", "bold", hang=4)
        _altered(lines, before, after)
    if not (difference.appeared or difference.vanished or difference.altered):
        lines.add("  nothing: the same changes, but not from what was reviewed")
    return lines


def _moved(lines: Lines, moved: MovedInput, difference: PlanDifference, plans: tuple[Plan, Plan]) -> None:
    if moved is MovedInput.STATE:
        _state(lines, difference, *plans)
        return
    if moved is MovedInput.LIVE:
        _live(lines, *plans)
        return
    if moved is MovedInput.ENGINE:
        _named(lines, *(plan.inputs.versions for plan in plans))
        if plans[0].inputs.versions == plans[1].inputs.versions:
            lines.add("    the pipeline that computed the plans is another version", hang=6)
        return
    if moved is MovedInput.AMBIENT:
        _named(lines, *(plan.inputs.ambient for plan in plans))
        return
    if moved is MovedInput.DIGEST_KEY:
        lines.add("    every secret has another digest now, so whether one changed cannot be told", hang=6)
        return
    before, after = (plan.inputs.files for plan in plans)
    paths = [path for path in difference.moved_files if kind_of_file(path, plans[1].stack.name) is moved]
    for path in paths[:_MOVED_SHOWN]:
        add_moved(lines, clip(path), before.get(path), after.get(path))
    if len(paths) > _MOVED_SHOWN:
        lines.add(f"    and {plural(len(paths) - _MOVED_SHOWN, 'more file')}")
    if moved is MovedInput.POLICY:
        _findings(lines, *plans)


def _state(lines: Lines, difference: PlanDifference, approved: Plan, fresh: Plan) -> None:
    before, after = approved.start, fresh.start
    for urn in difference.moved_resources[:_MOVED_SHOWN]:
        add_moved(lines, words.resource_of(urn), before.resources.get(urn), after.resources.get(urn))
    if len(difference.moved_resources) > _MOVED_SHOWN:
        lines.add(f"    and {plural(len(difference.moved_resources) - _MOVED_SHOWN, 'more resource')}")
    for urn in sorted(set(after.pending) - set(before.pending)):
        lines.add(f"    ! {words.resource_of(urn)}: an operation on it was interrupted and is pending", "red", hang=6)
    for urn in sorted(set(before.pending) - set(after.pending)):
        lines.add(f"    ~ {words.resource_of(urn)}: a pending operation on it has been settled", "yellow", hang=6)
    if not difference.moved_resources:
        lines.add("    the whole differs, each resource is the same")


def _live(lines: Lines, approved: Plan, fresh: Plan) -> None:
    before, after = ({one.urn: one for one in plan.drift} for plan in (approved, fresh))
    differing = [urn for urn in sorted(before.keys() | after.keys()) if before.get(urn) != after.get(urn)]
    for urn in differing[:_MOVED_SHOWN]:
        if urn in after:
            lines.add(f"    ~ {wording.drifted(after[urn])} is not what the state says", "yellow", hang=6)
        else:
            lines.add(f"    ~ {wording.drifted(before[urn])} is what the state says again", "yellow", hang=6)
    if len(differing) > _MOVED_SHOWN:
        lines.add(f"    and {plural(len(differing) - _MOVED_SHOWN, 'more resource')}")


def _named(lines: Lines, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    for name in differing:
        values = f"{_value(before.get(name))} → {_value(after.get(name))}"
        lines.add(f"    ~ {clip(name)}: {values}", "yellow", hang=6)


def _value(text: str | None) -> str:
    return "absent" if text is None else f"digest {short(text)}" if text.startswith("sha256:") else clip(text)


def _findings(lines: Lines, approved: Plan, fresh: Plan) -> None:
    _named(lines, approved.policy_packs, fresh.policy_packs)
    _named(
        lines, *({f"files of {one.path}": f"sha256:{one.digest}" for one in plan.packs} for plan in (approved, fresh))
    )
    before, after = Counter(approved.findings), Counter(fresh.findings)
    for mark, style, findings in (("+", "red", after - before), ("-", "green", before - after)):
        for finding in sorted(findings, key=lambda f: (f.level, f.pack, f.policy, f.urn, f.message)):
            rule = f"{clip(finding.pack)}/{clip(finding.policy)}: {clip(finding.message, 400)}"
            lines.add(f"    {mark} {finding.level}: {rule}", style, hang=6)


def _altered(lines: Lines, before: ResourceChange, after: ResourceChange) -> None:
    if before.operation is not after.operation:
        lines.add(f"    {before.operation} → {after.operation}", "bold red" if after.operation.destroys else "yellow")
    if before.protected is not after.protected:
        lines.add(f"    {'no longer' if before.protected else 'now'} protected", "yellow")
    if before.provider != after.provider:
        lines.add(f"    provider {clip(before.provider)} → {clip(after.provider)}", "yellow", hang=6)
    known, found = properties.lines(before), properties.lines(after)
    for label, these, those in (("approved: ", known, set(found)), ("now:      ", found, set(known))):
        for line in these:
            if line not in those:
                add_property(lines, line, indent=4, label=label)
    if set(known) == set(found) and sorted(map(repr, before.properties)) != sorted(map(repr, after.properties)):
        lines.add("    the same properties, with a value that is not shown (a secret, or part of a long text)", hang=6)
