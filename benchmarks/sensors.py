"""(d) Sensors held, memory and cost per reading: one processing worker, more and more sensors, the same readings."""

import time
from dataclasses import dataclass

from benchmarks.installation import installation
from benchmarks.workload import Workload

SENSORS_PER_SITE = 500


@dataclass(frozen=True)
class Held:
    sensors: int
    resident_mb: float
    peak_mb: float
    cpu_per_million: float
    first_s: float


def measure(kind: str, sensors: int, frames: int) -> Held:
    """`frames` frames after every sensor has been heard once; processing alone."""
    sites = max(1, sensors // SENSORS_PER_SITE)
    work = Workload(frames=sites + frames, sites=sites, sensors=min(sensors, SENSORS_PER_SITE), moments=2)
    messages = list(work.messages())
    with installation(kind, work) as here:
        here.start("processing", "processing")
        here.wait(lambda: len(here.progress.marked) == 8, "the first steps")
        began = time.perf_counter()
        work.send_frames(here.servers, messages[:sites])
        here.wait(lambda: here.absorbed() == sites, "a first frame of every site")
        first = time.perf_counter() - began
        before = here.cpu_seconds()["processing"]
        work.send_frames(here.servers, messages[sites:])
        here.wait(lambda: here.absorbed() == work.frames, "the last frame")
        cpu = here.cpu_seconds()["processing"] - before
        return Held(
            sites * work.sensors, here.resident_mb("processing"), here.resident_mb("processing", peak=True),
            cpu / (frames * work.sensors * work.moments / 1e6), first,
        )  # fmt: skip


def line(held: Held) -> str:
    return (
        f"{held.sensors:>9,} sensors {'':14} {held.resident_mb:6.0f} MB (peak {held.peak_mb:5.0f})   "
        f"{held.cpu_per_million:5.3f} CPU s/M   first frame of every site {held.first_s:5.1f} s"
    )
