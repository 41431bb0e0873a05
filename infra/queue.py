"""An SQS queue, with a second one for what nobody could work off."""

import json
import re
from dataclasses import dataclass

import pulumi
from pulumi_aws import sqs

from infra.inputs import require
from infra.tags import resource_tags

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
_QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]{1,68}")  # of 80 characters, "-dead-letter" needs 12
_MINUTE, _DAY = 60, 86_400
_LONGEST_RETENTION_DAYS = 14
_LONGEST_VISIBILITY_SECONDS = 43_200
_LONG_POLL_SECONDS = 20
_KEY_REUSE_SECONDS = 5 * _MINUTE


@dataclass(frozen=True, kw_only=True)
class QueueArgs:
    """`region`, `account_id` and `partition` make the queue's ARN, so that its policies can be read in a first preview.

    A message that is not deleted within `work_seconds` after it was taken comes again; after `attempts` times it goes
    to the dead-letter queue. `retention_days` (1 to 14) is how long a message waits for its first taker.
    """

    queue_name: str
    key_arn: pulumi.Input[str]
    region: str
    account_id: str
    work_seconds: int = 60
    attempts: int = 5
    retention_days: int = 4
    partition: str = "aws"


class Queue(pulumi.ComponentResource):
    """A standard queue and its dead-letter queue, encrypted with a given key and reached by TLS only.

    A dead letter is kept for 14 days, the longest there is: somebody has to look at it.
    """

    url: pulumi.Output[str]
    arn: str
    name: str
    dead_letter_name: str

    def __init__(self, name: str, args: QueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:queue:Queue", name, None, opts)
        _validate(name, args)
        self._args = args
        self.name = args.queue_name
        self.dead_letter_name = f"{args.queue_name}-dead-letter"
        dead = self._queue(f"{name}-dead-letter", self.dead_letter_name, days=_LONGEST_RETENTION_DAYS)
        queue = self._queue(
            name,
            self.name,
            days=args.retention_days,
            redrive=json.dumps(
                {"deadLetterTargetArn": self._arn(self.dead_letter_name), "maxReceiveCount": args.attempts},
                separators=(",", ":"),  # as SQS gives it back; the provider compares the text
            ),
            after=[dead],
        )
        sqs.RedriveAllowPolicy(
            f"{name}-dead-letter-source",
            queue_url=dead.id,
            redrive_allow_policy=json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [self._arn(self.name)]}
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.url = queue.url
        self.arn = self._arn(self.name)
        self.register_outputs({"url": self.url, "arn": self.arn})

    def _arn(self, queue_name: str) -> str:
        args = self._args
        return f"arn:{args.partition}:sqs:{args.region}:{args.account_id}:{queue_name}"

    def _queue(
        self,
        name: str,
        queue_name: str,
        *,
        days: int,
        redrive: str | None = None,
        after: list[pulumi.Resource] | None = None,
    ) -> sqs.Queue:
        queue = sqs.Queue(
            name,
            name=queue_name,
            kms_master_key_id=self._args.key_arn,
            # Each renewal of the data key is a call to KMS that costs money; five minutes are AWS's own default.
            kms_data_key_reuse_period_seconds=_KEY_REUSE_SECONDS,
            message_retention_seconds=days * _DAY,
            visibility_timeout_seconds=self._args.work_seconds,
            # Long polling: an empty queue is asked three times a minute and not all the time.
            receive_wait_time_seconds=_LONG_POLL_SECONDS,
            redrive_policy=redrive,
            tags=resource_tags(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after or []),
        )
        sqs.QueuePolicy(
            f"{name}-policy",
            queue_url=queue.id,
            policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "TlsOnly",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "sqs:*",
                            "Resource": self._arn(queue_name),
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                }
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return queue


def _validate(name: str, args: QueueArgs) -> None:
    require(
        _QUEUE_NAME.fullmatch(args.queue_name) is not None,
        f"{name}.queue_name",
        "1 to 68 letters, digits, hyphens and underscores",
        args.queue_name,
    )
    require(
        0 < args.work_seconds <= _LONGEST_VISIBILITY_SECONDS,
        f"{name}.work_seconds",
        "from 1 to 43200",
        args.work_seconds,
    )
    require(1 <= args.attempts <= 1000, f"{name}.attempts", "from 1 to 1000", args.attempts)
    require(
        1 <= args.retention_days <= _LONGEST_RETENTION_DAYS,
        f"{name}.retention_days",
        "from 1 to 14",
        args.retention_days,
    )
