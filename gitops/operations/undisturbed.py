"""Previews that read no half-written state, without a lock: a lock would let one open pull request block everybody.

A preview waits for a running apply, and is done again where one began or ended while it looked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gitops.context import Context, Ledger
from gitops.errors import Waiting
from gitops.flow.leases import lease as leases
from gitops.flow.leases.lease import Sighting
from gitops.model import Lease, Query, RecordKind, Stack

Result = TypeVar("Result")

# Applies that follow each other so fast that no preview fits between them are rare; reviewers want an answer.
_ATTEMPTS = 3
_LOOK_EVERY = 5.0
_TELL_EVERY = 30.0
# What is on record when the state has been written.
_WRITES = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.APPLY_FAILED, RecordKind.REPAIRED)
_HINT = "Run the same command again when the applies are done."


@dataclass
class Undisturbed:
    """Watches for applies of the stacks that are previewed; `wait` is how many seconds to wait for one to end."""

    context: Context
    ledger: Ledger
    wait: int
    tell: Callable[[str], None]
    _seen: dict[str, Sighting] = field(default_factory=dict)

    def previews(
        self, preview: Callable[[Sequence[Stack]], Sequence[Result]], stacks: Sequence[Stack]
    ) -> tuple[Result, ...]:
        """What previewing the stacks gives, in their order, none of them disturbed. Raises Waiting where that fails."""
        results: dict[Stack, Result] = {}
        remaining = tuple(stacks)
        for _ in range(_ATTEMPTS):
            dead = self._wait_until_free(remaining)
            before = self._writes(remaining)
            results.update(zip(remaining, preview(remaining), strict=True))
            # The leases first: what ends between the two looks is in the ledger by the second.
            held = self._held(remaining)
            after = self._writes(remaining)
            remaining = tuple(
                stack
                for stack in remaining
                if after[stack] != before[stack] or (stack in held and held[stack].version not in dead)
            )
            if not remaining:
                return tuple(results[stack] for stack in stacks)
            for stack in remaining:
                self.tell(f"{stack.label}: an apply wrote its state while it was previewed, so it is previewed again")
        names = ", ".join(stack.label for stack in remaining)
        raise Waiting(f"Each of {_ATTEMPTS} previews of {names} was overtaken by an apply.", hint=_HINT)

    def _wait_until_free(self, stacks: Collection[Stack]) -> frozenset[str]:
        """Wait until nobody alive holds one of the stacks; the versions of the dead leases among theirs."""
        clock = self.context.clock
        started, told_at = clock.monotonic(), None
        while True:
            held = self._held(stacks)
            now = clock.monotonic()
            self._seen = leases.watch(self._seen, {one.stack: one.version for one in held.values()}, now)
            alive = [one for one in held.values() if now - self._seen[one.stack].since <= leases.dead_after(one)]
            if not alive:
                return frozenset(one.version for one in held.values())
            situation = "; ".join(f"{one.stack} is leased to {leases.describe(one, clock.now())}" for one in alive)
            if now - started >= self.wait:
                raise Waiting(
                    f"Not previewed, since a preview could read a half-written state: {situation}.", hint=_HINT
                )
            if told_at is None or now - told_at >= _TELL_EVERY:
                self.tell(f"{situation}: the preview waits for its end")
                told_at = now
            clock.sleep(min(_LOOK_EVERY, min(one.seconds for one in alive) / 10))

    def _held(self, stacks: Collection[Stack]) -> Mapping[Stack, Lease]:
        by_label = {one.stack: one for one in self.context.leases.all()}
        return {stack: by_label[stack.label] for stack in stacks if stack.label in by_label}

    def _writes(self, stacks: Collection[Stack]) -> Mapping[Stack, int]:
        """The newest record of each stack that tells of a written state."""
        history = self.ledger.history()
        found = {stack: history.newest(Query(stack=stack.label, kinds=_WRITES)) for stack in stacks}
        return {stack: record.sequence if record else 0 for stack, record in found.items()}
