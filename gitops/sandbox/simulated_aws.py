"""The `aws` command of a sandbox, simulated: logs clients of an EKS cluster in to the sandbox's API server.

usage: simulated_aws.py KUBECONFIG eks get-token --cluster-name NAME [options]

A kubeconfig for EKS holds no token, it names `aws eks get-token`. Standard library only, because it runs once for each
client, and so that it starts in a few hundredths of a second.
"""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

_REFUSED = 2
_LIFETIME = timedelta(minutes=14)  # as long as the real command says; then the client asks again


def write(folder: Path, kubeconfig: Path) -> None:
    """Make `aws` in the folder (both 0700), for the API server of this kubeconfig."""
    folder.mkdir(mode=0o700, exist_ok=True)
    # Not a #! of Python's own: the kernel cuts long paths, and those with spaces.
    words = shlex.join([sys.executable, "-I", "-S", str(Path(__file__).resolve()), str(kubeconfig)])
    beside = folder / "aws.new"
    beside.touch(mode=0o700)
    beside.write_text(f'#!/bin/sh\n# Simulated, for the sandbox in this folder.\nexec {words} "$@"\n')
    beside.replace(folder / "aws")


def main(arguments: Sequence[str]) -> int:
    """Print the credential that a Kubernetes client expects; the client reads it, and shows it to nobody."""
    kubeconfig, *asked = arguments
    if asked[:2] != ["eks", "get-token"] or not {"--cluster-name", "--cluster-id"} & set(asked):
        sys.stderr.write(
            "aws (simulated): in this sandbox the command only answers `aws eks get-token --cluster-name NAME`. "
            "Ask the emulator with another client, such as boto3; AWS_ENDPOINT_URL says where it is.\n"
        )
        return _REFUSED
    token = json.loads(Path(kubeconfig).read_text())["users"][0]["user"]["token"]
    until = datetime.now(UTC) + _LIFETIME
    credential = {
        "kind": "ExecCredential",
        "apiVersion": _version(os.environ.get("KUBERNETES_EXEC_INFO", "")),
        "spec": {},
        "status": {"expirationTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": token},
    }
    sys.stdout.write(json.dumps(credential) + "\n")
    return 0


def _version(info: str) -> str:
    """A client only takes the version that it asks for; v1beta1 is what EKS's own kubeconfigs name."""
    try:
        return str(json.loads(info)["apiVersion"])
    except (ValueError, KeyError, TypeError):
        return "client.authentication.k8s.io/v1beta1"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
