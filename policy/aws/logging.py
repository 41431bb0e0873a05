"""Rules over what keeps a record: trails, log groups."""

from policy.aws.storage import KEYS
from policy.checks import at_least, is_given, is_true, one_of
from policy.controls import cis_aws, fsbp, security_hub
from policy.rule import Inputs, Rule, Severity, StackRule, Verdict, Violated
from policy.values import at

_TRAIL = "aws:cloudtrail/trail:Trail"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"


def _records(inputs: Inputs) -> Verdict:
    if at(inputs, "enableLogging") is False:
        return Violated("enableLogging is false")
    return is_true("isMultiRegionTrail")(inputs)


RULES: tuple[Rule, ...] = (
    Rule(
        name="trail-everywhere",
        title="Trails record in every region",
        controls=(fsbp("CloudTrail.1"), cis_aws("3.1")),
        severity=Severity.HIGH,
        remedy="Set isMultiRegionTrail to true, and leave enableLogging on.",
        types=(_TRAIL,),
        check=_records,
    ),
    Rule(
        name="trail-validated",
        title="A record of a trail cannot be altered unnoticed",
        controls=(fsbp("CloudTrail.4"), cis_aws("3.2")),
        severity=Severity.MEDIUM,
        remedy="Set enableLogFileValidation to true.",
        types=(_TRAIL,),
        check=is_true("enableLogFileValidation"),
    ),
    Rule(
        name="trail-global-events",
        title="Trails record what is in no region, such as IAM",
        controls=(cis_aws("3.1"),),
        severity=Severity.MEDIUM,
        remedy="Leave includeGlobalServiceEvents out, or set it to true.",
        types=(_TRAIL,),
        check=one_of("includeGlobalServiceEvents", (True, None)),
    ),
    Rule(
        name="logs-expire",
        title="Log groups say how long they keep their events",
        controls=(security_hub("CloudWatch.16"),),
        severity=Severity.LOW,
        remedy="Set retentionInDays.",
        types=(LOG_GROUP,),
        check=at_least("retentionInDays", 1),
    ),
)

STACK_RULES: tuple[StackRule, ...] = (
    StackRule(
        name="trail-encrypted",
        title="Trails are encrypted with KMS",
        controls=(fsbp("CloudTrail.2"), cis_aws("3.5")),
        severity=Severity.MEDIUM,
        remedy="Set kmsKeyId.",
        types=(_TRAIL,),
        check=is_given("kmsKeyId", *KEYS),
    ),
    StackRule(
        name="trail-to-logs",
        title="Trails can be searched and alarmed on",
        controls=(fsbp("CloudTrail.5"),),
        severity=Severity.LOW,
        remedy="Set cloudWatchLogsGroupArn and cloudWatchLogsRoleArn.",
        types=(_TRAIL,),
        check=is_given("cloudWatchLogsGroupArn", LOG_GROUP),
    ),
    StackRule(
        name="logs-encrypted",
        title="Log groups are encrypted with a key of the team's own",
        controls=(cis_aws("3.5"),),
        severity=Severity.LOW,
        remedy="Set kmsKeyId.",
        types=(LOG_GROUP,),
        check=is_given("kmsKeyId", *KEYS),
    ),
)
