"""A PostgreSQL database on RDS."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, rds

from infra.clients import Clients, Entrance, client_group, require_clients
from infra.inputs import require
from infra.log_retention import require_retention
from infra.tags import resource_tags

_PORT = 5432
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html, and short enough for what is
# named after it: a role has 64 letters.
_IDENTIFIER = re.compile(r"[a-z](?:-?[a-z0-9]){0,39}")
_SQL_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
# Names that PostgreSQL or RDS keep for themselves.
_RESERVED_USERS = ("admin", "rdsadmin", "rdsrepladmin", "rds_superuser")
_MONITORING_SECONDS = (0, 1, 5, 10, 15, 30, 60)
_LOGS = ("postgresql", "upgrade")
# The part of it that is free of charge.
_INSIGHTS_DAYS = 7
# Valid to 2061; without it, RDS picks what is the default that day, and clients are told which authority to trust.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
_CERTIFICATE_AUTHORITY = "rds-ca-rsa2048-g1"
# All can be changed while the database runs. No log_statement: it would log the passwords in CREATE and ALTER ROLE.
_PARAMETERS: Mapping[str, str] = {
    "log_connections": "1",
    "log_disconnections": "1",
    "log_lock_waits": "1",
    # Milliseconds.
    "log_min_duration_statement": "1000",
    # The values that belong to a logged statement may be personal data.
    "log_parameter_max_length": "0",
    "rds.accepted_password_auth_method": "scram",
    "rds.force_ssl": "1",
}


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """Sizes in GiB, `major_version` without its minor part, windows in UTC as RDS spells them and apart.

    `from_security_groups` and `from_cidrs` may connect, and nobody else; the keys of the former name its rules.
    `key_arn` encrypts storage, backups, performance insights and the password; `log_key_arn` the logs, and CloudWatch
    Logs must be allowed to use it. `monitoring_seconds` is between figures of the operating system; 0 takes none;
    the role for it is limited by the policy `permissions_boundary`.
    `disposable` gives up what protects the data: deletion protection, the last snapshot, and backups that outlive the
    database. It also makes changes at once; otherwise those that interrupt wait for the maintenance window, and every
    preview shows them until then. `allow_major_upgrade` is for the change that raises `major_version`.
    """

    identifier: str
    region: str
    account_id: str
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    major_version: str
    instance_class: str
    database_name: str
    storage_gib: int
    max_storage_gib: int
    username: str = "owner"
    from_security_groups: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    from_cidrs: Sequence[str] = ()
    multi_az: bool = True
    backup_days: int = 14
    log_days: int = 90
    monitoring_seconds: int = 60
    backup_window: str = "01:00-02:00"
    maintenance_window: str = "sun:03:00-sun:04:00"
    allow_major_upgrade: bool = False
    disposable: bool = False
    permissions_boundary: str | None = None
    partition: str = "aws"


class Database(pulumi.ComponentResource):
    """An instance that is encrypted, backed up, reached by TLS only and from named clients only.

    The owner's password is made, kept and rotated by AWS in Secrets Manager; Pulumi only ever knows the secret's ARN.
    So are minor versions AWS's, which it upgrades in the maintenance window, and the size of the storage, which it
    grows up to the limit: the provider compares neither with what is stated here. What cannot be changed in place, such
    as `database_name`, makes an apply fail before anything is deleted.
    """

    address: pulumi.Output[str]
    port: int
    secret_arn: pulumi.Output[str]
    identifier: str
    resource_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:database:Database", name, None, opts)
        _validate(name, args)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        group = self._security_group()
        instance = self._instance(group)
        self.address = instance.address
        self.port = _PORT
        self.secret_arn = instance.master_user_secrets.apply(_secret_arn)
        self.identifier = args.identifier
        # What a policy for logging in with IAM names, instead of the identifier.
        self.resource_id = instance.resource_id
        self.security_group_id = group.id
        self.register_outputs(
            {
                "address": self.address,
                "port": self.port,
                "secretArn": self.secret_arn,
                "identifier": self.identifier,
                "resourceId": self.resource_id,
                "securityGroupId": self.security_group_id,
            }
        )

    def _security_group(self) -> ec2.SecurityGroup:
        args = self._args
        # Without rules for the way out: a database answers, it never calls.
        entrance = Entrance(
            port=_PORT,
            group_name=f"{args.identifier}-database",
            description="PostgreSQL from named clients",
            what="PostgreSQL",
            vpc_id=args.vpc_id,
        )
        return client_group(self._name, entrance, _clients(args), self._child)

    def _parameter_group(self) -> rds.ParameterGroup:
        args = self._args
        # With the version in both names, the group of the next major version stands beside the one in use.
        name = f"{self._name}-parameters-{args.major_version}"
        return rds.ParameterGroup(
            name,
            name=f"{args.identifier}-postgres{args.major_version}",
            description=f"PostgreSQL {args.major_version}: TLS only, and what is logged",
            family=f"postgres{args.major_version}",
            parameters=[
                rds.ParameterGroupParameterArgs(name=parameter, value=value, apply_method="immediate")
                for parameter, value in _PARAMETERS.items()
            ],
            tags=resource_tags(name),
            opts=self._child,
        )

    def _subnet_group(self) -> rds.SubnetGroup:
        name = f"{self._name}-subnets"
        return rds.SubnetGroup(
            name,
            name=self._args.identifier,
            description="Isolated subnets of the database",
            subnet_ids=self._args.subnet_ids,
            tags=resource_tags(name),
            opts=self._child,
        )

    def _log_groups(self) -> list[pulumi.Resource]:
        # RDS makes those that are missing, and then they are kept for ever and encrypted with nobody's key.
        return [
            cloudwatch.LogGroup(
                f"{self._name}-log-{log}",
                name=f"/aws/rds/instance/{self._args.identifier}/{log}",
                retention_in_days=self._args.log_days,
                kms_key_id=self._args.log_key_arn,
                tags=resource_tags(f"{self._name}-log-{log}"),
                opts=self._child,
            )
            for log in _LOGS
        ]

    def _monitoring_role(self) -> tuple[pulumi.Output[str] | None, list[pulumi.Resource]]:
        args = self._args
        if args.monitoring_seconds == 0:
            return None, []
        name = f"{self._name}-monitoring"
        role = iam.Role(
            name,
            name=f"{args.identifier}-rds-monitoring",
            description="Lets RDS write figures of the operating system to CloudWatch Logs",
            assume_role_policy=_monitoring_trust(args),
            permissions_boundary=args.permissions_boundary,
            tags=resource_tags(name),
            opts=self._child,
        )
        attachment = iam.RolePolicyAttachment(
            f"{name}-policy",
            role=role.name,
            policy_arn=f"arn:{args.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self._child,
        )
        return role.arn, [attachment]

    def _instance(self, group: ec2.SecurityGroup) -> rds.Instance:
        args = self._args
        role_arn, monitoring = self._monitoring_role()
        return rds.Instance(
            self._name,
            identifier=args.identifier,
            engine="postgres",
            # The major version only, so that AWS's upgrades of the minor one are no difference.
            engine_version=args.major_version,
            auto_minor_version_upgrade=True,
            allow_major_version_upgrade=args.allow_major_upgrade,
            apply_immediately=args.disposable,
            instance_class=args.instance_class,
            multi_az=args.multi_az,
            storage_type="gp3",
            allocated_storage=args.storage_gib,
            max_allocated_storage=args.max_storage_gib,
            storage_encrypted=True,
            kms_key_id=args.key_arn,
            db_name=args.database_name,
            username=args.username,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key_arn,
            iam_database_authentication_enabled=True,
            ca_cert_identifier=_CERTIFICATE_AUTHORITY,
            port=_PORT,
            publicly_accessible=False,
            db_subnet_group_name=self._subnet_group().name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=self._parameter_group().name,
            backup_retention_period=args.backup_days,
            backup_window=args.backup_window,
            maintenance_window=args.maintenance_window,
            copy_tags_to_snapshot=True,
            delete_automated_backups=args.disposable,
            deletion_protection=not args.disposable,
            skip_final_snapshot=args.disposable,
            # If there is one of that name already, RDS refuses the deletion: rather than lose one of the two.
            final_snapshot_identifier=None if args.disposable else f"{args.identifier}-final",
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key_arn,
            performance_insights_retention_period=_INSIGHTS_DAYS,
            enabled_cloudwatch_logs_exports=list(_LOGS),
            monitoring_interval=args.monitoring_seconds,
            monitoring_role_arn=role_arn,
            tags=resource_tags(self._name),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*self._log_groups(), *monitoring],
                # With a chosen name the provider would delete the database first. So RDS refuses a second of that name.
                delete_before_replace=False,
            ),
        )


def _secret_arn(secrets: Sequence[rds.outputs.InstanceMasterUserSecret] | None) -> str:
    """Empty for a database that was taken over with a password of its own, until AWS has made it a secret."""
    return str(secrets[0].secret_arn) if secrets else ""


def _monitoring_trust(args: DatabaseArgs) -> str:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html, with its conditions."""
    source = f"arn:{args.partition}:rds:{args.region}:{args.account_id}:db:{args.identifier}"
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "monitoring.rds.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": args.account_id},
                        "StringLike": {"aws:SourceArn": source},
                    },
                }
            ],
        }
    )


