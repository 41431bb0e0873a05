"""A queue and its dead-letter queue."""

import json
from dataclasses import replace
from typing import Any

import pytest

from infra.inputs import InputError
from infra.queue import Queue, QueueArgs
from tests.infra.recording import Recorded, record

ARGS = QueueArgs(queue_name="shop-orders", key_arn="arn:key", region="eu-west-1", account_id="123456789012")
ARN = "arn:aws:sqs:eu-west-1:123456789012:shop-orders"


def queue(args: QueueArgs = ARGS) -> Recorded:
    return record(lambda: Queue("orders", args))


def test_a_message_that_fails_too_often_goes_to_the_dead_letter_queue() -> None:
    orders = queue().named(":Queue", "orders").inputs
    assert json.loads(orders["redrivePolicy"]) == {"deadLetterTargetArn": f"{ARN}-dead-letter", "maxReceiveCount": 5}


def test_only_its_own_queue_may_use_a_dead_letter_queue() -> None:
    allowed = queue().only(":RedriveAllowPolicy").inputs
    assert allowed["queueUrl"] == "orders-dead-letter-id"
    assert json.loads(allowed["redriveAllowPolicy"]) == {"redrivePermission": "byQueue", "sourceQueueArns": [ARN]}


def test_dead_letters_are_kept_as_long_as_aws_keeps_any() -> None:
    assert queue().named(":Queue", "orders-dead-letter").inputs["messageRetentionSeconds"] == 14 * 86400


def test_both_are_encrypted_with_the_given_key() -> None:
    assert {one.inputs["kmsMasterKeyId"] for one in queue().of("sqs/queue:Queue")} == {"arn:key"}


def test_both_are_reached_by_tls_only() -> None:
    policies = [json.loads(one.inputs["policy"])["Statement"] for one in queue().of(":QueuePolicy")]
    assert sorted(statement["Resource"] for (statement,) in policies) == [ARN, f"{ARN}-dead-letter"]
    for (statement,) in policies:
        assert statement["Effect"] == "Deny"
        assert statement["Principal"] == "*"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queue_name": "orders.fifo"}, "orders.queue_name must be 1 to 68 letters"),
        ({"queue_name": "x" * 69}, "orders.queue_name must be 1 to 68 letters"),
        ({"work_seconds": 0}, "orders.work_seconds must be from 1 to 43200"),
        ({"attempts": 0}, "orders.attempts must be from 1 to 1000"),
        ({"retention_days": 15}, "orders.retention_days must be from 1 to 14"),
    ],
)
def test_what_sqs_does_not_take_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        queue(replace(ARGS, **change))
