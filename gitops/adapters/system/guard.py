"""Interrupt a process once when ours dies, however it dies: a guard, a process of its own, waits for that.

Linux can signal a child whose parent dies (prctl, PR_SET_PDEATHSIG), but does so for each thread of the parent in turn,
since the child is handed on among those that are still there (kernel/exit.c, forget_original_parent). A second
interrupt makes Pulumi drop its running operations.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Its standard input ends when we do. A process id could be given away again only after we had reaped it.
_SCRIPT = 'read -r process && { read -r dismissed || kill -INT "$process"; }'


@contextmanager
def guarded(process: int) -> Iterator[None]:
    """Within the block, the process is sent SIGINT, once, if ours is killed."""
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _SCRIPT],
        cwd="/",
        env={},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Not in our group: what the terminal or a supervisor sends to all of us must not end the guard.
        start_new_session=True,
    )
    assert guard.stdin is not None  # noqa: S101 - asked for above
    try:
        with suppress(BrokenPipeError):
            guard.stdin.write(f"{process}\n".encode())
            guard.stdin.flush()
        yield
    finally:
        with suppress(BrokenPipeError):
            guard.communicate(b"dismissed\n")
