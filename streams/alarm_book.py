"""Which alarms a site has, by what rules, on which sensors; which of them wait for a next reading. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from schemas.alarms import AlarmRule, AlarmState
from schemas.ids import alarm_id
from schemas.registry import Sensor
from schemas.terms import Direction, RuleKind
from streams.alarmlife import Alarm
from streams.limits import SensorColumns, resolution_of
from streams.overrides import Overrides


class AlarmBook:
    """`alarms` by id; `columns` hold what is compared with the readings of a frame.

    A rule that goes while its alarm stands stays in force until the alarm has returned.
    """

    def __init__(self, site_id: str, states: Iterable[AlarmState], memory: Mapping[str, Any]) -> None:
        self.site_id = site_id
        self.alarms: dict[str, Alarm] = {state.alarm_id: _known(state) for state in states}
        self.columns = SensorColumns({}, {})
        self.overrides = Overrides(())
        self._memory = memory
        self._of_sensor: dict[str, list[Alarm]] = {}
        self._retired: set[str] = set()
        self._busy: dict[str, Alarm] = {}
        self._dumps: dict[str, dict[str, Any]] = {}
        self._also_watched: set[str] = set()
        for found in map(AlarmRule.parse, memory.get("rules", ())):
            alarm = self.alarms.get(alarm_id(site_id, found.sensor_id, found.rule_id))
            if alarm is not None:
                alarm.rule = found

    def configure(self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor], last_us: Mapping[str, int]) -> None:
        """Rules and sensors as the registry has them now. Alarms keep their state and the delays that run."""
        self._adopt(rules, sensors)
        resolutions = {sensor_id: resolution_of(sensors[sensor_id]) for sensor_id in sorted(sensors)}
        self._of_sensor, self._busy, self._dumps = {}, {}, {}
        for alarm in sorted(self.alarms.values(), key=lambda alarm: alarm.rule_id):
            if alarm.rule is not None:
                sensor_id = alarm.sensor_id or ""
                alarm.adopt(alarm.rule, resolutions.setdefault(sensor_id, resolution_of(None)))
                self._of_sensor.setdefault(sensor_id, []).append(alarm)
        for key, *running in self._memory.get("pending", ()):
            if (held := self.alarms.get(key)) and held.delays is not None:
                held.delays.restore(running)
        self._memory = {}
        self.overrides = Overrides(self.alarms.values())
        for sensor_id in self.overrides.of_mode:
            resolutions.setdefault(sensor_id, resolution_of(None))
        self.columns = SensorColumns(resolutions, last_us)
        for sensor in sensors.values():
            if sensor.range_low is not None and sensor.range_high is not None and sensor.range_low < sensor.range_high:
                self.columns.set_range(sensor.sensor_id, sensor.range_low, sensor.range_high)
        for sensor_id in {*self._of_sensor, *self.overrides.of_mode}:
            self.mark(sensor_id)

    def _adopt(self, rules: Sequence[AlarmRule], sensors: Mapping[str, Sensor]) -> None:
        """Give each rule its alarm; drop the rules that have gone, unless their alarm still stands."""
        in_force: set[str] = set()
        shared: dict[tuple[Any, ...], AlarmRule] = {}
        for rule in rules:
            if rule.site_id != self.site_id:
                continue
            key = alarm_id(self.site_id, rule.sensor_id, rule.rule_id)
            in_force.add(key)
            alarm = self.alarms.setdefault(key, Alarm(key, self.site_id, rule.rule_id, rule.sensor_id))
            alarm.rule = shared.setdefault(_content(rule), rule)
            if rule.sensor_id in sensors:
                alarm.unit = sensors[rule.sensor_id].unit
        self._retired = set()
        for key, alarm in list(self.alarms.items()):
            if key in in_force:
                continue
            if alarm.rule is not None and alarm.active:
                self._retired.add(key)
            elif alarm.state is None:
                del self.alarms[key]
            else:
                alarm.drop_rule()

    def retire(self, alarm: Alarm) -> None:
        """The alarm has returned: if its rule has gone, it goes now."""
        if alarm.alarm_id in self._retired and alarm.rule is not None:
            self._retired.discard(alarm.alarm_id)
            self._busy.pop(alarm.alarm_id, None)
            self._of_sensor[alarm.sensor_id or ""].remove(alarm)
            alarm.drop_rule()

    def of_sensor(self, sensor_id: str) -> tuple[Alarm, ...]:
        """The alarms evaluated by the sensor's readings, in the order of their rule ids."""
        return tuple(self._of_sensor.get(sensor_id, ()))

    def level_of(self, sensor_id: str) -> Alarm | None:
        """The alarm of the sensor's high values, of several the nearest limit; None if there is no rule for them."""
        found = [
            (each.rule.limit, n, each) for n, each in enumerate(self._of_sensor.get(sensor_id, ()))
            if each.rule and each.rule.direction is Direction.HIGH and each.rule.kind is RuleKind.LEVEL
        ]  # fmt: skip
        return min(found)[2] if found else None

    def watch(self, sensor_id: str, on: bool) -> None:
        """Look at every reading of the sensor for another reason than its alarms', or no longer."""
        (self._also_watched.add if on else self._also_watched.discard)(sensor_id)
        if sensor_id in self.columns.place:
            self.mark(sensor_id)

    def is_watched(self, sensor_id: str) -> bool:
        return (
            sensor_id in self._also_watched
            or sensor_id in self.overrides.of_mode
            or any(alarm.busy for alarm in self._of_sensor.get(sensor_id, ()))
        )

    def mark(self, sensor_id: str) -> None:
        """Tell the columns from which value on a reading of the sensor must be looked at."""
        alarms = self._of_sensor.get(sensor_id, [])
        for alarm in alarms:
            if alarm.busy:
                self._busy[alarm.alarm_id] = alarm
            else:
                self._busy.pop(alarm.alarm_id, None)
        thresholds = [threshold for alarm in alarms if (threshold := alarm.threshold) is not None]
        self.columns.set_marks(sensor_id, thresholds, self.is_watched(sensor_id))

    def memory(self) -> dict[str, Any]:
        """Running delays, and the rules of standing alarms, which may go from the registry meanwhile."""
        busy = [self._busy[key] for key in sorted(self._busy)]
        return {
            "pending": [[alarm.alarm_id, *alarm.delays.memory()] for alarm in busy if alarm.delays],
            "rules": [self._dump(alarm) for alarm in busy if alarm.active],
        }

    def _dump(self, alarm: Alarm) -> dict[str, Any]:
        if alarm.alarm_id not in self._dumps and alarm.rule is not None:
            self._dumps[alarm.alarm_id] = alarm.rule.model_dump(mode="json") | {"sensor_id": alarm.sensor_id}
        return self._dumps[alarm.alarm_id]


def _content(rule: AlarmRule) -> tuple[Any, ...]:
    """What two rules must have in common to be one but for their sensor."""
    fields = tuple(value for name, value in rule.__dict__.items() if name != "sensor_id")
    return (*fields, str(rule.model_extra or ""))


def _known(state: AlarmState) -> Alarm:
    return Alarm(
        state.alarm_id, state.site_id, state.rule_id, state.sensor_id, state.area_code, state.unit, state=state
    )  # fmt: skip
