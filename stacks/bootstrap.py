"""bootstrap: what an account needs before any environment can be delivered into it; applied by an administrator.

The pipeline has no part in it, because it decides what the pipeline may do: no environment of gitops.yaml holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra import bootstrap_settings
from infra.account_baseline import AccountBaseline, AccountBaselineArgs
from infra.alarms import audit_alarms
from infra.audit_trail import AuditTrail, AuditTrailArgs
from infra.bootstrap_settings import BootstrapSettings
from infra.delivery_identity import DeliveryIdentity, DeliveryIdentityArgs, GitHubProvider
from infra.delivery_scope import DeliveryScope
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.inputs import require
from infra.observability import Observability, ObservabilityArgs
from infra.providers import aws_provider
from infra.state_backend import StateBackend, StateBackendArgs

# The project of the environments' stacks, as in Pulumi.yaml at the root.
_PROJECT = "infrastructure"


@dataclass(frozen=True)
class Environment:
    """An environment of gitops.yaml in this account, and its branch there."""

    name: str
    branch: str


ENVIRONMENTS = (Environment("dev", "main"), Environment("staging", "staging"), Environment("prod", "prod"))


def build() -> None:
    """Build the account's foundation, and export what the environments' settings in GitHub need."""
    settings = bootstrap_settings.load()
    prefix, account, region = settings.name_prefix, settings.aws.account_id, settings.aws.region
    provider = aws_provider(settings.aws, owner=settings.owner, cost_centre=settings.cost_centre)
    protected = pulumi.ResourceOptions(providers=[provider], protect=True)

    identities = _identities(settings, protected)
    scopes = [_scope(settings, environment) for environment in ENVIRONMENTS]
    state = StateBackend(
        "state",
        StateBackendArgs(
            bucket_name=_state_name(settings),
            alias=_state_name(settings),
            account_id=account,
            region=region,
            administrators=settings.administrators,
            writers=[scope.names.apply_role_arn for scope in scopes],
            readers=[scope.names.preview_role_arn for scope in scopes],
            retention_days=settings.state_retention_days,
        ),
        protected,
    )
    key = EncryptionKey(
        "audit-key",
        EncryptionKeyArgs(
            account_id=account,
            region=region,
            alias=_audit_name(settings),
            description=f"Encrypts the audit trail of {prefix}, and the messages about it",
            deletion_days=settings.key_deletion_days,
            services=("budgets", "cloudtrail", "cloudwatch", "logs"),
        ),
        protected,
    )
    trail = AuditTrail(
        "audit-trail",
        AuditTrailArgs(
            trail_name=_audit_name(settings),
            bucket_name=_audit_name(settings),
            log_group_name=_audit_name(settings),
            role_name=_audit_name(settings),
            key_arn=key.arn,
            account_id=account,
            region=region,
            archive_days=settings.trail_archive_days,
            search_days=settings.trail_search_days,
        ),
        protected,
    )
    observability = Observability(
        "account",
        ObservabilityArgs(
            name_prefix=f"{prefix}-account",
            key_arn=key.arn,
            account_id=account,
            region=region,
            emails=settings.emails,
            log_alarms=audit_alarms(trail.log_group_name),
        ),
        protected,
    )
    AccountBaseline(
        "baseline",
        AccountBaselineArgs(
            account_id=account,
            budget_name=f"{prefix}-monthly",
            budget_usd=settings.budget_usd,
            topic_arns=[observability.topic_arn],
        ),
        protected,
    )

    pulumi.export("backendUrl", state.url)
    pulumi.export(
        "secretsProviders",
        {name: state.secrets_provider + name for name in ("bootstrap", *(one.name for one in ENVIRONMENTS))},
    )
    pulumi.export(
        "awsRoles",
        {
            github_environment: arn
            for environment, identity in zip(ENVIRONMENTS, identities, strict=True)
            for github_environment, arn in (
                (environment.branch, identity.apply_role_arn),
                (f"preview-{environment.branch}", identity.preview_role_arn),
            )
        },
    )
    pulumi.export("boundaryArns", {scope.environment: scope.names.boundary_arn for scope in scopes})
    pulumi.export("auditBucketName", trail.bucket_name)
    pulumi.export("alarmTopicArn", observability.topic_arn)


def _identities(settings: BootstrapSettings, opts: pulumi.ResourceOptions) -> Sequence[DeliveryIdentity]:
    found: list[DeliveryIdentity] = []
    for environment in ENVIRONMENTS:
        within = [one.name for one in ENVIRONMENTS if one.name.startswith(f"{environment.name}-")]
        # Roles are told apart by the beginning of their names.
        require(not within, "bootstrap.environments", f"names none of which begins with {environment.name}-", within)
        first = not found
        found.append(
            DeliveryIdentity(
                f"delivery-{environment.name}",
                DeliveryIdentityArgs(
                    scope=_scope(settings, environment),
                    repository=settings.repository,
                    branch=environment.branch,
                    preview_environment=f"preview-{environment.branch}",
                    apply_environment=environment.branch,
                    provider=GitHubProvider.CREATE if first else GitHubProvider.GIVEN,
                ),
                # The first one makes the identity provider that all of them trust.
                pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=found[:1])),
            )
        )
    return found


def _scope(settings: BootstrapSettings, environment: Environment) -> DeliveryScope:
    return DeliveryScope(
        environment=environment.name,
        name_prefix=f"{settings.name_prefix}-{environment.name}",
        account_id=settings.aws.account_id,
        region=settings.aws.region,
        state_bucket=_state_name(settings),
        state_alias=_state_name(settings),
        stacks=(f"{_PROJECT}/{environment.name}",),
        guarded_buckets=(_audit_name(settings),),
        guarded_aliases=(_audit_name(settings),),
        guarded_log_groups=(_audit_name(settings),),
    )


def _state_name(settings: BootstrapSettings) -> str:
    return f"{settings.name_prefix}-pulumi-state"


def _audit_name(settings: BootstrapSettings) -> str:
    return f"{settings.name_prefix}-audit-trail"
