"""What is pending, where to look for it, and what the state says afterwards."""

from typing import Any

import pytest

from gitops.adapters.pulumi.recovery import pending
from gitops.adapters.pulumi.recovery.pending import ByTags, KnownId, Nothing, Unknowable
from gitops.adapters.pulumi.recovery.whereabouts import whereabouts

PROVIDER = "urn:pulumi:dev::p::pulumi:providers:kubernetes::kube"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"


def urn(name: str, type_: str = CONFIG_MAP) -> str:
    return f"urn:pulumi:dev::p::{type_}::{name}"


def config_map(name: str, **more: Any) -> dict[str, Any]:
    return {
        "urn": urn(name),
        "type": CONFIG_MAP,
        "custom": True,
        "inputs": {"metadata": {"name": f"{name}-12", "namespace": "web"}},
        "provider": f"{PROVIDER}::1",
        "dependencies": [],
        **more,
    }


def live(name: str, manager: str = "pulumi-kubernetes-aa", **more: Any) -> dict[str, Any]:
    metadata = {"name": f"{name}-12", "managedFields": [{"manager": "kubelet"}, {"manager": manager}]}
    return config_map(name, id=f"web/{name}-12", outputs={"metadata": metadata, "__fieldManager": "new"}, **more)


def deployment(*resources: dict[str, Any], pending: tuple[tuple[str, dict[str, Any]], ...] = ()) -> dict[str, Any]:
    provider = {"urn": PROVIDER, "type": "pulumi:providers:kubernetes", "custom": True, "id": "1", "parent": "stack"}
    return {
        "version": 3,
        "deployment": {
            "secrets_providers": {"type": "passphrase"},
            "resources": [provider, *resources],
            "pending_operations": [{"type": kind, "resource": resource} for kind, resource in pending],
        },
    }


def settled(document: dict[str, Any], *states: dict[str, Any] | None) -> pending.Settled:
    """Settle with one answer for each pending operation, in order."""
    answered = []
    for one, state in zip(pending.pending(document), states, strict=True):
        place = pending.where(one, document)
        assert isinstance(place, KnownId)
        [probe] = pending.probes(one, place.ids, document)
        answered.append((probe, state))
    return pending.settle(document, [], answered)


def resources(result: pending.Settled) -> list[dict[str, Any]]:
    return list(result.document["deployment"]["resources"])


@pytest.mark.parametrize(
    ("type_", "inputs", "expected"),
    [
        (CONFIG_MAP, {"metadata": {"name": "a", "namespace": "web"}}, KnownId(("web/a",))),
        ("kubernetes:core/v1:Namespace", {"metadata": {"name": "web"}}, KnownId(("web",))),
        ("kubernetes:helm.sh/v3:Release", {"name": "r", "namespace": "web"}, KnownId(("web/r",))),
        ("aws:s3/bucket:Bucket", {"bucket": "logs"}, KnownId(("logs",))),
        ("aws:s3/bucketVersioning:BucketVersioning", {"bucket": "logs"}, KnownId(("logs",))),
        ("aws:kms/alias:Alias", {"name": "alias/k"}, KnownId(("alias/k",))),
        (
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            {"gatewayId": "igw-1", "routeTableId": "rtb-1"},
            KnownId(("igw-1/rtb-1",)),
        ),
        (
            "aws:ec2/route:Route",
            {"routeTableId": "rtb-1", "destinationIpv6CidrBlock": "::/0"},
            KnownId(("rtb-1_::/0",)),
        ),
    ],
)
def test_an_id_that_inputs_decide_is_known(type_: str, inputs: dict[str, Any], expected: KnownId) -> None:
    assert whereabouts(type_, inputs) == expected


def test_a_tagged_resource_is_looked_for_by_the_tags_of_this_pipeline_only() -> None:
    tags = {"Name": "x", "gitops:resource": "net", "gitops:stack": "dev"}
    place = whereabouts("aws:ec2/vpc:Vpc", {"tags": tags})
    assert place == ByTags("ec2", "vpc", {"gitops:resource": "net", "gitops:stack": "dev"})


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:ec2/vpc:Vpc", {"tags": {"Name": "x"}}),
        ("aws:ec2/vpc:Vpc", {}),
        (CONFIG_MAP, {"metadata": {"generateName": "a-"}}),
        ("aws:s3/bucket:Bucket", {"bucket": {"4dabf18193072939515e22adb298388d": "secret"}}),
        ("acme:index:Thing", {"name": "a"}),
    ],
)
def test_what_no_rule_finds_is_unknowable_and_never_passed_over(type_: str, inputs: dict[str, Any]) -> None:
    assert isinstance(whereabouts(type_, inputs), Unknowable)


