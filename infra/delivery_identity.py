"""How GitHub Actions gets into AWS: two roles for an environment, and the limit of everything they can make."""

import re
from dataclasses import dataclass
from enum import Enum

import pulumi
from pulumi_aws import iam

from infra.delivery_policies import apply_policy, boundary_policy, preview_policy, trust_policy
from infra.delivery_scope import DeliveryScope
from infra.inputs import require
from infra.tags import resource_tags

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
# What a job has to finish in: `timeout-minutes` of the two workflows.
_PREVIEW_SECONDS = 3600
_APPLY_SECONDS = 3 * 3600
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_ROLE_NAME_LENGTH = 64
_MANAGED_POLICY_LENGTH = 6144
_INLINE_POLICIES_LENGTH = 10240


class GitHubProvider(Enum):
    """An account has one identity provider for GitHub: one environment of the account creates it, others use it."""

    CREATE = "create"
    GIVEN = "given"


@dataclass(frozen=True, kw_only=True)
class DeliveryIdentityArgs:
    """`repository` is `OWNER/NAME`, `branch` the environment's branch; the other two are GitHub environments.

    `scope` says what the roles may touch. All are plain values: what is trusted must be readable in a first preview.
    """

    scope: DeliveryScope
    repository: str
    branch: str
    preview_environment: str
    apply_environment: str
    provider: GitHubProvider = GitHubProvider.GIVEN


class DeliveryIdentity(pulumi.ComponentResource):
    """A role that previews and a role that applies, both taken by OpenID Connect, without a stored credential.

    *preview* reads. A refreshed preview needs every resource's settings (`Describe*`, `List*`, and `Get*` where that is
    the settings' verb), the state's checkpoint, and `kms:Decrypt` with the state's key: for the bucket's objects, and
    for secrets that were encrypted for this environment. It needs no data, and AWS gives it none (a cluster does:
    it lets this role read all, Secrets included): no objects, rows, messages,
    log lines, images or secret values. AWS's own `ReadOnlyAccess` has most of these. The price: what cannot be
    refreshed without its value cannot be previewed, so the program must not hold an `aws.secretsmanager.SecretVersion`
    or a `SecureString` parameter; let the service make the password (as RDS does), or write the value by other means.
    It takes no lock and writes nothing, not even to the state.

    *apply* manages what the program manages; in IAM, what is named with the environment's prefix.

    *boundary* is the policy that both roles carry, and that every role the program makes must carry: hand
    `boundary_arn` to the components that make roles. It denies what would lead out of it, the delivery's own roles, the
    audit trail, and the settings of the account. So nothing here can be changed by the pipeline: this component belongs
    into a stack that an administrator applies.

    The jobs are known by repository, GitHub environment and ref. Which branches may use an environment is set in GitHub
    as well; the ref is checked again here, because whoever administers a repository can change that.
    """

    preview_role_arn: pulumi.Output[str]
    apply_role_arn: pulumi.Output[str]
    boundary_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DeliveryIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:deliveryIdentity:DeliveryIdentity", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        scope = args.scope
        needed: list[pulumi.Resource] = []
        if args.provider is GitHubProvider.CREATE:
            needed.append(
                iam.OpenIdConnectProvider(
                    f"{name}-github",
                    url="https://token.actions.githubusercontent.com",
                    client_id_lists=["sts.amazonaws.com"],
                    tags=resource_tags(f"{name}-github"),
                    opts=self._child,
                )
            )
        boundary = iam.Policy(
            f"{name}-boundary",
            name=scope.names.boundary,
            description=f"The most that roles of {scope.environment} can be allowed",
            policy=boundary_policy(scope),
            tags=resource_tags(f"{name}-boundary"),
            opts=self._child,
        )
        needed.append(boundary)
        branch = f"refs/heads/{args.branch}"
        # A preview also runs on the branch itself, to see what has drifted since the last apply.
        # A merge queue makes branches of its own for what it would merge.
        queue = f"refs/heads/gh-readonly-queue/{args.branch}/*"
        preview = self._role("preview", args.preview_environment, ["refs/pull/*/merge", queue, branch], needed)
        apply = self._role("apply", args.apply_environment, [branch], needed)
        self.boundary_arn = boundary.arn
        self.preview_role_arn = preview.arn
        self.apply_role_arn = apply.arn
        self.register_outputs(
            {
                "previewRoleArn": self.preview_role_arn,
                "applyRoleArn": self.apply_role_arn,
                "boundaryArn": self.boundary_arn,
            }
        )

    def _role(self, kind: str, environment: str, refs: list[str], needed: list[pulumi.Resource]) -> iam.Role:
        scope = self._args.scope
        role = iam.Role(
            f"{self._name}-{kind}",
            name=scope.names.apply_role if kind == "apply" else scope.names.preview_role,
            description=f"Taken by GitHub Actions of {self._args.repository} to {kind} {scope.environment}",
            assume_role_policy=trust_policy(scope, self._args.repository, environment, refs),
            max_session_duration=_APPLY_SECONDS if kind == "apply" else _PREVIEW_SECONDS,
            permissions_boundary=scope.names.boundary_arn,
            tags=resource_tags(f"{self._name}-{kind}"),
            # Both are named by their ARN in advance, and IAM refuses a role whose boundary or trusted one is not there.
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        iam.RolePolicy(
            f"{self._name}-{kind}-policy",
            name=kind,
            role=role.name,
            policy=apply_policy(scope) if kind == "apply" else preview_policy(scope),
            opts=self._child,
        )
        return role


def _validate(name: str, args: DeliveryIdentityArgs) -> None:
    scope = args.scope
    require(
        _ACCOUNT_ID.fullmatch(scope.account_id) is not None, f"{name}.scope.account_id", "12 digits", scope.account_id
    )
    require(
        _REPOSITORY.fullmatch(args.repository) is not None,
        f"{name}.repository",
        "OWNER/NAME, without wildcards",
        args.repository,
    )
    for subject, value in (
        ("branch", args.branch),
        ("preview_environment", args.preview_environment),
        ("apply_environment", args.apply_environment),
    ):
        # A wildcard here, one day compared with StringLike, would let every branch in.
        require(value != "" and not set(value) & set("*?:"), f"{name}.{subject}", "one name, without * ? :", value)
    require(
        args.preview_environment != args.apply_environment,
        f"{name}.preview_environment",
        "another GitHub environment than apply_environment",
        args.preview_environment,
    )
    require(
        len(scope.stacks) > 0 and all(label.count("/") == 1 and "*" not in label for label in scope.stacks),
        f"{name}.scope.stacks",
        "labels of the environment's stacks, as in project/stack",
        list(scope.stacks),
    )
    require(
        len(scope.names.preview_role) <= _ROLE_NAME_LENGTH,
        f"{name}.scope.name_prefix",
        f"short enough for role names of {_ROLE_NAME_LENGTH} characters",
        scope.name_prefix,
    )
    sizes = {"boundary": (len(boundary_policy(scope)), _MANAGED_POLICY_LENGTH)}
    sizes |= {"preview": (len(preview_policy(scope)), _INLINE_POLICIES_LENGTH)}
    sizes |= {"apply": (len(apply_policy(scope)), _INLINE_POLICIES_LENGTH)}
    for kind, (size, limit) in sizes.items():
        require(size <= limit, f"{name}.scope", f"small enough for the {kind} policy's {limit} characters", size)
