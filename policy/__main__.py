#!/usr/bin/env python3
"""Serves the rules to the Pulumi engine: `pulumi preview --policy-pack policy/__main__.py`."""

import importlib.util
import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
# Python puts the program's folder first. With this repository's root there instead, a `yaml.py` in it would be run as
# part of this pack, without being one of its files. So neither is there, and the package is loaded by its own folder.
if sys.path[0] == str(_FOLDER):
    sys.path.pop(0)

import pulumi_policy.policy as sdk  # noqa: E402 - the path comes first
from google.protobuf import json_format  # type: ignore[import-untyped] # noqa: E402
from pulumi.runtime.proto import analyzer_pb2  # noqa: E402
from pulumi_policy import PolicyPack  # noqa: E402
from pulumi_policy.deserialize import deserialize_properties  # noqa: E402
from pulumi_policy.proxy import unknown_checking_proxy  # noqa: E402

if __name__ == "__main__":
    _spec = importlib.util.spec_from_file_location(
        "policy", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    if _spec is None or _spec.loader is None:
        sys.exit(f"The rules in {_FOLDER} cannot be loaded. Nothing is checked, and so nothing may pass.")
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["policy"] = _package
    _spec.loader.exec_module(_package)

from policy import catalogue, exemptions, levels, pack  # noqa: E402
from policy.files import FileError  # noqa: E402


def main() -> None:
    """Read the settings beside this file, and serve until the engine ends the process."""
    today = datetime.now(UTC).date()
    try:
        assembled = pack.assemble(
            catalogue.ALL,
            levels.read(_text("levels.yaml"), "policy/levels.yaml", catalogue.NAMES),
            exemptions.read(_text("exemptions.yaml"), "policy/exemptions.yaml", catalogue.NAMES, today),
        )
    except FileError as error:
        sys.exit(f"{error}\nNothing is checked, and so nothing may pass. Correct the file.")

    class Servicer(sdk._PolicyAnalyzerServicer):
        """The SDK's service with what it has no way to say. Should a later SDK pass this by, all gets stricter.

        The levels go by the stack's name, which it does not hand on. A rule reports at its own level only, while what
        is exempt, or not known yet, is no violation. And rules over a stack need to see inputs, too.
        """

        def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's own name
            assembled.choose(request.stack.rpartition("/")[2])
            return super().ConfigureStack(request, context)

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802
            assembled.note(request.urn, _inputs(request))
            return _with_remarks(super().Analyze(request, context))  # type: ignore[no-untyped-call] # half typed

        def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802
            return _with_remarks(super().AnalyzeStack(request, context))  # type: ignore[no-untyped-call] # half typed

    # The SDK does not flush the line that tells the engine its port, and the engine waits for it without an end.
    sys.stdout = io.TextIOWrapper(io.FileIO(sys.stdout.fileno(), "wb", closefd=False), write_through=True)
    sdk._PolicyAnalyzerServicer = Servicer  # type: ignore[misc] # PolicyPack takes none as an argument
    PolicyPack(
        name="controls",
        policies=assembled.policies,
        display_name="Controls",
        description="Security and reliability rules for AWS and Kubernetes, each tied to a published control",
    )


def _inputs(request: Any) -> Any:
    """The inputs as the SDK hands them to a policy."""
    return unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(request.properties)))


def _with_remarks(response: Any) -> Any:
    for diagnostic in response.diagnostics:
        if pack.is_remark(diagnostic.message):
            diagnostic.enforcementLevel = analyzer_pb2.ADVISORY
    return response


def _text(name: str) -> str:
    try:
        return (_FOLDER / name).read_text(encoding="utf-8")
    except OSError as error:
        raise FileError(f"policy/{name} cannot be read: {error.strerror}") from None


if __name__ == "__main__":
    main()
