"""Issues on GitHub that the pipeline keeps up to date."""

from gitops.adapters.codehost.github.client import Client


class GitHubIssues:
    """A repository's issues, as `gitops.ports.Issues`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keep_issue(self, marker: str, title: str, body: str | None) -> None:
        """See `Issues.keep_issue`. Whoever else copies the marker is left alone."""
        with self._client.asking("to keep an issue up to date", needs="issues: write"):
            # Every open issue is looked at: labels can be taken off, and the search index is late.
            ours = self._client.ours(self._client.repository.get_issues(state="open"), marker)
            if body is not None and not ours:
                self._client.repository.create_issue(title=title, body=body)
                return
            # Two runs that started together may each have opened one.
            kept, extra = (ours[:1], ours[1:]) if body is not None else ([], ours)
            for issue in kept:
                if (issue.title, issue.body) != (title, body):
                    issue.edit(title=title, body=body or "")
            for issue in extra:
                issue.edit(state="closed", state_reason="completed")
