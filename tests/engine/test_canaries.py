"""Secrets planted wherever a program can have one, every kind of failure made to happen, and a look everywhere.

What may be shown of a text depends on what is known to be secret. So the canaries are of two sorts: those of config and
state, which nothing may show in any spelling; and one that the program makes up during the apply, which nobody knows
beforehand, and which the engine itself prints as what deviates from the plan.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.journey import GITOPS, Journey
from tests.support.canaries import Arguments, files, found, objects
from tests.support.git import git
from tests.support.tiny import Tiny

pytestmark = pytest.mark.engine

PASSWORD = 'canary-9f2c<"&>\\pw'
KEY = "the key\n-----BEGIN KEY-----\nY2FuYXJ5LWxpbmUtb25l\ncanary-line-two-7d1e\n-----END KEY-----"
LOGIN = json.dumps({"user": "canary-user-31aa", "password": "canary-login-5e8b"})
PIN = "Zq7x"
NEW, OLD = "canary-unseen-b41d", "canary-unseen-a90c"
TOKEN = "canary-token-77c1"
QUOTING = """#!/usr/bin/env python3
import json
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def quote(args, report):
    if args.resource_type == "things:index:Thing":
        report("it has " + json.dumps(dict(args.props), default=str, sort_keys=True))


PolicyPack(
    name="quoting",
    enforcement_level=EnforcementLevel.ADVISORY,
    policies=[ResourceValidationPolicy("quote", "Quotes what it sees.", quote)],
)
"""
CONFIG = {"tiny:pw": PASSWORD, "tiny:key": KEY, "tiny:login": LOGIN, "tiny:pin": PIN}
CANARIES = (PASSWORD, *KEY.splitlines()[2:4], "canary-user-31aa", "canary-login-5e8b", TOKEN, NEW, OLD)
PROGRAM = '''
import base64, json, os
from pathlib import Path
import pulumi

how = (Path(__file__).parent / "how").read_text().strip()
config = pulumi.Config()
secrets = {name: config.require_secret(name) for name in ("pw", "key", "login", "pin")}
clear = {name: config.require(name) for name in secrets}
# A file outside of Git that changes between the preview and the apply plays the clock or the service.
unseen = pulumi.Output.secret("OLD" if pulumi.runtime.is_dry_run() else "NEW")


class Thing(pulumi.CustomResource):
    def __init__(self, name, inputs, options):
        super().__init__("things:index:Thing", name, {"serial": None, **inputs}, options)


class Provider(pulumi.ProviderResource):
    def __init__(self, name, inputs):
        super().__init__("things", name, inputs)


class Box(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("acme:index:Box", name)
        self.register_outputs({"unseen": unseen if how == "component deviates" else secrets["pw"]})


# Of a token in the environment only its process knows.
every = "; ".join((*clear.values(), os.environ["THINGS_API_TOKEN"]))
provider = Provider("provider", {"login": secrets["login"]})
hidden = pulumi.ResourceOptions(provider=provider, additional_secret_outputs=["serial"])
forms = [every, json.dumps(every), base64.b64encode(("user:" + every).encode()).decode(), repr(every)]
fail = {
    "provider quotes": "\\n".join(forms),
    "provider cuts off": clear["pw"][:14] + "... " + clear["key"][:40] + "...",
}.get(how, "")
Box("box")
Thing("one", {"size": len(how), **secrets, **({"unseen": unseen} if how == "deviates" else {}),
              **({"fail": pulumi.Output.secret(fail)} if fail else {})}, hidden)
if how == "program prints":
    print(every)
    pulumi.log.warn("warning: " + every)
    pulumi.log.info("info: " + every)
if how == "program raises" or (how == "program raises late" and not pulumi.runtime.is_dry_run()):
    pulumi.log.error("error: " + every)
    # Pulumi itself takes the values of config out of what it prints, as they are.
    pulumi.log.error("the pin is " + base64.b64encode(clear["pin"].encode()).decode())
    raise ValueError("cannot log in with " + every)
pulumi.export("pw", secrets["pw"])
pulumi.export("login", secrets["login"])
if how == "output deviates":
    pulumi.export("unseen", unseen)
'''.replace("OLD", OLD).replace("NEW", NEW)  # fmt: skip
FEW = ("deviates", "provider quotes")
EVERY = (
    "deviates",
    "component deviates",
    "output deviates",
    "provider quotes",
    "provider cuts off",
    "program raises late",
)


@pytest.fixture
def planted(tmp_path: Path) -> Journey:
    """A released stack with every secret in its config, its state and its outputs."""
    begun = Journey.begin(tmp_path, {}, CONFIG)
    journey = Journey(begun.folder, Tiny(begun.tiny.root, {"THINGS_API_TOKEN": TOKEN}))
    journey.push({"__main__.py": PROGRAM, "how": "settled"})
    journey.host.merge(journey.review())
    assert "released" in journey.gitops("up", "--environment", "dev")
    return journey


def test_a_failure_shows_no_secret(planted: Journey) -> None:
    _nothing_is_shown(planted, FEW)


@pytest.mark.long
def test_no_kind_of_failure_shows_a_secret(planted: Journey) -> None:
    planted.branch("pack")
    pack = {"policy/__main__.py": QUOTING, "policy/PulumiPolicy.yaml": "runtime: python\n"}
    planted.push({**pack, "gitops.yaml": f"{GITOPS}policy: {{packs: [policy]}}\n"})
    planted.host.merge(planted.review())
    assert "released" in planted.gitops("up", "--environment", "dev")
    said = _nothing_is_shown(planted, EVERY, earlier=2)
    assert '"policy": "quote"' in "".join(said["log"])
    wrong = Journey(planted.folder, Tiny(planted.tiny.root, {"PULUMI_CONFIG_PASSPHRASE": "wrong-canary-passphrase"}))
    told = wrong.gitops("preview", "--base", "origin/main", expect=1)
    assert "needs the stack's passphrase" in told
    assert found({"a wrong passphrase": [told]}, *CANARIES, "wrong-canary-passphrase") == {}
    # Of an output that deviates the engine itself says nothing at all.
    assert "ended with exit code 1 and said nothing" in "".join(said["output deviates"])
    assert "the things API said no" in "".join(said["provider cuts off"])


def _nothing_is_shown(planted: Journey, applies: tuple[str, ...], earlier: int = 1) -> dict[str, list[str]]:
    """Have all of that happen after `earlier` pull requests, and look everywhere; what was said, by what happened."""
    said: dict[str, list[str]] = {}
    with Arguments() as arguments:
        for how in applies:
            said[how] = list(_applied(planted, how))
        said["program prints"] = list(_applied(planted, "program prints", expect=0))
        said["program raises"] = list(_unpreviewable(planted, "program raises"))
        said["drift"] = [planted.gitops("drift", "--json"), planted.gitops("status", "--json")]
        said["log"] = [planted.gitops("log", "--json", "--all"), planted.gitops("log", "--verify")]
    numbers = range(1, earlier + len(applies) + 3)
    places = {
        "standard output and error": [text for some in said.values() for text in some],
        "comments": [body for number in numbers for body in planted.host.comments(number)],
        "process arguments": arguments.seen,
        "the remote's objects and refs": _without_the_program(planted.remote),
        "the clone's objects and refs": _without_the_program(planted.clone),
        "reports and results": files(planted.folder / "told"),
        "temporary files": files(planted.temporary),
        "the state": files(planted.tiny.root / "state"),
    }
    assert found(places, *CANARIES) == {}
    terminal = "\n".join(places["standard output and error"])
    assert PIN not in terminal
    assert base64.b64encode(PIN.encode()).decode() not in terminal

    # That nothing is shown proves something only where something would have been.
    assert "things:index:Thing one deviates from its plan, at unseen" in "".join(said["deviates"])
    assert "[secret]" in "".join(said["provider quotes"])
    assert "line not shown" in "".join(said["program raises"])
    assert "failed in the program, at __main__.py line" in "".join(said["program raises"])
    failures = [
        one["body"]["failures"][0]
        for one in json.loads(said["log"][0])
        if one["kind"] == "apply failed" and one["body"]["failures"]
    ]
    assert [one["kind"] for one in failures][:1] == ["deviates from its plan"]
    assert failures[0]["paths"] == ["unseen"]
    return said


def _applied(journey: Journey, how: str, expect: int = 1) -> Iterator[str]:
    """What is said of that change from its preview to the end of its apply."""
    number = _proposed(journey, how)
    yield _previewed(journey, how, number)
    journey.host.approve(number, "bob")
    journey.host.merge(number)
    yield journey.gitops("up", "--environment", "dev", "--json", expect=expect)


def _unpreviewable(journey: Journey, how: str) -> Iterator[str]:
    """What is said of a change whose preview fails: on its pull request, and in a file for another machine."""
    yield _previewed(journey, how, _proposed(journey, how), expect=1)
    result = ("--output", str(journey.folder / "told" / "result.json"))
    yield journey.gitops("preview", "--base", "origin/main", *result)


def _proposed(journey: Journey, how: str) -> int:
    branch = how.replace(" ", "-")
    git(journey.clone, "fetch", "--quiet", "origin")
    git(journey.clone, "checkout", "--quiet", "-B", branch, "origin/main")
    journey.push({"how": how})
    return journey.host.open(branch, "main", title=how, author="ada")


def _previewed(journey: Journey, how: str, number: int, expect: int = 0) -> str:
    report = journey.folder / "told" / f"{how}.html"
    report.parent.mkdir(exist_ok=True)
    shown = ("--pull-request", str(number), "--report", str(report), "--json")
    return journey.gitops("preview", "--base", "origin/main", *shown, expect=expect)


def _without_the_program(repository: Path) -> list[str]:
    """The repository's texts; the program itself names the canary that it makes up."""
    return [text.replace(PROGRAM, "") for text in objects(repository)]
