"""The shop: the application that every environment holds, as its team describes it."""

from dataclasses import dataclass

import pulumi

from infra.namespace import Namespace, NamespaceArgs, TeamRole
from infra.traffic import EgressRule
from infra.workload_role import WorkloadRole, WorkloadRoleArgs
from infra.workloads.scheduled_job import ScheduledJob, ScheduledJobArgs
from infra.workloads.web_service import WebService, WebServiceArgs
from stacks.addons import Addons
from stacks.cluster import Workplace
from stacks.data import Stores
from stacks.foundation import Foundation

_WEB, _WEB_PORT = "web", 9898


def build_namespace(base: Foundation, workplace: Workplace) -> Namespace:
    """The shop's namespace: who may look into it, and how much of the cluster it may use."""
    settings = base.settings
    return Namespace(
        "shop",
        NamespaceArgs(
            namespace_name=settings.name_prefix,
            cpu=settings.quota.cpu,
            memory=settings.quota.memory,
            pods=settings.quota.pods,
            teams={"shop-developers": TeamRole.VIEW},
        ),
        pulumi.ResourceOptions(providers=[workplace.cluster.provider]),
    )


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the shop finds when it is built."""

    base: Foundation
    workplace: Workplace
    namespace: Namespace
    addons: Addons
    stores: Stores


def build_shop(around: Surroundings) -> None:
    """Build the shop: its web service, and what it does every night."""
    base, namespace = around.base, around.namespace
    settings = base.settings
    on_kubernetes = pulumi.ResourceOptions(providers=[around.workplace.cluster.provider])

    inside = EgressRule(
        purpose="database and AWS endpoints", cidr=base.network.cidr, ports=[443, around.stores.database.port]
    )
    web = WebService(
        _WEB,
        WebServiceArgs(
            namespace=namespace.name,
            image=settings.web.image,
            port=_WEB_PORT,
            host=settings.web.host,
            tls_secret=settings.web.tls_secret,
            min_replicas=settings.web.min_replicas,
            max_replicas=settings.web.max_replicas,
            cpu=settings.web.cpu,
            memory=settings.web.memory,
            ingress_class=around.addons.ingress.class_name,
            ingress_namespace=around.addons.ingress.namespace,
            callers=[namespace.name],
            environment={"PODINFO_UI_MESSAGE": settings.web.message},
            role_arn=_web_role(around),
            priority_class=around.addons.classes.standard,
            egress=[inside],
            # After the ingress, so that its Ingress goes before the controller that has to clean up after it.
            after=[*namespace.guards, around.addons.ingress],
        ),
        on_kubernetes,
    )
    ScheduledJob(
        "nightly-report",
        ScheduledJobArgs(
            namespace=namespace.name,
            image=settings.web.image,
            command=["/home/app/podcli"],
            arguments=["check", "http", "http://web/healthz"],
            schedule="15 2 * * *",
            priority_class=around.addons.classes.batch,
            egress=[EgressRule(purpose="the web service", namespace=namespace.name, ports=[_WEB_PORT])],
            after=namespace.guards,
        ),
        on_kubernetes,
    )

    pulumi.export("namespace", namespace.name)
    pulumi.export("deployment", web.deployment)
    pulumi.export("service", web.service)
    pulumi.export("image", web.image)
    pulumi.export("url", web.url)
    pulumi.export("publicUrl", web.public_url)


def _web_role(around: Surroundings) -> pulumi.Output[str] | None:
    """Lets the web service send orders; a cluster that AWS does not know has other ways to give its pods rights."""
    issuer = around.workplace.cluster.issuer
    if issuer is None:
        return None
    base = around.base
    role = WorkloadRole(
        f"{_WEB}-role",
        WorkloadRoleArgs(
            role_name=f"{base.settings.name_prefix}-{_WEB}",
            issuer=issuer,
            namespace=around.namespace.name,
            service_account=_WEB,
            statements=[
                {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": [around.stores.orders.arn]},
                {
                    # By its alias, and not by its ARN: so a first preview shows the whole policy.
                    "Effect": "Allow",
                    "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                    "Resource": ["*"],
                    "Condition": {
                        "ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{base.settings.name_prefix}-data"},
                        "StringEquals": {"kms:ViaService": f"sqs.{base.settings.aws.region}.amazonaws.com"},
                    },
                },
            ],
            permissions_boundary=base.delivery.boundary_arn,
        ),
        base.on_aws,
    )
    return role.arn
