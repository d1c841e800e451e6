"""The alarms of one site: readings, upstream alarms and commands in; alarm events and states out. Pure.

Documented choices where the contract leaves room:
a reading without a usable value (NaN, infinite, a quality bit of UNUSABLE) neither fulfils nor contradicts a running
delay, but it is the sensor's last reading for the question what is late; of readings with equal times the first in the
frame counts; a rule that goes while its alarm stands stays in force until the alarm has returned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.alarms import AlarmRule, AlarmState
from schemas.commands import COMMANDS
from schemas.events import Event
from schemas.ids import alarm_id
from schemas.registry import Sensor
from schemas.terms import Priority, ProcessState
from schemas.times import from_us
from streams.alarmlife import ACKNOWLEDGE, FALSE, TRANSITIONS, TRUE, Alarm, Crossing, Origin
from streams.decode import Asked, Frame, Upstream, received_at_us
from streams.limits import SensorColumns, Threshold, resolution_of
from streams.refusal import Refusal


class SiteAlarms:
    """Built from the last `states` and `memory()`, it goes on exactly as the object they were taken from.

    A rule is an alarm: `alarm_id(site, sensor, rule_id)`; of two rules with one id the later counts, rules of other
    sites are not ours. Sensors without a registry record are compared at limits.UNKNOWN_RESOLUTION.
    """

    def __init__(
        self,
        site_id: str,
        rules: Sequence[AlarmRule],
        sensors: Mapping[str, Sensor],
        states: Iterable[AlarmState] = (),
        memory: dict[str, Any] | None = None,
    ) -> None:
        memory = memory or {}
        self.site_id = site_id
        self._alarms: dict[str, Alarm] = {state.alarm_id: _known(state) for state in states}
        self._changed: dict[str, Alarm] = {}
        for found in map(AlarmRule.parse, memory.get("rules", ())):
            alarm = self._alarms.get(alarm_id(site_id, found.sensor_id, found.rule_id))
            if alarm is not None:
                alarm.rule = found
        self._adopt(rules, sensors)
        for key, on_since_us, off_since_us, peak in memory.get("pending", ()):
            if (alarm := self._alarms.get(key)) and alarm.rule is not None:
                alarm.on_since_us, alarm.off_since_us, alarm.peak = on_since_us, off_since_us, peak
        last_us = dict(zip(memory.get("sensor_ids", ()), memory.get("last_us", ()), strict=True))
        self._arrange(sensors, last_us)

    def configure(self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor]) -> None:
        """The registry changed: alarms whose id stays keep their state and their running delays."""
        last_us = dict(zip(*self._columns.heard(), strict=True))
        self._adopt(rules, sensors)
        self._arrange(sensors, last_us)

    def on_frame(self, frame: Frame) -> list[Event]:
        """Events of the frame's readings in order of time. Readings of unknown sensors are passed over."""
        found = self._columns.absorb(frame.batch)
        if not found:
            return []
        recorded_at = from_us(frame.header.received_at_us)
        happened: list[tuple[int, int, list[Event]]] = []
        for watched in found:
            moved = False
            for alarm in tuple(self._of_sensor.get(watched.sensor_id, ())):
                was_busy = alarm.busy
                for crossing in alarm.crossings(watched):
                    row = frame.row(crossing.row)
                    cause, causes = f"{frame.header.frame_id}/{row}", (f"{frame.record.coordinate}/{row}",)
                    events = self._cross(alarm, crossing, Origin(cause, causes, recorded_at))
                    happened.append((crossing.at_us, row, events))
                moved = moved or alarm.busy != was_busy
            if moved:
                self._mark(watched.sensor_id)
        happened.sort(key=lambda it: it[:2])
        return [event for _, _, events in happened for event in events]

    def _cross(self, alarm: Alarm, crossing: Crossing, origin: Origin) -> list[Event]:
        rule = alarm.rule
        assert rule is not None  # noqa: S101 - only alarms with a rule are evaluated
        self._changed[alarm.alarm_id] = alarm
        events = alarm.happen(
            crossing.trigger, from_us(crossing.at_us), origin, began_at=from_us(crossing.began_us),
            value=crossing.value, limit=rule.limit, priority=rule.priority,
        )  # fmt: skip
        if crossing.trigger is FALSE and alarm.alarm_id in self._retired:
            self._retired.discard(alarm.alarm_id)
            self._busy.pop(alarm.alarm_id, None)
            self._of_sensor[rule.sensor_id].remove(alarm)
            alarm.drop_rule()
        return events

    def on_upstream(self, item: Upstream) -> list[Event]:
        """An alarm of the site's own system, on its sensor or area, level 1-4 as P1-P4.

        The same alarm again, and one raised before the latest of its kind, change nothing. If a new one comes while
        the last still stands, the end of the last was lost: it returns at the new raise with `end_assumed`.
        """
        up = item.alarm
        where, rule_id = up.sensor_id or up.area_code or "", f"upstream.{up.alarm_kind}"
        key = alarm_id(self.site_id, where, rule_id)
        alarm = self._alarms.get(key)
        if alarm is None:
            alarm = Alarm(key, self.site_id, rule_id, up.sensor_id, up.area_code, up.unit)
            self._alarms[key] = alarm
        latest = alarm.state.began_at if alarm.state else None
        origin = Origin(up.upstream_alarm_id, (item.record.coordinate,), up.received_at)
        events: list[Event] = []
        if latest is None or up.raised_at > latest:
            alarm.peak = alarm.state.peak if alarm.state else None
            lost_end = replace(origin, n=1)
            events += alarm.happen(FALSE, up.raised_at, lost_end, more={"end_assumed": True}) if alarm.active else []
            alarm.peak = up.value if up.peak is None else up.peak
            events += alarm.happen(
                TRUE, up.raised_at, origin, value=up.value, limit=up.limit, priority=Priority(f"P{up.level}")
            )
        elif up.raised_at < latest:
            return []
        if up.ended_at is not None and alarm.active and alarm.state is not None:
            alarm.peak = alarm.state.peak if up.peak is None else up.peak
            events += alarm.happen(FALSE, max(up.ended_at, up.raised_at), origin, value=up.value)
        if events:
            self._changed[key] = alarm
        return events

    def on_tick(self, now_us: int) -> list[Event]:  # noqa: ARG002 - shelves and silence come with their own commits
        """What is due by the step's `now`, and would not come from any input. Nothing due: nothing changes."""
        return []

    def on_command(self, item: Asked) -> list[Event] | Refusal:
        """`acknowledge` or `comment`. Roles, and commands sent again, are the step's business."""
        command = item.command
        alarm = self._alarms.get(command.target_id)
        if alarm is None:
            return Refusal("not_found", f"没有报警 / no alarm {command.target_id}")
        if command.kind not in COMMANDS or COMMANDS[command.kind].target != "alarm":
            return Refusal("wrong_target", f"不能对报警执行 / cannot be done to an alarm: {command.kind}")
        version = alarm.state.version if alarm.state else 0
        if command.seen_version is not None and command.seen_version != version:
            return Refusal("stale_version", _what_changed(alarm, command.seen_version, version))
        at = command.occurred_at or command.issued_at
        received_at = from_us(received_at_us(item))
        origin = Origin(command.command_id, (item.record.coordinate,), received_at, command.actor)
        if command.kind == "comment":
            events = [alarm.comment(at, origin, command.data)]
        elif (alarm.process_state, ACKNOWLEDGE) in TRANSITIONS:
            text = str(command.data.get("comment", ""))
            events = alarm.happen(ACKNOWLEDGE, at, origin, more={**command.data, "comment": text})
        else:
            state = alarm.process_state
            return Refusal("nothing_to_acknowledge", f"无可确认 / nothing to acknowledge: {_ZH[state]} / {state}")
        self._changed[alarm.alarm_id] = alarm
        return events

    def has_alarm(self, key: str) -> bool:
        """Whether `key` is an alarm of this site: of a rule in force, or one that was ever raised."""
        return key in self._alarms

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
        return self._columns

    def memory(self, last_times: bool = True) -> dict[str, Any]:
        """What is needed beside the states: running delays, rules of standing alarms, and last times unless they are
        kept elsewhere, as in pages."""
        busy = [self._busy[key] for key in sorted(self._busy)]
        heard = dict(zip(("sensor_ids", "last_us"), self._columns.heard(), strict=True)) if last_times else {}
        return heard | {
            "pending": [[alarm.alarm_id, alarm.on_since_us, alarm.off_since_us, alarm.peak] for alarm in busy],
            "rules": [self._dump(alarm) for alarm in busy if alarm.active],
        }

    def _dump(self, alarm: Alarm) -> dict[str, Any]:
        if alarm.alarm_id not in self._dumps and alarm.rule is not None:
            self._dumps[alarm.alarm_id] = alarm.rule.model_dump(mode="json")
        return self._dumps[alarm.alarm_id]

    def _adopt(self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor]) -> None:
        """Give each rule its alarm; drop the rules that have gone, unless their alarm still stands."""
        in_force: set[str] = set()
        for rule in rules:
            if rule.site_id != self.site_id:
                continue
            key = alarm_id(self.site_id, rule.sensor_id, rule.rule_id)
            in_force.add(key)
            alarm = self._alarms.setdefault(key, Alarm(key, self.site_id, rule.rule_id, rule.sensor_id))
            alarm.rule = rule
            if rule.sensor_id in sensors:
                alarm.unit = sensors[rule.sensor_id].unit
        self._retired: set[str] = set()
        for key, alarm in list(self._alarms.items()):
            if key in in_force:
                continue
            if alarm.rule is not None and alarm.active:
                self._retired.add(key)
            elif alarm.state is None:
                del self._alarms[key]
            else:
                alarm.drop_rule()

    def _arrange(self, sensors: Mapping[str, Sensor], last_us: Mapping[str, int]) -> None:
        """Lay out the columns, thresholds and marks for the rules and sensors now in force."""
        self._of_sensor: dict[str, list[Alarm]] = {}
        resolutions = {sensor_id: resolution_of(sensors[sensor_id]) for sensor_id in sorted(sensors)}
        for alarm in sorted(self._alarms.values(), key=lambda alarm: alarm.rule_id):
            if alarm.rule is not None:
                resolution = resolutions.setdefault(alarm.rule.sensor_id, resolution_of(None))
                alarm.threshold = Threshold.of(alarm.rule, resolution)
                self._of_sensor.setdefault(alarm.rule.sensor_id, []).append(alarm)
        self._columns = SensorColumns(resolutions, last_us)
        self._busy: dict[str, Alarm] = {}
        self._dumps: dict[str, dict[str, Any]] = {}
        for sensor_id in self._of_sensor:
            self._mark(sensor_id)

    def _mark(self, sensor_id: str) -> None:
        alarms = self._of_sensor.get(sensor_id, [])
        for alarm in alarms:
            if alarm.busy:
                self._busy[alarm.alarm_id] = alarm
            else:
                self._busy.pop(alarm.alarm_id, None)
        thresholds = [alarm.threshold for alarm in alarms if alarm.threshold is not None]
        self._columns.set_marks(sensor_id, thresholds, any(alarm.busy for alarm in alarms))


