"""Leases as refs on the Git remote, moved by compare-and-swap pushes: `refs/gitops/leases/<project>/<stack>`.

The value is a commit without files whose message carries the lease: any Git host stores it, no branch list shows it.
"""

from dataclasses import replace

from gitops.adapters.git_command import GitCommand
from gitops.flow import lease as leases
from gitops.model import Lease, Stack
from gitops.ports import LeaseMoved

PREFIX = "refs/gitops/leases/"


class GitLeases:
    """Implements `gitops.ports.Leases`."""

    def __init__(self, git: GitCommand) -> None:
        self._git = git

    def current(self, stack: Stack) -> Lease | None:
        """See `Leases.current`. Raises RemoteUnreachable."""
        return next(iter(self._read(_ref(stack))), None)

    def all(self) -> tuple[Lease, ...]:
        """See `Leases.all`. Raises RemoteUnreachable."""
        return self._read(f"{PREFIX}*")

    def swap(self, stack: Stack, expected: Lease | None, wanted: Lease | None) -> Lease | None:
        """See `Leases.swap`. Raises RemoteUnreachable."""
        version = self._store(wanted) if wanted else ""
        if not self._git.swap_ref(_ref(stack), expected.version if expected else "", version):
            raise LeaseMoved(stack.label)
        return replace(wanted, version=version) if wanted else None

    def _store(self, lease: Lease) -> str:
        empty_tree = self._git.text("mktree")
        return self._git.text("commit-tree", empty_tree, stdin=leases.encode(lease).encode())

    def _read(self, pattern: str) -> tuple[Lease, ...]:
        found = self._git.remote_refs(pattern)
        if not found:
            return ()
        for ref, version in found.items():
            # Refs move while we look: fetch what stands there now, and look again where nothing does any more.
            if self._git.attempt("cat-file", "-e", version)[0] and not self._git.fetch_if_there(ref):
                return self._read(pattern)
        held = []
        for version in found.values():
            status, content, _ = self._git.attempt("cat-file", "commit", version)
            if status:  # moved between the two questions
                return self._read(pattern)
            held.append(leases.decode(content.decode().partition("\n\n")[2], version))
        return tuple(sorted(held, key=lambda lease: lease.stack))


def _ref(stack: Stack) -> str:
    return f"{PREFIX}{stack.project}/{stack.name}"
