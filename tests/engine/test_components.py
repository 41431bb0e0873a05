"""What only a real engine tells of the components: protection, aliases, the order of replacements, plans that hold."""

from pathlib import Path

import pytest

from tests.support.programs import Project, everything, program
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.engine

KEY = """
from infra.encryption_key import EncryptionKey, EncryptionKeyArgs

key = EncryptionKey(
    "key",
    EncryptionKeyArgs(
        account_id="123456789012",
        region="eu-west-1",
        alias="components",
        description="Encrypts what the tests of components make",
        deletion_days=7,
        services=("ec2", "logs"),
    ),
    ON_AWS,
)
"""
QUEUE = """
from infra.queue import Queue, QueueArgs

Queue(
    "orders",
    QueueArgs(
        queue_name="components-orders",
        key_arn="arn:aws:kms:eu-west-1:123456789012:alias/aws/sqs",
        region="eu-west-1",
        account_id="123456789012",
    ),
    ON_AWS,
)
"""
BUCKET = """
from infra.bucket import Bucket, BucketArgs
from stacks.foundation import Data

Bucket(
    "papers",
    BucketArgs(
        bucket_name="components-papers", key_arn="arn:aws:kms:eu-west-1:123456789012:alias/aws/s3", retention_days=7
    ),
    pulumi.ResourceOptions.merge(ON_AWS, pulumi.ResourceOptions(protect=Data.PROTECTED.value)),
)
"""
NETWORK = """
from infra.network import Network, NetworkArgs

network = Network(
    "network",
    NetworkArgs(
        name_prefix="components",
        region="eu-west-1",
        account_id="123456789012",
        cidr="10.40.0.0/16",
        zones=["a", "b"],
        nat_gateways=0,
        log_key_arn=key.arn,
    ),
    ON_AWS,
)
"""
STORES = """
from infra.container_registry import ContainerRegistry, ContainerRegistryArgs
from infra.database import Database, DatabaseArgs

Database(
    "database",
    DatabaseArgs(
        identifier="components-database",
        region="eu-west-1",
        account_id="123456789012",
        vpc_id=network.vpc_id,
        subnet_ids=network.isolated_subnet_ids,
        key_arn=key.arn,
        log_key_arn=key.arn,
        major_version="17",
        instance_class="db.t4g.medium",
        database_name="shop",
        storage_gib=20,
        max_storage_gib=100,
        disposable=True,
    ),
    ON_AWS,
)
ContainerRegistry(
    "images",
    ContainerRegistryArgs(
        name_prefix="components", repositories=["web"], key_arn=key.arn.apply(str), disposable=True
    ),
    ON_AWS,
)
"""
CLUSTER = """
from infra.eks_cluster import AccessLevel, ClusterAccess, EksCluster, EksClusterArgs
from infra.node_group import Capacity, Machine, NodeGroup, NodeGroupArgs, SizeOwner

control_plane = EksCluster(
    "cluster",
    EksClusterArgs(
        cluster_name="components",
        region="eu-west-1",
        kubernetes_version="1.33",
        subnet_ids=network.private_subnet_ids,
        service_cidr="172.20.0.0/16",
        key_arn=key.arn,
        log_retention_days=7,
        addons={
            "coredns": "v1.12.2-eksbuild.4",
            "kube-proxy": "v1.33.3-eksbuild.4",
            "vpc-cni": "v1.20.1-eksbuild.3",
        },
        access={
            "pipeline": ClusterAccess(
                principal_arn="arn:aws:iam::123456789012:role/pipeline", level=AccessLevel.ADMIN
            )
        },
        deletion_protection=False,
    ),
    ON_AWS,
)
nodes = NodeGroup(
    "nodes",
    NodeGroupArgs(
        group_name="components-nodes",
        cluster_name=control_plane.name,
        subnet_ids=network.private_subnet_ids,
        key_arn=key.arn,
        release_version="1.33.3-20250920",
        machine=Machine.ARM64,
        instance_types=["m7g.large"],
        min_size=1,
        max_size=2,
        size_owner=SizeOwner.PROGRAM,
        capacity=Capacity.ON_DEMAND,
        after=control_plane.before_nodes,
    ),
    ON_AWS,
)
"""
# Nothing is set that need not be: so whatever a component sends empty or false on its own account is in the plan.
WORKLOADS = """
from infra.addons.priority_classes import PriorityClasses, PriorityClassesArgs
from infra.cluster import eks_cluster
from infra.namespace import Namespace, NamespaceArgs
from infra.workloads.scheduled_job import ScheduledJob, ScheduledJobArgs
from infra.workloads.web_service import WebService, WebServiceArgs

cluster = eks_cluster(control_plane, "components", after=[nodes.group])
on_kubernetes = pulumi.ResourceOptions(providers=[cluster.provider])
classes = PriorityClasses("priority", PriorityClassesArgs(name_prefix="components"), on_kubernetes)
namespace = Namespace(
    "shop", NamespaceArgs(namespace_name="components-shop", cpu="4", memory="4Gi", pods=20), on_kubernetes
)
WebService(
    "web",
    WebServiceArgs(
        namespace=namespace.name,
        image="registry.example/web:1",
        port=8080,
        host=None,
        callers=["components-shop"],
        min_replicas=1,
        max_replicas=2,
        cpu="100m",
        memory="64Mi",
        priority_class=classes.standard,
        after=namespace.guards,
    ),
    on_kubernetes,
)
ScheduledJob(
    "nightly",
    ScheduledJobArgs(
        namespace=namespace.name,
        image="registry.example/task:1",
        schedule="15 2 * * *",
        priority_class=classes.batch,
        after=namespace.guards,
    ),
    on_kubernetes,
)
"""


