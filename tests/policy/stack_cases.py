"""Cases of the rules over whole stacks."""

from typing import Any

from policy.rule import Resource
from policy.values import UNKNOWN
from tests.policy.judging import StackCase, World, made

KEY = made("aws:kms/key:Key", "key", {"arn": UNKNOWN})
FROM_KEY = "aws:kms/key:Key::key"
BUCKET = made("aws:s3/bucket:Bucket", "assets", {"bucket": "shop-assets", "id": UNKNOWN})
OTHER_BUCKET = made("aws:s3/bucket:Bucket", "logs", {"bucket": "shop-logs", "id": UNKNOWN})
VPC = made("aws:ec2/vpc:Vpc", "network", {"id": UNKNOWN})


def bucket_has(type_: str) -> StackCase:
    """The cases of a rule that wants a resource of this type beside each bucket."""
    return StackCase(
        keeps=(
            # As in the very first preview: the name is an output that is not known, but whose it is, is.
            World("assets", (BUCKET, made(type_, "one", {"bucket": UNKNOWN}, bucket="aws:s3/bucket:Bucket::assets"))),
            World("assets", (BUCKET, made(type_, "one", {"bucket": "shop-assets"}))),
        ),
        breaks=(
            (World("assets", (BUCKET,)), "refers to this bucket"),
            (World("assets", (BUCKET, made(type_, "one", {"bucket": "shop-logs"}))), "refers to this bucket"),
            (
                World(
                    "assets",
                    (
                        BUCKET,
                        OTHER_BUCKET,
                        made(type_, "one", {"bucket": UNKNOWN}, bucket="aws:s3/bucket:Bucket::logs"),
                    ),
                ),
                "refers to this bucket",
            ),
        ),
        unknown=((World("assets", (BUCKET, made(type_, "one", {"bucket": UNKNOWN}))), "bucket of one"),),
    )


def vpc_has(type_: str) -> StackCase:
    """The cases of a rule that wants a resource of this type beside each VPC."""
    return StackCase(
        keeps=(
            World("network", (VPC, made(type_, "one", {"vpcId": UNKNOWN}, vpcId="aws:ec2/vpc:Vpc::network"))),
            World(
                "network",
                (made("aws:ec2/vpc:Vpc", "network", {"id": "vpc-1"}), made(type_, "one", {"vpcId": "vpc-1"})),
            ),
        ),
        breaks=((World("network", (VPC,)), "refers to this VPC"),),
        unknown=((World("network", (VPC, made(type_, "one", {"vpcId": UNKNOWN}))), "vpcId of one"),),
    )


def given(type_: str, name: str, source: Resource = KEY, **needed: Any) -> StackCase:
    """The cases of a rule that wants a property to be set."""
    from_source = f"{source.type}::{source.name}"
    return StackCase(
        keeps=(
            World("it", (made(type_, "it", {name: "arn:aws:x"} | needed),)),
            World("it", (source, made(type_, "it", {name: UNKNOWN} | needed, **{name: from_source}))),
        ),
        breaks=(
            (World("it", (made(type_, "it", needed),)), f"{name} is not set"),
            (World("it", (made(type_, "it", {name: ""} | needed),)), f"{name} is empty"),
        ),
        # From nowhere in the stack: it might turn out to be nothing.
        unknown=((World("it", (source, made(type_, "it", {name: UNKNOWN} | needed))), name),),
    )


NAMESPACE = made("kubernetes:core/v1:Namespace", "shop", {"metadata": {"name": "shop-dev"}})
OTHER_NAMESPACE = made("kubernetes:core/v1:Namespace", "tools", {"metadata": {"name": "tools"}})
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
DENY = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
QUOTA = "kubernetes:core/v1:ResourceQuota"


def lies(type_: str, spec: Any, namespace: Any = "shop-dev", **sources: str) -> Resource:
    """An object of that type in a namespace."""
    return made(type_, "one", {"metadata": {"name": "one", "namespace": namespace}, "spec": spec}, **sources)


