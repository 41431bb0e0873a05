"""Stack configuration: raw text in, frozen typed settings out, once.

Only types and presence are judged here. What a value means, and how values go together, is for the component that
takes it, so that it also holds for callers that have no configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from infra.configuration import Reader


@dataclass(frozen=True, kw_only=True)
class AwsSettings:
    """Which region and accounts; an emulator, and credentials, come from the environment alone."""

    region: str
    account_ids: tuple[str, ...]
    max_retries: int


@dataclass(frozen=True, kw_only=True)
class KubernetesSettings:
    """Which cluster; `kubeconfig` is a path, or None for the `KUBECONFIG` of the environment."""

    context: str
    kubeconfig: str | None


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Address range, letters of the availability zones, and the number of NAT gateways."""

    cidr: str
    zones: tuple[str, ...]
    nat_gateways: int


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """How long deleted data can be brought back, in days."""

    bucket_retention_days: int
    key_deletion_days: int


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
    message: str
    min_replicas: int
    max_replicas: int
    cpu: str
    memory: str
    ingress_namespace: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything one stack is configured with."""

    owner: str
    name_prefix: str
    aws: AwsSettings
    kubernetes: KubernetesSettings
    network: NetworkSettings
    data: DataSettings
    quota: QuotaSettings
    web: WebSettings


def load() -> Settings:
    """Read the settings of the stack that Pulumi is running; raises `configuration.SettingsError`."""
    # pulumi.Config answers for one key at a time, and a misspelled key is only found in the whole.
    return parse(pulumi.get_project(), pulumi.get_stack(), CONFIG.get() or get_config_env())


def parse(project: str, stack: str, values: Mapping[str, str]) -> Settings:
    """Turn raw configuration, as the engine hands it over with full keys, into settings.

    Raises `configuration.SettingsError`.
    """
    raw = Reader(project, stack, values)
    settings = Settings(
        owner=raw.text("owner"),
        name_prefix=raw.text("namePrefix"),
        aws=AwsSettings(
            region=raw.text("awsRegion"),
            account_ids=raw.texts("awsAccountIds"),
            max_retries=raw.integer("awsMaxRetries"),
        ),
        kubernetes=KubernetesSettings(context=raw.text("kubeContext"), kubeconfig=raw.path("kubeconfig")),
        network=NetworkSettings(
            cidr=raw.text("vpcCidr"), zones=raw.texts("zones"), nat_gateways=raw.integer("natGateways")
        ),
        data=DataSettings(
            bucket_retention_days=raw.integer("bucketRetentionDays"), key_deletion_days=raw.integer("keyDeletionDays")
        ),
        quota=QuotaSettings(cpu=raw.text("quotaCpu"), memory=raw.text("quotaMemory"), pods=raw.integer("quotaPods")),
        web=WebSettings(
            image=raw.text("webImage"),
            message=raw.text("webMessage"),
            min_replicas=raw.integer("webMinReplicas"),
            max_replicas=raw.integer("webMaxReplicas"),
            cpu=raw.text("webCpu"),
            memory=raw.text("webMemory"),
            ingress_namespace=raw.text("ingressNamespace"),
        ),
    )
    raw.finish()
    return settings