@pytest.mark.parametrize(
    ("kind", "resource"),
    [
        ("creating", {"urn": urn("c", "infra:x:Y"), "type": "infra:x:Y"}),
        ("creating", {"urn": PROVIDER, "type": "pulumi:providers:kubernetes", "custom": True}),
        ("creating", {"urn": urn("r", "random:index:Id"), "type": "random:index:Id", "custom": True}),
        ("reading", config_map("a")),
        ("importing", config_map("a")),
        ("deleting", config_map("a", id="web/a-12")),
        ("updating", config_map("a", id="web/a-12")),
    ],
)
def test_an_operation_that_leaves_nothing_outside_of_the_state_is_dropped(kind: str, resource: dict[str, Any]) -> None:
    document = deployment(pending=((kind, resource),))
    [one] = pending.pending(document)
    assert isinstance(pending.where(one, document), Nothing)


def test_an_update_is_noted_without_its_id_and_left_to_the_next_preview() -> None:
    old = config_map("a", id="web/a-12")
    document = deployment(old, pending=(("updating", config_map("a")),))
    place = pending.where(pending.pending(document)[0], document)
    assert place == Nothing("the next preview reads it anew")


def test_a_create_whose_id_was_noted_is_looked_for_under_that_id() -> None:
    document = deployment(pending=(("creating", {**config_map("a"), "type": "acme:index:Thing", "id": "thing-7"}),))
    assert pending.where(pending.pending(document)[0], document) == KnownId(("thing-7",))


def test_an_unknown_kind_of_operation_is_an_error() -> None:
    with pytest.raises(ValueError, match="migrating"):
        pending.pending(deployment(pending=(("migrating", config_map("a")),)))


def test_a_probe_document_holds_providers_and_questions_without_ties_to_the_rest() -> None:
    other, note = config_map("other", id="web/other"), config_map("a", parent="stack", protect=True)
    document = deployment(other, pending=(("creating", note),))
    questions = pending.probes(pending.pending(document)[0], ["web/a-12"], document)
    probed = pending.probe_document(document, questions)["deployment"]
    assert [r["urn"] for r in probed["resources"]] == [PROVIDER, urn("a")]
    assert "pending_operations" not in probed
    assert probed["secrets_providers"] == {"type": "passphrase"}
    assert not {"parent", "dependencies", "protect"} & probed["resources"][1].keys()


def test_several_candidates_of_one_resource_are_asked_for_one_after_the_other() -> None:
    document = deployment(pending=(("creating", config_map("a")), ("creating", config_map("b"))))
    a, b = pending.pending(document)
    questions = [*pending.probes(a, ["1", "2"], document), *pending.probes(b, ["3"], document)]
    assert [[probe.resource["id"] for probe in one] for one in pending.rounds(questions)] == [["1", "3"], ["2"]]


def test_an_id_that_the_state_has_already_is_no_candidate() -> None:
    document = deployment(config_map("a", id="old", delete=True), pending=(("creating", config_map("a")),))
    questions = pending.probes(pending.pending(document)[0], ["old", "new"], document)
    assert [probe.resource["id"] for probe in questions] == ["new"]


def test_what_exists_is_adopted_with_its_ties_and_the_inputs_of_its_create() -> None:
    note = config_map("a", parent=urn("web"), dependencies=[urn("web")])
    read = {**live("a"), "inputs": {"guessed": True}}
    result = settled(deployment(config_map("web", id="web/web"), pending=(("creating", note),)), read)
    adopted = resources(result)[-1]
    assert adopted["id"] == "web/a-12"
    assert adopted["inputs"] == note["inputs"]
    assert (adopted["parent"], adopted["dependencies"]) == (urn("web"), [urn("web")])
    assert adopted["outputs"]["__fieldManager"] == "pulumi-kubernetes-aa"
    assert "pending_operations" not in result.document["deployment"]
    assert result.told == ("ConfigMap a had been created without being recorded; adopted as web/a-12",)


def test_what_does_not_exist_is_dropped() -> None:
    result = settled(deployment(pending=(("creating", config_map("a")),)), None)
    assert [r["urn"] for r in resources(result)] == [PROVIDER]
    assert result.told == ("ConfigMap a had not been created; its pending create is dropped",)


def test_an_adopted_replacement_stands_before_the_one_that_is_still_to_be_deleted() -> None:
    old = config_map("a", id="web/a-11")
    result = settled(deployment(old, config_map("b", id="web/b"), pending=(("creating", config_map("a")),)), live("a"))
    assert [(r["id"], r.get("delete", False)) for r in resources(result)[1:]] == [
        ("web/a-12", False),
        ("web/a-11", True),
        ("web/b", False),
    ]


def test_a_replacement_that_was_not_created_leaves_the_old_one_alone() -> None:
    old = config_map("a", id="web/a-11")
    result = settled(deployment(old, pending=(("creating", config_map("a")),)), None)
    assert resources(result)[1] == old


def test_an_adopted_replacement_ends_the_note_of_the_one_deleted_before_it() -> None:
    old = config_map("a", id="web/a-11", pendingReplacement=True)
    result = settled(deployment(old, pending=(("creating", config_map("a")),)), live("a"))
    assert [r["id"] for r in resources(result)[1:]] == ["web/a-12"]


