"""How a repository on GitHub is set up: rules over branches, environments of jobs, what workflows may do.

Most of it takes `administration: read`, which a workflow's own token never has: run it with a person's.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from gitops.adapters.codehost.github.client import Client
from gitops.errors import CodeHostFailed
from gitops.model import BranchSettings, JobEnvironment, Protection, Unread, WorkflowSettings

RULESET = "gitops: keep history of {branch}"
_ADMINISTRATION, _ENVIRONMENTS, _VARIABLES = "administration: read", "environments: read", "variables: read"
_CLASSIC = "branch protection"
# GitHub's own numbers of the roles that a repository always has.
_ROLES = {1: "read", 2: "maintain", 3: "triage", 4: "write", 5: "admin"}

# GitHub's description of its API does not have the field, so a server may well leave it out.
_BYPASS_NOT_TOLD = Unread(
    "this server does not tell whether administrators may go past the reviewers", "look at it: Settings, Environments"
)

Json = dict[str, Any]


class GitHubSettings:
    """Implements `gitops.ports.HostSettingsReader` and `HostSettingsWriter`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._place = f"/repos/{client.name}"

    @property
    def name(self) -> str:
        """See `HostSettingsReader.name`."""
        return self._client.name

    def branch(self, branch: str) -> BranchSettings:
        """See `HostSettingsReader.branch`. Rulesets and the older branch protection both count."""
        unread: list[Unread] = []
        found: list[Protection] = []
        for read in (self._rulesets, self._classic):
            try:
                found += read(branch)
            except CodeHostFailed as error:
                unread.append(Unread(error.message, error.hint))
        return BranchSettings(tuple(found), tuple(unread))

    def environments(self) -> Mapping[str, JobEnvironment]:
        """See `HostSettingsReader.environments`. Variables of the repository and its organization count as well."""
        with self._client.asking("for the environments", needs=_ENVIRONMENTS):
            listed = list(self._items(f"{self._place}/environments", "environments"))
        shared = self._shared_variables()
        return {str(one["name"]): self._environment(one, shared) for one in listed}

    def workflows(self) -> WorkflowSettings:
        """See `HostSettingsReader.workflows`."""
        with self._client.asking("what workflows may do", needs=_ADMINISTRATION):
            answer = self._get(f"{self._place}/actions/permissions/workflow")
            writes = answer["default_workflow_permissions"] != "read"
            return WorkflowSettings(writes, bool(answer["can_approve_pull_request_reviews"]))

    def now(self) -> datetime:
        """See `HostSettingsReader.now`."""
        with self._client.asking("what time it is", needs="metadata: read"):
            headers, _ = self._client.github.requester.requestJsonAndCheck("GET", self._place)
            return parsedate_to_datetime(headers["date"])

    def create_environment(self, name: str, branch: str) -> None:
        """See `HostSettingsWriter.create_environment`."""
        place = self._environment_place(name)
        policy = {"protected_branches": False, "custom_branch_policies": True} if branch else None
        with self._client.asking(f"to make the environment {name}", needs="administration: write"):
            self._send("PUT", place, {"deployment_branch_policy": policy})
            if branch:
                self._send("POST", f"{place}/deployment-branch-policies", {"name": branch, "type": "branch"})

    def protect(self, branch: str) -> None:
        """See `HostSettingsWriter.protect`: a ruleset of its own, beside whatever there is."""
        ruleset = {
            "name": RULESET.format(branch=branch),
            "target": "branch",
            "enforcement": "active",
            "conditions": {"ref_name": {"include": [f"refs/heads/{branch}"], "exclude": []}},
            "rules": [{"type": "deletion"}, {"type": "non_fast_forward"}],
        }
        with self._client.asking(f"to protect {branch}", needs="administration: write"):
            self._send("POST", f"{self._place}/rulesets", ruleset)

    # --- branches -------------------------------------------------------------------------------

    def _rulesets(self, branch: str) -> list[Protection]:
        by_ruleset: dict[int, list[Json]] = {}
        with self._client.asking(f"for the rules of {branch}", needs="metadata: read"):
            for rule in self._items(f"{self._place}/rules/branches/{quote(branch, safe='')}"):
                by_ruleset.setdefault(int(rule["ruleset_id"]), []).append(rule)
            return [self._ruleset(identity, rules) for identity, rules in by_ruleset.items()]

    def _ruleset(self, identity: int, rules: list[Json]) -> Protection:
        kinds = {str(rule["type"]) for rule in rules}
        parameters = [rule.get("parameters") or {} for rule in rules if rule["type"] == "pull_request"]
        checks = [rule["parameters"] for rule in rules if rule["type"] == "required_status_checks"]
        name, bypass = self._bypass(identity)
        return Protection(
            source=name,
            pull_request=bool(parameters),
            approvals=max((int(one["required_approving_review_count"]) for one in parameters), default=0),
            code_owners=any(one["require_code_owner_review"] for one in parameters),
            no_force_pushes="non_fast_forward" in kinds,
            no_deletion="deletion" in kinds,
            checks=frozenset(str(one["context"]) for rule in checks for one in rule["required_status_checks"]),
            bypass=bypass,
        )

    def _bypass(self, identity: int) -> tuple[str, tuple[str, ...] | Unread]:
        """A ruleset's name, and who is excepted from it: GitHub shows that to those only who may change it."""
        try:
            with self._client.asking(f"about the ruleset {identity}", needs=_ADMINISTRATION):
                answer = self._get(f"{self._place}/rulesets/{identity}")
        except CodeHostFailed as error:
            return f"ruleset {identity}", Unread(error.message, error.hint)
        name = f"ruleset {answer['name']!r}"
        actors = answer.get("bypass_actors")
        if actors is None:
            hint = "use a token of somebody who administers the repository (for an organization's rules, that)"
            return name, Unread(f"GitHub does not show who may bypass {name}", hint)
        return name, tuple(_actor(one) for one in actors)

    def _classic(self, branch: str) -> list[Protection]:
        with self._client.asking(f"for the branch protection of {branch}", needs=_ADMINISTRATION):
            place = f"{self._place}/branches/{quote(branch, safe='')}/protection"
            status, _, text = self._client.github.requester.requestJson("GET", place)
            # The same status stands for "may not see it"; only these two words say that there is none.
            if status == 404 and any(words in text for words in ("Branch not protected", "Branch not found")):
                return []
            _, answer = self._client.github.requester.requestJsonAndCheck("GET", place)
            return [_protection(answer)]

    # --- environments ---------------------------------------------------------------------------

    def _environment(self, one: Json, shared: Mapping[str, str] | Unread) -> JobEnvironment:
        name = str(one["name"])
        policy = one.get("deployment_branch_policy")
        with self._client.asking(f"about the environment {name}", needs=_ENVIRONMENTS):
            people = [rule for rule in one.get("protection_rules", ()) if rule["type"] == "required_reviewers"]
            reviewers = sum(len(rule["reviewers"]) for rule in people)
        branches: tuple[str, ...] | Unread | None = None
        if policy and policy["custom_branch_policies"]:
            branches = self._deployment_branches(name)
        return JobEnvironment(
            name=name,
            branches=branches,
            protected_branches=bool(policy and policy["protected_branches"]),
            reviewers=reviewers,
            admins_bypass=one.get("can_admins_bypass", _BYPASS_NOT_TOLD),
            variables=self._variables(name, shared),
        )

    def _deployment_branches(self, name: str) -> tuple[str, ...] | Unread:
        try:
            with self._client.asking(f"which branches may use the environment {name}", needs="actions: read"):
                place = f"{self._environment_place(name)}/deployment-branch-policies"
                found = list(self._items(place, "branch_policies"))
                # A tag of the same name is another ref.
                return tuple(
                    str(one["name"]) if one.get("type", "branch") == "branch" else f"{one['type']} {one['name']}"
                    for one in found
                )
        except CodeHostFailed as error:
            return Unread(error.message, error.hint)

    def _variables(self, name: str, shared: Mapping[str, str] | Unread) -> Mapping[str, str] | Unread:
        if isinstance(shared, Unread):
            return shared
        try:
            with self._client.asking(f"for the variables of the environment {name}", needs=_ENVIRONMENTS):
                return {**shared, **self._named(f"{self._environment_place(name)}/variables")}
        except CodeHostFailed as error:
            return Unread(error.message, error.hint)

    def _shared_variables(self) -> Mapping[str, str] | Unread:
        """The variables that every job gets, before those of its environment: the organization's, the repository's."""
        try:
            with self._client.asking("for the repository's variables", needs=_VARIABLES):
                # A person's repository has no organization to ask.
                person = self._get(self._place)["owner"]["type"] == "User"
                organization = {} if person else self._named(f"{self._place}/actions/organization-variables")
                return {**organization, **self._named(f"{self._place}/actions/variables")}
        except CodeHostFailed as error:
            return Unread(error.message, error.hint)

    def _named(self, place: str) -> dict[str, str]:
        return {str(one["name"]): str(one["value"]) for one in self._items(place, "variables")}

    def _environment_place(self, name: str) -> str:
        return f"{self._place}/environments/{quote(name, safe='')}"

    # --- requests -------------------------------------------------------------------------------

    def _get(self, place: str) -> Json:
        _, answer = self._client.github.requester.requestJsonAndCheck("GET", place)
        if not isinstance(answer, dict):
            raise TypeError(type(answer).__name__)
        return answer

    def _send(self, method: str, place: str, body: Json) -> None:
        self._client.github.requester.requestJsonAndCheck(method, place, input=body)

    def _items(self, place: str, key: str = "") -> Iterator[Json]:
        """All items of a list that comes in pages; under `key` where the list is wrapped."""
        page = 1
        while True:
            parameters = {"per_page": 100, "page": page}
            headers, answer = self._client.github.requester.requestJsonAndCheck("GET", place, parameters)
            yield from answer[key] if key else answer
            if 'rel="next"' not in headers.get("link", ""):
                return
            page += 1


