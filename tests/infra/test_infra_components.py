"""Each component by itself: what it creates, and what it refuses."""

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace

import pulumi
import pytest

from infra.bucket import Bucket, BucketArgs
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.inputs import InputError
from infra.namespace import Namespace, NamespaceArgs
from infra.network import Network, NetworkArgs
from infra.workload import Workload, WorkloadArgs
from tests.infra.recording import Recorded, record

NETWORK = NetworkArgs(region="eu-west-1", cidr="10.0.0.0/16", zones=("a", "b", "c"), nat_gateways=1)
BUCKET = BucketArgs(bucket_name="shop-assets", key_arn="arn:key", retention_days=30)
KEY = EncryptionKeyArgs(alias="shop", description="data", deletion_days=7)
NAMESPACE = NamespaceArgs(namespace_name="shop-dev", cpu="2", memory="2Gi", pods=10)
WORKLOAD = WorkloadArgs(
    namespace="shop-dev",
    image="example/web:1.0",
    port=8080,
    ready_path="/ready",
    alive_path="/alive",
    min_replicas=2,
    max_replicas=5,
    cpu="100m",
    memory="64Mi",
    ingress_namespace="ingress",
    environment={"COLOUR": "blue"},
)


def network(args: NetworkArgs = NETWORK) -> Recorded:
    return record(lambda: Network("net", args))


def bucket(args: BucketArgs = BUCKET) -> Recorded:
    return record(lambda: Bucket("assets", args))


def key(args: EncryptionKeyArgs = KEY) -> Recorded:
    return record(lambda: EncryptionKey("key", args))


def namespace(args: NamespaceArgs = NAMESPACE) -> Recorded:
    return record(lambda: Namespace("shop", args))


def workload(args: WorkloadArgs = WORKLOAD) -> Recorded:
    return record(lambda: Workload("web", args))


# Network


def test_each_zone_has_a_public_and_a_private_subnet_at_a_fixed_place() -> None:
    blocks = {subnet.name: subnet.inputs["cidrBlock"] for subnet in network().of(":Subnet")}
    assert blocks == {
        "net-public-a": "10.0.0.0/20",
        "net-public-b": "10.0.16.0/20",
        "net-public-c": "10.0.32.0/20",
        "net-private-a": "10.0.128.0/20",
        "net-private-b": "10.0.144.0/20",
        "net-private-c": "10.0.160.0/20",
    }


def test_a_zone_taken_away_moves_no_other_subnet() -> None:
    def blocks(args: NetworkArgs) -> set[tuple[str, str]]:
        return {(subnet.name, subnet.inputs["cidrBlock"]) for subnet in network(args).of(":Subnet")}

    assert blocks(replace(NETWORK, zones=("a", "c"))) < blocks(NETWORK)


def test_nothing_in_a_public_subnet_gets_a_public_address_unasked() -> None:
    assert {subnet.inputs["mapPublicIpOnLaunch"] for subnet in network().of(":Subnet")} == {False}


def test_the_default_security_group_has_no_rules() -> None:
    group = network().only(":DefaultSecurityGroup")
    assert group.inputs["ingress"] == group.inputs["egress"] == []


def test_s3_is_reached_from_every_route_table_without_the_internet() -> None:
    recorded = network()
    endpoint = recorded.only(":VpcEndpoint").inputs
    assert endpoint["serviceName"] == "com.amazonaws.eu-west-1.s3"
    assert set(endpoint["routeTableIds"]) == {f"{table.name}-id" for table in recorded.of(":RouteTable")}


@pytest.mark.parametrize(
    ("count", "used"),
    [
        (0, {}),
        (1, {"a": "a", "b": "a", "c": "a"}),
        (2, {"a": "a", "b": "b", "c": "a"}),
        (3, {"a": "a", "b": "b", "c": "c"}),
    ],
)
def test_private_zones_share_the_nat_gateways_there_are(count: int, used: dict[str, str]) -> None:
    recorded = network(replace(NETWORK, nat_gateways=count))
    assert len(recorded.of(":NatGateway")) == len(recorded.of(":Eip")) == count
    routes = [route for route in recorded.of(":Route") if "natGatewayId" in route.inputs]
    assert {route.name: route.inputs["natGatewayId"] for route in routes} == {
        f"net-private-{zone}-internet": f"net-nat-{gateway}-id" for zone, gateway in used.items()
    }


def test_a_nat_gateway_goes_before_the_way_out_does() -> None:
    (gateway,) = network().of(":NatGateway")
    assert any("InternetGateway::net-internet" in urn for urn in gateway.depends_on)


