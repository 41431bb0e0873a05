"""Copy terraform-provider-aws with a few services only, and let its waits be shortened for an emulator.

usage: python trim.py SOURCE TARGET

SOURCE is the module in Go's module cache (read only); TARGET is made anew. A service brings along the services that
it imports and those whose API clients it asks for. Of the rest of the provider everything stays but tests, sweepers
and generators. Two generated lists are cut to match. The result is the same for the same SOURCE, byte for byte.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

SERVICES = (
    "acm",
    "autoscaling",
    "budgets",
    "cloudtrail",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "ecr",
    "eks",
    "elbv2",
    "events",
    "iam",
    "kms",
    "logs",
    "meta",
    "rds",
    "route53",
    "s3",
    "s3control",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
)

MODULE = "github.com/hashicorp/terraform-provider-aws"
SDK = "github.com/aws/aws-sdk-go-v2/service/"
KEPT_FOLDERS = ("names", "version", "xpprovider", "internal")
KEPT_FILES = ("go.mod", "go.sum", "LICENSE")
DROPPED_FOLDERS = {"testdata", "test-fixtures", "acctest", "generate", "sweep"}
DROPPED_SUFFIXES = ("_test.go", ".gtpl", ".tmpl", ".md", ".sh")

MAX_POLL = """package backoff

import (
	"os"
	"time"
)

// MaxPoll caps the time between two polls where AWS_PROVIDER_MAX_POLL is set (tests against an emulator).
var MaxPoll, _ = time.ParseDuration(os.Getenv("AWS_PROVIDER_MAX_POLL"))
"""

EC2_WAITER = """package ec2

import (
	sdkretry "github.com/hashicorp/terraform-plugin-sdk/v2/helper/retry"
	"github.com/hashicorp/terraform-provider-aws/internal/backoff"
)

// quick applies backoff.MaxPoll to the Plugin SDK's own kind of waiter.
func quick[T any](c T) T {
	if s, ok := any(c).(*sdkretry.StateChangeConf); ok && backoff.MaxPoll > 0 {
		s.Delay = min(s.Delay, backoff.MaxPoll)
		s.PollInterval = backoff.MaxPoll
	}
	return c
}
"""


@dataclass(frozen=True)
class Selection:
    """What stays: folders of internal/service, and the AWS SDK's clients by package name."""

    services: frozenset[str]
    clients: frozenset[str]


def select(source: Path) -> Selection:
    """The wanted services and what they need, found in their imports and calls."""
    owners = client_owners(source)
    services: set[str] = set()
    clients = {"s3"}  # internal/conns/awsclient.go makes one itself
    waiting = list(SERVICES)
    while waiting:
        service = waiting.pop()
        if service in services:
            continue
        services.add(service)
        for file in (source / "internal/service" / service).rglob("*.go"):
            if file.name.endswith("_test.go") or file.name == "sweep.go" or is_fixture(file):
                continue
            text = file.read_text()
            waiting += [owners[client] for client in re.findall(r"\.(\w+Client)\(ctx\)", text) if client in owners]
            for path in imports(text):
                if match := re.match(rf"{re.escape(MODULE)}/internal/service/([a-z0-9]+)", path):
                    waiting.append(match[1])
                if match := re.fullmatch(rf"{re.escape(SDK)}([a-z0-9]+)", path):
                    clients.add(match[1])
    return Selection(frozenset(services), frozenset(clients))


def client_owners(source: Path) -> dict[str, str]:
    """Which service package makes each API client: the accessors of conns.AWSClient, through the names' constants."""
    names = "".join(file.read_text() for file in sorted((source / "names").glob("*.go")))
    constants = dict(re.findall(r'^\t(\w+)\s+= "(\w+)"', names, re.M))
    accessors = (source / "internal/conns/awsclient_gen.go").read_text()
    accessor = r"\) (\w+Client)\(ctx context\.Context\) \*\w+\.Client \{\n[^\n]*names\.(\w+),"
    return {client: constants[name] for client, name in re.findall(accessor, accessors)}


