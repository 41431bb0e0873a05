"""How a component refuses an input."""

import pulumi


class InputError(pulumi.RunError):
    """An input that a component cannot work with; Pulumi prints the message without a stack trace."""


def require(holds: bool, subject: str, expected: str, got: object) -> None:
    """Raise `InputError` unless `holds`; `subject` is the component's name and the input, as in `network.zones`."""
    if not holds:
        raise InputError(f"{subject} must be {expected}; got {got!r}. Correct the value that is passed in.")
