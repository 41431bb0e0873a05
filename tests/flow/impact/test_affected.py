"""The rules: what a change affects."""

import pytest

from gitops.flow.impact.affected import affected_stacks, reached_files
from gitops.model import Change, FileChange, FileStatus, ReasonKind, Stack
from tests.flow.impact.snapshots import affected, change, names, snapshot

PICKS_STACK = "import importlib, pulumi\nstack = pulumi.get_stack()\nimportlib.import_module(f'stacks.{stack}')\n"
BASE = {
    "Pulumi.yaml": "name: shop\nruntime: python\n",
    "Pulumi.dev.yaml": "",
    "Pulumi.prod.yaml": "",
    "__main__.py": PICKS_STACK,
    "stacks/__init__.py": "",
    "stacks/dev.py": "from infra import web\n",
    "stacks/prod.py": "from infra import web, data\n",
    "infra/__init__.py": "",
    "infra/web.py": "from infra import tags\n",
    "infra/data.py": "HANDLER = 'functions/rotate.py'\n",
    "infra/tags.py": '"""See README.md."""\nOWNER = "gitops"\n',
    "infra/schema.json": "{}",
    "functions/rotate.py": "",
    "gitops/__init__.py": "",
    "gitops/cli.py": "",
    "gitops/comment.txt": "",
    "gitops.yaml": "",
    "requirements.txt": "",
    "README.md": "",
    "docs/logo.drawio": "",
    "tests/test_web.py": "",
    "tests/data.json": "",
    "policy/PulumiPolicy.yaml": "",
    "policy/rules.py": "",
    "Dockerfile": "",
}
K = ReasonKind


@pytest.mark.parametrize(
    ("path", "stacks", "kind"),
    [
        ("Pulumi.prod.yaml", "prod", K.STACK_CONFIG),
        ("stacks/prod.py", "prod", K.STACK_MODULE),
        ("stacks/__init__.py", "dev prod", K.IMPORTED),
        ("infra/web.py", "dev prod", K.IMPORTED),
        ("infra/data.py", "prod", K.IMPORTED),
        ("infra/__init__.py", "dev prod", K.IMPORTED),
        ("infra/schema.json", "dev prod", K.IMPORTED),
        ("functions/rotate.py", "prod", K.IMPORTED),
        ("__main__.py", "dev prod", K.IMPORTED),
        ("Pulumi.yaml", "dev prod", K.PROJECT_FILE),
        ("requirements.txt", "dev prod", K.LOCK_FILE),
        ("policy/rules.py", "dev prod", K.POLICY),
        ("gitops.yaml", "dev prod", K.PIPELINE_CONFIG),
        ("Dockerfile", "dev prod", K.UNKNOWN),
        ("pulumi.dev.yaml", "dev prod", K.UNKNOWN),
        ("new folder/who knows\u00e9\udcff", "dev prod", K.UNKNOWN),
        ("gitops/cli.py", "", None),
        ("gitops/comment.txt", "", None),
        ("README.md", "", None),
        ("docs/logo.drawio", "", None),
        ("docs/requirements.txt", "", None),
        (".github/workflows/ci.yml", "", None),
        ("tests/test_web.py", "", None),
        ("tests/data.json", "", None),
        ("LICENSE", "", None),
        ("policy/README.md", "", None),
        (".pulumi/stacks/shop/dev.json", "", None),
        ("infra/.pulumi/meta.yaml", "", None),
        ("state/.pulumi/locks/x.json", "", None),
        ("pulumi/stacks/dev.json", "dev prod", K.UNKNOWN),
    ],
)
def test_each_path_affects_the_stacks_of_its_rule(path: str, stacks: str, kind: ReasonKind | None) -> None:
    content = BASE["Pulumi.yaml"] + "description: x\n" if path == "Pulumi.yaml" else "# changed\n"
    if path == "__main__.py":
        content = PICKS_STACK + "# changed\n"
    found = affected(BASE, {path: content})
    assert names(found) == stacks
    assert all(one.reasons[0].path == path for one in found)
    assert {one.reasons[0].kind for one in found} <= {kind}


