"""Pulumi's name of a resource: what it says, also where the logical name has Pulumi's own delimiters."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.model.urn import Urn, name_in, provider_of, type_in

ROOT = Path(__file__).parents[2]
BUCKET = "aws:s3/bucket:Bucket"
PARTS = st.text(st.characters(exclude_characters=":$"), max_size=20)
TYPES = st.from_regex(r"[a-z]{1,5}:[a-z/]{1,9}:[A-Za-z]{1,9}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"urn:pulumi:dev::shop::{BUCKET}::logs", Urn("dev", "shop", (), BUCKET, "logs")),
        (f"urn:pulumi:dev::shop::a:b:C$d:e:F${BUCKET}::logs", Urn("dev", "shop", ("a:b:C", "d:e:F"), BUCKET, "logs")),
        (f"urn:pulumi:dev::shop::{BUCKET}::a::b$c", Urn("dev", "shop", (), BUCKET, "a::b$c")),
        (f"urn:pulumi:dev::shop::{BUCKET}::", Urn("dev", "shop", (), BUCKET, "")),
    ],
)
def test_each_part_is_read_and_written(text: str, expected: Urn) -> None:
    assert Urn.parse(text) == expected
    assert str(expected) == text
    assert (name_in(text), type_in(text)) == (expected.name, expected.type)


@pytest.mark.parametrize(
    "text", ["", "logs", "urn:pulumi:dev::shop::a:b:C", f"dev::shop::{BUCKET}::logs", "a::b::c::d"]
)
def test_another_text_is_none_and_stays_as_it_is(text: str) -> None:
    assert Urn.parse(text) is None
    assert (name_in(text), type_in(text)) == (text, "")


@given(PARTS, PARTS, st.lists(TYPES, max_size=3), TYPES, st.text(max_size=30))
def test_any_urn_is_read_as_it_was_written(stack: str, project: str, parents: list[str], own: str, name: str) -> None:
    urn = Urn(stack, project, tuple(parents), own, name)
    assert Urn.parse(str(urn)) == urn


def test_a_provider_is_named_by_urn_and_id() -> None:
    urn = "urn:pulumi:dev::shop::pulumi:providers:aws::a::b"
    assert provider_of(f"{urn}::4711") == (urn, "4711")
    assert provider_of("4711") == ("", "4711")


def test_nobody_else_takes_a_urn_apart() -> None:
    by_hand = re.compile(r"""split\(["']::|partition\(["']::|::\{|count\(["']::""")
    sources = {path.relative_to(ROOT).as_posix(): path for path in (ROOT / "gitops").rglob("*.py")}
    # errors.py may not import the model, see there.
    sources.pop("gitops/errors.py")
    assert [name for name, path in sources.items() if by_hand.search(path.read_text(encoding="utf-8"))] == []
