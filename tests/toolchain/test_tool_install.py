"""Installing with real Go builds of a module of a few lines: in order, once, by one process, resumable."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gitops.errors import ToolchainError
from gitops.toolchain import cache, tools, verbs
from gitops.toolchain.install import Installation, sweep
from gitops.toolchain.process import Runner, Stopped
from tests.toolchain.fakes import Toolchain, times_asked, tool

# A child process that installs into the same folders as the test.
CHILD = """
import sys
from pathlib import Path
from gitops.errors import GitOpsError
from gitops.toolchain import verbs
from tests.toolchain.fakes import Toolchain
import os
toolchain = Toolchain(Path(sys.argv[1]))
try:
    verbs.install(sys.argv[2:], sys.stdout, toolchain.places(os.environ))
except GitOpsError as error:
    print(error.message, error.hint, sep="\\n")
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(toolchain: Toolchain, environ: dict[str, str], *names: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(toolchain.root), *names],
        env=environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


def install(toolchain: Toolchain, environ: dict[str, str], *names: str) -> str:
    """Install in this process; what was shown."""
    places = toolchain.places(environ)
    Installation(places, toolchain.progress(), toolchain.pins).run(names)
    return toolchain.screen.getvalue()


def slow(environ: dict[str, str], toolchain: Toolchain, seconds: float) -> dict[str, str]:
    """A go on PATH that says when a build starts, and takes its time before it."""
    go = subprocess.run(["which", "go"], capture_output=True, text=True, check=True).stdout.strip()
    wrapper = toolchain.root / "slow" / "go"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\n[ "$1" = build ] && echo x >> "{toolchain.root}/builds" && sleep {seconds}\nexec "{go}" "$@"\n'
    )
    wrapper.chmod(0o755)
    return environ | {"PATH": f"{wrapper.parent}:{environ['PATH']}"}


def builds(toolchain: Toolchain) -> int:
    file = toolchain.root / "builds"
    return len(file.read_text().splitlines()) if file.exists() else 0