# Bucket


def test_a_bucket_is_closed_to_the_public() -> None:
    block = bucket().only(":BucketPublicAccessBlock").inputs
    assert [block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    assert block["restrictPublicBuckets"] is True
    assert bucket().only(":BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_a_bucket_is_encrypted_with_the_given_key() -> None:
    (rule,) = bucket().only(":BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": "arn:key"}
    assert rule["bucketKeyEnabled"] is True


def test_a_bucket_answers_over_tls_only() -> None:
    recorded = bucket(replace(BUCKET, partition="aws-cn"))
    policy = recorded.only(":BucketPolicy")
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == ["arn:aws-cn:s3:::shop-assets", "arn:aws-cn:s3:::shop-assets/*"]
    assert any("BucketPublicAccessBlock" in urn for urn in policy.depends_on)


def test_a_bucket_keeps_old_versions_for_a_while() -> None:
    assert bucket().only(":BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    (rule,) = bucket().only(":BucketLifecycleConfiguration").inputs["rules"]
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "expiration" not in rule


def test_a_bucket_is_never_emptied() -> None:
    assert "forceDestroy" not in bucket().only(":Bucket").inputs


def test_a_bucket_takes_names_that_are_not_known_yet() -> None:
    recorded = record(lambda: Bucket("assets", replace(BUCKET, bucket_name=pulumi.Output.from_input("later-known"))))
    assert recorded.only(":Bucket").inputs["bucket"] == "later-known"


# Key


def test_a_key_rotates_and_is_found_by_its_alias() -> None:
    assert key().only(":Key").inputs["enableKeyRotation"] is True
    assert key().only(":Key").inputs["deletionWindowInDays"] == 7
    assert key().only(":Alias").inputs == {"name": "alias/shop", "targetKeyId": "key-key"}


# Namespace


def test_a_namespace_admits_restricted_pods_only() -> None:
    labels = namespace().only(":Namespace").inputs["metadata"]["labels"]
    levels = {key: value for key, value in labels.items() if key.startswith("pod-security")}
    assert set(levels.values()) == {"restricted"}
    assert "pod-security.kubernetes.io/enforce" in levels


def test_a_namespace_has_a_quota_and_defaults_that_let_pods_live_under_it() -> None:
    quota = namespace().only(":ResourceQuota").inputs["spec"]["hard"]
    assert quota["requests.cpu"] == "2"
    assert quota["limits.memory"] == "2Gi"
    assert quota["pods"] == "10"
    assert quota["services.loadbalancers"] == quota["services.nodeports"] == "0"
    (defaults,) = namespace().only(":LimitRange").inputs["spec"]["limits"]
    assert defaults["default"].keys() == {"memory"}
    assert defaults["defaultRequest"].keys() == {"cpu", "memory"}


def test_a_namespace_denies_all_traffic_but_dns() -> None:
    deny = namespace().named(":NetworkPolicy", "shop-deny-all").inputs["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = namespace().named(":NetworkPolicy", "shop-allow-dns").inputs["spec"]["egress"]
    assert {(port["port"], port["protocol"]) for port in rule["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_what_guards_a_namespace_goes_before_it_does() -> None:
    for kind in (":ResourceQuota", ":LimitRange", ":NetworkPolicy"):
        for guard in namespace().of(kind):
            assert any(urn.endswith("v1:Namespace::shop") for urn in guard.depends_on), guard


# Workload


def test_the_number_of_pods_belongs_to_the_autoscaler() -> None:
    recorded = workload()
    assert "replicas" not in recorded.only(":Deployment").inputs["spec"]
    autoscaler = recorded.only(":HorizontalPodAutoscaler").inputs["spec"]
    assert (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (2, 5)
    assert autoscaler["scaleTargetRef"]["name"] == "web"


def test_a_pod_may_do_next_to_nothing() -> None:
    pod = workload().only(":Deployment").inputs["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert workload().only(":ServiceAccount").inputs["automountServiceAccountToken"] is False


def test_a_container_says_what_it_needs_and_when_it_is_well() -> None:
    (container,) = workload().only(":Deployment").inputs["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}}
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/alive"


def test_changed_settings_roll_the_pods_and_equal_ones_do_not() -> None:
    def template(**environment: str) -> object:
        # As outputs, which is how another component's values come.
        def program() -> None:
            values = {key: pulumi.Output.from_input(value) for key, value in environment.items()}
            Workload("web", replace(WORKLOAD, environment=values))

        return record(program).only(":Deployment").inputs["spec"]["template"]

    assert template(A="1", B="2") == template(B="2", A="1")
    assert template(A="1") != template(A="2")


def test_selectors_agree_and_hold_no_label_that_can_move() -> None:
    recorded = workload()
    expected = {"app.kubernetes.io/name": "web"}
    spec = recorded.only(":Deployment").inputs["spec"]
    assert spec["selector"]["matchLabels"] == recorded.only(":Service").inputs["spec"]["selector"] == expected
    assert recorded.only(":PodDisruptionBudget").inputs["spec"]["selector"]["matchLabels"] == expected
    assert expected.items() <= spec["template"]["metadata"]["labels"].items()


def test_a_lone_pod_never_blocks_the_drain_of_its_node() -> None:
    budget = workload().only(":PodDisruptionBudget").inputs["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget


def test_only_the_ingress_reaches_the_pods_and_only_on_their_port() -> None:
    spec = workload().only(":NetworkPolicy").inputs["spec"]
    (rule,) = spec["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}]
    assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]


def test_pods_start_after_the_guards_and_end_before_them() -> None:
    def program() -> None:
        shop = Namespace("shop", NAMESPACE)
        Workload("web", replace(WORKLOAD, namespace=shop.name, after=shop.guards))

    needed = record(program).only(":Deployment").depends_on
    assert {urn.split("::")[-1] for urn in needed} >= {
        "shop",
        "shop-quota",
        "shop-container-defaults",
        "shop-deny-all",
        "shop-allow-dns",
        "web-allow-ingress",
    }


def test_a_rollout_is_given_up_after_five_minutes() -> None:
    recorded = workload()
    assert recorded.only(":Deployment").create_timeout == "300s"
    assert recorded.only(":Deployment").inputs["spec"]["progressDeadlineSeconds"] == 300


# Refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: network(replace(NETWORK, cidr="10.0.0.0/8")), "net.cidr must be an IPv4 range from /16 to /24"),
        (lambda: network(replace(NETWORK, cidr="10.0.0.1/16")), "net.cidr must be an IPv4 range"),
        (lambda: network(replace(NETWORK, zones=("a",))), "net.zones must be two or three different letters"),
        (lambda: network(replace(NETWORK, zones=("a", "a"))), "net.zones must be two or three different letters"),
        (lambda: network(replace(NETWORK, zones=("a", "z"))), "net.zones must be two or three different letters"),
        (lambda: network(replace(NETWORK, nat_gateways=4)), "net.nat_gateways must be from 0 to 3"),
        (lambda: network(replace(NETWORK, nat_gateways=-1)), "net.nat_gateways must be from 0 to 3"),
        (lambda: bucket(replace(BUCKET, bucket_name="Shop.Assets")), "assets.bucket_name must be 3 to 63 lower-case"),
        (lambda: bucket(replace(BUCKET, retention_days=0)), "assets.retention_days must be 1 or more; got 0"),
        (lambda: key(replace(KEY, deletion_days=5)), "key.deletion_days must be from 7 to 30; got 5"),
        (lambda: key(replace(KEY, alias="alias/shop")), "key.alias must be without its alias/"),
        (lambda: namespace(replace(NAMESPACE, pods=0)), "shop.pods must be 1 or more"),
        (lambda: workload(replace(WORKLOAD, image="example/web")), "web.image must be an image with a tag"),
        (lambda: workload(replace(WORKLOAD, image="example/web:latest")), "web.image must be an image with a tag"),
        (lambda: workload(replace(WORKLOAD, min_replicas=0)), "web.min_replicas must be 1 or more"),
        (lambda: workload(replace(WORKLOAD, max_replicas=1)), r"web.max_replicas must be 2 \(min_replicas\) or more"),
        (lambda: workload(replace(WORKLOAD, port=0)), "web.port must be from 1 to 65535"),
    ],
)
def test_a_component_refuses_an_input_by_name(build: Callable[[], Recorded], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


@pytest.mark.parametrize(
    "image", ["example/web:1.0", "host:5000/web:1.0", f"example/web@sha256:{'a' * 64}", f"web:1@sha256:{'0' * 64}"]
)
def test_a_fixed_image_is_taken(image: str) -> None:
    assert workload(replace(WORKLOAD, image=image)).outputs == {}


@pytest.mark.parametrize("args", [NETWORK, BUCKET, KEY, NAMESPACE, WORKLOAD])
def test_arguments_are_frozen(args: object) -> None:
    (first, *_) = vars(args)
    with pytest.raises(FrozenInstanceError):
        setattr(args, first, "other")
