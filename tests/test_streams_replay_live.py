"""A replay tells what a live worker told: the real longwall with holes torn into it, every timer of the rules running.

The worker gets a frame every half minute, as it is read, and ticks in between by the clock; the replay has the file.
"""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import streams.replay
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.registry import Site
from schemas.times import to_us
from streams.decode import Record
from streams.partition import PartitionState
from streams.registry import Registry
from streams.replay import Readings, replay
from streams.site import Context
from streams.step import run_step
from tests.alarm_bench import SITE, rule, sensor, us
from tests.catalogue_topic import coal

CHANNELS = {"MM31": "ch4_pct", "MM116": "ch4_pct", "AS038": "wind_mps", "PD": ""}
ROWS = 2_960  # a day and some: an alarm becomes stale
EVERY = {
    "alarm_raised", "alarm_returned", "alarm_escalated", "alarm_deescalated", "alarm_stale", "alarm_masked",
    "alarm_unmasked", "alarm_suppressed", "alarm_unsuppressed", "signal_lost", "signal_restored", "chatter_started",
    "chatter_ended",
}  # fmt: skip
RULES = [
    rule("MM116", on_delay_s=60, off_delay_s=60, deadband=0.05, ack_timeout_s=600, priority="P3", escalations=[
        {"level": "HH", "limit": 1.5, "priority": "P1"}, {"level": "long", "after_s": 1800, "priority": "P2"},
    ]),
    rule("MM31", limit=0.3, deadband=0.2, ack_timeout_s=300, re_alarm_s=900, priority="P4"),
    rule("MM31", rule_id="ch4_pct.2.high", limit=0.45, parent="MM116/ch4_pct.high"),
    rule("AS038", rule_id="wind_mps.low", direction="low", limit=2.0, priority="P4", suppressed_while="PD"),
    rule("AS038", rule_id="wind_mps.rate", kind="rate", limit=0.4, window_s=60, ack_timeout_s=60),
]  # fmt: skip
SENSORS = [sensor(name, signal=signal, unit="", period_s=30) for name, signal in CHANNELS.items()]


def torn(path) -> dict[str, np.ndarray]:
    """Values by channel, NaN where nothing was sent: one sensor silent, then another for good, then all of them."""
    table = pq.read_table(path, columns=list(CHANNELS)).slice(0, ROWS)
    values = {name: table[name].to_numpy().copy() for name in CHANNELS}
    for name, first, last in (("MM116", 300, 304), ("MM116", 700, 760), ("MM31", 1500, 1502), ("PD", 2500, ROWS)):
        values[name][first:last] = np.nan
    for name in CHANNELS:
        values[name][1000:1100] = np.nan
    values["AS038"][1100:1120] = np.nan  # not yet there when the others are back
    values["MM116"][1200:1203] = (0.2, 1.6, 0.2)
    return values


def live(values: dict[str, np.ndarray]) -> list:
    registry = Registry()
    registry.sites[SITE] = Site(site_id=SITE, industry="coal")
    registry.sensors[SITE] = {it.sensor_id: it for it in SENSORS}
    registry.rules[SITE] = {(it.sensor_id, it.rule_id): it for it in RULES}
    registry.alarm_rules = lambda _site: RULES
    state, context, events = PartitionState(0), Context(registry, coal()), []
    for i in range(ROWS):
        names = [name for name in CHANNELS if not np.isnan(values[name][i])]
        now = us(30 * i)
        batch = make_batch(names, [now] * len(names), [values[name][i] for name in names], [0] * len(names))
        header = FrameHeader(SITE, f"f{i}", "test", now)
        record = Record("log", "telemetry.frames", 0, i, SITE.encode(), encode_frame(batch), header.encode(), now)
        events += run_step(state, [record] if names else [], now, context).events
        if i + 1 < ROWS:
            for seconds in (3, 17, 29):
                events += run_step(state, [], us(30 * i + seconds), context).events
    return [event for event in events if event.topic == "alarm.events"]


def recorded(values: dict[str, np.ndarray], sort_by_sensor: bool) -> Readings:
    rows = [(i, name) for i in range(ROWS) for name in CHANNELS if not np.isnan(values[name][i])]
    if sort_by_sensor:
        rows.sort(key=lambda row: row[1])
    return Readings(
        "longwall.csv", "cd" * 32, pa.array([name for _, name in rows]).dictionary_encode(),
        np.array([us(30 * i) for i, _ in rows], "int64"), np.array([values[name][i] for i, name in rows]),
        np.zeros(len(rows), "uint8"), np.arange(1, len(rows) + 1),
    )  # fmt: skip


def told(events: list) -> list[tuple]:
    return sorted((to_us(it.occurred_at), it.kind, it.subject_id, str(it.data)) for it in events)


@pytest.mark.parametrize("sort_by_sensor", [False, True])
def test_a_replay_is_the_live_run_with_its_timers_and_silences(real_series, sort_by_sensor, monkeypatch):
    values = torn(real_series)
    expected = live(values)
    series, known = recorded(values, sort_by_sensor), {it.sensor_id: it for it in SENSORS}
    events = [event for step in replay(series, RULES, known) for event in step.events]
    assert {event.kind for event in events} >= EVERY, "an event that cannot come proves nothing"
    assert told(events) == told(expected)
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    monkeypatch.setattr(streams.replay, "FRAME_ROWS", 37)
    assert [event for step in replay(series, RULES, known) for event in step.events] == events
