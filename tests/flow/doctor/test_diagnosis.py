"""What `gitops doctor` finds, pure: each check passes, misses, or could not be made, and unknown never passes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gitops.config import settings
from gitops.config.settings import LEDGER_BRANCH
from gitops.flow.doctor import workflows
from gitops.flow.doctor.cloud_settings import StackSettings, judge_trust
from gitops.flow.doctor.diagnosis import Broken, Facts, Tool, diagnose
from gitops.flow.doctor.findings import About, CreateEnvironment, Finding, KeepVersions, ProtectBranch, State, repairs
from gitops.flow.doctor.host_settings import BranchFiles
from gitops.model import (
    BranchSettings,
    BucketSettings,
    JobEnvironment,
    Protection,
    RoleTrust,
    Unread,
    WorkflowSettings,
)
from gitops.ports import LedgerReport

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
CONFIG = settings.parse(
    b"version: 1\n"
    b"policy: {packs: [policy]}\n"
    b"environments:\n"
    b"  - {name: dev, branch: main, stacks: [dev]}\n"
    b"  - {name: prod, branch: prod, stacks: [prod], approvals: 2}\n"
)
UNREAD = Unread("the token may not", "use another")
STATE = "s3://example-state?region=eu-west-1"


def trust(subject: str | list[str], **changes: Any) -> dict[str, Any]:
    issuer = "token.actions.githubusercontent.com"
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subject}},
    }
    return {"Version": "2012-10-17", "Statement": [statement | changes]}


def workflow(verb: str, events: str) -> bytes:
    return f"on:\n{events}\njobs:\n  one:\n    steps:\n      - uses: ./\n      - run: gitops {verb} --x\n".encode()


def sound() -> Facts:
    """Everything as it should be."""
    checks = frozenset({"gitops dev", "gitops prod"})
    rules = BranchSettings((Protection("ruleset", True, 2, True, True, True, checks),))
    ledger = BranchSettings((Protection("ruleset", no_force_pushes=True, no_deletion=True),))
    files = BranchFiles(
        paths=frozenset({"gitops.yaml", ".github/workflows/apply.yml", "policy/__main__.py", "infra/a.py"}),
        code_owners="/gitops.yaml @ada\n/.github/ @ada\n/policy/ @ada\n",
        workflows={
            ".github/workflows/preview.yml": workflow("preview", "  pull_request: {branches: [main, prod]}"),
            ".github/workflows/apply.yml": workflow("up", "  push: {branches: [prod, main]}"),
        },
    )
    environments = {
        name: JobEnvironment(
            name,
            (only,) if only else None,
            reviewers=1 if only else 0,
            variables={"PULUMI_BACKEND_URL": STATE, "AWS_ROLE": f"arn:aws:iam::123456789012:role/{name}"},
        )
        for name, only in workflows.environments(CONFIG).items()
    }
    return Facts(
        config=CONFIG,
        now=NOW,
        repository="example/infrastructure",
        branches={"main": rules, "prod": rules, LEDGER_BRANCH: ledger},
        files={"main": files, "prod": files},
        environments=environments,
        workflows=WorkflowSettings(token_writes=False, opens_and_approves=False),
        trusts={
            f"arn:aws:iam::123456789012:role/{name}": RoleTrust(
                trust(f"repo:example/infrastructure:environment:{name}")
            )
            for name in environments
        },
        buckets={STATE: BucketSettings(versioned=True, encrypted=True, private=True)},
        stacks=(StackSettings("shop/dev", "awskms:///alias/x", has_secrets=True, has_digest_key=True),),
        ledger=LedgerReport(3, {}, "a" * 40, ""),
        newest=NOW - timedelta(hours=1),
        tools=(Tool("Pulumi CLI", "3.259.0", "3.259.0", "present"),),
        git=(2, 43, 0),
        host_now=NOW - timedelta(seconds=2),
    )


def found(facts: Facts, state: State) -> list[tuple[About, str]]:
    return [(one.about, one.subject) for one in diagnose(facts) if one.state is state]


def only(facts: Facts, state: State) -> Finding:
    [one] = [one for one in diagnose(facts) if one.state is state]
    return one


def test_where_all_is_well_every_check_passes_but_unsigned_records_are_told() -> None:
    findings = diagnose(sound())
    assert [one for one in findings if one.state not in (State.PASSED, State.ADVICE)] == []
    assert [one.about for one in findings if one.state is State.ADVICE] == [About.SIGNERS]
    assert {one.about for one in findings} == set(About)


def test_where_nothing_could_be_read_nothing_passes() -> None:
    facts = Facts(config=CONFIG, now=NOW, stacks=UNREAD, tools=UNREAD)
    assert found(facts, State.PASSED) == found(facts, State.MISSING) == []
    assert {about for about, _ in found(facts, State.NOT_CHECKED)} >= set(About) - {
        About.BYPASS, About.ENVIRONMENT_BRANCH, About.ENVIRONMENT_BYPASS, About.REVIEWERS, About.SIGNERS, About.ROLES,
        About.DIGEST_KEY, About.LEDGER_BRANCH,
    }  # fmt: skip


# --- branches ---------------------------------------------------------------------------------------


def with_rules(**changes: Any) -> Facts:
    facts = sound()
    rules = facts.branches["prod"]
    assert isinstance(rules, BranchSettings)
    changed = BranchSettings((replace(rules.protections[0], **changes),))
    return replace(facts, branches={**facts.branches, "prod": changed})


@pytest.mark.parametrize(
    ("changes", "about"),
    [
        ({"pull_request": False}, About.PULL_REQUESTS),
        ({"approvals": 1}, About.PULL_REQUESTS),
        ({"code_owners": False}, About.CODE_OWNER_REVIEW),
        ({"checks": frozenset({"gitops dev"})}, About.REQUIRED_CHECKS),
        ({"no_force_pushes": False}, About.HISTORY),
        ({"no_deletion": False}, About.HISTORY),
        ({"bypass": ("administrators",)}, About.BYPASS),
    ],
)
def test_a_rule_that_is_not_there_is_missing(changes: dict[str, Any], about: About) -> None:
    one = only(with_rules(**changes), State.MISSING)
    assert (one.about, one.subject) == (about, "prod")
    assert one.fix


def test_a_rule_counts_wherever_it_stands_and_a_bypass_only_where_nothing_else_holds() -> None:
    rules = with_rules().branches["prod"]
    assert isinstance(rules, BranchSettings)
    excepted = replace(rules.protections[0], source="another", bypass=("deploy keys",))
    both = BranchSettings((*rules.protections, excepted))
    facts = replace(sound(), branches={**sound().branches, "prod": both})
    assert found(facts, State.MISSING) == []


def test_what_rules_that_could_not_be_read_might_give_is_not_checked() -> None:
    facts = replace(sound(), branches={**sound().branches, "main": BranchSettings((), (UNREAD,))})
    assert found(facts, State.MISSING) == []
    assert {about for about, subject in found(facts, State.NOT_CHECKED) if subject == "main"} == {
        About.PULL_REQUESTS, About.CODE_OWNER_REVIEW, About.REQUIRED_CHECKS, About.HISTORY,
    }  # fmt: skip


def test_a_bypass_list_that_is_not_shown_is_not_checked() -> None:
    assert found(with_rules(bypass=UNREAD), State.NOT_CHECKED) == [(About.BYPASS, "prod")]


def test_a_ledger_that_can_be_rewritten_or_not_written_is_told() -> None:
    facts = replace(sound(), branches={**sound().branches, LEDGER_BRANCH: BranchSettings()})
    assert found(facts, State.MISSING) == [(About.LEDGER_BRANCH, LEDGER_BRANCH)] * 2
    assert list(repairs(diagnose(facts))) == [ProtectBranch(LEDGER_BRANCH)]
    closed = BranchSettings((Protection("all branches", True, no_force_pushes=True, no_deletion=True),))
    one = only(replace(sound(), branches={**sound().branches, LEDGER_BRANCH: closed}), State.MISSING)
    assert "nothing can be recorded" in one.text


# --- files ------------------------------------------------------------------------------------------


def with_files(**changes: Any) -> Facts:
    facts = sound()
    files = facts.files["prod"]
    assert isinstance(files, BranchFiles)
    return replace(facts, files={**facts.files, "prod": replace(files, **changes)})


@pytest.mark.parametrize("text", [None, "", "/gitops.yaml @ada\n/.github/ @ada\n", "* @ada\n/.github/workflows/\n"])
def test_files_that_decide_over_a_change_and_have_no_owner_are_told(text: str | None) -> None:
    assert found(with_files(code_owners=text), State.MISSING) == [(About.CODE_OWNERS, "prod")]


def test_a_branch_without_the_workflows_is_told() -> None:
    assert found(with_files(workflows={}), State.MISSING) == [(About.WORKFLOWS, "prod")] * 2


def test_a_workflow_that_listens_to_other_branches_than_gitops_yaml_names_is_told() -> None:
    files = with_files().files["prod"]
    assert isinstance(files, BranchFiles)
    other = {**files.workflows, ".github/workflows/apply.yml": workflow("up", "  push: {branches: [main]}")}
    one = only(with_files(workflows=other), State.MISSING)
    assert (one.about, one.fix) == (About.WORKFLOW_BRANCHES, "write `branches: [main, prod]`")


@pytest.mark.parametrize("used", ["actions/checkout@v4", "actions/checkout", "docker://alpine:3", "a/b@main"])
def test_an_action_that_can_become_something_else_is_told(used: str) -> None:
    files = with_files().files["prod"]
    assert isinstance(files, BranchFiles)
    loose = f"on: push\njobs: {{one: {{steps: [{{uses: '{used}'}}]}}}}\n".encode()
    one = only(with_files(workflows={**files.workflows, "x.yml": loose}), State.MISSING)
    assert (one.about, used in one.text) == (About.PINNED_ACTIONS, True)


def test_this_repositorys_workflows_use_the_environments_that_are_asked_for() -> None:
    folder = ROOT / workflows.FOLDER
    written = "".join((folder / name).read_text() for name in (workflows.PREVIEWS, workflows.APPLIES))
    several = {"${{ github.ref_name }}", "apply-${{ github.ref_name }}", "preview-${{ needs.matrix.outputs.branch }}"}
    assert all(name in written for name in several)
    names = (*workflows.apply_environments("b", several=True), workflows.preview_environment("b"))
    assert names == ("b", "apply-b", "preview-b")


# --- environments and workflows ---------------------------------------------------------------------


def with_environment(name: str, **changes: Any) -> Facts:
    facts = sound()
    assert not isinstance(facts.environments, Unread)
    changed = replace(facts.environments[name], **changes)
    return replace(facts, environments={**facts.environments, name: changed})


def test_missing_environments_can_be_made_for_their_branch() -> None:
    findings = diagnose(replace(sound(), environments={}))
    assert list(repairs(findings)) == [
        CreateEnvironment("main", "main"),
        CreateEnvironment("preview-main", ""),
        CreateEnvironment("prod", "prod"),
        CreateEnvironment("preview-prod", ""),
    ]


def test_several_machines_need_an_environment_more_for_each_branch() -> None:
    several = replace(CONFIG, apply_runners=4)
    missing = found(replace(sound(), config=several), State.MISSING)
    assert missing == [(About.ENVIRONMENTS, "apply-main"), (About.ENVIRONMENTS, "apply-prod")]


@pytest.mark.parametrize("branches", [None, (), ("prod", "main"), ("pro*",), ("tag prod",)])
def test_an_environment_of_an_apply_that_other_branches_may_use_is_told(branches: tuple[str, ...] | None) -> None:
    assert found(with_environment("prod", branches=branches), State.MISSING) == [(About.ENVIRONMENT_BRANCH, "prod")]


def test_administrators_who_go_past_reviewers_are_told() -> None:
    assert found(with_environment("prod", admins_bypass=True), State.MISSING) == [(About.ENVIRONMENT_BYPASS, "prod")]


def test_whether_administrators_go_past_reviewers_may_not_be_told() -> None:
    facts = with_environment("prod", admins_bypass=UNREAD)
    assert found(facts, State.NOT_CHECKED) == [(About.ENVIRONMENT_BYPASS, "prod")]


def test_an_environment_without_reviewers_is_advice() -> None:
    assert (About.REVIEWERS, "prod") in found(with_environment("prod", reviewers=0), State.ADVICE)


def test_a_token_that_writes_unasked_and_workflows_that_approve_are_told() -> None:
    facts = replace(sound(), workflows=WorkflowSettings(token_writes=True, opens_and_approves=True))
    assert [about for about, _ in found(facts, State.MISSING)] == [About.TOKEN, About.ACTIONS_APPROVE]


def test_workflows_that_have_to_open_pull_requests_may_since_github_has_one_switch_for_both() -> None:
    files = with_files().files["prod"]
    assert isinstance(files, BranchFiles)
    promoting = {**files.workflows, "promote.yml": workflow("promote", "  workflow_dispatch:")}
    facts = replace(with_files(workflows=promoting), workflows=WorkflowSettings(False, opens_and_approves=True))
    assert found(facts, State.MISSING) == []
    assert (About.ACTIONS_APPROVE, "workflows") in found(facts, State.ADVICE)


# --- roles and state --------------------------------------------------------------------------------

WANTED = "repo:example/infrastructure:environment:prod"
ISSUER = "token.actions.githubusercontent.com"
GOOD = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": WANTED}


def judged(policy: dict[str, Any]) -> State:
    return judge_trust("prod", "arn:aws:iam::1:role/x", policy, WANTED, frozenset({WANTED})).state


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": GOOD},
        {"StringEquals": {f"{ISSUER}:aud": ["sts.amazonaws.com"], f"{ISSUER}:sub": [WANTED]}},
        {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}, "StringLike": {f"{ISSUER}:sub": WANTED}},
        {
            "StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": WANTED},
            "StringLike": {f"{ISSUER}:sub": "repo:example/*", f"{ISSUER}:ref": "refs/heads/prod"},
        },
    ],
)
def test_a_trust_policy_that_names_the_environment_passes(condition: dict[str, Any]) -> None:
    assert judged(trust("", Condition=condition)) is State.PASSED


@pytest.mark.parametrize(
    "policy",
    [
        trust("repo:example/infrastructure:*"),
        trust("repo:example/infrastructure:environment:pro?"),
        trust("repo:example/infrastructure:environment:dev"),
        trust([WANTED, "repo:mallory/infrastructure:environment:prod"]),
        trust(WANTED, Principal="*"),
        trust(WANTED, Principal={"AWS": "arn:aws:iam::999999999999:root"}),
        trust(WANTED, Principal={"Federated": "cognito-identity.amazonaws.com"}),
        trust(WANTED, Action="sts:*"),
        trust(WANTED, Condition={}),
        trust(WANTED, Condition={"StringEquals": {f"{ISSUER}:sub": WANTED}}),
        trust(WANTED, Condition={"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}),
        trust(WANTED, Condition={"StringEqualsIfExists": dict(GOOD)}),
        {"Statement": [*trust(WANTED)["Statement"], *trust("repo:*")["Statement"]]},
        {"Statement": [*trust(WANTED)["Statement"], *trust(WANTED, Principal={"AWS": "*"})["Statement"]]},
        {"Statement": []},
    ],
)  # fmt: skip
def test_a_trust_policy_that_lets_others_in_or_not_us_does_not_pass(policy: dict[str, Any]) -> None:
    assert judged(policy) is State.MISSING


@pytest.mark.parametrize("name", ["preview-prod", "preview-main", "review", "pages"])
def test_another_job_that_takes_an_applies_role_is_told(name: str) -> None:
    variables = {"PULUMI_BACKEND_URL": STATE, "AWS_ROLE": "arn:aws:iam::123456789012:role/prod"}
    facts = sound()
    assert not isinstance(facts.environments, Unread)
    others = {**facts.environments, name: JobEnvironment(name, variables=variables)}
    assert (About.ROLES, name) in found(replace(facts, environments=others), State.MISSING)


def test_a_job_whose_role_is_not_known_is_not_taken_to_have_another() -> None:
    assert (About.ROLES, "preview-main") in found(with_environment("preview-main", variables=UNREAD), State.NOT_CHECKED)


def test_roles_that_nobody_could_ask_for_are_not_checked() -> None:
    facts = replace(sound(), trusts=dict.fromkeys(sound().trusts, UNREAD))
    assert [about for about, _ in found(facts, State.NOT_CHECKED)] == [About.TRUST] * 4


@pytest.mark.parametrize("lacking", ["versioned", "encrypted", "private"])
def test_a_bucket_of_the_state_that_lacks_something_is_told(lacking: str) -> None:
    bucket = replace(BucketSettings(True, True, True), **{lacking: False})
    one = only(replace(sound(), buckets={STATE: bucket}), State.MISSING)
    assert one.about is About.STATE_BACKEND
    assert one.repair == (KeepVersions(STATE) if lacking == "versioned" else None)


@pytest.mark.parametrize(
    ("address", "state"),
    [
        ("gs://x", State.NOT_CHECKED),
        ("azblob://x", State.NOT_CHECKED),
        ("file:///srv", State.ADVICE),
        ("", State.MISSING),
    ],
)
def test_other_backends_never_pass(address: str, state: State) -> None:
    facts = sound()
    assert not isinstance(facts.environments, Unread)
    moved = {name: replace(one, variables={"PULUMI_BACKEND_URL": address}) for name, one in facts.environments.items()}
    backends = [one for one in diagnose(replace(facts, environments=moved)) if one.about is About.STATE_BACKEND]
    assert {one.state for one in backends} == {state}


SHOWN = "s3://example-state:"


def backends_of(address: str, *named: str, unread: bool = False) -> list[tuple[str, State]]:
    """What is said of the state where environments name that address, and the stacks' project files name these."""
    facts = sound()
    assert not isinstance(facts.environments, Unread)
    moved = {name: replace(one, variables={"PULUMI_BACKEND_URL": address}) for name, one in facts.environments.items()}
    stacks = tuple(StackSettings(f"shop/{number}", backend=one) for number, one in enumerate(named))
    asked = replace(facts, environments=UNREAD if unread else moved, stacks=stacks)
    told = (one for one in diagnose(asked) if one.about is About.STATE_BACKEND)
    return sorted({(one.text.partition(" ")[0], one.state) for one in told})


