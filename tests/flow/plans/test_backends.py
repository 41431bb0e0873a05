"""Which state backend a project has."""

from pathlib import PurePosixPath

import pytest

from gitops.flow.plans.backends import Backend, Named, Origin, Place, Unusable, backend, folder_of, in_ci, is_relative

CLONE = PurePosixPath("/home/ada/shop")
ROOT = Place(CLONE)
BELOW = Place(CLONE, PurePosixPath("projects/web"))
CI = Place(CLONE, passes=True)
BARE = Place(None)


def address(named: Named, place: Place = ROOT) -> str:
    found = backend(named, place)
    assert isinstance(found, Backend)
    return found.address


def why(named: Named, place: Place) -> str:
    found = backend(named, place)
    assert isinstance(found, Unusable)
    assert found.hint
    return found.why


def test_pulumis_own_order_stands() -> None:
    assert backend(Named("s3://a", "s3://b", "s3://c"), ROOT) == Backend("s3://a", Origin.VARIABLE)
    assert backend(Named("", "s3://b", "s3://c"), ROOT) == Backend("s3://b", Origin.PROJECT)
    assert backend(Named("", "", "s3://c"), ROOT) == Backend("s3://c", Origin.LOGIN)
    assert backend(Named(), ROOT) == Backend("", None)


@pytest.mark.parametrize(
    ("given", "at_the_root", "below"),
    [
        ("file://.", "file:///home/ada/shop", "file:///home/ada/shop/projects/web"),
        ("file://", "file:///home/ada/shop", "file:///home/ada/shop/projects/web"),
        ("file://./state", "file:///home/ada/shop/state", "file:///home/ada/shop/projects/web/state"),
        # No host: Pulumi takes all of it for a path.
        ("file://state", "file:///home/ada/shop/state", "file:///home/ada/shop/projects/web/state"),
        ("file://../state", "file:///home/ada/state", "file:///home/ada/shop/projects/state"),
        ("file://./a%20b", "file:///home/ada/shop/a%20b", "file:///home/ada/shop/projects/web/a%20b"),
        (
            "file://.?no_tmp_dir=true&x=./y",
            "file:///home/ada/shop?no_tmp_dir=true&x=./y",
            "file:///home/ada/shop/projects/web?no_tmp_dir=true&x=./y",
        ),
    ],
)
@pytest.mark.parametrize("origin", ["variable", "project", "login"])
def test_a_relative_folder_is_one_of_the_clone(given: str, at_the_root: str, below: str, origin: str) -> None:
    named = Named(**{origin: given})
    assert (address(named), address(named, BELOW)) == (at_the_root, below)


@pytest.mark.parametrize("name", ["a b", "50%", "what?", "a#b"])
def test_a_clone_may_have_any_name(name: str) -> None:
    found = address(Named("file://./state"), Place(PurePosixPath("/home") / name))
    assert folder_of(found) == f"/home/{name}/state"


@pytest.mark.parametrize(
    "given",
    ["file:///srv/state", "file://~", "file://~/state?x=y", "file:/srv/state", "FILE:///srv", "s3://b/./x", "gs://b"],
)
@pytest.mark.parametrize("place", [ROOT, BELOW, CI, BARE])
def test_what_means_the_same_from_everywhere_stays_as_it_is(given: str, place: Place) -> None:
    assert not is_relative(given)
    assert address(Named(project=given), place) == given


@pytest.mark.parametrize("given", ["file:.", "file:./state", "FILE://./state", "File://state"])
def test_a_folder_that_nobody_can_tell_is_refused(given: str) -> None:
    assert "is no address that says which folder" in why(Named(given), ROOT)


@pytest.mark.parametrize(
    "given", ["file://.", "file://../state", "file:///home/ada/shop/state", "file:///home/ada/shop"]
)
def test_a_ci_job_does_not_keep_its_clone(given: str) -> None:
    told = why(Named(project=given), CI)
    assert told.startswith(f"{given}, which `backend.url` of the project file names, is a folder of this clone")


def test_without_a_working_tree_there_is_nothing_to_take_it_from() -> None:
    assert "no working tree" in why(Named("file://."), BARE)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"CI": "true"}, True),
        ({"CI": "1"}, True),
        ({"CI": "false"}, False),
        ({"CI": ""}, False),
        ({"GITHUB_ACTIONS": "true"}, True),
        ({"TF_BUILD": "True"}, True),
        ({"JENKINS_URL": "https://ci.example"}, True),
    ],
)
def test_a_job_of_a_ci_is_told_by_its_environment(environment: dict[str, str], expected: bool) -> None:
    assert in_ci(environment) is expected
