"""Compliance as SARIF 2.1.0, for code scanning: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from gitops.flow.compliance.controls import Compliance, Control, ControlState, Finding
from gitops.flow.plans import values
from gitops.model import Plan, PolicyFinding, PolicyLevel, Review, StackReview
from gitops.model.urn import name_in
from gitops.views.annotations import Places

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {PolicyLevel.MANDATORY.value: "error", PolicyLevel.ADVISORY.value: "warning"}
# GitHub orders its alerts by this number (docs.github.com, "SARIF support for code scanning").
_SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}


def document(found: Sequence[Compliance], version: str) -> dict[str, Any]:
    """One run for each environment and pack; `version` is that of this package."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            _run(one, pack, version)
            for one in found
            for pack in sorted({control.rule.pack for control in one.controls})
        ],
    }


def of_review(review: Review, places: Places, version: str) -> dict[str, Any]:
    """One run with the findings of a change's previews, each at the line that names its resource.

    A finding that no line stands for is left to the comment: code scanning takes no document with such a one.
    """
    found = [
        (f"{finding.pack}/{finding.policy}", finding, one.stack.label, region)
        for one in review.ordered()
        if isinstance(one.result, Plan)
        for finding in one.result.findings
        if (region := _region(one, finding, places))
    ]
    rules = sorted({rule for rule, *_ in found})
    driver = {"name": "gitops preview", "version": version, "rules": [{"id": rule} for rule in rules]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "automationDetails": {"id": f"gitops/preview/{review.environment}/"},
                "results": [_finding(*one) for one in found],
            }
        ],
    }


def _region(review: StackReview, finding: PolicyFinding, places: Places) -> dict[str, Any] | None:
    place = places.of_resource(finding.urn) or places.of_reason(review)
    if place is None:
        return None
    region = {"startLine": place.first, "endLine": place.last}
    return {"artifactLocation": {"uri": quote(place.path), "uriBaseId": "%SRCROOT%"}, "region": region}


def _finding(rule: str, finding: PolicyFinding, stack: str, physical: dict[str, Any] | None) -> dict[str, Any]:
    """Not evaluated is an open question (3.27.9), and no pass."""
    open_ = finding.level is PolicyLevel.NOT_EVALUATED
    about = finding.urn or f"the stack {stack}"
    location: dict[str, Any] = {"logicalLocations": [_logical(about)]}
    if physical:
        location["physicalLocation"] = physical
    return {
        "ruleId": rule,
        "kind": "open" if open_ else "fail",
        "level": "none" if open_ else _LEVELS[finding.level.value],
        "message": {"text": finding.message},
        "locations": [location],
        "partialFingerprints": {"gitops/v1": values.digest([rule, about])},
        "properties": {"stack": stack},
    }


def _logical(about: str) -> dict[str, str]:
    return {"fullyQualifiedName": about, "name": name_in(about), "kind": "resource"}


def _run(one: Compliance, pack: str, version: str) -> dict[str, Any]:
    controls = sorted((control for control in one.controls if control.rule.pack == pack), key=lambda c: c.rule.name)
    commits = {commit for _, commit, _ in one.stacks}
    told = sorted({run.version for _, _, packs in one.stacks for run in packs if run.name == pack and run.version})
    driver: dict[str, Any] = {"name": pack, "rules": [_rule(control) for control in controls]}
    if told:
        driver["version"] = told[-1]
    return {
        "tool": {"driver": driver, "extensions": [{"name": "gitops compliance", "version": version}]},
        "automationDetails": {"id": f"gitops/{one.environment}/{pack}/"},
        "invocations": [{"executionSuccessful": True}],
        "properties": {"environment": one.environment, "commits": sorted(commits)},
        "results": [
            _result(control, index, finding) for index, control in enumerate(controls) for finding in control.findings
        ],
    }


def _rule(control: Control) -> dict[str, Any]:
    rule = control.rule
    properties = {
        "state": control.state.value,
        "resources": values.pack(control.tally),
        "severity": rule.severity,
        "security-severity": _SECURITY_SEVERITY.get(rule.severity, ""),
        "framework": rule.framework,
        "reference": rule.reference,
        "specification": rule.specification,
        "tags": list(control.controls),
    }
    made: dict[str, Any] = {
        "id": rule.name,
        "shortDescription": {"text": rule.title or rule.description or rule.name},
        "defaultConfiguration": {"level": _LEVELS.get(control.level, "note"), "enabled": control.level != "disabled"},
        "properties": {key: value for key, value in properties.items() if value},
    }
    if rule.description:
        made["fullDescription"] = {"text": rule.description}
    if rule.remedy:
        made["help"] = {"text": rule.remedy}
    if rule.url:
        made["helpUri"] = rule.url
    return made


def _result(control: Control, index: int, found: Finding) -> dict[str, Any]:
    """An exemption is a result that is suppressed (3.35)."""
    file, finding = found.file, found.finding
    physical = {"artifactLocation": {"uri": file, "uriBaseId": "%SRCROOT%"}, "region": {"startLine": 1}}
    about = finding.urn or f"the stack {found.stack.label}"
    made = _finding(control.rule.name, finding, found.stack.label, physical if file else None)
    made["ruleIndex"] = index
    made["partialFingerprints"] = {"gitops/v1": values.digest([control.rule.pack, control.rule.name, about])}
    made["properties"]["state"] = _state(found).value
    if found.exempt:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.message}]
    return made


def _state(found: Finding) -> ControlState:
    if found.exempt:
        return ControlState.EXEMPT
    return ControlState.NOT_EVALUATED if found.finding.level is PolicyLevel.NOT_EVALUATED else ControlState.VIOLATED
