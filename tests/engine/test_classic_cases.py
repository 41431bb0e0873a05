"""What moves between review and merge: each of the five classic cases is refused, and goes through once it is reviewed.

All on the real Pulumi CLI and real Git; the code host and the things are simulated. The provider's plugin is installed
on the machine (on PATH), as a team has it, and not part of the repository.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gitops.adapters.pulumi.secret_digests import DIGEST_KEY
from tests.engine.journey import PASSWORD, Journey, wanting
from tests.support.canaries import Arguments, files, found, objects
from tests.support.git import git
from tests.support.tiny import STACK

pytestmark = pytest.mark.engine

NEW = "canary-new-5b7e9a"
KEY = {DIGEST_KEY: "0f" * 32}


def merged(journey: Journey, *others: tuple[str, dict[str, str]]) -> None:
    """Other branches go into main, then the reviewed one."""
    for branch, content in others:
        journey.branch(branch)
        journey.push(content)
        journey.host.merge(journey.host.open(branch, "main", title=branch, author="eve"))
    journey.host.merge(2)


def refused(journey: Journey, *words: str) -> str:
    """`gitops up` says no with these words, records that, and touches neither things nor state; what it said."""
    before = (journey.tiny.things, state(journey), len(records(journey)))
    told = journey.gitops("up", "--environment", "dev", expect=3)
    words = (*words, "is not the one that was reviewed", "nothing was touched")
    assert [word for word in words if word not in told] == [], told
    assert (journey.tiny.things, state(journey)) == before[:2]
    *_, last = records(journey)
    assert (len(records(journey)), last["kind"]) == (before[2] + 1, "refused")
    assert '"leases": []' in journey.gitops("status", "--json")
    return told


def reviewed_again(journey: Journey) -> str:
    """A new preview and a new approval let it through; the comment they saw."""
    git(journey.clone, "fetch", "--quiet", "origin")
    journey.gitops("preview", "--base", "origin/main", "--head", "origin/scale", "--pull-request", "2")
    assert journey.gitops("up", "--environment", "dev", expect=4)
    journey.host.approve(2, "bob")
    assert "released" in journey.gitops("up", "--environment", "dev")
    return journey.host.comments(2)[0]


def state(journey: Journey) -> dict[str, str]:
    """The state backend's stacks, byte by byte."""
    folder = journey.tiny.root / "state" / ".pulumi" / "stacks"
    return {str(file): file.read_text() for file in folder.rglob("*") if file.is_file()}


def records(journey: Journey) -> list[dict[str, Any]]:
    """The ledger."""
    told: list[dict[str, Any]] = json.loads(journey.gitops("log", "--json"))
    return told


def sizes(journey: Journey) -> dict[str, float]:
    """What exists."""
    return {serial.split("-")[0]: thing["size"] for serial, thing in journey.tiny.things.items()}


def pulumi_up(journey: Journey, wanted: dict[str, Any], *arguments: str) -> None:
    """A colleague's own `pulumi up`, from a laptop."""
    laptop = journey.folder / "laptop"
    shutil.copytree(journey.clone, laptop)
    journey.tiny.want(laptop, wanted)
    journey.tiny.process.must(laptop, ["up", "--yes", "--skip-preview", "--stack", STACK, *arguments], "apply by hand")


def test_a_plan_for_12_to_20_is_not_applied_to_31_as_pulumi_itself_would(journey: Journey, tmp_path: Path) -> None:
    saved = journey.folder / "plan.json"
    journey.tiny.process.must(journey.clone, ["preview", "--save-plan", str(saved), "--stack", STACK], "save a plan")
    pulumi_up(journey, wanting(31))
    assert sizes(journey) == {"one": 31, "two": 1}
    stock = journey.copied(tmp_path / "stock")
    pulumi_up_by_plan = ["up", "--plan", str(stock.folder / "plan.json"), "--yes", "--skip-preview", "--stack", STACK]
    stock.tiny.process.must(stock.clone, pulumi_up_by_plan, "apply the saved plan")
    assert sizes(stock) == {"one": 20, "two": 1}

    merged(journey)
    refused(journey, "the state of the stack", "things:index:Thing one", "size: 12 → 20", "size: 31 → 20")
    reviewed_again(journey)
    assert sizes(journey) == {"one": 20, "two": 1}


def test_a_colleagues_own_pulumi_up_elsewhere_in_the_stack_is_not_undone_unseen(journey: Journey) -> None:
    pulumi_up(journey, wanting(12, three={"size": 3}))
    merged(journey)
    refused(journey, "the state of the stack", "no apply is on record since", "delete things:index:Thing three")
    comment = reviewed_again(journey)
    assert "**delete**" in comment
    assert sizes(journey) == {"one": 20, "two": 1}


def test_live_drift_behind_the_states_back_is_not_applied_over(journey: Journey) -> None:
    live = journey.tiny.root / "things"
    (live / "one-1.json").write_text(json.dumps({"size": 99}))
    (live / "two-2.json").unlink()
    merged(journey)
    refused(journey, "the live infrastructure", "size: 99 → 20", "create things:index:Thing two")
    comment = reviewed_again(journey)
    assert "Live infrastructure differs from the state, and this plan mends it: " in comment
    assert sizes(journey) == {"one": 20, "two": 1}


def upgrade(journey: Journey, version: str) -> None:
    """Another plugin of the provider is installed on this machine."""
    plugin = journey.folder / "plugins" / "pulumi-resource-things"
    before, _, rest = plugin.read_text().partition('VERSION = "')
    plugin.write_text(f'{before}VERSION = "{version}"{rest.partition(chr(34))[2]}')


def test_a_provider_that_the_lock_file_upgrades_is_reviewed_first(journey: Journey) -> None:
    upgrade(journey, "2.0.0")
    merged(journey, ("upgrade", {"requirements.txt": "pulumi-things==2.0.0\n"}))
    refused(journey, "requirements.txt", "by eve at ", "things: 1.0.0 → 2.0.0", "colour")
    reviewed_again(journey)
    assert sizes(journey) == {"one": 20, "two": 1}


def test_a_plugin_that_moves_by_itself_is_reviewed_first_even_if_it_would_do_the_same(journey: Journey) -> None:
    merged(journey)
    upgrade(journey, "1.0.1")
    refused(journey, "the engine or a provider", "things plugin: digest ")
    upgrade(journey, "2.0.0")
    refused(journey, "the engine or a provider", "things plugin: digest ", "colour")
    reviewed_again(journey)
    assert sizes(journey) == {"one": 20, "two": 1}


def test_a_secret_that_is_rotated_is_reviewed_first_and_shown_nowhere(journey: Journey) -> None:
    # Encrypted before anybody looks: here the new value does go through the arguments.
    rotated = journey.tiny.stack_config({"tiny:pw": NEW, **KEY})
    with Arguments() as arguments:
        merged(journey, ("rotate", {f"Pulumi.{STACK}.yaml": rotated}))
        said = [refused(journey, "the stack's configuration", "by eve at ", "password: secret changed")]
        comment = reviewed_again(journey)
        said.append(journey.gitops("log", "--json"))
    assert "password" in comment
    places = {
        "standard output and error": said,
        "comments": journey.host.comments(2),
        "process arguments": arguments.seen,
        "the remote": objects(journey.remote),
        "the clone": objects(journey.clone),
        "temporary files": files(journey.temporary),
        "the state": files(journey.tiny.root / "state"),
    }
    assert found(places, PASSWORD, NEW) == {}
    assert sizes(journey) == {"one": 20, "two": 1}