def _known(state: AlarmState) -> Alarm:
    return Alarm(
        state.alarm_id, state.site_id, state.rule_id, state.sensor_id, state.area_code, state.unit, state=state,
        peak=state.peak,
    )  # fmt: skip


_ZH = {
    ProcessState.NORMAL: "正常",
    ProcessState.UNACKNOWLEDGED: "未确认",
    ProcessState.ACKNOWLEDGED: "已确认",
    ProcessState.RETURNED_UNACKNOWLEDGED: "已恢复未确认",
    ProcessState.LATCHED: "锁存",
}


def _what_changed(alarm: Alarm, seen: int, version: int) -> str:
    state = alarm.state
    if state is None:
        return f"报警从未发生 / seen version {seen}, but the alarm was never raised"
    latest = state.changed_at.isoformat()
    facts = [f"{_ZH[state.process_state]} / {state.process_state}", f"changed at {latest}"]
    if state.returned_at is not None:
        facts.append(f"returned at {state.returned_at.isoformat()}")
    if state.acknowledged_by is not None and state.acknowledged_at is not None:
        facts.append(f"acknowledged by {state.acknowledged_by} at {state.acknowledged_at.isoformat()}")
    if state.raised_at is not None:
        facts.append(f"raised at {state.raised_at.isoformat()}")
    return f"报警已变化 / seen version {seen}, now {version}: " + "; ".join(facts)
