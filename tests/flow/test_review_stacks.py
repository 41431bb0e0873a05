"""Review stacks: names, the copied config, the program with one more stack, last use, expiry, and what has to go."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
import yaml

from gitops.config.review_stacks import ENVIRONMENT, ReviewStacks, name_of, number_of
from gitops.config.settings import parse
from gitops.errors import ConfigError
from gitops.flow.impact.affected import reached_files
from gitops.flow.impact.discovery import Snapshot, snapshot_of
from gitops.flow.ledger import chain as records
from gitops.flow.review_stacks import Use, copied_config, copy_of, standing, uses, why_swept, with_copy
from gitops.model import Gone, History, NotRaised, Raised, RecordKind, Stack
from gitops.views.markdown.review_stack_comment import render
from tests.support.plans import NOW
from tests.support.records import record_of

SETTINGS = ReviewStacks("dev", "review stack", 3600, 2, {"shop:prefix": "shop-{number}", "shop:fixed": "yes"})
CONFIG = """version: 1
environments:
  - {name: dev, branch: main, stacks: [dev]}
review_stacks:
  like: dev
  config:
    shop:prefix: shop-{number}
"""


def test_a_stack_is_named_after_its_pull_request() -> None:
    assert name_of(7) == "review-7"
    assert number_of("review-7") == 7
    for other in ("review-", "review-0", "review-07", "review-7x", "a-review-7", "review-7\n", "review-99999999999"):
        assert number_of(other) is None


# --- gitops.yaml ----------------------------------------------------------------------------------


def test_the_settings_have_defaults_and_are_off_without_a_word() -> None:
    read = parse(CONFIG.encode()).review_stacks
    assert read == ReviewStacks("dev", "review stack", 86400, 5, {"shop:prefix": "shop-{number}"})
    assert read.config_of(7) == {"shop:prefix": "shop-7"}
    assert parse(CONFIG.partition("review_stacks")[0].encode()).review_stacks is None


MISTAKES = {
    "no model": ("  like: dev\n", "", r"gitops.yaml:4: review_stacks: the key 'like' is missing"),
    "a review stack": ("like: dev", "like: review-1", r"gitops.yaml:5: review_stacks.like: name the stack"),
    "no duration": ("  like:", "  expires: soon\n  like:", r"gitops.yaml:5: review_stacks.expires: 'soon' is not"),
    "too short": ("  like:", "  expires: 9m\n  like:", r"gitops.yaml:5: review_stacks.expires: a stack that expires"),
    "none at all": ("  like:", "  most: 0\n  like:", r"gitops.yaml:5: review_stacks.most: allow at least one"),
    "no label": ("  like:", "  label: ' '\n  like:", r"gitops.yaml:5: review_stacks.label: name the label"),
    "a short key": ("shop:prefix", "prefix", r"gitops.yaml:7: review_stacks.config.prefix: 'prefix' is not a full key"),
    "one name for all": ("shop-{number}", "shop", r"gitops.yaml:6: review_stacks.config: no value has \{number\}"),
    "unknown": ("  like:", "  lifetime: 1h\n  like:", r"gitops.yaml:5: review_stacks.lifetime: unknown key"),
    "held": ("[dev]", "[dev, 'rev*']", r"gitops.yaml:3: environments\[0\].stacks\[1\]: 'rev\*' also matches review-1"),
    "held by label": ("[dev]", "['shop/*']", r"gitops.yaml:3: environments\[0\].stacks\[0\]: 'shop/\*' also matches"),
    "taken": ("name: dev", "name: review", r"gitops.yaml:3: environments\[0\].name: 'review' is where"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_file_line_and_key(case: str) -> None:
    old, new, told = MISTAKES[case]
    with pytest.raises(ConfigError, match=told):
        parse(CONFIG.replace(old, new).encode())


# --- config ---------------------------------------------------------------------------------------

MODEL = """encryptionsalt: v1:salt
secretsprovider: awskms:///key
encryptedkey: a2V5
config:
  shop:prefix: shop-dev
  shop:quoted: "1"
  shop:octal: 0777
  shop:day: 2026-01-01
  shop:password:
    secure: v1:cipher
  shop:list: [a, "2"]
