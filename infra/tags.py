"""The one place where tags of AWS resources and labels of Kubernetes objects are made."""

import pulumi

OWNER = "gitops:owner"
COST_CENTRE = "gitops:cost-centre"
PROJECT = "gitops:project"
STACK = "gitops:stack"
RESOURCE = "gitops:resource"


def default_tags(owner: str, cost_centre: str) -> dict[str, str]:
    """Tags that the AWS provider puts on everything it creates.

    The environment is the stack's name, in `resource_tags`; the commit is no tag at all
    (docs/decisions/0021-commit-of-a-resource.md).

    No key may also be in `resource_tags`: the provider reports equal pairs as a change on every run.
    """
    return {OWNER: owner, COST_CENTRE: cost_centre, "managed-by": "pulumi"}


def resource_tags(logical_name: str) -> dict[str, str]:
    """Tags of one AWS resource: together they occur once in an account, whatever its id.

    A resource whose id was lost, because the engine was killed while the create was in flight, is found again by them.
    They are inputs of the resource, and so they stand in the state's list of pending operations.
    """
    stack = pulumi.get_stack()
    return {
        "Name": f"{stack}-{logical_name}",
        PROJECT: pulumi.get_project(),
        STACK: stack,
        RESOURCE: logical_name,
    }


def selector_labels(app: str) -> dict[str, str]:
    """The label that tells the pods of one workload from all others; selectors cannot be changed, so it never moves."""
    return {"app.kubernetes.io/name": app}


def labels(app: str) -> dict[str, str]:
    """Labels of a Kubernetes object that belongs to `app`."""
    return {
        **selector_labels(app),
        "app.kubernetes.io/part-of": pulumi.get_project(),
        "app.kubernetes.io/instance": f"{app}-{pulumi.get_stack()}",
        "app.kubernetes.io/managed-by": "pulumi",
    }
