"""The container registry by itself: what becomes of images, and what it refuses."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from infra.container_registry import ContainerRegistry, ContainerRegistryArgs
from infra.inputs import InputError
from infra.tags import RESOURCE
from tests.infra.recording import Recorded, record
from tests.infra.seen_options import SeenOptions

ARGS = ContainerRegistryArgs(name_prefix="shop-dev", repositories=("web", "worker"), key_arn="arn:key")


def registry(args: ContainerRegistryArgs = ARGS) -> Recorded:
    return record(lambda: ContainerRegistry("images", args))


def rules(args: ContainerRegistryArgs = ARGS) -> list[dict[str, Any]]:
    policy = registry(args).named(":LifecyclePolicy", "images-web-lifecycle").inputs["policy"]
    found: list[dict[str, Any]] = json.loads(policy)["rules"]
    return found


def test_each_repository_stands_under_the_prefix() -> None:
    names = {one.name: one.inputs["name"] for one in registry().of(":Repository")}
    assert names == {"images-web": "shop-dev/web", "images-worker": "shop-dev/worker"}


def test_an_image_is_fixed_scanned_and_encrypted() -> None:
    for repository in registry().of(":Repository"):
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": "arn:key"}]


@pytest.mark.parametrize("disposable", [False, True])
def test_only_a_disposable_repository_is_ever_emptied(disposable: bool) -> None:
    for repository in registry(replace(ARGS, disposable=disposable)).of(":Repository"):
        assert repository.inputs["forceDelete"] is disposable


def test_images_are_never_deleted_for_a_replacement() -> None:
    seen = SeenOptions()
    record(lambda: ContainerRegistry("images", ARGS, seen.opts))
    assert seen.of["aws:ecr/repository:Repository::images-web"].delete_before_replace is False


def test_a_repository_is_not_disposable_unasked() -> None:
    assert {one.inputs["forceDelete"] for one in registry().of(":Repository")} == {False}


def test_images_without_a_tag_go_by_age_and_tagged_ones_by_number() -> None:
    untagged, tagged = (rule["selection"] for rule in rules(replace(ARGS, keep_images=50, untagged_days=3)))
    assert (untagged["tagStatus"], untagged["countType"], untagged["countNumber"]) == (
        "untagged",
        "sinceImagePushed",
        3,
    )
    assert (tagged["tagStatus"], tagged["countType"], tagged["countNumber"]) == ("tagged", "imageCountMoreThan", 50)
    assert tagged["tagPatternList"] == ["*"]


def test_every_repository_has_the_rules() -> None:
    assert {one.inputs["repository"] for one in registry().of(":LifecyclePolicy")} == {
        "shop-dev/web",
        "shop-dev/worker",
    }


def test_a_repository_taken_away_touches_no_other() -> None:
    less = {one.name for one in registry(replace(ARGS, repositories=("worker",))).created()}
    assert less < {one.name for one in registry().created()}


def test_urls_and_arns_are_found_by_the_repository_s_name() -> None:
    made: list[ContainerRegistry] = []
    record(lambda: made.append(ContainerRegistry("images", ARGS)))
    assert made[0].repository_urls.keys() == made[0].repository_arns.keys() == {"web", "worker"}


def test_each_repository_is_tagged_with_its_own_name() -> None:
    for repository in registry().of(":Repository"):
        assert repository.inputs["tags"][RESOURCE] == repository.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repositories": ()}, "images.repositories must be one or more different names"),
        ({"repositories": ("web", "web")}, "images.repositories must be one or more different names"),
        ({"repositories": ("Web",)}, "images.repositories must be one or more different names"),
        ({"repositories": ("a/b",)}, "images.repositories must be one or more different names"),
        ({"name_prefix": "-shop"}, "images.name_prefix must be lower-case letters"),
        ({"keep_images": 0}, "images.keep_images must be 1 or more; got 0"),
        ({"untagged_days": 0}, "images.untagged_days must be 1 or more; got 0"),
    ],
)
def test_an_input_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        registry(replace(ARGS, **changes))


def test_arguments_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        ARGS.keep_images = 1  # type: ignore[misc]
