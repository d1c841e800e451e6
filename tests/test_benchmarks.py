"""The benchmarks run, and what is compared did the same work. No word about speed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bridge import readings
from benchmarks.bridge_by_hand import frames_of
from benchmarks.by_hand import SiteState
from benchmarks.sampler import Sampler
from benchmarks.workload import DEADBAND, LIMIT, OFF_DELAY_US, ON_DELAY_US, Workload
from schemas.frames import decode_frame
from schemas.registry import Sensor
from streams.alarms import SiteAlarms
from streams.decode import Record, decode
from streams.gateways.bridge_dialects import dialects
from streams.gateways.bridge_frames import Range, frames
from streams.gateways.bridge_readings import read
from streams.rules import default_rules

ROOT = Path(__file__).parent.parent


@pytest.mark.embedded
def test_processing_and_the_loop_by_hand_raise_the_same_alarms_and_land_every_reading() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "a", "--broker", "embedded"]
    sizes = ["--frames", "40", "--sites", "4", "--rounds", "1"]
    done = subprocess.run([*command, *sizes], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    rounds = json.loads(done.stdout.splitlines()[-1])["a"]
    assert [each["frame"] for each in rounds] == [1_000, 5_000]
    for each in rounds:
        assert each["raised"] == each["raised_by_hand"] > 0


@pytest.mark.embedded
def test_the_bridge_the_loop_by_hand_and_quix_make_frames_of_every_single_reading() -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "b", "--broker", "embedded", "--singles", "4000"]
    done = subprocess.run([*command, "--rounds", "1"], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    (contest,) = json.loads(done.stdout.splitlines()[-1])["b"]
    assert contest["frames"] >= contest["frames_by_hand"] / 4 > 0


def test_the_loop_by_hand_makes_the_bridges_frames_of_the_same_messages() -> None:
    messages = [message for _, message in readings(3_000)]
    found = read(messages, dialects()["chemical"], 1_900_000_000_000_000)
    assert found.refused == []
    ours = frames(found.batch, Range("log", "t", 0, 0, 3_000), "bridge", 1, unit=True)
    assert [(h.site_id, decode_frame(raw, later_columns=True)) for h, raw in ours] == [
        (h.site_id, decode_frame(raw, later_columns=True)) for h, raw in frames_of(messages, "t", 1)
    ]


def test_the_rule_by_hand_is_the_default_rule() -> None:
    work = Workload(frames=200, sites=2, sensors=100, moments=4, share=0.1)
    (rule,) = default_rules([Sensor(sensor_id="s", site_id="x", signal="ch4_pct", alarm_high=LIMIT)])
    assert (rule.limit, rule.deadband) == (LIMIT, DEADBAND)
    assert (rule.on_delay_s * 1_000_000, rule.off_delay_s * 1_000_000) == (ON_DELAY_US, OFF_DELAY_US)
    for site_id in work.site_ids():
        sensors = {
            name: Sensor(sensor_id=name, site_id=site_id, signal="ch4_pct", alarm_high=LIMIT)
            for name in work.sensor_ids(site_id)
        }
        engine, by_hand = SiteAlarms(site_id, default_rules(sensors.values()), sensors), SiteState()
        expected, found = [], []
        for name, raw, headers in work.messages():
            if name != site_id:
                continue
            frame = decode(Record("log", "telemetry.frames", 0, 0, None, raw, headers))
            told = engine.on_frame(frame)  # type: ignore[arg-type]
            expected += [(e.kind, e.data.get("sensor_id"), e.occurred_at) for e in told if "raised" in e.kind]
            found += [each for each in by_hand.alarms(decode_frame(raw)) if each[0] == "alarm_raised"]
        assert len(found) == len(expected) > 10
        times = sorted(int(np.datetime64(at.replace(tzinfo=None), "us").astype("int64")) for *_, at in expected)
        assert sorted(us for *_, us in found) == times


def test_the_sampler_says_where_time_went(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path / "go")
    sampler._count(sys._getframe())
    assert "100.0 %  other" in sampler.report() and "test_the_sampler" in sampler.report()
