"""`make bench` (`python -m benchmarks [--only a,b,c,d,e] [--broker kafka]`): one table of what Qingling costs.

Everything that is compared is measured in the same run, alternating; read ratios, not seconds: they hold on one machine
at one moment. docs/performance.md keeps a table with its machine.

(a) needs a run long enough for the steady state: our workers fetch, tick and commit by the second and wait for a last
commit, the loop by hand does not. Its default is --frames 16000, 16 million readings at each frame size, for which they
work ten seconds or so; with a quarter of it the same code comes out 0.2 to 0.4 x worse. (d) and (e) take 6,000.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import bridge, cost, latency, sensors, workers
from benchmarks.workload import Workload

FRAMES, STEADY_FRAMES = 6_000, 16_000


def part_a(chosen: argparse.Namespace) -> list[Any]:
    print("(a) CPU seconds per million readings: processing + landing, against the loop by hand in the same run")
    found = []
    for moments in (2, 10):
        frames = (chosen.frames or STEADY_FRAMES) * 2 // moments
        work = Workload(frames=frames + chosen.sites, moments=moments, sites=chosen.sites)
        costs = cost.measure(chosen.broker, work, chosen.rounds)
        print("   ", cost.line(f"frames of {work.sensors * moments:,}", costs), flush=True)
        found += [{"frame": work.sensors * moments, "ratio": each.ratio, **asdict(each)} for each in costs]
    return found


def part_b(chosen: argparse.Namespace) -> list[Any]:
    print("(b) CPU seconds per million single JSON readings made into frames: bridge, loop by hand, Quix Streams")
    rounds = bridge.measure(chosen.broker, chosen.singles, chosen.rounds)
    print("   ", bridge.line(f"{chosen.singles:,} readings", rounds), flush=True)
    return [{"to_hand": each.to_hand, "to_quix": each.to_quix, **asdict(each)} for each in rounds]


def part_c(chosen: argparse.Namespace) -> list[Any]:
    print(f"(c) frame produced → alarm event readable, {latency.RATE} frames/s, linger {latency.LINGER_MS} ms")
    found = []
    for rate in (2_000, 20_000):
        measured = latency.measure(chosen.broker, rate, chosen.seconds)
        print("   ", latency.line(f"{rate:,} readings/s", measured), flush=True)
        found.append({"rate": rate, **{f"{name}_p{percent}": latency.at_percent(values, percent)
                      for name, values in asdict(measured).items() for percent in (50, 95)}})  # fmt: skip
    return found


def part_d(chosen: argparse.Namespace) -> list[Any]:
    print("(d) sensors held by one processing worker")
    found = []
    for count in (1_000, 10_000, 50_000, 200_000):
        if count <= chosen.sensors:
            held = sensors.measure(chosen.broker, count, chosen.frames or FRAMES)
            print("   ", sensors.line(held), flush=True)
            found.append(asdict(held))
    return found


def part_e(chosen: argparse.Namespace) -> list[Any]:
    print("(e) one processing worker and two")
    found = []
    for count in (1, 2):
        work = Workload(frames=(chosen.frames or FRAMES) + chosen.sites, sites=chosen.sites)
        ran = workers.measure(chosen.broker, count, work)
        print("   ", workers.line(ran), flush=True)
        found.append(asdict(ran))
    return found


PARTS: dict[str, Callable[[argparse.Namespace], list[Any]]] = {
    "a": part_a, "b": part_b, "c": part_c, "d": part_d, "e": part_e,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {', '.join(PARTS)}")
    parser.add_argument("--broker", choices=["embedded", "kafka"], default="kafka")
    frames = f"frames of 1,000 readings, fewer of larger ones; (a): {STEADY_FRAMES}, (d) and (e): {FRAMES}"
    parser.add_argument("--frames", type=int, help=frames)
    parser.add_argument("--sites", type=int, default=200, help="sites of 500 sensors for (a) and (e)")
    parser.add_argument("--singles", type=int, default=1_000_000, help="readings of (b)")
    parser.add_argument("--rounds", type=int, default=3, help="of (a) and (b), each on a fresh broker")
    parser.add_argument("--seconds", type=int, default=30, help="of (c), at each rate")
    parser.add_argument("--sensors", type=int, default=200_000, help="of (d), at most")
    chosen = parser.parse_args()
    print(f"{_machine()}, {chosen.broker} broker")
    results = {name: PARTS[name](chosen) for name in chosen.only.split(",")}
    print(json.dumps(results))


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo").read_text("utf-8")
    model = next((line.partition(":")[2].strip() for line in cpuinfo.splitlines() if "model name" in line), "CPU")
    memory = int(Path("/proc/meminfo").read_text("utf-8").split()[1]) / 2**20
    return f"{os.cpu_count()} x {model}, {memory:.0f} GB, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
