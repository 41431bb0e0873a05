"""What a shell, a test or the pipeline needs in its environment to work in a sandbox."""

import os
import shlex
from collections.abc import Mapping

from gitops.errors import UsageError
from gitops.sandbox import cloud
from gitops.sandbox.folder import VARIABLE, Folder, Part
from gitops.toolchain.tools import Tools


def of(folder: Folder, tools: Tools) -> dict[str, str]:
    """The variables of a sandbox that is up. Raises UsageError when there is none.

    AWS keys are the emulator's placeholders, so a command that leaves the sandbox is refused by AWS. The simulated
    `aws` comes first on PATH: a cluster's kubeconfig has nothing but the name of that command.
    """
    ports = folder.read().ports
    if Part.CLOUD not in ports:
        raise UsageError(f"There is no sandbox in {folder.root}.", hint="Start one with `gitops sandbox up`.")
    variables = tools.environment()
    return {
        **variables,
        "PATH": os.pathsep.join((str(folder.commands), variables["PATH"])),
        VARIABLE: str(folder.root),
        "KUBECONFIG": str(folder.kubeconfig),
        "AWS_ENDPOINT_URL": cloud.endpoint(ports[Part.CLOUD]),
        "AWS_REGION": cloud.REGION,
        "AWS_DEFAULT_REGION": cloud.REGION,  # boto3's name for it
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        # Set, so that a session of the user's shell is not mixed with the keys above.
        "AWS_SESSION_TOKEN": "",
        "AWS_EC2_METADATA_DISABLED": "true",
        # Understood by the provider that the toolchain builds: the emulator needs no long waits.
        "AWS_PROVIDER_MAX_POLL": "50ms",
        "NO_PROXY": _without_proxy("NO_PROXY"),
        "no_proxy": _without_proxy("no_proxy"),
        **backend_variables(folder),
    }


def backend_variables(folder: Folder) -> dict[str, str]:
    """Where the state is, and how its secrets are opened."""
    return {
        "PULUMI_BACKEND_URL": folder.state.as_uri(),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder.passphrase),
    }


def _without_proxy(name: str) -> str:
    given = os.environ.get(name, "")
    return given if "127.0.0.1" in given else ",".join(filter(None, (given, "127.0.0.1", "localhost")))


def exports(values: Mapping[str, str]) -> str:
    """Lines for `eval "$(gitops sandbox env)"`."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items()))
