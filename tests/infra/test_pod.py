"""What pods are given: public settings, files and secrets, and which change of them starts new pods."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from pulumi.runtime.settings import SETTINGS

from infra.inputs import InputError
from infra.workloads.web_service import WebService, WebServiceArgs
from tests.infra.recording import Recorded, record

ARGS = WebServiceArgs(namespace="shop-dev", image="example/web:1.0", port=8080, host="shop.example.com")
PASSWORD = "correct horse"


def web(args: WebServiceArgs = ARGS) -> Recorded:
    return record(lambda: WebService("web", args))


def template(args: WebServiceArgs = ARGS) -> dict[str, Any]:
    found: dict[str, Any] = web(args).only(":Deployment").inputs["spec"]["template"]
    return found


def container(args: WebServiceArgs = ARGS) -> dict[str, Any]:
    (found,) = template(args)["spec"]["containers"]
    return dict(found)


def annotations(args: WebServiceArgs) -> Mapping[str, str]:
    found: Mapping[str, str] = template(args)["metadata"]["annotations"]
    return found


def test_files_are_mounted_where_the_application_cannot_write() -> None:
    args = replace(ARGS, files={"app.yaml": "a: 1\n"})
    recorded = web(args)
    assert recorded.named(":ConfigMap", "web-files").inputs["data"] == {"app.yaml": "a: 1\n"}
    assert {"name": "files", "mountPath": "/etc/config", "readOnly": True} in container(args)["volumeMounts"]
    assert {"name": "files", "configMap": {"name": "web-files"}} in template(args)["spec"]["volumes"]


def test_secrets_are_files_that_the_pod_alone_reads_and_no_variables() -> None:
    args = replace(ARGS, secrets={"password": PASSWORD})
    (volume,) = [one for one in template(args)["spec"]["volumes"] if one["name"] == "secrets"]
    assert volume["secret"] == {"secretName": "web", "defaultMode": 0o440}
    assert {"name": "secrets", "mountPath": "/etc/secrets", "readOnly": True} in container(args)["volumeMounts"]
    assert "env" not in container(args)
    assert [list(source) for source in container(args)["envFrom"]] == [["configMapRef"]]


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_secret_is_one_in_state_and_plans_whether_or_not_it_came_as_one(wrapped: bool) -> None:
    found: list[bool] = []

    def program() -> None:
        value = pulumi.Output.secret(PASSWORD) if wrapped else PASSWORD
        service = WebService("web", replace(ARGS, secrets={"password": value}))
        assert service._pods.needs

        async def look(secret: Any) -> None:
            found.append(await secret.data.is_secret())

        (secret,) = [one for one in service._pods.needs if type(one).__name__ == "Secret"]
        pulumi.export("looked", pulumi.Output.from_input(look(secret)))

    recorded = record(program)
    assert found == [True]
    others = [one.inputs for one in recorded.created() if not one.type.endswith(":Secret")]
    assert PASSWORD not in json.dumps(others)


def test_no_digest_of_a_secret_is_kept_anywhere() -> None:
    # A plain digest of a short password tells it to whoever can try them all.
    one, other = (replace(ARGS, secrets={"password": value}) for value in (PASSWORD, "another"))
    assert template(one) == template(other)


def test_new_secrets_start_new_pods_when_the_author_says_so() -> None:
    args = replace(ARGS, secrets={"password": PASSWORD})
    assert annotations(args)["gitops/secrets-version"] == "1"
    assert template(args) != template(replace(args, secrets_version="2"))
    assert "gitops/secrets-version" not in annotations(ARGS)


@pytest.mark.parametrize("field", ["environment", "files"])
def test_changed_settings_roll_the_pods_and_equal_ones_do_not(field: str) -> None:
    def made(**values: str) -> object:
        # As outputs, which is how another component's values come.
        def program() -> None:
            outputs = {key: pulumi.Output.from_input(value) for key, value in values.items()}
            WebService("web", replace(ARGS, **{field: outputs}))

        return record(program).only(":Deployment").inputs["spec"]["template"]

    assert made(A="1", B="2") == made(B="2", A="1")
    assert made(A="1") != made(A="2")


@pytest.mark.parametrize("field", ["environment", "files"])
def test_a_secret_among_public_settings_ends_the_run(field: str) -> None:
    with pytest.raises(InputError, match=rf"web.{field} must be without secrets.*\(not shown\)") as caught:
        record(lambda: WebService("web", replace(ARGS, **{field: {"A": pulumi.Output.secret(PASSWORD)}})))
    assert PASSWORD not in str(caught.value)
    # The SDK keeps what a failed run left undone, and the next one would wait for it.
    SETTINGS.outputs.clear()
