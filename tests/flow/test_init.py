"""What `gitops init` proposes and writes, pure."""

import pytest

from gitops.config import settings
from gitops.errors import ConfigError
from gitops.flow import init
from gitops.flow.doctor import workflows
from gitops.flow.doctor.workflows import Action
from gitops.flow.init import Wanted
from gitops.model import Stack

ACTION = f"example/gitops@{'a' * 40}"


def proposed(*names: str) -> list[tuple[str, str, tuple[str, ...]]]:
    stacks = [Stack("shop", name) for name in names]
    return [(one.name, one.branch, one.stacks) for one in init.propose(stacks, "trunk")]


def test_environments_are_in_promotion_order_whatever_the_order_of_the_stacks() -> None:
    assert proposed("prod", "dev", "staging") == [
        ("dev", "trunk", ("dev",)),
        ("staging", "staging", ("staging",)),
        ("prod", "prod", ("prod",)),
    ]


def test_stacks_of_one_word_are_one_environment() -> None:
    assert proposed("network-dev", "dev", "dev_eu", "production") == [
        ("dev", "trunk", ("dev", "dev_eu", "network-dev")),
        ("production", "production", ("production",)),
    ]


def test_a_stack_that_says_nothing_or_two_things_is_left_out_unless_it_is_the_only_one() -> None:
    assert proposed("dev", "blue", "dev-prod") == [("dev", "trunk", ("dev",))]
    assert proposed("blue", "green") == []
    assert proposed("blue") == [("blue", "trunk", ("blue",))]


def test_an_environment_is_given_with_or_without_its_stacks() -> None:
    assert init.wanted("dev=main") == Wanted("dev", "main", ("dev",))
    assert init.wanted("prod=live:prod, network/prod-*") == Wanted("prod", "live", ("prod", "network/prod-*"))


@pytest.mark.parametrize("text", ["dev", "=main", "dev=", "dev=:a"])
def test_half_an_environment_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="is not NAME=BRANCH"):
        init.wanted(text)


@pytest.mark.parametrize("name", ["on", "1.0", "null", "dev", "a/b", "0x1F"])
def test_what_is_written_reads_back_as_it_was_meant(name: str) -> None:
    text = init.settings([Wanted(name, name, ("*-dev", name, "a/b*"))], "https://github.com/example/gitops")
    [one] = settings.parse(text.encode()).environments
    assert (one.name, one.branch, one.stacks) == (name, name, ("*-dev", name, "a/b*"))


@pytest.mark.parametrize("wanted", [Wanted("a b", "main", ("x",)), Wanted("a", "gitops/ledger", ("x",))])
def test_names_that_cannot_be_used_are_told(wanted: Wanted) -> None:
    with pytest.raises(ConfigError):
        init.settings([wanted], "")


def test_a_workflow_uses_the_action_by_commit_and_listens_to_the_branches() -> None:
    text = (
        "# See docs/decisions/0005-github.md, and mydocs/x.md\n"
        "on:\n  push:\n    branches: [main, prod] # those of gitops.yaml\n"
        "jobs:\n  one:\n    steps:\n      - uses: ./\n      - name: x\n        uses: ./\n      - run: ls ./\n"
    )
    made = workflows.adapted(text, Action(ACTION, "1.0.0"), ["main", "prod"], ["trunk", "on"])
    assert made == (
        f"# See https://github.com/example/gitops/blob/{'a' * 40}/docs/decisions/0005-github.md, and mydocs/x.md\n"
        'on:\n  push:\n    branches: [trunk, "on"] # those of gitops.yaml\n'
        f"jobs:\n  one:\n    steps:\n      - uses: {ACTION} # gitops 1.0.0\n"
        f"      - name: x\n        uses: {ACTION} # gitops 1.0.0\n      - run: ls ./\n"
    )


@pytest.mark.parametrize(
    ("written", "becomes"),
    [
        ("[main, staging, prod]", "[trunk, live]"),
        ("[main]", "[trunk]"),
        ("[staging, prod]", "[live]"),
        ("[release/*]", "[release/*]"),
        ("[main, release]", "[main, release]"),
    ],
)
def test_a_list_of_some_of_our_branches_becomes_those_in_their_place(written: str, becomes: str) -> None:
    text = f"    branches: {written} # why\n    types: [opened]\n"
    made = workflows.adapted(text, Action(ACTION, "1.0.0"), ["main", "staging", "prod"], ["trunk", "live"])
    assert made == f"    branches: {becomes} # why\n    types: [opened]\n"


def test_a_verb_is_not_another_that_begins_alike() -> None:
    text = b"jobs: {one: {steps: [{run: gitops review-stack up}]}}\n"
    assert not workflows.runs(text, "review")
    assert workflows.runs(text, "review-stack")
    assert workflows.is_pipelines(text)


def test_a_requirements_file_is_named_where_programs_run() -> None:
    text = (
        "      - name: x\n        uses: ./\n        with:\n          aws-role: y\n"
        "      - name: x\n        uses: ./\n        with:\n          for: environment\n"
    )
    made = workflows.adapted(text, Action(ACTION, "1.0.0", "requirements.txt"), ["main"], ["main"])
    used = f"        uses: {ACTION} # gitops 1.0.0\n        with:\n"
    assert made == (
        f"      - name: x\n{used}          requirements: requirements.txt\n          aws-role: y\n"
        f"      - name: x\n{used}          for: environment\n"
    )


def test_a_requirements_file_without_hashes_is_not_one() -> None:
    assert init.requirements({"requirements.txt": b"pulumi==3\n", "requirements.lock": b"x --hash=sha256:1"}) == (
        "requirements.lock"
    )
    assert init.requirements({"requirements.txt": b"pulumi==3\n"}) == ""


@pytest.mark.parametrize("text", ["a/b", "a/b@main", f"a@{'a' * 40}", f"a/b@{'a' * 39}", f"a/b@{'A' * 40}"])
def test_an_action_is_named_by_its_full_commit(text: str) -> None:
    assert not init.is_action(text)
    assert init.is_action(ACTION)
