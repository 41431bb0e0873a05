"""Make `github.json` anew: the operations that the simulated GitHub serves, from GitHub's published API description.

The description comes from the npm package `@octokit/openapi`, of this version and hash; descriptions and examples are
left out. Needs npm:  python -m tests.workflows.openapi.renew
"""

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from tests.workflows.github_api import GRAPHQL, ROUTES

PACKAGE = "@octokit/openapi@23.0.2"
SHA512 = "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
MEMBER = "package/generated/api.github.com.json"
EXTRACT = Path(__file__).with_name("github.json")
_WORDS = ("description", "example", "examples", "externalDocs", "summary", "tags", "title", "deprecated")


def renew() -> None:
    """Fetch, check, extract. Raises SystemExit for another hash, or an operation that GitHub does not describe."""
    description = _description()
    wanted = [name.split() for name in sorted({*ROUTES} - {GRAPHQL})]
    paths: dict[str, dict[str, Any]] = {}
    for method, path in wanted:
        if path not in description["paths"] or method.lower() not in description["paths"][path]:
            raise SystemExit(f"GitHub describes no {method} {path}")
        operation = description["paths"][path][method.lower()]
        kept = {name: operation[name] for name in ("parameters", "requestBody", "responses") if name in operation}
        paths.setdefault(path, {})[method.lower()] = _bare(kept)
    components: dict[str, dict[str, Any]] = {}
    _collect(paths, description, components)
    extract = {"package": PACKAGE, "sha512": SHA512, "paths": paths, "components": components}
    EXTRACT.write_text(json.dumps(extract, separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")


def _description() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        [archive] = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != SHA512:
            raise SystemExit(f"{PACKAGE} has the hash {found}, and not the one that is pinned")
        with tarfile.open(archive) as opened:
            member = opened.extractfile(MEMBER)
            assert member is not None
            loaded = json.load(member)
    assert isinstance(loaded, dict)
    return loaded


def _bare(value: Any, *, names: bool = False) -> Any:
    """Without words; the keys of `properties` are names, whatever they are called."""
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: one for key, one in value.items() if names or (key not in _WORDS and not key.startswith("x-"))}
    return {key: _bare(one, names=key == "properties") for key, one in kept.items()}


def _collect(value: Any, description: dict[str, Any], components: dict[str, dict[str, Any]]) -> None:
    """Everything that is referred to, and what that refers to."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            reference = one.get("$ref")
            if isinstance(reference, str):
                _, _, kind, name = reference.split("/")
                if name not in components.setdefault(kind, {}):
                    components[kind][name] = _bare(description["components"][kind][name])
                    left.append(components[kind][name])
            left += one.values()


if __name__ == "__main__":
    renew()
