"""Fan-out: which stacks go to which machine. Pure.

A further machine is taken while it saves more than it costs, which is what it needs before it can work
(`SET_UP_SECONDS`); so a few small stacks stay together, and a repository outgrows one machine without a setting.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gitops.errors import UsageError
from gitops.flow.impact.order import waves
from gitops.model import Stack

SET_UP_SECONDS = 60.0
"""An estimate of what a hosted machine needs to start, check out, and restore packages and tools."""

ASSUMED_SECONDS = 30.0
"""What a stack is taken to need whose last run is not on record."""

PREVIEWS_AT_ONCE = 2
"""Stacks that one machine previews side by side: the cores of the smallest hosted runner. Applies take turns."""

WAVES = 4
"""Waves of an apply that can be on machines of their own; the workflow has a job for each."""

Group = tuple[Stack, ...]


@dataclass(frozen=True, slots=True)
class Leg:
    """The stacks of one machine, and for how long it is expected to work on them."""

    stacks: Group
    seconds: float


def chosen(stacks: tuple[str, ...], leg: str | None) -> tuple[str, ...]:
    """The names of stacks on a command line, and those of a leg as `gitops matrix` prints it.

    Raises UsageError for a leg that is none: naming no stack would mean all of them.
    """
    if leg is None:
        return stacks
    try:
        named = msgspec.json.decode(leg, type=list[str])
    except msgspec.DecodeError:
        named = []
    if not named:
        raise UsageError(
            f"{leg!r} is not a leg.", hint='Give a list of stacks, as `gitops matrix` prints it: ["a/dev"]'
        )
    return (*stacks, *named)


def connected(stacks: Collection[Stack], upstream: Mapping[Stack, frozenset[Stack]]) -> tuple[Group, ...]:
    """The stacks in groups that read nothing of each other: what reads a stack's outputs is looked at beside it."""
    group = {stack: {stack} for stack in stacks}
    for stack in sorted(stacks):
        for other in upstream.get(stack, frozenset()) & group.keys():
            joined = group[stack] | group[other]
            for member in joined:
                group[member] = joined
    return tuple(sorted({tuple(sorted(members)) for members in group.values()}))


def spread(groups: Iterable[Group], seconds: Mapping[Stack, float], most: int, at_once: int) -> tuple[Leg, ...]:
    """The groups on at most `most` machines, each group on one; as few machines as do not cost time.

    `at_once` is how many stacks one machine works on side by side.
    """
    ordered = sorted(groups, key=lambda group: (-_work(group, seconds), group))
    if not ordered:
        return ()
    best = _packed(ordered, seconds, 1, at_once)
    for count in range(2, min(most, len(ordered)) + 1):
        legs = _packed(ordered, seconds, count, at_once)
        if _time(best) - _time(legs) >= SET_UP_SECONDS:
            best = legs
    return best


def apply_waves(
    stacks: Collection[Stack],
    upstream: Mapping[Stack, frozenset[Stack]],
    seconds: Mapping[Stack, float],
    most: int,
    along: Collection[Stack] = (),
) -> tuple[tuple[Leg, ...], ...]:
    """The stacks of an apply in waves of machines, each wave reading only from those before it.

    One wave with one machine where that is as fast: it judges all stacks before it touches the first of them, and
    orders them itself. So does the machine of the last wave, where there are more than `WAVES`. Raises ConfigError for
    a circle. The stacks `along` need no time and no order.
    """
    if not stacks and not along:
        return ()
    alone = _leg(tuple(sorted(stacks)), seconds, 1)
    levels = waves(stacks, upstream)
    kept = levels if len(levels) <= WAVES else levels[: WAVES - 1]
    found = [spread([(stack,) for stack in level], seconds, most, 1) for level in kept]
    if rest := tuple(sorted(stack for level in levels[len(kept) :] for stack in level)):
        found.append((_leg(rest, seconds, 1),))
    # Each machine of a fan-out previews its stacks once more: before the first of them is touched, all are judged.
    together = sum(SET_UP_SECONDS + _time(legs) for legs in found)
    if most == 1 or together >= alone.seconds:
        found = [(alone,)]
    first, *others = found[0]
    return ((Leg(tuple(sorted((*first.stacks, *along))), first.seconds), *others), *found[1:])


def _packed(groups: Sequence[Group], seconds: Mapping[Stack, float], count: int, at_once: int) -> tuple[Leg, ...]:
    """The longest group first, each to the machine that has least to do."""
    machines: list[list[Stack]] = [[] for _ in range(count)]
    loads = [0.0] * count
    for group in groups:
        least = loads.index(min(loads))
        machines[least] += group
        loads[least] += _work(group, seconds)
    return tuple(_leg(tuple(sorted(machine)), seconds, at_once) for machine in machines)


def _leg(stacks: Group, seconds: Mapping[Stack, float], at_once: int) -> Leg:
    longest = max((seconds.get(stack, ASSUMED_SECONDS) for stack in stacks), default=0.0)
    return Leg(stacks, max(longest, _work(stacks, seconds) / at_once))


def _work(stacks: Group, seconds: Mapping[Stack, float]) -> float:
    return sum(seconds.get(stack, ASSUMED_SECONDS) for stack in stacks)


def _time(legs: Collection[Leg]) -> float:
    return max((leg.seconds for leg in legs), default=0.0)
