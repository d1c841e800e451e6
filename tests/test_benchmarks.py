"""`make bench` runs, and its contenders agree on what they saw. No word about speed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.workload import LIMIT, Workload
from schemas.frames import decode_frame

ROOT = Path(__file__).parent.parent


def over_limit_runs(work: Workload) -> int:
    """Beginnings of over-limit runs, counted reading by reading."""
    above: dict[str, bool] = {}
    runs = 0
    for _, frame, _ in work.messages():
        batch = decode_frame(frame)
        for sensor, value in zip(batch.column(0).to_pylist(), batch.column(2).to_pylist(), strict=True):
            runs += value >= LIMIT and not above.get(sensor, False)
            above[sensor] = value >= LIMIT
    return runs


@pytest.mark.embedded
def test_every_contender_sees_every_reading_and_the_same_runs() -> None:
    work = Workload(frames=160)
    command = [sys.executable, "-m", "benchmarks", "--frames", str(work.frames)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout.splitlines()[-1])
    assert {name: result["readings"] for name, result in results.items()} == dict.fromkeys(results, work.readings)
    runs = over_limit_runs(work)
    assert runs > 0
    assert (results["loop"]["runs"], results["quix"]["runs"]) == (runs, runs)
    # a run is an alarm unless it is shorter than the delay; no more than a raise and a return for each
    assert 0 < results["qingling"]["alarm.events"] <= 2 * runs
