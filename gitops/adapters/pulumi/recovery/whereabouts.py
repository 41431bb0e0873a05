"""Where to look for a resource whose create was cut short: what its id must be, or which tags find it.

The ids are those of the "Import" section of each type's page in the Pulumi Registry. A provider that is asked for a
resource by such an id, and given no earlier outputs, reads it as an import.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.adapters.pulumi import property_values


@dataclass(frozen=True, slots=True)
class KnownId:
    """It exists under one of these ids, or nowhere."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByTags:
    """It exists with these AWS tags, or nowhere. `service` is whose tags to ask.

    `kind` is the tagging service's word for the type, in EC2 the prefix of its ids; `id_is_arn` says whether Pulumi's
    id is the whole ARN or the last part of it.
    """

    service: str
    kind: str
    tags: Mapping[str, str]
    id_is_arn: bool = False


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing outside of the state can have been left."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknowable:
    """Neither id nor tags can tell."""

    why: str


Whereabouts = KnownId | ByTags | Nothing | Unknowable

_S3_PARTS = (
    "BucketAcl",
    "BucketCorsConfiguration",
    "BucketLifecycleConfiguration",
    "BucketLogging",
    "BucketNotification",
    "BucketOwnershipControls",
    "BucketPolicy",
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "BucketWebsiteConfiguration",
)


def _aws(module: str, name: str) -> str:
    return f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"


_IDS: Mapping[str, tuple[str, ...]] = {
    **{_aws("s3", name): ("{bucket}",) for name in ("Bucket", *_S3_PARTS)},
    _aws("autoscaling", "Group"): ("{name}",),
    _aws("autoscaling", "Policy"): ("{autoscalingGroupName}/{name}",),
    _aws("cloudwatch", "Dashboard"): ("{dashboardName}",),
    _aws("cloudwatch", "LogGroup"): ("{name}",),
    _aws("cloudwatch", "MetricAlarm"): ("{name}",),
    _aws("dynamodb", "Table"): ("{name}",),
    _aws("ec2", "Route"): (
        "{routeTableId}_{destinationCidrBlock}",
        "{routeTableId}_{destinationIpv6CidrBlock}",
        "{routeTableId}_{destinationPrefixListId}",
    ),
    # Its own id is random; the provider finds it through the two that it ties together.
    _aws("ec2", "RouteTableAssociation"): ("{subnetId}/{routeTableId}", "{gatewayId}/{routeTableId}"),
    _aws("ecr", "LifecyclePolicy"): ("{repository}",),
    _aws("ecr", "Repository"): ("{name}",),
    _aws("eks", "AccessEntry"): ("{clusterName}:{principalArn}",),
    _aws("eks", "AccessPolicyAssociation"): ("{clusterName}#{principalArn}#{policyArn}",),
    _aws("eks", "Addon"): ("{clusterName}:{addonName}",),
    _aws("eks", "Cluster"): ("{name}",),
    _aws("eks", "NodeGroup"): ("{clusterName}:{nodeGroupName}",),
    _aws("iam", "Group"): ("{name}",),
    _aws("iam", "InstanceProfile"): ("{name}",),
    _aws("iam", "Role"): ("{name}",),
    _aws("iam", "RolePolicy"): ("{role}:{name}",),
    _aws("iam", "RolePolicyAttachment"): ("{role}/{policyArn}",),
    _aws("iam", "User"): ("{name}",),
    _aws("kms", "Alias"): ("{name}",),
    _aws("rds", "Instance"): ("{identifier}",),
    _aws("rds", "ParameterGroup"): ("{name}",),
    _aws("rds", "SubnetGroup"): ("{name}",),
    _aws("sns", "TopicPolicy"): ("{arn}",),
    _aws("sqs", "QueuePolicy"): ("{queueUrl}",),
    _aws("sqs", "RedriveAllowPolicy"): ("{queueUrl}",),
    _aws("ssm", "Parameter"): ("{name}",),
    _aws("ssm", "PatchGroup"): ("{patchGroup},{baselineId}",),
}

