"""Policy packs: what a commit has at their paths, which took part, how they differ from the released ones."""

from collections.abc import Iterator, Sequence

import pytest

from gitops.adapters.pulumi.events import evaluations, typed
from gitops.adapters.pulumi.preview import violates_only
from gitops.config.gate import Gate
from gitops.errors import ConfigError, EngineFailed
from gitops.flow.gate.plan_rules import policy
from gitops.flow.impact.discovery import Snapshot
from gitops.flow.plans import plan as plans
from gitops.flow.plans import policies
from gitops.flow.plans.policies import Packs
from gitops.model import (
    EngineRun,
    Evaluation,
    Outcome,
    PackChange,
    PackFate,
    Plan,
    PolicyFinding,
    PolicyLevel,
    PolicyPack,
)
from tests.support.plans import DEV, HEAD, NOW, inputs, start

FILES = {
    "policy/PulumiPolicy.yaml": b"runtime: python",
    "policy/__main__.py": b"pack",
    "policy/rules/s3.py": b"rules",
    "tools/PulumiPolicy.txt": b"",
    "tools/pack": b"pack",
    "tools/other": b"other",
}


def snapshot(files: dict[str, bytes]) -> Snapshot:
    def contents(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((path, files[path]) for path in paths)

    return Snapshot("c" * 40, dict.fromkeys(files, "id"), {}, (), contents)


def test_a_folder_is_started_by_its_main_and_a_file_by_itself() -> None:
    found = snapshot(FILES)
    assert policies.entry(found, "policy") == "policy/__main__.py"
    assert policies.entry(found, "tools/pack") == "tools/pack"
    with pytest.raises(ConfigError, match=r"tools/PulumiPolicy.yaml|neither such a file nor such a pack"):
        policies.entry(found, "tools")


def test_the_digest_covers_all_of_the_folder_and_nothing_else() -> None:
    before = policies.pack_at(snapshot(FILES), "policy")
    for path, same in (("policy/rules/s3.py", False), ("tools/other", True)):
        after = policies.pack_at(snapshot({**FILES, path: b"changed"}), "policy")
        assert (after == before) is same, path
    moved = {path: content for path, content in FILES.items() if path != "policy/rules/s3.py"}
    assert policies.pack_at(snapshot({**moved, "policy/s3.py": b"rules"}), "policy") != before


def test_a_file_without_a_project_file_beside_it_stands_for_itself_alone() -> None:
    before = policies.pack_at(snapshot(FILES), "tools/pack")
    assert policies.pack_at(snapshot({**FILES, "tools/other": b"changed"}), "tools/pack") == before
    assert policies.pack_at(snapshot({**FILES, "tools/pack": b"changed"}), "tools/pack") != before


def test_how_packs_differ_from_the_released_ones() -> None:
    released = (PolicyPack("same", "1"), PolicyPack("edited", "1"), PolicyPack("dropped", "1"), PolicyPack("gone", "1"))
    now = (PolicyPack("same", "1"), PolicyPack("edited", "2"), PolicyPack("dropped", "1"), PolicyPack("new", "1"))
    found = Packs(now, released, ("same", "edited", "new")).changes
    assert found == (
        PackChange("dropped", PackFate.DROPPED, "1", "1"),
        PackChange("edited", PackFate.CHANGED, "1", "2"),
        PackChange("gone", PackFate.GONE, "1", ""),
        PackChange("new", PackFate.NEW, "", "1"),
    )
    assert Packs(now, (), ("same",)).changes == ()


LONG = "/checkout/" + "/".join(f"folder-{number:02}" for number in range(9)) + "/policy/__main__.py"


@pytest.mark.parametrize("path", ["/checkout/policy/__main__.py", LONG])
def test_a_pack_took_part_if_pulumi_says_so_by_its_path(path: str) -> None:
    shown = path if path != LONG else "/checkout/.../policy/__main__.py"
    pack = PolicyPack("policy", "1")
    found = policies.took_part({f"house|local|{shown}": "1.2", "of-the-service": "3"}, {path: pack})
    assert found == (PolicyPack("policy", "1", "house", "1.2"),)


@pytest.mark.parametrize(
    "summary", [{}, {"house|local|/elsewhere": "1"}, {"house": "1"}, {"a|local|/p": "", "b|local|/q": ""}]
)
def test_a_pack_that_pulumi_does_not_name_took_no_part(summary: dict[str, str]) -> None:
    assert policies.took_part(summary, {"/p": PolicyPack("policy", "1")}) is None


def test_what_packs_looked_at_is_read_from_all_three_summaries() -> None:
    raw = [
        {
            "policyRemediateSummaryEvent": {
                "policyPackName": "p",
                "resourceUrn": "u",
                "passed": ["a"],
                "failed": ["mended"],
            }
        },
        {"policyAnalyzeSummaryEvent": {"policyPackName": "p", "resourceUrn": "u", "passed": ["a"], "failed": ["b"]}},
        {"policyAnalyzeSummaryEvent": {"policyPackName": "p", "resourceUrn": "u", "passed": ["b"]}},
        {"policyAnalyzeStackSummaryEvent": {"policyPackName": "p", "failed": ["whole"]}},
        {"policyAnalyzeSummaryEvent": {"policyPackName": "q", "resourceUrn": "u"}},
    ]
    assert evaluations(raw) == (
        Evaluation("p", "", (), ("whole",)),
        Evaluation("p", "u", ("a", "mended"), ("b",)),
        Evaluation("q", "u"),
    )


@pytest.mark.parametrize("broken", [{}, {"policyPackName": "p", "passed": "a"}, {"policyPackName": ""}, None])
def test_a_summary_that_is_not_understood_fails_the_run(broken: object) -> None:
    with pytest.raises(EngineFailed, match="does not understand"):
        typed([{"policyAnalyzeSummaryEvent": broken}], "preview")


def event(**content: object) -> dict[str, object]:
    return {"sequence": 1, "timestamp": 0, **content}


VIOLATION = event(
    policyEvent={
        "message": "no",
        "color": "never",
        "policyName": "a",
        "policyPackName": "p",
        "policyPackVersion": "1",
        "policyPackVersionTag": "1",
        "enforcementLevel": "mandatory",
    }
)
ADVICE = event(policyEvent={**VIOLATION["policyEvent"], "enforcementLevel": "advisory"})  # type: ignore[dict-item]


def error(message: str, urn: str = "") -> dict[str, object]:
    return event(
        diagnosticEvent={"message": message, "color": "never", "severity": "error", **({"urn": urn} if urn else {})}
    )


@pytest.mark.parametrize(
    ("raw", "only"),
    [
        ([VIOLATION, error("preview failed")], True),
        ([VIOLATION], True),
        ([ADVICE, error("preview failed")], False),
        ([error("preview failed")], False),
        ([VIOLATION, error("preview failed"), error("failed to run policy: the pack ended", "urn:x")], False),
        ([VIOLATION, error("preview failed", "urn:x")], False),
        ([VIOLATION, error("Running program failed")], False),
    ],
)
def test_a_preview_failed_by_policies_alone_has_no_other_error(raw: list[dict[str, object]], only: bool) -> None:
    assert violates_only(typed(raw, "preview")) is only


def planned(*packs: PolicyPack, findings: tuple[PolicyFinding, ...] = ()) -> Plan:
    told = (Evaluation("house", "u", ("a",), ("b",)),) if packs else ()
    run = EngineRun((), 1, findings=findings, packs=packs, evaluations=told)
    return plans.build(DEV, "dev", HEAD, run=run, start=start(), inputs=inputs(), now=NOW)


RAN = PolicyPack("policy", "1", "house", "1.0")


def test_the_plan_digest_covers_the_packs_files_and_says_the_same_in_any_order() -> None:
    other = PolicyPack("second", "9", "two", "1.0")
    assert planned(RAN).plan_digest != planned(PolicyPack("policy", "2", "house", "1.0")).plan_digest
    assert planned(RAN).plan_digest != planned().plan_digest
    assert planned(RAN, other).plan_digest == planned(other, RAN).plan_digest


def test_a_plan_with_packs_is_read_back_from_the_ledger_whole() -> None:
    made = planned(RAN)
    assert plans.from_body(plans.to_body(made)) == made
    assert [(one.passed, one.failed) for one in made.evaluated] == [(1, 0), (0, 1)]


def test_the_gate_refuses_a_plan_in_which_a_named_pack_took_no_part() -> None:
    missing = policy(Gate(), planned(), (PolicyPack("policy", "1"),))
    assert missing.outcome is Outcome.REFUSE
    assert missing.inputs["missing"] == ["policy"]
    assert policy(Gate(), planned(RAN), (PolicyPack("policy", "1"),)).outcome is Outcome.ALLOW


def test_the_gate_tells_of_a_pack_that_is_not_as_released() -> None:
    told = policy(Gate(), planned(RAN), (PolicyPack("policy", "0"),))
    assert told.outcome is Outcome.ALLOW
    assert "not as released: pack policy" in told.reason


def test_a_missing_pack_is_refused_before_anything_it_found_is_told() -> None:
    found = PolicyFinding("house", "a", PolicyLevel.MANDATORY, "no")
    assert "took no part" in policy(Gate(), planned(findings=(found,)), (RAN,)).reason
