"""Give a checkout the `.venv` that `gitops.toolchain` would fill from the lock file, out of the one that runs this."""

import subprocess
import sys
import sysconfig
from pathlib import Path


def main(checkout: Path) -> None:
    """An environment of its own, whose packages are those of the environment that the tests run in."""
    sys.path.insert(0, str(checkout))
    from gitops.toolchain import environment

    target = checkout / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(target)], check=True)
    packages = next(target.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (packages / "simulated-cache.pth").write_text(f"{checkout}\n{here}\n", encoding="utf-8")
    for script in ("pip", "pulumi-language-python-exec"):
        source = Path(sysconfig.get_path("scripts")) / script
        if source.exists():
            (target / "bin" / script).symlink_to(source)
    environment._link_package(target, checkout)
    (target / ".requirements").write_text(environment.wanted_stamp(checkout), encoding="utf-8")


main(Path(sys.argv[1]).resolve())
