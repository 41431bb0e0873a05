"""gitops.yaml: what is read, and how each mistake is told."""

import re

import pytest

from gitops.config.gate import Approvals
from gitops.config.settings import Config, Environment, parse
from gitops.errors import ConfigError, UsageError
from gitops.model import Stack

GOOD = """version: 1
lease: {duration: 90s}
environments:
  - name: dev
    branch: main
    stacks: [dev]
  - name: prod
    branch: prod
    stacks: ["prod*", shop/live]
    approvals: 2
"""


def test_a_whole_file_is_read_in_promotion_order() -> None:
    assert parse(GOOD.encode()) == Config(
        environments=(
            Environment("dev", "main", ("dev",), approvals=Approvals(1)),
            Environment("prod", "prod", ("prod*", "shop/live"), approvals=Approvals(2)),
        ),
        lease_seconds=90,
    )


@pytest.mark.parametrize(("text", "seconds"), [("3s", 3), ("2m", 120), ("1h", 3600), ("1d", 86400)])
def test_durations(text: str, seconds: int) -> None:
    assert parse(GOOD.replace("90s", text).encode()).lease_seconds == seconds


def test_policy_packs_are_read_with_the_line_that_names_each() -> None:
    named = GOOD + "policy:\n  packs:\n    - policy\n    - policies/aws\n"
    assert dict(parse(named.encode()).packs) == {"policy": 13, "policies/aws": 14}
    assert dict(parse(GOOD.encode()).packs) == {}


MISTAKES = {
    "no file content": ("", "gitops.yaml: is empty"),
    "not YAML": ("version: [1\n", r"gitops.yaml:2: .*"),
    "not text": (b"version: \xff\xfe", r"gitops.yaml: .*"),
    "another version": (("version: 1", "version: 2"), "gitops.yaml:1: version: this release reads version 1, not 2"),
    "a boolean version": (("version: 1", "version: true"), "gitops.yaml:1: version: Expected int, got bool"),
    "an unknown key": (("    branch: prod", "    brunch: prod"), r"gitops.yaml:\d+: environments\[1\].*"),
    "a missing key": (("    branch: main\n", ""), r"gitops.yaml:4: environments\[0\]: the key 'branch' is missing"),
    "no environment": (re.compile(r"environments:.*", re.DOTALL), "gitops.yaml:.*environments"),
    "a key twice": (
        ("    approvals: 2", "    approvals: 2\n    approvals: 0"),
        r"gitops.yaml:11: environments\[1\].approvals: stands here and in line 10",
    ),
    "an alias": (("[dev]", "&all [dev, *all]"), "gitops.yaml:6: write the value out: aliases are not read"),
    "negative approvals": (("approvals: 2", "approvals: -1"), r"gitops.yaml:10: environments\[1\].approvals: .*"),
    "approvals as text": (("approvals: 2", "approvals: two"), r"gitops.yaml:10: environments\[1\].approvals: .*int.*"),
    "no stacks": (("[dev]", "[]"), r"gitops.yaml:6: environments\[0\].stacks: name at least one stack"),
    "stacks as text": (("[dev]", "dev"), r"gitops.yaml:6: environments\[0\].stacks: Expected array, got str"),
    "a name twice": (("name: prod", "name: dev"), r"gitops.yaml:7: environments\[1\].name: 'dev' already .*\[0\]"),
    "a branch twice": (("branch: prod", "branch: main"), r"gitops.yaml:8: environments\[1\].branch: 'main' already .*"),
    "a stack twice": (('"prod*"', "dev"), r"gitops.yaml:9: environments\[1\].stacks: 'dev' already .*\[0\]"),
    "an unusable branch": (("branch: prod", 'branch: "-x"'), r"gitops.yaml:8: environments\[1\].branch: .*usable.*"),
    "no duration": (("90s", "soon"), "gitops.yaml:2: lease.duration: 'soon' is not a duration .*"),
    "too short a lease": (("90s", "2s"), "gitops.yaml:2: lease.duration: .*"),
    "too long a lease": (("90s", "400d"), "gitops.yaml:2: lease.duration: .*"),
    "an environment on the ledger's branch": (
        ("branch: prod", "branch: gitops/ledger"),
        r"gitops.yaml:8: environments\[1\].branch: 'gitops/ledger' is the ledger's own branch",
    ),
    "an unknown key of policy": (
        ("version: 1", "version: 1\npolicy: {pack: policy}"),
        "gitops.yaml:2: policy.pack: unknown key 'pack'",
    ),
    "a pack twice": (
        ("version: 1", "version: 1\npolicy:\n  packs: [policy, policy]"),
        r"gitops.yaml:3: policy.packs\[1\]: 'policy' stands twice",
    ),
    "a pack outside of the repository": (
        ("version: 1", "version: 1\npolicy:\n  packs:\n    - ../policy"),
        r"gitops.yaml:4: policy.packs\[0\]: '../policy' is not a plain path .*",
    ),
    "a pack with a path in disguise": (
        ("version: 1", "version: 1\npolicy: {packs: [a/../policy]}"),
        r"gitops.yaml:2: policy.packs\[0\]: .*plain path.*",
    ),
    "the whole repository as a pack": (
        ("version: 1", "version: 1\npolicy: {packs: [.]}"),
        r"gitops.yaml:2: policy.packs\[0\]: .*plain path.*",
    ),
    "two packs in folders of one name": (
        ("version: 1", "version: 1\npolicy: {packs: [aws/policy, kubernetes/policy]}"),
        r"gitops.yaml:2: policy.packs\[1\]: Pulumi cannot tell 'kubernetes/policy' from 'aws/policy': .*",
    ),
    "a pack by its folder and by its file": (
        ("version: 1", "version: 1\npolicy: {packs: [policy, policy/__main__.py]}"),
        r"gitops.yaml:2: policy.packs\[1\]: Pulumi cannot tell 'policy/__main__.py' from 'policy': .*",
    ),
    "another ledger": (
        ("version: 1", "version: 1\nledger: {branch: mine}"),
        "gitops.yaml:2: ledger.branch: unknown key 'branch'",
    ),
}


