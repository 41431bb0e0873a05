"""Which violation stops a deploy, by environment, and what is said of a file that does not make sense."""

import pytest

from policy import levels
from policy.catalogue import ALL, NAMES
from policy.files import FileError
from policy.levels import Level
from policy.rule import Severity
from tests.policy.files import FOLDER

STRICT = "{critical: mandatory, high: mandatory, medium: advisory, low: advisory}"
MILD = "{critical: mandatory, high: advisory, medium: disabled, low: disabled}"
TEXT = f"""\
environments:
  dev:
    severities: {MILD}
    rules:
      rds-multi-az: mandatory
  prod:
    severities: {STRICT}
    rules:
      rds-multi-az: disabled
"""


def read(text: str) -> levels.Levels:
    return levels.read(text, "policy/levels.yaml", NAMES)


def test_a_rule_goes_by_its_severity_unless_it_is_named() -> None:
    found = read(TEXT)
    assert found.of("s3-versioned", Severity.HIGH, "dev") is Level.ADVISORY
    assert found.of("s3-versioned", Severity.HIGH, "prod") is Level.MANDATORY
    assert found.of("rds-multi-az", Severity.MEDIUM, "dev") is Level.MANDATORY
    assert found.of("rds-multi-az", Severity.MEDIUM, "prod") is Level.DISABLED


@pytest.mark.parametrize("environment", ["production", "", None])
def test_an_unknown_environment_gets_the_strictest_level_of_each_rule(environment: str | None) -> None:
    found = read(TEXT)
    assert found.of("s3-versioned", Severity.HIGH, environment) is Level.MANDATORY
    assert found.of("rds-multi-az", Severity.MEDIUM, environment) is Level.MANDATORY
    assert found.of("pod-probed", Severity.LOW, environment) is Level.ADVISORY


def test_a_stack_can_be_judged_as_an_environment_whose_name_it_has_not() -> None:
    found = read(TEXT + 'like: {"review-*": dev, "*": prod}\n')
    assert found.of("s3-versioned", Severity.HIGH, "review-7") is Level.ADVISORY
    assert found.of("s3-versioned", Severity.HIGH, "other") is Level.MANDATORY
    assert found.of("s3-versioned", Severity.HIGH, "dev") is Level.ADVISORY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "policy/levels.yaml:1: the file must be a mapping"),
        ("environments: {", "policy/levels.yaml:1: the file is not YAML"),
        ("environments: {}", "policy/levels.yaml:1: environments must name an environment"),
        ("environment: {}", "policy/levels.yaml:1: environment is not known here"),
        (TEXT + "like: {a-*: test}", "policy/levels.yaml:10: like.a-* must be one of dev, prod; got test"),
        (TEXT.replace("low: disabled", ""), "policy/levels.yaml:3: environments.dev.severities lacks the key low"),
        (
            TEXT.replace("rds-multi-az: disabled", "rds-multi-az: off"),
            "policy/levels.yaml:9: environments.prod.rules.rds-multi-az must be one of mandatory, advisory, disabled",
        ),
        (
            TEXT.replace("rds-multi-az: disabled", "rds-multi-zone: disabled"),
            "policy/levels.yaml:9: environments.prod.rules.rds-multi-zone is not a rule",
        ),
        (TEXT + "  dev: {}\n", "policy/levels.yaml:10: environments.dev occurs twice"),
        (TEXT.replace("    rules:", "    rule:", 1), "policy/levels.yaml:4: environments.dev.rule is not known here"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(text: str, said: str) -> None:
    with pytest.raises(FileError) as caught:
        read(text)
    assert str(caught.value).startswith(said)


def test_the_levels_that_are_shipped_stop_what_is_critical_everywhere_and_what_is_high_in_front_of_customers() -> None:
    found = read((FOLDER / "levels.yaml").read_text(encoding="utf-8"))
    assert set(found.environments) == {"dev", "staging", "prod"}
    for rule in ALL:
        if rule.severity is Severity.CRITICAL:
            assert {found.of(rule.name, rule.severity, one) for one in found.environments} == {Level.MANDATORY}
        if rule.severity is Severity.HIGH:
            assert found.of(rule.name, rule.severity, "prod") is Level.MANDATORY
        assert found.of(rule.name, rule.severity, "prod") is not Level.DISABLED
