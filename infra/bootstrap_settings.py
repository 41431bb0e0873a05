"""Configuration of the stack that has to be there before all others: a few keys of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.configuration import Reader, running
from infra.settings import AwsSettings, aws_settings


@dataclass(frozen=True, kw_only=True)
class BootstrapSettings:
    """An account's settings; `repository` is `OWNER/NAME`, `administrators` are ARNs of roles, days are days."""

    owner: str
    cost_centre: str
    name_prefix: str
    aws: AwsSettings
    repository: str
    administrators: tuple[str, ...]
    emails: tuple[str, ...]
    budget_usd: int
    state_retention_days: int
    trail_archive_days: int
    trail_search_days: int
    key_deletion_days: int


def load() -> BootstrapSettings:
    """Read the settings of the stack that Pulumi is running; raises `SettingsError`."""
    return parse(*running())


def parse(project: str, stack: str, values: Mapping[str, str]) -> BootstrapSettings:
    """Turn raw configuration, as the engine hands it over with full keys, into settings; raises `SettingsError`."""
    raw = Reader(project, stack, values)
    settings = BootstrapSettings(
        owner=raw.text("owner"),
        cost_centre=raw.text("costCentre"),
        name_prefix=raw.text("namePrefix"),
        aws=aws_settings(raw),
        repository=raw.text("repository"),
        administrators=raw.texts("administrators"),
        emails=raw.any_texts("emails"),
        budget_usd=raw.integer("budgetUsd"),
        state_retention_days=raw.integer("stateRetentionDays"),
        trail_archive_days=raw.integer("trailArchiveDays"),
        trail_search_days=raw.integer("trailSearchDays"),
        key_deletion_days=raw.integer("keyDeletionDays"),
    )
    raw.finish()
    return settings
