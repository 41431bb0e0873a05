"""The dependency graph of a stack as a drawing: which resources are in it, and where; no markup.

What a resource needs stands left of it. Columns are the longest ways from what needs nothing; an arrow over several
columns gets a place of its own in each, so that it runs between the boxes and not behind them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gitops.model import ResourceChange, ResourceGraph, ResourceNode, Weight, by_weight, weight_of
from gitops.model.urn import PROVIDER_TYPE, STACK_TYPE, type_in

WIDTH, HEIGHT = 200, 46
"""Of a box, in pixels."""

_BETWEEN_COLUMNS, _BETWEEN_ROWS, _MARGIN = 44, 14, 12
_BEND = 6  # what an arrow takes in a column that it passes
_SWEEPS = 8
_WHOLE = 24  # a stack of so many resources is shown whole
_CHANGED, _BOXES = 40, 60


@dataclass(frozen=True, slots=True)
class Box:
    """One resource; `change` is None for one that stays. `needs` and `needed_by` also name what is not drawn."""

    urn: str
    change: ResourceChange | None
    x: int
    y: int
    needs: tuple[str, ...]
    needed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what is needed to what needs it, as points from left to right; `part`: from a component to a part of it."""

    points: tuple[tuple[int, int], ...]
    part: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of `boxes`; `changed` and `neighbours` are those that have no room in it, `others` the unconcerned."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int
    changed: int
    neighbours: int
    others: int


@dataclass(slots=True)
class _Point:
    """A box, or (no `urn`) the place of an arrow in a column that it passes."""

    urn: str | None = None
    y: float = 0.0
    left: list["_Point"] = field(default_factory=list)
    right: list["_Point"] = field(default_factory=list)

    @property
    def height(self) -> int:
        return HEIGHT if self.urn is not None else _BEND

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def draw(graph: ResourceGraph, changes: Iterable[ResourceChange]) -> Drawing | None:
    """The changed resources, the gravest first while there is room, and their direct neighbours; a small stack whole.

    Bookkeeping is no change here. None where nothing is changed, or nothing is known of how resources depend.
    """
    changed: dict[str, ResourceChange] = {}
    for change in by_weight(changes):
        if weight_of(change) is not Weight.BOOKKEEPING and change.type != STACK_TYPE:
            changed.setdefault(change.urn, change)
    resources = sorted(graph.resources, key=lambda one: one.urn)
    nodes = {one.urn: one for one in resources if _is_drawn(one.urn, changed)}
    if not changed or not nodes:
        return None
    nodes |= {urn: ResourceNode(urn) for urn in changed if urn not in nodes}
    needed_by: dict[str, list[str]] = {}
    for one in nodes.values():
        for urn in one.needs:
            needed_by.setdefault(urn, []).append(one.urn)
    neighbours = _neighbours(nodes, needed_by, changed)
    shown = list(nodes) if len(nodes) <= _WHOLE else [*list(changed)[:_CHANGED], *neighbours][:_BOXES]
    places, arrows, size = _placed({urn: nodes[urn] for urn in shown}, changed)
    boxes = tuple(
        Box(urn, changed.get(urn), *places[urn], _known(nodes[urn].needs, nodes), tuple(needed_by.get(urn, ())))
        for urn in sorted(places, key=lambda urn: (urn not in changed, *places[urn]))
    )
    told = set(shown)
    return Drawing(
        boxes,
        arrows,
        *size,
        changed=len(changed.keys() - told),
        neighbours=len(set(neighbours) - told),
        others=len(nodes.keys() - told - changed.keys() - set(neighbours)),
    )


def _is_drawn(urn: str, changed: Mapping[str, ResourceChange]) -> bool:
    """All but the stack itself and the providers, which everything needs: a provider that changes is drawn."""
    token = type_in(urn)
    return urn in changed or not (token == STACK_TYPE or token.startswith(PROVIDER_TYPE))


def _known(urns: Iterable[str], nodes: Mapping[str, ResourceNode]) -> tuple[str, ...]:
    return tuple(urn for urn in urns if urn in nodes)


def _neighbours(
    nodes: Mapping[str, ResourceNode], needed_by: Mapping[str, Sequence[str]], changed: Mapping[str, ResourceChange]
) -> list[str]:
    """What a changed resource needs, or is needed by; in the order of the changes."""
    found = (urn for one in changed for urn in (*nodes[one].needs, *needed_by.get(one, ())))
    return [urn for urn in dict.fromkeys(found) if urn in nodes and urn not in changed]


