"""What a process has learned of secrets, and what is shown with it: also of texts that a digest covers."""

import json
import os
from pathlib import Path

import pytest

from gitops.adapters.pulumi.known_secrets import KnownSecrets
from gitops.adapters.pulumi.process import PulumiProcess
from gitops.adapters.pulumi.secret_digests import SecretDigests, whose_secrets
from gitops.flow.redaction import REPLACEMENT

FINDING = "the owner is admin, or superuser-of-all"


def project(tmp_path: Path, **stacks: str) -> Path:
    """A project with one ciphertext in the config of each stack."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for name, ciphertext in stacks.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(f"config: {{shop:pw: {{secure: {ciphertext}}}}}\n")
    return tmp_path


def opening(folder: Path, clear: str) -> PulumiProcess:
    """A stand-in for Pulumi that decrypts one secret to this text; nothing for a stack called `closed`."""
    file = folder / "pulumi"
    told = json.dumps({"secret:0": {"value": clear}})
    file.write_text(f"#!/bin/sh\n[ $3 = closed ] && exit 255\ncat <<'END'\n{told}\nEND\n")
    file.chmod(0o755)
    return PulumiProcess(file, {"PATH": os.environ["PATH"]})


def test_a_short_secret_of_another_stack_does_not_change_a_text_that_a_digest_covers() -> None:
    secrets = KnownSecrets()
    before = secrets.redactor({}, "own").line(FINDING)
    secrets.learn("other", ["admin", "superuser-of-all"])
    secrets.cannot_read("third")
    assert secrets.redactor({}, "own").line(FINDING) == before.replace("superuser-of-all", REPLACEMENT)
    secrets.learn("own", ["admin"])
    assert "admin" not in secrets.redactor({}, "own").line(FINDING)
    secrets.cannot_read("own")
    assert "owner" not in secrets.redactor({}, "own").line(FINDING)


def test_what_is_learned_of_a_part_does_not_make_the_rest_known(tmp_path: Path) -> None:
    folder = project(tmp_path, closed="v1:one", dev="v1:one")
    process, digests = opening(folder, "a-long-canary"), SecretDigests()
    digests.learn(process, folder, "closed")
    process.secrets.learn(whose_secrets(folder, "closed"), ["one of several secrets"])
    assert process.redactor.clean(["anything"]).left_out == 1
    digests.learn(process, folder, "dev")
    assert process.secrets.redactor({}, whose_secrets(folder, "dev")).clean(["anything"]).left_out == 0


def test_the_same_ciphertext_is_a_secret_of_each_stack_that_has_it(tmp_path: Path) -> None:
    folder = project(tmp_path, dev="v1:one", prod="v1:one")
    process, digests = opening(folder, "admin"), SecretDigests()
    for stack in ("dev", "prod"):
        digests.learn(process, folder, stack)
        assert process.secrets.redactor({}, whose_secrets(folder, stack)).clean([FINDING]).left_out == 1


@pytest.mark.parametrize("password", ["12345e67890", "9876543e12", "1234567890.50"])
def test_a_password_that_json_takes_for_a_number_is_replaced_as_it_is_written(tmp_path: Path, password: str) -> None:
    folder = project(tmp_path, dev="v1:one")
    process = opening(folder, password)
    SecretDigests().learn(process, folder, "dev")
    assert process.redactor.clean([f"login failed: {password}"]).lines == (f"login failed: {REPLACEMENT}",)
