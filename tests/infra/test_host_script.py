"""The script that sets a host up: what it holds, that it works in a real shell, and what it refuses."""

import getpass
import grp
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.host_script import HostFile, HostService, HostSetup, Script, render, validate
from infra.inputs import InputError

PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/token"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/login"
SETUP = HostSetup(
    packages={"nginx": "1.24.0-1.amzn2023.0.2", "jq": "1.7.1-1.amzn2023"},
    files={"/etc/shop.conf": HostFile(content="colour = blue\n", mode="0640", owner="root:nginx")},
    services={"shop": HostService(unit="[Service]\nExecStart=/usr/bin/shop\n"), "nginx": HostService()},
    secrets={"token": PARAMETER, "login": SECRET},
    health_check=("curl -sf http://localhost:8080/ready",),
)


def script(setup: HostSetup = SETUP) -> Script:
    return render("shop-dev-legacy", "eu-west-1", setup)


def commands(setup: HostSetup = SETUP) -> list[str]:
    return script(setup).text.splitlines()


def test_one_setup_is_always_the_same_text() -> None:
    turned = replace(SETUP, packages=dict(reversed(SETUP.packages.items())), files=dict(SETUP.files))
    assert script(turned) == script()


@pytest.mark.parametrize(
    "change",
    [
        {"packages": {"nginx": "1.24.0-2.amzn2023.0.2", "jq": "1.7.1-1.amzn2023"}},
        {"files": {"/etc/shop.conf": HostFile(content="colour = red\n", mode="0640", owner="root:nginx")}},
        {"files": {"/etc/shop.conf": HostFile(content="colour = blue\n", mode="0600", owner="root:nginx")}},
        {
            "services": {
                "shop": HostService(unit="[Service]\nExecStart=/usr/bin/shop\n"),
                "nginx": HostService(enabled=False),
            }
        },
        {"secrets": {"token": PARAMETER}},
        {"health_check": ("true",)},
    ],
)
def test_whatever_changes_has_another_digest(change: dict[str, Any]) -> None:
    assert script(replace(SETUP, **change)).digest != script().digest


def test_a_changed_line_of_a_file_is_one_changed_line_of_the_script() -> None:
    before = commands()
    after = commands(
        replace(SETUP, files={"/etc/shop.conf": replace(SETUP.files["/etc/shop.conf"], content="colour = red\n")})
    )
    assert [(old, new) for old, new in zip(before, after, strict=True) if old != new] == [
        ("colour = blue", "colour = red")
    ]


def test_packages_come_before_the_files_that_their_users_own() -> None:
    lines = commands()
    assert lines.index("pin jq 1.7.1-1.amzn2023") < lines.index("pin nginx 1.24.0-1.amzn2023.0.2")
    file = lines.index("put 0640 root:nginx /etc/shop.conf <<'__END_OF_FILE__'")
    assert lines.index("pin nginx 1.24.0-1.amzn2023.0.2") < file < lines.index("systemctl start nginx.service")


def test_secrets_are_read_by_the_host_and_in_no_script() -> None:
    lines = commands()
    assert any(f"get-parameter --with-decryption --name {PARAMETER} " in line for line in lines)
    assert any(f"get-secret-value --secret-id {SECRET} " in line for line in lines)
    assert "Before=nginx.service" in lines
    assert not any("secret" in line for line in commands(replace(SETUP, secrets={})))


def test_a_service_can_be_kept_off() -> None:
    lines = commands(replace(SETUP, services={"nginx": HostService(enabled=False, started=False)}))
    assert {"systemctl disable nginx.service", "systemctl stop nginx.service"} <= set(lines)
    assert not any(line.startswith("systemctl start") for line in lines)


def test_a_host_reports_itself_only_once_it_is_healthy() -> None:
    lines = commands()
    report = next(index for index, line in enumerate(lines) if "complete-lifecycle-action" in line)
    assert "--auto-scaling-group-name shop-dev-legacy --lifecycle-hook-name configured" in lines[report]
    assert lines.index("until /usr/local/lib/shop-dev-legacy/health; do") < report


# In a real shell, where only the commands that would change this machine are stand-ins


