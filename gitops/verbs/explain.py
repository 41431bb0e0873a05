"""`gitops explain`: why a pull request's plans would pass the gate or not, before anybody merges."""

import json
import sys

import click

from gitops.context import Context
from gitops.errors import Refused, UsageError, Waiting
from gitops.flow import words
from gitops.flow.gate import judgement
from gitops.flow.plans import values
from gitops.model import Outcome
from gitops.operations.explain import Explanation, Request, check, explain
from gitops.operations.program import current_branch
from gitops.views.terminal import explanation, screen


def as_document(found: Explanation) -> dict[str, object]:
    """The JSON form."""
    return {
        "format": 1,
        "environment": found.environment,
        "commit": found.commit,
        "outcome": found.outcome.value,
        "stacks": [
            {
                "stack": stack.label,
                "plan_digest": case.approved.plan_digest if case.approved else None,
                "outcome": verdict.outcome.value,
                "rules": values.pack(verdict.rules),
            }
            for stack, (verdict, case) in found.verdicts.items()
        ],
        "applied": [stack.label for stack in found.applied],
    }


@click.command("explain", short_help="Say why a change would pass the gate, or not.")
@click.argument("stacks", nargs=-1, metavar="[STACK]...")
@click.option("--pull-request", type=int, metavar="NUMBER", help="An open or merged pull request.")
@click.option("--commit", metavar="COMMIT", help="A commit of the environment's branch. Default: the branch's newest.")
@click.option("--environment", metavar="NAME", help="Default: the environment that follows the branch.")
@click.option("--check", "only_check", is_flag=True, help="Check gitops.yaml as it lies here, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(
    context: Context,
    /,
    stacks: tuple[str, ...],
    pull_request: int | None,
    commit: str | None,
    environment: str | None,
    only_check: bool,
    as_json: bool,
) -> None:
    """Say why the reviewed plans would pass the gate or not: every rule, what it looked at, and what to do.

    Nothing is previewed: at the apply, a fresh preview must come to the same plan.

    \b
    gitops explain --pull-request 5
    gitops explain --environment prod
    gitops explain --check
    """
    if only_check:
        if stacks or pull_request is not None or commit or environment:
            raise UsageError("--check looks at gitops.yaml only.", hint="Leave the other arguments away.")
        click.echo(check(context))
        return
    if commit and pull_request is not None:
        raise UsageError("Name a commit or a pull request, not both.")
    branch = None if environment or pull_request is not None else current_branch(context)
    found = explain(context, Request(environment, branch, commit, pull_request, stacks))
    if as_json:
        click.echo(json.dumps(as_document(found), indent=2))
    else:
        screen.console(sys.stdout).print(
            explanation.view(found.environment, found.commit, found.verdicts, found.applied)
        )
    if stop := judgement.stop((stack.label, verdict) for stack, (verdict, _) in found.verdicts.items()):
        error, yet = (Refused, "") if stop.outcome is Outcome.REFUSE else (Waiting, " yet")
        raise error(f"{words.listed(stop.stacks)} would not be applied{yet}.", hint="Each rule above says what to do.")
