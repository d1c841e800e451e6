"""docker-compose.yml: its syntax, its commands, and what no service may be."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def test_it_is_a_compose_file() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    command = [check, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_compose_file_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text("services: {board: {image: x, comand: [y]}}\n", "utf-8")
    check = Path(sys.executable).with_name("check-jsonschema")
    assert (
        subprocess.run([check, "--builtin-schema", "vendor.compose-spec", wrong], capture_output=True).returncode == 1
    )


@pytest.mark.parametrize("name", OURS)
def test_a_service_runs_something_that_exists(name: str) -> None:
    for command in (OURS[name]["command"], OURS[name].get("healthcheck", {}).get("test", [])[1:]):
        if not command:
            continue
        if command[0] == "qingling":
            assert _subcommand(command[1:])
        elif command[:2] == ["python", "-c"]:
            compile(command[2], name, "exec")
        else:
            assert command[:2] == ["python", "-m"] and _is_module(command[2]), shlex.join(command)


def _subcommand(words: list[str]) -> bool:
    from console.cli import app

    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return False
        command, words = command.commands[words[0]], words[1:]
    return True


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_waits_for_exists_and_can_be_waited_for(name: str) -> None:
    for other, wait in OURS[name].get("depends_on", {}).items():
        assert other in SERVICES
        if wait["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if wait["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "no"


def test_every_long_running_service_says_whether_it_is_well() -> None:
    assert [
        name for name, service in SERVICES.items() if service["restart"] != "no" and "healthcheck" not in service
    ] == []


def test_every_port_is_published_on_loopback_only() -> None:
    assert [
        p for service in SERVICES.values() for p in service.get("ports", []) if not p.startswith("127.0.0.1:")
    ] == []


def test_every_volume_is_declared() -> None:
    named = {v.split(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])}
    assert {v for v in named if not v.startswith("$")} <= set(COMPOSE["volumes"])


def test_nothing_runs_as_root_or_holds_a_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8") + (ROOT / "Dockerfile").read_text("utf-8")
    assert not [
        word for word in ("password", "secret", "token", "privileged: true", "user: root") if word in text.lower()
    ]
    stages = (ROOT / "Dockerfile").read_text("utf-8").split("\nFROM ")
    users = [line.split()[1] for line in stages[-1].splitlines() if line.startswith("USER ")]
    assert users and users[-1] != "root"
    assert "--require-hashes" in stages[1]
