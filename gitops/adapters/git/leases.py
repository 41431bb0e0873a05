"""Leases and tickets as refs on the Git remote, moved by compare-and-swap pushes.

`refs/gitops/leases/<project>/<stack>` and `refs/gitops/queue/<project>/<stack>/<ticket>`. The value is a commit without
files whose message carries the lease or the ticket: any Git host stores it, no branch list shows it.
"""

from collections.abc import Mapping
from dataclasses import replace

from gitops.adapters.git.command import GitCommand, Move
from gitops.flow.leases import lease as leases
from gitops.flow.leases import wait_queue
from gitops.flow.leases.lease import Kept
from gitops.model import Lease, Line, Stack, Ticket
from gitops.ports import LeaseMoved

PREFIX = "refs/gitops/leases/"
QUEUE = "refs/gitops/queue/"


def move(git: GitCommand, held: Lease, wanted: Lease) -> tuple[Move, Lease]:
    """What to push to put `wanted` where `held` stands, and `wanted` with its version; written into this clone."""
    version = store(git, wanted)
    return Move(f"{PREFIX}{held.stack}", held.version, version), replace(wanted, version=version)


class GitLeases:
    """Implements `gitops.ports.Leases`."""

    def __init__(self, git: GitCommand) -> None:
        self._git = git

    def current(self, stack: Stack) -> Lease | None:
        """See `Leases.current`. Raises RemoteUnreachable."""
        return next(iter(_leases(self._read(ref_of(stack)))), None)

    def all(self) -> tuple[Lease, ...]:
        """See `Leases.all`. Raises RemoteUnreachable."""
        return tuple(sorted(_leases(self._read(f"{PREFIX}*")), key=lambda lease: lease.stack))

    def swap(self, stack: Stack, expected: Lease | None, wanted: Lease | None) -> Lease | None:
        """See `Leases.swap`. Raises RemoteUnreachable."""
        version = store(self._git, wanted) if wanted else ""
        if not self._git.swap_ref(ref_of(stack), expected.version if expected else "", version):
            raise LeaseMoved(stack.label)
        return replace(wanted, version=version) if wanted else None

    def line(self, stack: Stack) -> Line:
        """See `Leases.line`. Raises RemoteUnreachable."""
        found = self._read(ref_of(stack), f"{QUEUE}{stack.label}/*")
        return Line(next(iter(_leases(found)), None), _tickets(found))

    def tickets(self) -> tuple[Ticket, ...]:
        """See `Leases.tickets`. Raises RemoteUnreachable."""
        return _tickets(self._read(f"{QUEUE}*"))

    def enter(self, ticket: Ticket) -> Ticket:
        """See `Leases.enter`. Raises RemoteUnreachable."""
        version = store(self._git, ticket)
        if not self._git.swap_ref(_ticket_ref(ticket), ticket.version, version):
            raise LeaseMoved(ticket.id)
        return replace(ticket, version=version)

    def leave(self, ticket: Ticket) -> None:
        """See `Leases.leave`. Raises RemoteUnreachable."""
        if not self._git.swap_ref(_ticket_ref(ticket), ticket.version, ""):
            raise LeaseMoved(ticket.id)

    def _read(self, *patterns: str) -> Mapping[str, tuple[str, str]]:
        """Ref → its value's id and message, for the refs that match."""
        while True:
            found = self._git.remote_refs(*patterns)
            messages = {ref: self._message(ref, version) for ref, version in found.items()}
            read = {ref: (found[ref], message) for ref, message in messages.items() if message is not None}
            if len(read) == len(found):
                return read
            # A ref moved between our questions: what stood there first cannot be had any more. Look again.

    def _message(self, ref: str, version: str) -> str | None:
        status, content, _ = self._git.attempt("cat-file", "commit", version)
        if status and self._git.fetch_if_there(ref):
            status, content, _ = self._git.attempt("cat-file", "commit", version)
        return None if status else content.decode().partition("\n\n")[2]


def ref_of(stack: Stack) -> str:
    """The ref that holds the stack's lease."""
    return f"{PREFIX}{stack.label}"


def store(git: GitCommand, kept: Lease | Ticket) -> str:
    """Write the value of a lease's or ticket's ref into this clone; its id."""
    empty_tree = git.text("mktree")
    return git.text("commit-tree", empty_tree, stdin=leases.encode(kept).encode())


def _ticket_ref(ticket: Ticket) -> str:
    return f"{QUEUE}{ticket.stack}/{ticket.id}"


def _leases(found: Mapping[str, tuple[str, str]]) -> list[Lease]:
    return _decoded(found, PREFIX, Lease)


def _tickets(found: Mapping[str, tuple[str, str]]) -> tuple[Ticket, ...]:
    return wait_queue.in_order(_decoded(found, QUEUE, Ticket))


def _decoded(found: Mapping[str, tuple[str, str]], prefix: str, kind: type[Kept]) -> list[Kept]:
    return [
        leases.decode(message, version, kind) for ref, (version, message) in found.items() if ref.startswith(prefix)
    ]
