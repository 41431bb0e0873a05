"""What the delivery of one environment may do in AWS: policy documents as values, from chosen names alone.

Names rather than resources' ARNs, so that a first preview shows every document in full, and so that no document waits
for a resource that it protects.
"""

from collections.abc import Sequence

from infra.delivery_hosts import COMMANDS, HOST_READS, HOST_WRITES, own_hosts
from infra.delivery_scope import DeliveryScope, Statement, allow, deny, document

# Which format the whole bucket has; written once, by whoever uses the bucket first.
_META = ".pulumi/meta.yaml"
# https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
_ALIASES = "kms:ResourceAliases"
_CONTEXT = "kms:EncryptionContext:environment"

# Whole services, because a program that may create a thing may as a rule do everything to it.
_MANAGED = (
    "acm", "autoscaling", "budgets", "cloudwatch", "dynamodb", "ec2", "ecr", "eks", "elasticloadbalancing", "events",
    "kms", "logs", "rds", "route53", "secretsmanager", "sns", "sqs",
)  # fmt: skip
_PARAMETERS = ("ssm:*Parameter*",)
# For roles of hosts, nodes and pods (their agents report to SSM), and for what gitops itself asks: who am I, and which
# resource has these tags.
_RUNTIME = (
    "ec2messages:*", "eks-auth:*", "ssm:Describe*", "ssm:Get*", "ssm:List*", "ssm:PutComplianceItems",
    "ssm:PutConfigurePackageResult", "ssm:PutInventory", "ssm:UpdateAssociationStatus", "ssm:UpdateInstance*",
    "ssmmessages:*", "sts:GetCallerIdentity", "tag:GetResources", "xray:Put*",
)  # fmt: skip
_LOOK_UP = ("sts:GetCallerIdentity", "tag:GetResources")
_READ = (
    "acm:Describe*", "acm:List*", "autoscaling:Describe*", "budgets:Describe*", "budgets:ListTagsForResource",
    "budgets:View*", "cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:List*", "cloudwatch:Describe*",
    "cloudwatch:Get*", "cloudwatch:List*", "dynamodb:Describe*", "dynamodb:List*", "ec2:Describe*", "ec2:Get*",
    "ecr:Describe*", "ecr:Get*", "ecr:List*", "eks:Describe*", "eks:List*", "elasticloadbalancing:Describe*",
    "events:Describe*", "events:List*", "iam:Get*", "iam:List*", "kms:Describe*", "kms:Get*", "kms:List*",
    "logs:Describe*", "logs:List*", "rds:Describe*", "rds:List*", "route53:Get*", "route53:List*", "s3:Get*",
    "s3:List*", "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy",
    "secretsmanager:ListSecretVersionIds", "sns:Get*", "sns:List*", "sqs:Get*", "sqs:List*", "ssm:GetParameter",
    "ssm:GetParameters", *HOST_READS, *_LOOK_UP,
)  # fmt: skip
# Denied, and not just left out: a resource's own policy may let the whole account in, and a deny stands above that.
_DATA = (
    "acm:ExportCertificate", "dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:GetRecords", "dynamodb:PartiQL*",
    "dynamodb:Query", "dynamodb:Scan", "ec2:GetConsole*", "ec2:GetPasswordData", "ecr:BatchGetImage",
    "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer", "eks-auth:*", "iam:GetCredentialReport",
    "logs:FilterLogEvents", "logs:GetLogEvents", "logs:GetLogRecord", "logs:GetQueryResults", "logs:StartLiveTail",
    "logs:StartQuery", "logs:Unmask", "rds:DownloadCompleteDBLogFile", "rds:DownloadDBLogFilePortion", "rds-db:connect",
    "secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "sqs:ReceiveMessage",
    "ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "sts:AssumeRole",
)  # fmt: skip
_CHANGES_ROLE = (
    "iam:AttachRolePolicy", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy",
)  # fmt: skip
_PASSED_TO = (
    "autoscaling.amazonaws.com", "ec2.amazonaws.com", "eks.amazonaws.com", "events.amazonaws.com",
    "monitoring.rds.amazonaws.com", "pods.eks.amazonaws.com", "vpc-flow-logs.amazonaws.com",
)  # fmt: skip
_ACCOUNT_SETTINGS = (
    "account:*", "cloudtrail:AddTags", "cloudtrail:CreateTrail", "cloudtrail:Delete*", "cloudtrail:Put*",
    "cloudtrail:RemoveTags", "cloudtrail:Stop*", "cloudtrail:Update*", "ec2:DisableEbsEncryptionByDefault",
    "ec2:*SnapshotBlockPublicAccess", "ec2:ModifyEbsDefaultKmsKeyId", "ec2:ModifyInstanceMetadataDefaults",
    "ec2:ResetEbsDefaultKmsKeyId", "iam:*AccountAlias", "iam:*AccountPasswordPolicy",
    "iam:*AccessKey", "iam:*Group*", "iam:*LoginProfile", "iam:*SAML*", "iam:*User*", "logs:*AccountPolicy",
    "organizations:*", "s3:*AccountPublicAccessBlock", "sts:AssumeRole",
)  # fmt: skip


