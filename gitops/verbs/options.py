"""Types of options: durations, and files that a long run ends with."""

from pathlib import Path

import click

from gitops.config.durations import seconds
from gitops.errors import UsageError


class Duration(click.ParamType[int]):
    """Turns 90s, 10m or 1h into seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `click.ParamType.convert`."""
        found = value if isinstance(value, int) else seconds(str(value))
        if found is None:
            self.fail(f"{value} is not a duration such as 90s, 10m or 1h.", param, ctx)
        return found


class NewFile(click.Path):
    """A file to write at the end of a run. That its folder is there is known before minutes of work."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """See `click.ParamType.convert`."""
        found = Path(str(super().convert(str(value), param, ctx)))
        if not found.parent.is_dir():
            self.fail(f"There is no folder {str(found.parent)!r} to write {found.name!r} to.", param, ctx)
        return found


WAIT = click.option(
    "--wait",
    type=Duration(),
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="Wait for so long where somebody else works on a stack; 0s: do not wait.",
)


def pair(text: str) -> tuple[str, str]:
    """A URN and an id, as --exists takes them. Raises UsageError."""
    urn, equals, id_ = text.partition("=")
    if not (equals and urn and id_):
        raise UsageError(f"--exists {text} is not URN=ID.", hint="For what does not exist, use --absent URN.")
    return urn, id_
