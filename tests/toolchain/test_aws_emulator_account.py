"""What an account has once, in the simulated AWS: its budgets, its defaults of EC2; and the policies of its buckets."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.toolchain.emulator import client

ACCOUNT = "123456789012"
AT_80_PERCENT = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
TOPIC = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms"}


def limit(dollars: str) -> dict[str, Any]:
    return {
        "BudgetName": "monthly",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": dollars, "Unit": "USD"},
    }


@pytest.fixture
def budgets(endpoint: str) -> Iterator[Any]:
    """The client, and a monthly budget of 100 dollars."""
    budgets = client(endpoint, "budgets")
    budgets.create_budget(
        AccountId=ACCOUNT,
        Budget=limit("100"),
        NotificationsWithSubscribers=[{"Notification": AT_80_PERCENT, "Subscribers": [TOPIC]}],
        ResourceTags=[{"Key": "team", "Value": "platform"}],
    )
    yield budgets
    budgets.delete_budget(AccountId=ACCOUNT, BudgetName="monthly")


def test_a_budget_knows_who_hears_of_it(budgets: Any) -> None:
    whose = {"AccountId": ACCOUNT, "BudgetName": "monthly"}
    found = budgets.describe_subscribers_for_notification(**whose, Notification=AT_80_PERCENT)
    assert found["Subscribers"] == [TOPIC]
    other = {**AT_80_PERCENT, "Threshold": 50.0}
    assert budgets.describe_subscribers_for_notification(**whose, Notification=other)["Subscribers"] == []


def test_a_changed_budget_keeps_what_aws_computes(budgets: Any) -> None:
    before = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="monthly")["Budget"]
    budgets.update_budget(AccountId=ACCOUNT, NewBudget=limit("200"))
    after = budgets.describe_budget(AccountId=ACCOUNT, BudgetName="monthly")["Budget"]
    assert float(after["BudgetLimit"]["Amount"]) == 200
    assert after["CalculatedSpend"] == before["CalculatedSpend"]


def test_a_budget_has_tags_from_its_creation_on(budgets: Any) -> None:
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/monthly"
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "team", "Value": "platform"}]
    budgets.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "cost", "Value": "shop"}])
    budgets.untag_resource(ResourceARN=arn, ResourceTagKeys=["team"])
    assert budgets.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "cost", "Value": "shop"}]


def test_snapshots_are_open_until_somebody_blocks_them(endpoint: str) -> None:
    ec2 = client(endpoint, "ec2")
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
    assert ec2.enable_snapshot_block_public_access(State="block-all-sharing")["State"] == "block-all-sharing"
    assert ec2.get_snapshot_block_public_access_state()["State"] == "block-all-sharing"
    ec2.disable_snapshot_block_public_access()
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"


def test_defaults_of_instance_metadata_are_kept_until_they_are_given_up(endpoint: str) -> None:
    ec2 = client(endpoint, "ec2")
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=1)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }
    ec2.modify_instance_metadata_defaults(HttpTokens="no-preference", HttpPutResponseHopLimit=-1)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {}


Bucket = Callable[..., Any]


@pytest.fixture
def object_under(endpoint: str) -> Bucket:
    """Read an object in a bucket with a policy of one statement."""

    def read(name: str, **statement: Any) -> Any:
        s3 = client(endpoint, "s3")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        s3.put_object(Bucket=name, Key="page", Body=b"text")
        whole = {"Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}
        document = {"Version": "2012-10-17", "Statement": [{**whole, **statement}]}
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(document))
        return s3.get_object(Bucket=name, Key="page")["Body"].read()

    return read


def test_a_bucket_that_refuses_what_is_not_tls_can_be_read(object_under: Bucket) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    assert object_under("with-tls", Effect="Deny", Condition=insecure) == b"text"


def test_a_bucket_that_refuses_everybody_cannot(object_under: Bucket) -> None:
    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden|403"):
        object_under("for-nobody", Effect="Deny")


def test_a_call_that_is_repeated_because_its_answer_was_lost_is_not_done_twice(endpoint: str) -> None:
    body = b"Action=CreateUser&UserName=once&Version=2010-05-08"
    scope = "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"
    answers = []
    for call in ("first", "first", "second"):
        headers = {"Authorization": scope, "amz-sdk-invocation-id": call}
        request = urllib.request.Request(endpoint, body, headers, method="POST")  # noqa: S310 - the emulator
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - the emulator
                answers.append(answer.status)
        except urllib.error.HTTPError as error:
            answers.append(error.code)
    assert answers == [200, 200, 409]
