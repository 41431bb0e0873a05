"""The EKS operations that moto 5.2.5 does not have: add-ons, access entries, pod identity, updates, tags.

Every change is finished at once. Clusters themselves, node groups and the rest stay with moto, see eks_clusters.py.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from moto.core import DEFAULT_ACCOUNT_ID
from moto.eks.models import eks_backends

Json = dict[str, Any]

ADDON_VERSIONS = {
    "vpc-cni": "v1.19.2-eksbuild.1",
    "coredns": "v1.11.4-eksbuild.2",
    "kube-proxy": "v1.32.0-eksbuild.2",
    "aws-ebs-csi-driver": "v1.39.0-eksbuild.1",
    "eks-pod-identity-agent": "v1.3.4-eksbuild.1",
    "metrics-server": "v0.7.2-eksbuild.1",
    "amazon-cloudwatch-observability": "v3.3.0-eksbuild.1",
}


class FaultError(Exception):
    """An answer that is an error: HTTP status, AWS's name for it, text."""

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status, self.kind, self.text = status, kind, text


@dataclass(frozen=True)
class Request:
    """One call; `rest` is the path below `/clusters/<name>/<collection>`, unquoted."""

    method: str
    region: str
    body: Json
    query: dict[str, list[str]]
    cluster: str = ""
    rest: tuple[str, ...] = ()


@dataclass
class Store:
    """Everything this module remembers, by region and cluster."""

    addons: dict[tuple[str, str], dict[str, Json]] = field(default_factory=dict)
    access_entries: dict[tuple[str, str], dict[str, Json]] = field(default_factory=dict)
    access_policies: dict[tuple[str, str, str], dict[str, Json]] = field(default_factory=dict)
    pod_identities: dict[tuple[str, str], dict[str, Json]] = field(default_factory=dict)
    updates: dict[str, Json] = field(default_factory=dict)

    def forget(self, region: str, cluster: str) -> None:
        """Drop what belongs to a cluster that is gone, so that one of the same name begins with nothing."""
        for kept in (self.addons, self.access_entries, self.pod_identities):
            kept.pop((region, cluster), None)
        for key in [key for key in self.access_policies if key[:2] == (region, cluster)]:
            del self.access_policies[key]

    def tagged(self) -> list[Json]:
        """Everything here that has tags, with an ARN."""
        kept = (self.addons, self.access_entries, self.pod_identities)
        return [one for all_of_a_kind in kept for named in all_of_a_kind.values() for one in named.values()]


store = Store()