def _clients(args: DatabaseArgs) -> Clients:
    return Clients(security_groups=args.from_security_groups, cidrs=args.from_cidrs)


def _validate(name: str, args: DatabaseArgs) -> None:
    def check(holds: bool, argument: str, expected: str) -> None:
        require(holds, f"{name}.{argument}", expected, getattr(args, argument))

    check(
        _IDENTIFIER.fullmatch(args.identifier) is not None and len(args.identifier) <= 40,
        "identifier",
        "1 to 40 lower-case letters, digits and single inner hyphens, a letter first",
    )
    check(args.major_version.isdecimal(), "major_version", "a major version alone, as text, such as 17")
    check(args.instance_class.startswith("db."), "instance_class", "a class of RDS such as db.t4g.medium")
    sql_name = "up to 63 lower-case letters, digits and underscores, a letter first"
    check(_SQL_NAME.fullmatch(args.database_name) is not None, "database_name", sql_name)
    check(
        _SQL_NAME.fullmatch(args.username) is not None and args.username not in _RESERVED_USERS,
        "username",
        f"{sql_name}, and none of {', '.join(_RESERVED_USERS)}",
    )
    check(args.storage_gib >= 20, "storage_gib", "20 or more, the least that gp3 has")
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
    check(
        args.max_storage_gib * 10 >= args.storage_gib * 11,
        "max_storage_gib",
        f"at least a tenth above the {args.storage_gib} of storage_gib",
    )
    check(1 <= args.backup_days <= 35, "backup_days", "from 1 to 35")
    require_retention(args.log_days, f"{name}.log_days")
    check(
        args.monitoring_seconds in _MONITORING_SECONDS,
        "monitoring_seconds",
        f"one of {', '.join(map(str, _MONITORING_SECONDS))}",
    )
    require_clients(name, _clients(args))