def replaced(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def ids(project: Project) -> dict[str, str]:
    """The ids of all that stands in the state, by URN; one that waits for its deletion would be there twice."""
    return {one["urn"]: one.get("id", "") for one in project.state()}


def test_what_is_protected_cannot_be_removed_by_a_change_of_the_program(sandbox: Sandbox, tmp_path: Path) -> None:
    with program(sandbox, tmp_path / "one", "protected", BUCKET) as project:
        project.up()
        before = ids(project)
        project.write("")
        for refuse in (project.preview, project.up):
            said = refuse(succeed=False)
            assert "papers" in said
            assert "because it is protected" in said
        assert ids(project) == before
        assert "components-papers" in everything(sandbox)["buckets"]


def test_a_component_that_is_renamed_with_an_alias_keeps_its_resources(sandbox: Sandbox, tmp_path: Path) -> None:
    with program(sandbox, tmp_path / "one", "renamed", QUEUE) as project:
        project.up()
        before = ids(project)
        alias = "pulumi.ResourceOptions.merge(ON_AWS, pulumi.ResourceOptions(aliases=[pulumi.Alias(name='orders')]))"
        renamed = replaced(QUEUE, ('    "orders"', '    "purchases"'))
        project.write(replaced(renamed, ("    ON_AWS", f"    {alias}")))
        # The tags by which a lost resource is found again hold the new name; nothing else differs.
        assert project.steps() == {("update", "purchases"), ("update", "purchases-dead-letter")}
        project.up()
        assert sorted(ids(project).values()) == sorted(before.values())
        project.write(renamed)
        assert project.steps() == set()


def test_a_network_that_moves_is_there_before_the_old_one_goes(sandbox: Sandbox, tmp_path: Path) -> None:
    text = replaced(NETWORK, ("key.arn", '"arn:aws:kms:eu-west-1:123456789012:alias/aws/logs"'))
    with program(sandbox, tmp_path / "one", "moving", text) as project:
        project.up()
        project.write(replaced(text, ("10.40.0.0/16", "10.41.0.0/16")))
        said = project.up()
        assert "Vpc network deleting original" in said
        assert said.rindex("created replacement") < said.index("deleting original")


def test_a_replacement_never_deletes_first_what_holds_data_or_identity(sandbox: Sandbox, tmp_path: Path) -> None:
    text = KEY + NETWORK + STORES + CLUSTER
    with program(sandbox, tmp_path / "one", "replacing", text) as project:
        project.up()
        before, live = ids(project), everything(sandbox)
        for changes in (
            (
                ('database_name="shop"', 'database_name="depot"'),
                ("key_arn=key.arn.apply(str)", 'key_arn="arn:aws:kms:eu-west-1:123456789012:alias/aws/ecr"'),
                ("Capacity.ON_DEMAND", "Capacity.SPOT"),
            ),
            # By itself: what stands on it is not even tried when it fails.
            (('service_cidr="172.20.0.0/16"', 'service_cidr="172.21.0.0/16"'),),
        ):
            project.write(replaced(text, *changes))
            said = project.up("--continue-on-error", succeed=False)
            assert said.count("**creating failed**") == len(changes), said
            assert "deleting" not in said
            assert ids(project) == before
            assert everything(sandbox) == live


def test_a_first_deploy_to_a_cluster_of_its_own_is_applied_as_planned_and_taken_away_without_a_trace(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    before = everything(sandbox)
    with program(sandbox, tmp_path / "one", "first", KEY + NETWORK + CLUSTER + WORKLOADS) as project:
        plan = str(tmp_path / "plan.json")
        project.preview("--save-plan", plan)
        project.up("--refresh", "--plan", plan)
        project.preview("--expect-no-changes")
        made = everything(sandbox)
        assert "components" in made["clusters"]
        assert "components-shop" in made["namespaces"]
        project.destroy()
        assert project.state() == []
    assert everything(sandbox) == before
