"""Review stacks, as gitops.yaml writes them: from raw to valid. What they are is in docs/review-stacks.md."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import msgspec

from gitops.config.durations import seconds

ENVIRONMENT = "review"
"""Where the ledger records them: no environment of gitops.yaml, so no release of one and no promotion sees them."""

_NUMBER = "{number}"
_NAME = re.compile(r"review-([1-9][0-9]{0,9})")
_KEY = re.compile(r"[^\s:]+:[^\s:]+")
_SHORTEST = 600


@dataclass(frozen=True, slots=True)
class ReviewStacks:
    """What a pull request with the label gets: a stack like `like`, until `expires` seconds after its last use.

    `like` is a stack's name, or `project/name`. There are at most `most` at once. `config` has what must differ from
    the model's config: full key → value, in which `{number}` stands for the pull request.
    """

    like: str
    label: str
    expires: int
    most: int
    config: Mapping[str, str] = field(default_factory=dict)

    def config_of(self, number: int) -> Mapping[str, str]:
        """What differs from the model's config for this pull request's stack."""
        return {key: value.replace(_NUMBER, str(number)) for key, value in self.config.items()}


class RawReviewStacks(msgspec.Struct, forbid_unknown_fields=True):
    """`review_stacks` as written."""

    like: str
    config: dict[str, str]
    label: str = "review stack"
    expires: str = "24h"
    most: int = 5


def name_of(number: int) -> str:
    """The name of a pull request's stack."""
    return f"review-{number}"


def number_of(stack: str) -> int | None:
    """The pull request whose stack has this name; None for any other stack."""
    match = _NAME.fullmatch(stack)
    return int(match[1]) if match else None


def review_stacks_of(raw: RawReviewStacks | None) -> ReviewStacks | None:
    """The valid form; None where they are off."""
    if raw is None:
        return None
    return ReviewStacks(raw.like, raw.label, seconds(raw.expires) or 0, raw.most, raw.config)


def problems_of_review_stacks(
    raw: RawReviewStacks | None, environments: Iterable[tuple[str, Iterable[str]]]
) -> Iterator[tuple[str, str]]:
    """What is wrong with it, each with the dotted key. `environments` are their names and their patterns of stacks."""
    if raw is not None:
        yield from _problems_of_environments(environments)
        yield from _problems_of(raw)


def _problems_of(raw: RawReviewStacks) -> Iterator[tuple[str, str]]:
    if not raw.like or number_of(raw.like.rpartition("/")[2]) is not None:
        yield "review_stacks.like", "name the stack whose project and config they copy"
    if not raw.label.strip():
        yield "review_stacks.label", "name the label that asks for one"
    expires = seconds(raw.expires)
    if expires is None:
        yield "review_stacks.expires", f"{raw.expires!r} is not a duration such as 90m, 24h or 7d"
    elif expires < _SHORTEST:
        yield "review_stacks.expires", "a stack that expires within 10 minutes is gone before anybody has seen it"
    if raw.most < 1:
        yield "review_stacks.most", "allow at least one, or leave `review_stacks` out"
    for key in raw.config:
        if not _KEY.fullmatch(key):
            yield f"review_stacks.config.{key}", f"{key!r} is not a full key such as project:name"
    if not any(_NUMBER in value for value in raw.config.values()):
        yield (
            "review_stacks.config",
            f"no value has {_NUMBER} in it, so everything would be called as in {raw.like}: and be taken, or destroyed",
        )


def _problems_of_environments(environments: Iterable[tuple[str, Iterable[str]]]) -> Iterator[tuple[str, str]]:
    for index, (name, patterns) in enumerate(environments):
        if name == ENVIRONMENT:
            yield f"environments[{index}].name", f"{name!r} is where review stacks are recorded: use another name"
        for position, pattern in enumerate(patterns):
            if fnmatchcase(name_of(1), pattern.rpartition("/")[2]):
                yield (
                    f"environments[{index}].stacks[{position}]",
                    f"{pattern!r} also matches {name_of(1)}, and review stacks belong to no environment",
                )
