"""The alarms of one site: readings, upstream alarms, commands and time in; alarm events and states out. Pure.

Documented choices where the contract leaves room:
a reading without a usable value (NaN, infinite, a quality bit of UNUSABLE) neither fulfils nor contradicts a running
delay, but it is the sensor's last reading for the question what is late; of readings with equal times the first in the
frame counts; a rule that goes while its alarm stands stays in force until the alarm has returned.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from schemas.alarms import AlarmRule, AlarmState
from schemas.commands import COMMANDS
from schemas.events import Event
from schemas.ids import alarm_id
from schemas.registry import Sensor
from schemas.times import from_us, to_us
from streams.alarm_book import AlarmBook
from streams.alarm_commands import carry_out
from streams.alarm_timers import Timer, fire, next_timer
from streams.alarmlife import Alarm, Origin
from streams.alarmtable import FALSE, TRUE
from streams.decode import Asked, Frame, Upstream, received_at_us
from streams.delays import Crossing
from streams.limits import SensorColumns, Watched
from streams.notices import Notice
from streams.overrides import service_alarm
from streams.refusal import Refusal
from streams.signal_records import SiteSignalRecords
from streams.upstream import OVER_LIMIT, Agreement, take

Due = list[tuple[int, int, Callable[[], list[Event]]]]  # time, row, what happens then


class SiteAlarms:
    """Built from the last `states` and `memory()`, it goes on exactly as the object they were taken from.

    A rule is an alarm: `alarm_id(site, sensor, rule_id)`; of two rules with one id the later counts, rules of other
    sites are not ours. Sensors without a registry record are compared at limits.UNKNOWN_RESOLUTION.
    """

    def __init__(
        self, site_id: str, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor],
        states: Iterable[AlarmState] = (), memory: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        memory = memory or {}
        self.site_id = site_id
        self._changed: dict[str, Alarm] = {}
        self._timers: dict[str, Timer] = {}
        self._next_us: int | None = None  # no timer is due before
        self._book = AlarmBook(site_id, states, memory)
        last_us = dict(zip(memory.get("sensor_ids", ()), memory.get("last_us", ()), strict=True))
        self._arrange(rules, sensors, last_us, memory.get("signals", {}))
        self._agreement = Agreement(self._book, memory.get("doubts", ()))

    def configure(self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor]) -> None:
        """The registry changed: alarms whose id stays keep their state and their running delays."""
        last_us = dict(zip(*self._book.columns.heard(), strict=True))
        self._arrange(rules, sensors, last_us, self._signals.memory())

    def _arrange(
        self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor], last_us: Mapping[str, int],
        signals: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self._book.configure(rules, sensors, last_us)
        columns, alarms = self._book.columns, self._book.alarms
        in_force = [(alarm.sensor_id or "", alarm.rule) for alarm in alarms.values() if alarm.rule is not None]
        self._signals = SiteSignalRecords(
            self.site_id, columns.ids, sensors, in_force, alarms, columns.last_us, signals
        )  # fmt: skip
        for alarm in alarms.values():
            self._set_timer(alarm)
        self._rearranged = True  # what hung on the rules of before is put right with the next tick

    def on_frame(self, frame: Frame) -> list[Event]:
        """Events of the frame's readings in order of time. Readings of unknown sensors are passed over."""
        columns = self._book.columns
        readings = columns.read_frame(frame.batch, frame.regular)
        found = columns.watched(readings)
        noticed = self._signals.notice(readings, columns.last_us, frame.header.received_at_us)
        columns.move_on(readings)
        if not found and not noticed:
            return []
        was_watched = [self._book.is_watched(watched.sensor_id) for watched in found]
        due: Due = []
        for watched in found:
            self._look(watched, frame, due)
        for notice in noticed:
            due.append((notice.at_us, frame.row(max(notice.row, 0)), partial(self._notice, notice, frame)))
        # sensors depend on each other by parents and modes: in order of time, whatever the frame holds
        due.sort(key=lambda it: it[:2])
        events = [event for _, _, act in due for event in act()]
        for watched, was in zip(found, was_watched, strict=True):
            if was or self._book.is_watched(watched.sensor_id):
                self._book.mark(watched.sensor_id)
        return events

    def _look(self, watched: Watched, frame: Frame, due: Due) -> None:
        """One sensor's readings: modes that it is, alarms that it has, doubts that it answers."""
        for alarm in self._book.overrides.of_mode.get(watched.sensor_id, ()):
            for row, at_us, value in zip(watched.rows, watched.times_us, watched.values, strict=True):
                due.append((at_us, frame.row(row), partial(self._mode, alarm, value, at_us, frame, row)))
        for alarm in self._book.of_sensor(watched.sensor_id):
            delays = alarm.delays
            for crossing in delays.crossings(watched) if delays is not None else ():
                row = crossing.row
                due.append((crossing.at_us, frame.row(row), partial(self._cross, alarm, crossing, _of_row(frame, row))))
        answered = self._agreement.weigh(watched, lambda row: _of_row(frame, row))
        if answered is not None:
            at_us, row, alarm, events = answered
            due.append((at_us, frame.row(row), lambda: events))
            self._touch(alarm)

    def _notice(self, notice: Notice, frame: Frame) -> list[Event]:
        origin = replace(_of_row(frame, max(notice.row, 0)), n=notice.n)
        record = self._signals.record_of(notice.sensor_id)
        events = self._before(record, notice.at_us, origin.recorded_at)
        events += self._signals.tell(record, notice, origin) + self._blind(notice, origin)
        self._touch(record)
        return events

    def _cross(self, alarm: Alarm, crossing: Crossing, origin: Origin) -> list[Event]:
        rule, step, at = alarm.rule, crossing.step, from_us(crossing.at_us)
        if rule is None:  # it went with the last episode of its alarm, earlier in the frame
            return []
        due = self._before(alarm, crossing.at_us, origin.recorded_at)
        if step is not None:  # one row may pass several limits
            origin = replace(origin, n=rule.escalations.index(step))
        events = alarm.happen(
            crossing.trigger, at, origin, began_at=from_us(crossing.began_us), value=crossing.value,
            peak=crossing.peak, limit=rule.limit, priority=rule.priority, step=step,
        )  # fmt: skip
        if crossing.trigger in (TRUE, FALSE):
            events += self._follow(alarm, at, origin)
        if crossing.trigger is TRUE:
            for other in self._agreement.raised(alarm):
                self._touch(other)
        elif crossing.trigger is FALSE:
            self._book.retire(alarm)
        self._touch(alarm)
        return due + events

    def _follow(self, alarm: Alarm, at: dt.datetime, origin: Origin) -> list[Event]:
        """What an alarm's raise or return does to its own shelf and to the alarms below it."""
        due: list[Event] = []
        for child in self._book.overrides.children(alarm):
            due += self._before(child, to_us(at), origin.recorded_at)
        return due + self._touched(self._book.overrides.follow(alarm, at, origin))

    def _mode(self, alarm: Alarm, value: float, at_us: int, frame: Frame, row: int) -> list[Event]:
        origin = _of_row(frame, row)
        events = self._before(alarm, at_us, origin.recorded_at)
        return events + self._touched(self._book.overrides.mode(alarm, value, from_us(at_us), origin))

    def on_upstream(self, item: Upstream) -> list[Event]:
        """An alarm of the site's own system, on its sensor or area (upstream.take), and how it agrees with ours."""
        up, alarms = item.alarm, self._book.alarms
        where, rule_id = up.sensor_id or up.area_code or "", f"upstream.{up.alarm_kind}"
        key = alarm_id(self.site_id, where, rule_id)
        alarm = alarms.get(key)
        if alarm is None:
            alarm = alarms[key] = Alarm(key, self.site_id, rule_id, up.sensor_id, up.area_code, up.unit)
        origin = Origin(up.upstream_alarm_id, (item.record.coordinate,), up.received_at)
        known = alarm.state is not None and alarm.state.began_at == up.raised_at
        told_at = up.ended_at if known and up.ended_at is not None else up.raised_at
        due = self._before(alarm, to_us(told_at), origin.recorded_at)
        events = take(alarm, up, origin)
        if events:
            at = events[-1].occurred_at
            events += self._follow(alarm, at, origin)
            if rule_id == OVER_LIMIT and up.sensor_id is not None:
                more, touched = self._agreement.told(alarm, up, origin)
                events += more
                for other in touched:
                    self._touch(other)
            self._touch(alarm)
        return due + events

    def on_tick(self, now_us: int, *, caught_up: bool = True) -> list[Event]:
        """What is due by the step's `now`, in order of due times. Nothing due: nothing changes.

        Silence is judged only if all that has come was read (`caught_up`): a reading that waits is no silence.
        """
        events: list[Event] = []
        recorded_at = from_us(now_us)
        if self._rearranged and now_us >= 0:
            self._rearranged = False
            events += self._touched(self._book.overrides.reconcile(self._book.alarms, recorded_at, recorded_at))
        while self._next_us is not None and self._next_us <= now_us:
            due = sorted((timer.due_us, key) for key, timer in self._timers.items() if timer.due_us <= now_us)
            for due_us, key in due:
                timer = self._timers.get(key)
                if timer is not None and timer.due_us == due_us:
                    events += self._fire(self._book.alarms[key], timer, recorded_at)
            self._next_us = min((timer.due_us for timer in self._timers.values()), default=None)
        if caught_up:
            for notice in self._signals.silent(now_us, self._book.columns.last_us):
                record = self._signals.record_of(notice.sensor_id)
                cause = f"timer/silence/{notice.at_us}"
                origin = Origin(cause, (cause,), recorded_at)
                events += self._signals.tell(record, notice, origin) + self._blind(notice, origin)
                self._touch(record)
        return events

    def _blind(self, notice: Notice, origin: Origin) -> list[Event]:
        """A mode that can no longer be seen suppresses nothing."""
        lost = notice.kind == "signal_lost"
        return self._touched(self._book.overrides.blind(notice.sensor_id, notice.at, origin)) if lost else []

    def _touched(self, events: list[Event]) -> list[Event]:
        for event in events:
            self._touch(self._book.alarms[event.subject_id])
        return events

    def _before(self, alarm: Alarm, at_us: int, recorded_at: dt.datetime) -> list[Event]:
        """Timers of the alarm that were due before something else happens to it at `at_us`."""
        events: list[Event] = []
        while (timer := self._timers.get(alarm.alarm_id)) is not None and timer.due_us <= at_us:
            events += self._fire(alarm, timer, recorded_at)
        return events

    def _fire(self, alarm: Alarm, timer: Timer, recorded_at: dt.datetime) -> list[Event]:
        events = fire(alarm, timer, recorded_at)
        if timer.name == "service":
            other, cause = self._service_alarm(alarm), f"timer/{timer.name}/{timer.due_us}"
            events += other.happen(TRUE, from_us(timer.due_us), Origin(cause, (cause,), recorded_at))
            self._touch(other)
        self._touch(alarm)
        return events

    def _service_alarm(self, alarm: Alarm) -> Alarm:
        other = service_alarm(alarm, self._book.alarms)
        return self._book.alarms.setdefault(other.alarm_id, other)

    def on_command(self, item: Asked) -> list[Event] | Refusal:
        """An alarm's command (alarm_commands.carry_out). Roles, and commands sent again, are the step's business."""
        command = item.command
        alarm = self._book.alarms.get(command.target_id)
        if alarm is None:
            return Refusal("not_found", f"没有报警 / no alarm {command.target_id}")
        if command.kind not in COMMANDS or COMMANDS[command.kind].target != "alarm":
            return Refusal("wrong_target", f"不能对报警执行 / cannot be done to an alarm: {command.kind}")
        received_at = from_us(received_at_us(item))
        origin = Origin(command.command_id, (item.record.coordinate,), received_at, command.actor)
        outcome = carry_out(alarm, command, origin)
        if isinstance(outcome, list):
            if command.kind == "return_to_service":
                other = self._service_alarm(alarm)
                outcome += other.happen(FALSE, command.occurred_at or command.issued_at, origin)
                self._touch(other)
            self._touch(alarm)
        return outcome

    def has_alarm(self, key: str) -> bool:
        """Whether `key` is an alarm of this site: of a rule in force, or one that was ever raised."""
        return key in self._book.alarms

    def take_changed(self, step: int) -> list[AlarmState]:
        """States changed since the last call, stamped with `step`; they then count as unchanged."""
        states = []
        for alarm in self._changed.values():
            if alarm.state is not None:
                alarm.state = alarm.state.model_copy(update={"step": step})
                states.append(alarm.state)
        self._changed = {}
        return states

    @property
    def columns(self) -> SensorColumns:
        """Last time of every sensor, in the order of the sensors' ids."""
        return self._book.columns

    def memory(self, last_times: bool = True) -> dict[str, Any]:
        """What is needed beside the states: running delays, rules of standing alarms, signals in trouble, and last
        times unless they are kept elsewhere, as in pages."""
        heard = dict(zip(("sensor_ids", "last_us"), self._book.columns.heard(), strict=True)) if last_times else {}
        return heard | self._book.memory() | {"doubts": self._agreement.memory(), "signals": self._signals.memory()}

    def _touch(self, alarm: Alarm) -> None:
        self._changed[alarm.alarm_id] = alarm
        self._set_timer(alarm)

    def _set_timer(self, alarm: Alarm) -> None:
        timer = next_timer(alarm)
        if timer is None:
            self._timers.pop(alarm.alarm_id, None)
            return
        self._timers[alarm.alarm_id] = timer
        self._next_us = timer.due_us if self._next_us is None else min(self._next_us, timer.due_us)


def _of_row(frame: Frame, row: int) -> Origin:
    number = frame.row(row)
    cause, causes = f"{frame.header.frame_id}/{number}", (f"{frame.record.coordinate}/{number}",)
    return Origin(cause, causes, from_us(frame.header.received_at_us))
