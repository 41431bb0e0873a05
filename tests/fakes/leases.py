"""Leases in memory."""

import itertools
from collections.abc import Mapping
from dataclasses import replace

from gitops.errors import RemoteUnreachable
from gitops.flow.leases import wait_queue
from gitops.model import Lease, Line, Stack, Ticket
from gitops.ports import LeaseMoved


class FakeLeases:
    """Implements `gitops.ports.Leases`; `reachable` is whether their remote answers."""

    def __init__(self, given: Mapping[str, Lease] | None = None, *, reachable: bool = True) -> None:
        self._held = dict(given or {})
        self._tickets: dict[str, Ticket] = {}
        self._versions = itertools.count(1)
        self.reachable = reachable

    def current(self, stack: Stack) -> Lease | None:
        """The lease on the stack."""
        self._must_be_reachable()
        return self._held.get(stack.label)

    def all(self) -> tuple[Lease, ...]:
        """Every lease, in the order of their stacks."""
        self._must_be_reachable()
        return tuple(lease for _, lease in sorted(self._held.items()))

    def swap(self, stack: Stack, expected: Lease | None, wanted: Lease | None) -> Lease | None:
        """Compare by version, and swap."""
        self._must_be_reachable()
        standing = self._held.get(stack.label)
        if (standing.version if standing else "") != (expected.version if expected else ""):
            raise LeaseMoved(stack.label)
        if wanted is None:
            self._held.pop(stack.label, None)
            return None
        self._held[stack.label] = replace(wanted, version=self._version())
        return self._held[stack.label]

    def line(self, stack: Stack) -> Line:
        """The stack's lease and tickets."""
        return Line(self.current(stack), tuple(one for one in self.tickets() if one.stack == stack.label))

    def tickets(self) -> tuple[Ticket, ...]:
        """Every ticket."""
        self._must_be_reachable()
        return wait_queue.in_order(self._tickets.values())

    def enter(self, ticket: Ticket) -> Ticket:
        """Compare by version, and put."""
        self._must_stand(ticket)
        self._tickets[ticket.id] = replace(ticket, version=self._version())
        return self._tickets[ticket.id]

    def leave(self, ticket: Ticket) -> None:
        """Compare by version, and remove."""
        self._must_stand(ticket)
        self._tickets.pop(ticket.id, None)

    def _must_stand(self, ticket: Ticket) -> None:
        self._must_be_reachable()
        standing = self._tickets.get(ticket.id)
        if (standing.version if standing else "") != ticket.version:
            raise LeaseMoved(ticket.id)

    def _version(self) -> str:
        return f"{next(self._versions):040d}"

    def _must_be_reachable(self) -> None:
        if not self.reachable:
            raise RemoteUnreachable("Could not read remote 'origin': it is switched off for this test")
