"""The JSON that GitHub's REST API answers with, as far as a client of pull requests looks at it.

Field names and nesting are those of GitHub's published API description, which every answer is held against; what it
requires beside these fields, `tests.workflows.openapi` fills in.
"""

from datetime import datetime
from typing import Any
from zlib import crc32

Json = dict[str, Any]

MOST_COMMITS = 250
"""GitHub lists no more commits of a pull request."""


def instant(moment: datetime | None) -> str | None:
    """GitHub's way to write a time: UTC, whole seconds, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def user(api: str, login: str, kind: str) -> Json:
    """A simple-user."""
    url = f"{api}/users/{login}"
    return {
        "login": login,
        "id": crc32(login.encode()),
        "node_id": f"U_{crc32(login.encode())}",
        "avatar_url": "",
        "gravatar_id": "",
        "url": url,
        "html_url": f"https://github.com/{login.removesuffix('[bot]')}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": kind,
        "site_admin": False,
    }


def repository(api: str, name: str) -> Json:
    """A repository, as events and pull requests carry it."""
    owner, short = name.split("/")
    return {
        "id": crc32(name.encode()),
        "node_id": f"R_{crc32(name.encode())}",
        "name": short,
        "full_name": name,
        "private": True,
        "owner": user(api, owner, "Organization"),
        "html_url": f"https://github.com/{name}",
        "description": None,
        "fork": False,
        "url": f"{api}/repos/{name}",
        "default_branch": "main",
    }


def branch_end(api: str, name: str, branch: str, commit: str) -> Json:
    """`head` or `base` of a pull request."""
    owner = name.split("/", maxsplit=1)[0]
    return {
        "label": f"{owner}:{branch}",
        "ref": branch,
        "sha": commit,
        "user": user(api, owner, "Organization"),
        "repo": repository(api, name),
    }


def pull_request(api: str, name: str, number: int, fields: Json) -> Json:
    """A pull request; `fields` are what its state decides."""
    url = f"{api}/repos/{name}/pulls/{number}"
    issue = f"{api}/repos/{name}/issues/{number}"
    return {
        "url": url,
        "id": 1_000_000 + number,
        "node_id": f"PR_{number}",
        "html_url": f"https://github.com/{name}/pull/{number}",
        "diff_url": f"https://github.com/{name}/pull/{number}.diff",
        "patch_url": f"https://github.com/{name}/pull/{number}.patch",
        "issue_url": issue,
        "commits_url": f"{url}/commits",
        "review_comments_url": f"{url}/comments",
        "review_comment_url": f"{api}/repos/{name}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{api}/repos/{name}/statuses/{fields['head']['sha']}",
        "number": number,
        "locked": False,
        "milestone": None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "author_association": "MEMBER",
        "auto_merge": None,
        "draft": False,
        **fields,
    }


def issue(api: str, name: str, number: int, fields: Json) -> Json:
    """An issue; `fields` are what its state decides."""
    url = f"{api}/repos/{name}/issues/{number}"
    page = f"https://github.com/{name}/issues/{number}"
    return {"id": 2_000_000 + number, "url": url, "html_url": page, "number": number, **fields}


def commit(api: str, name: str, sha: str, message: str, people: tuple[tuple[Json, Json | None], ...]) -> Json:
    """A commit of a pull request; `people` are author and committer, each with the account, if there is one."""
    (author, author_account), (committer, committer_account) = people
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{api}/repos/{name}/commits/{sha}",
        "commit": {"author": author, "committer": committer, "message": message, "comment_count": 0},
        "author": author_account,
        "committer": committer_account,
        "parents": [],
    }


def file(path: str, before: str = "") -> Json:
    """A file that a pull request changes."""
    renamed = {"status": "renamed", "previous_filename": before} if before else {"status": "modified"}
    return {"sha": None, "filename": path, "additions": 1, "deletions": 1, "changes": 2, **renamed}


def review(api: str, name: str, number: int, identity: int, fields: Json) -> Json:
    """A pull-request-review."""
    html = f"https://github.com/{name}/pull/{number}#pullrequestreview-{identity}"
    pull = f"{api}/repos/{name}/pulls/{number}"
    return {
        "id": identity,
        "node_id": f"PRR_{identity}",
        "body": "",
        "html_url": html,
        "pull_request_url": pull,
        "author_association": "MEMBER",
        "_links": {"html": {"href": html}, "pull_request": {"href": pull}},
        **fields,
    }


def comment(api: str, name: str, number: int, identity: int, fields: Json) -> Json:
    """An issue-comment."""
    return {
        "id": identity,
        "node_id": f"IC_{identity}",
        "url": f"{api}/repos/{name}/issues/comments/{identity}",
        "html_url": f"https://github.com/{name}/pull/{number}#issuecomment-{identity}",
        "issue_url": f"{api}/repos/{name}/issues/{number}",
        "author_association": "MEMBER",
        "performed_via_github_app": None,
        **fields,
    }
