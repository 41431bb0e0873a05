"""The promise's ground at the code host: rules over branches, environments, workflows, who owns which file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from gitops.config.settings import FILE, Config, Environment
from gitops.flow.doctor import code_owners, workflows
from gitops.flow.doctor.findings import (
    About,
    CreateEnvironment,
    Finding,
    ProtectBranch,
    Repair,
    State,
    not_checked,
    passed,
)
from gitops.flow.doctor.workflows import check_name
from gitops.flow.words import listed, plural
from gitops.model import BranchSettings, JobEnvironment, Protection, Unread, WorkflowSettings

ACTION = "action.yml"
_RULES = "Settings, Rules, Rulesets"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class BranchFiles:
    """What a branch has: its paths, its CODEOWNERS (None: it has none), and its workflow files' contents by path."""

    paths: frozenset[str] = frozenset()
    code_owners: str | None = None
    workflows: Mapping[str, bytes] = field(default_factory=dict)


# --- branches -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """Something that a branch must have: which protections give it, and the words for both outcomes."""

    about: About
    given: Callable[[Protection], bool]
    there: str
    missing: str
    fix: str
    repair: Repair | None = None


def branch(environment: Environment, settings: BranchSettings | Unread) -> Iterator[Finding]:
    """Whether nobody gets past review and preview into an environment's branch."""
    name = environment.branch
    yield from _judge(name, settings, [*_review_rules(environment), *_history_rules(name)])


def ledger_branch(name: str, settings: BranchSettings | Unread) -> Iterator[Finding]:
    """Whether no record can be taken out of the ledger, and records can be appended."""
    yield from _judge(name, settings, _history_rules(name), About.LEDGER_BRANCH)
    if isinstance(settings, BranchSettings):
        closed = [one.source for one in settings.protections if one.pull_request or one.checks]
        if closed:
            text = f"{listed(closed)} asks for pull requests or checks, so that nothing can be recorded"
            yield Finding(About.LEDGER_BRANCH, name, State.MISSING, text, f"leave {name} out of it ({_RULES})")


def _review_rules(environment: Environment) -> Iterator[_Rule]:
    name, approvals, check = environment.branch, environment.approvals.count, check_name(environment.name)
    yield _Rule(
        About.PULL_REQUESTS,
        lambda one: one.pull_request and one.approvals >= approvals,
        f"changed by pull request only, with {plural(approvals, 'approval')}",
        f"can be changed without a pull request that has {plural(approvals, 'approval')}",
        f"{_RULES}: for {name} require a pull request with {plural(approvals, 'approval')}, as {FILE} asks for",
    )
    yield _Rule(
        About.CODE_OWNER_REVIEW,
        lambda one: one.code_owners,
        "owners of the changed files have to approve",
        "owners of the pipeline's own files need not approve a change of them",
        f'{_RULES}: in the pull request rule of {name} tick "Require review from Code Owners"',
    )
    yield _Rule(
        About.REQUIRED_CHECKS,
        lambda one: check in one.checks,
        f"requires the check {check}",
        f"can be merged into without the check {check}",
        f"{_RULES}: for {name} require the status check {check!r}",
    )


def _history_rules(name: str) -> Iterator[_Rule]:
    for given, what, rule in (
        (lambda one: one.no_force_pushes, "force pushes", "block force pushes"),
        (lambda one: one.no_deletion, "deletion", "restrict deletions"),
    ):
        yield _Rule(
            About.HISTORY,
            given,
            f"{what} forbidden",
            f"{what} not forbidden",
            f"{_RULES}: for {name} {rule}; or `gitops doctor --fix`",
            ProtectBranch(name),
        )


def _judge(
    name: str, settings: BranchSettings | Unread, rules: "Iterator[_Rule] | list[_Rule]", about: About | None = None
) -> Iterator[Finding]:
    if isinstance(settings, Unread):
        for rule in rules:
            yield not_checked(about or rule.about, name, settings)
        return
    excepted: list[str] = []
    unread: list[Unread] = []
    for rule in rules:
        giving = [one for one in settings.protections if rule.given(one)]
        if not giving and settings.unread:
            yield not_checked(about or rule.about, name, settings.unread[0])
        elif not giving:
            yield Finding(about or rule.about, name, State.MISSING, rule.missing, rule.fix, rule.repair)
        else:
            yield passed(about or rule.about, name, f"{rule.there} ({listed(sorted({one.source for one in giving}))})")
            if not any(one.bypass == () for one in giving):
                unread += [one.bypass for one in giving if isinstance(one.bypass, Unread)]
                excepted += [who for one in giving if not isinstance(one.bypass, Unread) for who in one.bypass]
    if excepted:
        text = f"{listed(sorted(set(excepted)))} may go past the rules"
        yield Finding(About.BYPASS, name, State.MISSING, text, f"{_RULES}: empty the bypass list over {name}")
    elif unread:
        yield not_checked(About.BYPASS, name, unread[0])
    elif settings.protections:
        yield passed(About.BYPASS, name, "nobody may go past the rules, not even administrators")


