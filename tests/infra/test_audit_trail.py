"""The audit trail: what it records, and that only CloudTrail writes where it is kept."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.audit_trail import AuditTrail, AuditTrailArgs
from infra.inputs import InputError
from tests.infra.recording import Recorded, record

ARGS = AuditTrailArgs(
    trail_name="shop-audit",
    bucket_name="shop-audit-events",
    log_group_name="shop-audit-log",
    role_name="shop-audit-delivery",
    key_arn="arn:key",
    account_id="123456789012",
    region="eu-west-1",
    archive_days=400,
    search_days=90,
)
TRAIL = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/shop-audit"
LOG_GROUP = "arn:aws:logs:eu-west-1:123456789012:log-group:shop-audit-log"


def trail(args: AuditTrailArgs = ARGS) -> Recorded:
    return record(lambda: AuditTrail("audit", args))


def test_a_trail_sees_all_regions_and_signs_what_it_writes() -> None:
    inputs = trail().only(":Trail").inputs
    assert inputs["name"] == "shop-audit"
    assert inputs["isMultiRegionTrail"] is inputs["includeGlobalServiceEvents"] is True
    assert inputs["enableLogFileValidation"] is True
    assert inputs["kmsKeyId"] == "arn:key"
    assert "enableLogging" not in inputs or inputs["enableLogging"] is True


def test_a_trail_records_management_events_that_read_and_that_write() -> None:
    assert trail().only(":Trail").inputs["eventSelectors"] == [
        {"includeManagementEvents": True, "readWriteType": "All"}
    ]


def test_insights_can_be_left_out() -> None:
    kinds = [one["insightType"] for one in trail().only(":Trail").inputs["insightSelectors"]]
    assert kinds == ["ApiCallRateInsight", "ApiErrorRateInsight"]
    assert trail(replace(ARGS, insights=False)).only(":Trail").inputs["insightSelectors"] == []


def test_only_this_trail_delivers_to_its_bucket() -> None:
    statements = json.loads(trail().only(":BucketPolicy").inputs["policy"])["Statement"]
    (acl, write) = [one for one in statements if one["Effect"] == "Allow"]
    for statement in (acl, write):
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL
    assert (acl["Action"], acl["Resource"]) == ("s3:GetBucketAcl", "arn:aws:s3:::shop-audit-events")
    assert (write["Action"], write["Resource"]) == (
        "s3:PutObject",
        "arn:aws:s3:::shop-audit-events/AWSLogs/123456789012/*",
    )
    assert any(one["Sid"] == "TlsOnly" for one in statements)


def test_events_and_their_replaced_versions_are_kept_equally_long() -> None:
    (rule,) = trail().only(":BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 400}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 400}


def test_events_are_also_in_an_encrypted_log_group() -> None:
    recorded = trail()
    group = recorded.only(":LogGroup").inputs
    assert (group["name"], group["retentionInDays"], group["kmsKeyId"]) == ("shop-audit-log", 90, "arn:key")
    assert recorded.only(":Trail").inputs["cloudWatchLogsGroupArn"] == f"{LOG_GROUP}:*"


def test_the_delivering_role_is_for_this_trail_and_this_log_group() -> None:
    recorded = trail()
    (trust,) = json.loads(recorded.only(":Role").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceArn": TRAIL}}
    (may,) = json.loads(recorded.only(":RolePolicy").inputs["policy"])["Statement"]
    assert may["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert may["Resource"] == f"{LOG_GROUP}:log-stream:123456789012_CloudTrail_eu-west-1*"


def test_a_boundary_is_put_on_the_role_where_there_is_one() -> None:
    assert "permissionsBoundary" not in trail().only(":Role").inputs
    bounded = trail(replace(ARGS, permissions_boundary="arn:boundary")).only(":Role").inputs
    assert bounded["permissionsBoundary"] == "arn:boundary"


def test_a_trail_starts_when_both_deliveries_are_allowed() -> None:
    needed = {urn.split("::")[-1] for urn in trail().only(":Trail").depends_on}
    assert needed >= {"audit-bucket-policy", "audit-log-group", "audit-role-policy"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: trail(replace(ARGS, trail_name="a")), "audit.trail_name must be 3 to 128 letters"),
        (lambda: trail(replace(ARGS, trail_name="a--b")), "audit.trail_name must be"),
        (lambda: trail(replace(ARGS, account_id="12")), "audit.account_id must be 12 digits"),
        (lambda: trail(replace(ARGS, search_days=91)), "audit.search_days must be a number of days that CloudWatch"),
        (lambda: trail(replace(ARGS, archive_days=364)), "audit.archive_days must be 365 or more; got 364"),
    ],
)
def test_an_input_is_refused_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