"""


def test_the_copy_differs_in_what_must_and_in_nothing_else() -> None:
    copy = copied_config(MODEL.encode(), "Pulumi.dev.yaml", {"shop:prefix": "007", "shop:new": "true"})
    before, after = (yaml.load(text, Loader=yaml.BaseLoader) for text in (MODEL, copy))  # noqa: S506 - all as text
    assert after["config"].pop("shop:new") == "true"
    before["config"]["shop:prefix"] = "007"
    assert after == before
    typed = yaml.safe_load(copy)["config"]
    assert (typed["shop:prefix"], typed["shop:new"], typed["shop:quoted"]) == ("007", "true", "1")
    assert b"0777" in copy


@pytest.mark.parametrize("text", ["", "encryptionsalt: v1:salt\n", "config:\n", "config: {}\n"])
def test_a_model_without_config_gets_some(text: str) -> None:
    copy = copied_config(text.encode(), "Pulumi.dev.yaml", {"shop:prefix": "a"})
    assert yaml.safe_load(copy)["config"] == {"shop:prefix": "a"}


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"])
def test_a_model_that_is_no_config_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be copied"):
        copied_config(text.encode(), "Pulumi.dev.yaml", {})


FILES = {
    "app/Pulumi.yaml": b"name: shop\nruntime: python\nstackConfigDir: config\n",
    "app/__main__.py": b"import pulumi\n",
    "app/config/Pulumi.dev.yaml": MODEL.encode(),
    "other/Pulumi.yaml": b"name: other\nruntime: python\n",
    "other/Pulumi.dev.yaml": b"config: {}\n",
}


def snapshot(files: dict[str, bytes] = FILES) -> Snapshot:
    def contents(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return ((path, files[path]) for path in paths)

    return snapshot_of("c" * 40, {path: path for path in files}, {}, contents)


MODEL_STACK = Stack("shop", "dev", "app")


def test_the_program_has_one_stack_more_beside_its_model() -> None:
    before = snapshot()
    copy = copy_of(before, MODEL_STACK, SETTINGS, 7)
    assert copy.path == "app/config/Pulumi.review-7.yaml"
    after = with_copy(before, copy)
    assert set(after.stacks) - set(before.stacks) == {Stack("shop", "review-7", "app")}
    assert after.project_of(copy.stack).config_files["review-7"] == copy.path
    paths = [copy.path, "app/__main__.py", copy.path]
    assert dict(after.read(paths)) == {copy.path: copy.content, "app/__main__.py": b"import pulumi\n"}
    assert {copy.path, "app/__main__.py"} <= reached_files(after, copy.stack)
    assert "app/config/Pulumi.dev.yaml" not in reached_files(after, copy.stack)


def test_a_name_that_git_has_is_refused() -> None:
    files = {**FILES, "app/config/Pulumi.review-7.yaml": b"config: {}\n"}
    with pytest.raises(ConfigError, match="is in Git, but this name belongs to a review stack"):
        copy_of(snapshot(files), MODEL_STACK, SETTINGS, 7)


# --- last use, expiry, what has to go -------------------------------------------------------------


def history(*told: tuple[str, RecordKind, int], environment: str = ENVIRONMENT) -> History:
    """Records of stacks, each so many minutes after NOW."""
    author = records.Author("ci", environment)
    made = (
        record_of(kind, author, Stack("shop", stack), "c" * 40, NOW + timedelta(minutes=minutes))
        for stack, kind, minutes in told
    )
    return History(tuple(made))


UP = (RecordKind.APPLY_STARTED, RecordKind.APPLIED, RecordKind.RELEASE)


def test_the_last_use_is_the_last_up() -> None:
    ups = [("review-1", kind, minute) for minute in (0, 10) for kind in UP]
    found = uses(history(*ups, ("review-1", RecordKind.DESTROY_STARTED, 30), ("dev", UP[0], 40)), "shop")
    assert set(found) == {1}
    assert found[1].up
    assert found[1].up.at == NOW + timedelta(minutes=10)
    assert found[1].last.kind is RecordKind.DESTROY_STARTED
    assert found[1].expires(SETTINGS) == NOW + timedelta(minutes=70)


def test_other_projects_and_environments_are_not_looked_at() -> None:
    assert uses(history(("review-1", UP[0], 0)), "other") == {}
    assert uses(history(("review-1", UP[0], 0), environment="dev"), "shop") == {}


def test_what_stands_is_in_the_backend_or_its_end_is_not_on_record() -> None:
    used = uses(
        history(
            ("review-1", UP[0], 0), ("review-1", RecordKind.DESTROYED, 5), ("review-2", RecordKind.DESTROY_STARTED, 6)
        ),
        "shop",
    )
    assert standing(["dev", "review-3", "review-x"], used) == (2, 3)
    assert standing(["review-1"], used) == (1, 2)


def use(*kinds: RecordKind) -> Use:
    return uses(history(*(("review-1", kind, minute) for minute, kind in enumerate(kinds))), "shop")[1]


CASES = {
    "in use": (True, use(*UP), 59, ""),
    "expired": (True, use(*UP), 60, "it expired at 2026-"),
    "unclaimed": (False, use(*UP), 1, "pull request #1 is closed, or does not carry the label 'review stack'"),
    "orphan": (False, None, 1, "nobody knows where it comes from"),
    "claimed, and nobody knows since when": (True, None, 10_000, ""),
    "failed on its way up": (True, use(UP[0], RecordKind.APPLY_FAILED), 1, ""),
    "failed on its way down": (True, use(*UP, RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED), 5, "destroyed"),
    "up again after that": (True, use(RecordKind.DESTROY_STARTED, RecordKind.DESTROY_FAILED, *UP), 5, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_why_a_stack_has_to_go(case: str) -> None:
    claimed, known, minutes, told = CASES[case]
    why = why_swept(1, claimed, known, SETTINGS, NOW + timedelta(minutes=minutes))
    assert told in why
    assert bool(why) == bool(told)


# --- what the pull request is told ----------------------------------------------------------------

HOSTILE = "a`|</code>\n## @everyone <!-- x -->"


@pytest.mark.parametrize(
    "told",
    [
        Raised(HOSTILE, HOSTILE, HOSTILE, NOW, NOW, "1 created", HOSTILE, {HOSTILE: HOSTILE, "b": [HOSTILE]}),
        NotRaised(HOSTILE, HOSTILE, (HOSTILE,) * 100, HOSTILE),
        Gone(HOSTILE, NOW, HOSTILE, HOSTILE),
    ],
    ids=lambda told: type(told).__name__,
)
def test_untrusted_text_stays_text(told: Raised | NotRaised | Gone) -> None:
    body = render(told)
    assert len(body.encode()) < 20_000
    # What is fenced cannot end its fence: no line in it is longer than the fence in backticks.
    running = re.sub(r"(?ms)^(```+)text\n.*?^\1$", "", body)
    assert len([line for line in running.splitlines() if line.startswith("#")]) == 1
    assert "<!-- x" not in re.sub(r"(`+) ?.*?\1", "", running)
    assert "@everyone" not in re.sub(r"(`+) ?.*?\1", "", running)


def test_many_outputs_are_counted() -> None:
    body = render(Raised("s", "h", "b", NOW, NOW, "no changes", "l", {f"o{n}": "x" * 10_000 for n in range(100)}))
    assert "and 70 more outputs" in body
    assert len(body) < 20_000