def imports(text: str) -> set[str]:
    """The import paths of a Go file."""
    block = re.search(r"^import \([^\n]*\n(.*?)^\)", text, re.S | re.M)
    single = re.findall(r'^import (?:\w+ )?"[^"]+"', text, re.M)
    return set(re.findall(r'"([^"]+)"', "\n".join([block[1] if block else "", *single])))


def is_fixture(file: Path) -> bool:
    return bool({"testdata", "test-fixtures"} & set(file.parts))


def copy(source: Path, target: Path, selection: Selection) -> int:
    """Copy what stays; the number of files."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    wanted = [source / name for name in KEPT_FILES if (source / name).exists()]
    for top in KEPT_FOLDERS:
        for folder, folders, files in os.walk(source / top):
            here = Path(folder).relative_to(source)
            folders[:] = [name for name in folders if stays(here, name, selection)]
            wanted += [
                Path(folder, name) for name in files if name != "sweep.go" and not name.endswith(DROPPED_SUFFIXES)
            ]
    for file in wanted:
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)  # not copy2: the module cache is read only, and its modes would come along
    return len(wanted)


def stays(folder: Path, name: str, selection: Selection) -> bool:
    if folder == Path("internal/service"):
        return name in selection.services
    return name not in DROPPED_FOLDERS or (name == "generate" and folder.parts[:1] == ("names",))


def cut_lists(target: Path, selection: Selection) -> None:
    """Drop the other services from the provider's list of services and from its list of API clients."""
    services, clients = selection.services, selection.clients
    change(
        target / "internal/provider/sdkv2/service_packages_gen.go",
        (rf'\t"{re.escape(MODULE)}/internal/service/(\w+)"\n', services),
        (r"\t\t(\w+)\.ServicePackage\(ctx\),\n", services),
    )
    accessor = r"func \(c \*AWSClient\) \w+\(ctx context\.Context\) \*(\w+)\.Client \{\n.*?^\}\n\n?"
    change(
        target / "internal/conns/awsclient_gen.go",
        (rf'\t(?:\w+ )?"{re.escape(SDK)}(\w+)"\n', clients),
        (accessor, clients),
    )


def change(file: Path, *rules: tuple[str, frozenset[str]]) -> None:
    """Remove each match whose first group is not among the names of its rule."""
    text = file.read_text()
    for pattern, kept in rules:
        text = re.sub(pattern, lambda m, kept=kept: m[0] if m[1] in kept else "", text, flags=re.S | re.M)
    file.write_text(text)


def shorten_waits(target: Path) -> None:
    """Let AWS_PROVIDER_MAX_POLL cap the time between two polls; unset, the provider waits as it always did."""
    (target / "internal/backoff/quick.go").write_text(MAX_POLL)
    loops = [file for file in (target / "internal/backoff").glob("*.go") if "func (r *Loop) sleep(" in file.read_text()]
    guard = "\tif d == 0 {\n\t\treturn\n\t}\n"
    text = loops[0].read_text() if loops else ""
    if text.count(guard) != 1:
        sys.exit(
            "trim.py: internal/backoff does not wait the way this script knows; was the provider's version changed?"
        )
    loops[0].write_text(text.replace(guard, "\tif MaxPoll > 0 && d > MaxPoll {\n\t\td = MaxPoll\n\t}\n" + guard))

    ec2 = target / "internal/service/ec2"
    (ec2 / "quick.go").write_text(EC2_WAITER)
    for file in ec2.glob("*.go"):
        text = file.read_text()
        if "sdkretry.StateChangeConf{" in text:
            file.write_text(re.sub(r"\b(\w+)\.WaitForStateContext\(", r"quick(\1).WaitForStateContext(", text))


def main(source: Path, target: Path) -> None:
    selection = select(source)
    files = copy(source, target, selection)
    cut_lists(target, selection)
    shorten_waits(target)
    print(f"{files} files, {len(selection.services)} services: {' '.join(sorted(selection.services))}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
