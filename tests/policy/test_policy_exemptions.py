"""Exemptions: whom they cover, until when, and what is said of a file that does not make sense."""

from datetime import date

import pytest

from policy import exemptions
from policy.catalogue import NAMES
from policy.files import FileError
from tests.policy.files import FOLDER

URN = "urn:pulumi:dev::shop::infra:database:Database$aws:rds/instance:Instance::orders"
ENTRY = f"""\
exemptions:
  - rule: rds-multi-az
    urn: {URN}
    owner: platform
    reason: The old engine has no standby. Migration is SHOP-12.
    expires: 2026-12-31
"""
LAST_DAY = date(2026, 12, 31)
DAY_AFTER = date(2027, 1, 1)


def read(text: str = ENTRY, today: date = LAST_DAY) -> exemptions.Exemptions:
    return exemptions.read(text, "policy/exemptions.yaml", NAMES, today)


def test_it_holds_up_to_and_on_its_last_day() -> None:
    found = read().valid("rds-multi-az", URN)
    assert found is not None
    assert (found.owner, found.expires) == ("platform", LAST_DAY)
    assert found.reason == "The old engine has no standby. Migration is SHOP-12"
    assert read().expired("rds-multi-az", URN) is None


def test_the_day_after_it_is_expired_and_no_longer_valid() -> None:
    later = read(today=DAY_AFTER)
    assert later.valid("rds-multi-az", URN) is None
    assert later.expired("rds-multi-az", URN) == read().valid("rds-multi-az", URN)


def test_one_that_still_holds_outweighs_one_that_is_expired() -> None:
    twice = ENTRY + ENTRY.partition("\n")[2].replace("2026-12-31", "2026-10-01")
    assert read(twice).valid("rds-multi-az", URN) is not None
    assert read(twice).expired("rds-multi-az", URN) is None


def test_it_covers_no_other_rule_and_no_other_resource() -> None:
    assert read().valid("rds-encrypted", URN) is None
    assert read().valid("rds-multi-az", URN.replace("orders", "invoices")) is None
    assert read().valid("rds-multi-az", URN.replace(":dev:", ":prod:")) is None


def test_a_star_stands_for_anything() -> None:
    pattern = read(ENTRY.replace(URN, "urn:pulumi:dev::*::aws:rds/*::ord*".replace("::aws", "*aws")))
    assert pattern.valid("rds-multi-az", URN) is not None
    assert pattern.valid("rds-multi-az", URN.replace("orders", "invoices")) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("rds-multi-az", "rds-multi-zone", "2: exemptions[0].rule names no rule: rds-multi-zone"),
        (URN, "'*'", "3: exemptions[0].urn must begin with urn:pulumi:"),
        (URN, "urn:pulumi:[dp]*", "3: exemptions[0].urn may have no other wildcard than *"),
        ("platform", "''", "4: exemptions[0].owner must be a text that is not empty"),
        ("    owner: platform\n", "", "2: exemptions[0] lacks the key owner"),
        ("2026-12-31", "next year", "6: exemptions[0].expires must be a date such as 2027-03-31"),
        ("expires", "until", "6: exemptions[0].until is not known here"),
        ("exemptions:\n", "exempt:\n", "1: exempt is not known here"),
        ("    owner", "   owner", "4: the file is not YAML"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(before: str, after: str, said: str) -> None:
    assert before in ENTRY
    with pytest.raises(FileError) as caught:
        read(ENTRY.replace(before, after))
    assert str(caught.value).startswith(f"policy/exemptions.yaml:{said}")


def test_the_file_that_is_shipped_can_be_read() -> None:
    read((FOLDER / "exemptions.yaml").read_text(encoding="utf-8"))
