"""(a) CPU seconds per million readings: processing and landing together, against the loop written by hand.

Both read the same frames from the same log of one broker, one after the other; the next round has a fresh broker and
the other order of the day. Both are warm: every site has sent one frame. Ours wait and commit between frames
too, and that counts: a run of a second or two measures the waiting (benchmarks/__main__.py says how long is enough).
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from benchmarks.installation import PATIENCE_S, ROOT, Installation, installation
from benchmarks.workload import Workload


@dataclass(frozen=True)
class Cost:
    """CPU seconds per million readings of one round, and what came out."""

    processing: float
    landing: float
    by_hand: float
    seconds: float
    seconds_by_hand: float
    raised: int
    raised_by_hand: int
    peak_mb: dict[str, float]

    @property
    def ratio(self) -> float:
        return (self.processing + self.landing) / self.by_hand


def measure(kind: str, work: Workload, rounds: int) -> list[Cost]:
    return [_round(kind, work) for _ in range(rounds)]


def _round(kind: str, work: Workload) -> Cost:
    messages = list(work.messages())
    with installation(kind, work) as here:
        here.start_both()
        work.send_frames(here.servers, messages[: work.sites])
        here.wait(lambda: here.absorbed() == work.sites and here.landed() == work.sites, "the first frames")
        here.sample()
        before, began = here.cpu_seconds(), time.perf_counter()
        work.send_frames(here.servers, messages[work.sites :])
        here.wait(lambda: here.absorbed() == work.frames and here.landed() == work.frames, "the last frame")
        seconds, after = time.perf_counter() - began, here.cpu_seconds()
        peak = {name: here.resident_mb(name, peak=True) for name in here.children}
        raised = here.progress.written["alarm_raised"]
        here.stop()
        hand = by_hand(here, work)
    millions = (work.frames - work.sites) * work.sensors * work.moments / 1e6
    return Cost(
        (after["processing"] - before["processing"]) / millions, (after["landing"] - before["landing"]) / millions,
        hand["cpu_s"] / millions, seconds, hand["seconds"], raised, int(hand["alarm_raised"]), peak,
    )  # fmt: skip


def by_hand(here: Installation, work: Workload) -> dict[str, float]:
    numbers, lake = (str(work.frames), str(work.sites)), str(here.folder / "by-hand")
    command = [sys.executable, "-m", "benchmarks.by_hand", here.servers, *numbers, lake]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        raise SystemExit(f"the loop by hand failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if found["landed"] != work.readings:
        raise SystemExit(f"the loop by hand landed {found['landed']} of {work.readings} readings")
    return found


def line(name: str, costs: list[Cost]) -> str:
    def mid(values: list[float]) -> float:
        return median(values)

    both = mid([c.processing + c.landing for c in costs])
    return (
        f"{name:32} {mid([c.processing for c in costs]):6.3f} + {mid([c.landing for c in costs]):5.3f} = {both:5.3f}"
        f"   by hand {mid([c.by_hand for c in costs]):5.3f}   {mid([c.ratio for c in costs]):4.2f} x"
        f"   ({', '.join(f'{c.ratio:.2f}' for c in costs)})   alarms {costs[0].raised} / {costs[0].raised_by_hand}"
    )
