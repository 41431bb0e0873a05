"""The settings side of the simulated GitHub: rules over branches, environments, variables, what workflows may do.

Every request and answer is checked against GitHub's description, which also fills in what a client does not look at.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from tests.workflows.github_api import Answer, Request, _page
from tests.workflows.github_shapes import Json
from tests.workflows.openapi.described import operation
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
    admins_bypass: bool = True
    variables: dict[str, str] = field(default_factory=dict)


@dataclass
class Settings:
    """All of it. `protection` maps a branch to its classic protection, as GitHub has it."""

    rulesets: list[Ruleset] = field(default_factory=list)
    protection: dict[str, Json] = field(default_factory=dict)
    environments: dict[str, SimulatedEnvironment] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    organization_variables: dict[str, str] | None = None
    token: str = "read"
    may_approve: bool = False
    is_administrator: bool = True


def attach(github: SimulatedGitHub) -> Settings:
    """Have the simulated GitHub answer for these settings, too."""
    settings = Settings()
    github.more_routes = {pattern: partial(_described, settings, route) for pattern, route in _ROUTES.items()}
    return settings


Route = Callable[[Settings, SimulatedGitHub, Request, str], Answer]


def _described(
    settings: Settings, route: Route, github: SimulatedGitHub, request: Request, _login: str, name: str
) -> Answer:
    """The route's answer; an operation, a body or an answer that GitHub does not describe is an error of the test."""
    described = operation(request.method, urlsplit(request.target).path)
    described.must_take(request.target, request.body or None)
    given = route(settings, github, request, name)
    value = described.completed(given.status, given.value) if given.status != 404 else given.value
    return Answer(given.status, value, given.headers)


def _wrapped(github: SimulatedGitHub, request: Request, key: str, items: Sequence[Json]) -> Answer:
    page = _page(github, request, items)
    return Answer(200, {"total_count": len(items), key: page.value}, page.headers)


def _repository(_settings: Settings, github: SimulatedGitHub, _request: Request, _name: str) -> Answer:
    owner, _, name = github.repository.partition("/")
    return Answer(200, {"full_name": github.repository, "name": name, "owner": github.user_json(owner)})


def _rules(settings: Settings, _github: SimulatedGitHub, _request: Request, branch: str) -> Answer:
    found = [
        {"ruleset_id": number, "ruleset_source": "example", "ruleset_source_type": "Repository", **rule}
        for number, ruleset in enumerate(settings.rulesets, 1)
        if any(fnmatchcase(f"refs/heads/{branch}", pattern) for pattern in ruleset.branches)
        for rule in ruleset.rules
    ]
    return Answer(200, found)


def _ruleset(settings: Settings, _github: SimulatedGitHub, _request: Request, number: str) -> Answer:
    found = settings.rulesets[int(number) - 1]
    shown = {"bypass_actors": list(found.bypass)} if settings.is_administrator else {}
    return Answer(200, {"id": int(number), "name": found.name, "enforcement": "active", "source": "example", **shown})


def _add_ruleset(settings: Settings, _github: SimulatedGitHub, request: Request, _name: str) -> Answer:
    body = request.body
    made = Ruleset(body["name"], body["conditions"]["ref_name"]["include"], body["rules"])
    settings.rulesets.append(made)
    number = len(settings.rulesets)
    return Answer(201, {"id": number, "name": made.name, "enforcement": body["enforcement"], "source": "example"})


def _protection(settings: Settings, _github: SimulatedGitHub, _request: Request, branch: str) -> Answer:
    if not settings.is_administrator:
        return Answer(404, {"message": "Not Found", "status": "404"})
    if branch not in settings.protection:
        return Answer(404, {"message": "Branch not protected", "status": "404"})
    return Answer(200, settings.protection[branch])


def _environments(settings: Settings, github: SimulatedGitHub, request: Request, _name: str) -> Answer:
    return _wrapped(github, request, "environments", [_shape(github, one) for one in settings.environments.values()])


def _shape(github: SimulatedGitHub, one: SimulatedEnvironment) -> Json:
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
        "can_admins_bypass": one.admins_bypass,
    }


def _put_environment(settings: Settings, github: SimulatedGitHub, request: Request, name: str) -> Answer:
    """As on GitHub it sets everything, also of an environment that is there."""
    policy = request.body.get("deployment_branch_policy")
    custom = bool(policy and policy["custom_branch_policies"])
    made = SimulatedEnvironment(name, [] if custom else None, bool(policy and policy["protected_branches"]))
    settings.environments[name] = made
    return Answer(200, _shape(github, made))


def _policies(settings: Settings, github: SimulatedGitHub, request: Request, name: str) -> Answer:
    one = settings.environments[name]
    if request.method == "POST":
        assert one.branches is not None
        one.branches.append(request.body["name"])
        return Answer(200, {"id": len(one.branches), **request.body})
    found = [{"id": number, "name": branch, "type": "branch"} for number, branch in enumerate(one.branches or (), 1)]
    return _wrapped(github, request, "branch_policies", found)


def _variables(values: Mapping[str, str]) -> list[Json]:
    at = "2026-05-04T09:30:00Z"
    return [{"name": name, "value": value, "created_at": at, "updated_at": at} for name, value in values.items()]


def _of_environment(settings: Settings, github: SimulatedGitHub, request: Request, name: str) -> Answer:
    return _wrapped(github, request, "variables", _variables(settings.environments[name].variables))


def _of_repository(settings: Settings, github: SimulatedGitHub, request: Request, _name: str) -> Answer:
    return _wrapped(github, request, "variables", _variables(settings.variables))


def _of_organization(settings: Settings, github: SimulatedGitHub, request: Request, _name: str) -> Answer:
    if settings.organization_variables is None:
        return Answer(404, {"message": "Not Found", "status": "404"})
    return _wrapped(github, request, "variables", _variables(settings.organization_variables))


def _workflows(settings: Settings, _github: SimulatedGitHub, _request: Request, _name: str) -> Answer:
    value: dict[str, Any] = {"default_workflow_permissions": settings.token}
    return Answer(200, {**value, "can_approve_pull_request_reviews": settings.may_approve})


_ROUTES: Mapping[str, Route] = {
    r"GET {repository}": _repository,
    r"GET {repository}/rules/branches/(.+)": _rules,
    r"GET {repository}/rulesets/(\d+)": _ruleset,
    r"POST {repository}/rulesets": _add_ruleset,
    r"GET {repository}/branches/(.+)/protection": _protection,
    r"GET {repository}/environments": _environments,
    r"(?:GET|POST) {repository}/environments/(.+)/deployment-branch-policies": _policies,
    r"GET {repository}/environments/(.+)/variables": _of_environment,
    r"PUT {repository}/environments/(.+)": _put_environment,
    r"GET {repository}/actions/variables": _of_repository,
    r"GET {repository}/actions/organization-variables": _of_organization,
    r"GET {repository}/actions/permissions/workflow": _workflows,
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
