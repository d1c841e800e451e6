"""Overrides that come and go by themselves: one-shot shelves, children of a standing parent, modes of the plant. Pure.

An override keeps the alarm from the operator; its process state goes on underneath. Those that people set are in
alarm_commands, the end of a shelf in timers.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from schemas.events import Event
from schemas.ids import alarm_id
from schemas.terms import Override
from streams.alarm_timers import unshelve
from streams.alarmlife import Alarm, Origin

MODE_ON = 0.5  # a mode sensor reads 0 or 1
_BY_RULE = "rule:"


class Overrides:
    """The links that a site's rules make between its alarms: parent -> children, mode sensor -> alarms."""

    def __init__(self, alarms: Iterable[Alarm]) -> None:
        self.of_mode: dict[str, list[Alarm]] = {}
        self._children: dict[str, list[Alarm]] = {}
        for alarm in alarms:
            if alarm.rule is None:
                continue
            if alarm.rule.suppressed_while:
                self.of_mode.setdefault(alarm.rule.suppressed_while, []).append(alarm)
            if alarm.rule.parent:
                sensor_id, _, rule_id = alarm.rule.parent.rpartition("/")
                self._children.setdefault(alarm_id(alarm.site_id, sensor_id, rule_id), []).append(alarm)

    def follow(self, alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
        """After a raise or a return of `alarm`: its one-shot shelf ends, its children are masked or unmasked."""
        events: list[Event] = []
        state = alarm.state
        if state is not None and state.one_shot and not alarm.active:
            events += unshelve(alarm, at, origin, "one_shot", by_person=False)
        for child in self.children(alarm):
            if alarm.active:
                events += self._mask(child, alarm.alarm_id, at, origin)
            else:
                events += child.free(Override.MASKED, at, origin, {"reason": "parent returned"}, {"masked_by": None})
        return events

    def children(self, alarm: Alarm) -> Sequence[Alarm]:
        return self._children.get(alarm.alarm_id, ())

    def reconcile(self, alarms: Mapping[str, Alarm], at: dt.datetime, recorded_at: dt.datetime) -> list[Event]:
        """After a change of rules: nothing stays masked or suppressed by what no rule names any more, and the children
        of a parent that stands already are masked."""
        events: list[Event] = []
        for _, alarm in sorted(alarms.items()):
            state = alarm.state
            if state is None or not state.overrides:
                continue
            cause = f"rules/{alarm.rule.version if alarm.rule else ''}/{state.version}"
            origin = Origin(cause, (cause,), recorded_at)
            parent = state.masked_by or ""
            if parent and not (parent in alarms and alarms[parent].active and alarm in self._children.get(parent, ())):
                events += alarm.free(Override.MASKED, at, origin, {"reason": "no such parent"}, {"masked_by": None})
            rule = state.suppressed_by or ""
            if rule.startswith(_BY_RULE) and alarm not in self.of_mode.get(rule.removeprefix(_BY_RULE), ()):
                events += self._by_design_no_longer(alarm, at, origin, "no such rule")
        for key, children in sorted(self._children.items()):
            for child in children if key in alarms and alarms[key].active else ():
                cause = f"rules/{child.rule.version if child.rule else ''}/{child.state.version if child.state else 0}"
                events += self._mask(child, key, at, Origin(cause, (cause,), recorded_at))
        return events

    def blind(self, sensor_id: str | None, at: dt.datetime, origin: Origin) -> list[Event]:
        """A mode sensor can no longer be seen: nobody knows that the mode still holds."""
        events: list[Event] = []
        for alarm in self.of_mode.get(sensor_id or "", ()):
            if alarm.state is not None and alarm.state.suppressed_by == f"{_BY_RULE}{sensor_id}":
                events += self._by_design_no_longer(alarm, at, origin, "mode not known")
        return events

    def _by_design_no_longer(self, alarm: Alarm, at: dt.datetime, origin: Origin, reason: str) -> list[Event]:
        return alarm.free(Override.SUPPRESSED, at, origin, {"reason": reason}, {"suppressed_by": None})

    def _mask(self, child: Alarm, parent: str, at: dt.datetime, origin: Origin) -> list[Event]:
        return child.override(Override.MASKED, at, origin, {"parent_alarm_id": parent}, {"masked_by": parent})

    def mode(self, alarm: Alarm, value: float, at: dt.datetime, origin: Origin) -> list[Event]:
        """A reading of the sensor that suppresses `alarm` while it is on. What a person suppressed stays so."""
        rule = f"{_BY_RULE}{alarm.rule.suppressed_while}" if alarm.rule else _BY_RULE
        if value >= MODE_ON:
            data = {"reason": "by design", "rule": rule}
            return alarm.override(Override.SUPPRESSED, at, origin, data, {"suppressed_by": rule})
        if alarm.state is None or not (alarm.state.suppressed_by or "").startswith(_BY_RULE):
            return []
        return alarm.free(Override.SUPPRESSED, at, origin, {"reason": "by design"}, {"suppressed_by": None})


def service_alarm(alarm: Alarm, alarms: Mapping[str, Alarm]) -> Alarm:
    """The alarm that tells that `alarm` is out of service past its date."""
    rule_id = f"service_due.{alarm.rule_id}"
    key = alarm_id(alarm.site_id, alarm.sensor_id or alarm.area_code or "", rule_id)
    return alarms.get(key) or Alarm(key, alarm.site_id, rule_id, alarm.sensor_id, alarm.area_code)
