"""The AWS provider is trimmed to the wanted services, what they need, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

TRIM = Path(__file__).parents[2] / "toolchain" / "aws-provider" / "trim.py"
MODULE = "github.com/hashicorp/terraform-provider-aws"
CLIENTS = """package conns

import (
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/batch"
)

func (c *AWSClient) EC2Client(ctx context.Context) *ec2.Client {
	return client[*ec2.Client](ctx, c, names.EC2, nil)
}

func (c *AWSClient) LicenseClient(ctx context.Context) *licensemanager.Client {
	return client[*licensemanager.Client](ctx, c, names.License, nil)
}

func (c *AWSClient) BatchClient(ctx context.Context) *batch.Client {
	return client[*batch.Client](ctx, c, names.Batch, nil)
}
"""
LOOP = "package backoff\n\nfunc (r *Loop) sleep(d int) {\n\tif d == 0 {\n\t\treturn\n\t}\n}\n"
WAITER = "package ec2\n\nvar w = sdkretry.StateChangeConf{}\n\nfunc f() { w.WaitForStateContext(ctx) }\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


NAMES = """package names

const (
	EC2 = "ec2"
	License = "licensemanager"
	Batch = "batch"
)
"""
PACKAGES = f"""import (
	"{MODULE}/internal/service/ec2"
	"{MODULE}/internal/service/licensemanager"
	"{MODULE}/internal/service/batch"
)

var _ = []any{{
		ec2.ServicePackage(ctx),
		licensemanager.ServicePackage(ctx),
		batch.ServicePackage(ctx),
}}
"""
INSTANCE = """package ec2

import "github.com/aws/aws-sdk-go-v2/service/ec2"

var c = meta.LicenseClient(ctx)
"""
LICENSE = """package licensemanager

import "github.com/aws/aws-sdk-go-v2/service/licensemanager"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A provider in small: EC2 asks for the license manager's client, and nobody for batch."""
    root = tmp_path / "source"
    write(
        root,
        {
            "go.mod": f"module {MODULE}\n",
            "names/names.go": NAMES,
            "internal/conns/awsclient_gen.go": CLIENTS,
            "internal/provider/sdkv2/service_packages_gen.go": PACKAGES,
            "internal/backoff/backoff.go": LOOP,
            "internal/service/ec2/instance.go": INSTANCE,
            "internal/service/ec2/wait.go": WAITER,
            "internal/service/ec2/instance_test.go": "package ec2\n",
            "internal/service/ec2/testdata/main.go": "package main\n",
            "internal/service/licensemanager/license.go": LICENSE,
            "internal/service/batch/job.go": "package batch\n",
            "internal/acctest/acctest.go": "package acctest\n",
            "docs/readme.go": "package docs\n",
        },
    )
    return root


def trim(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-B", TRIM, source, target], capture_output=True, text=True, check=False)


def test_services_stay_with_what_they_need_and_the_lists_agree(source: Path, tmp_path: Path) -> None:
    assert trim(source, tmp_path / "target").returncode == 0
    kept = {file.relative_to(tmp_path / "target").as_posix() for file in (tmp_path / "target").rglob("*.go")}
    assert kept == {
        "names/names.go",
        "internal/conns/awsclient_gen.go",
        "internal/provider/sdkv2/service_packages_gen.go",
        "internal/backoff/backoff.go",
        "internal/backoff/quick.go",
        "internal/service/ec2/instance.go",
        "internal/service/ec2/wait.go",
        "internal/service/ec2/quick.go",
        "internal/service/licensemanager/license.go",
    }
    for name in ("internal/conns/awsclient_gen.go", "internal/provider/sdkv2/service_packages_gen.go"):
        text = (tmp_path / "target" / name).read_text()
        assert "batch" not in text
        assert "licensemanager" in text


def test_waits_can_be_capped_from_the_environment(source: Path, tmp_path: Path) -> None:
    trim(source, tmp_path / "target")
    loop = (tmp_path / "target/internal/backoff/backoff.go").read_text()
    assert "if MaxPoll > 0 && d > MaxPoll" in loop
    assert "quick(w).WaitForStateContext(ctx)" in (tmp_path / "target/internal/service/ec2/wait.go").read_text()


def test_a_provider_that_waits_otherwise_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "internal/backoff/backoff.go").write_text("package backoff\n")
    done = trim(source, tmp_path / "target")
    assert done.returncode != 0
    assert "was the provider's version changed?" in done.stderr
