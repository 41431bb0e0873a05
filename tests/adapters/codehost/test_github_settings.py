"""How settings are read from GitHub and added to it, against the simulated one, whose shapes GitHub describes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gitops.adapters.codehost.github.client import Client
from gitops.adapters.codehost.github.settings import GitHubSettings
from gitops.errors import CodeHostFailed
from gitops.model import BranchSettings, Protection, Unread, WorkflowSettings
from tests.contracts.code_hosts import bare_repository
from tests.workflows.github_settings import (
    HISTORY,
    Ruleset,
    Settings,
    SimulatedEnvironment,
    checks_rule,
    pull_request_rule,
)
from tests.workflows.github_shapes import Json
from tests.workflows.simulated_github import REPOSITORY, TOKEN, SimulatedGitHub


@pytest.fixture
def github(tmp_path: Path) -> Iterator[SimulatedGitHub]:
    with SimulatedGitHub(bare_repository(tmp_path)) as simulated:
        yield simulated


@pytest.fixture
def settings(github: SimulatedGitHub) -> Settings:
    return github.settings


@pytest.fixture
def adapter(github: SimulatedGitHub) -> GitHubSettings:
    return GitHubSettings(Client(REPOSITORY, TOKEN, api=github.url, retries=0))


def classic(**changes: object) -> Json:
    checks = [{"context": "Review", "app_id": 1}]
    found: Json = {
        "required_pull_request_reviews": {"required_approving_review_count": 2, "require_code_owner_reviews": True},
        "required_status_checks": {"strict": False, "contexts": ["Review"], "checks": checks},
        "enforce_admins": {"url": "https://api.github.com/x", "enabled": True},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
    }
    return found | changes


# --- branches ---------------------------------------------------------------------------------------


def test_a_branch_without_rules_has_none(settings: Settings, adapter: GitHubSettings) -> None:
    assert adapter.branch("main") == BranchSettings()


def test_rules_are_told_by_the_ruleset_they_are_in(settings: Settings, adapter: GitHubSettings) -> None:
    settings.rulesets = [
        Ruleset("reviews", ["refs/heads/main"], [pull_request_rule(2), checks_rule("Review", "Other")]),
        Ruleset("history", ["refs/heads/*"], HISTORY),
        Ruleset("elsewhere", ["refs/heads/prod"], [pull_request_rule()]),
    ]
    reviews, history = adapter.branch("main").protections
    checks = frozenset({"Review", "Other"})
    assert reviews == Protection("ruleset 'reviews'", True, 2, True, checks=checks)
    assert history == Protection("ruleset 'history'", no_force_pushes=True, no_deletion=True)


def test_rules_of_a_branch_with_a_slash_are_found_on_every_page(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings
) -> None:
    github.largest_page = 1
    settings.rulesets = [Ruleset("ledger", ["refs/heads/gitops/ledger"], HISTORY)]
    [found] = adapter.branch("gitops/ledger").protections
    assert (found.no_force_pushes, found.no_deletion) == (True, True)


@pytest.mark.parametrize(
    ("actor", "who"),
    [
        ({"actor_type": "RepositoryRole", "actor_id": 5}, "everybody with the role admin"),
        ({"actor_type": "OrganizationAdmin", "actor_id": 1}, "administrators of the organization"),
        ({"actor_type": "Team", "actor_id": 17}, "team 17"),
        ({"actor_type": "DeployKey", "actor_id": None}, "deploy keys"),
    ],
)
def test_who_may_bypass_is_named(settings: Settings, adapter: GitHubSettings, actor: Json, who: str) -> None:
    settings.rulesets = [Ruleset("history", ["refs/heads/main"], HISTORY, [{**actor, "bypass_mode": "always"}])]
    assert adapter.branch("main").protections[0].bypass == (who,)


def test_a_bypass_list_that_is_not_shown_is_not_an_empty_one(settings: Settings, adapter: GitHubSettings) -> None:
    settings.rulesets, settings.is_administrator = [Ruleset("history", ["refs/heads/main"], HISTORY)], False
    [found] = adapter.branch("main").protections
    assert isinstance(found.bypass, Unread)


def test_branch_protection_of_the_older_kind_counts(settings: Settings, adapter: GitHubSettings) -> None:
    settings.protection["main"] = classic()
    [found] = adapter.branch("main").protections
    assert found == Protection("branch protection", True, 2, True, True, True, frozenset({"Review"}))


def test_administrators_and_those_named_go_past_branch_protection(settings: Settings, adapter: GitHubSettings) -> None:
    settings.protection["main"] = classic(
        enforce_admins={"url": "https://api.github.com/x", "enabled": False},
        allow_force_pushes={"enabled": True},
    )
    [found] = adapter.branch("main").protections
    assert (found.bypass, found.no_force_pushes) == (("administrators",), False)


def test_branch_protection_that_may_not_be_seen_is_not_none(settings: Settings, adapter: GitHubSettings) -> None:
    settings.is_administrator = False
    found = adapter.branch("main")
    assert [one.hint for one in found.unread] == [
        "it does not exist, or the token may not see it; this needs `administration: read` on the repository"
    ]


# --- environments -----------------------------------------------------------------------------------


def test_environments_are_read_with_all_that_limits_them(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings
) -> None:
    github.largest_page = 1
    settings.environments = {
        one.name: one
        for one in (
            SimulatedEnvironment("main", ["main", "release/*"], reviewers=2, admins_bypass=False),
            SimulatedEnvironment("preview-main"),
            SimulatedEnvironment("prod", protected=True),
        )
    }
    found = adapter.environments()
    assert list(found) == ["main", "preview-main", "prod"]
    assert (found["main"].branches, found["main"].reviewers) == (("main", "release/*"), 2)
    assert (found["main"].admins_bypass, found["prod"].admins_bypass) == (False, True)
    assert (found["preview-main"].branches, found["preview-main"].protected_branches) == (None, False)
    assert (found["prod"].branches, found["prod"].protected_branches) == (None, True)


def test_a_server_that_does_not_tell_who_goes_past_reviewers_is_not_taken_to_say_nobody(
    settings: Settings, adapter: GitHubSettings
) -> None:
    settings.environments["main"] = SimulatedEnvironment("main", admins_bypass=None)
    assert isinstance(adapter.environments()["main"].admins_bypass, Unread)


def test_a_persons_repository_has_no_organization_to_ask(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings
) -> None:
    settings.owner_is_person, settings.environments["main"] = True, SimulatedEnvironment("main")
    github.forbidden = [".*/organization-variables"]
    assert adapter.environments()["main"].variables == {}


def test_variables_of_an_environment_come_before_those_of_the_repository_and_its_organization(
    settings: Settings, adapter: GitHubSettings
) -> None:
    settings.organization_variables = {"AWS_REGION": "eu-west-1", "AWS_ROLE": "of all", "X": "organization"}
    settings.variables = {"AWS_ROLE": "of the repository", "X": "repository"}
    settings.environments["main"] = SimulatedEnvironment("main", variables={"AWS_ROLE": "its own"})
    variables = {"AWS_REGION": "eu-west-1", "AWS_ROLE": "its own", "X": "repository"}
    assert adapter.environments()["main"].variables == variables


@pytest.mark.parametrize("place", ["/environments/main/variables", "/actions/variables"])
def test_variables_that_may_not_be_read_are_not_unset(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings, place: str
) -> None:
    settings.environments["main"] = SimulatedEnvironment("main")
    github.forbidden = [f"GET .*{place}"]
    assert isinstance(adapter.environments()["main"].variables, Unread)


def test_branches_of_an_environment_that_may_not_be_read_are_not_known(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings
) -> None:
    settings.environments["main"] = SimulatedEnvironment("main", ["main"])
    github.forbidden = [".*/deployment-branch-policies"]
    assert isinstance(adapter.environments()["main"].branches, Unread)


# --- the rest ---------------------------------------------------------------------------------------


def test_what_workflows_may_do(settings: Settings, adapter: GitHubSettings) -> None:
    settings.token, settings.may_approve = "write", True
    assert adapter.workflows() == WorkflowSettings(token_writes=True, opens_and_approves=True)


def test_a_token_without_the_right_is_told_which(
    github: SimulatedGitHub, settings: Settings, adapter: GitHubSettings
) -> None:
    github.forbidden = [".*/actions/permissions/workflow"]
    with pytest.raises(CodeHostFailed) as raised:
        adapter.workflows()
    assert "`administration: read`" in raised.value.hint


def test_the_hosts_clock_is_the_date_of_an_answer(settings: Settings, adapter: GitHubSettings) -> None:
    assert abs(adapter.now() - datetime.now(UTC)) < timedelta(seconds=30)


def test_an_environment_is_made_for_its_branch_only(settings: Settings, adapter: GitHubSettings) -> None:
    adapter.create_environment("apply-team/prod", "team/prod")
    adapter.create_environment("preview-prod", "")
    found = adapter.environments()
    assert found["apply-team/prod"].branches == ("team/prod",)
    assert found["preview-prod"].branches is None


def test_a_protected_branch_keeps_its_history_and_nobody_is_excepted(
    settings: Settings, adapter: GitHubSettings
) -> None:
    adapter.protect("gitops/ledger")
    [found] = adapter.branch("gitops/ledger").protections
    assert found == Protection(
        "ruleset 'gitops: keep history of gitops/ledger'", no_force_pushes=True, no_deletion=True
    )
    assert adapter.branch("main") == BranchSettings()
