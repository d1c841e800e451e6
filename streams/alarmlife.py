"""The life of one alarm: the states of ISA-18.2 / IEC 62682 (GB/T 41261) as a table, and the delays before a change.

Durations and episodes: an *episode* is the span from a raise to its return. It *began* at t0, the first reading of the
unbroken run beyond the limit that raised it, so `duration_s` of `alarm_returned` runs from began_at to the return, and
`peak` is the extreme value of that same span (greatest for a high limit, smallest for a low one).
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schemas.alarms import AlarmAcknowledged, AlarmOther, AlarmRaised, AlarmReturned, AlarmRule, AlarmState
from schemas.events import SYSTEM, Actor, Event
from schemas.ids import occurrence_id
from schemas.model import Message
from schemas.terms import Priority, ProcessState
from streams.limits import Threshold, Watched


class Trigger(StrEnum):
    """What can happen to an alarm, apart from overrides."""

    CONDITION_TRUE = "condition true for the on-delay"
    CONDITION_FALSE = "condition false for the off-delay, past the deadband"
    ACKNOWLEDGE = "acknowledge"


NORMAL, UNACKNOWLEDGED = ProcessState.NORMAL, ProcessState.UNACKNOWLEDGED
ACKNOWLEDGED, RETURNED = ProcessState.ACKNOWLEDGED, ProcessState.RETURNED_UNACKNOWLEDGED
TRUE, FALSE, ACKNOWLEDGE = Trigger.CONDITION_TRUE, Trigger.CONDITION_FALSE, Trigger.ACKNOWLEDGE

# (state, trigger) -> (next state, events in this order). What is not in the table changes nothing and records nothing.
# `alarm_raised` always opens a new occurrence. Letters are those of the ISA-18.2 diagram. No rule latches yet.
TRANSITIONS: dict[tuple[ProcessState, Trigger], tuple[ProcessState, tuple[str, ...]]] = {
    (NORMAL, TRUE): (UNACKNOWLEDGED, ("alarm_raised",)),  # A -> B
    (UNACKNOWLEDGED, ACKNOWLEDGE): (ACKNOWLEDGED, ("alarm_acknowledged",)),  # B -> C
    (UNACKNOWLEDGED, FALSE): (RETURNED, ("alarm_returned",)),  # B -> D
    (ACKNOWLEDGED, FALSE): (NORMAL, ("alarm_returned", "alarm_cleared")),  # C -> A
    (RETURNED, ACKNOWLEDGE): (NORMAL, ("alarm_acknowledged", "alarm_cleared")),  # D -> A
    (RETURNED, TRUE): (UNACKNOWLEDGED, ("alarm_raised",)),  # D -> B
}
ACTIVE = frozenset({UNACKNOWLEDGED, ACKNOWLEDGED})  # the condition stands


@dataclass(frozen=True, slots=True)
class Origin:
    """What the events of one input have in common. `n` tells apart two events of one kind with one cause."""

    cause: str
    causes: tuple[str, ...]
    recorded_at: dt.datetime
    actor: Actor = SYSTEM
    n: int = 0


@dataclass(frozen=True, slots=True)
class Crossing:
    """The delay has run out at `row` of the frame: the condition is now true (or false), since `began_us`."""

    trigger: Trigger
    row: int
    at_us: int
    began_us: int
    value: float


@dataclass(slots=True, eq=False)
class Alarm:
    """One alarm: what it is, its published state, and the delays that are running (UTC microseconds).

    `rule` is None for alarms of the site's own system and for alarms whose rule has gone.
    """

    alarm_id: str
    site_id: str
    rule_id: str
    sensor_id: str | None = None
    area_code: str | None = None
    unit: str = ""
    rule: AlarmRule | None = None
    threshold: Threshold | None = None
    state: AlarmState | None = None
    on_since_us: int | None = None
    off_since_us: int | None = None
    peak: float | None = None

    @property
    def process_state(self) -> ProcessState:
        return NORMAL if self.state is None else self.state.process_state

    @property
    def active(self) -> bool:
        return self.process_state in ACTIVE

    @property
    def busy(self) -> bool:
        """Whether any next reading of the sensor may matter, not only one beyond the limit."""
        return self.rule is not None and (self.on_since_us is not None or self.active)

    def drop_rule(self) -> None:
        self.rule = self.threshold = self.on_since_us = self.off_since_us = self.peak = None

    def crossings(self, watched: Watched) -> Iterator[Crossing]:
        """The changes of condition that these readings bring. The caller applies each before it asks for the next.

        Only readings count: after a gap the delay is judged by the times of the readings at its two ends.
        """
        if self.rule is None or self.threshold is None:
            return
        sign, beyond, inside = self.threshold.sign, self.threshold.beyond, self.threshold.inside
        on_delay, off_delay = round(self.rule.on_delay_s * 1e6), round(self.rule.off_delay_s * 1e6)
        for row, t, value, step in zip(watched.rows, watched.times_us, watched.values, watched.steps, strict=True):
            k = sign * step
            if self.active:
                self._reach(value, sign)
                if k >= inside:
                    self.off_since_us = None
                    continue
                if self.off_since_us is None:
                    self.off_since_us = t
                if t - self.off_since_us >= off_delay:
                    yield Crossing(FALSE, row, t, self.off_since_us, value)
                    self.on_since_us = self.off_since_us = self.peak = None
                    if self.rule is None:  # it was the last episode of a rule that has gone
                        return
            elif k < beyond:
                self.on_since_us = self.peak = None
            else:
                if self.on_since_us is None:
                    self.on_since_us = t
                self._reach(value, sign)
                if t - self.on_since_us >= on_delay:
                    began_us, self.on_since_us = self.on_since_us, None
                    yield Crossing(TRUE, row, t, began_us, value)

    def _reach(self, value: float, sign: int) -> None:
        if self.peak is None or sign * value > sign * self.peak:
            self.peak = value

    def happen(
        self,
        trigger: Trigger,
        at: dt.datetime,
        origin: Origin,
        *,
        began_at: dt.datetime | None = None,
        value: float | None = None,
        limit: float | None = None,
        priority: Priority = Priority.P3,
        more: dict[str, Any] | None = None,
    ) -> list[Event]:
        """Go through the table. Events of the change, each with version +1; none if the table has no such row.

        `began_at`, `limit` and `priority` matter to a raise only; `more` goes into the first event's data.
        """
        row = TRANSITIONS.get((self.process_state, trigger))
        if row is None:
            return []
        to, kinds = row
        change: dict[str, Any] = {"process_state": to, "value": value}
        if trigger is TRUE:
            began = began_at or at
            change |= {
                "occurrence_id": occurrence_id(self.alarm_id, began), "began_at": began, "raised_at": at,
                "returned_at": None, "acknowledged_at": None, "acknowledged_by": None,
                "limit": limit, "priority": priority,
            }  # fmt: skip
        elif trigger is FALSE:
            change |= {"returned_at": at}
        else:
            del change["value"]
            change |= {"acknowledged_at": at, "acknowledged_by": origin.actor.id}
        if trigger is not ACKNOWLEDGE:
            change["peak"] = self.peak
        self._change(at, len(kinds), change)
        return [self._event(kind, at, origin, (more or {}) if i == 0 else {}) for i, kind in enumerate(kinds)]

    def comment(self, at: dt.datetime, origin: Origin, data: dict[str, Any]) -> Event:
        """A remark: no change of state, but a new version, so that nobody acts without having seen it."""
        self._change(at, 1, {})
        return self._make("comment_added", at, origin, AlarmOther.model_validate(data))

    def _change(self, at: dt.datetime, events: int, change: dict[str, Any]) -> None:
        state = self.state or AlarmState(
            alarm_id=self.alarm_id, site_id=self.site_id, sensor_id=self.sensor_id, area_code=self.area_code,
            rule_id=self.rule_id, process_state=NORMAL, version=0, changed_at=at,
        )  # fmt: skip
        change |= {"version": state.version + events, "changed_at": at, "unit": self.unit or state.unit}
        self.state = state.model_copy(update=change)

    def _event(self, kind: str, at: dt.datetime, origin: Origin, more: dict[str, Any]) -> Event:
        state = self.state
        assert state is not None and state.occurrence_id is not None and state.began_at is not None  # noqa: S101
        data: dict[str, Any]
        model: type[Message]
        match kind:
            case "alarm_raised":
                model, data = AlarmRaised, {
                    "rule_id": self.rule_id, "sensor_id": self.sensor_id, "occurrence_id": state.occurrence_id,
                    "began_at": state.began_at, "value": state.value, "limit": state.limit,
                    "priority": state.priority,
                }  # fmt: skip
            case "alarm_returned":
                seconds = (at - state.began_at) / dt.timedelta(seconds=1)
                model, data = AlarmReturned, {
                    "occurrence_id": state.occurrence_id, "peak": state.peak, "duration_s": max(seconds, 0.0),
                }  # fmt: skip
            case "alarm_acknowledged":
                model, data = AlarmAcknowledged, {"occurrence_id": state.occurrence_id}
            case _:
                model, data = AlarmOther, {"occurrence_id": state.occurrence_id}
        return self._make(kind, at, origin, model.model_validate(more | data))

    def _make(self, kind: str, at: dt.datetime, origin: Origin, data: Message) -> Event:
        return Event.of(
            kind, self.alarm_id, self.site_id, data, cause=origin.cause, n=origin.n, occurred_at=at,
            recorded_at=origin.recorded_at, causes=origin.causes, actor=origin.actor,
        )  # fmt: skip
