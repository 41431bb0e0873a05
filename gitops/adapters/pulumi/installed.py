"""What a program would run with, known without running it: Pulumi, its Python, and Pulumi's packages in that Python."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gitops.adapters.pulumi.process import PulumiProcess

# Run by the program's Python, so it uses nothing of ours. A distribution's folder tells its name and version.
_LOOK = """
import json, platform, sys
from pathlib import Path
found = {}
for place in reversed(sys.path):
    for folder in Path(place).glob("pulumi*.dist-info") if place else ():
        name, _, version = folder.name[:-len(".dist-info")].rpartition("-")
        found[name.replace("_", "-").lower() + " package"] = version
print(json.dumps({"python": platform.python_version(), **found}))
"""


class Installed:
    """Looks once for each Python."""

    def __init__(self, process: PulumiProcess) -> None:
        self._process = process
        self._pulumi = ""
        self._pythons: dict[Path, dict[str, str]] = {}

    def versions(self, folder: Path) -> dict[str, str]:
        """`pulumi` beside what `packages` tells of the project in `folder`. Raises EngineFailed."""
        if not self._pulumi:
            self._pulumi = self._process.must(folder, ["version"], "ask Pulumi for its version").strip().lstrip("v")
        return {"pulumi": self._pulumi, **self.packages(folder)}

    def packages(self, folder: Path) -> dict[str, str]:
        """`python` and `<distribution> package` → version.

        Nothing where Pulumi makes an environment of its own, which is there only after a run.
        """
        python = _python(folder, self._process.environment)
        return self._of(python) if python else {}

    def _of(self, python: Path) -> dict[str, str]:
        if python not in self._pythons:
            finished = subprocess.run(
                [str(python), "-c", _LOOK],
                env=dict(self._process.environment),
                capture_output=True,
                text=True,
                check=False,
            )
            self._pythons[python] = json.loads(finished.stdout) if finished.returncode == 0 else {}
        return self._pythons[python]


def _python(folder: Path, environment: Mapping[str, str]) -> Path | None:
    """The interpreter that Pulumi's Python host starts: `sdk/python/cmd/pulumi-language-python`, `toolchain/pip.go`."""
    settings: Any = yaml.safe_load((folder / "Pulumi.yaml").read_bytes()) or {}
    runtime = settings.get("runtime")
    options = runtime.get("options") if isinstance(runtime, Mapping) else None
    if isinstance(options, Mapping) and (options.get("virtualenv") or options.get("toolchain") not in (None, "pip")):
        return None
    found = shutil.which("python" if sys.platform == "win32" else "python3", path=environment.get("PATH"))
    return Path(found) if found else None
