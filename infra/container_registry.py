"""Private repositories for container images."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from infra.inputs import require
from infra.tags import resource_tags

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html, for one segment of a name.
_SEGMENT = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class ContainerRegistryArgs:
    """Each of `repositories` becomes `<name_prefix>/<repository>`.

    `keep_images` tagged images stay, the youngest: it must cover everything that still runs or may be rolled back to,
    because ECR does not know what is in use. Images without a tag go after `untagged_days`. With
    `disposable`, a repository is deleted with all that is in it.
    """

    name_prefix: str
    repositories: Sequence[str]
    key_arn: pulumi.Input[str]
    keep_images: int = 200
    untagged_days: int = 14
    disposable: bool = False


class ContainerRegistry(pulumi.ComponentResource):
    """Repositories whose tags never move, whose images are scanned when they are pushed and encrypted with a given key.

    Unless they are disposable, they are never emptied by Pulumi: deleting a repository that holds images fails.
    """

    repository_urls: Mapping[str, pulumi.Output[str]]
    repository_arns: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: ContainerRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("infra:containerRegistry:ContainerRegistry", name, None, opts)
        _validate(name, args)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        made = {repository: self._repository(repository, args) for repository in args.repositories}
        self.repository_urls = {repository: one.repository_url for repository, one in made.items()}
        self.repository_arns = {repository: one.arn for repository, one in made.items()}
        self.register_outputs(
            {"repositoryUrls": dict(self.repository_urls), "repositoryArns": dict(self.repository_arns)}
        )

    def _repository(self, repository: str, args: ContainerRegistryArgs) -> ecr.Repository:
        name = f"{self._name}-{repository}"
        made = ecr.Repository(
            name,
            name=f"{args.name_prefix}/{repository}",
            # An image that was reviewed under a tag stays the one that is pulled by it.
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key_arn)
            ],
            force_delete=args.disposable,
            tags=resource_tags(name),
            # With a chosen name the provider would delete the images first, for another key. So ECR refuses a second
            # repository of that name.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=False),
        )
        ecr.LifecyclePolicy(f"{name}-lifecycle", repository=made.name, policy=_lifecycle(args), opts=self._child)
        return made


def _lifecycle(args: ContainerRegistryArgs) -> str:
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html."""
    return json.dumps(
        {
            "rules": [
                {
                    "rulePriority": 1,
                    "description": "Images that lost their tag, or never had one",
                    "selection": {
                        "tagStatus": "untagged",
                        "countType": "sinceImagePushed",
                        "countUnit": "days",
                        "countNumber": args.untagged_days,
                    },
                    "action": {"type": "expire"},
                },
                {
                    "rulePriority": 2,
                    "description": "The oldest releases",
                    "selection": {
                        "tagStatus": "tagged",
                        "tagPatternList": ["*"],
                        "countType": "imageCountMoreThan",
                        "countNumber": args.keep_images,
                    },
                    "action": {"type": "expire"},
                },
            ]
        }
    )


def _validate(name: str, args: ContainerRegistryArgs) -> None:
    repositories = list(args.repositories)
    require(
        len(repositories) > 0
        and len(set(repositories)) == len(repositories)
        and all(_SEGMENT.fullmatch(repository) for repository in repositories),
        f"{name}.repositories",
        "one or more different names of lower-case letters and digits, with single . _ or - between them",
        repositories,
    )
    require(
        _SEGMENT.fullmatch(args.name_prefix) is not None,
        f"{name}.name_prefix",
        "lower-case letters and digits, with single . _ or - between them",
        args.name_prefix,
    )
    require(args.keep_images >= 1, f"{name}.keep_images", "1 or more", args.keep_images)
    require(args.untagged_days >= 1, f"{name}.untagged_days", "1 or more", args.untagged_days)
