"""(e) One worker against two: processing alone, the same frames; all readings once, readings per second, CPU."""

import time
from dataclasses import dataclass

from benchmarks.installation import installation
from benchmarks.workload import Workload


@dataclass(frozen=True)
class Ran:
    workers: int
    seconds: float
    cpu_s: float
    readings: int


def measure(kind: str, workers: int, work: Workload) -> Ran:
    messages = list(work.messages())
    with installation(kind, work) as here:
        for n in range(workers):
            here.start(f"processing-{n}", "processing")
        here.wait(lambda: len(here.progress.marked) == 8, "the first steps")
        time.sleep(4)  # a second member joins, and partitions move
        work.send_frames(here.servers, messages[: work.sites])
        here.wait(lambda: here.absorbed() == work.sites, "the first frames")
        before, began = sum(here.cpu_seconds().values()), time.perf_counter()
        work.send_frames(here.servers, messages[work.sites :])
        here.wait(lambda: here.absorbed() == work.frames, "the last frame")
        seconds, cpu = time.perf_counter() - began, sum(here.cpu_seconds().values()) - before
    return Ran(workers, seconds, cpu, (work.frames - work.sites) * work.sensors * work.moments)


def line(ran: Ran) -> str:
    return (
        f"{ran.workers} worker{'s' if ran.workers > 1 else ' '} {'':22} {ran.readings / ran.seconds / 1e6:6.2f} M "
        f"readings/s   {ran.cpu_s / ran.readings * 1e6:5.3f} CPU s/M"
    )
