"""The settings side of the simulated GitHub: rules over branches, environments, variables, what workflows may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tests.workflows.github_requests import NOT_FOUND, Answer, Request, Route
from tests.workflows.github_shapes import Json

if TYPE_CHECKING:
    from tests.workflows.simulated_github import SimulatedGitHub


@dataclass
class Ruleset:
    """Rules over the branches that the patterns match. `bypass` is hidden from those who may not change it."""

    name: str
    branches: Sequence[str]
    rules: Sequence[Json]
    bypass: Sequence[Json] = ()


@dataclass
class SimulatedEnvironment:
    """An environment; `branches` None: any may use it, `protected`: any with rules."""

    name: str
    branches: list[str] | None = None
    protected: bool = False
    reviewers: int = 0
    admins_bypass: bool | None = True
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Settings:
    """All of it. `protection` maps a branch to its classic protection, as GitHub has it."""

    rulesets: list[Ruleset] = field(default_factory=list)
    protection: dict[str, Json] = field(default_factory=dict)
    environments: dict[str, SimulatedEnvironment] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    organization_variables: dict[str, str] = field(default_factory=dict)
    owner_is_person: bool = False
    token: str = "read"
    may_approve: bool = False
    is_administrator: bool = True


def _repository(github: "SimulatedGitHub", _request: Request, _login: str, _name: str) -> Answer:
    owner, _, name = github.repository.partition("/")
    kind = "User" if github.settings.owner_is_person else "Organization"
    person = {**github.user_json(owner), "type": kind}
    return Answer(200, {"full_name": github.repository, "name": name, "owner": person})


def _rules(github: "SimulatedGitHub", _request: Request, _login: str, branch: str) -> Answer:
    found = [
        {"ruleset_id": number, "ruleset_source": "example", "ruleset_source_type": "Repository", **rule}
        for number, ruleset in enumerate(github.settings.rulesets, 1)
        if any(fnmatchcase(f"refs/heads/{branch}", pattern) for pattern in ruleset.branches)
        for rule in ruleset.rules
    ]
    return Answer(200, found)


def _ruleset(github: "SimulatedGitHub", _request: Request, _login: str, number: str) -> Answer:
    found = github.settings.rulesets[int(number) - 1]
    shown = {"bypass_actors": list(found.bypass)} if github.settings.is_administrator else {}
    return Answer(200, {"id": int(number), "name": found.name, "enforcement": "active", "source": "example", **shown})


def _add_ruleset(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    body = request.body
    made = Ruleset(body["name"], body["conditions"]["ref_name"]["include"], body["rules"])
    github.settings.rulesets.append(made)
    number = len(github.settings.rulesets)
    return Answer(201, {"id": number, "name": made.name, "enforcement": body["enforcement"], "source": "example"})


def _protection(github: "SimulatedGitHub", _request: Request, _login: str, branch: str) -> Answer:
    if not github.settings.is_administrator:
        return NOT_FOUND
    if branch not in github.settings.protection:
        return Answer(404, {"message": "Branch not protected", "status": "404"})
    return Answer(200, github.settings.protection[branch])


def _environments(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    return Answer(200, [_shape(github, one) for one in github.settings.environments.values()], under="environments")


def _shape(github: "SimulatedGitHub", one: SimulatedEnvironment) -> Json:
    rules: list[Json] = []
    if one.reviewers:
        people = [github.user_json(f"reviewer-{number}") for number in range(one.reviewers)]
        reviewers = [{"type": "User", "reviewer": person} for person in people]
        rules.append({"id": 1, "node_id": "x", "type": "required_reviewers", "reviewers": reviewers})
    limited = one.branches is not None or one.protected
    policy = {"protected_branches": one.protected, "custom_branch_policies": not one.protected} if limited else None
    if limited:
        rules.append({"id": 2, "node_id": "x", "type": "branch_policy"})
    return {
        "name": one.name,
        "protection_rules": rules,
        "deployment_branch_policy": policy,
        **({} if one.admins_bypass is None else {"can_admins_bypass": one.admins_bypass}),
    }


def _put_environment(github: "SimulatedGitHub", request: Request, _login: str, name: str) -> Answer:
    """As on GitHub it sets everything, also of an environment that is there."""
    policy = request.body.get("deployment_branch_policy")
    custom = bool(policy and policy["custom_branch_policies"])
    made = SimulatedEnvironment(name, [] if custom else None, bool(policy and policy["protected_branches"]))
    github.settings.environments[name] = made
    return Answer(200, _shape(github, made))


def _policies(github: "SimulatedGitHub", request: Request, _login: str, name: str) -> Answer:
    one = github.settings.environments[name]
    if request.method == "POST":
        assert one.branches is not None
        one.branches.append(request.body["name"])
        return Answer(200, {"id": len(one.branches), **request.body})
    found = [{"id": number, "name": branch, "type": "branch"} for number, branch in enumerate(one.branches or (), 1)]
    return Answer(200, found, under="branch_policies")


def _variables(values: Mapping[str, str]) -> list[Json]:
    at = "2026-05-04T09:30:00Z"
    return [{"name": name, "value": value, "created_at": at, "updated_at": at} for name, value in values.items()]


def _of_environment(github: "SimulatedGitHub", request: Request, _login: str, name: str) -> Answer:
    return Answer(200, _variables(github.settings.environments[name].variables), under="variables")


def _of_repository(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    return Answer(200, _variables(github.settings.variables), under="variables")


def _of_organization(github: "SimulatedGitHub", request: Request, _login: str, _name: str) -> Answer:
    if github.settings.organization_variables is None:
        return NOT_FOUND
    return Answer(200, _variables(github.settings.organization_variables), under="variables")


def _workflows(github: "SimulatedGitHub", _request: Request, _login: str, _name: str) -> Answer:
    value: dict[str, Any] = {"default_workflow_permissions": github.settings.token}
    return Answer(200, {**value, "can_approve_pull_request_reviews": github.settings.may_approve})


_HERE = "/repos/{owner}/{repo}"
_ENVIRONMENT = f"{_HERE}/environments/{{environment_name}}"
ROUTES: dict[str, Route] = {
    f"GET {_HERE}": _repository,
    f"GET {_HERE}/rules/branches/{{branch}}": _rules,
    f"GET {_HERE}/rulesets/{{ruleset_id}}": _ruleset,
    f"POST {_HERE}/rulesets": _add_ruleset,
    f"GET {_HERE}/branches/{{branch}}/protection": _protection,
    f"GET {_HERE}/environments": _environments,
    f"PUT {_ENVIRONMENT}": _put_environment,
    f"GET {_ENVIRONMENT}/deployment-branch-policies": _policies,
    f"POST {_ENVIRONMENT}/deployment-branch-policies": _policies,
    f"GET {_ENVIRONMENT}/variables": _of_environment,
    f"GET {_HERE}/actions/variables": _of_repository,
    f"GET {_HERE}/actions/organization-variables": _of_organization,
    f"GET {_HERE}/actions/permissions/workflow": _workflows,
}


def pull_request_rule(approvals: int = 1, *, code_owners: bool = True) -> Json:
    """A ruleset's rule that asks for a pull request."""
    parameters = {
        "required_approving_review_count": approvals,
        "dismiss_stale_reviews_on_push": False,
        "require_code_owner_review": code_owners,
        "require_last_push_approval": True,
        "required_review_thread_resolution": False,
    }
    return {"type": "pull_request", "parameters": parameters}


def checks_rule(*names: str) -> Json:
    """A ruleset's rule that asks for checks."""
    wanted = [{"context": name} for name in names]
    parameters = {"required_status_checks": wanted, "strict_required_status_checks_policy": False}
    return {"type": "required_status_checks", "parameters": parameters}


HISTORY: Sequence[Json] = ({"type": "deletion"}, {"type": "non_fast_forward"})
"""A ruleset's rules that keep a branch and its history."""
