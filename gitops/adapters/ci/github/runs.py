"""The workflow runs that carry the pipeline."""

from collections.abc import Mapping
from urllib.parse import quote

from gitops.adapters.codehost.github.client import Client, failure


class GitHubRuns:
    """A repository's workflow runs on GitHub, as `Runs`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def start(self, workflow: str, branch: str, inputs: Mapping[str, str]) -> None:
        """A run by `workflow_dispatch`."""
        with self._client.asking(f"to start {workflow} on {branch}", needs="actions: write"):
            body = {"ref": branch, "inputs": dict(inputs)}
            self._client.send("POST", f"actions/workflows/{quote(workflow, safe='')}/dispatches", body)

    def start_again(self, workflow: str, commit: str) -> str:
        """The newest run of the workflow for the commit, all its jobs, once more."""
        with self._client.asking(f"to start {workflow} for {commit[:12]} again", needs="actions: write"):
            runs = self._client.repository.get_workflow(workflow).get_runs(head_sha=commit)
            newest = max(runs, key=lambda run: run.run_number, default=None)
            if newest is None:
                raise failure(
                    f"GitHub knows no run of {workflow} for {commit[:12]}",
                    hint="it keeps them for 30 days; push a new commit to get a new one",
                    retryable=False,
                )
            if newest.status != "completed":
                raise failure(
                    f"run {newest.run_number} of {workflow} for {commit[:12]} is still under way: {newest.html_url}",
                    hint="wait for its end",
                    retryable=False,
                )
            # PyGithub's own method does not say whether it was refused.
            self._client.send("POST", f"actions/runs/{newest.id}/rerun")
            return str(newest.html_url)

    def has_ended(self, run: str) -> bool | None:
        """Whether GitHub calls it completed; None for a number that it does not know, and for no number."""
        from github import GithubException

        if not (run.isascii() and run.isdigit()):
            return None
        with self._client.asking(f"whether run {run} has ended", needs="actions: read"):
            try:
                return bool(self._client.repository.get_workflow_run(int(run)).status == "completed")
            except GithubException as error:
                if error.status == 404:
                    return None
                raise
