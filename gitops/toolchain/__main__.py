"""`python3 -m gitops.toolchain`: the toolchain's commands before anything is installed."""

import argparse
import sys
from pathlib import Path

from gitops.errors import GitOpsError
from gitops.toolchain import verbs

INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(arguments: list[str]) -> int:
    """Run one command; the exit code is 0 for done, 1 for failed, 2 for a wrong request, 130 for interrupted."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "install":
            verbs.install(options.needs or ["all"], sys.stderr)
        elif options.command == "pack":
            verbs.pack(options.needs or ["all"], options.folder, sys.stdout)
        else:
            verbs.status(options.needs or ["all"], sys.stdout, as_json=options.json)
    except GitOpsError as error:
        sys.stderr.write(f"Error: {error.message}\n")
        if error.hint:
            sys.stderr.write(f"{error.hint}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m gitops.toolchain", description=verbs.HELP["toolchain"])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("install", "status", "pack"):
        command = commands.add_parser(name, help=verbs.HELP[name], description=verbs.HELP[name])
        command.add_argument("--for", dest="needs", action="append", metavar="NAME", help=verbs.HELP["for"])
        if name == "status":
            command.add_argument("--json", action="store_true", help=verbs.HELP["json"])
        if name == "pack":
            command.add_argument("folder", type=Path, metavar="FOLDER")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
