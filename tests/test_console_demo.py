"""`qingling demo` as a user runs it: one summary at the end, nothing left running, and a second run that remembers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.broker import free_port

pytestmark = pytest.mark.embedded

DEMO = [sys.executable, "-m", "console.cli", "demo", "--no-open", "--json"]
KEYS = {
    "frames", "readings", "alarm_events", "findings", "hazards", "hazard_events", "dead_letters", "landed_rows",
    "kpis", "seconds", "board_url",
}  # fmt: skip


def environment(data: Path) -> dict[str, str]:
    return {**os.environ, "QINGLING_DATA": str(data), "QINGLING_KAFKA": "embedded"}


def still_running(data: Path) -> list[str]:
    """Processes that were given this data folder, found by their environment."""
    marker, found = f"QINGLING_DATA={data}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is not ours to see
    return found


def get(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}{path}", timeout=5) as answer:
        return json.load(answer)


def until(true: Callable[[], Any], patience_s: float = 60) -> Any:
    """What `true()` gives once it gives something; a board that is not up yet gives nothing."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            if found := true():
                return found
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"waited {patience_s} s in vain")


@contextmanager
def running_demo(data: Path, *options: str) -> Iterator[str]:
    """A demo in the background; the board's address. Ended by SIGTERM, which must end everything."""
    port = free_port()
    with (data.parent / "demo.log").open("ab") as out:
        process = subprocess.Popen(
            [*DEMO, "--port", str(port), *options], env=environment(data), stdout=out, stderr=out
        )
    try:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, (data.parent / "demo.log").read_text("utf-8")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def uplink(tmp_path: Path, uplink_writer: Path, real_series: Path) -> Path:
    folder = tmp_path / "uplink"
    subprocess.run([sys.executable, str(uplink_writer), str(folder), "--rows", "120"], check=True, timeout=60)
    return folder


def test_a_simulated_province_moves_and_ends_by_itself(tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = subprocess.run(
        [*DEMO, "--minutes", "0.3", "--sites", "20", "--port", str(free_port())],
        env=environment(data), capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert set(summary) == KEYS
    assert summary["readings"] > summary["frames"] > 0
    assert summary["hazard_events"] > summary["hazards"] > 0 and summary["kpis"] > 0
    assert summary["dead_letters"] == 0
    assert still_running(data) == []


def test_a_second_demo_remembers_what_the_first_one_was_told(tmp_path: Path, uplink: Path) -> None:
    data = tmp_path / "data"
    with running_demo(data, "--data", str(uplink)) as url:
        alarm = until(lambda: get(url, "/api/alarms")["alarms"])[0]
        hazard = until(lambda: get(url, "/api/hazards")["hazards"])[0]
        for command in (
            ["acknowledge", alarm["alarm_id"]],
            ["judge", hazard["hazard_id"], "--data", '{"verdict": "major", "reason": "现场核实"}'],
        ):
            answer = subprocess.run(
                [sys.executable, "-m", "console.cli", "do", *command, "--json"],
                env=environment(data), capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert answer.returncode == 0, answer.stdout + answer.stderr
    assert still_running(data) == []
    with running_demo(data, "--data", str(uplink)) as url:
        again = until(lambda: get(url, "/api/alarms")["alarms"])
        states = {each["alarm_id"]: each["process_state"] for each in again}
        assert states[alarm["alarm_id"]] == "acknowledged"
        hazards = until(lambda: get(url, "/api/hazards")["hazards"])
        assert {each["hazard_id"]: each["state"] for each in hazards}[hazard["hazard_id"]] == "judged_major"
    assert still_running(data) == []