# --- files --------------------------------------------------------------------------------------


def files(name: str, found: BranchFiles | Unread, config: Config) -> Iterator[Finding]:
    """Whether a branch's CODEOWNERS covers what decides over a change, and its workflows are the pipeline's."""
    if isinstance(found, Unread):
        for about in (About.CODE_OWNERS, About.WORKFLOWS, About.WORKFLOW_BRANCHES, About.PINNED_ACTIONS):
            yield not_checked(about, name, found)
        return
    yield _code_owners(name, found, config)
    yield from _workflows(name, found, config)


def _code_owners(name: str, found: BranchFiles, config: Config) -> Finding:
    folders = [".github/", *(f"{path}/" for path in config.packs if path not in found.paths)]
    wanted = [FILE, ACTION, *config.packs, config.ledger_signers]
    deciding = sorted(path for path in found.paths if path in wanted or path.startswith(tuple(folders)))
    text = f"{FILE}, .github/{''.join(f', {path}' for path in [ACTION, *config.packs] if _has(found, path))}"
    if found.code_owners is None:
        fix = f"add .github/CODEOWNERS to {name}, with owners for {text}"
        return Finding(About.CODE_OWNERS, name, State.MISSING, "has no CODEOWNERS", fix)
    if free := code_owners.unowned(found.code_owners, deciding):
        more = f" and {len(free) - _SHOWN} more" if len(free) > _SHOWN else ""
        problem = f"nobody owns {listed(free[:_SHOWN])}{more}"
        return Finding(About.CODE_OWNERS, name, State.MISSING, problem, f"name owners for {text} in CODEOWNERS")
    return passed(About.CODE_OWNERS, name, f"owners for {text}")


def _has(found: BranchFiles, path: str) -> bool:
    return path in found.paths or any(one.startswith(f"{path}/") for one in found.paths)


def _workflows(name: str, found: BranchFiles, config: Config) -> Iterator[Finding]:
    ours = frozenset(one.branch for one in config.environments)
    for verb, event in (("preview", "pull_request"), ("up", "push")):
        carrying = {path: text for path, text in found.workflows.items() if workflows.runs(text, verb)}
        started = {path: text for path, text in carrying.items() if workflows.has_event(text, event)}
        if not started:
            text = f"no workflow runs `gitops {verb}` on {event}"
            yield Finding(
                About.WORKFLOWS, name, State.MISSING, text, f"gitops init, and bring what it writes to {name}"
            )
            continue
        yield passed(About.WORKFLOWS, name, f"{listed(sorted(started))} runs `gitops {verb}`")
        for path, content in sorted(started.items()):
            yield from _branches(name, path, content, ours)
    loose = {path: actions for path, text in found.workflows.items() if (actions := workflows.unpinned(text))}
    for path, actions in sorted(loose.items()):
        text = f"{path} uses {listed(actions)}, which can become something else"
        yield Finding(About.PINNED_ACTIONS, name, State.MISSING, text, "name each action by its full commit")
    if not loose:
        yield passed(About.PINNED_ACTIONS, name, "every action is named by its commit")


def _branches(name: str, path: str, content: bytes, ours: frozenset[str]) -> Iterator[Finding]:
    for event in ("pull_request", "merge_group", "push"):
        listens = workflows.branches(content, event)
        if listens is None:
            continue
        if listens == ours:
            yield passed(About.WORKFLOW_BRANCHES, name, f"{path}: {event} listens to the branches of {FILE}")
        else:
            text = f"{path}: {event} listens to {listed(sorted(listens))}, {FILE} names {listed(sorted(ours))}"
            fix = f"write `branches: [{', '.join(sorted(ours))}]`"
            yield Finding(About.WORKFLOW_BRANCHES, name, State.MISSING, text, fix)


# --- environments and workflows -----------------------------------------------------------------