def answer(path: str, request: Request) -> Json | None:
    """The answer to a call, or None when moto is to answer it. Raises FaultError."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[:2] == ["addons", "supported-versions"]:
        return _supported_addon_versions(request)
    if parts[0] == "tags":
        return _tags(request, "/".join(parts[1:]))
    if parts[0] != "clusters" or len(parts) < 3:
        return None
    _, cluster, collection, *rest = parts
    here = Request(request.method, request.region, request.body, request.query, cluster, tuple(rest))
    handler = _COLLECTIONS.get(collection)
    if handler is not None:
        _cluster(here)
        return handler(here)
    if collection == "updates":
        return _updates(here)
    if collection == "update-config" and here.method == "POST":
        return _update_config(here)
    if collection == "node-groups" and here.rest[1:] == ("update-version",):
        return _update_node_group_version(here)
    return None


def _tags(request: Request, arn: str) -> Json:
    """moto only tags clusters."""
    tags = _tags_of(request, arn)
    if request.method == "POST":
        tags |= request.body["tags"]
    if request.method == "DELETE":
        for key in request.query.get("tagKeys", ()):
            tags.pop(key, None)
    return {"tags": tags} if request.method == "GET" else {}


def _tags_of(request: Request, arn: str) -> dict[str, str]:
    clusters = eks_backends[DEFAULT_ACCOUNT_ID][request.region].clusters.values()
    groups = [group for cluster in clusters for group in cluster.nodegroups.values()]
    known: dict[str, dict[str, str]] = {one.arn: one.tags for one in (*clusters, *groups)}
    for one in store.tagged():
        known |= {value: one["tags"] for key, value in one.items() if key in _ARNS}
    if arn not in known:
        raise FaultError(404, "NotFoundException", f"No resource found for ARN: {arn}")
    return known[arn]


def _supported_addon_versions(request: Request) -> Json:
    wanted = request.query.get("addonName", [None])[0]
    kubernetes = request.query.get("kubernetesVersion", ["1.32"])[0]
    compatible = {"clusterVersion": kubernetes, "defaultVersion": True, "platformVersions": ["*"]}
    return {
        "addons": [
            {
                "addonName": name,
                "type": "networking",
                "addonVersions": [
                    {"addonVersion": version, "architecture": ["amd64", "arm64"], "compatibilities": [compatible]}
                ],
            }
            for name, version in ADDON_VERSIONS.items()
            if wanted in (None, name)
        ]
    }


def _addons(request: Request) -> Json:
    addons = store.addons.setdefault((request.region, request.cluster), {})
    if not request.rest:
        return {"addons": sorted(addons)} if request.method == "GET" else {"addon": _create_addon(request, addons)}
    name = request.rest[0]
    if name not in addons:
        raise _missing(f"addon: {name}")
    addon = addons[name]
    if request.rest[1:] == ("update",):
        addon |= _given(request.body, "addonVersion", "serviceAccountRoleArn", "configurationValues")
        addon["modifiedAt"] = time.time()
        return _updated("AddonUpdate")
    if request.method == "DELETE":
        del addons[name]
    return {"addon": addon}


def _create_addon(request: Request, addons: dict[str, Json]) -> Json:
    name = request.body["addonName"]
    if name in addons:
        raise FaultError(409, "ResourceInUseException", f"Addon already exists: {name}")
    optional = _given(request.body, "serviceAccountRoleArn", "configurationValues")
    addons[name] = {
        "addonName": name,
        "clusterName": request.cluster,
        "status": "ACTIVE",
        "health": {"issues": []},
        "addonVersion": request.body.get("addonVersion") or ADDON_VERSIONS.get(name, "v1.0.0-eksbuild.1"),
        "addonArn": _arn(request, "addon", name, str(uuid.uuid4())),
        "tags": request.body.get("tags") or {},
        **_created_now(),
        **{key: value for key, value in optional.items() if value},
    }
    return addons[name]


def _access_entries(request: Request) -> Json:
    entries = store.access_entries.setdefault((request.region, request.cluster), {})
    if not request.rest:
        if request.method == "GET":
            return {"accessEntries": sorted(entries)}
        return {"accessEntry": _create_access_entry(request, entries)}
    principal = request.rest[0]
    if principal not in entries:
        raise _missing(f"access entry for {principal}")
    if request.rest[1:2] == ("access-policies",):
        return _access_policies(request, principal)
    if request.method == "POST":
        entries[principal] |= _given(request.body, "username", "kubernetesGroups")
    if request.method == "DELETE":
        del entries[principal]
        store.access_policies.pop((request.region, request.cluster, principal), None)
        return {}
    return {"accessEntry": entries[principal]}


def _create_access_entry(request: Request, entries: dict[str, Json]) -> Json:
    principal = request.body["principalArn"]
    if principal in entries:
        raise FaultError(
            409, "ResourceInUseException", "The specified access entry resource is already in use on this cluster."
        )
    entries[principal] = {
        "principalArn": principal,
        "clusterName": request.cluster,
        "type": request.body.get("type", "STANDARD"),
        "username": request.body.get("username") or principal,
        "kubernetesGroups": request.body.get("kubernetesGroups") or [],
        "tags": request.body.get("tags") or {},
        "accessEntryArn": _arn(request, "access-entry", principal.split(":")[5], str(uuid.uuid4())),
        **_created_now(),
    }
    return entries[principal]


def _access_policies(request: Request, principal: str) -> Json:
    policies = store.access_policies.setdefault((request.region, request.cluster, principal), {})
    whose = {"clusterName": request.cluster, "principalArn": principal}
    if request.method == "POST":
        policy, now = request.body["policyArn"], time.time()
        policies[policy] = {
            "policyArn": policy,
            "accessScope": request.body["accessScope"],
            "associatedAt": now,
            "modifiedAt": now,
        }
        return {**whose, "associatedAccessPolicy": policies[policy]}
    if request.method == "DELETE":
        policies.pop("/".join(request.rest[2:]), None)
        return {}
    return {**whose, "associatedAccessPolicies": list(policies.values())}


def _pod_identities(request: Request) -> Json:
    associations = store.pod_identities.setdefault((request.region, request.cluster), {})
    if not request.rest:
        if request.method == "GET":
            return {"associations": _list_pod_identities(request, associations)}
        return {"association": _create_pod_identity(request, associations)}
    identity = request.rest[0]
    if identity not in associations:
        raise _missing(f"association {identity}")
    association = associations[identity]
    if request.method == "POST":
        association |= _given(request.body, "roleArn")
    if request.method == "DELETE":
        del associations[identity]
    return {"association": association}


def _list_pod_identities(request: Request, associations: dict[str, Json]) -> list[Json]:
    filters = {key: request.query[key][0] for key in ("namespace", "serviceAccount") if key in request.query}
    shown = ("associationArn", "associationId", "clusterName", "namespace", "serviceAccount")
    return [
        {key: association[key] for key in shown}
        for association in associations.values()
        if filters.items() <= association.items()
    ]


def _create_pod_identity(request: Request, associations: dict[str, Json]) -> Json:
    identity = "a-" + uuid.uuid4().hex[:17]
    associations[identity] = {
        "associationId": identity,
        "associationArn": _arn(request, "podidentityassociation", identity),
        "clusterName": request.cluster,
        "disableSessionTags": bool(request.body.get("disableSessionTags")),
        "tags": request.body.get("tags") or {},
        **_created_now(),
        **{key: request.body[key] for key in ("namespace", "serviceAccount", "roleArn")},
    }
    return associations[identity]


def _updates(request: Request) -> Json | None:
    if request.method == "POST":
        _cluster(request).version = request.body["version"]
        return _updated("VersionUpdate", ("Version", request.body["version"]))
    if not request.rest:
        return None
    if request.rest[0] not in store.updates:
        raise _missing("update")
    return {"update": store.updates[request.rest[0]]}


def _update_config(request: Request) -> Json:
    cluster = _cluster(request)
    network = request.body.get("resourcesVpcConfig")
    if network:
        cluster.resources_vpc_config.update({key: value for key, value in network.items() if value is not None})
    for key, kind in _CONFIG_UPDATES.items():
        if request.body.get(key) is not None:
            setattr(cluster, key, request.body[key])
            return _updated(kind)
    return _updated("EndpointAccessUpdate")


def _update_node_group_version(request: Request) -> Json:
    groups = _cluster(request).nodegroups
    if request.rest[0] not in groups:
        raise _missing(f"node group for name: {request.rest[0]}.")
    group, body = groups[request.rest[0]], request.body
    group.version = body.get("version") or group.version
    group.release_version = body.get("releaseVersion") or group.release_version
    group.launch_template = {**(group.launch_template or {}), **(body.get("launchTemplate") or {})} or None
    return _updated("VersionUpdate", ("ReleaseVersion", group.release_version))


def _associate_encryption(request: Request) -> Json:
    _cluster(request).encryption_config = request.body["encryptionConfig"]
    return _updated("AssociateEncryptionConfig")


def _updated(kind: str, *parameters: tuple[str, str]) -> Json:
    update = {
        "id": str(uuid.uuid4()),
        "status": "Successful",
        "type": kind,
        "createdAt": time.time(),
        "errors": [],
        "params": [{"type": key, "value": str(value)} for key, value in parameters],
    }
    store.updates[update["id"]] = update
    return {"update": update}


def _cluster(request: Request) -> Any:
    cluster = eks_backends[DEFAULT_ACCOUNT_ID][request.region].clusters.get(request.cluster)
    if cluster is None:
        raise _missing(f"cluster for name: {request.cluster}.")
    return cluster


def _missing(what: str) -> FaultError:
    return FaultError(404, "ResourceNotFoundException", f"No {what} found")


def _given(body: Json, *keys: str) -> Json:
    return {key: body[key] for key in keys if key in body}


def _created_now() -> Json:
    now = time.time()
    return {"createdAt": now, "modifiedAt": now}


def _arn(request: Request, kind: str, *parts: str) -> str:
    return f"arn:aws:eks:{request.region}:{DEFAULT_ACCOUNT_ID}:{kind}/" + "/".join([request.cluster, *parts])


_ARNS = ("addonArn", "accessEntryArn", "associationArn")

# Members of UpdateClusterConfig beside the network, one in a call, and what AWS calls the update.
_CONFIG_UPDATES = {
    "logging": "LoggingUpdate",
    "accessConfig": "AccessConfigUpdate",
    "upgradePolicy": "UpgradePolicyUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "zonalShiftConfig": "ZonalShiftConfigUpdate",
}

_COLLECTIONS: dict[str, Callable[[Request], Json]] = {
    "addons": _addons,
    "access-entries": _access_entries,
    "pod-identity-associations": _pod_identities,
    "encryption-config": _associate_encryption,
}
