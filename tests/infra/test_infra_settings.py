"""Settings: raw configuration in, valid values out, and everything wrong with it in one message."""

import pytest

from infra.configuration import SettingsError
from infra.settings import KubernetesSettings, Settings, parse
from tests.infra.configuration import ENVIRONMENTS, as_engine_sends, declared, values

EXISTING = {"cluster": "existing", "kubeContext": "shared"}
SECRET = "kind: Config\nusers: [{name: a, user: {token: canary-7f3a}}]\n"


def settings(stack: str = "dev", /, **changes: object) -> Settings:
    return parse("infrastructure", stack, as_engine_sends(stack, **changes))


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_every_committed_environment_is_valid(stack: str) -> None:
    assert settings(stack).name_prefix.endswith(stack)


def test_values_arrive_with_their_types() -> None:
    staging = settings("staging")
    assert staging.network.zones == ("a", "b", "c")
    assert staging.network.nat_gateways == 1
    assert staging.aws.account_ids == ("123456789012",)
    assert staging.database.multi_az is False
    assert staging.watch.emails == ()


def test_the_cluster_is_either_the_stack_s_own_or_an_existing_one() -> None:
    own, existing = settings(), settings(**EXISTING)
    assert own.eks is not None
    assert own.kubernetes is None
    assert existing.eks is None
    assert existing.kubernetes == KubernetesSettings(context="shared", kubeconfig=None)


def test_the_kubeconfig_is_passed_on_as_a_path() -> None:
    kubernetes = settings(**EXISTING, kubeconfig="/clusters/config").kubernetes
    assert kubernetes is not None
    assert kubernetes.kubeconfig == "/clusters/config"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("natGateways", "many", "must be an integer, is set otherwise"),
        ("webMinReplicas", None, "must be an integer, is missing or empty"),
        ("awsRegion", None, "must be a text that is not empty, is missing or empty"),
        ("zones", "a", "must be a list of texts with at least one item"),
        ("zones", [], "must be a list of texts with at least one item"),
        ("awsAccountIds", [123456789012], "must be a list of texts with at least one item"),
        ("alarmEmails", "ops@example.com", "must be a list of texts, [] for none"),
        ("databaseMultiAz", "yes", "must be true or false, is set otherwise"),
        ("cluster", "aks", "must be one of eks, existing, is set otherwise"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_expected_type(key: str, value: object, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{key: value})
    assert f"Pulumi.dev.yaml: infrastructure:{key} {expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kubeContext": None}, "kubeContext must be a text that is not empty"),
        ({"kubeconfig": SECRET}, "kubeconfig must be the path of a file, and not the file's contents"),
    ],
)
def test_an_existing_cluster_needs_its_own_values(changes: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        settings(**{**EXISTING, **changes})


def test_everything_wrong_is_reported_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        settings("prod", zones=None, quotaPods="x", webImages="typo")
    assert str(caught.value).splitlines()[1:] == [
        "  Pulumi.prod.yaml: infrastructure:zones must be a list of texts with at least one item "
        "(quote items that look like numbers), is missing or empty",
        "  Pulumi.prod.yaml: infrastructure:quotaPods must be an integer, is set otherwise",
        "  Pulumi.prod.yaml: infrastructure:webImages is not a setting; Pulumi.yaml lists those there are",
    ]


def test_no_message_repeats_a_value() -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**EXISTING, kubeconfig=SECRET, natGateways="canary-7f3a", databaseMultiAz="canary-7f3a")
    assert "canary" not in str(caught.value)


def test_the_project_declares_exactly_what_is_read() -> None:
    with pytest.raises(SettingsError) as caught:
        parse("infrastructure", "dev", {f"infrastructure:{key}": "" for key in declared()})
    assert "is not a setting" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        parse("infrastructure", "dev", {})
    required = {key for key, rule in declared().items() if "default" not in rule}
    reported = {line.split("infrastructure:")[1].split()[0] for line in str(caught.value).splitlines()[1:]}
    assert required <= reported
    assert reported <= set(declared())


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_stack_files_hold_declared_values_only_and_texts_as_pulumi_writes_them(stack: str) -> None:
    config = values(stack)
    assert {key.removeprefix("infrastructure:") for key in config} <= set(declared())
    # Pulumi rewrites numbers as texts when it touches the file; written so from the start, the file stays as it is.
    assert all(isinstance(value, str | list) for value in config.values())