FROM_NAMESPACE = {"metadata": "kubernetes:core/v1:Namespace::shop"}
LABELS = {"app.kubernetes.io/name": "web"}
WEB = {"template": {"metadata": {"labels": {**LABELS, "version": "1"}}}}


def deployment(**spec: Any) -> Resource:
    return made("kubernetes:apps/v1:Deployment", "web", {"metadata": {"name": "web"}, "spec": {**WEB, **spec}})


def scaler(least: float) -> Resource:
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": least}
    return made("kubernetes:autoscaling/v2:HorizontalPodAutoscaler", "web-autoscaler", {"spec": spec})


def budget(labels: Any) -> Resource:
    return made(
        "kubernetes:policy/v1:PodDisruptionBudget", "web-budget", {"spec": {"selector": {"matchLabels": labels}}}
    )


REDIRECT = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
FORWARD = {"type": "forward", "targetGroupArn": UNKNOWN}
LISTENER = "aws:lb/listener:Listener"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"


def listening(internal: Any, protocol: str, *actions: Any, known: bool = True) -> World:
    """A listener of a load balancer, as it is before the first apply: no ARN is known."""
    balancer = made(BALANCER, "edge", {"arn": UNKNOWN, "internal": internal})
    of_balancer = {"loadBalancerArn": f"{BALANCER}::edge"} if known else {}
    outputs = {"loadBalancerArn": UNKNOWN, "protocol": protocol, "defaultActions": list(actions)}
    return World("it", (balancer, made(LISTENER, "it", outputs, **of_balancer)))


def placed(namespace: Any, **sources: str) -> World:
    """A Service in a namespace."""
    service = made("kubernetes:core/v1:Service", "it", {"metadata": {"name": "it", "namespace": namespace}}, **sources)
    default = made("kubernetes:core/v1:Namespace", "standard", {"metadata": {"name": "default"}})
    return World("it", (NAMESPACE, default, service))


