"""Alarms of a site's own system beside our own evaluation of the same sensor: they confirm each other, or they do not.

A difference is a candidate for tampering, never a verdict: the system raised what our readings do not show, our
readings show what the system did not raise, or the system's limit is laxer than the one in force. Pure.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from schemas.alarm_classes import alarm_classes
from schemas.alarms import DeviceAlarm
from schemas.events import Event
from schemas.ids import alarm_id
from schemas.terms import Direction, Priority, RuleKind, UpstreamKind
from schemas.times import from_us, to_us
from schemas.units import unit_of
from streams.alarm_book import AlarmBook
from streams.alarmlife import Alarm, Origin
from streams.alarmtable import FALSE, TRUE
from streams.limits import Watched

OVER_LIMIT = f"upstream.{UpstreamKind.OVER_LIMIT}"


def take(alarm: Alarm, up: DeviceAlarm, origin: Origin) -> list[Event]:
    """Raise and return of the site's own system, on its sensor or area, level 1-4 as P1-P4.

    The same alarm again, and one raised before the latest of its kind, change nothing. If a new one comes while the
    last still stands, the end of the last was lost: it returns at the new raise with `end_assumed`.
    """
    latest = alarm.state.began_at if alarm.state else None
    events: list[Event] = []
    if latest is None or up.raised_at > latest:
        if alarm.active and alarm.state is not None:
            lost_end = replace(origin, n=1)
            events += alarm.happen(FALSE, up.raised_at, lost_end, peak=alarm.state.peak, more={"end_assumed": True})
        peak = up.value if up.peak is None else up.peak
        level = Priority(f"P{up.level}")
        events += alarm.happen(TRUE, up.raised_at, origin, value=up.value, peak=peak, limit=up.limit, priority=level)
    elif up.raised_at < latest:
        return []
    if up.ended_at is not None and alarm.active and alarm.state is not None:
        peak = alarm.state.peak if up.peak is None else up.peak
        events += alarm.happen(FALSE, max(up.ended_at, up.raised_at), origin, value=up.value, peak=peak)
    return events


@dataclass(slots=True)
class Doubt:
    """An alarm of the site's own system that stands, and how many readings since have been inside our limit."""

    alarm: Alarm
    inside: int = 0

    def weigh(self, ours: Alarm, watched: Watched) -> tuple[int, int] | None:
        """Counts readings after the raise; (row, time) of the one that is once too many. One beyond ends it."""
        state, delays = self.alarm.state, ours.delays
        if state is None or state.raised_at is None or delays is None:
            return None
        raised_us, limit = to_us(state.raised_at), delays.threshold
        for row, t, step in zip(watched.rows, watched.times_us, watched.steps, strict=True):
            if t <= raised_us:
                continue
            if limit.sign * step >= limit.beyond:
                self.inside = -1
                return None
            self.inside += 1
            if self.inside >= alarm_classes().signals.disagreeing_readings:
                return row, t
        return None


class Agreement:
    """What the two sources say of the same sensor, side by side."""

    def __init__(self, book: AlarmBook, memory: Iterable[tuple[str, int]]) -> None:
        self._book = book
        held = [(book.alarms[key], inside) for key, inside in memory if key in book.alarms]
        self._doubts = {alarm.sensor_id or "": Doubt(alarm, inside) for alarm, inside in held}
        for sensor_id in self._doubts:
            book.watch(sensor_id, True)

    def raised(self, ours: Alarm) -> list[Alarm]:
        """An alarm of ours has risen: does the site's own system say the same? Alarms that changed beside it."""
        theirs = self._book.alarms.get(alarm_id(ours.site_id, ours.sensor_id or "", OVER_LIMIT))
        if theirs is None or ours.rule is None or ours.rule.direction is not Direction.HIGH or not ours.active:
            return []
        if theirs.active:
            return _confirm(ours, theirs)
        ours.remember({"awaits_confirmation": True})
        return []

    def told(self, theirs: Alarm, up: DeviceAlarm, origin: Origin) -> tuple[list[Event], list[Alarm]]:
        """The site's own system has raised or ended an over-limit alarm: events, and alarms of ours that changed."""
        sensor_id = up.sensor_id or ""
        events = self._limits(theirs, up, origin)
        self._forget(sensor_id)
        ours = self._book.level_of(sensor_id)
        if ours is None or not theirs.active:
            return events, []
        if ours.active:
            return events, _confirm(ours, theirs)
        self._doubts[sensor_id] = Doubt(theirs)
        self._book.watch(sensor_id, True)
        return events, []

    def weigh(self, watched: Watched, origin_of: Callable[[int], Origin]) -> tuple[int, int, Alarm, list[Event]] | None:
        """Readings of a sensor that is in doubt: (time, row, alarm, events) of the suspicion they complete."""
        doubt, ours = self._doubts.get(watched.sensor_id), self._book.level_of(watched.sensor_id)
        if doubt is None or ours is None:
            return None
        found = doubt.weigh(ours, watched)
        if found is None and doubt.inside >= 0 and doubt.alarm.active:
            return None
        self._forget(watched.sensor_id)
        state = doubt.alarm.state
        if found is None or state is None or state.raised_at is None:
            return None
        row, at_us = found
        detail = f"{doubt.inside} readings inside the limit"
        events = doubt.alarm.suspect(
            "not_in_readings", state.raised_at, from_us(at_us), origin_of(row), detail=detail
        )  # fmt: skip
        return at_us, row, doubt.alarm, events

    def _limits(self, theirs: Alarm, up: DeviceAlarm, origin: Origin) -> list[Event]:
        """A suspicion if the system's limit lies beyond ours and is none of our further ones; until it is mended."""
        rules = [each.rule for each in self._book.of_sensor(up.sensor_id or "") if each.rule is not None]
        high = [rule for rule in rules if rule.direction is Direction.HIGH and rule.kind is RuleKind.LEVEL]
        ours = self._book.level_of(up.sensor_id or "")
        foreign = ours is not None and up.unit and ours.unit and unit_of(up.unit) != unit_of(ours.unit)
        if up.limit is None or not high or theirs.state is None or foreign:
            return []
        strictest = min(rule.limit for rule in high)
        if up.limit <= strictest or up.limit in {step.limit for rule in high for step in rule.escalations}:
            held = theirs.state.suspicions
            theirs.remember({"suspicions": tuple(each for each in held if each != "limit_differs")})
            return []
        detail = f"{up.limit:g} instead of {strictest:g}"
        return theirs.suspect("limit_differs", up.raised_at, up.raised_at, origin, value=up.limit, detail=detail)

    def _forget(self, sensor_id: str) -> None:
        if self._doubts.pop(sensor_id, None) is not None:
            self._book.watch(sensor_id, False)

    def memory(self) -> list[list[Any]]:
        return [[doubt.alarm.alarm_id, doubt.inside] for _, doubt in sorted(self._doubts.items())]


def _confirm(ours: Alarm, theirs: Alarm) -> list[Alarm]:
    """Both stand: each remembers the other. No event of its own: the raise of the later one says it."""
    for alarm, by in ((ours, theirs), (theirs, ours)):
        alarm.remember({"confirmed_by": by.alarm_id})
    return [ours, theirs]
