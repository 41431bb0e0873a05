"""The pipeline for a repository that has Pulumi programs, or a new repository from the example."""

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click

from gitops.adapters.git import new_repository
from gitops.adapters.system import shipped
from gitops.config.settings import FILE, parse
from gitops.context import Context
from gitops.errors import GitFailed, Refused, UsageError
from gitops.flow import init
from gitops.flow.doctor.workflows import Action
from gitops.flow.impact.discovery import take_snapshot
from gitops.flow.init import Wanted
from gitops.flow.words import listed, plural, visible
from gitops.model import Stack

_BRANCH = "main"


# --- an existing repository ---------------------------------------------------------------------


def join(context: Context, given: Sequence[Wanted], action: Action, *, ask: bool, dry_run: bool) -> None:
    stacks = _stacks(context)
    environments = tuple(given) or init.propose(stacks, _branch(context))
    if ask:
        environments = _asked(environments, stacks, _branch(context))
    elif not environments:
        raise UsageError(
            f"No promotion order can be read from the names of the stacks: {listed([one.label for one in stacks])}.",
            hint="Say it: --environment NAME=BRANCH:STACK,STACK, once for each, in promotion order.",
        )
    action = replace(action, requirements=_requirements(context))
    settings = init.settings(environments, action.documents)
    config = parse(settings.encode())
    for one in config.environments:
        if not config.stacks_of(one, stacks):
            there = listed([stack.label for stack in stacks])
            raise UsageError(f"No stack belongs to the environment {one.name}.", hint=f"There are: {there}.")
    branches = [one.branch for one in environments]
    files = {FILE: settings, **init.pipeline(shipped.workflow_files(), action, branches)}
    _must_be_clean(context, files)
    _write(context.repository.root, files, dry_run=dry_run)
    if outside := init.left(config, stacks):
        click.echo(f"In no environment, so not previewed or applied: {visible(listed(outside))}.")
    if not dry_run:
        if not action.requirements:
            click.echo(
                "There is no requirements file with hashes at the root. Where programs import more than pulumi, "
                "pulumi_aws and pulumi_kubernetes, make one, and name it as `requirements` beside the action's role."
            )
        click.echo("Next: look at the files, commit them, and push.")
        if branches[1:]:
            click.echo(f"Push the other branches from the commit that is deployed now: {listed(branches[1:])}.")
        click.echo("Then `gitops doctor` tells what is left: branch rules, environments, roles, CODEOWNERS.")


def _stacks(context: Context) -> tuple[Stack, ...]:
    try:
        head = context.repository.resolve("HEAD")
    except GitFailed as error:
        if "not inside a Git repository" in error.message:
            raise
        raise UsageError("This repository has no commit yet.", hint="Commit your Pulumi project first.") from error
    snapshot = take_snapshot(context.repository, head)
    if not snapshot.projects:
        raise UsageError(
            "This repository has no Pulumi project: no Pulumi.yaml is committed.",
            hint="Commit yours first, or start from the example: gitops init --new FOLDER.",
        )
    if not snapshot.stacks:
        raise UsageError(
            f"{listed([one.file for one in snapshot.projects])} has no stack: no Pulumi.<stack>.yaml is committed.",
            hint="Make one: pulumi stack init dev && pulumi config set KEY VALUE, and commit Pulumi.dev.yaml.",
        )
    return snapshot.stacks


def _requirements(context: Context) -> str:
    head = context.repository.resolve("HEAD")
    names = [name for name in context.repository.paths(head) if "/" not in name and name.startswith("requirements")]
    return init.requirements(dict(context.repository.read_many(head, names)))


def _branch(context: Context) -> str:
    """The remote's default branch, else the one that is checked out."""
    if default := context.repository.default_branch():
        return context.git.text("rev-parse", "--abbrev-ref", default).removeprefix(f"{context.git.remote}/")
    status, name, _ = context.git.attempt("symbolic-ref", "--quiet", "--short", "HEAD")
    return _BRANCH if status else name.decode().strip()


