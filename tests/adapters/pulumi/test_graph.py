"""How a stack's resources depend on each other, by what a preview reads."""

from typing import Any

from gitops.adapters.pulumi import graph
from gitops.model import ResourceNode
from tests.support.plans import urn

BUCKET, KEY, NETWORK, PROVIDER = "aws:s3/bucket:Bucket", "aws:kms/key:Key", "shop:infra:Network", "pulumi:providers:aws"


def in_state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"resources": list(resources)}}


def planned(**goals: dict[str, Any] | None) -> dict[str, Any]:
    return {"resourcePlans": {urn(BUCKET, name): {"goal": goal, "steps": []} for name, goal in goals.items()}}


def test_a_resource_needs_what_it_takes_values_from_and_what_it_waits_for() -> None:
    resource = {
        "urn": urn(BUCKET, "logs"),
        "parent": urn(NETWORK, "main"),
        "dependencies": [urn(KEY, "b"), urn(KEY, "a")],
        "propertyDependencies": {"acl": None, "kmsKey": [urn(KEY, "c"), urn(KEY, "a")]},
    }
    needs = (urn(KEY, "a"), urn(KEY, "b"), urn(KEY, "c"))
    assert graph.read(in_state(resource), {}).resources == (
        ResourceNode(urn(BUCKET, "logs"), urn(NETWORK, "main"), needs),
    )


def test_an_explicit_provider_is_needed_and_a_default_one_is_not_spoken_of() -> None:
    def needs(provider: str) -> tuple[str, ...]:
        resource = {"urn": urn(BUCKET, "logs"), "provider": f"{urn(PROVIDER, provider)}::04da6b54-80e4"}
        return graph.read(in_state(resource), {}).resources[0].needs

    assert needs("default") == needs("default_7_21_0") == ()
    assert needs("ireland") == (urn(PROVIDER, "ireland"),)
    assert needs("default-region") == (urn(PROVIDER, "default-region"),)


def test_the_plan_is_right_about_what_the_program_wants_and_the_state_about_what_goes() -> None:
    state = in_state(
        {"urn": urn(BUCKET, "kept"), "dependencies": [urn(KEY, "old")]},
        {"urn": urn(BUCKET, "doomed"), "dependencies": [urn(BUCKET, "kept")]},
        {"urn": urn(BUCKET, "kept"), "delete": True, "dependencies": [urn(KEY, "older")]},
    )
    saved = planned(kept={"dependencies": [urn(KEY, "new")]}, doomed=None, made={"parent": urn(NETWORK, "main")})
    assert graph.read(state, saved).resources == (
        ResourceNode(urn(BUCKET, "doomed"), "", (urn(BUCKET, "kept"),)),
        ResourceNode(urn(BUCKET, "kept"), "", (urn(KEY, "new"),)),
        ResourceNode(urn(BUCKET, "made"), urn(NETWORK, "main")),
    )


def test_a_stack_that_does_not_exist_and_wants_nothing_has_no_graph() -> None:
    assert graph.read({}, {}).resources == ()
