"""A policy pack's process, asked for its rules."""

import os
import time
from pathlib import Path

import pytest

from gitops.adapters.pulumi import policy_packs
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.errors import EngineFailed
from gitops.model import PolicyPack, Stack
from gitops.ports import RunnablePack

LEAVES_A_CHILD = """#!/bin/sh
echo "the rules are lost" >&2
setsid sleep 20 >/dev/null &
sleep 1 # until it has a session of its own
echo no-port
"""


def test_a_child_that_holds_the_pipe_of_a_failed_pack_does_not_hold_the_question(tmp_path: Path) -> None:
    executable = tmp_path / "pack.sh"
    executable.write_text(LEAVES_A_CHILD)
    executable.chmod(0o755)
    pack = RunnablePack(executable, PolicyPack("pack.sh", ""))
    started = time.monotonic()
    pulumi = PulumiProcess(tmp_path / "pulumi", {"PATH": os.environ["PATH"]})
    with pytest.raises(EngineFailed, match=r"it told no port") as caught:
        policy_packs.rules(pack, Stack("shop", "dev"), tmp_path, pulumi)
    assert caught.value.text.lines == ("the rules are lost",)
    assert time.monotonic() - started < 15
