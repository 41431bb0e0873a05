"""What a machine hands over: read back as it was, believed in nothing but its form."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gitops.errors import Failed
from gitops.flow.plans import shard_results
from gitops.model import Plan, PreviewFailure
from tests.golden import reviews
from tests.support.plans import DEV

CASES = ["creates", "updates", "replaces", "secrets", "unknowns", "policies", "failed", "hostile", "drift", "spared"]


@pytest.mark.parametrize("case", CASES)
def test_a_review_comes_back_as_it_was(case: str) -> None:
    review = getattr(reviews, case)()
    found = shard_results.from_bytes(shard_results.to_bytes(review.stacks), "preview.json")
    for one in review.stacks:
        place = (one.result.environment, one.result.commit) if isinstance(one.result, Plan) else ("", "")
        # Policy packs are the reader's to look up.
        assert found[one.stack.label].review(one.affected, *place) == replace(one, packs=())


def document() -> dict[str, Any]:
    loaded = json.loads(shard_results.to_bytes(reviews.updates().stacks))
    assert isinstance(loaded, dict)
    return loaded


def refused(content: object) -> str:
    given = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(Failed) as caught:
        shard_results.from_bytes(given, "preview-3/preview.json")
    assert "preview-3/preview.json" in caught.value.message
    return caught.value.message


def test_a_plan_whose_content_does_not_give_its_digest_is_refused() -> None:
    altered = document()
    body = altered["stacks"][DEV.label]["plan"]
    body["changes"] = body["changes"][1:]
    assert "altered" in refused(altered)


def test_a_plan_of_another_stack_is_refused() -> None:
    moved = document()
    moved["stacks"] = {"shop/prod": moved["stacks"].pop(DEV.label)}
    refused(moved)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        {"format": 1},
        {"format": 1, "stacks": []},
        {"format": 1, "stacks": 3},
    ],
)
def test_what_is_no_result_is_refused(content: object) -> None:
    refused(content)


def test_deep_nesting_is_refused_and_does_not_end_the_program() -> None:
    refused(b'{"format": 1, "stacks": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")


@pytest.mark.parametrize("told", [{"seconds": 10**400}, {"seconds": -1}])
def test_what_later_runs_could_not_reckon_with_is_refused(told: dict[str, Any]) -> None:
    altered = document()
    altered["stacks"][DEV.label] |= told
    refused(altered)


def test_a_time_without_a_zone_is_refused() -> None:
    altered = document()
    altered["stacks"][DEV.label]["plan"]["created_at"] = "2026-05-04T09:30:00"
    refused(altered)


def test_another_format_is_named() -> None:
    assert "format 7" in refused({"format": 7, "stacks": {}})


def test_environment_and_commit_are_the_readers() -> None:
    [one] = reviews.updates().stacks
    found = shard_results.from_bytes(shard_results.to_bytes([one]), "f")[one.stack.label]
    made = found.review(one.affected, "prod", "f" * 40).result
    assert isinstance(made, Plan)
    assert (made.environment, made.commit) == ("prod", "f" * 40)


def test_two_files_that_tell_of_one_stack_are_refused() -> None:
    one = shard_results.from_bytes(shard_results.to_bytes(reviews.updates().stacks), "f")
    with pytest.raises(Failed, match="Two machines previewed"):
        shard_results.combined([one, one])


def test_a_stack_that_no_file_has_is_a_failure() -> None:
    [one] = reviews.updates().stacks
    found = shard_results.missing(one.stack).review(one.affected, "dev", "f" * 40)
    assert isinstance(found.result, PreviewFailure)
    assert "No machine" in found.result.message
