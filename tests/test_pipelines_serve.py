"""Prefect for real: the server starts, and the schedules do run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from pipelines.server import NoServer, api_url, await_server, command, environment
from schemas.settings import Settings

ROOT = Path(__file__).parent.parent
PATIENCE_S = 220


def start(module: str, data: Path, log: Path) -> subprocess.Popen[bytes]:
    """The process in a session of its own and its output in `log`; a proxy nobody answers takes any call outside."""
    nowhere = "http://127.0.0.1:9"
    outside = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "NO_PROXY": "127.0.0.1,localhost"}
    left = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", module], cwd=ROOT, stdout=out, stderr=out, start_new_session=True,
            env={**left, **outside, "QINGLING_DATA": str(data), "QINGLING_KAFKA": "embedded"},
        )  # fmt: skip


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def runs(url: str) -> list[dict]:
    ask = Request(f"{url}/flow_runs/filter", b"{}", {"content-type": "application/json"})
    with urlopen(ask, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.timeout(2 * PATIENCE_S)
def test_a_schedule_publishes_the_warehouse(tmp_path):
    server = start("pipelines.server", tmp_path, tmp_path / "server.log")
    serving = start("pipelines.serve", tmp_path, tmp_path / "serve.log")
    try:
        url = await_server(Settings(data=tmp_path), PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while not (tmp_path / "warehouse" / "warehouse.duckdb").exists():
            told = (tmp_path / "server.log").read_text("utf-8") + (tmp_path / "serve.log").read_text("utf-8")
            assert "InvalidRequestError" not in told, "this SQLAlchemy breaks Prefect's scheduler: pin it below 2.1"
            assert time.monotonic() < deadline, told[-4000:]
            assert server.poll() is None and serving.poll() is None, told[-4000:]
            time.sleep(0.5)
        while not any(run["state_type"] == "COMPLETED" for run in runs(url)) and time.monotonic() < deadline:
            time.sleep(0.5)
        states = {run["state_type"] for run in runs(url)}
        assert "COMPLETED" in states and "SCHEDULED" in states
        assert (tmp_path / "prefect").is_dir()
    finally:
        stop(serving)
        stop(server)


def test_the_server_module_is_importable_with_this_fastapi():
    done = subprocess.run([sys.executable, "-c", "import prefect.server.api.server"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_every_prefect_process_keeps_its_state_below_the_data_folder_and_calls_nobody(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    told = environment(Settings(data=tmp_path))
    assert told["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false" and told["DO_NOT_TRACK"] == "1"
    monkeypatch.setenv("PREFECT_HOME", "/elsewhere")
    assert environment(Settings(data=tmp_path))["PREFECT_HOME"] == "/elsewhere"
    assert command("127.0.0.1", 4200)[-5:] == ["--host", "127.0.0.1", "--port", "4200", "--analytics-off"]


def test_without_a_server_the_error_says_how_to_start_one(tmp_path, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(NoServer, match=r"python -m pipelines\.server"):
        await_server(Settings(data=tmp_path), 0)
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect:4200/api")
    assert api_url(Settings(data=tmp_path)) == "http://prefect:4200/api"
