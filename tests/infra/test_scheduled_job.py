"""A scheduled job by itself: when it runs, when it gives up, how its pods run, and what it refuses."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pulumi
import pytest

from infra.inputs import InputError
from infra.namespace import Namespace, NamespaceArgs
from infra.traffic import EgressRule
from infra.workloads.scheduled_job import ScheduledJob, ScheduledJobArgs
from infra.workloads.web_service import WebService, WebServiceArgs
from tests.infra.recording import Recorded, record

ARGS = ScheduledJobArgs(namespace="shop-dev", image="example/report:1.0", schedule="15 3 * * *")


def job(args: ScheduledJobArgs = ARGS) -> Recorded:
    return record(lambda: ScheduledJob("report", args))


def cron(args: ScheduledJobArgs = ARGS) -> dict[str, Any]:
    found: dict[str, Any] = job(args).only(":CronJob").inputs["spec"]
    return found


def run(args: ScheduledJobArgs = ARGS) -> dict[str, Any]:
    found: dict[str, Any] = cron(args)["jobTemplate"]["spec"]
    return found


def test_it_runs_at_its_time_in_its_time_zone() -> None:
    found = cron(replace(ARGS, time_zone="Europe/Berlin"))
    assert (found["schedule"], found["timeZone"]) == ("15 3 * * *", "Europe/Berlin")
    assert cron()["timeZone"] == "Etc/UTC"


def test_a_run_never_meets_another() -> None:
    assert cron()["concurrencyPolicy"] == "Forbid"


def test_a_run_that_comes_too_late_is_left_out_and_one_that_takes_too_long_is_ended() -> None:
    args = replace(ARGS, start_deadline_seconds=60, run_deadline_seconds=120)
    assert cron(args)["startingDeadlineSeconds"] == 60
    assert run(args)["activeDeadlineSeconds"] == 120


def test_what_is_finished_is_kept_for_a_while() -> None:
    args = replace(ARGS, keep_succeeded=0, keep_failed=5, keep_seconds=60)
    assert (cron(args)["successfulJobsHistoryLimit"], cron(args)["failedJobsHistoryLimit"]) == (0, 5)
    assert run(args)["ttlSecondsAfterFinished"] == 60


def test_a_failed_pod_is_tried_again_and_one_that_was_moved_has_not_failed() -> None:
    found = run(replace(ARGS, retries=1))
    assert found["backoffLimit"] == 1
    assert found["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = found["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_it_can_be_suspended() -> None:
    assert cron()["suspend"] is False
    assert cron(replace(ARGS, suspend=True))["suspend"] is True


def test_its_pods_are_as_hardened_as_those_of_a_web_service() -> None:
    common = {"namespace": "shop-dev", "image": "example/report:1.0", "secrets": {"password": "x"}}
    service = WebServiceArgs(**common, port=8080, host="shop.example.com")
    served = record(lambda: WebService("report", service)).only(":Deployment").inputs["spec"]["template"]["spec"]
    mine = run(replace(ARGS, **common))["template"]["spec"]
    about_serving = {"ports", "readinessProbe", "livenessProbe", "startupProbe", "lifecycle"}
    (container,) = mine.pop("containers")
    (other,) = served.pop("containers")
    assert container == {key: value for key, value in other.items() if key not in about_serving}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert mine == {**served, "restartPolicy": "Never"}


def test_nobody_can_connect_to_its_pods_and_they_reach_what_is_named() -> None:
    assert not job().of(":Service")
    assert not job().of(":NetworkPolicy")
    rule = EgressRule(purpose="database", cidr="10.0.32.0/20", ports=(5432,))
    policy = job(replace(ARGS, egress=(rule,))).only(":NetworkPolicy").inputs["spec"]
    assert policy["policyTypes"] == ["Egress"]
    assert policy["egress"][0]["to"] == [{"ipBlock": {"cidr": "10.0.32.0/20"}}]


def test_it_starts_after_the_guards_of_its_namespace() -> None:
    def program() -> None:
        shop = Namespace("shop", NamespaceArgs(namespace_name="shop-dev", cpu="1", memory="1Gi", pods=5))
        ScheduledJob("report", replace(ARGS, namespace=shop.name, after=shop.guards))

    needed = {urn.split("::")[-1] for urn in record(program).only(":CronJob").depends_on}
    assert needed >= {"shop", "shop-quota", "shop-deny-all", "report-account", "report-config"}


def test_every_object_is_labelled_and_named_in_its_namespace() -> None:
    recorded = job(replace(ARGS, secrets={"a": "b"}))
    assert recorded.only(":CronJob").name == "report"
    for resource in recorded.created():
        assert resource.name == "report" or resource.name.startswith("report-")
        assert resource.inputs["metadata"]["namespace"] == "shop-dev"
        assert resource.inputs["metadata"]["name"] == "report"
        assert resource.inputs["metadata"]["labels"]["app.kubernetes.io/name"] == "report"
    labels = run()["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "report"


def test_the_outputs_are_its_name_and_its_image() -> None:
    def program() -> None:
        made = ScheduledJob("report", ARGS)
        pulumi.export("cron", made.cron_job)
        pulumi.export("image", made.image)

    assert record(program).outputs == {"cron": "report", "image": "example/report:1.0"}


@pytest.mark.parametrize(
    "schedule",
    ["@hourly", "* * * * *", "*/5 0-6 1,15 * mon-fri", "0 0 31 DEC *", "59 23 * 1-3/2 6", "0 12 * * sun,wed"],
)
def test_a_schedule_that_kubernetes_takes_is_taken(schedule: str) -> None:
    assert cron(replace(ARGS, schedule=schedule))["schedule"] == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "5-1 * * * *",
        "*/0 * * * *",
        "* * * foo *",
        "jan * * * *",
        "1,,2 * * * *",
        "@never",
        "TZ=UTC * * * * *",
    ],
)
def test_a_schedule_that_would_never_run_is_refused(schedule: str) -> None:
    with pytest.raises(InputError, match=r"report\.schedule must be five fields of cron"):
        job(replace(ARGS, schedule=schedule))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_zone": "Local"}, "report.time_zone must be a name from the IANA database"),
        ({"time_zone": "+02:00"}, "report.time_zone must be a name from the IANA database"),
        ({"start_deadline_seconds": 9}, "report.start_deadline_seconds must be 10 or more"),
        ({"run_deadline_seconds": 0}, "report.run_deadline_seconds must be 1 or more"),
        ({"retries": -1}, "report.retries must be 0 or more"),
        ({"keep_succeeded": -1}, "report.keep_succeeded must be 0 or more"),
        ({"keep_failed": -1}, "report.keep_failed must be 0 or more"),
        ({"keep_seconds": -1}, "report.keep_seconds must be 0 or more"),
        ({"image": "example/report:latest"}, "report.image must be an image with a tag"),
        ({"memory": "1GB"}, "report.memory must be a Kubernetes quantity"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        job(replace(ARGS, **changes))


def test_a_name_that_leaves_no_room_for_its_runs_is_refused() -> None:
    assert record(lambda: ScheduledJob("x" * 52, ARGS)).only(":CronJob")
    with pytest.raises(InputError, match=r"\(the component's name\) must be 1 to 52 lower-case"):
        record(lambda: ScheduledJob("x" * 53, ARGS))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.schedule = "other"  # type: ignore[misc]