def environments(found: Mapping[str, JobEnvironment] | Unread, config: Config) -> Iterator[Finding]:
    """Whether each environment of jobs is there, and those of applies can be used from their branch only."""
    asking = {one.branch for one in config.environments}
    for name, only in workflows.environments(config).items():
        if isinstance(found, Unread):
            yield not_checked(About.ENVIRONMENTS, name, found)
        elif name not in found:
            limit = f", deployment branches: {only} only" if only else ""
            fix = f"Settings, Environments: new environment {name}{limit}; or `gitops doctor --fix`"
            text = "does not exist: the first job would make it, open to every branch"
            yield Finding(About.ENVIRONMENTS, name, State.MISSING, text, fix, CreateEnvironment(name, only))
        else:
            yield passed(About.ENVIRONMENTS, name, "exists")
            if only:
                yield _restricted(found[name], only)
                yield from _people(found[name], wanted=name in asking)


def _restricted(one: JobEnvironment, only: str) -> Finding:
    fix = f"Settings, Environments, {one.name}: deployment branches, selected branches, {only}"
    if isinstance(one.branches, Unread):
        return not_checked(About.ENVIRONMENT_BRANCH, one.name, one.branches)
    if one.branches == (only,):
        return passed(About.ENVIRONMENT_BRANCH, one.name, f"only for jobs of the branch {only}")
    whose = "any branch with rules" if one.protected_branches else listed(one.branches or ()) or "any branch"
    text = f"jobs of {whose} get its role and secrets"
    return Finding(About.ENVIRONMENT_BRANCH, one.name, State.MISSING, text, fix)


def _people(one: JobEnvironment, *, wanted: bool) -> Iterator[Finding]:
    if not wanted:
        # One approval an environment, and not one for each machine.
        if one.reviewers:
            fix = f"Settings, Environments, {one.name}: no reviewers; those of the environment were asked before"
            yield Finding(About.REVIEWERS, one.name, State.ADVICE, "asks its reviewers for each machine", fix)
        return
    if not one.reviewers:
        fix = f"Settings, Environments, {one.name}: required reviewers, if somebody shall also release each apply"
        yield Finding(About.REVIEWERS, one.name, State.ADVICE, "no reviewers: the gate alone decides", fix)
        return
    yield passed(About.REVIEWERS, one.name, f"asks {plural(one.reviewers, 'reviewer')}")
    if isinstance(one.admins_bypass, Unread):
        yield not_checked(About.ENVIRONMENT_BYPASS, one.name, one.admins_bypass)
    elif one.admins_bypass:
        fix = f'Settings, Environments, {one.name}: untick "Allow administrators to bypass"'
        text = "administrators may go past its reviewers"
        yield Finding(About.ENVIRONMENT_BYPASS, one.name, State.MISSING, text, fix)
    else:
        yield passed(About.ENVIRONMENT_BYPASS, one.name, "not even administrators go past its reviewers")


def workflow_settings(
    settings: WorkflowSettings | Unread, found: Mapping[str, BranchFiles | Unread]
) -> Iterator[Finding]:
    """What a workflow's token may do unasked."""
    place = "Settings, Actions, General, Workflow permissions"
    if isinstance(settings, Unread):
        yield not_checked(About.TOKEN, "workflows", settings)
        yield not_checked(About.ACTIONS_APPROVE, "workflows", settings)
        return
    if settings.token_writes:
        text = "a workflow that names no permissions may write to the repository"
        yield Finding(About.TOKEN, "workflows", State.MISSING, text, f"{place}: read repository contents")
    else:
        yield passed(About.TOKEN, "workflows", "may read unless they ask for more")
    if not settings.opens_and_approves:
        yield passed(About.ACTIONS_APPROVE, "workflows", "may not approve pull requests")
        return
    contents = [text for one in found.values() if isinstance(one, BranchFiles) for text in one.workflows.values()]
    proposing = sorted({verb for verb in workflows.PROPOSING_VERBS for text in contents if workflows.runs(text, verb)})
    fix = f'{place}: untick "Allow GitHub Actions to create and approve pull requests"'
    if not proposing:
        text = "workflows may approve pull requests, which counts for branch rules (never for the gate)"
        yield Finding(About.ACTIONS_APPROVE, "workflows", State.MISSING, text, fix)
    else:
        # GitHub has one switch for both, and these verbs have to open some.
        text = f"workflows may approve pull requests as well as open them, which {listed(proposing)} needs"
        advice = "the gate never counts a bot; ask for code owners' reviews, which a bot cannot give"
        yield Finding(About.ACTIONS_APPROVE, "workflows", State.ADVICE, text, advice)
