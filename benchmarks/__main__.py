"""`make bench`: readings per second and CPU of the processing app beside two baselines, on one broker, in one run.

Read the ratios, not the numbers: they hold on one machine at one moment. The processing app does more than the
baselines (see benchmarks/contenders.py); what it wrote is counted and printed, so that a fast wrong answer shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from benchmarks.workload import Workload
from schemas.steps import Step
from streams.broker import apache_kafka, embedded
from streams.connect import ensure_topics
from streams.decode import Record
from streams.reader import Tail

ROOT = Path(__file__).parent.parent
PATIENCE_S = 300


class Progress:
    """How many frames the steps have absorbed, and what else was written."""

    def __init__(self) -> None:
        self.absorbed: dict[int, int] = {}
        self.marked: set[int] = set()
        self.written: Counter[str] = Counter()
        self.changed = threading.Condition()

    def see(self, record: Record) -> None:
        with self.changed:
            if record.topic == "processing.steps":
                step = Step.parse(record.value or b"")
                self.marked.add(step.partition)
                if "telemetry.frames" in step.absorbed:
                    self.absorbed[step.partition] = step.absorbed["telemetry.frames"].last + 1
            else:
                self.written[record.topic] += 1
            self.changed.notify_all()

    def wait(self, done: Callable[[], bool], child: "subprocess.Popen[bytes]", log: Path) -> None:
        deadline = time.monotonic() + PATIENCE_S
        with self.changed:
            while not done():
                if child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"the processing app did not get there:\n{log.read_text('utf-8')[-2000:]}")
                self.changed.wait(1)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def processing(servers: str, folder: Path, work: Workload) -> dict[str, float | int]:
    """Start the app on an empty log, send all frames at once, and wait for the step that absorbs the last."""
    messages = list(work.messages())
    progress = Progress()
    tail = Tail(servers, ("processing.steps", "alarm.events", "hazard.events", "dead.letters"), progress.see)
    tail.start()
    log = folder / "processing.log"
    environment = {**os.environ, "QINGLING_KAFKA": servers, "QINGLING_DATA": str(folder)}
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "streams", "processing"], cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        progress.wait(lambda: len(progress.marked) == 8, child, log)
        cpu, began = cpu_seconds(child.pid), time.perf_counter()
        work.send_frames(servers, messages)
        progress.wait(lambda: sum(progress.absorbed.values()) == work.frames, child, log)
        seconds, cpu = time.perf_counter() - began, cpu_seconds(child.pid) - cpu
    finally:
        child.terminate()
        child.wait(30)
        tail.stop()
    return {"readings": work.readings, "seconds": seconds, "cpu_s": cpu, **progress.written}


def baseline(which: str, servers: str, work: Workload) -> dict[str, float | int]:
    command = [sys.executable, "-m", "benchmarks.contenders", which, servers, str(work.frames)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    found: dict[str, float | int] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--frames", type=int, default=5_000, help="frames of 1,000 readings")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="embedded")
    chosen = parser.parse_args()
    work = Workload(frames=chosen.frames)
    with tempfile.TemporaryDirectory(prefix="qingling-bench-") as name:
        folder = Path(name)
        run = folder / "run"
        start = embedded(run) if chosen.broker == "embedded" else apache_kafka(run, ROOT / ".kafka" / "libs")
        with start as broker:
            ensure_topics(broker.servers)
            work.send_registry(broker.servers)
            results = {"qingling": processing(broker.servers, folder, work)}
            results |= {which: baseline(which, broker.servers, work) for which in ("loop", "quix")}
    by_hand = results["loop"]["cpu_s"]
    for name, result in results.items():
        rate = result["readings"] / result["seconds"]
        extra = ", ".join(
            f"{key} {value}" for key, value in result.items() if key not in ("readings", "seconds", "cpu_s")
        )
        print(
            f"{name:9} {rate / 1e6:6.2f} M readings/s  {result['cpu_s']:6.2f} CPU s  "
            f"{result['cpu_s'] / by_hand:5.1f} x loop  {extra}"
        )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
