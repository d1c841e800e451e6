"""Workers of ours as processes on one broker, and what they have got to: absorbed, landed, CPU seconds, memory."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from benchmarks.workload import Workload
from schemas.settings import Settings
from schemas.steps import Step
from schemas.topics import SITE_PARTITIONS
from streams.broker import Broker, apache_kafka, embedded
from streams.connect import ensure_topics, log_ids
from streams.decode import Record
from streams.reader import Tail
from warehouse.lake import LakeTable

ROOT = Path(__file__).parent.parent
PATIENCE_S = 300
FRAMES = "telemetry.frames"


class Progress:
    """What the workers have written so far."""

    def __init__(self) -> None:
        self.absorbed: dict[int, int] = {}
        self.marked: set[int] = set()
        self.written: Counter[str] = Counter()

    def see(self, record: Record) -> None:
        if record.topic == "processing.steps":
            step = Step.parse(record.value or b"")
            self.marked.add(step.partition)
            if FRAMES in step.absorbed:
                self.absorbed[step.partition] = step.absorbed[FRAMES].last + 1
        else:
            self.written[orjson.loads(record.value or b"{}").get("kind", record.topic)] += 1


class Installation:
    """One broker and data folder; processes by name."""

    def __init__(self, broker: Broker, folder: Path, work: Workload) -> None:
        self.broker, self.folder, self.work, self.servers = broker, folder, work, broker.servers
        self.progress = Progress()
        self.tail = Tail(self.servers, ("processing.steps", "alarm.events", "dead.letters"), self.progress.see)
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._readings: LakeTable | None = None

    def start(self, name: str, what: str) -> None:
        environment = {**os.environ, "QINGLING_KAFKA": self.servers, "QINGLING_DATA": str(self.folder)}
        with (self.folder / f"{name}.log").open("wb") as out:
            self.children[name] = subprocess.Popen(
                [sys.executable, *_profiler(name), "-m", "streams", what], cwd=ROOT, env=environment, stdout=out,
                stderr=out,
            )  # fmt: skip

    def start_both(self) -> None:
        """Processing and landing, ready for the first frame."""
        self.start("processing", "processing")
        self.start("landing", "landing")
        self.wait(lambda: len(self.progress.marked) == SITE_PARTITIONS, "the first steps")
        self.wait(
            lambda: "partitions taken" in (self.folder / "landing.log").read_text("utf-8"), "landing's partitions"
        )
        time.sleep(1)

    def wait(self, done: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        while not done():
            dead = [name for name, child in self.children.items() if child.poll() is not None]
            if dead or time.monotonic() > deadline:
                logs = "\n".join((self.folder / f"{n}.log").read_text("utf-8")[-1500:] for n in self.children)
                raise SystemExit(f"waited in vain for {what}; ended: {dead}\n{logs}")
            time.sleep(0.02)

    def absorbed(self) -> int:
        return sum(self.progress.absorbed.values())

    def landed(self) -> int:
        """Frames whose readings are in the lake."""
        if self._readings is None:
            self._readings = LakeTable.open(Settings(data=self.folder).lake_location, "readings")
        return sum(last + 1 for last in self._readings.landed(log_ids(self.servers)[FRAMES], FRAMES).values())

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of each process so far (Linux)."""
        found = {}
        for name, child in self.children.items():
            fields = Path(f"/proc/{child.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return found

    def resident_mb(self, name: str, peak: bool = False) -> float:
        """Memory of a process now, or at most so far."""
        status = Path(f"/proc/{self.children[name].pid}/status").read_text("utf-8")
        wanted = "VmHWM:" if peak else "VmRSS:"
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(wanted))

    def sample(self) -> None:
        """From now on the workers sample where their time goes, if they were started to."""
        if folder := os.environ.get("QINGLING_PROFILE"):
            for name in self.children:
                Path(folder, f"{name}.txt.go").touch()

    def stop(self) -> None:
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
        self.children = {}


@contextmanager
def installation(kind: str, work: Workload) -> Iterator[Installation]:
    """A fresh broker (`embedded` or `kafka`) with topics and registry; everything ends with the block."""
    with tempfile.TemporaryDirectory(prefix="qingling-bench-") as name:
        folder = Path(name)
        run = folder / "run"
        with embedded(run) if kind == "embedded" else apache_kafka(run, ROOT / ".kafka" / "libs") as broker:
            ensure_topics(broker.servers)
            work.send_registry(broker.servers)
            here = Installation(broker, folder, work)
            here.tail.start()
            try:
                yield here
            finally:
                here.stop()
                here.tail.stop()


def _profiler(name: str) -> list[str]:
    """With QINGLING_PROFILE=<folder>, each worker samples its own stacks there (benchmarks/sampler.py)."""
    folder = os.environ.get("QINGLING_PROFILE")
    if folder:
        Path(folder, f"{name}.txt.go").unlink(missing_ok=True)
    return ["-m", "benchmarks.sampler", str(Path(folder) / f"{name}.txt")] if folder else []


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
