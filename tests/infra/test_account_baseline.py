"""What an account has once."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from infra.account_baseline import AccountBaseline, AccountBaselineArgs
from infra.inputs import InputError
from tests.infra.recording import Recorded, record

ARGS = AccountBaselineArgs(
    account_id="123456789012", budget_name="shop-monthly", budget_usd=500, topic_arns=["arn:topic"]
)


def baseline(args: AccountBaselineArgs = ARGS) -> Recorded:
    return record(lambda: AccountBaseline("baseline", args))


def test_no_bucket_of_the_account_is_public() -> None:
    block = baseline().only(":AccountPublicAccessBlock").inputs
    assert block["accountId"] == "123456789012"
    assert [block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert block["restrictPublicBuckets"] is True


def test_passwords_are_long_and_new() -> None:
    rules = baseline().only(":AccountPasswordPolicy").inputs
    assert (rules["minimumPasswordLength"], rules["passwordReusePrevention"]) == (14, 24)
    kinds = ("LowercaseCharacters", "UppercaseCharacters", "Numbers", "Symbols")
    assert all(rules[f"require{kind}"] is True for kind in kinds)


def test_volumes_are_encrypted_snapshots_stay_in_the_account_and_machines_ask_for_a_token() -> None:
    recorded = baseline()
    assert recorded.only(":EncryptionByDefault").inputs == {"enabled": True}
    assert recorded.only(":SnapshotBlockPublicAccess").inputs == {"state": "block-all-sharing"}
    metadata = recorded.only(":InstanceMetadataDefaults").inputs
    assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)


def test_only_the_settings_some_apis_lack_can_be_left_out() -> None:
    def kinds(recorded: Recorded) -> set[str]:
        return {resource.name for resource in recorded.created()}

    left_out = kinds(baseline()) - kinds(baseline(replace(ARGS, instance_defaults=False)))
    assert left_out == {"baseline-snapshots", "baseline-instance-metadata"}


def test_a_budget_tells_before_at_and_as_soon_as_the_limit_is_in_sight() -> None:
    budget = baseline(replace(ARGS, emails=["a@example.com"])).only(":Budget").inputs
    assert (budget["name"], budget["limitAmount"], budget["limitUnit"]) == ("shop-monthly", "500", "USD")
    assert [(one["notificationType"], one["threshold"]) for one in budget["notifications"]] == [
        ("ACTUAL", 80),
        ("ACTUAL", 100),
        ("FORECASTED", 100),
    ]
    for one in budget["notifications"]:
        assert one["subscriberEmailAddresses"] == ["a@example.com"]
        assert one["subscriberSnsTopicArns"] == ["arn:topic"]


def test_a_budget_s_start_does_not_move_with_the_clock() -> None:
    assert baseline().only(":Budget").inputs["timePeriodStart"] == "2026-01-01_00:00"


def test_a_budget_without_anybody_to_tell_has_no_notifications() -> None:
    assert baseline(replace(ARGS, topic_arns=())).only(":Budget").inputs["notifications"] == []


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: baseline(replace(ARGS, account_id="x")), "baseline.account_id must be 12 digits"),
        (lambda: baseline(replace(ARGS, budget_usd=0)), "baseline.budget_usd must be 1 or more"),
        (lambda: baseline(replace(ARGS, budget_name="a:b")), "baseline.budget_name must be 1 to 100 characters"),
        (lambda: baseline(replace(ARGS, budget_name="")), "baseline.budget_name must be 1 to 100 characters"),
        (lambda: baseline(replace(ARGS, emails=["nobody"])), "baseline.emails must be e-mail addresses"),
    ],
)
def test_an_input_is_refused_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
