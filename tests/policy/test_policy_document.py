"""docs/policy.md lists the rules that there are, and shows files that can be read."""

import re
from datetime import date

from policy import exemptions
from policy.catalogue import ALL, NAMES, RULES
from policy.document import DOCUMENT, renewed
from policy.pack import violation
from policy.rule import Violated

TEXT = DOCUMENT.read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_rules() -> None:
    assert renewed(TEXT) == TEXT, "run `python -m policy.document`"
    assert [rule.name for rule in ALL if f"| `{rule.name}`<br>" not in TEXT] == []


def test_the_exemption_that_is_shown_can_be_read_and_covers_what_it_says() -> None:
    (shown,) = re.findall(r"```yaml\n(exemptions:.*?)```", TEXT, re.DOTALL)
    found = exemptions.read(shown, "docs/policy.md", NAMES, date(2027, 3, 31))
    urn = "urn:pulumi:prod::infrastructure::infra:database:Database$aws:rds/instance:Instance::reports"
    assert found.valid("rds-multi-az", urn) is not None


def test_the_finding_that_is_shown_is_one_that_is_made() -> None:
    (rule,) = [one for one in RULES if one.name == "s3-versioned"]
    found = rule.judge({"versioningConfiguration": {"status": "Suspended"}})
    assert isinstance(found, Violated)
    assert violation(rule, found.reason, None) in " ".join(TEXT.split())
