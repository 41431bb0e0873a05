"""Refusals, verdicts, errors, the ledger and the status of environments in the terminal, against expected files."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from rich.console import Console, RenderableType

from gitops.errors import (
    ConfigError,
    EngineFailed,
    FailureKind,
    FreeText,
    GitOpsError,
    Refused,
    RemoteUnreachable,
    StepFailure,
    Waiting,
)
from gitops.flow.plans import values
from gitops.flow.plans.attribution import movers
from gitops.flow.plans.compare import compare
from gitops.model import (
    Commit,
    Drift,
    EnvironmentStatus,
    FileChange,
    FileStatus,
    Holder,
    Inputs,
    LastApply,
    Lease,
    Operation,
    Outcome,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
    Record,
    RecordKind,
    ResourceStep,
    RuleResult,
    SecretValue,
    Verdict,
)
from gitops.views.terminal import screen
from tests.support.plans import HEAD, NOW, change, inputs, plan, start, update, urn

BUCKET = "aws:s3/bucket:Bucket"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
FINDING = PolicyFinding("security", "encrypted", PolicyLevel.MANDATORY, "Bucket is not encrypted.", urn(BUCKET, "a"))
scaled = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 2, 3))
scaled_from_5 = change(Operation.UPDATE, DEPLOYMENT, "web", update("spec.replicas", 5, 3))
deleted = change(Operation.DELETE, BUCKET, "logs")
KEPT, MOVED = urn(BUCKET, "kept"), urn(DEPLOYMENT, "web")
STATE = start({KEPT: "k", MOVED: "1", urn(BUCKET, "left"): "l"})
STATE_AFTER = start({KEPT: "k", MOVED: "2", urn(BUCKET, "by-hand"): "b"}, pending=(urn(BUCKET, "half-made"),))


def pointing_at(region: str, server: str) -> Inputs:
    return replace(inputs(), ambient={"AWS_REGION": region, "Kubernetes server": f"sha256:{server}"})


DRIFTED = Drift(MOVED, DEPLOYMENT, (update("spec.replicas", 2, 5),))

RELEASED = PolicyPack("policy", "2" * 64, "controls", "1.1.0")
RELEASED_TOO = PolicyPack("policies/own", "3" * 64, "own", "0.0.1")


def under(*packs: PolicyPack) -> Plan:
    named = {pack.name: pack.version for pack in packs}
    return replace(plan(scaled), packs=packs, policy_packs=named, plan_digest=values.digest(packs))


REFUSALS: dict[str, tuple[Plan, Plan]] = {
    "state": (plan(scaled, state=STATE), plan(scaled_from_5, state=STATE_AFTER)),
    "state-only": (plan(scaled, state=STATE), plan(scaled, state=start({KEPT: "k", MOVED: "3"}))),
    "live": (
        plan(scaled),
        replace(plan(scaled_from_5, deleted), drift=(DRIFTED, Drift(urn(BUCKET, "logs"), BUCKET, gone=True))),
    ),
    "program": (
        plan(scaled, origin=inputs({"infra/web.py": "1", "infra/gone.py": "1"})),
        plan(scaled, deleted, origin=inputs({"infra/web.py": "2", "infra/new.py": "1"})),
    ),
    "config": (
        plan(scaled, deleted, origin=inputs({"Pulumi.dev.yaml": "1"}, "c1")),
        plan(scaled, origin=inputs({"Pulumi.dev.yaml": "2"}, "c2")),
    ),
    "engine": (
        plan(scaled, origin=inputs(pulumi="3.259.0", aws="7.20.0", random="4.0.0")),
        plan(replace(scaled, operation=Operation.REPLACE), origin=inputs(pulumi="3.259.0", aws="7.21.0")),
    ),
    "policy": (
        plan(scaled, origin=inputs({"policy/rules.py": "1"})),
        plan(scaled, origin=inputs({"policy/rules.py": "2"}), findings=(FINDING,)),
    ),
    "policy-pack": (under(PolicyPack("policy", "1" * 64, "controls", "1.0.0")), under(RELEASED, RELEASED_TOO)),
    "secret": (
        plan(change(Operation.UPDATE, BUCKET, "s", update("token", SecretValue("d1"), SecretValue("d2")))),
        plan(change(Operation.UPDATE, BUCKET, "s", update("token", SecretValue("d1"), SecretValue("d3")))),
    ),
    "ambient": (
        plan(scaled, origin=pointing_at("eu-west-1", "a" * 64)),
        plan(scaled, origin=pointing_at("eu-west-2", "b" * 64)),
    ),
    "digest-key": (
        plan(scaled, origin=replace(inputs(config="c1"), digest_key="k1"), state=start({MOVED: "1"})),
        plan(scaled, origin=replace(inputs(config="c2"), digest_key="k2"), state=start({MOVED: "2"})),
    ),
}

ASSETS = "urn:pulumi:dev::shop::aws:s3:Bucket::assets"
ERRORS: dict[str, GitOpsError] = {
    "refused": Refused("Nobody but the author approved pull request 7.", hint="Ask somebody else for a review."),
    "waiting": Waiting("ci-12 holds the lease of shop/dev until 09:31:00."),
    "usage": ConfigError("gitops.yaml", "unknown environment `qa`", line=4, key="environments[0].name"),
    "unreachable": RemoteUnreachable(
        "Could not read origin.\nssh: no route", hint="Check the network; nothing was done."
    ),
    "engine": EngineFailed(
        "The apply of shop/dev stopped.",
        failures=(StepFailure(FailureKind.EXISTS, ASSETS, "aws:s3:Bucket", "create"),),
        text=FreeText(("aws:s3:Bucket assets: 409 conflict", "::error::\x1b[2Jx", "update failed"), left_out=2),
        hint="`gitops log` tells what was done.",
    ),
}


def shown(view: RenderableType) -> str:
    stream = io.StringIO()
    screen.console(stream).print(view)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_what_moved(name: str, golden: Callable[[str, str], None]) -> None:
    approved, fresh = REFUSALS[name]
    golden(f"refusal-{name}.txt", shown(screen.difference(compare(approved, fresh), approved, fresh)))


def test_a_refusal_says_who_moved_what(golden: Callable[[str, str], None]) -> None:
    approved = plan(scaled, state=start({MOVED: "1"}), origin=inputs({"infra/web.py": "1"}))
    fresh = replace(plan(scaled, state=start({MOVED: "2"}), origin=inputs({"infra/web.py": "2"})), commit="e" * 40)
    later = NOW + timedelta(minutes=5)
    applied = Record(7, "", RecordKind.APPLIED, later, "grace", "dev", approved.stack.label, "d" * 40)
    commit = Commit("d" * 40, "Grace", later, "Make the web larger", ("infra/web.py",))
    differs = compare(approved, fresh)
    by = movers(differs, (approved, fresh), (applied,), (commit,))
    golden("refusal-movers.txt", shown(screen.difference(differs, approved, fresh, by)))


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_says_what_to_do_next(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"error-{name}.txt", shown(screen.error(ERRORS[name])))


def test_a_verdict_names_every_rule(golden: Callable[[str, str], None]) -> None:
    rules = (RuleResult("plan", Outcome.ALLOW, "current"), RuleResult("approvals", Outcome.WAIT, "0 of 1 given"))
    golden("verdict.txt", shown(screen.verdict(Verdict(rules))))


def test_progress_is_one_line_a_step(golden: Callable[[str, str], None]) -> None:
    steps = [
        ResourceStep(urn(BUCKET, "assets"), BUCKET, "create", done=False),
        ResourceStep(urn(BUCKET, "assets"), BUCKET, "create", done=True),
        ResourceStep(urn(DEPLOYMENT, "web\nx"), DEPLOYMENT, "update", done=True, failed=True),
    ]
    golden("progress.txt", "".join(shown(screen.progress("shop/dev", step)) for step in steps))


def records() -> list[Record]:
    kinds = (RecordKind.PLAN, RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.RELEASE)
    return [
        Record(number, "", kind, NOW + timedelta(minutes=number), "ci\x1b[31m", "dev", "shop/dev", HEAD)
        for number, kind in enumerate(kinds, 1)
    ]


def test_the_ledger_is_one_line_a_record(golden: Callable[[str, str], None]) -> None:
    golden("ledger.txt", shown(screen.ledger(records())) + shown(screen.ledger([])))


def test_the_status_shows_each_environment(golden: Callable[[str, str], None]) -> None:
    lease = Lease("shop/prod", Holder("ci-7", "runner-1", 4, "up", "r"), NOW, NOW + timedelta(minutes=2), 120)
    rows = [
        EnvironmentStatus("dev", "main", HEAD, HEAD, LastApply(NOW, "ci-7", RecordKind.APPLIED)),
        EnvironmentStatus(
            "prod",
            "prod",
            HEAD,
            "1" * 40,
            LastApply(NOW, "ci-6", RecordKind.APPLY_FAILED),
            (lease,),
            (HEAD, "2" * 40),
            (FileChange("infra/bucket.py", FileStatus.MODIFIED),),
        ),
        EnvironmentStatus("qa", "qa"),
    ]
    golden("status.txt", shown(screen.status(rows)))


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def escapes(*, colour: bool) -> bool:
        stream = io.StringIO()
        Console(file=stream, force_terminal=True, no_color=not colour, width=100).print(screen.plan(plan(deleted)))
        return "\x1b[1;31m" in stream.getvalue()

    assert escapes(colour=True)
    assert not escapes(colour=False)
    assert "\x1b" not in shown(screen.plan(plan(deleted)))
    monkeypatch.setenv("NO_COLOR", "1")
    assert Console(file=io.StringIO()).no_color