@pytest.mark.parametrize("pack", ["shop/checks", "shop/rules"])
def test_a_pack_that_gitops_yaml_names_affects_every_stack_wherever_it_lies(pack: str) -> None:
    environments = "environments: [{name: dev, branch: main, stacks: [dev]}]"
    base = {
        "shop/Pulumi.yaml": "name: shop\nruntime: go\n",
        "shop/Pulumi.dev.yaml": "",
        "shop/checks": "#!/bin/sh",
        "shop/rules/limits.json": "",
        "data/Pulumi.yaml": "name: data\nruntime: go\n",
        "data/Pulumi.dev.yaml": "",
        "gitops.yaml": f"version: 1\n{environments}\npolicy: {{packs: [{pack}]}}\n",
    }
    file = pack if pack in base else f"{pack}/limits.json"
    found = affected(base, {file: "# changed"})
    assert sorted(one.stack.label for one in found) == ["data/dev", "shop/dev"]
    assert {one.reasons[0].kind for one in found} == {K.POLICY}
    unnamed = {**base, "gitops.yaml": f"version: 1\n{environments}\n"}
    assert [one.stack.label for one in affected(unnamed, {file: "# changed"})] == ["shop/dev"]


def test_a_change_of_nothing_affects_nothing() -> None:
    assert affected(BASE, {}) == ()


def test_a_module_no_longer_imported_affects_those_that_imported_it() -> None:
    files = {**BASE, "stacks/dev.py": "from infra import web\n", "infra/web.py": "import infra.tags\n"}
    found = affected(files, {"infra/tags.py": None, "infra/web.py": ""})
    assert names(found) == "dev prod"
    assert "infra/tags.py" in {reason.path for reason in found[0].reasons}


def test_a_module_that_takes_another_ones_place_affects_its_importers() -> None:
    assert names(affected(BASE, {"infra/tags/__init__.py": ""})) == "dev prod"


def test_a_new_stack_and_a_removed_one_say_so() -> None:
    found = affected(BASE, {"Pulumi.eu.yaml": "", "stacks/eu.py": "", "Pulumi.prod.yaml": None})
    assert names(found) == "eu prod"
    assert found[0].reasons[0].text == "Pulumi.eu.yaml is new, and with it the stack"
    assert found[1].reasons[0].text == "the stack is gone from the repository, with Pulumi.prod.yaml"


def test_a_renamed_project_affects_its_stacks_under_both_names() -> None:
    found = affected(BASE, {"Pulumi.yaml": "name: store\nruntime: python\n"})
    assert {one.stack.label for one in found} == {"shop/dev", "shop/prod", "store/dev", "store/prod"}


def test_the_first_commit_affects_every_stack() -> None:
    assert names(affected({}, BASE)) == "dev prod"


def test_a_base_that_cannot_be_read_affects_every_stack() -> None:
    found = affected_stacks(change(BASE, BASE), None, snapshot(BASE))
    assert [one.reasons[0].kind for one in found] == [K.UNKNOWN, K.UNKNOWN]


def test_a_submodule_affects_every_stack_wherever_it_lies() -> None:
    moved = Change("base", "head", (FileChange("docs/theme", FileStatus.CHANGED),))
    assert names(affected_stacks(moved, snapshot(BASE), snapshot(BASE))) == "dev prod"


def test_a_file_changes_at_each_link_that_leads_to_it() -> None:
    files = {path: text for path, text in BASE.items() if not path.startswith("infra/")}
    files |= {"vendor/shared/__init__.py": "", "vendor/shared/web.py": "", "vendor/shared/data.py": ""}
    found = affected(files, {"vendor/shared/data.py": "# changed"}, symlinks={"infra": "vendor/shared"})
    assert names(found) == "prod"


