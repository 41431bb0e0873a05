"""Promotions in a terminal."""

from gitops.flow.releases.promotion import Outcome, Promotion
from gitops.flow.words import clip, short


def lines(found: Promotion) -> list[str]:
    """The terminal form."""
    name, before = clip(found.environment), clip(found.before)
    told = {
        Outcome.PROPOSED: f"{name}: pull request #{found.pull_request} promotes {short(found.release)} from {before}",
        Outcome.WOULD_PROPOSE: f"{name}: {short(found.release)} from {before} would be promoted",
        Outcome.UP_TO_DATE: f"{name}: has all that is released in {before}",
        Outcome.WAITING: f"{name}: nothing of {before} can be promoted yet",
    }[found.outcome]
    return [told, *(f"  {clip(one, 400)}" for one in found.reasons)]
