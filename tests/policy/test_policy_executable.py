"""The pack as the engine starts it: a process that says its port, and answers over gRPC. No engine takes part."""

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from policy.catalogue import ALL
from policy.rule import Severity
from tests.policy.files import EXECUTABLE, FOLDER

BY_NAME = {rule.name: rule for rule in ALL}


@contextmanager
def serving(executable: Path, folder: Path) -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack, started in a folder that it is not in."""
    process = subprocess.Popen([sys.executable, executable, "127.0.0.1:1"], cwd=folder, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.communicate()


def catalogue(stub: analyzer_pb2_grpc.AnalyzerStub) -> dict[str, analyzer_pb2.PolicyInfo]:
    return {one.name: one for one in stub.GetAnalyzerInfo(empty_pb2.Empty()).policies}


def mandatory(stub: analyzer_pb2_grpc.AnalyzerStub) -> set[str]:
    return {name for name, one in catalogue(stub).items() if one.enforcementLevel == analyzer_pb2.MANDATORY}


def test_it_can_be_executed_and_lies_beside_its_description() -> None:
    assert os.access(EXECUTABLE, os.X_OK)
    assert EXECUTABLE.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")
    assert (FOLDER / "PulumiPolicy.yaml").is_file()


def test_it_tells_all_rules_with_their_controls(tmp_path: Path) -> None:
    with serving(EXECUTABLE, tmp_path) as stub:
        told = catalogue(stub)
    assert list(told) == list(BY_NAME)
    assert told["s3-tls-only"].tags == ["AWS-FSBP 1.0.0 S3.5", "CIS-AWS 5.0.0 2.1.1"]
    assert told["s3-tls-only"].severity == analyzer_pb2.POLICY_SEVERITY_HIGH
    assert told["s3-tls-only"].policy_type == analyzer_pb2.POLICY_TYPE_RESOURCE
    assert told["vpc-has-flow-log"].policy_type == analyzer_pb2.POLICY_TYPE_STACK


def test_the_levels_are_those_of_the_stack_and_the_strictest_where_that_is_unknown(tmp_path: Path) -> None:
    with serving(EXECUTABLE, tmp_path) as stub:
        unasked = mandatory(stub)
        by_stack = {}
        for stack in ("dev", "acme/shop/prod", "somewhere"):
            stub.ConfigureStack(analyzer_pb2.AnalyzerStackConfigureRequest(stack=stack, project="shop"))
            by_stack[stack] = mandatory(stub)
    assert {BY_NAME[name].severity for name in by_stack["dev"]} == {Severity.CRITICAL}
    assert by_stack["dev"] < by_stack["acme/shop/prod"]
    assert "rds-backed-up" in by_stack["acme/shop/prod"]
    assert unasked == by_stack["somewhere"] >= by_stack["acme/shop/prod"]


def test_a_stack_is_judged_by_what_was_asked_for_where_nothing_is_known_of_the_outcome(tmp_path: Path) -> None:
    # As in the preview that also creates the cluster: its provider cannot be configured, and answers with nothing.
    namespace, policy = "urn:pulumi:dev::shop::x::shop", "urn:pulumi:dev::shop::x::deny-all"
    types = {
        namespace: "kubernetes:core/v1:Namespace",
        policy: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
    }
    inputs = {
        namespace: {"metadata": {"name": "shop"}},
        policy: {
            "metadata": {"name": "deny-all", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
    }
    with serving(EXECUTABLE, tmp_path) as stub:
        for urn, type_ in types.items():
            given = struct_pb2.Struct()
            given.update(inputs[urn])
            stub.Analyze(analyzer_pb2.AnalyzeRequest(urn=urn, type=type_, name="it", properties=given))
        resources = [analyzer_pb2.AnalyzerResource(urn=urn, type=type_, name="it") for urn, type_ in types.items()]
        found = stub.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))
    assert [(one.policyName, one.urn) for one in found.diagnostics] == [("namespace-has-quota", namespace)]


@pytest.mark.parametrize("name", ["exemptions.yaml", "levels.yaml"])
@pytest.mark.parametrize("content", ["- 1\n", None])
def test_a_broken_or_missing_file_ends_it_before_anything_is_checked(
    name: str, content: str | None, tmp_path: Path
) -> None:
    copy = tmp_path / "policy"
    shutil.copytree(FOLDER, copy)
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_text(content)
    finished = subprocess.run(
        [sys.executable, copy / "__main__.py", "127.0.0.1:1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode != 0
    assert finished.stdout == ""
    assert f"policy/{name}" in finished.stderr
    assert "Nothing is checked, and so nothing may pass" in finished.stderr


def test_it_does_without_the_providers_packages(tmp_path: Path) -> None:
    listed = f"import sys; sys.path.insert(0, {str(FOLDER.parent)!r}); import policy.pack, policy.catalogue\n"
    foreign = ("pulumi_aws", "pulumi_kubernetes", "gitops", "infra", "stacks")
    listed += f"print([name for name in sys.modules if name.startswith({foreign!r})])"
    finished = subprocess.run([sys.executable, "-c", listed], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_it_tells_its_port_at_once_also_where_python_buffers(tmp_path: Path) -> None:
    assert told_port(FOLDER, tmp_path) > 0


def test_a_module_beside_the_pack_is_no_part_of_it(tmp_path: Path) -> None:
    copy = tmp_path / "repository" / "policy"
    shutil.copytree(FOLDER, copy)
    for name in ("yaml.py", "grpc.py", "pulumi_policy.py"):
        (copy.parent / name).write_text("raise SystemExit('a module of the repository was run')\n")
    assert told_port(copy, copy.parent) > 0


def told_port(pack: Path, folder: Path) -> int:
    """The port that the pack in that folder serves on, as the engine reads it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONUNBUFFERED", "PYTHONPATH")}
    process = subprocess.Popen(
        [sys.executable, pack / "__main__.py", "127.0.0.1:1"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], 60)
        assert readable, "it has not told its port for a minute"
        return int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
