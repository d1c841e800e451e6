"""Prefect's server as a child process: `python -m pipelines.server`. Its state lives below the data folder.

It asks no outside host: analytics, telemetry and version checks are off. Where it listens stands in run/prefect.json,
or in PREFECT_API_URL if that is set.
"""

import os
import socket
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import orjson

from schemas.settings import Settings

_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a flow without its server is an error, not a second server
}


class NoServer(RuntimeError):
    """Prefect's server does not answer; the message says where it was looked for."""


def environment(settings: Settings) -> dict[str, str]:
    """What every Prefect process of this data folder needs in its environment; what is set already stays."""
    ours = {"PREFECT_HOME": str((settings.data / "prefect").absolute()), **_QUIET}
    return {name: os.environ.get(name, value) for name, value in ours.items()}


def command(host: str, port: int) -> list[str]:
    """The server's command line; its processes need `environment()`."""
    return [sys.executable, "-m", "prefect", "server", "start", "--host", host, "--port", str(port), "--analytics-off"]


def api_url(settings: Settings) -> str | None:
    """Where the server of this data folder listens, or was last told to; None if it never was."""
    told = os.environ.get("PREFECT_API_URL")
    file = _file(settings)
    if told or not file.exists():
        return told
    return str(orjson.loads(file.read_bytes())["api_url"])


def await_server(settings: Settings, patience_s: float = 180) -> str:
    """The API address once the server answers. Raises NoServer after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        url = api_url(settings)
        if url and _healthy(url):
            return url
        if time.monotonic() > deadline:
            raise NoServer(
                f"Prefect's server does not answer at {url or _file(settings)}: `python -m pipelines.server`"
            )
        time.sleep(0.5)


def _healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - an address of ours
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _file(settings: Settings) -> Path:
    return settings.run / "prefect.json"


def _address() -> tuple[str, int]:
    """PREFECT_API_URL's port on all interfaces if its host is another name than this machine's loopback; else free."""
    told = os.environ.get("PREFECT_API_URL")
    if told:
        url = urlsplit(told)
        near = url.hostname in ("127.0.0.1", "localhost")
        return os.environ.get("PREFECT_SERVER_API_HOST", "127.0.0.1" if near else "0.0.0.0"), url.port or 4200  # noqa: S104
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1", int(probe.getsockname()[1])


def main() -> None:
    """Say where it will listen, then become the server."""
    settings = Settings()
    host, port = _address()
    settings.run.mkdir(parents=True, exist_ok=True)
    _file(settings).write_bytes(orjson.dumps({"api_url": f"http://127.0.0.1:{port}/api", "pid": os.getpid()}))
    os.environ.update(environment(settings))
    line = command(host, port)
    os.execv(line[0], line)  # noqa: S606 - our own command, no shell


if __name__ == "__main__":
    main()
