"""Overrides that come and go by themselves: one-shot shelves, children of a standing parent, modes of the plant. Pure.

An override keeps the alarm from the operator; its process state goes on underneath. Those that people set are in
alarm_commands, the end of a shelf in timers.
"""

import datetime as dt
from collections.abc import Iterable, Mapping

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

    def follow(self, alarm: Alarm, at: dt.datetime, origin: Origin) -> tuple[list[Event], list[Alarm]]:
        """After a raise or a return of `alarm`: its one-shot shelf ends, its children are masked or unmasked.

        Events, and the children that changed.
        """
        events: list[Event] = []
        state = alarm.state
        if state is not None and state.one_shot and not alarm.active:
            events += unshelve(alarm, at, origin, "one_shot", by_person=False)
        touched = []
        for child in self._children.get(alarm.alarm_id, ()):
            if alarm.active:
                found = child.override(
                    Override.MASKED, at, origin, {"parent_alarm_id": alarm.alarm_id}, {"masked_by": alarm.alarm_id}
                )  # fmt: skip
            else:
                found = child.free(Override.MASKED, at, origin, {"reason": "parent returned"}, {"masked_by": None})
            if found:
                events += found
                touched.append(child)
        return events, touched

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
