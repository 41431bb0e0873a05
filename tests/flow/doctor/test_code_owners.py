"""CODEOWNERS: the last pattern that matches decides; the cases are those of GitHub's documentation."""

import pytest

from gitops.flow.doctor.code_owners import unowned


@pytest.mark.parametrize(
    ("pattern", "owned", "free"),
    [
        ("*", ["a", "b/c.py", ".github/x"], []),
        ("*.js", ["a.js", "b/c.js"], ["a.jsx", "js"]),
        ("/build/logs/", ["build/logs/a", "build/logs/b/c"], ["x/build/logs/a", "build/logs"]),
        ("docs/*", ["docs/a.md"], ["docs/b/c.md", "x/docs/a.md"]),
        ("apps/", ["apps/a", "x/apps/b/c"], ["apps"]),
        ("/docs/", ["docs/a", "docs/b/c"], ["x/docs/a"]),
        ("**/logs", ["build/logs", "deep/er/logs/a", "logs"], ["logsx"]),
        ("/gitops.yaml", ["gitops.yaml"], ["x/gitops.yaml", "gitopsxyaml"]),
        ("gitops.yaml", ["gitops.yaml", "x/gitops.yaml"], []),
        ("/policy", ["policy", "policy/a/b.py"], ["policyx", "x/policy/a"]),
        ("/.github/**", [".github/a", ".github/workflows/b.yml"], ["x.github/a"]),
        (r"/a\ b", ["a b", "a b/c"], ["a"]),
    ],
)
def test_a_pattern_owns_what_githubs_documentation_says(pattern: str, owned: list[str], free: list[str]) -> None:
    assert unowned(f"{pattern} @ada\n", [*owned, *free]) == tuple(free)


def test_the_last_match_decides_and_may_take_the_owner_away() -> None:
    text = "* @example/all\n/apps/ @ada\n/apps/github\n"
    assert unowned(text, ["x", "apps/a", "apps/github/b"]) == ("apps/github/b",)


@pytest.mark.parametrize("line", ["# * @ada", "* # @ada", "* ada", "* @ada someone", "!* @ada", "", "*"])
def test_a_line_that_github_skips_gives_no_owner(line: str) -> None:
    assert unowned(line, ["a"]) == ("a",)


def test_teams_and_addresses_own_as_well() -> None:
    text = "/a @example/team-one ada@example.com # why\n"
    assert unowned(text, ["a"]) == ()
