"""Runs in the Python of a program that is previewed after others, as its `sitecustomize`; it uses nothing of ours.

Pulumi's SDK takes every output of a stack for unknown as soon as one is, and the preview then shows replacements that
nobody will see. Here `get_output` and `require_output` of a StackReference give each output by itself, as they do once
all are known. Where the SDK is not as we know it, it is left as it is: more is unknown then, and nothing is wrong.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

_ALTERED = "pulumi.stack_reference"


class _Finder:
    """Alters that module when a program imports it; the policy packs and plugins beside it do not."""

    @classmethod
    def find_spec(cls, name: str, _path: object = None, _target: object = None) -> Any:
        if name != _ALTERED:
            return None
        sys.meta_path.remove(cls)
        spec: Any = importlib.util.find_spec(name)
        if spec is None:
            return None
        run: Callable[[ModuleType], None] = spec.loader.exec_module

        def run_and_alter(module: ModuleType) -> None:
            run(module)
            with suppress(ImportError, AttributeError):
                _give_each_by_itself(module)

        spec.loader.exec_module = run_and_alter
        return spec


def _give_each_by_itself(module: Any) -> None:
    unknown: Any = importlib.import_module("pulumi.output").Unknown
    whole: Any = module.Output

    class Both:
        """A name and all outputs, from which one can be taken though others are unknown."""

        def __init__(self, both: Any) -> None:
            self._both = both

        def apply(self, take: Callable[[Any], Any]) -> Any:
            return self._both.apply(
                lambda both: both if isinstance(both, unknown) else take(both), run_with_unknowns=True
            )

    # What the module's own code knows by this name from now on.
    module.Output = type("Output", (whole,), {"all": staticmethod(lambda *both: Both(whole.all(*both)))})


def _run_the_one_behind() -> None:
    """Run the `sitecustomize` that this one hides, if there is any."""
    here = str(Path(__file__).parent)
    sys.path[:] = [place for place in sys.path if place != here]
    ours = sys.modules.pop("sitecustomize")
    with suppress(ImportError):
        importlib.import_module("sitecustomize")
    sys.modules.setdefault("sitecustomize", ours)


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Finder)
    _run_the_one_behind()