@pytest.mark.parametrize(("edit", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_file_line_and_key(edit: object, message: str) -> None:
    match edit:
        case tuple():
            assert edit[0] in GOOD
            content = GOOD.replace(*edit, 1).encode()
        case re.Pattern():
            content = edit.sub("environments: []", GOOD).encode()
        case str():
            content = edit.encode()
        case _:
            content = edit
    with pytest.raises(ConfigError) as caught:
        parse(content)
    assert re.match(message, caught.value.message), caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("stack", "held"),
    [
        (Stack("shop", "prod"), True),
        (Stack("shop", "prod-eu"), True),
        (Stack("shop", "live"), True),
        (Stack("other", "live"), False),
        (Stack("shop", "dev"), False),
        (Stack("shop", "PROD"), False),
    ],
)
def test_an_environment_holds_stacks_by_name_or_label(stack: Stack, held: bool) -> None:
    assert parse(GOOD.encode()).environment("prod").holds(stack) is held


def test_an_unknown_environment_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        parse(GOOD.encode()).environment("stage")
    assert "'stage'" in caught.value.message
    assert caught.value.hint == "It names: dev, prod."


def test_an_environment_is_found_by_its_branch_and_by_its_stack() -> None:
    config = parse(GOOD.encode())
    assert (found := config.environment_of_branch("main")) is not None
    assert found.name == "dev"
    assert config.environment_of_branch("other") is None
    assert (found := config.environment_of(Stack("shop", "prod-eu"))) is not None
    assert found.name == "prod"


def test_a_stack_of_two_environments_is_told() -> None:
    config = parse(
        b"{version: 1, environments: [{name: dev, branch: main, stacks: ['*'], approvals: 0},"
        b" {name: prod, branch: prod, stacks: [prod], approvals: 2}]}"
    )
    dev, prod = Stack("shop", "dev"), Stack("shop", "prod")
    assert config.stacks_of(config.environment("dev"), (dev,)) == (dev,)
    for environment in config.environments:
        with pytest.raises(ConfigError, match="stack shop/prod belongs to dev and to prod"):
            config.stacks_of(environment, (dev, prod))
