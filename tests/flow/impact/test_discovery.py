"""Discovering projects and stacks."""

import pytest

from gitops.errors import ConfigError, UsageError
from gitops.model import Stack
from tests.flow.impact.snapshots import snapshot

PROJECT = "name: shop\nruntime: python\n"


def test_projects_are_found_anywhere_with_their_stacks() -> None:
    found = snapshot(
        {
            "Pulumi.yaml": PROJECT,
            "Pulumi.dev.yaml": "",
            "services/mail/Pulumi.yml": "name: mail\nruntime: {name: python}\n",
            "services/mail/Pulumi.prod.eu-1.yaml": "",
            "services/mail/Pulumi.dev.json": "{}",
        }
    )
    assert found.stacks == (
        Stack("shop", "dev", "."),
        Stack("mail", "dev", "services/mail"),
        Stack("mail", "prod.eu-1", "services/mail"),
    )
    assert all(project.is_python for project in found.projects)


def test_main_moves_the_program_and_may_name_its_file() -> None:
    files = {"a/Pulumi.yaml": PROJECT + "main: ../program\n", "program/__main__.py": ""}
    assert (snapshot(files).projects[0].code, snapshot(files).projects[0].entry) == ("program", "program/__main__.py")
    files = {"Pulumi.yaml": PROJECT + "main: src/run.py\n", "src/run.py": ""}
    assert (snapshot(files).projects[0].code, snapshot(files).projects[0].entry) == ("src", "src/run.py")


@pytest.mark.parametrize("key", ["stackConfigDir", "config"])
def test_stack_files_lie_where_the_project_says(key: str) -> None:
    found = snapshot({"Pulumi.yaml": f"{PROJECT}{key}: values\n", "values/Pulumi.dev.yaml": "", "Pulumi.old.yaml": ""})
    assert [stack.name for stack in found.stacks] == ["dev"]


def test_config_that_declares_keys_is_not_a_folder() -> None:
    assert snapshot({"Pulumi.yaml": PROJECT + "config:\n  shop:size: {type: integer}\n", "Pulumi.dev.yaml": ""}).stacks


@pytest.mark.parametrize(
    ("content", "place", "problem"),
    [
        ("name: shop\nruntime: [python\n", "app/Pulumi.yaml:3", "not valid YAML"),
        ("just text\n", "app/Pulumi.yaml:1", "mapping"),
        ("runtime: python\n", "app/Pulumi.yaml:1: name", "needs a name"),
        ("name: shop\nmain: [a, b]\n", "app/Pulumi.yaml:2: main", "one line of text"),
        ("name: shop\nmain: ../../elsewhere\n", "app/Pulumi.yaml:2: main", "out of the repository"),
        ("name: shop\r\nmain: /etc\r\n", "app/Pulumi.yaml:2: main", "out of the repository"),
    ],
)
def test_a_broken_project_file_is_named_with_its_line(content: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        snapshot({"app/Pulumi.yaml": content})
    assert caught.value.message.startswith(place)
    assert problem in caught.value.message


def test_two_projects_cannot_hold_the_same_stack() -> None:
    with pytest.raises(ConfigError, match=r"shop/dev also exists in a/Pulumi\.yaml"):
        snapshot({f"{f}/{n}": PROJECT for f in "ab" for n in ("Pulumi.yaml", "Pulumi.dev.yaml")})


def test_a_template_has_no_stacks() -> None:
    assert snapshot({"template/Pulumi.yaml": "name: ${PROJECT}\n", "template/Pulumi.dev.yaml": ""}).projects == ()


def test_an_unknown_stack_is_told_which_file_would_make_it() -> None:
    with pytest.raises(UsageError) as caught:
        snapshot({"Pulumi.yaml": PROJECT}).project_of(Stack("shop", "dev"))
    assert "Pulumi.dev.yaml" in caught.value.hint


def test_files_behind_links_are_read_and_circles_end() -> None:
    found = snapshot(
        {"Pulumi.yaml": PROJECT, "shared/net/cidr.py": "X = 1"},
        {"infra": "shared", "loop": ".", "out": "../../etc", "again": "infra/net"},
    )
    assert dict(found.read(["infra/net/cidr.py", "again/cidr.py"])) == dict.fromkeys(
        ["infra/net/cidr.py", "again/cidr.py"], b"X = 1"
    )
    assert found.real["again/cidr.py"] == "shared/net/cidr.py"
