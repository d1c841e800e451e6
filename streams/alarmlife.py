"""One alarm: its published state, and what changes it. The tables it goes by are in alarmtable. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from schemas.alarm_events import AlarmOther, AlarmRaised, AlarmReturned
from schemas.alarms import AlarmRule, AlarmState, Escalation
from schemas.events import EVENT_DATA, SYSTEM, Actor, Event
from schemas.ids import occurrence_id
from schemas.model import Message
from schemas.terms import Override, Priority, ProcessState, RuleKind
from streams.alarmtable import ACKNOWLEDGE, ACTIVE, FALSE, NORMAL, OVERRIDES, TRUE, WAITING, Trigger, row_of
from streams.chatter import KEPT, is_chatter
from streams.delays import Delays
from streams.limits import UNKNOWN_RESOLUTION, Threshold, threshold_of

OFF_SHELF: dict[str, Any] = {"shelved_until": None, "shelved_by": None, "shelve_reason": "", "one_shot": False}
_ASKING = frozenset({TRUE, Trigger.UNACKNOWLEDGE, Trigger.RE_ALARM, Trigger.MORE_SEVERE})  # for an acknowledgement


@dataclass(frozen=True, slots=True)
class Origin:
    """What the events of one input have in common. `n` tells apart two events of one kind with one cause."""

    cause: str
    causes: tuple[str, ...]
    recorded_at: dt.datetime
    actor: Actor = SYSTEM
    n: int = 0


@dataclass(slots=True, eq=False)
class Alarm:
    """One alarm: what it is, its published state, and the delays that are running.

    `rule` is None for alarms of the site's own system and for alarms whose rule has gone; several alarms share one if
    their rules differ by nothing but the sensor.
    """

    alarm_id: str
    site_id: str
    rule_id: str
    sensor_id: str | None = None
    area_code: str | None = None
    unit: str = ""
    rule: AlarmRule | None = None
    resolution: float = UNKNOWN_RESOLUTION
    running: Delays | None = None
    state: AlarmState | None = None

    @property
    def process_state(self) -> ProcessState:
        return NORMAL if self.state is None else self.state.process_state

    @property
    def active(self) -> bool:
        return self.process_state in ACTIVE

    @property
    def overrides(self) -> tuple[Override, ...]:
        return () if self.state is None else self.state.overrides

    @property
    def busy(self) -> bool:
        """Whether any next reading of the sensor may matter, not only one beyond the limit."""
        if self.rule is None:
            return False
        return self.active or self.rule.kind is RuleKind.RATE or (self.running is not None and self.running.busy)

    @property
    def threshold(self) -> Threshold | None:
        """From where on a reading matters; None: there is no rule, or every reading does."""
        if self.rule is None or self.rule.kind is RuleKind.RATE:
            return None
        return threshold_of(self.rule.direction, self.rule.limit, self.rule.deadband, self.resolution)

    @property
    def delays(self) -> Delays | None:
        """What runs, begun when it is first asked for: most alarms of most sites are never near their limit."""
        if self.running is None and self.rule is not None:
            self.adopt(self.rule, self.resolution, begin=True)
        return self.running

    def adopt(self, rule: AlarmRule, resolution: float, *, begin: bool = False) -> None:
        """The rule as it now is; delays that run go on, measured by its limits."""
        old, self.rule, self.resolution = self.running, rule, resolution
        if old is None and not begin:
            return
        self.running = Delays.of(rule, resolution)
        self.running.active = self.active
        if self.active and self.state is not None:
            held = set(self.state.steps)
            self.running.level = sum(each.step.level in held for each in self.running.further)
        if old is not None:
            self.running.restore(old.memory())

    def drop_rule(self) -> None:
        self.rule = self.running = None

    def happen(
        self, trigger: Trigger, at: dt.datetime, origin: Origin, *, began_at: dt.datetime | None = None,
        value: float | None = None, peak: float | None = None, limit: float | None = None,
        priority: Priority = Priority.P3, step: Escalation | None = None, more: dict[str, Any] | None = None,
    ) -> list[Event]:  # fmt: skip
        """Go through the table. Events of the change, each with version +1; none if the table has no such row.

        `began_at`, `limit` and `priority` matter to a raise only, `step` to an escalation; `more` goes into the first
        event's data.
        """
        row = row_of(self.process_state, trigger, latches=self.rule is not None and self.rule.latches)
        if row is None:
            return []
        before = self.state
        to, kinds = row
        change: dict[str, Any] = {"process_state": to}
        if trigger in (TRUE, FALSE):
            kept = (*(before.transitions if before else ()), at)[-KEPT:]
            change |= {"value": value, "peak": peak, "transitions": kept}
        if trigger is TRUE:
            began = began_at or at
            change |= {
                "occurrence_id": occurrence_id(self.alarm_id, began), "began_at": began, "raised_at": at,
                "returned_at": None, "acknowledged_at": None, "acknowledged_by": None, "limit": limit,
                "priority": priority, "level": self.rule.level if self.rule else "", "steps": (), "overdue": False,
                "stale": False, "confirmed_by": None,
            }  # fmt: skip
        elif trigger is FALSE:
            change |= {"returned_at": at, "stale": False}
        elif trigger is ACKNOWLEDGE:
            change |= {"acknowledged_at": at, "acknowledged_by": origin.actor.id, "overdue": False}
        elif trigger is Trigger.NOT_ACKNOWLEDGED:
            change |= {"overdue": True}
        if step is not None and before is not None:
            steps = tuple(name for name in before.steps if name != step.level)
            change |= {"steps": (*steps, step.level) if trigger is Trigger.MORE_SEVERE else steps, "value": value}
        if trigger in _ASKING:
            change |= {"annunciated_at": at}
        self._change(at, len(kinds), change)
        if trigger is not TRUE and self.rule is not None and kinds[0] in ("alarm_escalated", "alarm_deescalated"):
            more = self._graded(before) | {"reason": _why(trigger, step), "limit": step and step.limit, "value": value}
        events = [self._event(kind, at, origin, (more or {}) if i == 0 else {}) for i, kind in enumerate(kinds)]
        severer = trigger is Trigger.MORE_SEVERE or (trigger is TRUE and self.rule is None)
        if severer and before is not None and self._became_p1(before):
            events += self.free(Override.SHELVED, at, origin, {"reason": "became P1"}, OFF_SHELF)
        return events + (self._chatter(at, origin) if trigger in (TRUE, FALSE) else [])

    def _became_p1(self, before: AlarmState) -> bool:
        """What was put on the shelf was less than that."""
        return before.priority is not Priority.P1 and self.state is not None and self.state.priority is Priority.P1

    def _graded(self, before: AlarmState | None) -> dict[str, Any]:
        """Level and priority by the escalations that now hold; what they were."""
        assert self.rule is not None and self.state is not None and before is not None  # noqa: S101
        held = [each for each in self.rule.escalations if each.level in self.state.steps]
        priority = min([self.rule.priority, *(each.priority for each in held)])
        if self.state.overdue and priority is not Priority.P1:
            priority = Priority(f"P{int(priority[1]) - 1}")
        level = held[-1].level if held else self.rule.level
        limits = [each.limit for each in held if each.limit is not None]
        limit = limits[-1] if limits else self.rule.limit
        self.state = self.state.model_copy(update={"priority": priority, "level": level, "limit": limit})
        return {
            "level": level, "previous_level": before.level, "priority": priority, "previous_priority": before.priority,
        }  # fmt: skip

    def _chatter(self, at: dt.datetime, origin: Origin) -> list[Event]:
        state = self.state
        if state is None or state.chattering or (found := is_chatter(state.transitions)) is None:
            return []
        return [self.note("chatter_started", at, origin, found.model_dump(), {"chattering": True})]

    def override(
        self, which: Override, at: dt.datetime, origin: Origin, data: dict[str, Any], change: dict[str, Any]
    ) -> list[Event]:
        """Put an override on; nothing if it is on already. `change` is what the state remembers of it."""
        if which in self.overrides:
            return []
        held = tuple(each for each in Override if each in (*self.overrides, which))
        return [self.note(OVERRIDES[which].began, at, origin, data, {**change, "overrides": held})]

    def free(
        self, which: Override, at: dt.datetime, origin: Origin, data: dict[str, Any], change: dict[str, Any]
    ) -> list[Event]:
        """Take an override off; nothing if it is not on. What waits for an acknowledgement asks for it anew."""
        if which not in self.overrides:
            return []
        left = tuple(each for each in self.overrides if each is not which)
        if self.process_state in WAITING and not left:
            change = {**change, "annunciated_at": at}
        return [self.note(OVERRIDES[which].ended, at, origin, data, {**change, "overrides": left})]

    def note(
        self, kind: str, at: dt.datetime, origin: Origin, data: dict[str, Any], change: dict[str, Any] | None = None
    ) -> Event:
        """An event that is no change of process state, but a new version: nobody acts without having seen it."""
        self._change(at, 1, change or {})
        return self._make(kind, at, origin, EVENT_DATA[kind].model_validate(data))

    def suspect(
        self, reason: str, since: dt.datetime, at: dt.datetime, origin: Origin, **told: Any
    ) -> list[Event]:  # fmt: skip
        """`tamper_suspected`, once for each reason until it is looked into."""
        held = self.state.suspicions if self.state else ()
        if reason in held:
            return []
        data = {"sensor_id": self.sensor_id, "reason": reason, "since": since, **told}
        return [self.note("tamper_suspected", at, origin, data, {"suspicions": (*held, reason)})]

    def remember(self, change: dict[str, Any]) -> None:
        """Something the state is to show that is no event of the alarm: its version stays."""
        if self.state is not None:
            self.state = self.state.model_copy(update=change)

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
        data: dict[str, Any] = {"occurrence_id": state.occurrence_id}
        model: type[Message] = EVENT_DATA.get(kind, AlarmOther)
        if model is AlarmRaised:
            data |= {
                "rule_id": self.rule_id, "sensor_id": self.sensor_id, "began_at": state.began_at,
                "value": state.value, "limit": state.limit, "priority": state.priority,
                "rule_version": self.rule.version if self.rule else "",
            }  # fmt: skip
        elif model is AlarmReturned:
            seconds = (at - state.began_at) / dt.timedelta(seconds=1)
            data |= {"peak": state.peak, "duration_s": max(seconds, 0.0)}
        return self._make(kind, at, origin, model.model_validate(more | data))

    def _make(self, kind: str, at: dt.datetime, origin: Origin, data: Message) -> Event:
        return Event.of(
            kind, self.alarm_id, self.site_id, data, cause=origin.cause, n=origin.n, occurred_at=at,
            recorded_at=origin.recorded_at, causes=origin.causes, actor=origin.actor,
        )  # fmt: skip


def _why(trigger: Trigger, step: Escalation | None) -> str:
    if trigger is Trigger.NOT_ACKNOWLEDGED:
        return "not_acknowledged"
    return "limit" if step is None or step.limit is not None else "duration"