def test_an_object_that_pulumi_never_wrote_is_not_adopted() -> None:
    result = settled(deployment(pending=(("creating", config_map("a")),)), live("a", manager="kubectl"))
    assert result.refusals == (f"web/a-12 exists, but was not made for {urn('a')}: Pulumi never wrote to it",)


def test_a_resource_with_the_tags_of_another_is_not_adopted() -> None:
    type_ = "aws:s3/bucket:Bucket"
    inputs = {"bucket": "logs", "tags": {"gitops:resource": "logs", "gitops:stack": "dev"}}
    note = {"urn": urn("logs", type_), "type": type_, "custom": True, "inputs": inputs}
    read = {**note, "id": "logs", "outputs": {"tags": {"gitops:resource": "logs", "gitops:stack": "prod"}}}
    result = settled(deployment(pending=(("creating", note),)), read)
    assert "its tag gitops:stack is prod" in result.refusals[0]


def test_two_resources_with_the_same_tags_are_refused_and_named() -> None:
    document = deployment(pending=(("creating", config_map("a")),))
    one = pending.pending(document)[0]
    first, second = pending.probes(one, ["1", "2"], document)
    result = pending.settle(document, [], [(first, {**live("a"), "id": "1"}), (second, {**live("a"), "id": "2"})])
    assert "exists more than once: 1, 2" in result.refusals[0]


def test_what_aws_does_not_give_back_comes_from_the_inputs() -> None:
    type_ = "aws:kms/key:Key"
    inputs = {"deletionWindowInDays": 30, "description": "asked", "__defaults": []}
    note = {"urn": urn("k", type_), "type": type_, "custom": True, "inputs": inputs, "id": "k-1"}
    read = {**note, "outputs": {"deletionWindowInDays": None, "description": "live"}}
    adopted = resources(settled(deployment(pending=(("creating", note),)), read))[-1]
    assert adopted["outputs"] == {"deletionWindowInDays": 30, "description": "live"}


def test_an_update_that_was_cut_short_takes_what_was_read() -> None:
    old = config_map("a", id="web/a-12", outputs={"v": 1}, parent=urn("web"))
    wanted = {**old, "inputs": {"v": 2}}
    read = {**old, "inputs": {"v": 2}, "outputs": {"v": 2}}
    result = settled(deployment(old, pending=(("updating", wanted),)), read)
    assert resources(result)[1]["outputs"] == {"v": 2}
    assert resources(result)[1]["parent"] == urn("web")
    assert result.told == ("ConfigMap a was read anew, because its update was cut short",)


def test_a_delete_that_happened_is_noted_as_the_engine_notes_it() -> None:
    gone = config_map("a", id="web/a-12")
    dependent = config_map("b", id="web/b", dependencies=[urn("a")], propertyDependencies={"data": [urn("a")]})
    result = settled(deployment(gone, dependent, pending=(("deleting", gone),)), None)
    assert resources(result)[1:] == [{**gone, "pendingReplacement": True}, dependent]
    assert result.told == ("ConfigMap a is gone, as its delete was to make it",)


def test_an_old_copy_whose_delete_happened_is_dropped() -> None:
    new, old = config_map("a", id="web/a-13"), config_map("a", id="web/a-12", delete=True)
    result = settled(deployment(new, old, pending=(("deleting", old),)), None)
    assert resources(result)[1:] == [new]


def test_what_is_gone_although_it_was_updated_leaves_nothing_that_depends_on_it() -> None:
    gone = config_map("a", id="web/a-12")
    dependent = config_map("b", id="web/b", dependencies=[urn("a")], propertyDependencies={"data": [urn("a")]})
    result = settled(deployment(gone, dependent, pending=(("updating", gone),)), None)
    [left] = resources(result)[1:]
    assert (left["urn"], left["dependencies"], left["propertyDependencies"]) == (urn("b"), [], {"data": []})


def test_what_replaces_a_deleted_resource_is_looked_for_under_the_same_id() -> None:
    deleted = config_map("a", id="web/a-12", pendingReplacement=True)
    result = settled(deployment(deleted, pending=(("creating", config_map("a")),)), live("a"))
    [adopted] = resources(result)[1:]
    assert (adopted["id"], adopted.get("pendingReplacement")) == ("web/a-12", None)


def test_a_delete_that_did_not_happen_keeps_the_resource_and_its_marks() -> None:
    old = config_map("a", id="web/a-12", delete=True)
    result = settled(deployment(old, pending=(("deleting", old),)), live("a"))
    assert resources(result)[1]["delete"] is True


def test_settling_does_not_change_the_document_it_was_given() -> None:
    document = deployment(config_map("a", id="web/a-11"), pending=(("creating", config_map("a")),))
    before = repr(document)
    settled(document, live("a"))
    assert repr(document) == before