def test_a_backend_that_the_project_file_names_is_looked_at() -> None:
    assert backends_of("", STATE, STATE) == [(SHOWN, State.PASSED)]
    assert backends_of("", "file:///srv") == [("file:///srv", State.ADVICE)]
    # The variable comes first.
    assert backends_of(STATE, "file:///srv") == [(SHOWN, State.PASSED)]
    # One of two names none.
    assert backends_of("", STATE, "") == [("names", State.MISSING), (SHOWN, State.PASSED)]
    assert backends_of("", STATE, unread=True) == [(SHOWN, State.PASSED)]


def test_a_folder_of_the_clone_is_no_backend_for_a_job() -> None:
    assert backends_of("file://./state") == [("file://./state", State.MISSING)]
    assert backends_of("", "file://.") == [("file://.", State.MISSING)]
    assert backends_of("", "file://.", unread=True) == [("file://.", State.ADVICE)]


@pytest.mark.parametrize(
    ("stack", "about", "state"),
    [
        (StackSettings("s", "awskms:///x", has_secrets=True), About.DIGEST_KEY, State.MISSING),
        (StackSettings("s", "passphrase"), About.SECRETS, State.ADVICE),
        (StackSettings("s", "", has_secrets=True, has_digest_key=True), About.SECRETS, State.NOT_CHECKED),
        (StackSettings("s", "made-up://x"), About.SECRETS, State.NOT_CHECKED),
        (StackSettings("s", unread=UNREAD), About.SECRETS, State.NOT_CHECKED),
    ],
)
def test_how_a_stack_keeps_its_secrets_is_told(stack: StackSettings, about: About, state: State) -> None:
    assert (about, "s") in found(replace(sound(), stacks=(stack,)), state)


