"""Stack configuration: raw text in, frozen typed settings out, once.

Only types and presence are judged here. What a value means, and how values go together, is for the component that
takes it, so that it also holds for callers that have no configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from infra.configuration import Reader, running


class ClusterKind(StrEnum):
    """Where an environment's workloads run."""

    EKS = "eks"
    EXISTING = "existing"


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Which region and accounts; an emulator, and credentials, come from the environment alone."""

    region: str
    account_ids: tuple[str, ...]
    max_retries: int

    @property
    def account_id(self) -> str:
        """The account that names and policies are made for: the first of those allowed."""
        return self.account_ids[0]


@dataclass(frozen=True, kw_only=True)
class KubernetesSettings:
    """Which existing cluster; `kubeconfig` is a path, or None for the `KUBECONFIG` of the environment."""

    context: str
    kubeconfig: str | None


@dataclass(frozen=True, kw_only=True)
class EksSettings:
    """The cluster to make; `admins` are ARNs of roles, `public_cidrs` who may reach its API from the internet."""

    version: str
    admins: tuple[str, ...]
    public_cidrs: tuple[str, ...]
    instance_types: tuple[str, ...]
    min_nodes: int
    max_nodes: int


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Address range, letters of the availability zones, number of NAT gateways, and AWS services with an endpoint."""

    cidr: str
    zones: tuple[str, ...]
    nat_gateways: int
    interface_endpoints: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """How many days logs are kept, and who is told of alarms."""

    log_days: int
    emails: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How long deleted data can be brought back, in days."""

    bucket_retention_days: int
    key_deletion_days: int


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """The database; storage in GiB, backups in days."""

    instance_class: str
    storage: int
    max_storage: int
    backup_days: int
    multi_az: bool


@dataclass(frozen=True, kw_only=True)
class QuotaSettings:
    """What the namespace may use; CPU and memory as Kubernetes quantities."""

    cpu: str
    memory: str
    pods: int


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The web workload; CPU and memory of one pod as Kubernetes quantities."""

    image: str
    host: str
    tls_secret: str
    message: str
    min_replicas: int
    max_replicas: int
    cpu: str
    memory: str


@dataclass(frozen=True, kw_only=True)
class LegacySettings:
    """The hosts of the application that runs in no container.

    `patch_schedule` is a cron expression of SSM's, in UTC; patches are `patch_after_days` old when they are installed.
    """

    image_id: str
    instance_type: str
    min_hosts: int
    max_hosts: int
    certificate_arn: str | None
    patch_schedule: str
    patch_after_days: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything one stack is configured with. `eks` is None where the cluster is an existing one, and vice versa.

    `delivery_prefix` starts the names of the roles that deliver it and of their boundary.
    """

    owner: str
    cost_centre: str
    name_prefix: str
    delivery_prefix: str
    aws: AwsSettings
    network: NetworkSettings
    watch: WatchSettings
    eks: EksSettings | None
    kubernetes: KubernetesSettings | None
    data: DataSettings
    database: DatabaseSettings
    quota: QuotaSettings
    web: WebSettings
    legacy: LegacySettings


def load() -> Settings:
    """Read the settings of the stack that Pulumi is running; raises `configuration.SettingsError`."""
    return parse(*running())


def aws_settings(raw: Reader) -> AwsSettings:
    """Which region and accounts, by the keys that every project has for it."""
    return AwsSettings(
        region=raw.text("awsRegion"), account_ids=raw.texts("awsAccountIds"), max_retries=raw.integer("awsMaxRetries")
    )


def parse(project: str, stack: str, values: Mapping[str, str]) -> Settings:
    """Turn raw configuration, as the engine hands it over with full keys, into settings.

    Raises `configuration.SettingsError`.
    """
    raw = Reader(project, stack, values)
    kind = raw.choice("cluster", ClusterKind)
    settings = Settings(
        owner=raw.text("owner"),
        cost_centre=raw.text("costCentre"),
        name_prefix=raw.text("namePrefix"),
        delivery_prefix=raw.optional("deliveryPrefix") or raw.optional("namePrefix") or "",
        aws=aws_settings(raw),
        network=NetworkSettings(
            cidr=raw.text("vpcCidr"),
            zones=raw.texts("zones"),
            nat_gateways=raw.integer("natGateways"),
            interface_endpoints=raw.any_texts("interfaceEndpoints"),
        ),
        watch=WatchSettings(
            log_days=raw.integer("logDays"),
            emails=raw.any_texts("alarmEmails"),
        ),
        eks=_eks(raw) if kind is ClusterKind.EKS else None,
        kubernetes=_existing(raw) if kind is ClusterKind.EXISTING else None,
        data=DataSettings(
            bucket_retention_days=raw.integer("bucketRetentionDays"), key_deletion_days=raw.integer("keyDeletionDays")
        ),
        database=DatabaseSettings(
            instance_class=raw.text("databaseClass"),
            storage=raw.integer("databaseStorage"),
            max_storage=raw.integer("databaseMaxStorage"),
            backup_days=raw.integer("databaseBackupDays"),
            multi_az=raw.truth("databaseMultiAz"),
        ),
        quota=QuotaSettings(cpu=raw.text("quotaCpu"), memory=raw.text("quotaMemory"), pods=raw.integer("quotaPods")),
        web=_web(raw),
        legacy=_legacy(raw),
    )
    raw.finish()
    return settings


def _eks(raw: Reader) -> EksSettings:
    raw.unused("kubeContext", "kubeconfig")
    return EksSettings(
        version=raw.text("clusterVersion"),
        admins=raw.any_texts("clusterAdmins"),
        public_cidrs=raw.any_texts("clusterPublicCidrs"),
        instance_types=raw.texts("nodeInstanceTypes"),
        min_nodes=raw.integer("minNodes"),
        max_nodes=raw.integer("maxNodes"),
    )


def _existing(raw: Reader) -> KubernetesSettings:
    raw.unused("clusterVersion", "clusterAdmins", "clusterPublicCidrs", "nodeInstanceTypes", "minNodes", "maxNodes")
    return KubernetesSettings(context=raw.text("kubeContext"), kubeconfig=raw.path("kubeconfig"))


def _web(raw: Reader) -> WebSettings:
    return WebSettings(
        image=raw.text("webImage"),
        host=raw.text("webHost"),
        tls_secret=raw.text("webTlsSecret"),
        message=raw.text("webMessage"),
        min_replicas=raw.integer("webMinReplicas"),
        max_replicas=raw.integer("webMaxReplicas"),
        cpu=raw.text("webCpu"),
        memory=raw.text("webMemory"),
    )


def _legacy(raw: Reader) -> LegacySettings:
    return LegacySettings(
        image_id=raw.text("legacyImage"),
        instance_type=raw.text("legacyInstanceType"),
        min_hosts=raw.integer("legacyMinHosts"),
        max_hosts=raw.integer("legacyMaxHosts"),
        certificate_arn=raw.optional("legacyCertificate"),
        patch_schedule=raw.text("legacyPatchSchedule"),
        patch_after_days=raw.integer("legacyPatchAfterDays"),
    )
