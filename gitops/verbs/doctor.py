"""`gitops doctor`: whether what the promise rests on is there, and what to do where it is not."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from gitops.context import Context
from gitops.errors import Failed, Refused, UsageError
from gitops.flow.doctor.diagnosis import diagnose
from gitops.flow.doctor.findings import Finding, Repair, State, repairs, told
from gitops.flow.words import plural
from gitops.operations.doctor import examine, repair
from gitops.operations.progress import tell
from gitops.views.terminal import doctor as views
from gitops.views.terminal import screen

JSON_FORMAT = 1


@click.command("doctor", short_help="Check what the promise rests on.")
@click.option("--fix", is_flag=True, help="Add what is missing where that takes nothing from anybody; asks first.")
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def command(context: Context, /, fix: bool, yes: bool, as_json: bool) -> None:
    """Check branch rules, environments, roles, ledger, state, secrets, tools and clock; each finding with its fix.

    Run it with a token of somebody who administers the repository, and with AWS credentials that may read the roles
    and the state's bucket. What cannot be read is "not checked", and never counts as passed: exit code 1. Something
    missing is exit code 3. Advice changes nothing.

    \b
    GITHUB_TOKEN="$(gh auth token)" gitops doctor
    gitops doctor --fix
    gitops doctor --json
    """
    if yes and not fix:
        raise UsageError("--yes goes with --fix.")
    findings = diagnose(examine(context))
    if fix and (wanted := tuple(repairs(findings))):
        _repair(context, wanted, ask=not yes)
        findings = diagnose(examine(context))
    if as_json:
        click.echo(json.dumps(as_document(findings), indent=2))
    else:
        screen.console(sys.stdout).print(views.view(findings))
    _end(findings)


def _repair(context: Context, wanted: Sequence[Repair], *, ask: bool) -> None:
    for one in wanted:
        tell(f"{'Would' if ask else 'Will'} {told(one)}.")
    if ask:
        if not sys.stdin.isatty():
            raise UsageError("There is no terminal to ask on; nothing was changed.", hint="Say --fix --yes.")
        if not click.confirm(f"Do {plural(len(wanted), 'repair')}?", err=True):
            tell("Nothing was changed.")
            return
    for one in wanted:
        repair(context, one)
        tell(f"Done: {told(one)}.")


def as_document(findings: Sequence[Finding]) -> dict[str, object]:
    """The JSON form: every finding, and how many came out how."""
    return {
        "format": JSON_FORMAT,
        "counts": {state.name.lower(): sum(one.state is state for one in findings) for state in State},
        "findings": [
            {
                "check": one.about.value,
                "subject": one.subject,
                "state": one.state.name.lower(),
                "text": one.text,
                "fix": one.fix,
                "repair": {"kind": type(one.repair).__name__, **asdict(one.repair)} if one.repair else None,
            }
            for one in findings
        ],
    }


def _end(findings: Sequence[Finding]) -> None:
    missing = sum(one.state is State.MISSING for one in findings)
    unchecked = sum(one.state is State.NOT_CHECKED for one in findings)
    if missing:
        raise Refused(
            f"{plural(missing, 'thing')} that the promise rests on {'is' if missing == 1 else 'are'} missing.",
            hint="Each has its fix beside it; docs/doctor.md says why it matters.",
        )
    if unchecked:
        raise Failed(
            f"{plural(unchecked, 'check')} could not be made, so {'it counts' if unchecked == 1 else 'they count'} "
            "as not passed.",
            hint="Each says what it takes.",
        )
