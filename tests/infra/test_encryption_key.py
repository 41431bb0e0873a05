"""The key by itself: rotation, alias, who may use it, and what it refuses."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.inputs import InputError
from infra.tags import RESOURCE
from tests.infra.recording import Recorded, record

ARGS = EncryptionKeyArgs(
    account_id="123456789012", region="eu-west-1", alias="shop", description="data", deletion_days=7
)


def key(args: EncryptionKeyArgs = ARGS) -> Recorded:
    return record(lambda: EncryptionKey("key", args))


def statements(*services: str, partition: str = "aws") -> list[dict[str, Any]]:
    recorded = key(replace(ARGS, services=services, partition=partition))
    found: list[dict[str, Any]] = json.loads(recorded.only(":Key").inputs["policy"])["Statement"]
    return found


def test_a_key_rotates_and_is_found_by_its_alias() -> None:
    assert key().only(":Key").inputs["enableKeyRotation"] is True
    assert key().only(":Key").inputs["deletionWindowInDays"] == 7
    assert key().only(":Alias").inputs == {"name": "alias/shop", "targetKeyId": "key-key"}


def test_the_account_comes_first_and_may_do_everything_so_that_a_key_can_always_be_managed() -> None:
    first, *others = statements("sns", partition="aws-cn")
    assert first["Principal"] == {"AWS": "arn:aws-cn:iam::123456789012:root"}
    assert (first["Effect"], first["Action"], first["Resource"]) == ("Allow", "kms:*", "*")
    assert len(others) == 1


def test_without_services_only_iam_decides() -> None:
    assert len(statements()) == 1


def test_log_groups_of_the_account_and_region_alone_may_use_the_key() -> None:
    _, logs = statements("logs")
    assert logs["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert logs["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-west-1:123456789012:log-group:*"}
    }
    assert {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"} <= set(logs["Action"])


def test_trails_of_the_account_alone_may_use_the_key() -> None:
    _, trail = statements("cloudtrail")
    assert trail["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:cloudtrail:eu-west-1:123456789012:trail/*"}}
    assert "kms:DescribeKey" in trail["Action"]


@pytest.mark.parametrize("service", ["budgets", "cloudwatch", "events", "s3", "sns"])
def test_a_service_that_publishes_may_use_the_key_for_this_account_only(service: str) -> None:
    _, statement = statements(service)
    assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_no_service_may_manage_the_key() -> None:
    for statement in statements("budgets", "cloudtrail", "cloudwatch", "events", "logs", "s3", "sns")[1:]:
        assert "Condition" in statement
        assert not [action for action in statement["Action"] if action.startswith(("kms:*", "kms:Put", "kms:Create"))]


def test_the_key_is_tagged_with_its_own_name() -> None:
    assert key().only(":Key").inputs["tags"][RESOURCE] == "key"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deletion_days": 5}, "key.deletion_days must be from 7 to 30; got 5"),
        ({"deletion_days": 31}, "key.deletion_days must be from 7 to 30; got 31"),
        ({"alias": "alias/shop"}, "key.alias must be without its alias/"),
        ({"account_id": "12345"}, "key.account_id must be 12 digits"),
        ({"services": ("lambda",)}, "key.services must be different ones out of budgets, cloudtrail"),
        ({"services": ("logs", "logs")}, "key.services must be different ones"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        key(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.region = "other"  # type: ignore[misc]


def test_instances_of_this_account_alone_start_with_disks_under_the_key() -> None:
    made = json.loads(key(replace(ARGS, services=("ec2",))).only(":Key").inputs["policy"])
    statement = made["Statement"][-1]
    assert statement["Principal"] == {"AWS": "*"}
    assert statement["Condition"] == {
        "StringEquals": {"kms:CallerAccount": ARGS.account_id, "kms:ViaService": f"ec2.{ARGS.region}.amazonaws.com"}
    }
