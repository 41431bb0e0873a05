"""The state of controls as a table, as JSON and as SARIF, against expected files."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from gitops.views import sarif
from gitops.views.json import compliance
from gitops.views.terminal import compliance as views
from gitops.views.terminal import screen
from tests.support.compliance import dev, prod

BOTH = (dev(), prod())
SARIF = sarif.document(BOTH, "1.0")


def test_the_table_reads_as_expected(golden: Callable[[str, str], None]) -> None:
    stream = io.StringIO()
    screen.console(stream).print(views.view(BOTH))
    text = "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"
    golden("compliance.txt", text)


def test_the_json_is_as_expected(golden: Callable[[str, str], None]) -> None:
    golden("compliance.json", json.dumps(compliance.as_document(BOTH), indent=2) + "\n")


def test_the_sarif_is_as_expected(golden: Callable[[str, str], None]) -> None:
    golden("compliance.sarif", json.dumps(SARIF, indent=2) + "\n")


def test_the_sarif_has_what_the_standard_and_code_scanning_require() -> None:
    """https://docs.oasis-open.org/sarif/sarif/v2.1.0 and docs.github.com, "SARIF support for code scanning"."""
    assert SARIF["version"] == "2.1.0"
    assert SARIF["$schema"].endswith("sarif-schema-2.1.0.json")
    identities = [run["automationDetails"]["id"] for run in SARIF["runs"]]
    assert identities == ["gitops/dev/house-rules/"]  # one run a category, or code scanning refuses the file
    for run in SARIF["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"]
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(set(ids)) == len(ids) == 10
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        for result in run["results"]:
            _check(result, ids)


def _check(result: dict[str, Any], ids: list[str]) -> None:
    assert ids[result["ruleIndex"]] == result["ruleId"]
    assert result["message"]["text"]
    assert result["kind"] in ("fail", "open")
    # 3.27.10: whatever is no failure has no level.
    assert result["level"] == "none" if result["kind"] == "open" else result["level"] in ("warning", "error")
    (location,) = result["locations"]
    (logical,) = location["logicalLocations"]
    assert logical["fullyQualifiedName"].startswith("urn:pulumi:")
    place = location["physicalLocation"]["artifactLocation"]
    assert place["uri"] in ("Pulumi.dev.yaml", "Pulumi.dev-data.yaml")
    assert not place["uri"].startswith("/")
    assert all(one["kind"] in ("external", "inSource") for one in result.get("suppressions", []))


@pytest.mark.parametrize(
    ("rule", "kind", "level", "suppressed"),
    [
        ("encrypted", "fail", "error", False),
        ("one-region", "fail", "warning", False),
        ("private", "open", "none", False),
        ("versioned", "fail", "warning", True),
    ],
)
def test_each_finding_is_what_it_is_in_sarif(rule: str, kind: str, level: str, suppressed: bool) -> None:
    (result,) = [one for one in SARIF["runs"][0]["results"] if one["ruleId"] == rule]
    assert (result["kind"], result["level"], "suppressions" in result) == (kind, level, suppressed)
