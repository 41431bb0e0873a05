"""An EKS cluster: its control plane, who may use it, and the add-ons it cannot do without."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import pulumi
from pulumi_aws import cloudwatch, eks, iam

from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags
from infra.workload_role import AUDIENCE, OidcIssuer, WorkloadRole, WorkloadRoleArgs

# EKS takes 100 characters, but roles are named after the cluster, and IAM takes 64 with what is added here.
_CLUSTER_NAME = re.compile(r"[0-9A-Za-z][A-Za-z0-9-]{0,39}")
_KUBERNETES_VERSION = re.compile(r"1\.\d+")
_ADDON_VERSION = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
_LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")

# The cluster comes without any: without the first two no node becomes ready, and without the last no name resolves.
_NEEDED_ADDONS = frozenset({"kube-proxy", "vpc-cni", "coredns"})
# These run one pod on each node, and a node waits for them; the others are Deployments, and wait for nodes.
_BEFORE_NODES = frozenset({"vpc-cni", "kube-proxy", "eks-pod-identity-agent"})
# Without it, the network policies of the cluster are accepted, and not enforced:
# https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html
_CONFIGURATION = {"vpc-cni": {"enableNetworkPolicy": "true"}}


class AccessLevel(Enum):
    """What a principal may do in the whole cluster; the value is AWS's name for it.

    https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
    """

    ADMIN = "AmazonEKSClusterAdminPolicy"
    READ_ALL = "AmazonEKSAdminViewPolicy"  # Secrets as well, and what belongs to no namespace
    READ = "AmazonEKSViewPolicy"


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """One IAM role or user, and its level."""

    principal_arn: pulumi.Input[str]
    level: AccessLevel


@dataclass(frozen=True, kw_only=True)
class EksClusterArgs:
    """`addons` maps names to pinned versions; `access` maps a name of yours to who may use the cluster and how.

    `key_arn` encrypts Secrets and logs: its policy lets CloudWatch Logs use it. `volume_key_arn` is the one that the
    EBS driver may encrypt volumes with. Without `public_access_cidrs` the API is only reached from inside the VPC.
    """

    cluster_name: str
    region: str
    kubernetes_version: str
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    service_cidr: str
    key_arn: pulumi.Input[str]
    log_retention_days: int
    addons: Mapping[str, str]
    access: Mapping[str, ClusterAccess]
    public_access_cidrs: Sequence[str] = ()
    deletion_protection: bool = True
    volume_key_arn: pulumi.Input[str] | None = None
    permissions_boundary: pulumi.Input[str] | None = None
    partition: str = "aws"


class EksCluster(pulumi.ComponentResource):
    """A cluster that logs everything, encrypts Secrets, and lets in whom `access` names: not even its creator else.

    So the role that deploys must be in `access`, as an admin, or it cannot create anything in the cluster. What cannot
    be changed in place, such as `service_cidr`, makes an apply fail before anything is deleted.
    `before_nodes` must stand before the first node starts. `kubeconfig` holds no credential: it asks the `aws` command.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    certificate_authority: pulumi.Output[str]
    oidc_provider_arn: pulumi.Output[str]
    oidc_issuer: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    issuer: OidcIssuer
    before_nodes: list[pulumi.Resource]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: EksClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:eksCluster:EksCluster", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._cluster = self._control_plane()
        self.name = self._cluster.name
        self.arn = self._cluster.arn
        self.endpoint = self._cluster.endpoint
        self.certificate_authority = self._cluster.certificate_authority.apply(lambda given: str(given.data))
        self.oidc_issuer = self._cluster.identities.apply(lambda given: str((given[0].oidcs or [])[0].issuer))
        self.security_group_id = self._cluster.vpc_config.apply(lambda given: str(given.cluster_security_group_id))
        identity = self._identity()
        self.oidc_provider_arn = identity.arn
        self.issuer = OidcIssuer(provider_arn=identity.arn, url=self.oidc_issuer)
        access = [self._access(who, what) for who, what in args.access.items()]
        addons = {addon: self._addon(addon, version) for addon, version in args.addons.items()}
        self.before_nodes = [addon for name, addon in addons.items() if name in _BEFORE_NODES]
        self.ready = [*access, *addons.values()]
        self.kubeconfig = self._kubeconfig()
        self.register_outputs(
            {
                "name": self.name,
                "arn": self.arn,
                "endpoint": self.endpoint,
                "certificateAuthority": self.certificate_authority,
                "oidcProviderArn": self.oidc_provider_arn,
                "oidcIssuer": self.oidc_issuer,
                "securityGroupId": self.security_group_id,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _control_plane(self) -> eks.Cluster:
        args = self._args
        role, rights = self._role()
        # EKS makes the group itself if there is none, without retention and without key.
        logs = cloudwatch.LogGroup(
            f"{self._name}-logs",
            name=f"/aws/eks/{args.cluster_name}/cluster",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.key_arn,
            tags=resource_tags(f"{self._name}-logs"),
            opts=self._child,
        )
        return eks.Cluster(
            self._name,
            name=args.cluster_name,
            role_arn=role.arn,
            version=args.kubernetes_version,
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=args.subnet_ids,
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_access_cidrs),
                public_access_cidrs=list(args.public_access_cidrs) or None,
            ),
            kubernetes_network_config=eks.ClusterKubernetesNetworkConfigArgs(
                ip_family="ipv4", service_ipv4_cidr=args.service_cidr
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                resources=["secrets"], provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=args.key_arn)
            ),
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            enabled_cluster_log_types=list(_LOG_TYPES),
            # Add-ons have an owner, see `addons`; the ones that EKS would put there have none.
            bootstrap_self_managed_addons=False,
            # Otherwise a version out of standard support stays, at six times the price (aws.amazon.com/eks/pricing).
            upgrade_policy=eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            deletion_protection=args.deletion_protection,
            tags=resource_tags(self._name),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The rights are also needed to the end, to take away what EKS made in the VPC.
                depends_on=[logs, rights],
                # With a chosen name the provider would delete the cluster first. So EKS refuses a second of that name.
                delete_before_replace=False,
            ),
        )

    def _role(self) -> tuple[iam.Role, iam.RolePolicyAttachment]:
        role = iam.Role(
            f"{self._name}-role",
            name=f"{self._args.cluster_name}-control-plane",
            assume_role_policy=pulumi.Output.json_dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"Service": "eks.amazonaws.com"},
                        }
                    ],
                }
            ),
            permissions_boundary=self._args.permissions_boundary,
            tags=resource_tags(f"{self._name}-role"),
            opts=self._child,
        )
        rights = iam.RolePolicyAttachment(
            f"{self._name}-role-policy",
            role=role.name,
            policy_arn=f"arn:{self._args.partition}:iam::aws:policy/AmazonEKSClusterPolicy",
            opts=self._child,
        )
        return role, rights

    def _identity(self) -> iam.OpenIdConnectProvider:
        return iam.OpenIdConnectProvider(
            f"{self._name}-identity",
            url=self.oidc_issuer,
            client_id_lists=[AUDIENCE],
            # No thumbprints: IAM finds the issuer's authority by itself, and pinned ones break when it is renewed.
            tags=resource_tags(f"{self._name}-identity"),
            opts=self._child,
        )

    def _access(self, who: str, access: ClusterAccess) -> pulumi.Resource:
        entry = eks.AccessEntry(
            f"{self._name}-access-{who}",
            cluster_name=self.name,
            principal_arn=access.principal_arn,
            tags=resource_tags(f"{self._name}-access-{who}"),
            opts=self._child,
        )
        return eks.AccessPolicyAssociation(
            f"{self._name}-access-{who}-policy",
            cluster_name=self.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{self._args.partition}:eks::aws:cluster-access-policy/{access.level.value}",
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=self._child,
        )

    def _addon(self, addon: str, version: str) -> eks.Addon:
        name = f"{self._name}-addon-{addon}"
        role = self._addon_role(name, addon)
        configuration = _CONFIGURATION.get(addon)
        return eks.Addon(
            name,
            cluster_name=self.name,
            addon_name=addon,
            addon_version=version,
            configuration_values=pulumi.Output.json_dumps(configuration) if configuration else None,
            service_account_role_arn=role.arn if role else None,
            # What an add-on is, is written here: whoever changes its objects by hand loses that at the next update.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            tags=resource_tags(name),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role] if role else []),
        )

    def _addon_role(self, name: str, addon: str) -> WorkloadRole | None:
        """A role of its own, where an add-on calls AWS: otherwise it takes the node's, which all pods could take."""
        policy, account = {
            "vpc-cni": ("AmazonEKS_CNI_Policy", "aws-node"),
            "aws-ebs-csi-driver": ("service-role/AmazonEBSCSIDriverPolicy", "ebs-csi-controller-sa"),
        }.get(addon, (None, ""))
        if policy is None:
            return None
        return WorkloadRole(
            f"{name}-role",
            WorkloadRoleArgs(
                role_name=f"{self._args.cluster_name}-{addon}",
                issuer=self.issuer,
                namespace="kube-system",
                service_account=account,
                managed_policy_arns=[f"arn:{self._args.partition}:iam::aws:policy/{policy}"],
                statements=_use_of_key(self._args.volume_key_arn) if addon == "aws-ebs-csi-driver" else (),
                permissions_boundary=self._args.permissions_boundary,
            ),
            self._child,
        )

    def _kubeconfig(self) -> pulumi.Output[str]:
        """What `aws eks update-kubeconfig` writes: it says where to get a token, and is the same in every run."""
        name = self._args.cluster_name
        login = {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": "aws",
            "args": ["eks", "get-token", "--cluster-name", name, "--region", self._args.region, "--output", "json"],
            "interactiveMode": "Never",
        }
        return pulumi.Output.json_dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": name,
                "clusters": [
                    {
                        "name": name,
                        "cluster": {
                            "server": self.endpoint,
                            "certificate-authority-data": self.certificate_authority,
                        },
                    }
                ],
                "users": [{"name": name, "user": {"exec": login}}],
                "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            }
        )