def test_a_document_that_a_program_reads_affects_it() -> None:
    files = {**BASE, "infra/data.py": "TEXT = open('docs/banner.md').read()\n"}
    assert names(affected(files, {"docs/banner.md": "hello"})) == "prod"


def test_a_program_that_looks_into_the_folder_of_its_stacks_modules_does_not_tie_them_together() -> None:
    files = {
        **BASE,
        "__main__.py": f"from pathlib import Path\nFOLDER = Path(__file__).parent / 'stacks'\n{PICKS_STACK}",
    }
    assert names(affected(files, {"stacks/prod.py": "# changed"})) == "prod"
    assert "stacks/prod.py" not in reached_files(snapshot(files), Stack("shop", "dev"))


def test_an_archive_whose_path_is_not_written_out_may_hold_anything() -> None:
    files = {**BASE, "infra/data.py": "import pulumi\npulumi.FileArchive(where)\n"}
    assert names(affected(files, {"gitops/cli.py": "# changed"})) == "prod"


def test_a_program_in_another_language_is_affected_by_whatever_lies_around_it() -> None:
    files = {"web/Pulumi.yaml": "name: web\nruntime: nodejs\n", "web/Pulumi.dev.yaml": "", **BASE}
    assert [one.stack.label for one in affected(files, {"web/tool.py": ""})] == ["web/dev"]
    assert [one.stack.label for one in affected(files, {"web/index.ts": ""})] == ["web/dev"]


MANY = {
    f"{folder}/{path}": text.replace("shop", folder)
    for folder in ("net", "app")
    for path, text in {**BASE, "infra/net.py": ""}.items()
    if path != "gitops.yaml"
} | {"app/infra/web.py": "import pulumi\npulumi.StackReference(f'org/net/{pulumi.get_stack()}')\n"}


def test_projects_are_affected_apart_from_each_other() -> None:
    assert [one.stack.label for one in affected(MANY, {"app/infra/tags.py": "# changed", "app/Dockerfile": "x"})] == [
        "app/dev",
        "app/prod",
    ]


def test_stacks_that_read_outputs_of_an_affected_one_follow() -> None:
    found = affected(MANY, {"net/Pulumi.prod.yaml": "config: {}"})
    assert [one.stack.label for one in found] == ["app/prod", "net/prod"]
    assert found[0].reasons[0].text == "it reads outputs of net/prod, which is affected"


def test_a_path_outside_of_every_project_affects_all_of_them() -> None:
    assert len(affected(MANY, {"Makefile": "x"})) == 4


def test_a_lock_file_affects_the_projects_below_it() -> None:
    assert len(affected(MANY, {"uv.lock": "x"})) == 4
    assert [one.stack.label for one in affected(MANY, {"net/uv.lock": "x"})] == [
        "app/dev",
        "app/prod",
        "net/dev",
        "net/prod",
    ]
    assert [one.stack.label for one in affected(MANY, {"app/uv.lock": "x"})] == ["app/dev", "app/prod"]


def test_reasons_beyond_what_anybody_reads_are_counted() -> None:
    found = affected(BASE, {f"odd-{number}.bin": "" for number in range(1_000)})
    assert found[0].reasons[-1].text == "and 950 more of the same kind"


def test_reached_files_are_those_whose_change_would_affect_the_stack() -> None:
    found = reached_files(snapshot(BASE), Stack("shop", "dev"))
    for path, text in BASE.items():
        edited = text + "\n# changed\n"
        assert (path in found) == ("dev" in names(affected(BASE, {path: edited})).split()), path


def test_reached_files_through_links_are_the_files_behind_them() -> None:
    files = {
        "Pulumi.yaml": BASE["Pulumi.yaml"],
        "Pulumi.dev.yaml": "",
        "__main__.py": "import infra.web",
        "lib/web.py": "",
    }
    assert "lib/web.py" in reached_files(snapshot(files, {"infra": "lib"}), Stack("shop", "dev"))
