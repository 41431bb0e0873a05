"""A job on Kubernetes that runs at fixed times, one run at a time, and may do next to nothing."""

import re
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.inputs import require
from infra.kubernetes_inputs import require_label
from infra.tags import labels
from infra.workloads.pod import PodArgs, Pods

# https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/: eleven characters go to the names of its jobs.
_LONGEST_NAME = 52
# Checked every ten seconds: with less, a run may be missed for good.
_SHORTEST_START_DEADLINE = 10
_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGE = re.compile(r"(\*|([0-9a-z]+)(-([0-9a-z]+))?)(/([0-9]+))?")
_TIME_ZONE = re.compile(r"(?!local$)[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ScheduledJobArgs(PodArgs):
    """`schedule` has the five fields of cron, in `time_zone` (as in the IANA database: Europe/Berlin).

    A run that could not start `start_deadline_seconds` after its time is left out; one that takes longer than
    `run_deadline_seconds` is ended and counts as failed. A pod that fails is tried again `retries` times. A finished
    job and its logs are kept for `keep_seconds`, and of those that succeeded and failed only so many.
    """

    schedule: str
    time_zone: str = "Etc/UTC"
    suspend: bool = False
    start_deadline_seconds: int = 300
    run_deadline_seconds: int = 3600
    retries: int = 2
    keep_succeeded: int = 1
    keep_failed: int = 3
    keep_seconds: int = 7 * 86_400


class ScheduledJob(pulumi.ComponentResource):
    """A CronJob with its identity, configuration and policies. Nobody can connect to its pods.

    A run whose predecessor still runs is left out, never added.
    """

    cron_job: pulumi.Output[str]
    image: pulumi.Output[str]

    def __init__(self, name: str, args: ScheduledJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:workloads/scheduledJob:ScheduledJob", name, None, opts)
        _validate(name, args)
        pods = Pods(name, args, self)
        job = batch.CronJob(
            name,
            metadata=pods.metadata(),
            spec=batch.CronJobSpecArgs(
                schedule=args.schedule,
                time_zone=args.time_zone,
                suspend=args.suspend,
                concurrency_policy="Forbid",
                starting_deadline_seconds=args.start_deadline_seconds,
                successful_jobs_history_limit=args.keep_succeeded,
                failed_jobs_history_limit=args.keep_failed,
                job_template=batch.JobTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=labels(name)), spec=_job(args, pods)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=pods.needs),
        )
        self.cron_job = job.metadata.apply(lambda metadata: str(metadata.name))
        self.image = pulumi.Output.from_input(args.image)
        self.register_outputs({"cronJob": self.cron_job, "image": self.image})


def _job(args: ScheduledJobArgs, pods: Pods) -> batch.JobSpecArgs:
    return batch.JobSpecArgs(
        active_deadline_seconds=args.run_deadline_seconds,
        backoff_limit=args.retries,
        ttl_seconds_after_finished=args.keep_seconds,
        # A pod that had to leave its node has not failed.
        # https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy
        pod_failure_policy=batch.PodFailurePolicyArgs(
            rules=[
                batch.PodFailurePolicyRuleArgs(
                    action="Ignore",
                    on_pod_conditions=[
                        batch.PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")
                    ],
                )
            ]
        ),
        # Never: each try is a pod of its own, so that the logs of the one that failed are still there.
        template=pods.template(restart_policy="Never"),
    )


def _validate(name: str, args: ScheduledJobArgs) -> None:
    require_label(name, f"{name} (the component's name)", longest=_LONGEST_NAME)
    require(
        _is_schedule(args.schedule),
        f"{name}.schedule",
        "five fields of cron (minute, hour, day, month, day of the week from 0 to 6), or one of @hourly, @daily, …",
        args.schedule,
    )
    require(
        _TIME_ZONE.fullmatch(args.time_zone) is not None,
        f"{name}.time_zone",
        "a name from the IANA database, as in Europe/Berlin",
        args.time_zone,
    )
    require(
        args.start_deadline_seconds >= _SHORTEST_START_DEADLINE,
        f"{name}.start_deadline_seconds",
        "10 or more",
        args.start_deadline_seconds,
    )
    require(args.run_deadline_seconds >= 1, f"{name}.run_deadline_seconds", "1 or more", args.run_deadline_seconds)
    for field in ("retries", "keep_succeeded", "keep_failed", "keep_seconds"):
        require(getattr(args, field) >= 0, f"{name}.{field}", "0 or more", getattr(args, field))


def _is_schedule(text: str) -> bool:
    """Whether Kubernetes takes it: https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax."""
    if text in _MACROS:
        return True
    fields = text.split()
    kinds: tuple[tuple[int, int, tuple[str, ...]], ...] = (
        (0, 59, ()),
        (0, 23, ()),
        (1, 31, ()),
        (1, 12, _MONTHS),
        (0, 6, _DAYS),
    )
    return len(fields) == len(kinds) and all(
        all(_is_range(part, *kind) for part in field.lower().split(","))
        for field, kind in zip(fields, kinds, strict=True)
    )


def _is_range(text: str, lowest: int, highest: int, names: tuple[str, ...]) -> bool:
    found = _RANGE.fullmatch(text)
    if found is None or (found[6] is not None and int(found[6]) == 0):
        return False
    if found[1] == "*":
        return True
    first = _number(found[2], lowest, names)
    last = _number(found[4], lowest, names) if found[4] else first
    return lowest <= first <= last <= highest


def _number(text: str, lowest: int, names: tuple[str, ...]) -> int:
    """The number a name or a number stands for; -1, which is in no range, for anything else."""
    if text.isdecimal():
        return int(text)
    return names.index(text) + lowest if text in names else -1