def _asked(proposed: Sequence[Wanted], stacks: Sequence[Stack], branch: str) -> tuple[Wanted, ...]:
    if not sys.stdin.isatty():
        raise UsageError(
            "There is no terminal to ask on.", hint="Say --yes for what is proposed, or name each --environment."
        )
    click.echo(f"Found {plural(len(stacks), 'stack')}: {visible(listed([one.label for one in stacks]))}.")
    known = {one.name: one for one in proposed}
    names = click.prompt("Environments, in promotion order", default=" ".join(known) or None)
    found: list[Wanted] = []
    for name in re.split(r"[\s,]+", names.strip()):
        one = known.get(name) or Wanted(name, name if found else branch, (name,))
        follows = click.prompt(f"Branch of {name}", default=one.branch)
        held = click.prompt(f"Stacks of {name}", default=" ".join(one.stacks))
        found.append(Wanted(name, follows, tuple(re.split(r"[\s,]+", held.strip()))))
    return tuple(found)


def _must_be_clean(context: Context, files: Mapping[str, str]) -> None:
    """So that what is written can be told from what was there. What an earlier run of ours wrote does not count."""
    changed = context.git.run("diff", "--name-only", "-z", "HEAD").decode("utf-8", "replace").split("\0")
    new = context.git.run("ls-files", "--others", "--exclude-standard", "--full-name", "-z", ":/")
    paths = dict.fromkeys([*changed, *new.decode("utf-8", "replace").split("\0")])
    if others := [path for path in paths if path and path not in files]:
        raise UsageError(
            f"The working tree has changes that are not committed: {visible(listed(others[:5]))}.",
            hint="Commit them, or put them away with `git stash --include-untracked`.",
        )


def _write(root: Path, files: Mapping[str, str], *, dry_run: bool) -> None:
    """Write what is missing. Raises Refused, with nothing written, where another file is there."""
    kept = {path for path, text in files.items() if _is(root / path, text)}
    differing = sorted(path for path in files if path not in kept and not _is_free(root, path))
    refusal = Refused(
        f"There already, and different: {visible(listed(differing))}. Nothing was written.",
        hint="Move it away, or take over by hand what you want of it; --dry-run shows what would be written.",
    )
    if differing and not dry_run:
        raise refusal
    for path, text in files.items():
        if path in kept:
            click.echo(f"unchanged    {path}")
        elif dry_run:
            click.echo(f"{'differs    ' if path in differing else 'would write'}  {path}")
            click.echo("".join(f"  | {line}\n" for line in text.splitlines()), nl=False)
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            click.echo(f"wrote        {path}")
    if differing:
        raise refusal


def _is(file: Path, text: str) -> bool:
    return file.is_file() and not file.is_symlink() and file.read_bytes() == text.encode()


def _is_free(root: Path, path: str) -> bool:
    """Whether nothing is there, and writing there stays inside: a folder may be a link to somewhere else."""
    file = root / path
    inside = file.resolve().is_relative_to(root.resolve())
    blocked = any(parent.exists() and not parent.is_dir() for parent in file.parents)
    return inside and not blocked and not file.exists() and not file.is_symlink()


# --- a new repository ---------------------------------------------------------------------------


def start(folder: Path, action: Action, *, dry_run: bool) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is there already, and not an empty folder.", hint="Name another one.")
    example = shipped.example_files()
    ours = shipped.workflow_files()
    branches = [one.branch for one in parse(ours[FILE]).environments]
    texts = init.pipeline(ours, action, branches)
    documents = action.documents
    texts[FILE] = re.sub(r"(?<![\w/.-])docs/[\w./-]+\.md", lambda f: f"{documents}/{f[0]}", ours[FILE].decode())
    texts["README.md"] = init.read_me(folder.resolve().name, documents)
    if dry_run:
        for path in sorted({*example, *texts}):
            click.echo(f"would write  {path}")
        return
    new_repository.must_know_author()
    for path, source in example.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        # With its mode: a policy pack's file is run.
        shutil.copy(source, folder / path)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    commit = new_repository.create(folder, branches[0], "Start from the example of gitops")
    click.echo(f"Made {folder} with {plural(len({*example, *texts}), 'file')}, commit {commit[:12]}.")
    click.echo(f"Next: cd {folder}, follow README.md, and run `gitops doctor` once it is on GitHub.")
