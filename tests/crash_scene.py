"""An Apache Kafka, workers and traffic under faults, and a clock that says how long each fault was felt."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from schemas.topics import SITE_PARTITIONS
from streams.broker import Broker, apache_kafka, free_port
from streams.connect import ensure_topics, log_ids
from streams.decode import Record
from streams.reader import Tail
from tests.conftest import JARS, missing
from tests.crash_traffic import Traffic
from tests.installation import Installation, installation

PATIENCE_S = 60


class Kafka:
    """One Apache Kafka that can die and come back on the same port with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port, self._running = folder, free_port(), ExitStack()
        self.broker: Broker = self._start()

    def _start(self) -> Broker:
        return self._running.enter_context(apache_kafka(self._folder, JARS, self._port))

    def restart(self, number: signal.Signals, away_s: float = 0) -> float:
        """Ended by a signal, and started again; returns when it was gone."""
        os.kill(self.broker.pid, number)
        self._running.close()
        gone = time.time()
        time.sleep(away_s)
        self.broker = self._start()
        return gone

    def close(self) -> None:
        self._running.close()


class Scene:
    """`w0`, `w1` … are processing workers, `landing` lands; `felt` has (fault, seconds until all partitions moved).

    A partition has moved when a step of it stands in the log whose record was written after the fault.
    """

    def __init__(self, kafka: Kafka, running: Installation, traffic: Traffic) -> None:
        self.kafka, self.running, self.traffic = kafka, running, traffic
        self.felt: list[tuple[str, float]] = []
        self.ended: list[str] = []  # workers that ended though nobody had told them to
        self._chance = random.Random(5)
        self._stepped = [0.0] * SITE_PARTITIONS
        self._moved = threading.Condition()
        self._tail = Tail(kafka.broker.servers, ["processing.steps"], self._saw, from_end=["processing.steps"])
        self._tail.start()

    def _saw(self, record: Record) -> None:
        with self._moved:
            self._stepped[record.partition] = record.timestamp_us / 1e6
            self._moved.notify_all()

    def close(self) -> None:
        self._tail.stop()

    # -- workers

    def worker(self, name: str, **environment: str) -> None:
        """Started; the clock of `w1` is two minutes ahead of the others'."""
        what = "landing" if name == "landing" else "processing"
        skew = "120" if name == "w1" else "0"
        self.running.start(name, "-m", "tests.faulty", what, QINGLING_CLOCK_SKEW_S=skew, **environment)

    def workers(self) -> list[str]:
        return sorted(n for n, p in self.running.processes.items() if n != "landing" and p.poll() is None)

    def one(self) -> str:
        return self._chance.choice(self.workers())

    def alive_again(self, name: str, since: float) -> None:
        """Wait until every partition has a complete step that was written after `since`; note how long it took."""
        deadline = time.time() + PATIENCE_S
        while True:
            with self._moved:
                if self._moved.wait_for(lambda: min(self._stepped) > since, 1):
                    break
            assert time.time() < deadline, f"{name}: {self._tail.error or ''} {self._stepped}\n{self.running.logs()}"
            self._supervise()
        self.felt.append((name, min(self._stepped) - since))

    def told(self) -> str:
        """Every fault and how long it was felt, and who ended of itself."""
        lines = [f"{seconds:6.1f} s  {name}" for name, seconds in self.felt]
        return "\n".join([*lines, f"ended of themselves: {self.ended}"])

    def drain(self) -> None:
        """No more traffic; until everything that was sent is absorbed and has landed."""
        self.traffic.stop()
        deadline = time.time() + 4 * PATIENCE_S
        while not self.running.drained():
            assert time.time() < deadline, f"{self.told()}\nnot drained\n{self.running.logs()}"
            self._supervise()
            time.sleep(0.2)

    def _supervise(self) -> None:
        """As supervisord or Docker would: who ended for a reason of its own is started again; only workers are told."""
        for name, process in list(self.running.processes.items()):
            if process.poll() not in ((None,) if name == "landing" else (None, 0, -signal.SIGKILL)):
                self.ended.append(name)
                self.worker(name)

    def wait_ended(self, name: str) -> int:
        return self.running.processes[name].wait(PATIENCE_S)

    # -- faults

    def kill(self, name: str, **next_life: str) -> None:
        """SIGKILL at a random moment; started again at once, if wanted with a fault of its own."""
        time.sleep(self._chance.uniform(0, 1))
        since = time.time()
        self.running.signal(name, signal.SIGKILL)
        self.worker(name, **next_life)
        if name != "landing" and not next_life:
            self.alive_again("SIGKILL of a worker", since)

    def die_at(self, name: str, point: str) -> None:
        """The worker ends itself at `point` in its next life, and is started again."""
        self.kill(name, QINGLING_FAULT=f"{point}:{self._chance.randint(1, 12)}")
        self.wait_ended(name)
        since = time.time()
        self.worker(name)
        if name != "landing":
            self.alive_again(f"killed itself when {point}", since)

    def broker(self, number: signal.Signals, away_s: float = 0) -> None:
        gone = self.kafka.restart(number, away_s)
        self.alive_again(f"{number.name} of the broker", gone)

    def freeze(self, name: str, seconds: float) -> None:
        """Stopped for longer than its session: others take over; then it wakes in the middle of what it was doing."""
        since = time.time()
        self.running.signal(name, signal.SIGSTOP)
        time.sleep(seconds)
        self.alive_again("SIGSTOP of a worker", since)
        self.running.signal(name, signal.SIGCONT)
        self.alive_again("SIGCONT of a worker", time.time())

    def rebalance(self, name: str) -> None:
        """The worker joins if it is not there, else it leaves in order."""
        process = self.running.processes.get(name)
        if process is None or process.poll() is not None:
            since = time.time()
            self.worker(name)
            time.sleep(3)  # it must have joined
            self.alive_again("a worker joins", since + 2)
        else:
            since = time.time()
            self.running.signal(name, signal.SIGTERM)
            self.alive_again("a worker leaves", since)


@contextmanager
def scene(base: Path, session_s: float, rate: float = 16.0) -> Iterator[Scene]:
    """Kafka, two workers, landing and traffic; everything has begun to move."""
    if not list(JARS.glob("kafka-server-[0-9]*.jar")):
        missing("Apache Kafka", "run scripts/kafka_jars.sh")
    kafka = Kafka(base / "data" / "run")
    try:
        ensure_topics(kafka.broker.servers)
        traffic = Traffic(kafka.broker.servers, rate)
        with installation(kafka.broker, base / "data", QINGLING_SESSION_S=str(session_s)) as running:
            it = Scene(kafka, running, traffic)
            for name in ("w0", "w1", "landing"):
                it.worker(name)
            traffic.start()
            try:
                it.alive_again("start", time.time())
                yield it
            finally:
                it.close()
    finally:
        kafka.close()
        log_ids.cache_clear()
