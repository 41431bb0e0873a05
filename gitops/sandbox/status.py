"""What runs in a sandbox right now, part by part."""

from dataclasses import dataclass

from gitops.sandbox import cloud, cluster, processes
from gitops.sandbox.folder import Folder, Part, Record

# What a person calls the parts, and that some of them only play what they stand for.
TITLES = {
    Part.ETCD: "etcd",
    Part.API_SERVER: "API server",
    Part.CONTROLLERS: "controllers",
    Part.SCHEDULER: "scheduler",
    Part.NODES: "nodes (simulated)",
    Part.CLOUD: "AWS (simulated)",
}


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part: `port` and `pid` are None where there is none, `memory` is resident bytes."""

    part: str
    title: str
    ready: bool
    detail: str = ""
    port: int | None = None
    pid: int | None = None
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """A sandbox as it is; no parts when there is none in the folder."""

    folder: str
    parts: tuple[PartStatus, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether everything can be worked with."""
        return bool(self.parts) and all(part.ready for part in self.parts)


def look(folder: Folder) -> Status:
    """Ask the processes, not the record: a part is ready when it does its work."""
    if not folder.exists():
        return Status(str(folder.root))
    record = folder.read()
    problems = _problems(folder, record)
    parts = [_part(part, record, problems.get(part, "")) for part in Part]
    for name, title, path in (
        ("state", "state backend", folder.state),
        ("remote", "Git remote", folder.remote),
        ("checkout", "checkout", folder.checkout),
    ):
        there = path.is_dir() and record.complete
        parts.append(PartStatus(name, title, there, str(path) if there else "not complete: run `gitops sandbox up`"))
    return Status(str(folder.root), tuple(parts))


def _part(part: Part, record: Record, problem: str) -> PartStatus:
    process = processes.process_of(record.running.get(part))
    port = record.ports.get(part)
    if process is None:
        return PartStatus(part, TITLES[part], False, "not running: run `gitops sandbox up`", port)
    return PartStatus(part, TITLES[part], not problem, problem, port, process.pid, processes.memory(process))


def _problems(folder: Folder, record: Record) -> dict[Part, str]:
    """Why a running part does not do its work."""
    problems: dict[Part, str] = {}
    client = cluster.Client(folder) if folder.kubeconfig.exists() else None
    if client is None or not client.serves():
        problems = dict.fromkeys(cluster.PARTS[1:], "the API server is not ready")
    elif missing := cluster.unready_nodes(client):
        problems[Part.NODES] = ", ".join(missing)
    elif not cluster.controllers_work(client):
        problems[Part.CONTROLLERS] = "no default service account yet"
    port = record.ports.get(Part.CLOUD)
    if port is None or not cloud.serves(port):
        problems[Part.CLOUD] = "does not answer"
    return problems
