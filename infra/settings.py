"""Stack configuration: raw text in, frozen typed settings out, once.

Only types and presence are judged here. What a value means, and how values go together, is for the component that
takes it, so that it also holds for callers that have no configuration.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env


class SettingsError(pulumi.RunError):
    """Configuration that cannot be used; lists every problem found, each with its key, expected type and file."""


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
    """Read the settings of the stack that Pulumi is running; raises `SettingsError`."""
    # pulumi.Config answers for one key at a time, and a misspelled key is only found in the whole.
    return parse(pulumi.get_project(), pulumi.get_stack(), CONFIG.get() or get_config_env())


def parse(project: str, stack: str, values: Mapping[str, str]) -> Settings:
    """Turn raw configuration, as the engine hands it over with full keys, into settings; raises `SettingsError`."""
    raw = _Reader(project, stack, values)
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


class _Reader:
    """Reads keys of one stack's configuration and collects what is wrong, so that one run reports everything.

    Messages never repeat a value: it may be a secret that ended up under the wrong key.
    """

    def __init__(self, project: str, stack: str, values: Mapping[str, str]) -> None:
        self._file = f"Pulumi.{stack}.yaml"
        self._prefix = f"{project}:"
        self._values = values
        self._read: set[str] = set()
        self._problems: list[str] = []

    def _optional(self, key: str) -> str | None:
        self._read.add(self._prefix + key)
        return self._values.get(self._prefix + key) or None

    def text(self, key: str) -> str:
        value = self._optional(key)
        if value is None:
            self._problem(key, "must be a text that is not empty")
        return value or ""

    def path(self, key: str) -> str | None:
        value = self._optional(key)
        if value is not None and "\n" in value.strip():
            self._problem(key, "must be the path of a file, and not the file's contents")
        return value

    def integer(self, key: str) -> int:
        try:
            return int(self._optional(key) or "")
        except ValueError:
            self._problem(key, "must be an integer")
            return 0

    def texts(self, key: str) -> tuple[str, ...]:
        try:
            value = json.loads(self._optional(key) or "")
        except ValueError:
            value = None
        if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
            self._problem(key, "must be a list of texts with at least one item (quote items that look like numbers)")
            return ()
        return tuple(value)

    def finish(self) -> None:
        """Raise `SettingsError` if anything was wrong, or if there are keys that nobody reads."""
        for unknown in sorted(key for key in self._values if key.startswith(self._prefix) and key not in self._read):
            self._problems.append(f"{self._file}: {unknown} is not a setting; Pulumi.yaml lists those there are")
        if self._problems:
            raise SettingsError("The stack's configuration cannot be used:\n  " + "\n  ".join(self._problems))

    def _problem(self, key: str, expected: str) -> None:
        state = f", is {'set otherwise' if self._values.get(self._prefix + key) else 'missing or empty'}"
        self._problems.append(f"{self._file}: {self._prefix}{key} {expected}{state}")