def wait_for(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_piece_is_built_and_found(toolchain: Toolchain, environ: dict[str, str]) -> None:
    shown = install(toolchain, environ, "hello")
    hello = tools.find(["hello"], places=toolchain.places(environ)).path("hello")
    assert subprocess.run([hello], capture_output=True, text=True, check=True).stdout == "hello 1.2.3\n"
    assert "To build: Hello 1.2.3. About 5 s on this machine's" in shown
    assert "Hello 1.2.3: building, about 5 s\n" in shown
    assert "Hello 1.2.3: done in " in shown


def test_a_second_call_builds_nothing_and_says_nothing(toolchain: Toolchain, environ: dict[str, str]) -> None:
    slowed = slow(environ, toolchain, 0)
    install(toolchain, slowed, "hello")
    toolchain.screen.truncate(0)
    assert install(toolchain, slowed, "hello").strip("\0") == ""
    assert builds(toolchain) == 1


def test_only_what_the_command_needs_is_built(toolchain: Toolchain, environ: dict[str, str]) -> None:
    install(toolchain, environ, "pipeline")
    assert not tools.is_complete(["other"], toolchain.places(environ), toolchain.pins)


def test_a_tool_that_is_there_is_not_built(toolchain: Toolchain, environ: dict[str, str]) -> None:
    hello = tool(toolchain.root / "bin/hello", "1.9.0")
    slowed = slow(environ | {"PATH": f"{hello.parent}:{environ['PATH']}"}, toolchain, 0)
    assert "Hello: 1.9.0 is there" in install(toolchain, slowed, "hello")
    install(toolchain, slowed, "hello")
    assert (builds(toolchain), times_asked(hello)) == (0, 1)


def test_a_changed_recipe_is_built_anew(toolchain: Toolchain, environ: dict[str, str]) -> None:
    install(toolchain, environ, "hello")
    main = toolchain.root / "recipes/hello/main.go"
    main.write_text(main.read_text().replace("hello 1.2.3", "hello again 1.2.3"))
    install(toolchain, environ, "hello")
    hello = tools.find(["hello"], places=toolchain.places(environ)).path("hello")
    assert "again" in subprocess.run([hello], capture_output=True, text=True, check=True).stdout


def test_of_two_that_start_at_once_one_builds_and_the_other_waits_visibly(
    toolchain: Toolchain, environ: dict[str, str]
) -> None:
    slowed = slow(environ, toolchain, 1.5)
    children = [start(toolchain, slowed, "hello") for _ in range(2)]
    shown = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert builds(toolchain) == 1
    waiting = [text for text in shown if "is at it, waiting" in text]
    assert len(waiting) == 1
    assert str(children[1 - shown.index(waiting[0])].pid) in waiting[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_no_process_and_goes_on_at_the_next_call(
    toolchain: Toolchain, environ: dict[str, str], number: signal.Signals
) -> None:
    slowed = slow(environ, toolchain, 60)
    child = start(toolchain, slowed, "hello")
    wait_for(lambda: builds(toolchain) == 1)
    child.send_signal(number)
    shown, _ = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "Stopped before the tools were complete." in shown
    assert "it goes on where it stopped" in shown
    places = toolchain.places(environ)
    assert list(places.work.iterdir()) == []
    assert not running("sleep 60")
    install(toolchain, environ, "hello")
    assert tools.is_complete(["hello"], places, toolchain.pins)


def test_while_a_killed_installers_build_lives_the_next_one_waits_and_then_builds(
    toolchain: Toolchain, environ: dict[str, str]
) -> None:
    killed = start(toolchain, slow(environ, toolchain, 2), "hello")
    wait_for(lambda: builds(toolchain) == 1)
    killed.kill()
    killed.communicate()
    assert "is at it, waiting" in install(toolchain, environ, "hello")
    places = toolchain.places(environ)
    assert tools.is_complete(["hello"], places, toolchain.pins)
    sweep(places.work)
    assert list(places.work.iterdir()) == []


def test_what_a_failed_build_says_is_shown(toolchain: Toolchain, environ: dict[str, str]) -> None:
    toolchain.write(main="package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(ToolchainError, match=r"main\.go:3:15: undefined: undefined"):
        install(toolchain, environ, "hello")


def test_when_one_build_fails_the_other_is_stopped(toolchain: Toolchain, environ: dict[str, str]) -> None:
    file = toolchain.root / "recipes/pins.toml"
    source = '[[recipes.other.sources]]\nmodule = "example.invalid/x"\nversion = "v1.0.0"\nsum = "h1:x"\n'
    file.write_text(file.read_text().replace("[recipes.other]\n", "[recipes.other]\n" + source))
    slowed = slow(environ, toolchain, 61) | {"GOPROXY": "http://127.0.0.1:9"}
    with pytest.raises(ToolchainError, match=r"example\.invalid/x"):
        install(toolchain, slowed, "hello", "other")
    assert not running("sleep 61")


def test_a_waiting_lock_can_be_given_up(toolchain: Toolchain) -> None:
    places, stop = toolchain.places({}), threading.Event()
    with cache.lock(places, "x", stop, lambda _: None):
        stop.set()
        with pytest.raises(Stopped), cache.lock(places, "x", stop, lambda _: None):
            pass


def test_a_stopped_process_takes_its_children_along(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Stopped):
        Runner(stop).run(["sh", "-c", "sleep 62 & wait"], folder=tmp_path, environ=os.environ)
    wait_for(lambda: not running("sleep 62"))


def test_the_status_tells_what_is_missing_and_how_long_it_takes(toolchain: Toolchain, environ: dict[str, str]) -> None:
    install(toolchain, environ, "hello")
    screen = type(toolchain.screen)()
    verbs.status(["all"], screen, as_json=False, places=toolchain.places(environ))
    heading, hello, other = screen.getvalue().splitlines()
    assert heading.split()[:4] == ["piece", "wanted", "from", "version"]
    assert hello.split()[:4] == ["Hello", "1.2.3", "built", "1.2.3"]
    assert other.split() == ["Other", "2.0.0", "missing", "about", "5", "s"]


def running(command: str) -> bool:
    """Whether a process with this command line is alive."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().rstrip(b"\0").split(b"\0")
        except OSError:
            continue
        if words == [word.encode() for word in command.split()]:
            return True
    return False
