"""The cloud: moto's AWS server behind the toolchain's front, all data in memory. Simulated, and says so.

Every EKS cluster that is made in it is led to the sandbox's one API server.
"""

import sys
import urllib.error
import urllib.request

from gitops.sandbox.folder import Folder, Part
from gitops.sandbox.processes import Launch
from gitops.toolchain.tools import Tools

PORTS = (str(Part.CLOUD),)
REGION = "eu-west-1"


def launch(folder: Folder, port: int, tools: Tools) -> Launch:
    """How the emulator is started, by this very Python."""
    # -u: what it logs is complete when it dies; -P keeps the folder of the recipes from shadowing modules.
    command = [sys.executable, "-u", str(tools.recipes / "aws-emulator"), str(port)]
    # Read when a cluster is asked for, so it does not matter which of the two is there first.
    return Launch(command, folder.log(Part.CLOUD), {"AWS_EMULATOR_KUBECONFIG": str(folder.kubeconfig)})


def endpoint(port: int) -> str:
    """Where the emulator answers."""
    return f"http://127.0.0.1:{port}"


def serves(port: int) -> bool:
    """Whether the emulator answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint(port)}/moto-api/", timeout=5):
            return True
    except (OSError, urllib.error.URLError):
        return False
