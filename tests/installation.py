"""A whole installation below one folder, each process started, killed and watched by the test itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from console.summary import Landed
from streams.broker import Broker
from streams.childhood import die_with
from streams.lag import processing_lag


class Installation:
    """Processes by name; every one of them is gone when the block of `installation()` ends."""

    COMMANDS: ClassVar[dict[str, list[str]]] = {
        "processing": ["-m", "streams", "processing"],
        "landing": ["-m", "streams", "landing"],
    }

    def __init__(self, broker: Broker, data: Path, **environment: str) -> None:
        self.broker, self.data = broker, data
        self.environment = {
            **os.environ, "QINGLING_KAFKA": broker.servers, "QINGLING_DATA": str(data), "QINGLING_FLUSH_S": "0.5",
            **environment,
        }  # fmt: skip
        self._landed: Landed | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        command = list(arguments) or self.COMMANDS[name]
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        with (self.data / "logs" / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command], env=self.environment | environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, preexec_fn=lambda parent=os.getpid(): die_with(parent),
            )  # fmt: skip

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.processes[name].wait(30)

    def kill_and_restart(self, name: str, *arguments: str) -> None:
        self.signal(name, signal.SIGKILL)
        self.start(name, *arguments)

    def run(self, *arguments: str, expect: int = 0) -> str:
        """A command to its end; its standard output."""
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=180
        )
        assert done.returncode == expect, f"{arguments} ended with {done.returncode}: {done.stderr[-2000:]}"
        return done.stdout

    def wait(self, what: Any, patience_s: float = 60) -> None:
        """Until `what()` is true. Fails with the tails of the logs when a process died or patience ends."""
        deadline = time.monotonic() + patience_s
        while not what():
            dead = [n for n, p in self.processes.items() if p.poll() not in (None, 0)]
            assert not dead, f"{dead} died:\n{self.logs()}"
            assert time.monotonic() < deadline, f"waited {patience_s} s in vain:\n{self.logs()}"
            time.sleep(0.2)

    def behind(self) -> int:
        """Records of the inputs that are not absorbed yet."""
        return processing_lag(self.broker.servers)

    def drained(self) -> bool:
        if self._landed is None:
            self._landed = Landed(self.data, self.broker.servers)
        return self.behind() == 0 and self._landed.lag() == 0

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text('utf-8', 'replace')[-1500:]}"
            for path in sorted((self.data / "logs").glob("*.log"))
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        from warehouse import connect

        with connect(self.data) as lake:
            return lake.execute(sql).fetchall()


@contextmanager
def installation(broker: Broker, data: Path, **environment: str) -> Iterator[Installation]:
    running = Installation(broker, data, **environment)
    try:
        yield running
    finally:
        for process in running.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)
