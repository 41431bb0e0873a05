"""Policy packs as processes: where a checkout has them, and what their rules say of themselves."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gitops.adapters.pulumi.process import PulumiProcess
from gitops.config.settings import FILE
from gitops.errors import ConfigError, EngineFailed
from gitops.flow.plans.policies import ENTRY, PROJECT_FILE, WHAT_A_PACK_IS
from gitops.model import PolicyPack, PolicyRule, Stack
from gitops.ports import RunnablePack

if TYPE_CHECKING:
    from pulumi.runtime.proto import analyzer_pb2

# A pack imports its SDK before it answers; a busy machine takes several seconds for that.
_PATIENCE = 60.0
_LAST_WORDS = 2.0  # how long to wait for them: what a pack has left in another session may hold the pipe open
_LEVELS = {0: "advisory", 1: "mandatory", 2: "disabled", 3: "remediate"}  # sdk/proto/pulumi/analyzer.proto
_SEVERITIES = {0: "", 1: "low", 2: "medium", 3: "high", 4: "critical"}
_SCOPES = {1: "resource", 2: "stack"}


def located(checkout: Path, entry: str, pack: PolicyPack) -> RunnablePack:
    """The pack in a checkout, started by its file `entry`. Raises ConfigError for a file that cannot be run."""
    executable = checkout / entry
    if not os.access(executable, os.X_OK):
        raise ConfigError(
            FILE,
            f"{entry} of the policy pack {pack.path} is not executable",
            key="policy.packs",
            hint=f"Run: git update-index --chmod=+x {entry}, and commit that.",
        )
    return RunnablePack(executable, pack)


def must_be_there(root: Path, packs: Mapping[str, int | None]) -> None:
    """Raises ConfigError unless a working tree has each of these packs; they map to the lines that name them."""
    for path, line in packs.items():
        main = root / path if (root / path).is_file() else root / path / ENTRY
        if not main.is_file() or (main != root / path and not (root / path / PROJECT_FILE).is_file()):
            raise ConfigError(
                FILE, f"there is no policy pack at {path!r}", line=line, key="policy.packs", hint=WHAT_A_PACK_IS
            )
        located(root, str(main.relative_to(root)), PolicyPack(path, ""))


def arguments(packs: Sequence[RunnablePack]) -> list[str]:
    """What has Pulumi run them."""
    return [part for pack in packs for part in ("--policy-pack", str(pack.executable))]


def rules(pack: RunnablePack, stack: Stack, folder: Path, pulumi: PulumiProcess) -> tuple[PolicyRule, ...]:
    """Start a pack, tell it the stack as Pulumi does, ask for its rules, and end it.

    A pack may have other levels for another stack. Raises EngineFailed for one that does not answer.
    """
    # Neither has types, and the stubs of other people lag behind; both come with pulumi.
    import grpc  # type: ignore[import-untyped]
    from google.protobuf import empty_pb2  # type: ignore[import-untyped]
    from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

    doing = f"ask the policy pack {pack.pack.path} for its rules"
    with _started(pack, folder, pulumi, doing) as address, grpc.insecure_channel(address) as channel:
        stub = analyzer_pb2_grpc.AnalyzerStub(channel)
        about = analyzer_pb2.AnalyzerStackConfigureRequest(stack=stack.name, project=stack.project, dry_run=True)
        try:
            try:
                stub.ConfigureStack(about, timeout=_PATIENCE, wait_for_ready=True)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:  # as Pulumi does: a pack need not know this
                    raise
            info = stub.GetAnalyzerInfo(empty_pb2.Empty(), timeout=_PATIENCE)
        except grpc.RpcError as error:
            text = pulumi.redactor.clean([error.details() or ""])
            raise EngineFailed(f"Could not {doing}: it answered {error.code().name}.", text=text) from None
    return tuple(_rule(info.name, one) for one in info.policies)


def _rule(pack: str, told: "analyzer_pb2.PolicyInfo") -> PolicyRule:
    framework: Any = told.framework
    named = " ".join(part for part in (framework.name, framework.version) if part)
    return PolicyRule(
        pack=pack,
        name=told.name,
        title=told.displayName,
        description=told.description,
        level=_LEVELS.get(told.enforcementLevel, "unknown"),
        severity=_SEVERITIES.get(told.severity, ""),
        framework=named,
        reference=framework.reference,
        specification=framework.specification,
        tags=tuple(told.tags),
        remedy=told.remediation_steps,
        url=told.url,
        scope=_SCOPES.get(told.policy_type, ""),
    )


@contextlib.contextmanager
def _started(pack: RunnablePack, folder: Path, pulumi: PulumiProcess, doing: str) -> Iterator[str]:
    """The pack as Pulumi starts it, and the address at which it answers; it is ended with all that it started."""
    try:
        process = subprocess.Popen(
            # Its argument is the address of an engine, which a question for its rules does not need.
            [str(pack.executable), "127.0.0.1:0"],
            cwd=folder,
            env={**pulumi.environment, "PYTHONUNBUFFERED": "1"},  # see PulumiProcess._start
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise EngineFailed(f"Could not {doing}: {error.strerror or error}: {pack.executable}") from None
    with process:
        try:
            port = _first_line(process).strip()
            if not port.isdigit():
                _end(process)
                said = _rest(process).decode(errors="replace").strip()
                ended = "it told no port" if said else "it told no port and said nothing"
                raise EngineFailed(f"Could not {doing}: {ended}.", text=pulumi.redactor.clean([said]))
            yield f"127.0.0.1:{port}"
        finally:
            _end(process)


def _first_line(process: "subprocess.Popen[bytes]") -> str:
    """The first line of its standard output; what came until then where there is none in time."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    told = b""
    for more in _parts(process.stdout, _PATIENCE):
        told += more
        if b"\n" in told:
            break
    return told.partition(b"\n")[0].decode(errors="replace")


def _rest(process: "subprocess.Popen[bytes]") -> bytes:
    """What an ended pack has written to its standard error."""
    assert process.stderr is not None  # noqa: S101 - it was started with a pipe
    return b"".join(_parts(process.stderr, _LAST_WORDS))


def _parts(pipe: IO[bytes], patience: float) -> Iterator[bytes]:
    """What comes through a pipe, until its end or for so many seconds."""
    deadline = time.monotonic() + patience
    with selectors.DefaultSelector() as ready:
        ready.register(pipe, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and ready.select(left):
            more = os.read(pipe.fileno(), 4096)
            if not more:
                return
            yield more


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