class Host:
    """A folder that stands for a host; it writes down what was asked of the stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.owner = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"
        commands = folder / "bin"
        commands.mkdir()
        for name in ("aws", "curl", "dnf", "rpm", "sleep", "systemctl"):
            command = commands / name
            command.write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/asked\n[ ! -e {folder}/no-{name} ]\n')
            command.chmod(0o755)

    def setup(self, *, colour: str = "blue") -> HostSetup:
        file = HostFile(content=f"colour = {colour}\n$HOME `id` \\n\n", mode="0640", owner=self.owner)
        return HostSetup(
            packages={"nginx": "1.24.0-1.el9"},
            files={f"{self.folder}/etc/shop.conf": file},
            services={"nginx": HostService()},
            health_check=("curl -sf http://localhost/ready",),
        )

    def apply(self, setup: HostSetup) -> tuple[int, list[str]]:
        text = script(setup).text.replace("root:root", self.owner)
        for place in ("/run/shop", "/var/lib/shop", "/usr/local/lib/shop"):
            text = text.replace(place, f"{self.folder}{place}")
        asked = self.folder / "asked"
        asked.unlink(missing_ok=True)
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", text], env={"PATH": path}, capture_output=True, text=True, check=False)
        return done.returncode, asked.read_text().splitlines() if asked.exists() else []


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_file_is_written_as_declared(host: Host) -> None:
    assert host.apply(host.setup())[0] == 0
    file = host.folder / "etc/shop.conf"
    assert file.read_text() == "colour = blue\n$HOME `id` \\n\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in file.parent.iterdir()] == ["shop.conf"]


def test_a_second_run_changes_and_restarts_nothing(host: Host) -> None:
    _, first = host.apply(host.setup())
    status, second = host.apply(host.setup())
    assert status == 0
    assert "systemctl restart nginx.service" in first
    assert "systemctl restart nginx.service" not in second
    assert not any(line.startswith(("dnf", "aws")) for line in second)


@pytest.mark.parametrize("drift", ["content", "mode", "gone"])
def test_drift_on_a_host_is_repaired(host: Host, drift: str) -> None:
    host.apply(host.setup())
    file = host.folder / "etc/shop.conf"
    if drift == "content":
        file.write_text("by hand\n")
    elif drift == "mode":
        file.chmod(0o666)
    else:
        file.unlink()
    status, asked = host.apply(host.setup())
    assert status == 0
    assert "systemctl restart nginx.service" in asked
    assert file.read_text().startswith("colour = blue")
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_run_that_broke_off_restarts_services_at_the_next(host: Host) -> None:
    host.apply(host.setup())
    (host.folder / "no-systemctl").touch()
    assert host.apply(host.setup(colour="red"))[0] != 0
    (host.folder / "no-systemctl").unlink()
    status, asked = host.apply(host.setup(colour="red"))
    assert (status, asked.count("systemctl restart nginx.service")) == (0, 1)


def test_a_host_that_does_not_get_healthy_never_reports_itself(host: Host) -> None:
    (host.folder / "no-curl").touch()
    status, asked = host.apply(host.setup())
    assert status != 0
    assert asked.count("curl -sf http://localhost/ready") == 30
    assert not any(line.startswith("aws") for line in asked)


def test_a_package_that_cannot_be_had_ends_the_setup(host: Host) -> None:
    (host.folder / "no-rpm").touch()
    status, asked = host.apply(host.setup())
    assert status != 0
    assert "dnf -y install nginx-1.24.0-1.el9" in asked
    assert "dnf -y downgrade nginx-1.24.0-1.el9" in asked
    assert not any(line.startswith("systemctl") for line in asked)


# Refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"packages": {"a b": "1-1"}}, "legacy.setup.packages"),
        ({"packages": {"nginx": "latest"}}, "must be a version and release"),
        ({"packages": {"nginx": "1.24.0"}}, "must be a version and release"),
        ({"packages": {"nginx": "1.24*-1"}}, "must be a version and release"),
        ({"files": {"etc/x": HostFile(content="x\n")}}, "must be an absolute path"),
        ({"files": {"/etc/../x": HostFile(content="x\n")}}, "must be an absolute path"),
        ({"files": {"/etc/$x": HostFile(content="x\n")}}, "must be an absolute path"),
        ({"files": {"/x": HostFile(content="x\n", mode="644")}}, "mode must be four octal digits"),
        ({"files": {"/x": HostFile(content="x\n", owner="root;id")}}, "owner must be a user"),
        ({"files": {"/x": HostFile(content="x")}}, "content must be text that ends with a line break"),
        ({"files": {"/x": HostFile(content="{{ssm:password}}\n")}}, "content must be without {{"),
        ({"files": {"/x": HostFile(content="__END_OF_FILE__\nid\n")}}, "content must be without a line __END"),
        ({"files": {"/x": HostFile(content="x\r\n")}}, "content must be text with line feeds only"),
        ({"services": {"shop.service": HostService()}}, "must be named without .service"),
        ({"services": {"shop": HostService(unit="[Unit]")}}, "unit must be text that ends with a line break"),
        ({"secrets": {"a/b": PARAMETER}}, "must be named by letters"),
        ({"health_check": ()}, "health_check must be at least one command"),
        ({"health_check": ("echo {{x}}",)}, "health_check must be without {{"),
    ],
)
def test_what_would_mean_something_else_on_a_host_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate("legacy.setup", replace(SETUP, **change))


def test_a_secret_passed_by_mistake_is_not_printed() -> None:
    with pytest.raises(InputError, match="must be the ARN of a parameter") as refusal:
        validate("legacy.setup", replace(SETUP, secrets={"token": "hunter2"}))
    assert "hunter2" not in str(refusal.value)


def test_a_script_larger_than_ssm_takes_is_refused() -> None:
    large = replace(SETUP, files={"/x": HostFile(content="x" * 32768 + "\n")})
    with pytest.raises(InputError, match="at most 32768 bytes"):
        script(large)


def test_the_example_is_valid() -> None:
    validate("legacy.setup", SETUP)