def _placed(
    nodes: Mapping[str, ResourceNode], changed: Mapping[str, ResourceChange]
) -> tuple[dict[str, tuple[int, int]], tuple[Arrow, ...], tuple[int, int]]:
    """Where each box is, the arrows between them, and the size of it all."""
    edges = {(need, urn): False for urn, one in nodes.items() for need in one.needs if need in nodes}
    for urn, one in nodes.items():
        if one.parent in nodes and one.parent != urn:
            edges.setdefault((one.parent, urn), True)
    depths = _depths(nodes, edges)
    edges = {edge: part for edge, part in edges.items() if depths[edge[0]] < depths[edge[1]]}
    ends = {urn for edge in edges for urn in edge}
    linked = [urn for urn in _orderly(nodes, changed) if urn in ends]
    alone = [urn for urn in _orderly(nodes, changed) if urn not in ends]
    columns: list[list[_Point]] = [[] for _ in range(max((depths[urn] + 1 for urn in linked), default=0))]
    points = {urn: _Point(urn) for urn in linked}
    for urn in linked:
        columns[depths[urn]].append(points[urn])
    ways = {edge: _way(edge, points, depths, columns) for edge in edges}
    _arrange(columns)
    tops = [_MARGIN, *(int(point.y) + point.height + _BETWEEN_ROWS for column in columns for point in column)]
    places = {
        point.urn: (_x(depth), int(point.y))
        for depth, row in enumerate(columns)
        for point in row
        if point.urn is not None
    }
    across = max(len(columns), 2)
    for number, urn in enumerate(alone):
        places[urn] = (_x(number % across), max(tops) + number // across * (HEIGHT + _BETWEEN_ROWS))
    arrows = tuple(Arrow(tuple(_bends(ways[edge], depths[edge[0]])), part) for edge, part in sorted(edges.items()))
    width = max(x for x, _ in places.values()) + WIDTH + _MARGIN
    return places, arrows, (width, max(*tops, *(y + HEIGHT for _, y in places.values())) + _MARGIN)


def _x(column: int) -> int:
    return _MARGIN + column * (WIDTH + _BETWEEN_COLUMNS)


def _orderly(nodes: Iterable[str], changed: Mapping[str, ResourceChange]) -> list[str]:
    """By gravity, then by name: what the order in a column begins with, and stays where nothing speaks against it."""
    grave = {urn: position for position, urn in enumerate(changed)}
    return sorted(nodes, key=lambda urn: (grave.get(urn, len(grave)), urn))


def _depths(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many boxes can stand left of each. An edge that would close a circle (Pulumi has none) is left out."""
    needs: dict[str, list[str]] = {urn: [] for urn in sorted(nodes)}
    for need, urn in sorted(edges):
        needs[urn].append(need)
    depths: dict[str, int] = {}
    under_way: set[str] = set()

    def depth(urn: str) -> int:
        if urn not in depths:
            under_way.add(urn)
            depths[urn] = max((depth(need) + 1 for need in needs[urn] if need not in under_way), default=0)
            under_way.discard(urn)
        return depths[urn]

    for urn in needs:
        depth(urn)
    return depths


def _way(
    edge: tuple[str, str], points: Mapping[str, _Point], depths: Mapping[str, int], columns: Sequence[list[_Point]]
) -> list[_Point]:
    """The points that an arrow goes through, with new ones in the columns that it passes."""
    need, urn = edge
    bends = [_Point() for _ in range(depths[need] + 1, depths[urn])]
    for column, bend in zip(columns[depths[need] + 1 :], bends, strict=False):
        column.append(bend)
    way = [points[need], *bends, points[urn]]
    for left, right in pairwise(way):
        left.right.append(right)
        right.left.append(left)
    return way


def _arrange(columns: Sequence[list[_Point]]) -> None:
    """Order each column by where its neighbours stand, and move it towards them; rightwards and leftwards in turn."""
    for column in columns:
        _stack(column)
    for sweep in range(_SWEEPS):
        rightwards = sweep % 2 == 0
        for column in columns if rightwards else reversed(columns):
            wanted = {id(one): _mean(one.left if rightwards else one.right, one.middle) for one in column}
            if sweep < _SWEEPS - 2:  # the last two sweeps only move
                column.sort(key=lambda one: wanted[id(one)])
            _stack(column, wanted)
    highest = min((column[0].y for column in columns if column), default=0)
    for column in columns:
        for one in column:
            one.y = round(one.y + _MARGIN - highest)


def _stack(column: Sequence[_Point], wanted: Mapping[int, float] | None = None) -> None:
    """Put the points of a column below each other, each as near as can be to where it is wanted."""
    lowest = -1e9 if wanted else float(_MARGIN)
    for one in column:
        one.y = max(lowest, wanted[id(one)] - one.height / 2) if wanted else lowest
        lowest = one.y + one.height + _BETWEEN_ROWS
    if wanted and column:
        shift = sum(wanted[id(one)] - one.middle for one in column) / len(column)
        for one in column:
            one.y += shift


def _mean(neighbours: Sequence[_Point], otherwise: float) -> float:
    return sum(one.middle for one in neighbours) / len(neighbours) if neighbours else otherwise


def _bends(way: Sequence[_Point], column: int) -> Iterator[tuple[int, int]]:
    """Out of the right side of the first box, through the columns between, into the left side of the last."""
    yield _x(column) + WIDTH, int(way[0].middle)
    for offset, bend in enumerate(way[1:-1], start=1):
        yield _x(column + offset), int(bend.middle)
        yield _x(column + offset) + WIDTH, int(bend.middle)
    yield _x(column + len(way) - 1), int(way[-1].middle)
