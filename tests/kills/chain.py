"""Forty chained things that were released once, and a reviewed change that waits to be applied. Real Pulumi and Git."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine.journey import GITOPS, Journey
from tests.support.tiny import Tiny

HERE = Path(__file__).parent
LEASE_SECONDS = 10
OPERATION_SECONDS = "0.06"
LENGTH = 34
"""How many things there are in the chain; six more hang at its end, and are to be deleted."""
OLD = tuple(f"old{number}" for number in range(6))
UPDATED = frozenset(range(1, 24, 3))
RENAMED = frozenset({4, 12})
MOVED_TIER = frozenset({8, 16})
UNTOUCHED = range(24, LENGTH)
DRIFTED = UNTOUCHED[2]
"""Whose value somebody else sets: the program ignores it, and what a run finds it writes to the state."""
OPERATIONS = 28
"""How many operations of the cloud the change takes: a replacement is two of them."""

Wanted = dict[str, Any]


def _key(number: int) -> str:
    return f"t{number:02}"


def before() -> Wanted:
    """What was released: forty things, each after the one before it."""
    keys = [*map(_key, range(LENGTH)), *OLD]
    things = [
        {"key": key, "name": f"{key}-a", "value": "1", "tier": "standard", "after": earlier}
        for key, earlier in zip(keys, [None, *keys], strict=False)
    ]
    things[DRIFTED]["ignores"] = ["value"]
    return {"things": things, "group": [_key(16), _key(20)]}


def after() -> Wanted:
    """What was reviewed: some updated, replaced in both ways, made and deleted; the last ten stay as they are.

    One of those waits for another thing than before, another has drifted, and the group's output follows a replaced
    thing: all of that is written to the state without being a change.
    """
    things: list[dict[str, Any]] = []
    for number, one in enumerate(before()["things"][:LENGTH]):
        changed = dict(one)
        if number in UPDATED:
            changed["value"] = "2"
        if number in RENAMED:
            changed["name"] = f"{one['key']}-b"
        if number in MOVED_TIER:
            changed["tier"] = "advanced"
        if number == UNTOUCHED[4]:
            changed["waits"] = [_key(2)]
        things.append(changed)
        if number % 6 == 5:
            new = f"new{number:02}"
            things.append({"key": new, "name": f"{new}-a", "value": "1", "tier": "standard", "after": one["key"]})
    return {"things": things, "group": [_key(20), _key(16)]}


@dataclass(frozen=True)
class Chain:
    """A folder with all of it."""

    journey: Journey

    @classmethod
    def begin(cls, folder: Path) -> "Chain":
        """The chain as released, and the change reviewed, approved and merged."""
        journey = Journey.begin(folder, {}, {})
        made = cls(Journey(journey.folder, Tiny(journey.tiny.root, {"SIMULATED_SECONDS": "0"})))
        project = {
            "name": "tiny",
            "runtime": "python",
            "plugins": {"providers": [{"name": "aws", "path": str(HERE / "provider")}]},
        }
        made.journey.push(
            {
                "gitops.yaml": GITOPS.replace("duration: 30s", f"duration: {LEASE_SECONDS}s"),
                "Pulumi.yaml": json.dumps(project),
                "__main__.py": (HERE / "program.py").read_text(),
                "wanted.json": json.dumps(before()),
            }
        )
        made.journey.host.merge(made.journey.review())
        made.journey.gitops("up", "--environment", "dev")
        made.drift()
        made.journey.branch("change")
        made.journey.push({"wanted.json": json.dumps(after())})
        made.journey.host.merge(made.journey.review())
        return made

    def copied(self, folder: Path) -> "Chain":
        """The same in another folder, where an operation takes time."""
        copy = self.journey.copied(folder)
        return Chain(Journey(copy.folder, Tiny(copy.tiny.root, {"SIMULATED_SECONDS": OPERATION_SECONDS})))

    def drift(self) -> None:
        """Somebody else sets the value that the program ignores."""
        file = self.cloud / f"{_key(DRIFTED)}-a.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "value": "theirs"}))

    @property
    def cloud(self) -> Path:
        """What exists, and the log of what was done."""
        return self.journey.tiny.root / "things"

    def done(self) -> list[str]:
        """Every operation that there was: `create t00-a`."""
        return (self.cloud / "log").read_text().splitlines()

    def things(self) -> dict[str, Mapping[str, Any]]:
        """What exists, by name."""
        return {file.stem: json.loads(file.read_text()) for file in self.cloud.glob("*.json")}

    def records(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        found: list[dict[str, Any]] = json.loads(self.journey.gitops("log", "--json"))
        return found

    def problems(self) -> list[str]:
        """What is not as it has to be once the change is released."""
        found = []
        wanted = {one["name"]: one for one in after()["things"]}
        there = self.things()
        if there.keys() != wanted.keys():
            found.append(f"what exists differs: {sorted(there.keys() ^ wanted.keys())}")
        names = {one["key"]: one["name"] for one in wanted.values()}
        for name in there.keys() & wanted.keys():
            asked, thing = wanted[name], there[name]
            if asked.get("ignores"):
                asked = {**asked, "value": "theirs"}
            other = [key for key in ("value", "tier") if thing[key] != asked[key]]
            earlier = there.get(names.get(asked["after"], ""), {})
            if other or thing.get("after") != earlier.get("arn"):
                found.append(f"{name} is {dict(thing)}")
        creates = Counter(line for line in self.done() if line.startswith("create "))
        # A new tier is a second thing of the same name, by the plan.
        planned = Counter({f"create {_key(number)}-a": 1 for number in MOVED_TIER})
        found += [f"done twice: {line}" for line, times in creates.items() if times > 1 + planned[line]]
        return found + self._state_problems(there)

    def _state_problems(self, there: Mapping[str, Mapping[str, Any]]) -> list[str]:
        found = []
        [file] = (self.journey.tiny.root / "state").glob(".pulumi/stacks/*/dev.json")
        latest = json.loads(file.read_text())["checkpoint"]["latest"]
        state = Counter(one["id"] for one in latest["resources"] if one["type"].startswith("aws:"))
        if state != Counter(there.keys()):
            found.append(f"the state knows {sorted(state.elements())}, and there are {sorted(there)}")
        if latest.get("pending_operations"):
            found.append("operations are pending")
        if any(file.is_file() for file in (self.journey.tiny.root / "state" / ".pulumi" / "locks").rglob("*")):
            found.append("the state backend is locked")
        return found
