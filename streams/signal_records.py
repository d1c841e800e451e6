"""The signal side of one site: who can be seen, what keeps too still, and the records that publish it. Pure.

A sensor's condition is an `alarm.states` record of its own with rule_id `signal`: never an alarm, never normal.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas.alarm_classes import alarm_classes
from schemas.alarms import AlarmRule
from schemas.events import Event
from schemas.ids import alarm_id
from schemas.registry import Sensor
from schemas.terms import Direction, RuleKind
from streams.alarmlife import Alarm, Origin
from streams.limits import Columns, Ints
from streams.notices import Notice
from streams.signal_watch import SignalWatch, held_conditions
from streams.still_signals import StillSignals

SIGNAL = "signal"


class SiteSignalRecords:
    """Watches the sensors of `ids`; `alarms` is the site's book, where the records stand among the alarms."""

    def __init__(
        self, site_id: str, ids: list[str], sensors: Mapping[str, Sensor], rules: Iterable[tuple[str, AlarmRule]],
        alarms: dict[str, Alarm], last_us: Ints, memory: Mapping[str, Any],
    ) -> None:  # fmt: skip
        settings = alarm_classes().signals
        records = [alarm.state for alarm in alarms.values() if alarm.rule_id == SIGNAL and alarm.state is not None]
        self.site_id, self._alarms = site_id, alarms
        self._watch = SignalWatch(ids, sensors, settings, held_conditions(records), memory.get("watch", {}))
        self._still = StillSignals(ids, _to_be_lively(sensors, rules), settings, last_us, memory.get("still", ()))

    def notice(self, columns: Columns, last_us: Ints, received_us: int) -> list[Notice]:
        """What a frame's readings show; `last_us` as it was before the frame."""
        return self._watch.notice(columns, last_us, received_us) + self._still.notice(columns, last_us)

    def silent(self, now_us: int, last_us: Ints) -> list[Notice]:
        return self._watch.silent(now_us, last_us)

    def record_of(self, sensor_id: str | None) -> Alarm:
        """The signal record of a sensor, or of the site."""
        key = alarm_id(self.site_id, sensor_id or "", SIGNAL)
        if key not in self._alarms:
            self._alarms[key] = Alarm(key, self.site_id, SIGNAL, sensor_id)
        return self._alarms[key]

    def tell(self, record: Alarm, notice: Notice, origin: Origin) -> list[Event]:
        """The event of a notice; a suspicion that stands already is not told again."""
        change = dict(notice.change)
        reason = change.pop("suspicion", None)
        if reason is not None:
            held = record.state.suspicions if record.state else ()
            if reason in held:
                return []
            change["suspicions"] = (*held, reason)
        return [record.note(notice.kind, notice.at, origin, notice.data, change)]

    def memory(self) -> dict[str, Any]:
        return {"watch": self._watch.memory(), "still": self._still.memory()}


def _to_be_lively(sensors: Mapping[str, Sensor], rules: Iterable[tuple[str, AlarmRule]]) -> dict[str, float | None]:
    """Sensors whose class says that their signal never rests, with the alarm limit that a ceiling would keep below."""
    signals = {signal for each in alarm_classes().classes if each.flat_line for signal in each.signals}
    found: dict[str, float | None] = {
        sensor_id: None for sensor_id, sensor in sensors.items() if (sensor.signal or sensor.quantity) in signals
    }
    for sensor_id, rule in rules:
        if sensor_id in found and rule.direction is Direction.HIGH and rule.kind is RuleKind.LEVEL:
            held = found[sensor_id]
            found[sensor_id] = rule.limit if held is None else min(held, rule.limit)
    return found
