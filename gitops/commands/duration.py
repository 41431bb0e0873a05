"""Durations on the command line."""

import click

from gitops.config import seconds


class Duration(click.ParamType[int]):
    """Turns 90s, 10m or 1h into seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See `click.ParamType.convert`."""
        found = value if isinstance(value, int) else seconds(str(value))
        if found is None:
            self.fail(f"{value} is not a duration such as 90s, 10m or 1h.", param, ctx)
        return found


WAIT = click.option(
    "--wait",
    type=Duration(),
    default="10m",
    show_default=True,
    metavar="DURATION",
    help="Wait for so long where somebody else works on a stack; 0s: do not wait.",
)
