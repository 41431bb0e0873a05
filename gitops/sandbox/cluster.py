"""The cluster: etcd, API server, controller manager, scheduler and kwok as plain processes, without containers.

Everything is Kubernetes' own code but the nodes: kwok plays them, so a pod becomes ready without any
container being run. Nodes and pods are simulated, the API and the controllers are real.
"""

import base64
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitops.errors import Failed
from gitops.sandbox import certificates, simulated_aws
from gitops.sandbox.folder import Folder, Part
from gitops.sandbox.processes import Launch
from gitops.toolchain.tools import Tools

PARTS = (Part.ETCD, Part.API_SERVER, Part.CONTROLLERS, Part.SCHEDULER, Part.NODES)
PORTS = ("etcd", "etcd-peer", "kube-apiserver")
NODES = ("simulated-node-1", "simulated-node-2")


def prepare(folder: Folder, port: int) -> None:
    """Write what the processes read: certificates, keys, the administrator's token, the kubeconfig (all 0600).

    Beside them the command that clients of a simulated EKS cluster log in with.
    """
    if not (folder.cluster / "ca.crt").exists():
        certificates.write(folder.cluster)
        _secret(folder.cluster / "tokens.csv", f'{secrets.token_urlsafe(32)},sandbox,sandbox,"system:masters"\n')
    token = (folder.cluster / "tokens.csv").read_text().split(",", 1)[0]
    authority = base64.b64encode((folder.cluster / "ca.crt").read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "sandbox",
        "clusters": [
            {
                "name": "sandbox",
                "cluster": {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority},
            }
        ],
        "users": [{"name": "sandbox", "user": {"token": token}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
    }
    # JSON is YAML: no client minds, and nothing needs quoting.
    _secret(folder.kubeconfig, json.dumps(document, indent=2) + "\n")
    simulated_aws.write(folder.commands, folder.kubeconfig)


def _secret(path: Path, content: str) -> None:
    beside = path.with_name(f"{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(content)
    beside.replace(path)


def launches(folder: Folder, ports: Mapping[str, int], tools: Tools) -> Mapping[Part, Launch]:
    """How each process is started; all of them may be started at once, they wait for each other."""
    etcd = f"http://127.0.0.1:{ports['etcd']}"
    peer = f"http://127.0.0.1:{ports['etcd-peer']}"
    home = folder.cluster
    issuer_key = f"{home / 'service-accounts.key'}"
    commands: dict[Part, list[str]] = {
        Part.ETCD: [
            f"--data-dir={home / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        Part.API_SERVER: [
            f"--etcd-servers={etcd}",
            f"--secure-port={ports['kube-apiserver']}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--tls-cert-file={home / 'server.crt'}",
            f"--tls-private-key-file={home / 'server.key'}",
            "--service-account-issuer=https://sandbox",
            f"--service-account-key-file={issuer_key}",
            f"--service-account-signing-key-file={issuer_key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            f"--token-auth-file={home / 'tokens.csv'}",
            "--endpoint-reconciler-type=none",
        ],
        Part.CONTROLLERS: [
            f"--kubeconfig={folder.kubeconfig}",
            "--secure-port=0",
            "--leader-elect=false",
            f"--service-account-private-key-file={issuer_key}",
            f"--root-ca-file={home / 'ca.crt'}",
            "--controllers=*,-nodeipam,-route,-service-lb-controller,-cloud-node-lifecycle-controller",
            # On a busy machine a simulated node's heartbeat comes late; its pods would be marked not ready for good.
            "--node-monitor-grace-period=24h",
        ],
        Part.SCHEDULER: [f"--kubeconfig={folder.kubeconfig}", "--secure-port=0", "--leader-elect=false"],
        Part.NODES: [
            f"--kubeconfig={folder.kubeconfig}",
            "--manage-all-nodes=true",
            # Without leases, a node counts as lost 50 s after its last heartbeat, and its pods as not ready for good.
            "--node-lease-duration-seconds=40",
            f"--config={tools.recipes / 'kwok' / 'stages.yaml'}",
        ],
    }
    return {
        # Clients of the API server must not go through a proxy that the user's shell may name.
        part: Launch(
            [str(tools.path(part)), *flags], folder.log(part), {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        )
        for part, flags in commands.items()
    }


class Client:
    """A few calls to the API server, over verified TLS, as administrator."""

    def __init__(self, folder: Folder) -> None:
        document = json.loads(folder.kubeconfig.read_text())
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._server, self._token = cluster["server"], user["token"]
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context(cadata=authority)),
        )

    def call(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status and body; status 0 when nobody answers."""
        request = urllib.request.Request(  # noqa: S310 - always https, to our own API server
            f"{self._server}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=5) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def get(self, path: str) -> Any:
        """The document at the path, or None unless the answer is 200."""
        status, body = self.call("GET", path)
        return json.loads(body) if status == 200 else None

    def serves(self) -> bool:
        """Whether the API server says it is ready."""
        return self.call("GET", "/readyz")[0] == 200


def join_nodes(client: Client) -> bool:
    """Add the simulated nodes where they are missing; false while the API server does not take them yet."""
    return all(client.call("POST", "/api/v1/nodes", _node(name))[0] in (201, 409) for name in NODES)


def _node(name: str) -> dict[str, Any]:
    size = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    zone = f"sandbox-{name[-1]}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": "sandbox",
                "topology.kubernetes.io/zone": zone,
            },
        },
        "spec": {},
        "status": {"allocatable": size, "capacity": size},
    }


def unready_nodes(client: Client) -> tuple[str, ...]:
    """The simulated nodes on which no pod could run now, as sentences."""
    missing = []
    for name in NODES:
        node = client.get(f"/api/v1/nodes/{name}") or {}
        conditions = {c["type"]: c["status"] for c in node.get("status", {}).get("conditions", ())}
        tainted = any(t["key"].startswith("node.kubernetes.io/") for t in node.get("spec", {}).get("taints", ()))
        if conditions.get("Ready") != "True" or tainted:
            missing.append(f"{name} is not ready")
    return tuple(missing)


def controllers_work(client: Client) -> bool:
    """Whether the controllers have made the default service account, without which no pod is admitted."""
    return client.get("/api/v1/namespaces/default/serviceaccounts/default") is not None


def unready(client: Client) -> tuple[str, ...]:
    """What a workload would still wait for, as sentences; empty when it would run at once."""
    if not client.serves():
        return ("the API server is not ready",)
    return unready_nodes(client) + (() if controllers_work(client) else ("the controllers do not work yet",))


def await_ready(client: Client, deadline: float, check: Callable[[], None]) -> None:
    """Return when a workload would run; `check()` raises when a process died. Raises Failed at the deadline."""
    while not join_nodes(client):
        check()
        _pause(deadline, ("the API server is not ready",))
    while missing := unready(client):
        check()
        _pause(deadline, missing)


def _pause(deadline: float, missing: tuple[str, ...]) -> None:
    if time.monotonic() > deadline:
        raise Failed(f"The sandbox's cluster does not become ready: {'; '.join(missing)}.")
    time.sleep(0.05)
