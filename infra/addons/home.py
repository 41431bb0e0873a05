"""Where an add-on lives: a namespace of its own, and the account that its pods run as."""

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.namespace import PodSecurity, pod_security_labels
from infra.tags import labels


def home(
    name: str, namespace_name: str, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], core.ServiceAccount]:
    """The name of a namespace of that name, made for the add-on `name`, and the add-on's service account there."""
    made = core.Namespace(
        f"{name}-namespace",
        metadata=ObjectMetaArgs(
            name=namespace_name, labels={**labels(name), **pod_security_labels(PodSecurity.RESTRICTED)}
        ),
        opts=opts,
    )
    namespace = made.metadata.apply(lambda metadata: str(metadata.name))
    account = core.ServiceAccount(
        f"{name}-account",
        metadata=ObjectMetaArgs(name=name, namespace=namespace, labels=labels(name)),
        automount_service_account_token=False,
        opts=opts,
    )
    return namespace, account
