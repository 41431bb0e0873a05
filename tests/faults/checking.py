"""Strike one cell of the matrix, carry on, and say everything that is not as it has to be."""

from collections import Counter
from pathlib import Path

from gitops.flow.ledger import chain as records
from gitops.model import RecordKind
from tests.faults.cases import REWRITTEN, Case, End
from tests.faults.moments import Act, Step
from tests.faults.world import WANTED, World, wanting

# One more change after all the others.
ANOTHER = {**WANTED, "audit": 1}
# How long processes that were left alone may take to end. Seconds.
PATIENCE = 30.0


def problems(template: World, folder: Path, case: Case, step: Step) -> list[str]:
    """What is wrong after the case's fault at that step; empty when nothing is."""
    with template.copy(folder, small_disk=case.act is Act.DISK) as world:
        found = [*_struck(world, case, step), *_carried_on(world, case), *_left(world, case)]
        if case.next.another:
            found += _another(world)
        return [f"{case.act} at {step!r}: {problem}" for problem in found]


def _struck(world: World, case: Case, step: Step) -> list[str]:
    """The run that the fault strikes."""
    world.faults.arm(step, case.act)
    ran = world.up()
    wanted, found = case.struck, []
    if world.faults.armed():
        found.append(f"the run never came to this step: {ran.said}")
    if _is_exact(world, case):
        if ran.code != wanted.code:
            found.append(f"exit code {ran.code}, not {wanted.code}: {ran.said}")
        if wanted.said not in ran.said:
            found.append(f"{wanted.said!r} is not in: {ran.said}")
        if tuple(world.told()) != wanted.ledger:
            found.append(f"the ledger tells {world.told()}, not {list(wanted.ledger)}")
        if bool(world.refs()) is not wanted.lease_left:
            found.append(f"the leases left are {world.refs()}")
    if world.ended_processes(PATIENCE):
        found.append(f"still running: {world.processes()}")
    if ran.code >= 0 and world.litter():
        found.append(f"temporary files were left: {world.litter()}")
    found += _done_twice(world)
    if "release" in world.told() and not _is_as_declared(world) and case.act is not Act.STATE:
        found.append("there is a release of something that is not there")
    return found


def _carried_on(world: World, case: Case) -> list[str]:
    """The fault is mended, and the same command run again; where that is refused, the plan is reviewed anew."""
    found = []
    if world.faults.get("ledger"):
        ran = world.up()
        if ran.code != 1 or REWRITTEN not in ran.said:
            found.append(f"a rewritten ledger was not noticed: {ran.code} {ran.said}")
    world.faults.end()
    ran = world.up()
    if _is_exact(world, case):
        found += [f"the next run does not say {text!r}: {ran.said}" for text in case.next.said if text not in ran.said]
    if case.next.by_hand:
        if ran.code != 1:
            found.append(f"the next run did not ask for a person but ended with {ran.code}: {ran.said}")
        world.repair_by_hand()
        ran = world.up()
    if case.next.end is End.REVIEWED_ANEW:
        if ran.code != 3:
            found.append(f"the next run was not refused but ended with {ran.code}: {ran.said}")
        world.review_again()
        ran = world.up()
    if case.next.end is End.TAKEN_BACK:
        if ran.code != 1:
            found.append(f"the next run did not fail but ended with {ran.code}: {ran.said}")
        world.review("back", {"Pulumi.dev.yaml": f"# takes the difference back\n{wanting(WANTED)}"})
        ran = world.up()
    if ran.code != 0:
        found.append(f"the last run ended with {ran.code}: {ran.said}")
    return found


def _is_exact(world: World, case: Case) -> bool:
    """Whether words and exit codes have to be the expected ones: not where a full disk could only be imitated."""
    return case.act is not Act.DISK or world.faults.has_small_disk


def _left(world: World, case: Case) -> list[str]:
    """What there is when it is over."""
    found = _done_twice(world)
    edited_later = case.act is Act.STATE and case.next.end is End.WAS_RELEASED
    if not edited_later and not _is_as_declared(world):
        found.append(f"exists {world.cloud.things()}, state {world.cloud.state()}")
    if world.cloud.things() != world.cloud.state() or world.cloud.pending():
        found.append(f"forgotten: exists {world.cloud.things()}, state {world.cloud.state()} {world.cloud.pending()}")
    chain = world.records()
    found += records.problems(chain)
    releases = [one for one in chain if one.kind is RecordKind.RELEASE and one.commit == chain[-1].commit]
    if len(releases) != 1 or chain[-1].kind is not RecordKind.RELEASE:
        found.append(f"the ledger ends {[one.kind.value for one in chain]}")
    if world.refs() and case.next.end is not End.WAS_RELEASED:
        found.append(f"leases left: {world.refs()}")
    if world.litter():
        found.append(f"temporary files were left: {world.litter()}")
    if world.ended_processes(PATIENCE):
        found.append(f"still running: {world.processes()}")
    return found


def _another(world: World) -> list[str]:
    """One more change goes the whole way, whatever lease or time the struck run left."""
    world.review("third", {"Pulumi.dev.yaml": wanting(ANOTHER)})
    ran = world.up()
    if ran.code != 0 or world.cloud.things() != ANOTHER or world.refs():
        return [f"another change ended with {ran.code}: {world.cloud.things()} {world.refs()} {ran.said}"]
    return []


def _done_twice(world: World) -> list[str]:
    """Operations beyond those that the plans hold; an update that undoes somebody's edit is another plan's."""
    operations = world.cloud.operations()
    edits = Counter({"edit web": 1, "update web": 1} if operations["edit web"] else {})
    return [f"done twice: {name}" for name in operations - world.planned - edits]


def _is_as_declared(world: World) -> bool:
    return world.cloud.things() == world.cloud.state() == world.wanted
