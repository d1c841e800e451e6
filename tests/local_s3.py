"""An S3-compatible storage on loopback (moto's server, a child process) that can refuse connections for a while."""

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from streams.broker import free_port

BUCKET = "qingling"


class LocalS3:
    """Keeps its objects as long as its process lives. `lake` is an address below its bucket."""

    def __init__(self) -> None:
        self._server_port, self.port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lake = f"s3://{BUCKET}/lake"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip
        self._server = _child("-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._server_port))
        _wait(self._server_port)
        self.answer()
        self._bucket()

    def answer(self) -> None:
        """Let connections through."""
        relay = Path(__file__).parent / "tcp_relay.py"
        self._relay = _child(str(relay), str(self.port), str(self._server_port))
        _wait(self.port)

    def refuse(self) -> None:
        """From now on no connection comes through; the objects stay."""
        self._relay.kill()
        self._relay.wait(10)

    def empty(self) -> None:
        """Forget every object; the bucket stays."""
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset", method="POST"), timeout=30).close()
        self._bucket()

    def stop(self) -> None:
        for process in (self._relay, self._server):
            process.kill()
            process.wait(10)

    def _bucket(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/{BUCKET}", method="PUT"), timeout=30).close()


def _child(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )


def _wait(port: int, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on port {port}"
            time.sleep(0.05)
