"""Show a pull request what machines previewed, and keep its plans; or judge what a queue merges."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gitops import __version__
from gitops.adapters.ci.github import job
from gitops.context import Context
from gitops.errors import CodeHostFailed, Failed
from gitops.flow.doctor import workflows
from gitops.flow.gate import judgement
from gitops.flow.impact.affected import reached_files
from gitops.flow.plans import shard_results
from gitops.model import CheckReport, Conclusion, History, Plan, PreviewFailure, Review, StackReview, Verdict
from gitops.operations.judging import Judge
from gitops.operations.program import Program
from gitops.operations.progress import tell
from gitops.operations.review import publishing
from gitops.operations.review import scope as scopes
from gitops.operations.review.scope import Scope
from gitops.views import annotations, sarif
from gitops.views.annotations import Place, Places
from gitops.views.markdown import review_comment
from gitops.views.terminal import screen

DESTRUCTIVE = "destructive"
"""The label of a pull request that would delete or replace something."""

_FIRST_LINES = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Request:
    """Files of `gitops preview --output`, the change that they are about, and its pull request."""

    files: tuple[Path, ...]
    base: str
    head: str
    pull_request: int
    environment: str | None = None


def review(context: Context, request: Request) -> Review:
    """Show what the files tell on the pull request, keep the plans, and set its check, remarks and label.

    A stack that is affected and that no file tells of counts as one whose preview failed. Raises Failed for a file that
    cannot be read, CodeHostFailed when the comment cannot be written, RemoteUnreachable when no plan can be kept.
    """
    history = context.ledger().history()
    scope = scopes.find(context, history, (request.base, request.head), request.environment)
    found = combined(context, history, scope, request.files)
    text = publishing.publish(context, history, found, request.pull_request)
    _beside(context, scope, found, _check(found, text), request.pull_request)
    return found


def combined(context: Context, history: History, scope: Scope, files: Iterable[Path]) -> Review:
    """The review of a change from what several machines found out. Raises Failed for a file that cannot be read."""
    told = shard_results.combined(shard_results.from_bytes(_content(file), file.name) for file in files)
    program = Program(context, scope.commit, scope.snapshot, Path())
    stacks = tuple(
        _verified(
            program,
            history,
            (told.get(stack.label) or shard_results.missing(stack)).review(
                affected, scope.environment.name, scope.head
            ),
        )
        for stack, affected in scope.affected.items()
    )
    return Review(
        scope.environment.name,
        scope.base,
        scope.head,
        stacks,
        unaffected=len(scope.held) - len(stacks),
        report_url=job.address_of_run(context.environment),
        undeclared=scope.gone,
    )


def _verified(program: Program, history: History, found: StackReview) -> StackReview:
    """What a machine told, as far as it can be looked up here: a plan's program, its age, the policy packs.

    Where a plan has unknown values, an approval of it counts for the files that it names. They are not those of the
    change where they are forged, or left from an earlier run for another head.
    """
    plan = found.result
    if not isinstance(plan, Plan):
        return found
    origin = program.inputs(found.stack, {})
    if (plan.inputs.files, plan.inputs.config) != (origin.files, origin.config):
        failure = PreviewFailure(
            "What a machine told of it is not the program of this change.", hint="Run all jobs of the preview again."
        )
        return StackReview(found.affected, failure)
    plan = replace(plan, created_at=min(plan.created_at, program.context.clock.now()))
    return replace(found, result=plan, packs=program.packs(found.stack, plan.environment, history).changes)


def judge(context: Context, request: Request) -> Mapping[str, Verdict]:
    """The gate's answer, by stack, to what a merge queue would merge, for the last of its pull requests.

    It is the check of the merge as well. Raises Failed where a file cannot be read or a preview failed, CodeHostFailed
    when the check cannot be written.
    """
    history = context.ledger().history()
    scope = scopes.find(context, history, (request.base, request.head), request.environment)
    found = combined(context, history, scope, request.files)
    publishing.write_step_summary(found)
    screen.console(sys.stdout).print(screen.review(found))
    deciding = Judge(context, scope.settings, scope.environment, scope.commit, request.pull_request)
    verdicts = {
        one.stack.label: deciding.decide(one.result, history, resumed=False)[0]
        for one in found.ordered()
        if isinstance(one.result, Plan)
    }
    report = _check(found, review_comment.render(found))
    if judgement.stop(verdicts.items()):
        title = f"{found.environment}: not what was approved on #{request.pull_request}"
        report = replace(report, conclusion=Conclusion.FAILURE, title=title)
    context.checks.report(found.head, report)
    publishing.end(found)
    return verdicts


def _content(file: Path) -> bytes:
    if file.stat().st_size > shard_results.LARGEST:
        raise Failed(
            f"{file.name} is larger than what `gitops preview --output` writes.", hint="Look at that job's log."
        )
    return file.read_bytes()


def _beside(context: Context, scope: Scope, found: Review, check: CheckReport, number: int) -> None:
    """What helps to read the review, and carries nothing of the promise: where it fails, that is told, and no more."""
    destroys = any(change.operation.destroys for one in found.stacks for change in one.changes)
    places = _places(context, scope, found)
    report = replace(check, annotations=annotations.annotations(found, places))
    document = json.dumps(sarif.of_review(found, places, __version__)).encode()
    steps: Mapping[str, Callable[[], None]] = {
        "The label": lambda: context.host.label(number, [DESTRUCTIVE] if destroys else [], [DESTRUCTIVE]),
        "The check with its remarks": lambda: context.checks.report(found.head, report),
        "Code scanning": lambda: context.checks.findings(found.head, f"refs/pull/{number}/head", document),
    }
    for what, do in steps.items():
        try:
            do()
        except CodeHostFailed as error:
            tell(f"{what} could not be brought up to date: {error.message}. {error.hint}")


def _check(found: Review, text: str) -> CheckReport:
    """The check that branch rules require, without remarks; `text` is the review as its comment has it."""
    fails = any(not isinstance(one.result, Plan) or one.result.violations for one in found.stacks)
    conclusion = Conclusion.FAILURE if fails else Conclusion.SUCCESS
    return CheckReport(workflows.check_name(found.environment), conclusion, review_comment.title(found), text)


def _places(context: Context, scope: Scope, found: Review) -> Places:
    """Where the change and the program's names stand, in the files as the head has them."""
    there = context.repository.paths(scope.head)
    reasons = sorted({one.path for review in found.stacks for one in review.affected.reasons if one.path in there})
    changed: dict[str, Place] = {}
    for path in reasons[: annotations.MOST]:
        options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv")
        difference = context.git.run("--literal-pathspecs", "diff", *options, scope.base, scope.head, "--", path)
        if lines := _FIRST_LINES.search(difference.decode(errors="replace")):
            first, count = int(lines[1]), int(lines[2] or 1)
            changed[path] = Place(path, max(first, 1), max(first, first + count - 1, 1))
    named = [one for one in found.stacks if _has_remarks(one.result)]
    reached = {path for one in named for path in reached_files(scope.snapshot, one.stack)}
    paths = sorted(path for path in reached if path in there and path.endswith(".py"))
    return Places(changed, annotations.literals(context.repository.read_many(scope.head, paths)))


def _has_remarks(result: object) -> bool:
    return isinstance(result, Plan) and bool(result.findings or any(one.operation.destroys for one in result.changes))
