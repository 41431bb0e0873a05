"""The `gitops` command: its verbs, and the one place that maps what happened to an exit code."""

import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import click

from gitops import __version__
from gitops.context import Context
from gitops.errors import GitOpsError

# Verb → module; imported when it is used, so that `gitops affected` does not pay for what `gitops up` needs.
_VERBS = {
    "affected": "gitops.verbs.affected:command",
    "preview": "gitops.verbs.preview:command",
    "matrix": "gitops.verbs.matrix:command",
    "review": "gitops.verbs.review:command",
    "explain": "gitops.verbs.explain:command",
    "up": "gitops.verbs.up:command",
    "promote": "gitops.verbs.promote:command",
    "rollback": "gitops.verbs.rollback:command",
    "drift": "gitops.verbs.drift:command",
    "compliance": "gitops.verbs.compliance:command",
    "repair": "gitops.verbs.repair:command",
    "review-stack": "gitops.verbs.review_stack:command",
    "command": "gitops.verbs.command:command",
    "status": "gitops.verbs.status:command",
    "log": "gitops.verbs.log:command",
    "init": "gitops.verbs.init:command",
    "doctor": "gitops.verbs.doctor:command",
    "demo": "gitops.verbs.demo:command",
    "sandbox": "gitops.verbs.sandbox:sandbox",
    "toolchain": "gitops.verbs.toolchain:toolchain",
}
EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 usage, 3 refused by a gate, 4 waiting for somebody."
INTERRUPTED = 130  # 128 + SIGINT, as shells count


class _Verbs(click.Group):
    """The verbs in the order of the work, each imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = _VERBS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(importlib.import_module(module), name)
        if not isinstance(command, click.Command):
            return None
        command.epilog = EXIT_CODES
        return command


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
@click.version_option(__version__, prog_name="gitops")
@click.option("-C", "folder", type=click.Path(path_type=Path), default=".", help="Run as if started in this folder.")
@click.pass_context
def gitops(ctx: click.Context, folder: Path) -> None:
    """Pulumi by pull request: what was reviewed is exactly what is applied, or nothing is."""
    ctx.obj = (ctx.obj or Context)(folder, os.environ, purpose=ctx.invoked_subcommand or "gitops")


def main(arguments: Sequence[str] | None = None, world: type[Context] = Context) -> None:
    """Run the command line in that kind of world, and end the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What is ignored stays ignored: `nohup` asks for it.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _as_interrupt)
    # Imports make many objects and no cycles to collect: fewer passes over them, and none at the very end,
    # are 0.2 s less CPU where pulumi is imported, for 1 MiB more memory.
    gc.set_threshold(100_000)
    code = run(arguments, world)
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str] | None = None, world: type[Context] = Context) -> int:
    """Run the command line; the exit code."""
    try:
        gitops.main(arguments, prog_name="gitops", standalone_mode=False, obj=world)
    except GitOpsError as error:
        from gitops.views.terminal import screen

        screen.console(sys.stderr).print(screen.error(error))
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except OSError as error:
        return _system_failed(error)
    return 0


def _system_failed(error: OSError) -> int:
    """Say what the machine refused (a full disk, missing rights) in one line; a reader who left needs no words."""
    try:
        sys.stdout.flush()
    except OSError:
        # Python flushes standard output once more at its end, would complain then, and end with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 1
    place = f": {error.filename}" if error.filename else ""
    click.echo(f"Failed: {error.strerror or error}{place}", err=True)
    return 1


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM and SIGHUP end a run the way Ctrl-C does: in good order."""
    raise KeyboardInterrupt
