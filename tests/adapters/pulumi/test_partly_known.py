"""What runs in the Python of a program that is previewed after others."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gitops.adapters.pulumi import partly_known

SDK = """
class Output:
    def __init__(self, value): self.value = value
    def apply(self, take, run_with_unknowns=False):
        return take(self.value) if run_with_unknowns else "all unknown"
    @staticmethod
    def all(*both): return Output(both)
class Unknown: pass
"""
REFERENCE = """
from pulumi.output import Output
class StackReference:
    outputs = {"known": 1}
    def get_output(self, name): return Output.all(name, self.outputs).apply(lambda both: both[1].get(both[0]))
"""


def said(folder: Path, sdk: str) -> str:
    """What a program says, in whose Python ours runs before another `sitecustomize`, with that SDK."""
    places = [folder / name for name in ("ours", "theirs")]
    for place in (*places, places[1] / "pulumi"):
        place.mkdir()
    shutil.copyfile(partly_known.__file__, places[0] / "sitecustomize.py")
    (places[1] / "sitecustomize.py").write_text("import builtins\nbuiltins.theirs = 'ran'\n")
    (places[1] / "pulumi" / "__init__.py").write_text("")
    (places[1] / "pulumi" / "output.py").write_text(sdk)
    (places[1] / "pulumi" / "stack_reference.py").write_text(REFERENCE)
    program = "from pulumi.stack_reference import StackReference\nprint(theirs, StackReference().get_output('known'))"
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    return subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_each_output_is_given_by_itself_and_another_sitecustomize_runs_too(tmp_path: Path) -> None:
    assert said(tmp_path, SDK) == "ran 1"


def test_an_sdk_that_is_not_as_we_know_it_is_left_as_it_is(tmp_path: Path) -> None:
    assert said(tmp_path, SDK.replace("class Unknown: pass", "")) == "ran all unknown"
