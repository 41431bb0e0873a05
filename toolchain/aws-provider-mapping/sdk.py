"""What the installed pulumi_aws says about its resources and functions: tokens, properties, shapes."""

import functools
import importlib
import inspect
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi_aws
from exceptions import MODULES
from pulumi import _types

ROOT = Path(pulumi_aws.__file__).parent
NOT_PROPERTIES = {"id", "urn"}


@dataclass(frozen=True)
class Definition:
    """A class of the SDK by module and name; for a function, the class of its result."""

    module: str
    name: str

    def load(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)

    @functools.cached_property
    def names(self) -> set[str]:
        """The wire names of its properties, read from the text: importing a thousand modules takes minutes."""
        text = (ROOT.parent / (self.module.replace(".", "/") + ".py")).read_text()
        end = r"(?=^class |^@pulumi\.(?:type_token|output_type)|^def |\Z)"
        body = re.search(rf"^class {self.name}\b.*?{end}", text, re.S | re.M)
        getter = r'@pulumi\.getter(?:\(name="(\w+)"\))?\n(?:\s+@.*\n)*?\s+def (\w+)\(self\)'
        found = re.findall(rf"@_builtins\.property\n\s+{getter}", body[0] if body else "")
        return {wire or python for wire, python in found} - NOT_PROPERTIES


@dataclass(frozen=True)
class Argument:
    """An argument of a resource: whether it must be given, and its type as text."""

    required: bool
    hint: str


def resources() -> dict[str, Definition]:
    """All resources of the modules, by token."""
    pattern = r'@pulumi\.type_token\("(aws:[^"]+)"\)\nclass (\w+)\(pulumi\.CustomResource\)'
    return _definitions("*.py", pattern)


def functions() -> dict[str, Definition]:
    """All functions (Terraform's data sources) of the modules, by token."""
    return _definitions("get_*.py", r"pulumi\.runtime\.invoke\('(aws:[^']+)'.*typ=(\w+)\)")


def _definitions(files: str, pattern: str) -> dict[str, Definition]:
    found = {}
    for module in ["", *MODULES.split()]:
        for file in sorted((ROOT / module).glob(files)):
            name = ".".join(["pulumi_aws", *([module] if module else []), file.stem])
            for token, cls in re.findall(pattern, file.read_text()):
                found[token] = Definition(name, cls)
    return found


def resource_types(definition: Definition) -> dict[str, Any]:
    return _without_identity(_types.resource_types(definition.load()))


def function_types(definition: Definition) -> dict[str, Any]:
    return _without_identity(_types.output_type_types(definition.load()))


def _without_identity(types: Mapping[str, Any]) -> dict[str, Any]:
    return {name: kind for name, kind in types.items() if name not in NOT_PROPERTIES}


def arguments(definition: Definition) -> dict[str, Argument]:
    """The arguments of a resource by wire name."""
    cls = getattr(importlib.import_module(definition.module), definition.name + "Args", None)
    if cls is None or not _types.is_input_type(cls):
        return {}
    parameters = inspect.signature(cls.__init__).parameters
    hints = cls.__init__.__annotations__
    return {
        wire: Argument(
            required=python in parameters and parameters[python].default is inspect.Parameter.empty,
            hint=str(hints.get(python, "")),
        )
        for python, wire in _types.input_type_py_to_pulumi_names(cls).items()
    }


class Outputs:
    """How to read the types of results: a kind (scalar, list, map or object) and what is inside."""

    def fields(self, cls: Any) -> dict[str, Any]:
        return _types.output_type_types(cls)

    def shape(self, kind: Any) -> tuple[str, Any]:
        kind = kind if isinstance(kind, str) else _types.unwrap_type(kind)
        if typing.get_origin(kind) is typing.Union:
            shapes = [self.shape(one) for one in typing.get_args(kind) if one is not type(None)]
            return next((shape for shape in shapes if shape[0] != "scalar"), shapes[0])
        return container(kind) or (("object", kind) if is_object(kind, _types.is_output_type) else ("scalar", kind))


class Inputs:
    """The same for the types of arguments, each of which may also be an Output or an Awaitable."""

    def fields(self, cls: Any) -> dict[str, Any]:
        return _types.input_type_types(cls)

    def shape(self, kind: Any) -> tuple[str, Any]:
        while typing.get_origin(kind) is typing.Union:
            kind = self._plain(kind)
        return container(kind) or (("object", kind) if is_object(kind, _types.is_input_type) else ("scalar", kind))

    def _plain(self, union: Any) -> Any:
        """The member of Input[X] that is X: an object before a container before a scalar."""
        members = [one for one in typing.get_args(union) if one is not type(None)]
        plain = [one for one in members if not re.search("Awaitable|Output", str(typing.get_origin(one)))]
        objects = [one for one in plain if is_object(one, _types.is_input_type)]
        containers = [one for one in plain if typing.get_origin(one) is not None]
        return (objects or containers or plain)[0]


def is_object(kind: Any, test: Any) -> bool:
    return inspect.isclass(kind) and bool(test(kind))


def container(kind: Any) -> tuple[str, Any] | None:
    """A map or list with the type of its values; None for what is neither."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if not inspect.isclass(origin):
        return None
    if issubclass(origin, Mapping):
        return "map", inside[1] if inside else str
    if issubclass(origin, Sequence):
        return "list", inside[0] if inside else str
    return None
