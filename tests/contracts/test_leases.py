"""What every store of leases must do: the same cases on Git and in memory."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from gitops.adapters.git.leases import GitLeases
from gitops.errors import RemoteUnreachable
from gitops.flow.leases import lease as leases
from gitops.model import Holder, Lease, Stack
from gitops.ports import LeaseMoved, Leases
from tests.contracts.remotes import Two, clones_of
from tests.fakes.leases import FakeLeases
from tests.support.plans import NOW

DEV, PROD = Stack("shop", "dev"), Stack("shop", "prod")


def on_git(folder: Path) -> Two[Leases]:
    one, other, unplug = clones_of(folder)
    return Two(GitLeases(one), GitLeases(other), unplug)


def in_memory(_folder: Path) -> Two[Leases]:
    fake = FakeLeases()
    return Two(fake, fake, lambda: setattr(fake, "reachable", False))


@pytest.fixture(params=[on_git, in_memory], ids=["Git", "fake"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Two[Leases]:
    build: Callable[[Path], Two[Leases]] = request.param
    return build(tmp_path)


def lease(stack: Stack = DEV, name: str = "ada", seconds: int = 60) -> Lease:
    return leases.granted(stack, Holder(name, "laptop", 1, "up", name), NOW, seconds)


def test_a_free_stack_has_no_lease(stores: Two[Leases]) -> None:
    assert stores.one.current(DEV) is None
    assert stores.one.all() == ()


def test_a_lease_is_seen_by_everybody_as_it_was_granted(stores: Two[Leases]) -> None:
    held = stores.one.swap(DEV, None, lease())
    assert held is not None
    assert held.version
    assert stores.other.current(DEV) == held
    assert (held.stack, held.holder.name, held.expires_at) == ("shop/dev", "ada", NOW + timedelta(seconds=60))


def test_the_second_to_ask_loses(stores: Two[Leases]) -> None:
    stores.one.swap(DEV, None, lease())
    with pytest.raises(LeaseMoved):
        stores.other.swap(DEV, None, lease(name="bob"))
    standing = stores.one.current(DEV)
    assert standing is not None
    assert standing.holder.name == "ada"


def test_a_lease_is_renewed_only_by_who_knows_its_newest_version(stores: Two[Leases]) -> None:
    first = stores.one.swap(DEV, None, lease())
    second = stores.one.swap(DEV, first, lease(seconds=120))
    with pytest.raises(LeaseMoved):
        stores.other.swap(DEV, first, lease(seconds=180))
    assert stores.other.current(DEV) == second


def test_a_released_lease_is_gone_and_cannot_be_released_again(stores: Two[Leases]) -> None:
    held = stores.one.swap(DEV, None, lease())
    assert stores.other.current(DEV) == held
    assert stores.one.swap(DEV, held, None) is None
    assert stores.other.current(DEV) is None
    with pytest.raises(LeaseMoved):
        stores.one.swap(DEV, held, None)


def test_leases_of_two_stacks_do_not_touch_each_other(stores: Two[Leases]) -> None:
    dev = stores.one.swap(DEV, None, lease())
    prod = stores.other.swap(PROD, None, lease(PROD, "bob"))
    assert stores.one.all() == (dev, prod)
    stores.one.swap(DEV, dev, None)
    assert stores.other.all() == (prod,)


def test_without_the_remote_nothing_is_known_and_nothing_moves(stores: Two[Leases]) -> None:
    held = stores.one.swap(DEV, None, lease())
    stores.unplug()
    for ask in (
        lambda: stores.one.current(DEV),
        stores.other.all,
        lambda: stores.one.swap(DEV, held, None),
        lambda: stores.other.swap(PROD, None, lease(PROD)),
    ):
        with pytest.raises(RemoteUnreachable, match="remote 'origin'"):
            ask()