def preview_policy(scope: DeliveryScope) -> str:
    """Reads what a refreshed preview reads: the state, and the settings of everything managed, but no data in it."""
    state = scope.bucket(scope.state_bucket)
    return document(
        allow("ReadSettings", _READ, "*"),
        *_state_access(scope, ("s3:GetObject",)),
        deny("NoData", (*_DATA, *COMMANDS), "*"),
        # Objects of other buckets, and of the state those of other environments' stacks.
        {
            "Sid": "NoObjects",
            "Effect": "Deny",
            "Action": ["s3:GetObject*"],
            "NotResource": [f"{state}/{path}" for path in (_META, *_state_paths(scope))],
        },
        # A key's policy can let the whole account in through a service, as AWS's own keys do; so this must be a deny.
        # "All values differ" also holds for a key without any alias.
        {
            **deny("NoDecryption", ("kms:Decrypt",), "*"),
            "Condition": {"ForAllValues:StringNotEquals": {_ALIASES: f"alias/{scope.state_alias}"}},
        },
    )


def apply_policy(scope: DeliveryScope) -> str:
    """Manages what the program manages; what it must not touch is for the boundary to say, which binds harder."""
    state = scope.bucket(scope.state_bucket)
    return document(
        allow("Manage", (*(f"{service}:*" for service in _MANAGED), *_PARAMETERS, *HOST_READS, *_LOOK_UP), "*"),
        {"Sid": "Buckets", "Effect": "Allow", "Action": "s3:*", "NotResource": [state, f"{state}/*"]},
        allow("ReadTrail", ("cloudtrail:Describe*", "cloudtrail:Get*", "cloudtrail:List*"), "*"),
        *_state_access(scope, ("s3:DeleteObject", "s3:GetObject", "s3:PutObject")),
        *_own_roles(scope),
        *own_hosts(scope),
    )


