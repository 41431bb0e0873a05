"""The pack on the real engine, with a program that needs no cloud: what is broken, open, and exempt."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.policy.files import FOLDER
from tests.support.tiny import STACK, Tiny

pytestmark = pytest.mark.engine

# Components of the types that rules look at: the engine hands their inputs to the pack like those of any resource.
PROGRAM = '''
"""A thing, whose serial number is not known before it exists, and what claims to be resources of a cloud."""

import pulumi


class Thing(pulumi.CustomResource):
    serial: pulumi.Output[str]

    def __init__(self, name: str) -> None:
        super().__init__("things:index:Thing", name, {"serial": None, "size": 1})


thing = Thing("one")


def claim(type_: str, name: str, inputs: dict) -> None:
    pulumi.ComponentResource(type_, name, inputs).register_outputs(inputs)


claim("aws:s3/bucketVersioning:BucketVersioning", "kept", {"versioningConfiguration": {"status": "Enabled"}})
claim("aws:s3/bucketVersioning:BucketVersioning", "broken", {"versioningConfiguration": {"status": "Suspended"}})
claim("aws:s3/bucketVersioning:BucketVersioning", "open", {"versioningConfiguration": {"status": thing.serial}})
claim("aws:rds/instance:Instance", "exempt", {"publiclyAccessible": True})
claim("aws:rds/instance:Instance", "public", {"publiclyAccessible": True, "storageEncrypted": True})
claim("aws:s3/bucket:Bucket", "assets", {"bucket": "assets"})
claim("aws:ec2/vpc:Vpc", "network", {"id": "vpc-1"})
claim("aws:ec2/flowLog:FlowLog", "log", {"vpcId": thing.serial})
'''
EXEMPTION = f"""\
exemptions:
  - rule: rds-not-public
    urn: urn:pulumi:{STACK}::tiny::*::exempt
    owner: platform
    reason: Moves to the VPC in May
    expires: 2999-12-31
"""


def findings(tmp_path: Path) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """What the engine tells of the pack's findings, by rule and logical name."""
    pack = tmp_path / "policy"
    shutil.copytree(FOLDER, pack)
    (pack / "exemptions.yaml").write_text(EXEMPTION)
    tiny = Tiny(tmp_path / "world")
    project = tiny.project(tmp_path / "project", {})
    (project / "__main__.py").write_text(PROGRAM)
    tiny.process.must(project, ["stack", "init", STACK], "create the stack")
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}

    def note(event: Mapping[str, Any]) -> None:
        if policy := event.get("policyEvent"):
            key = (policy["policyName"], policy.get("resourceUrn", "").rpartition("::")[2])
            found.setdefault(key, []).append(policy)

    finished = tiny.process.run_with_events(
        project, ["preview", "--stack", STACK, "--policy-pack", str(pack / "__main__.py")], note
    )
    assert finished.code != 0, "a mandatory rule is broken"
    return found


def test_the_engine_reports_what_is_broken_open_and_exempt(tmp_path: Path) -> None:
    found = findings(tmp_path)
    told = {key: (events[0]["enforcementLevel"], events[0]["message"].strip()) for key, events in found.items()}
    assert all(len(events) == 1 for events in found.values()), json.dumps(found, default=str)
    assert ("s3-versioned", "kept") not in told
    assert told["s3-versioned", "broken"] == (
        "advisory",
        "S3 keeps versions of what is replaced or deleted.\n"
        "[medium] versioningConfiguration.status is Suspended. Remedy: Set versioningConfiguration.status to Enabled. "
        "(AWS-Security-Hub S3.14)",
    )
    assert told["s3-versioned", "open"] == (
        "advisory",
        "can't run policy 's3-versioned' from policy pack 'controls@v0.0.1' during preview: "
        "versioningConfiguration.status is not known yet",
    )
    # It is mandatory by itself; see the exemption.
    level, line = told["rds-not-public", "exempt"]
    assert level == "advisory"
    assert line.partition("\n")[2].startswith(
        "[exempt until 2999-12-31 by platform: Moves to the VPC in May] [critical] publiclyAccessible is true. Remedy:"
    )
    # dev: what is critical stops a deploy, what is high does not.
    assert told["rds-not-public", "public"][0] == "mandatory"
    assert told["rds-encrypted", "exempt"][0] == "advisory"
    # By the whole stack: what is missing, and what cannot be told yet, each at its resource.
    assert told["s3-bucket-has-public-access-block", "assets"][0] == "mandatory"
    assert told["vpc-has-default-group", "network"][0] == "advisory"
    assert told["vpc-has-flow-log", "network"] == (
        "advisory",
        "Every VPC has a flow log.\n"
        "can't run policy 'vpc-has-flow-log' during preview: vpcId of log is not known yet, for network",
    )
    # And what is disabled there is not told at all.
    assert ("rds-multi-az", "public") not in told
