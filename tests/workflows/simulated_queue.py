"""GitHub's merge queue, simulated: what it would merge next, on a branch of its own, and the event that tells of it."""

from tests.workflows import github_shapes as shapes
from tests.workflows.github_shapes import Json
from tests.workflows.simulated_github import SimulatedGitHub


def merge_group_event(github: SimulatedGitHub, number: int, *, behind: str = "") -> Json:
    """The payload of the `merge_group` event for a pull request, whose merge it makes.

    `behind` is the speculative merge of the one queued before it; default: the base branch as it is now.
    """
    with github.lock:
        pull_request = github.follow(github.pull_requests[number])
        base = behind or github.git("rev-parse", f"refs/heads/{pull_request.base}")
        tree = github.git("merge-tree", "--write-tree", base, pull_request.head).split()[0]
        merge = github.git("commit-tree", tree, "-p", base, "-p", pull_request.head, "-m", f"Merge #{number}")
        ref = f"refs/heads/gh-readonly-queue/{pull_request.base}/pr-{number}-{base}"
        github.git("update-ref", ref, merge)
    return {
        "action": "checks_requested",
        "merge_group": {
            "head_sha": merge,
            "head_ref": ref,
            "base_sha": base,
            "base_ref": f"refs/heads/{pull_request.base}",
        },
        "repository": shapes.repository(github.url, github.repository),
        "sender": github.user_json("merger"),
    }