def boundary_policy(scope: DeliveryScope) -> str:
    """The most that the delivery's roles, and every role that they make, can ever be allowed.

    It contains the rule that makes it stick: no role can be made, or given a policy, that does not carry it. What IAM
    says of such a delegation: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    guarded = [arn for name in (scope.state_bucket, *scope.guarded_buckets) for arn in _whole(scope.bucket(name))]
    own = [scope.names.preview_role_arn, scope.names.apply_role_arn]
    services = (*_MANAGED, "cloudtrail")
    return document(
        allow("Services", (*(f"{service}:*" for service in services), *_PARAMETERS, *_RUNTIME), "*"),
        # Not for a pod whose role was given all of SSM: it would be root on every host.
        {
            **allow("Hosts", HOST_WRITES, "*"),
            "Condition": {"ArnEquals": {"aws:PrincipalArn": scope.names.apply_role_arn}},
        },
        deny("Commands", COMMANDS, "*"),
        allow("ReadIdentities", ("iam:Get*", "iam:List*"), "*"),
        # By name, because not every action asks for the boundary: a role of somebody else could be given a new trust.
        allow(
            "OwnIdentities",
            ("iam:*",),
            [
                *(scope.iam(kind, f"{scope.name_prefix}-*") for kind in ("role", "policy", "instance-profile")),
                *_services(scope),
            ],
        ),
        {"Sid": "Buckets", "Effect": "Allow", "Action": "s3:*", "NotResource": guarded},
        # The state is for the delivery's roles, and not for a pod whose role was given all of S3.
        {
            "Sid": "State",
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            "Resource": _whole(scope.bucket(scope.state_bucket)),
            "Condition": {"ArnEquals": {"aws:PrincipalArn": own}},
        },
        # "Not equal" also holds for a role that has no boundary at all.
        {
            **deny("Boundary", ("iam:CreateRole", "iam:PutRolePermissionsBoundary", *_CHANGES_ROLE), "*"),
            "Condition": {"StringNotEquals": {"iam:PermissionsBoundary": scope.names.boundary_arn}},
        },
        deny("KeepBoundary", ("iam:DeleteRolePermissionsBoundary",), "*"),
        {
            "Sid": "Delivery",
            "Effect": "Deny",
            "NotAction": ["iam:Get*", "iam:List*"],
            "Resource": [*own, scope.names.boundary_arn, github_provider_arn(scope.account_id, scope.partition)],
        },
        deny("Account", _ACCOUNT_SETTINGS, "*"),
        *_guards(scope),
    )


def trust_policy(scope: DeliveryScope, repository: str, github_environment: str, refs: Sequence[str]) -> str:
    """Who may take a role: jobs of one repository in one GitHub environment, on one of these refs.

    AWS checks GitHub's claims beside `aud` and `sub` since 2026:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
    """
    issuer = "token.actions.githubusercontent.com"
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": github_provider_arn(scope.account_id, scope.partition)},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {
                    f"{issuer}:aud": "sts.amazonaws.com",
                    f"{issuer}:sub": f"repo:{repository}:environment:{github_environment}",
                },
                "StringLike": {f"{issuer}:ref": list(refs)},
            },
        }
    )


def github_provider_arn(account_id: str, partition: str = "aws") -> str:
    """The ARN of an account's identity provider for GitHub: it follows from the address, so there is one at most."""
    return f"arn:{partition}:iam::{account_id}:oidc-provider/token.actions.githubusercontent.com"


def _whole(bucket_arn: str) -> list[str]:
    return [bucket_arn, f"{bucket_arn}/*"]


def _state_paths(scope: DeliveryScope) -> list[str]:
    """Where Pulumi keeps a stack in a bucket: checkpoint and its copy, tags, history, backups, lock."""
    found: list[str] = []
    for label in scope.stacks:
        found += [
            f".pulumi/stacks/{label}.*",
            f".pulumi/history/{label}/*",
            f".pulumi/backups/{label}/*",
            f".pulumi/locks/organization/{label}/*",
        ]
    return found


def _state_access(scope: DeliveryScope, actions: Sequence[str]) -> Sequence[Statement]:
    """The objects of the environment's stacks, and the key for two uses: through S3, and for secrets of its own.

    Secrets are encrypted for one environment (`context_environment` in the secrets provider's address), so that a
    preview of dev cannot open those of prod, although both lie in Git and are under the same key.
    """
    bucket = scope.bucket(scope.state_bucket)
    key = f"arn:{scope.partition}:kms:{scope.region}:{scope.account_id}:key/*"
    this_key = {"ForAnyValue:StringEquals": {_ALIASES: f"alias/{scope.state_alias}"}}
    through_s3 = {"kms:ViaService": f"s3.{scope.region}.amazonaws.com"}
    return (
        # Names only. Pulumi lists a whole folder when it looks for a stack, so this cannot be one stack's.
        allow("FindState", ("s3:GetBucketLocation", "s3:ListBucket"), bucket),
        allow("StateFormat", ("s3:GetObject",), f"{bucket}/{_META}"),
        allow("State", actions, [f"{bucket}/{path}" for path in _state_paths(scope)]),
        {
            **allow("StateKey", ("kms:Decrypt", "kms:GenerateDataKey"), key),
            "Condition": {**this_key, "StringEquals": through_s3},
        },
        {
            **allow("Secrets", ("kms:Decrypt",), key),
            "Condition": {**this_key, "StringEquals": {_CONTEXT: scope.environment}},
        },
    )