def _actor(one: Json) -> str:
    kind, identity = str(one["actor_type"]), one.get("actor_id")
    if kind == "RepositoryRole":
        return f"everybody with the role {_ROLES.get(int(identity or 0), identity)}"
    return {"OrganizationAdmin": "administrators of the organization", "DeployKey": "deploy keys"}.get(
        kind, f"{kind.lower()} {identity}"
    )


def _protection(answer: Json) -> Protection:
    reviews = answer.get("required_pull_request_reviews")
    checks = answer.get("required_status_checks") or {}
    bypass = [] if answer["enforce_admins"]["enabled"] else ["administrators"]
    allowed = (reviews or {}).get("bypass_pull_request_allowances") or {}
    for kind, key in (("users", "login"), ("teams", "slug"), ("apps", "slug")):
        bypass += [str(one[key]) for one in allowed.get(kind, ())]
    return Protection(
        source=_CLASSIC,
        pull_request=reviews is not None,
        approvals=int((reviews or {}).get("required_approving_review_count", 0)),
        code_owners=bool((reviews or {}).get("require_code_owner_reviews")),
        no_force_pushes=not answer["allow_force_pushes"]["enabled"],
        no_deletion=not answer["allow_deletions"]["enabled"],
        checks=frozenset({*checks.get("contexts", ()), *(one["context"] for one in checks.get("checks", ()))}),
        bypass=tuple(bypass),
    )