# Type → service, kind, whether Pulumi's id is the ARN. All of these get their tags in the call that creates them.
_TAGGED: Mapping[str, tuple[str, str, bool]] = {
    _aws("ec2", "Eip"): ("ec2", "eipalloc", False),
    _aws("ec2", "FlowLog"): ("ec2", "fl", False),
    _aws("ec2", "Instance"): ("ec2", "i", False),
    _aws("ec2", "InternetGateway"): ("ec2", "igw", False),
    _aws("ec2", "LaunchTemplate"): ("ec2", "lt", False),
    _aws("ec2", "NatGateway"): ("ec2", "nat", False),
    _aws("ec2", "NetworkAcl"): ("ec2", "acl", False),
    _aws("ec2", "RouteTable"): ("ec2", "rtb", False),
    _aws("ec2", "SecurityGroup"): ("ec2", "sg", False),
    _aws("ec2", "Subnet"): ("ec2", "subnet", False),
    _aws("ec2", "Vpc"): ("ec2", "vpc", False),
    _aws("ec2", "VpcEndpoint"): ("ec2", "vpce", False),
    _aws("ebs", "Volume"): ("ec2", "vol", False),
    _aws("vpc", "SecurityGroupEgressRule"): ("ec2", "sgr", False),
    _aws("vpc", "SecurityGroupIngressRule"): ("ec2", "sgr", False),
    _aws("acm", "Certificate"): ("acm", "acm:certificate", True),
    _aws("efs", "FileSystem"): ("efs", "elasticfilesystem:file-system", False),
    _aws("kms", "Key"): ("kms", "kms:key", False),
    _aws("lb", "Listener"): ("elbv2", "elasticloadbalancing:listener", True),
    _aws("lb", "LoadBalancer"): ("elbv2", "elasticloadbalancing:loadbalancer", True),
    _aws("lb", "TargetGroup"): ("elbv2", "elasticloadbalancing:targetgroup", True),
    _aws("secretsmanager", "Secret"): ("secretsmanager", "secretsmanager:secret", True),
    _aws("sns", "Topic"): ("sns", "sns", True),
    _aws("sqs", "Queue"): ("sqs", "sqs", True),
}

_NOTHING: Mapping[str, str] = {
    _aws("ec2", name): "it takes over what AWS made with the VPC, and does so again"
    for name in ("DefaultNetworkAcl", "DefaultRouteTable", "DefaultSecurityGroup")
}

# Packages whose resources live in the state only.
_STATE_ONLY = frozenset({"pulumi", "random", "tls", "time"})
_MARKER = "gitops:resource"
_OWN_TAG = "gitops:"
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Rules:
    """Type → templates of its id over its inputs; type → how its tags are asked for; type → why nothing can be left.

    `told` is what a person found out: URN → the id of what its create left, empty where it left nothing.
    """

    ids: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _IDS)
    tagged: Mapping[str, tuple[str, str, bool]] = field(default_factory=lambda: _TAGGED)
    nothing: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    told: Mapping[str, str] = field(default_factory=dict)


RULES = Rules()


def whereabouts(type_: str, inputs: Mapping[str, Any], rules: Rules = RULES) -> Whereabouts:
    """Where a resource of that type, created with those inputs, would be. What no rule covers is unknowable."""
    if type_ in rules.nothing:
        return Nothing(rules.nothing[type_])
    package = type_.split(":", 1)[0]
    if package in _STATE_ONLY:
        return Nothing("it exists in the state only; it is made again")
    if package == "kubernetes":
        return _kubernetes(inputs)
    if type_ in rules.ids:
        filled = (_fill(template, inputs) for template in rules.ids[type_])
        found = next((text for text in filled if text), "")
        return KnownId((found,)) if found else Unknowable("the inputs that make up its id are missing or secret")
    if type_ in rules.tagged:
        service, kind, id_is_arn = rules.tagged[type_]
        tags = inputs.get("tags")
        own = {k: v for k, v in tags.items() if k.startswith(_OWN_TAG)} if isinstance(tags, Mapping) else {}
        if _MARKER not in own or not all(isinstance(v, str) for v in own.values()):
            return Unknowable(f"it has no tag {_MARKER} by which it could be found")
        return ByTags(service, kind, own, id_is_arn)
    return Unknowable("no rule says what its id would be")


def _kubernetes(inputs: Mapping[str, Any]) -> Whereabouts:
    """Every kind has the id `namespace/name`, or `name` where it has no namespace. The provider fills in both."""
    metadata = inputs.get("metadata")
    # Helm releases carry them at the top.
    source = metadata if isinstance(metadata, Mapping) else inputs
    name, namespace = source.get("name"), source.get("namespace") or ""
    if not isinstance(name, str) or not name or not isinstance(namespace, str):
        return Unknowable("the server chose its name")
    return KnownId((f"{namespace}/{name}" if namespace else name,))


def _fill(template: str, inputs: Mapping[str, Any]) -> str:
    fields = {name: inputs.get(name) for name in _FIELD.findall(template)}
    known = (isinstance(v, str) and v and v not in property_values.UNKNOWN_SENTINELS for v in fields.values())
    return template.format(**fields) if all(known) else ""
