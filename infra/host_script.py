"""What a host is set up with, as data, and the script that sets it up; pure, and the same text every time."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infra.inputs import require

# The lifecycle hook that holds a new host until its setup has succeeded.
HOOK = "configured"

_HEALTH_ATTEMPTS = 30
_HEALTH_PAUSE_SECONDS = 2
_END = "__END_OF_FILE__"
# Half of what SSM takes as a document, which is sent to the host together with its parameters:
# https://docs.aws.amazon.com/general/latest/gr/ssm.html
_SCRIPT_BYTES = 32 * 1024
_DIGEST_LETTERS = 16

_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*")
# Version and release, as rpm prints them: without the release, it is whatever the repository has that day.
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~^]*-[A-Za-z0-9][A-Za-z0-9+._~^]*")
_PATH = re.compile(r"(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+")
_MODE = re.compile(r"0[0-7]{3}")
_OWNER = re.compile(r"[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?")
_SERVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SECRET_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:(ssm:[a-z0-9-]+:[0-9]{12}:parameter/[\w./-]+|secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[\w/+=.@-]+)"
)


@dataclass(frozen=True, kw_only=True)
class HostFile:
    """A text file: `mode` in octal digits such as 0644, `owner` as `user` or `user:group`."""

    content: str
    mode: str = "0644"
    owner: str = "root:root"


@dataclass(frozen=True, kw_only=True)
class HostService:
    """A service of systemd; `unit` is the text of its unit, or None where a package brings it."""

    unit: str | None = None
    enabled: bool = True
    started: bool = True


@dataclass(frozen=True, kw_only=True)
class HostSetup:
    """Everything that makes a host of an image; nothing in it may be secret.

    `packages` go by name to version and release; `files` by absolute path; `services` by name, without `.service`.
    `secrets` go by name to the ARN of a parameter or a secret, whose random ending may be left out: the host reads its
    value into /run/<hosts>/secrets/<name>, for root, from where systemd's LoadCredential= hands it to a service.
    `health_check` are commands that succeed once the host can take requests; they are tried for a minute.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, HostFile] = field(default_factory=dict)
    services: Mapping[str, HostService] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    health_check: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script for a POSIX shell, and the digest that it is known by."""

    text: str
    digest: str


def render(hosts: str, region: str, setup: HostSetup) -> Script:
    """The script for the hosts of the Auto Scaling group of that name; the order of mappings makes no difference.

    Raises InputError for one that is larger than SSM takes.
    """
    text = _text(
        [
            "set -eu",
            *_functions(hosts),
            *_packages(setup),
            *_files(setup),
            *_secrets(hosts, setup),
            *_services(hosts, setup),
            *_health(hosts, setup),
            *_in_service(hosts, region),
        ]
    )
    size = len(text.encode())
    require(size <= _SCRIPT_BYTES, f"{hosts}.setup", f"at most {_SCRIPT_BYTES} bytes as a script", size)
    return Script(text=text, digest=hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS])


def validate(subject: str, setup: HostSetup) -> None:
    """Raise InputError for what cannot be written into the script, or would mean something else there."""
    for name, version in setup.packages.items():
        where = f"{subject}.packages[{name}]"
        require(_PACKAGE.fullmatch(name) is not None, where, "named as rpm names packages", name)
        require(_VERSION.fullmatch(version) is not None, where, "a version and release such as 1.24.0-1.el9", version)
    for path, file in setup.files.items():
        where = f"{subject}.files[{path}]"
        require(_PATH.fullmatch(path) is not None, where, "an absolute path without spaces and dot names", path)
        require(_MODE.fullmatch(file.mode) is not None, f"{where}.mode", "four octal digits such as 0644", file.mode)
        require(_OWNER.fullmatch(file.owner) is not None, f"{where}.owner", "a user or user:group", file.owner)
        _validate_text(f"{where}.content", file.content)
    for name, service in setup.services.items():
        where = f"{subject}.services[{name}]"
        require(_SERVICE.fullmatch(name) is not None, where, "named without .service", name)
        if service.unit is not None:
            _validate_text(f"{where}.unit", service.unit)
    for name, arn in setup.secrets.items():
        where = f"{subject}.secrets[{name}]"
        require(_SECRET_NAME.fullmatch(name) is not None, where, "named by letters, digits, - and _", name)
        # Not what was given: somebody may have passed the secret itself.
        expected = "the ARN of a parameter of SSM or a secret of Secrets Manager"
        require(_SECRET_ARN.fullmatch(arn) is not None, where, expected, "something else")
    require(len(setup.health_check) > 0, f"{subject}.health_check", "at least one command", list(setup.health_check))
    for command in setup.health_check:
        _validate_text(f"{subject}.health_check", f"{command}\n")


def _validate_text(subject: str, text: str) -> None:
    require(text.endswith("\n"), subject, "text that ends with a line break", text[-20:])
    # SSM takes it for one of its parameters, {{ssm:name}} for a value it has to look up and print.
    require("{{" not in text, subject, "without {{", "text with it")
    require(_END not in text.splitlines(), subject, f"without a line {_END}", "text with it")
    require("\0" not in text and "\r" not in text, subject, "text with line feeds only", "other control characters")


def _changed(hosts: str) -> str:
    """Stands while something was changed and services have not been restarted since."""
    return f"/run/{hosts}/changed"


def _library(hosts: str, name: str) -> str:
    return f"/usr/local/lib/{hosts}/{name}"


def _functions(hosts: str) -> list[str]:
    """`put` makes a file appear whole or not at all; whatever is as it should be is left alone.

    The mark is set before the change: struck between the two, the next run restarts services once too often.
    """
    return [
        f"mkdir -p /run/{hosts} /var/lib/{hosts}",
        "pin() {",
        '  if rpm -q "$1-$2" >/dev/null; then return 0; fi',
        f"  touch {_changed(hosts)}",
        '  dnf -y install "$1-$2"',
        # A newer one that is there already satisfies an install.
        '  if ! rpm -q "$1-$2" >/dev/null; then dnf -y downgrade "$1-$2"; fi',
        '  rpm -q "$1-$2"',
        "}",
        'look() { stat -c "%a %U:%G" "$1"; }',
        "put() {",
        '  mkdir -p "$(dirname "$3")"',
        '  (umask 077; cat >"$3.next")',
        '  chown "$2" "$3.next"',
        '  chmod "$1" "$3.next"',
        '  if cmp -s "$3.next" "$3" && [ "$(look "$3.next")" = "$(look "$3")" ]; then rm "$3.next"; return 0; fi',
        f"  touch {_changed(hosts)}",
        '  mv -f "$3.next" "$3"',
        "}",
    ]


def _packages(setup: HostSetup) -> list[str]:
    return [f"pin {name} {version}" for name, version in sorted(setup.packages.items())]


def _put(path: str, file: HostFile) -> list[str]:
    return [f"put {file.mode} {file.owner} {path} <<'{_END}'", *file.content.splitlines(), _END]


def _files(setup: HostSetup) -> list[str]:
    return [line for path, file in sorted(setup.files.items()) for line in _put(path, file)]


def _secrets(hosts: str, setup: HostSetup) -> list[str]:
    """The script is also a unit, because /run is empty after a reboot and services start before SSM's agent does."""
    if not setup.secrets:
        return []
    script = _library(hosts, "secrets")
    lines = [
        "#!/bin/sh",
        "set -eu",
        "umask 077",
        f"mkdir -p /run/{hosts}/secrets",
        f"cd /run/{hosts}/secrets",
        "keep() {",
        '  if cmp -s "$1.next" "$1"; then rm "$1.next"; return 0; fi',
        f"  touch {_changed(hosts)}",
        '  mv -f "$1.next" "$1"',
        "}",
    ]
    for name, arn in sorted(setup.secrets.items()):
        lines += [f"{_fetch(arn)} >{name}.next", f"keep {name}"]
    unit = [
        "[Unit]",
        f"Description=Secrets of {hosts}",
        "Wants=network-online.target",
        "After=network-online.target",
        *(f"Before={service}.service" for service in sorted(setup.services)),
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={script}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return [
        *_put(script, HostFile(content=_text(lines), mode="0700")),
        *_put(f"/etc/systemd/system/{hosts}-secrets.service", HostFile(content=_text(unit))),
        "systemctl daemon-reload",
        f"systemctl enable {hosts}-secrets.service",
        script,
    ]


def _fetch(arn: str) -> str:
    region = arn.split(":")[3]
    if ":secretsmanager:" in arn:
        command = f"secretsmanager get-secret-value --secret-id {arn} --query SecretString"
    else:
        command = f"ssm get-parameter --with-decryption --name {arn} --query Parameter.Value"
    return f"aws {command} --region {region} --output text"


def _services(hosts: str, setup: HostSetup) -> list[str]:
    commands = []
    for name, service in sorted(setup.services.items()):
        if service.unit is not None:
            commands += _put(f"/etc/systemd/system/{name}.service", HostFile(content=service.unit))
    if setup.services:
        commands.append("systemctl daemon-reload")
    for name, service in sorted(setup.services.items()):
        unit = f"{name}.service"
        commands.append(f"systemctl {'enable' if service.enabled else 'disable'} {unit}")
        if service.started:
            commands.append(f"if [ -e {_changed(hosts)} ]; then systemctl restart {unit}; fi")
            commands.append(f"systemctl start {unit}")
        else:
            commands.append(f"systemctl stop {unit}")
    return commands


def _health(hosts: str, setup: HostSetup) -> list[str]:
    script = _library(hosts, "health")
    lines = ["#!/bin/sh", "set -eu", *(line for command in setup.health_check for line in command.splitlines())]
    return [
        *_put(script, HostFile(content=_text(lines), mode="0755")),
        # Here, so that a changed check restarts nothing at the next run.
        f"rm -f {_changed(hosts)}",
        "attempt=1",
        f"until {script}; do",
        f"  if [ $attempt -ge {_HEALTH_ATTEMPTS} ]; then echo '{script} does not succeed' >&2; exit 1; fi",
        "  attempt=$((attempt + 1))",
        f"  sleep {_HEALTH_PAUSE_SECONDS}",
        "done",
    ]


def _in_service(hosts: str, region: str) -> list[str]:
    """Until then the host waits outside of the load balancer; one that never gets here is replaced."""
    metadata = "http://169.254.169.254/latest"
    done = f"/var/lib/{hosts}/in-service"
    return [
        f"if [ ! -e {done} ]; then",
        f'  token=$(curl -sf -X PUT -H "X-aws-ec2-metadata-token-ttl-seconds: 60" {metadata}/api/token)',
        f'  host=$(curl -sf -H "X-aws-ec2-metadata-token: $token" {metadata}/meta-data/instance-id)',
        f"  aws autoscaling complete-lifecycle-action --region {region} --auto-scaling-group-name {hosts} "
        f'--lifecycle-hook-name {HOOK} --lifecycle-action-result CONTINUE --instance-id "$host"',
        f"  touch {done}",
        "fi",
    ]


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