@pytest.mark.parametrize(
    ("folder", "command"), [(".", "pulumi "), ("my network", "pulumi -C 'my network' "), ("apps", "pulumi -C apps ")]
)
def test_a_stacks_fix_is_a_command_that_pulumi_takes_at_the_root(folder: str, command: str) -> None:
    stack = StackSettings("shop/dev", "passphrase", has_secrets=True, folder=folder)
    fixes = [one.fix for one in diagnose(replace(sound(), stacks=(stack,))) if one.subject == "shop/dev"]
    assert fixes == [
        f'{command}stack change-secrets-provider --stack dev "awskms:///alias/KEY?region=REGION"',
        f"openssl rand -hex 32 | {command}config set --secret gitops:digestKey --stack dev",
    ]


# --- ledger and machine -----------------------------------------------------------------------------


def test_a_broken_ledger_is_missing_and_an_unread_one_is_not_checked() -> None:
    broken = replace(sound(), ledger=Broken("record 7 does not follow record 6"))
    assert (About.LEDGER, LEDGER_BRANCH) in found(broken, State.MISSING)
    assert (About.LEDGER, LEDGER_BRANCH) in found(replace(sound(), ledger=UNREAD), State.NOT_CHECKED)


def test_a_missing_tool_an_old_git_and_a_wrong_clock_are_told() -> None:
    facts = replace(
        sound(),
        tools=(Tool("Pulumi CLI", "3.259.0", ""),),
        git=(2, 37, 4),
        host_now=NOW + timedelta(minutes=3),
        newest=NOW + timedelta(minutes=3),
    )
    assert [about for about, _ in found(facts, State.MISSING)] == [About.TOOLCHAIN, About.GIT, About.CLOCK, About.CLOCK]
