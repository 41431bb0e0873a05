"""A secret that a program reads from another stack is known before anything is shown of what it writes."""

from pathlib import Path

import pytest

from gitops.errors import EngineFailed
from tests.support.tiny import Tiny

pytestmark = pytest.mark.engine

CANARY = "canary-of-another-7a1f"
READER = """
import pulumi

other = pulumi.StackReference("organization/tiny/dev")
clear = pulumi.Output.unsecret(other.require_output("pw"))
if pulumi.get_stack() == "warns":
    clear.apply(lambda pw: pulumi.log.warn("the other stack says " + pw))
else:
    def refuse(pw):
        raise ValueError("cannot log in with " + pw)
    clear.apply(refuse)
"""


def test_what_another_stack_keeps_secret_is_not_shown(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path / "world")
    other = tiny.project(tmp_path / "other", {"things": {}, "outputs": {"pw": {"secret": "pw"}}}, {"tiny:pw": CANARY})
    tiny.process.must(other, ["stack", "init", "dev"], "make the other stack")
    tiny.process.must(other, ["up", "--yes", "--skip-preview", "--stack", "dev"], "bring it up")
    reader = tiny.project(tmp_path / "reader", {})
    (reader / "__main__.py").write_text(READER)
    (reader / "Pulumi.yaml").write_text((reader / "Pulumi.yaml").read_text().replace("name: tiny", "name: reader"))
    for stack in ("fails", "warns"):
        tiny.process.must(reader, ["stack", "init", stack], "make the stacks that read it")

    with pytest.raises(EngineFailed) as caught:
        tiny.engine.preview(reader, "fails")
    assert "cannot log in with [secret]" in "\n".join(caught.value.text.lines)
    assert CANARY not in "\n".join(caught.value.text.lines)

    [warning] = tiny.engine.preview(reader, "warns").run.diagnostics
    assert warning.message == "the other stack says [secret]"
