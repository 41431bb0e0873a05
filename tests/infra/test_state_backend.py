"""Where the state is kept, and who reaches it."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.inputs import InputError
from infra.state_backend import StateBackend, StateBackendArgs
from tests.infra.iam import allowed
from tests.infra.recording import Recorded, record

ACCOUNT = "arn:aws:iam::123456789012"
ADMIN = f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-west-1/Administrator_1f"
WRITER = f"{ACCOUNT}:role/shop-dev-delivery-apply"
READER = f"{ACCOUNT}:role/shop-dev-delivery-preview"
STRANGER = f"{ACCOUNT}:role/somebody"
ARGS = StateBackendArgs(
    bucket_name="shop-state",
    alias="shop-state-key",
    account_id="123456789012",
    region="eu-west-1",
    administrators=[f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/*Administrator_*"],
    writers=[WRITER],
    readers=[READER],
)
BUCKET = "arn:aws:s3:::shop-state"
CHECKPOINT = f"{BUCKET}/.pulumi/stacks/infrastructure/dev.json"


def state(args: StateBackendArgs = ARGS) -> Recorded:
    return record(lambda: StateBackend("state", args))


def may(principal: str, action: str, resource: str = BUCKET) -> bool:
    """Whether the bucket's policy leaves the action to whoever's own policy allows everything."""
    policy = json.loads(state().only(":BucketPolicy").inputs["policy"])
    policy["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    return allowed([json.dumps(policy)], action, resource, aws__PrincipalArn=principal, aws__SecureTransport="true")


def may_use_key(principal: str, action: str) -> bool:
    return allowed([state().only(":Key").inputs["policy"]], action, aws__PrincipalArn=principal)


def test_the_bucket_is_versioned_encrypted_with_the_key_and_keeps_old_versions() -> None:
    recorded = state()
    assert recorded.only(":Bucket").inputs["bucket"] == "shop-state"
    assert recorded.only(":BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = recorded.only(":BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"] == "arn:state-key"
    (lifecycle,) = recorded.only(":BucketLifecycleConfiguration").inputs["rules"]
    assert lifecycle["noncurrentVersionExpiration"] == {"noncurrentDays": 90}
    assert "expiration" not in lifecycle


def test_nobody_else_reaches_the_bucket_whatever_iam_allows() -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetBucketPolicy"):
        assert not may(STRANGER, action, CHECKPOINT)


def test_who_previews_reads_and_who_applies_writes() -> None:
    assert may(READER, "s3:GetObject", CHECKPOINT)
    assert not may(READER, "s3:PutObject", CHECKPOINT)
    assert not may(READER, "s3:DeleteObject", CHECKPOINT)
    assert may(WRITER, "s3:PutObject", CHECKPOINT)
    assert may(WRITER, "s3:DeleteObject", CHECKPOINT)


@pytest.mark.parametrize(
    "action",
    [
        "s3:DeleteObjectVersion",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
        "s3:PutBucketPolicy",
        "s3:DeleteBucket",
    ],
)
def test_only_administrators_can_end_what_was(action: str) -> None:
    assert not may(WRITER, action, CHECKPOINT)
    assert may(ADMIN, action, CHECKPOINT)


def test_the_root_user_is_never_shut_out() -> None:
    assert may(f"{ACCOUNT}:root", "s3:PutBucketPolicy")
    assert may_use_key(f"{ACCOUNT}:root", "kms:PutKeyPolicy")
    assert not may_use_key(f"{ACCOUNT}:root", "kms:Decrypt")


def test_the_key_opens_for_named_roles_and_is_administered_by_administrators() -> None:
    for principal in (ADMIN, WRITER, READER):
        assert may_use_key(principal, "kms:Decrypt")
    assert may_use_key(WRITER, "kms:GenerateDataKey")
    assert not may_use_key(READER, "kms:GenerateDataKey")
    assert not may_use_key(WRITER, "kms:ScheduleKeyDeletion")
    assert may_use_key(ADMIN, "kms:ScheduleKeyDeletion")
    assert not may_use_key(STRANGER, "kms:Decrypt")
    assert not may_use_key(STRANGER, "kms:DescribeKey")


def test_the_key_rotates_and_its_deletion_can_be_undone_for_as_long_as_aws_allows() -> None:
    inputs = state().only(":Key").inputs
    assert (inputs["enableKeyRotation"], inputs["deletionWindowInDays"]) == (True, 30)
    assert state().only(":Alias").inputs["name"] == "alias/shop-state-key"


def test_addresses_for_pulumi_are_made_from_chosen_names() -> None:
    found: list[StateBackend] = []
    record(lambda: found.append(StateBackend("state", ARGS)))
    assert found[0].url == "s3://shop-state?region=eu-west-1"
    assert found[0].secrets_provider + "dev" == (
        "awskms:///alias/shop-state-key?region=eu-west-1&context_environment=dev"
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: state(replace(ARGS, account_id="1")), "state.account_id must be 12 digits"),
        (lambda: state(replace(ARGS, alias="alias/x")), "state.alias must be without its alias/"),
        (lambda: state(replace(ARGS, retention_days=29)), "state.retention_days must be 30 or more"),
        (lambda: state(replace(ARGS, administrators=[])), "state.administrators must be at least one role"),
        (lambda: state(replace(ARGS, administrators=[f"{ACCOUNT}:role/*"])), "state.administrators must be ARNs of"),
        (lambda: state(replace(ARGS, administrators=[f"{ACCOUNT}:root"])), "state.administrators must be ARNs of"),
        (lambda: state(replace(ARGS, writers=["*"])), "state.writers must be ARNs of roles"),
        (lambda: state(replace(ARGS, readers=[f"{ACCOUNT}:role/shop-*"])), "state.readers must be without wildcards"),
    ],
)
def test_an_input_is_refused_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
