"""Pull requests of people who mean harm: what they put into files, names, branches and titles, and how much of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.operations.world import wanting

Files = Mapping[str, str | None]
RUNNER_COMMANDS = "x\n::set-output name=legs::[]\n::add-mask::a\n##[error]no\n::stop-commands::x\n::error file=a::b"
MARKUP = (
    "</code></details><script>alert(1)</script><img src=https://evil.example/p.png onerror=alert(1)> "
    "![i](https://evil.example/p.png) [l](javascript:alert(1)) @octo/everyone #1 | a | b\n# Approved\n"
    "<!-- gitops:preview:dev -->"
)
FENCES = "````\n```\n~~~\n`` ` ``\n</pre></code>\n"
SPOOF = "approved \u202e\u2066dev\u2069 \x1b[2J\x1b[31m\x00\x07\ud83d safe".encode("utf-8", "replace").decode()
SHELL = "$(touch pwned) `touch pwned` ; touch pwned # ${IFS} && touch pwned \" ' \\"
CANARY = "c4nary-of-a-secret-value"


@dataclass(frozen=True)
class HostilePullRequest:
    """Its files as they lie in its branch, and the names around it."""

    files: Files
    branch: str = "feature"
    title: str = "A change"
    base: Files = field(default_factory=dict)


def things(*names: str, size: int = 20) -> str:
    """A stack's config that wants things of these names."""
    return json.dumps({"config": {"shop:things": dict.fromkeys(names, size)}}) + "\n"


def in_names(text: str) -> HostilePullRequest:
    """The text as the name of what is created."""
    return HostilePullRequest({"Pulumi.dev.yaml": things(text, f"web{text}", f"{text}web")})


CORPUS: Mapping[str, Callable[[], HostilePullRequest]] = {
    "runner commands in names": lambda: in_names(RUNNER_COMMANDS),
    "markup in names": lambda: in_names(MARKUP),
    "fences in names": lambda: in_names(FENCES),
    "characters that steer": lambda: in_names(SPOOF),
    "shell in names": lambda: in_names(SHELL),
    "the marker as a name": lambda: in_names("<!-- gitops:preview:dev -->"),
    "a name of a thousand characters": lambda: in_names("n" * 1_000),
    "ten thousand resources": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": things(*(f"thing-{number:05}-{MARKUP[:40]}" for number in range(10_000)))}
    ),
    "ten thousand deletions": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting()},
        base={"Pulumi.dev.yaml": things(*(f"thing-{number:05}" for number in range(10_000)))},
    ),
    "paths that climb out": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20), "docs/..%2f..%2fetc/passwd": "x", "infra/-rf": "x", "infra/--output": "x"}
    ),
    "paths that speak": lambda: HostilePullRequest(
        {
            "Pulumi.dev.yaml": wanting(web=20),
            f"infra/{RUNNER_COMMANDS[:60]}.txt": "x",
            f"infra/{MARKUP[:20].replace('/', '_')}.py": "x",
            "infra/$(touch pwned)`touch pwned`;.py": "x",
            "infra/:(glob)**": "x",
        }
    ),
    "a diff of ten thousand files": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20), **{f"infra/f{number}.py": "x = 1\n" for number in range(10_000)}}
    ),
    "a file of ten megabytes": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20), "infra/large.py": "x = '" + "y" * 10_000_000 + "'\n"}
    ),
    "Python that no parser survives": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20), "infra/deep.py": "(" * 50_000 + ")" * 50_000, "infra/nul.py": "\0"}
    ),
    "a branch and a title that speak": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20)},
        branch="x;touch${IFS}pwned;$(id)`id`",
        title=f"{MARKUP}\n{RUNNER_COMMANDS}",
    ),
    "a branch like an option": lambda: HostilePullRequest(
        {"Pulumi.dev.yaml": wanting(web=20)}, branch="a/--upload-pack=x"
    ),
}
