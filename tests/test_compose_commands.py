"""Every service of docker-compose.yml, started natively: its command, its environment, its health check, its end."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from streams.broker import Broker, free_port

ROOT = Path(__file__).parent.parent
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
BIN = ROOT / ".venv" / "bin"


@dataclass
class Here:
    """The addresses and folders of the compose file, as they are on this machine during a test."""

    broker: Broker
    folder: Path
    board: int
    prefect: int

    def local(self, text: str) -> str:
        for there, here in (
            ("http://prefect:4200", f"http://127.0.0.1:{self.prefect}"),
            (":4200", f":{self.prefect}"),
            ("kafka:19092", self.broker.servers),
            (":8080", f":{self.board}"),
            ("0.0.0.0", "127.0.0.1"),
        ):
            text = text.replace(there, here)
        if text == "8080":
            return str(self.board)
        if text.startswith(("/data", "/inbox", "/prefect")):
            return str(self.folder / text.lstrip("/"))
        return text

    def environment(self, service: dict[str, dict[str, str]]) -> dict[str, str]:
        given = {name: self.local(value) for name, value in service["environment"].items()}
        return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **given}


@pytest.fixture
def here(broker: Broker, tmp_path: Path) -> Iterator[Here]:
    for name in ("data", "inbox", "prefect"):
        (tmp_path / name).mkdir(exist_ok=True)
    yield Here(broker, tmp_path, free_port(), free_port())
    shutil.rmtree(tmp_path / "prefect", ignore_errors=True)


def started(name: str, here: Here) -> "subprocess.Popen[bytes]":
    service = OURS[name]
    with (here.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [here.local(part) for part in service["command"]],
            env=here.environment(service),
            cwd=here.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def is_well(name: str, here: Here) -> bool:
    service = OURS[name]
    check = [here.local(part) for part in service["healthcheck"]["test"][1:]]
    return subprocess.run(check, env=here.environment(service), capture_output=True, timeout=30).returncode == 0


def until_well(name: str, process: "subprocess.Popen[bytes]", here: Here, patience_s: float = 90) -> None:
    deadline = time.monotonic() + patience_s
    while not is_well(name, here):
        assert process.poll() is None, f"{name} ended with {process.returncode}:\n{log_of(name, here)}"
        assert time.monotonic() < deadline, f"{name} is not well:\n{log_of(name, here)}"
        time.sleep(0.5)


def ends_cleanly(name: str, process: "subprocess.Popen[bytes]") -> bool:
    process.send_signal(signal.SIGTERM)
    # uvicorn closes its connections and then raises the signal again, for its parent to see
    clean = {0, -signal.SIGTERM} if name in ("board", "prefect") else {0}
    return process.wait(30) in clean


def log_of(name: str, here: Here) -> str:
    return (here.folder / f"{name}.log").read_text("utf-8", "replace")[-3000:]


def killed(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def in_order() -> list[str]:
    """Our services, each after those it waits for."""
    placed: list[str] = []
    while len(placed) < len(OURS):
        ready = [
            name
            for name, service in OURS.items()
            if name not in placed and set(service.get("depends_on", ())) & set(OURS) <= set(placed)
        ]
        assert ready, "services wait for each other"
        placed += ready
    return placed


@pytest.mark.timeout(480)
@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_the_services_start_in_order_are_well_and_end_when_told(here: Here) -> None:
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in in_order():
            assert "healthcheck" not in OURS[name] or not is_well(name, here), f"{name} is well before it has started"
            process = started(name, here)
            if OURS[name]["restart"] == "no":
                assert process.wait(60) == 0, log_of(name, here)
                continue
            running[name] = process
            until_well(name, process, here)
        for name, process in reversed(running.items()):
            assert ends_cleanly(name, process), log_of(name, here)
    finally:
        for process in running.values():
            killed(process)
    assert "all topics were there" in log_of("topics", here)
