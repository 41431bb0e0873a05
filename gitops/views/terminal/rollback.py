"""A rollback in a terminal."""

from gitops.flow.releases.rollback import Outcome, Result
from gitops.flow.words import clip, plural, short


def lines(found: Result) -> list[str]:
    """The terminal form."""
    name, to = clip(found.environment), short(found.to)
    if found.outcome is Outcome.NOTHING:
        return [f"{name}: its branch has the files of {to} already"]
    told = {
        Outcome.PROPOSED: f"{name}: pull request #{found.pull_request} rolls back to {to}",
        Outcome.WOULD_PROPOSE: f"{name}: would be rolled back to {to}",
    }[found.outcome]
    lost = found.losses
    notes = [f"  {plural(len(lost.lost), 'resource')} deleted or replaced since do not come back"] if lost.lost else []
    notes += [f"  {plural(len(lost.untold), 'apply')} without a plan on record"] if lost.untold else []
    return [told, *notes]
