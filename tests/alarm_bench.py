"""What the tests of the alarm engine build again and again: frames, rules, an engine, commands. Times in seconds."""

from typing import Any

import orjson

from schemas.alarms import AlarmRule, AlarmState, DeviceAlarm
from schemas.commands import Command
from schemas.events import Event
from schemas.frames import FrameHeader, make_batch
from schemas.registry import Sensor
from schemas.terms import SHANGHAI
from schemas.times import from_us, to_us
from streams.alarms import SiteAlarms
from streams.decode import Asked, Frame, Record, Upstream

SITE = "140402000123"
START_US = 1_782_921_600_000_000


def rule(sensor_id: str = "T1", **given: Any) -> AlarmRule:
    return AlarmRule(**{"rule_id": "ch4_pct.high", "site_id": SITE, "sensor_id": sensor_id, "limit": 1.0} | given)


def sensor(sensor_id: str = "T1", **given: Any) -> Sensor:
    return Sensor(**{"sensor_id": sensor_id, "site_id": SITE, "signal": "ch4_pct", "unit": "%CH4"} | given)


def engine(rules: list[AlarmRule], *sensors: Sensor, states: list[AlarmState] | tuple = (), memory=None) -> SiteAlarms:
    known = {it.sensor_id: it for it in sensors or (sensor(),)}
    return SiteAlarms(SITE, rules, known, states, memory)


def us(seconds: float) -> int:
    return START_US + round(seconds * 1e6)


def frame(readings: list[tuple], n: int = 0) -> Frame:
    """Readings (seconds, value[, quality[, sensor]]) in the order of the frame; value None = no value."""
    rows = [(at, value, *rest, *(0, "T1")[len(rest) :]) for at, value, *rest in readings]
    batch = make_batch(
        [row[3] for row in rows], [us(row[0]) for row in rows],
        [float("nan") if row[1] is None else row[1] for row in rows], [row[2] for row in rows],
    )  # fmt: skip
    header = FrameHeader(SITE, f"frame-{n}", "test", us(max((row[0] for row in rows), default=0) + 1))
    return Frame(Record("log", "telemetry.frames", 3, n, SITE.encode(), None), header, batch)


def ask(kind: str, target_id: str, seen: int | None = None, at: float = 0, **data: Any) -> Asked:
    command = Command.parse({
        "command_id": f"{kind}-{at}", "kind": kind, "site_id": SITE, "target_id": target_id, "seen_version": seen,
        "actor": {"id": "zhang", "role": "operator"}, "issued_at": from_us(us(at)), "data": data,
    })  # fmt: skip
    return Asked(Record("log", "commands", 3, 7, SITE.encode(), None), command)


def upstream(raised: float, ended: float | None = None, **given: Any) -> Upstream:
    alarm = DeviceAlarm.parse({
        "source_system": "kj90", "dialect": "mtt1201", "site_id": SITE, "sensor_id": "T1", "alarm_kind": "over_limit",
        "level": 2, "value": 1.2, "limit": 1.0, "unit": "%CH4", "raised_at": from_us(us(raised)),
        "ended_at": None if ended is None else from_us(us(ended)), "received_at": from_us(us(raised + 5)),
    } | given)  # fmt: skip
    return Upstream(Record("log", "device.alarms", 3, 5, SITE.encode(), None), alarm)


def brief(events: list[Event]) -> list[tuple[str, float]]:
    """(kind without `alarm_`, seconds) of each event."""
    return [(it.kind.removeprefix("alarm_"), (to_us(it.occurred_at) - START_US) / 1e6) for it in events]


def told(events: list[Event]) -> list[tuple]:
    """All that does not depend on how readings were packed into frames."""
    return [(it.kind, it.subject_id, it.occurred_at, orjson.dumps(it.data)) for it in events]


def reborn(alarms: SiteAlarms, rules: list[AlarmRule], states: dict[str, AlarmState], *sensors: Sensor) -> SiteAlarms:
    """A new engine from what is written out, by way of JSON. `states` gathers the latest state of each alarm."""
    for state in alarms.take_changed(1):
        states[state.alarm_id] = state
    stored = [AlarmState.parse(state.encode()) for state in states.values()]
    return engine(rules, *sensors, states=stored, memory=orjson.loads(orjson.dumps(alarms.memory())))


def shanghai(seconds: float) -> str:
    return from_us(us(seconds)).astimezone(SHANGHAI).isoformat()
