"""Record what the real engine tells of small runs, for the tests that read it: `python -m tests.data.record_events`.

Each file holds one run's events as Pulumi wrote them, without those that say nothing here (output lines, progress),
and without times and places of the machine. Secrets are what the engine makes of them.
"""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.tiny import STACK, Tiny

FOLDER = Path(__file__).parent
POLICY_PACK = FOLDER / "policy" / "pack.py"
_KEPT = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent", "diagnosticEvent", "policyEvent", "summaryEvent")
_NOISE = ("sourcePosition", "stackTrace", "created", "modified", "propertyDependencies")

ONE = {"size": 12, "password": {"secret": "pw"}}
BEFORE = {
    "things": {"one": {**ONE, "kind": "a"}, "two": {"size": 1, "place": "here", "beside": {"of": "one.serial"}}},
    "outputs": {"serial": {"of": "one.serial"}, "pw": {"secret": "pw"}},
}


def wanting(one: Mapping[str, Any] | None = None, two: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What was there before, with these inputs altered."""
    things = BEFORE["things"]
    return {**BEFORE, "things": {"one": {**things["one"], **(one or {})}, "two": {**things["two"], **(two or {})}}}


PREVIEWS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "same": (BEFORE, []),
    "update": (wanting(one={"size": 20}), []),
    "replace": (wanting(one={"kind": "b"}), []),
    "delete-before-replace": (wanting(two={"place": "there"}), []),
    "delete": ({**BEFORE, "things": {"one": BEFORE["things"]["one"]}}, []),
    "protect": (wanting(one={"options": {"protect": True}}), []),
    "outputs": ({**BEFORE, "outputs": {"serial": {"of": "one.serial"}, "colour": "blue"}}, []),
    "broken-program": ({"broken": True}, []),
    "policy": (wanting(one={"size": 20}), ["--policy-pack", str(POLICY_PACK)]),
}


def main() -> None:
    """Write every file."""
    with tempfile.TemporaryDirectory(prefix="record-") as root:
        tiny = Tiny(Path(root))
        project = tiny.project(Path(root) / "project", BEFORE, {"tiny:pw": "correct horse"})
        tiny.process.must(project, ["stack", "init", STACK], "create the stack")
        record(tiny, project, "create", ["preview"])
        record(tiny, project, "apply", ["up", "--yes", "--skip-preview"])
        for name, (wanted, arguments) in PREVIEWS.items():
            tiny.want(project, wanted)
            record(tiny, project, name, ["preview", *arguments])
        tiny.want(project, wanting(one={"size": 20, "fail": "quota exceeded"}))
        record(tiny, project, "failed-apply", ["up", "--yes", "--skip-preview"])
        tiny.want(project, BEFORE)
        live = Path(root) / "things" / "one-1.json"
        live.write_text(json.dumps({"size": 31}))
        record(tiny, project, "refresh", ["preview", "--refresh"])
        settings = tiny.stack_config({"tiny:pw": "battery staple"})
        (project / f"Pulumi.{STACK}.yaml").write_text(settings)
        live.write_text(json.dumps({"size": 12}))
        record(tiny, project, "secret", ["preview"])


def record(tiny: Tiny, project: Path, name: str, arguments: list[str]) -> None:
    """Run, and write the run's events."""
    raw: list[dict[str, Any]] = []
    finished = tiny.process.run_with_events(project, [*arguments, "--stack", STACK], lambda e: raw.append(dict(e)))
    kept = [_without_noise(e) for e in raw if any(kind in e for kind in _KEPT) and not _is_debugging(e)]
    text = json.dumps([{**e, "timestamp": 0} for e in kept], indent=1)
    places = {str(tiny.root): "/world", str(FOLDER.parents[1]): "/repository", str(Path.home()): "~"}
    for place, told in places.items():
        text = text.replace(place, told)
    (FOLDER / f"{name}.json").write_text(text + "\n")
    print(f"{name}: {len(kept)} events, exit code {finished.code}")  # noqa: T201 - a script for people


def _is_debugging(event: Mapping[str, Any]) -> bool:
    return (event.get("diagnosticEvent") or {}).get("severity") == "debug"


def _without_noise(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_noise(child) for key, child in value.items() if key not in _NOISE}
    if isinstance(value, list):
        return [_without_noise(child) for child in value]
    return value


if __name__ == "__main__":
    main()