def _use_of_key(key_arn: pulumi.Input[str] | None) -> list[dict[str, object]]:
    """https://docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html, section on encryption with a key of one's own."""
    if key_arn is None:
        return []
    return [
        {
            "Sid": "EncryptVolumes",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": [key_arn],
        },
        {
            "Sid": "LetEc2UseTheKey",
            "Effect": "Allow",
            "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            "Resource": [key_arn],
            "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
        },
    ]


def _validate(name: str, args: EksClusterArgs) -> None:
    require(
        _CLUSTER_NAME.fullmatch(args.cluster_name) is not None,
        f"{name}.cluster_name",
        "1 to 40 letters, digits and inner hyphens",
        args.cluster_name,
    )
    require(
        _KUBERNETES_VERSION.fullmatch(args.kubernetes_version) is not None,
        f"{name}.kubernetes_version",
        "a minor version such as 1.33",
        args.kubernetes_version,
    )
    require_retention(args.log_retention_days, f"{name}.log_retention_days")
    require(
        12 <= _prefix(args.service_cidr) <= 24,
        f"{name}.service_cidr",
        "an IPv4 range from /12 to /24 that nothing else in the VPC uses, such as 172.20.0.0/16",
        args.service_cidr,
    )
    require(
        all(_prefix(cidr) >= 8 for cidr in args.public_access_cidrs),
        f"{name}.public_access_cidrs",
        "IPv4 ranges of /8 or smaller, and not the whole internet",
        list(args.public_access_cidrs),
    )
    require(
        set(args.addons) >= _NEEDED_ADDONS,
        f"{name}.addons",
        f"a version for {', '.join(sorted(_NEEDED_ADDONS))} at least",
        sorted(args.addons),
    )
    for addon, version in args.addons.items():
        require(
            _ADDON_VERSION.fullmatch(version) is not None,
            f"{name}.addons.{addon}",
            "a full version such as v1.19.2-eksbuild.1",
            version,
        )
    require(
        any(access.level is AccessLevel.ADMIN for access in args.access.values()),
        f"{name}.access",
        "given with an ADMIN, because nobody else could change anything in the cluster",
        sorted(args.access),
    )


def _prefix(cidr: str) -> int:
    """The length of an IPv4 range's prefix; -1 when it is none."""
    try:
        return ipaddress.IPv4Network(cidr).prefixlen
    except ValueError:
        return -1
