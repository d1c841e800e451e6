"""What a change of the alarm rules would have done to a recorded series: the same readings under both. Pure."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.alarms import AlarmRule
from schemas.events import Event
from schemas.registry import Sensor
from schemas.terms import Priority
from schemas.times import from_us
from streams.alarm_counters import AlarmCounters
from streams.replay import Readings, replay

Place = tuple[str, str]  # sensor, side


@dataclass(frozen=True)
class Told:
    """Alarms of one set of rules: raises and seconds standing by sensor and side, and A1-A4 over the series' span.

    `p1`: occurrences that were P1, or became it by a further limit or by standing. That nobody acknowledges in a replay
    says nothing of the rules.
    """

    raised: Counter[Place]
    standing_s: Counter[Place]
    kpis: Mapping[str, Mapping[str, Any]]
    p1: int = 0


@dataclass(frozen=True)
class Difference:
    """One sensor's side: alarms and seconds standing, before and after."""

    sensor_id: str
    side: str
    before: int
    after: int
    before_s: float
    after_s: float


def told_by(events: Iterable[Event], readings: Readings) -> Told:
    """What the events of a replay come to; an episode that has not returned counts no seconds."""
    start, end = _span(readings)
    counters = AlarmCounters(start, end)
    raised: Counter[Place] = Counter()
    standing: Counter[Place] = Counter()
    place_of: dict[str, Place] = {}
    p1: set[str] = set()
    for event in events:
        counters.take(event)
        if event.data.get("priority") == Priority.P1 and event.data.get("reason") != "not_acknowledged":
            p1.add(event.data["occurrence_id"])
        if event.kind == "alarm_raised":
            side = str(event.data["rule_id"]).rpartition(".")[2]
            place_of[event.subject_id] = place = (str(event.data["sensor_id"]), side)
            raised[place] += 1
        elif event.kind == "alarm_returned" and event.subject_id in place_of:
            standing[place_of[event.subject_id]] += event.data["duration_s"]
    return Told(raised, standing, counters.rows(end), len(p1))


def compare(
    readings: Readings, before: Sequence[AlarmRule], after: Told, sensors: Mapping[str, Sensor]
) -> tuple[Told, list[Difference]]:  # fmt: skip
    """What the old rules told of the same readings, and every sensor's side on which the two differ."""
    old = told_by((event for step in replay(readings, before, sensors) for event in step.events), readings)
    differing = [
        Difference(*place, old.raised[place], after.raised[place], old.standing_s[place], after.standing_s[place])
        for place in sorted({*old.raised, *after.raised})
        if (old.raised[place], old.standing_s[place]) != (after.raised[place], after.standing_s[place])
    ]
    return old, differing


def _span(readings: Readings) -> tuple[dt.datetime, dt.datetime]:
    if not len(readings):
        return from_us(0), from_us(1)
    return from_us(int(readings.times_us.min())), from_us(int(readings.times_us.max()) + 1)
