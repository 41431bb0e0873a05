"""The job of GitHub Actions that this runs in: what it is told, and where its page is."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path


def tell_job(variable: str, text: Callable[[], str]) -> None:
    """Add to the file that a job of GitHub Actions names by that variable; outside of one, nothing is asked for."""
    target = os.environ.get(variable)
    if target:
        with Path(target).open("a", encoding="utf-8") as told:
            told.write(text())


def address_of_run(environment: Mapping[str, str]) -> str:
    """Where the page of this workflow run is, which has the whole report; empty outside of one."""
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    server, repository, run = (environment.get(name, "") for name in names)
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""
