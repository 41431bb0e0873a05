"""Which stacks go to which machine: no more machines than pay, nothing left out, nothing before what it reads from."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.errors import ConfigError, UsageError
from gitops.flow.impact import shards
from gitops.model import Stack

A, B, C, D = (Stack("shop", name) for name in "abcd")
MANY = tuple(Stack("shop", f"stack-{number}") for number in range(40))


def names(waves: tuple[tuple[shards.Leg, ...], ...]) -> list[list[str]]:
    return [["".join(stack.name for stack in leg.stacks) for leg in wave] for wave in waves]


def test_a_few_quick_stacks_stay_on_one_machine() -> None:
    [leg] = shards.spread([(A,), (B,), (C,)], {}, most=20, at_once=2)
    assert leg.stacks == (A, B, C)


def test_a_further_machine_has_to_save_more_than_it_costs() -> None:
    enough = shards.SET_UP_SECONDS
    assert len(shards.spread([(A,), (B,)], {A: 900, B: enough - 1}, most=20, at_once=1)) == 1
    assert len(shards.spread([(A,), (B,)], {A: 900, B: enough}, most=20, at_once=1)) == 2


def test_the_longest_goes_alone_and_the_others_share() -> None:
    found = shards.spread([(A,), (B,), (C,)], {A: 600, B: 300, C: 300}, most=20, at_once=1)
    assert [leg.stacks for leg in found] == [(A,), (B, C)]


def test_no_more_machines_than_allowed() -> None:
    groups = [(stack,) for stack in MANY]
    assert len(shards.spread(groups, dict.fromkeys(MANY, 3600.0), most=7, at_once=2)) == 7


def test_what_reads_from_each_other_stays_together() -> None:
    assert shards.connected([A, B, C, D], {B: frozenset({A}), D: frozenset({B})}) == ((A, B, D), (C,))


def test_nothing_to_do_takes_no_machine() -> None:
    assert shards.spread([], {}, most=20, at_once=2) == ()
    assert shards.apply_waves([], {}, {}, most=20) == ()


def test_an_apply_stays_on_one_machine_unless_more_are_allowed() -> None:
    hours = dict.fromkeys((A, B), 3600.0)
    assert names(shards.apply_waves([A, B], {}, hours, most=1)) == [["ab"]]
    assert names(shards.apply_waves([A, B], {}, hours, most=2)) == [["a", "b"]]


def test_a_wave_reads_from_those_before_it() -> None:
    hours = dict.fromkeys((A, B, C, D), 3600.0)
    upstream = {B: frozenset({A}), C: frozenset({A}), D: frozenset({B})}
    assert names(shards.apply_waves([A, B, C, D], upstream, hours, most=9)) == [["a"], ["b", "c"], ["d"]]


def test_a_chain_alone_gains_nothing_from_more_machines() -> None:
    upstream = {B: frozenset({A}), C: frozenset({B})}
    assert names(shards.apply_waves([A, B, C], upstream, dict.fromkeys((A, B, C), 3600.0), most=9)) == [["abc"]]


def test_more_waves_than_jobs_end_on_one_machine_that_orders_them_itself() -> None:
    chain = {later: frozenset({earlier}) for earlier, later in itertools.pairwise(MANY[:9])}
    stacks = (*MANY[:9], *MANY[20:30])
    found = shards.apply_waves(stacks, chain, dict.fromkeys(stacks, 3600.0), most=20)
    assert len(found) == shards.WAVES
    assert found[-1][0].stacks == tuple(sorted(MANY[shards.WAVES - 1 : 9]))


def test_what_has_nothing_to_apply_goes_along() -> None:
    assert names(shards.apply_waves([A], {}, {}, most=1, along=[C])) == [["ac"]]
    assert names(shards.apply_waves([], {}, {}, most=1, along=[C])) == [["c"]]


def test_a_circle_is_told() -> None:
    with pytest.raises(ConfigError, match="wait for each other"):
        shards.apply_waves([A, B], {A: frozenset({B}), B: frozenset({A})}, {}, most=9)


@given(
    st.lists(st.sampled_from(MANY), unique=True),
    st.dictionaries(st.sampled_from(MANY), st.floats(0, 7200)),
    st.integers(1, 20),
    st.dictionaries(st.integers(1, 39), st.integers(0, 38)),
)
def test_every_stack_is_on_exactly_one_machine(
    stacks: list[Stack], seconds: dict[Stack, float], most: int, reads: dict[int, int]
) -> None:
    upstream = {MANY[one]: frozenset({MANY[other]}) for one, other in reads.items() if other < one}
    waves = shards.apply_waves(stacks, upstream, seconds, most)
    spread = shards.spread(shards.connected(stacks, upstream), seconds, most, at_once=2)
    for found in ([leg for wave in waves for leg in wave], spread):
        assert sorted(stack for leg in found for stack in leg.stacks) == sorted(stacks)
        assert all(leg.stacks for leg in found)
    assert all(len(wave) <= most for wave in (*waves, spread))
    place = {stack: index for index, wave in enumerate(waves) for leg in wave for stack in leg.stacks}
    leg_of = {stack: leg for wave in waves for leg in wave for stack in leg.stacks}
    for stack in stacks:
        for other in upstream.get(stack, frozenset()) & place.keys():
            assert place[other] < place[stack] or leg_of[other] == leg_of[stack]


@pytest.mark.parametrize("text", ["", "[]", "null", '"a"', "{}", "[1]", "dev", '["a"'])
def test_what_is_no_leg_never_means_all_stacks(text: str) -> None:
    with pytest.raises(UsageError, match="is not a leg"):
        shards.chosen((), text)


def test_a_leg_adds_to_what_is_named() -> None:
    assert shards.chosen(("a",), '["b","c"]') == ("a", "b", "c")
    assert shards.chosen(("a",), None) == ("a",)