def _own_roles(scope: DeliveryScope) -> Sequence[Statement]:
    """Roles, policies and profiles by prefix; the boundary sees to it that they are no more than this role is."""
    own = scope.iam("role", f"{scope.name_prefix}-*")
    bounded = {"StringEquals": {"iam:PermissionsBoundary": scope.names.boundary_arn}}
    eks, service_roles = _services(scope)
    profiles = scope.iam("instance-profile", f"{scope.name_prefix}-*")
    policies = scope.iam("policy", f"{scope.name_prefix}-*")
    services = [f"{name}.amazonaws.com" for name in ("autoscaling", "eks", "eks-nodegroup", "rds", "spot", "ssm")]
    return (
        allow("ReadIdentities", ("iam:Get*", "iam:List*"), "*"),
        {**allow("MakeRoles", ("iam:CreateRole", *_CHANGES_ROLE), own), "Condition": bounded},
        allow(
            "KeepRoles",
            ("iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole*"),
            own,
        ),
        {
            **allow("PassRoles", ("iam:PassRole",), own),
            "Condition": {"StringEquals": {"iam:PassedToService": list(_PASSED_TO)}},
        },
        allow("Policies", ("iam:*Policy", "iam:*PolicyVersion", "iam:*DefaultPolicyVersion"), policies),
        allow("Profiles", ("iam:*InstanceProfile",), [profiles, own]),
        allow("ClusterIdentity", ("iam:*OpenIDConnectProvider*",), eks),
        {
            **allow("ServiceRoles", ("iam:CreateServiceLinkedRole",), service_roles),
            "Condition": {"StringEquals": {"iam:AWSServiceName": [*services, "elasticloadbalancing.amazonaws.com"]}},
        },
    )


def _services(scope: DeliveryScope) -> tuple[str, str]:
    """Identities that EKS clusters issue, and roles that AWS's services keep for themselves."""
    issued = scope.iam("oidc-provider", f"oidc.eks.{scope.region}.amazonaws.com/*")
    return issued, scope.iam("role", "aws-service-role/*")


def _guards(scope: DeliveryScope) -> Sequence[Statement]:
    """Keys and logs that hold the evidence and the state: used, not administered."""
    state, others = f"alias/{scope.state_alias}", [f"alias/{name}" for name in scope.guarded_aliases]
    aliases = [f"arn:{scope.partition}:kms:*:{scope.account_id}:{name}" for name in (state, *others)]
    found: list[Statement] = [
        {
            "Sid": "Keys",
            "Effect": "Deny",
            "NotAction": ["kms:Decrypt", "kms:Describe*", "kms:GenerateDataKey", "kms:Get*", "kms:List*"],
            "Resource": f"arn:{scope.partition}:kms:*:{scope.account_id}:key/*",
            "Condition": {"ForAnyValue:StringEquals": {_ALIASES: [state, *others]}},
        },
        # Otherwise the alias could be moved to another key first, and the statement above would no longer hold.
        deny("Aliases", ("kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"), aliases),
        # Directly, without S3 in between, a key of the state opens secrets: those of this environment only.
        {
            **deny("OtherSecrets", ("kms:Decrypt",), "*"),
            "Condition": {
                "ForAnyValue:StringEquals": {_ALIASES: state},
                "Null": {"kms:ViaService": "true"},
                "StringNotEquals": {_CONTEXT: scope.environment},
            },
        },
    ]
    if scope.guarded_log_groups:
        groups = [
            f"arn:{scope.partition}:logs:*:{scope.account_id}:log-group:{name}:*" for name in scope.guarded_log_groups
        ]
        found.append(deny("Logs", ("logs:*KmsKey", "logs:Delete*", "logs:Put*"), groups))
    return found
