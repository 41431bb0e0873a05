"""Runs the program without an engine and records every registration it would have sent to one.

The stock mocks show inputs only. The monitor below sits where the engine does, and so it also sees parents, providers,
protection and time limits, after the SDK has worked out what is inherited.
"""

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource
from pulumi.runtime.stack import Stack, run_pulumi_func

PROJECT = "infrastructure"
ISSUER = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF"
# What EKS says of a cluster beyond what it was asked for.
EKS_ANSWERS: Mapping[str, Any] = {
    "endpoint": "https://0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com",
    "certificateAuthority": {"data": "Y2E="},
    "identities": [{"oidcs": [{"issuer": ISSUER}]}],
}


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would have been asked for it."""

    type: str
    name: str
    custom: bool
    inputs: Mapping[str, Any]
    parent: str
    provider: str
    protect: bool
    depends_on: frozenset[str]
    create_timeout: str


@dataclass(frozen=True)
class Recorded:
    """Everything one run registered, and what it exported."""

    all: tuple[Registration, ...]
    outputs: Mapping[str, Any]

    def of(self, type_suffix: str) -> list[Registration]:
        """Registrations, other than of components, whose type ends so, such as `:Subnet`."""
        return [resource for resource in self.all if resource.custom and resource.type.endswith(type_suffix)]

    def only(self, type_suffix: str) -> Registration:
        """The single registration of a type."""
        (found,) = self.of(type_suffix)
        return found

    def named(self, type_suffix: str, name: str) -> Registration:
        """The registration of a type and a logical name."""
        (found,) = [resource for resource in self.of(type_suffix) if resource.name == name]
        return found

    def created(self) -> list[Registration]:
        """What exists in a cloud or a cluster: no components, no providers."""
        return [resource for resource in self.all if resource.custom and not resource.type.startswith("pulumi:")]


class _Echo(mocks.Mocks):
    """A cloud in which everything comes out as it went in, with an id and an ARN."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        made = {"arn": f"arn:{args.name}", "keyId": f"key-{args.name}"} if args.typ.startswith("aws:") else {}
        if args.typ == "aws:eks/cluster:Cluster":
            made |= EKS_ANSWERS
            args.inputs["vpcConfig"] = {**args.inputs["vpcConfig"], "clusterSecurityGroupId": "sg-cluster"}
        return f"{args.name}-id", {**made, **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asks the cloud a question while it is built: {args.token}")


class _Recorder(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Echo())
        self.registered: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's own name
        if request.type != "pulumi:pulumi:Stack":
            self.registered.append(
                Registration(
                    type=request.type,
                    name=request.name,
                    custom=request.custom,
                    inputs=rpc.deserialize_properties(request.object),
                    parent=request.parent,
                    provider=request.provider,
                    protect=request.protect,
                    depends_on=frozenset(request.dependencies),
                    create_timeout=request.customTimeouts.create,
                )
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are half typed


def record(program: Callable[[], object], *, stack: str = "dev", config: Mapping[str, str] | None = None) -> Recorded:
    """Run the program as the engine would, with this configuration; what it raises comes through."""
    recorder = _Recorder()
    outputs: dict[str, Any] = {}

    def build() -> None:
        program()

    async def run() -> None:
        mocks.set_mocks(_Echo(), project=PROJECT, stack=stack, preview=False, monitor=recorder)
        # The SDK shares this set between runs: what one run leaves in it fails the next.
        SETTINGS.outputs = set()
        pulumi.runtime.set_all_config(dict(config or {}))
        await run_pulumi_func(build)
        root = get_root_resource()
        assert isinstance(root, Stack)
        for key, value in root.outputs.items():
            outputs[key] = await pulumi.Output.from_input(value).future()

    # Settings, configuration and root resource are context variables: a context of its own keeps runs apart.
    contextvars.Context().run(asyncio.run, run())
    return Recorded(tuple(recorder.registered), outputs)
