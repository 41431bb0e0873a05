"""What the environment points a program at, beyond its files and config: a cluster, an account's profile and region.

A provider that names its cluster or account has that in the program and in the state. One that does not takes it from
here. No credential is read: no key, no token, no user of a kubeconfig. Of servers, endpoints and accounts, which need
not be public, only the SHA-256 is kept.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# Names that people choose, shown as they are. https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
_AWS_NAMES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION")


def read(environment: Mapping[str, str]) -> dict[str, str]:
    """Name → value or digest of everything there is; what is not set is absent."""
    found = {name: environment[name] for name in _AWS_NAMES if environment.get(name)}
    for name, value in environment.items():
        if name.startswith("AWS_ENDPOINT_URL") and value:
            found[name] = _digest(value)
    account = _account(environment.get("AWS_ROLE_ARN", ""))
    if account:
        found["AWS account of AWS_ROLE_ARN"] = _digest(account)
    return dict(sorted({**found, **_cluster(environment)}.items()))


def _cluster(environment: Mapping[str, str]) -> dict[str, str]:
    """The context that a Kubernetes client would use. As kubectl merges files: the first to name a thing wins."""
    context = ""
    contexts: dict[Any, Any] = {}
    clusters: dict[Any, Any] = {}
    for document in _kubeconfigs(environment):
        context = context or str(document.get("current-context") or "")
        contexts = {**_by_name(document, "contexts", "context"), **contexts}
        clusters = {**_by_name(document, "clusters", "cluster"), **clusters}
    server = clusters.get(contexts.get(context, {}).get("cluster"), {}).get("server")
    if not server:
        return {}
    return {"Kubernetes context": context, "Kubernetes server": _digest(str(server))}


def _kubeconfigs(environment: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    named = [one for one in environment.get("KUBECONFIG", "").split(os.pathsep) if one]
    home = environment.get("HOME")
    files = [Path(one) for one in named] or ([Path(home) / ".kube" / "config"] if home else [])
    for file in files:
        try:
            document = yaml.safe_load(file.read_bytes())
        except (OSError, yaml.YAMLError):
            continue  # a provider would not read it either, and says so
        if isinstance(document, Mapping):
            yield document


def _by_name(document: Mapping[str, Any], key: str, content: str) -> dict[Any, Any]:
    entries = document.get(key)
    return {
        entry.get("name"): entry[content]
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, Mapping) and isinstance(entry.get(content), Mapping)
    }


def _account(arn: str) -> str:
    """The account in `arn:aws:iam::123456789012:role/name`."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
