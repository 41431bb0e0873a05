"""One environment from its parts, in the order in which they need each other."""

import pulumi

from infra.node_group import Capacity
from infra.observability import Observability, ObservabilityArgs
from stacks.addons import build_addons
from stacks.application import Surroundings, build_namespace, build_shop
from stacks.cluster import build_cluster
from stacks.data import build_data
from stacks.foundation import Data, build_foundation
from stacks.legacy import build_depot


def build_environment(*, data: Data, nodes: Capacity) -> None:
    """Build everything from the running stack's configuration; what differs in structure comes as arguments."""
    base = build_foundation(data)
    depot = build_depot(base)
    workplace = build_cluster(base, nodes)
    clients = {"depot": depot.security_group_id}
    if workplace.security_group_id is not None:
        clients["cluster"] = workplace.security_group_id
    stores = build_data(base, clients)
    namespace = build_namespace(base, workplace)
    addons = build_addons(base, workplace, served=[namespace])
    build_shop(Surroundings(base=base, workplace=workplace, namespace=namespace, addons=addons, stores=stores))
    settings = base.settings
    watching = Observability(
        "alarms",
        ObservabilityArgs(
            name_prefix=settings.name_prefix,
            key_arn=base.log_key.arn,
            account_id=settings.aws.account_id,
            region=settings.aws.region,
            emails=settings.watch.emails,
            log_groups={"shop": f"/{settings.name_prefix}/shop"},
            log_days=settings.watch.log_days,
            alarms=[*workplace.alarms, *stores.alarms, *depot.alarms],
        ),
        base.on_aws,
    )
    pulumi.export("region", settings.aws.region)
    pulumi.export("vpcId", base.network.vpc_id)
    pulumi.export("publicSubnetIds", base.network.public_subnet_ids)
    pulumi.export("privateSubnetIds", base.network.private_subnet_ids)
    pulumi.export("alarmTopicArn", watching.topic_arn)
    pulumi.export("dashboard", watching.dashboard_name)
