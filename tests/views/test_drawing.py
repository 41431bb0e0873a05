"""The drawing of a dependency graph: what is in it, and that it can be read."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.model import Operation, ResourceChange, ResourceGraph, ResourceNode
from gitops.views.html import drawing
from gitops.views.html.drawing import HEIGHT, WIDTH, Drawing
from tests.support import reports
from tests.support.plans import change, update, urn

THING = "things:index:Thing"


def graph(needs: dict[str, str]) -> ResourceGraph:
    """Things by letter, each with the letters of what it needs."""
    return ResourceGraph(
        tuple(ResourceNode(urn(THING, name), "", tuple(urn(THING, need) for need in of)) for name, of in needs.items())
    )


def changed(*names: str) -> list[ResourceChange]:
    return [change(Operation.UPDATE, THING, name, update("size", 1, 2)) for name in names]


def drawn(needs: dict[str, str], *names: str) -> Drawing:
    made = drawing.draw(graph(needs), changed(*names))
    assert made is not None
    return made


def names(made: Drawing) -> list[str]:
    return [box.urn.rpartition("::")[2] for box in made.boxes]


def test_what_is_needed_stands_left_of_what_needs_it() -> None:
    made = drawn({"a": "", "b": "a", "c": "ab", "d": "c"}, "b")
    column = {box.urn[-1]: box.x for box in made.boxes}
    assert column["a"] < column["b"] < column["c"] < column["d"]


def test_a_large_stack_shows_what_changes_and_its_direct_neighbours_and_counts_the_rest() -> None:
    needs = {"vpc": [], "subnet": ["vpc"], "db": ["subnet"], "app": ["db"], "alarm": ["app"]}
    nodes = [ResourceNode(urn(THING, name), "", tuple(urn(THING, need) for need in of)) for name, of in needs.items()]
    nodes += [ResourceNode(urn(THING, f"other-{number}")) for number in range(100)]
    made = drawing.draw(ResourceGraph(tuple(nodes)), changed("db"))
    assert made is not None
    assert sorted(names(made)) == ["app", "db", "subnet"]
    assert (made.changed, made.neighbours, made.others) == (0, 0, 102)


def test_ten_thousand_changes_are_drawn_as_far_as_there_is_room_and_counted() -> None:
    every = [f"{number:05}" for number in range(10_000)]
    nodes = tuple(
        ResourceNode(urn(THING, name), "", (urn(THING, "00000"),) if name != "00000" else ()) for name in every
    )
    made = drawing.draw(ResourceGraph(nodes), changed(*every))
    assert made is not None
    assert len(made.boxes) == 40
    assert (made.changed, made.neighbours, made.others) == (9_960, 0, 0)


def test_a_provider_is_drawn_only_where_it_changes_itself() -> None:
    made = drawing.draw(reports.graph(), [change(Operation.UPDATE, reports.BUCKET, "scratch", update("acl", 1, 2))])
    assert made is not None
    assert names(made) == ["scratch"]
    replaced = change(Operation.REPLACE, reports.PROVIDER, "aws", update("region", "a", "b", replaces=True))
    made = drawing.draw(reports.graph(), [replaced])
    assert made is not None
    assert {"aws", "main", "alarm-00"} <= set(names(made))


def test_bookkeeping_is_no_change_and_without_changes_there_is_no_drawing() -> None:
    upgrade = change(Operation.UPDATE, reports.PROVIDER, "aws", update("version", "7.20.0", "7.21.0"))
    assert drawing.draw(reports.graph(), [upgrade]) is None
    assert drawing.draw(ResourceGraph(), changed("a")) is None


def test_a_part_is_tied_to_its_component() -> None:
    component = change(Operation.CREATE, "shop:infra:Database", "orders")
    part = change(Operation.CREATE, reports.SUBNETS, "orders")
    made = drawing.draw(reports.graph(), [component, part])
    assert made is not None
    box = {one.urn: one for one in made.boxes}
    ties = [(arrow.points[0], arrow.points[-1]) for arrow in made.arrows if arrow.part]
    start = box[component.urn].x + WIDTH, box[component.urn].y + HEIGHT // 2
    assert (start, (box[part.urn].x, box[part.urn].y + HEIGHT // 2)) in ties


def test_circles_do_not_stop_it() -> None:
    made = drawn({"a": "c", "b": "a", "c": "b", "d": "d"}, "a", "d")
    assert sorted(names(made)) == ["a", "b", "c", "d"]
    assert len(made.arrows) == 2


def test_names_that_no_engine_gives_are_drawn_as_well() -> None:
    odd = ["", "::", "urn:pulumi:dev::shop::::", "#"]
    nodes = tuple(ResourceNode(one, one, tuple(odd)) for one in odd)
    changes = [ResourceChange(one, THING, Operation.DELETE, "") for one in odd]
    made = drawing.draw(ResourceGraph(nodes), changes)
    assert made is not None
    assert sorted(box.urn for box in made.boxes) == sorted(odd)


graphs = st.lists(st.lists(st.integers(0, 60), max_size=4), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None)
@given(graphs, st.lists(st.integers(0, 60), min_size=1, max_size=20))
def test_boxes_never_overlap_and_arrows_never_lead_back(needs: list[list[int]], which: list[int]) -> None:
    nodes = tuple(
        ResourceNode(urn(THING, str(number)), urn(THING, str(number // 7)), tuple(urn(THING, str(one)) for one in of))
        for number, of in enumerate(needs)
    )
    made = drawing.draw(ResourceGraph(nodes), changed(*map(str, sorted(set(which)))))
    assert made is not None
    assert made == drawing.draw(ResourceGraph(tuple(reversed(nodes))), changed(*map(str, sorted(set(which)))))
    for one, other in combinations(made.boxes, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for box in made.boxes:
        assert 0 <= box.x <= made.width - WIDTH
        assert 0 <= box.y <= made.height - HEIGHT
    corners = (
        {(box.x + WIDTH, box.y + HEIGHT // 2) for box in made.boxes},
        {(box.x, box.y + HEIGHT // 2) for box in made.boxes},
    )
    for arrow in made.arrows:
        assert [x for x, _ in arrow.points] == sorted(x for x, _ in arrow.points)
        assert arrow.points[0] in corners[0]
        assert arrow.points[-1] in corners[1]
