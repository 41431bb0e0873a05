"""A pull request's own stack of this program, from the config that `gitops review-stack` makes for it."""

import runpy
from typing import Any

import pytest
import yaml

from gitops.config import settings
from gitops.flow.review_stacks import copied_config
from infra.delivery_names import DeliveryNames
from infra.settings import parse
from tests.infra.configuration import ROOT, as_engine_sends
from tests.infra.recording import Recorded, record

REVIEW = settings.parse((ROOT / settings.FILE).read_bytes()).review_stacks


def sent(number: int) -> dict[str, str]:
    """What the engine hands over for that pull request."""
    assert REVIEW is not None
    file = f"Pulumi.{REVIEW.like}.yaml"
    made = yaml.safe_load(copied_config((ROOT / file).read_bytes(), file, REVIEW.config_of(number)))
    changes: dict[str, Any] = {key.partition(":")[2]: value for key, value in made["config"].items()}
    return as_engine_sends(REVIEW.like, **changes)


def built(number: int) -> Recorded:
    """What the program registers, started as Pulumi starts it."""
    run = lambda: runpy.run_path(str(ROOT / "__main__.py"))  # noqa: E731
    return record(run, stack=f"review-{number}", config=sent(number))


# What these call `name` or `bucket` is inside of a role or a bucket of the stack's own, or a document of AWS.
PARTS = (
    "aws:iam/rolePolicy:",
    *(f"aws:s3/bucket{part}" for part in ("Lifecycle", "Ownership", "Policy", "Public", "Server", "Versioning")),
    "aws:ssm/association:",
)


def names(recorded: Recorded) -> set[str]:
    """The chosen names that must be unique in an account, a region or a cluster."""
    found: set[str] = set()
    for resource in recorded.created():
        if resource.type.startswith(PARTS):
            continue
        inputs = resource.inputs
        metadata = inputs.get("metadata") or {}
        found |= {
            f"{resource.type} {value}"
            for value in (inputs.get("name"), inputs.get("bucket"), inputs.get("identifier"), metadata.get("name"))
            if isinstance(value, str) and not metadata.get("namespace")
        }
    return found


@pytest.mark.parametrize("number", [7, 99999])
def test_it_is_built_like_dev_and_no_name_is_dev_s_or_another_s(number: int) -> None:
    review, dev = (
        built(number),
        record(lambda: runpy.run_path(str(ROOT / "__main__.py")), stack="dev", config=as_engine_sends("dev")),
    )
    assert sorted(one.type for one in review.all) == sorted(one.type for one in dev.all)
    assert len(names(review)) > 40
    assert not names(review) & names(dev)
    assert not names(review) & names(built(8))


def test_its_roles_carry_the_boundary_that_all_review_stacks_share() -> None:
    settings = parse("infrastructure", "review-7", sent(7))
    assert (settings.name_prefix, settings.delivery_prefix) == ("ex-shop-review-7", "ex-shop-review")
    boundary = DeliveryNames(name_prefix="ex-shop-review", account_id="123456789012").boundary_arn
    roles = built(7).of("iam/role:Role")
    assert roles
    assert {role.inputs["permissionsBoundary"] for role in roles} == {boundary}


def test_nothing_of_it_is_protected() -> None:
    assert not [one for one in built(7).all if one.protect]


def test_another_stack_s_name_is_still_refused() -> None:
    with pytest.raises(Exception, match="has no environment"):
        record(lambda: runpy.run_path(str(ROOT / "__main__.py")), stack="review-x", config=as_engine_sends("dev"))