STACKS = {
    "listener-encrypts": StackCase(
        keeps=(listening(False, "HTTPS", FORWARD), listening(None, "HTTP", REDIRECT)),
        breaks=(
            (listening(False, "HTTP", FORWARD), "do not redirect to HTTPS"),
            (listening(None, "HTTP"), "protocol is HTTP"),
            # Not known to be internal, and so it is not.
            (listening(True, "HTTP", FORWARD, known=False), "do not redirect to HTTPS"),
        ),
        unknown=((listening(False, "HTTP", UNKNOWN), "defaultActions[0]"), (listening(UNKNOWN, "HTTP"), "internal")),
        silent=(listening(True, "HTTP", FORWARD), listening(False, "TCP", FORWARD)),
    ),
    "internal-listener-encrypts": StackCase(
        keeps=(listening(True, "HTTPS", FORWARD),),
        breaks=((listening(True, "HTTP", FORWARD), "do not redirect to HTTPS"),),
        unknown=((listening(UNKNOWN, "HTTP"), "internal"),),
        silent=(listening(False, "HTTP", FORWARD), listening(True, "TCP", FORWARD)),
    ),
    "namespace-named": StackCase(
        keeps=(placed("shop"), placed(UNKNOWN, metadata="kubernetes:core/v1:Namespace::shop")),
        breaks=(
            (placed("default"), "metadata.namespace is default"),
            (placed(None), "metadata.namespace is not set"),
            (placed(UNKNOWN, metadata="kubernetes:core/v1:Namespace::standard"), "metadata.namespace is default"),
        ),
        unknown=((placed(UNKNOWN), "metadata.namespace"),),
    ),
    "s3-bucket-has-public-access-block": bucket_has("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"),
    "s3-bucket-has-encryption": bucket_has(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ),
    "s3-bucket-has-versioning": bucket_has("aws:s3/bucketVersioning:BucketVersioning"),
    "s3-bucket-has-policy": bucket_has("aws:s3/bucketPolicy:BucketPolicy"),
    "s3-bucket-has-lifecycle": bucket_has("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"),
    "sns-encrypted": given("aws:sns/topic:Topic", "kmsMasterKeyId"),
    "sqs-encrypted": given("aws:sqs/queue:Queue", "kmsMasterKeyId"),
    "secret-key-chosen": given("aws:secretsmanager/secret:Secret", "kmsKeyId"),
    "vpc-has-flow-log": vpc_has("aws:ec2/flowLog:FlowLog"),
    "vpc-has-default-group": vpc_has("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
    "iam-role-has-boundary": given(
        "aws:iam/role:Role", "permissionsBoundary", made("aws:iam/policy:Policy", "limit", {"arn": UNKNOWN})
    ),
    "trail-encrypted": given("aws:cloudtrail/trail:Trail", "kmsKeyId"),
    "trail-to-logs": given(
        "aws:cloudtrail/trail:Trail",
        "cloudWatchLogsGroupArn",
        made("aws:cloudwatch/logGroup:LogGroup", "logs", {"arn": UNKNOWN}),
    ),
    "logs-encrypted": given("aws:cloudwatch/logGroup:LogGroup", "kmsKeyId"),
    "namespace-denies-by-default": StackCase(
        keeps=(
            World("shop", (NAMESPACE, lies(POLICY, DENY))),
            World("shop", (NAMESPACE, lies(POLICY, DENY, UNKNOWN, **FROM_NAMESPACE))),
        ),
        breaks=(
            (World("shop", (NAMESPACE,)), "no NetworkPolicy denies all"),
            (
                World(
                    "shop",
                    (
                        NAMESPACE,
                        OTHER_NAMESPACE,
                        lies(POLICY, DENY, UNKNOWN, metadata="kubernetes:core/v1:Namespace::tools"),
                    ),
                ),
                "no NetworkPolicy denies all",
            ),
            (World("shop", (NAMESPACE, lies(POLICY, DENY, "tools"))), "no NetworkPolicy denies all"),
            (World("shop", (NAMESPACE, lies(POLICY, DENY | {"egress": [{}]}))), "no NetworkPolicy denies all"),
            (World("shop", (NAMESPACE, lies(POLICY, DENY | {"policyTypes": ["Ingress"]}))), "no NetworkPolicy"),
            (
                World("shop", (NAMESPACE, lies(POLICY, DENY | {"podSelector": {"matchLabels": LABELS}}))),
                "no NetworkPolicy denies all",
            ),
        ),
        unknown=(
            (World("shop", (NAMESPACE, OTHER_NAMESPACE, lies(POLICY, DENY, UNKNOWN))), "metadata.namespace of one"),
            (World("shop", (NAMESPACE, lies(POLICY, UNKNOWN))), "spec"),
        ),
    ),
    "namespace-has-quota": StackCase(
        keeps=(World("shop", (NAMESPACE, lies(QUOTA, {"hard": {"pods": "10"}}))),),
        breaks=((World("shop", (NAMESPACE, lies(QUOTA, {"hard": {}}))), "no ResourceQuota"),),
        unknown=((World("shop", (NAMESPACE, lies(QUOTA, {"hard": {"pods": "10"}}, UNKNOWN))), "namespace of one"),),
    ),
    "deployment-has-budget": StackCase(
        keeps=(
            World("web", (deployment(replicas=2.0), budget(LABELS))),
            World("web", (deployment(), scaler(2.0), budget(LABELS))),
        ),
        breaks=(
            (World("web", (deployment(replicas=2.0),)), "no PodDisruptionBudget"),
            (World("web", (deployment(), scaler(3.0), budget({"app.kubernetes.io/name": "api"}))), "no PodDis"),
            (World("web", (deployment(replicas=2.0), budget({}))), "no PodDisruptionBudget"),
        ),
        unknown=((World("web", (deployment(replicas=UNKNOWN),)), "spec.replicas"),),
        silent=(World("web", (deployment(),)), World("web", (deployment(), scaler(1.0)))),
    ),
}
