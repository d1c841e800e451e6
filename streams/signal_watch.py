"""Whether each sensor of a site can be seen: good, calibrating, ill (nothing but unusable readings), lost (silent).

Only `good` says anything about the world: the others neither raise nor return an alarm. Ill and calibrating are decided
by readings, silence by the step's `now`. Arrays have a place per sensor and one more for strangers, as
limits.SensorColumns has. Times are UTC microseconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.alarm_classes import SignalSettings, alarm_classes
from schemas.alarms import AlarmState
from schemas.registry import Sensor
from schemas.terms import UNUSABLE, Quality, SignalCondition
from schemas.times import from_us, shanghai_day, to_us
from streams.limits import NEVER_US, Columns, Floats, Ints
from streams.notices import Notice, suspicion

GOOD, CALIBRATING, ILL, LOST = range(4)
CONDITIONS = tuple(SignalCondition)
_CALIBRATING, _UNUSABLE = np.uint8(int(Quality.CALIBRATING)), np.uint8(int(UNUSABLE))
_FAR_US = int(np.iinfo(np.int64).max)
_DEFAULT_PERIOD_S = 30.0  # of a sensor that no registry names; when it ought to speak nobody knows
_LATE_STEP_US = 60_000_000


class SignalWatch:
    """Built from the published conditions (`held`: sensor_id -> condition, since) and `memory()`."""

    def __init__(
        self, ids: list[str], sensors: Mapping[str, Sensor], settings: SignalSettings,
        held: Mapping[str, tuple[int, int]], memory: Mapping[str, Any],
    ) -> None:  # fmt: skip
        n = len(ids)
        self.ids, self.settings = ids, settings
        self.condition = np.full(n + 1, GOOD, "uint8")
        self.since_us = np.full(n + 1, NEVER_US, "int64")
        period_s = [sensors[s].period_s if s in sensors else _DEFAULT_PERIOD_S for s in ids]
        self._period_us: Ints = np.array([*(round(p * 1e6) for p in period_s), _FAR_US // 1000], "int64")
        patience = [patience_us(sensors[s].period_s, settings) if s in sensors else _FAR_US // 1000 for s in ids]
        self._patience_us: Ints = np.array([*patience, _FAR_US // 1000], "int64")
        self._least_patience_us = int(self._patience_us.min())
        place = {sensor_id: i for i, sensor_id in enumerate(ids)}
        for sensor_id, (condition, since_us) in held.items():
            if sensor_id in place:
                self.condition[place[sensor_id]], self.since_us[place[sensor_id]] = condition, since_us
        # runs of unusable readings that are not long enough yet: place -> when the run began
        self._running: dict[int, int] = {place[s]: us for s, us in memory.get("running", ()) if s in place}
        # calibrations begun on a Shanghai day: place -> (day, count)
        self._calibrations = {place[s]: (day, count) for s, day, count in memory.get("calibrations", ()) if s in place}
        self.delay_us: int = memory.get("delay_us", 0)
        self._back_us: int = memory.get("back_us", NEVER_US)  # when the site came back: sensors get time to speak
        self.site_lost_us: int | None = memory.get("site_lost_us")
        self._troubled = self.condition != GOOD
        self._troubled[list(self._running)] = True
        self._anyone = bool(self._troubled.any())
        self._ask_us = NEVER_US

    def notice(self, columns: Columns, last_us: Ints, received_us: int) -> list[Notice]:
        """What a frame's readings say of the sensors' conditions. `last_us` as it was before the frame."""
        place, times, values, quality = columns[:4]
        found: list[Notice] = []
        if not len(times):
            return found
        if self.site_lost_us is not None and bool((newer := times > last_us[place]).any()):
            found.append(self._site_back(int(times[newer].min())))
        regular = columns.regular is not None
        oldest = int(times[0] if regular else times.min())
        self._ask_us = min(self._ask_us, oldest + self._least_patience_us)
        # a site that sends late is not silent meanwhile; a frame of old readings must not blind us for long
        late_us = min(max(received_us - oldest, 0), round(self.settings.late_s * 1e6))
        if not self.delay_us - 2 * _LATE_STEP_US <= late_us <= self.delay_us:  # in steps: it is part of the memory
            self.delay_us = -(-late_us // _LATE_STEP_US) * _LATE_STEP_US
        if not self._anyone and (regular or (not quality.any() and np.isfinite(values).all())):
            return found
        look = ((quality & _UNUSABLE) != 0) | ~np.isfinite(values) | self._troubled[place]
        look &= place < len(self.ids)
        if look.any():
            found += self._look(np.flatnonzero(look), place, times, values, quality, last_us)
            self._anyone = bool(self._troubled.any())
        return found

    def _look(
        self, rows: Ints, place: Ints, times: Ints, values: Floats, quality: npt.NDArray[np.uint8], last_us: Ints
    ) -> list[Notice]:
        """`rows` are those of which something may follow; of their sensors every row is looked at, in order of time."""
        told = _told(values[rows], quality[rows])
        changed = (told != self.condition[place[rows]]) | np.isin(place[rows], list(self._running))
        marked = np.zeros(len(self.condition), bool)
        marked[place[rows[changed]]] = True
        rows = np.flatnonzero(marked[place])
        rows = rows[np.lexsort((times[rows], place[rows]))]
        told = _told(values[rows], quality[rows])
        found: list[Notice] = []
        heard: dict[int, int] = {}
        for row, saw in zip(rows.tolist(), told.tolist(), strict=True):
            i, t = int(place[row]), int(times[row])
            if t <= heard.get(i, int(last_us[i])):
                continue
            heard[i] = t
            found += self._saw(i, saw, t, row, int(quality[row]))
        return found

    def _saw(self, i: int, saw: int, t: int, row: int, quality: int) -> list[Notice]:
        was, sensor_id = int(self.condition[i]), self.ids[i]
        if saw == ILL and was != ILL:
            if was == LOST:  # it speaks again, but says nothing
                self._set(i, ILL, int(self.since_us[i]))
                return []
            found = self._calibrated(i, t, row) if was == CALIBRATING else []
            began = self._running.setdefault(i, t)
            self._troubled[i] = True
            if t - began >= self.settings.ill_periods * self._period_us[i]:
                del self._running[i]
                self._set(i, ILL, began)
                data = {"sensor_id": sensor_id, "cause": "ill", "last_heard_at": from_us(t), "quality": quality}
                found.append(Notice(sensor_id, "signal_lost", t, row, data, self._change(i)))
            return found
        self._running.pop(i, None)
        found = []
        if was in (ILL, LOST) and saw != ILL:
            found.append(self._restored(i, t, row))
        if saw == CALIBRATING and was != CALIBRATING:
            self._set(i, CALIBRATING, t)
            found.append(Notice(sensor_id, "calibration_started", t, row, {"sensor_id": sensor_id}, self._change(i)))
            found += self._counted(i, t, row)
        elif saw == GOOD and was == CALIBRATING:
            found += self._calibrated(i, t, row)
        self._troubled[i] = self.condition[i] != GOOD or i in self._running
        return found

    def _set(self, i: int, condition: int, since_us: int) -> None:
        self.condition[i], self.since_us[i], self._troubled[i] = condition, since_us, True
        self._anyone = True

    def _change(self, i: int) -> dict[str, Any]:
        good = self.condition[i] == GOOD
        since = None if good else from_us(int(self.since_us[i]))
        return {"signal": CONDITIONS[int(self.condition[i])], "signal_since": since}

    def _restored(self, i: int, t: int, row: int) -> Notice:
        sensor_id, cause = self.ids[i], "silent" if self.condition[i] == LOST else "ill"
        lost_s = max(t - int(self.since_us[i]), 0) / 1e6
        self._set(i, GOOD, NEVER_US)
        data = {"sensor_id": sensor_id, "cause": cause, "lost_s": lost_s}
        return Notice(sensor_id, "signal_restored", t, row, data, self._change(i))

    def _calibrated(self, i: int, t: int, row: int) -> list[Notice]:
        sensor_id, since_us = self.ids[i], int(self.since_us[i])
        lasted_s = (t - since_us) / 1e6
        self._set(i, GOOD, NEVER_US)
        data = {"sensor_id": sensor_id, "duration_s": lasted_s}
        return [Notice(sensor_id, "calibration_ended", t, row, data, self._change(i))]

    def _counted(self, i: int, t: int, row: int) -> list[Notice]:
        day = shanghai_day(from_us(t)).isoformat()
        held_day, count = self._calibrations.get(i, (day, 0))
        count = count + 1 if held_day == day else 1
        self._calibrations = {j: held for j, held in self._calibrations.items() if held[0] >= day} | {i: (day, count)}
        if count != self.settings.calibrations_per_day + 1:
            return []
        return [suspicion(self.ids[i], "calibration_frequent", t, row, t, detail=f"{count} on {day}")]

    def silent(self, now_us: int, last_us: Ints) -> list[Notice]:
        """Who has fallen silent by `now_us`, each at the moment it was due; a whole site is told once."""
        if now_us < self._ask_us or self.site_lost_us is not None:
            return []
        heard = np.flatnonzero((last_us[:-1] != NEVER_US) & (self.condition[:-1] != LOST))
        self._ask_us = _FAR_US  # `notice` brings it forward
        if not len(heard):
            return []
        earliest = np.maximum(last_us[heard], self._back_us) + self._patience_us[heard]
        newest = int(max(int(last_us[heard].max()), self._back_us))
        site_due = newest + int(self._patience_us[heard].min()) + self.delay_us
        if len(heard) > 1 and site_due <= now_us:
            self.site_lost_us = newest
            data = {"sensor_id": None, "cause": "silent", "last_heard_at": from_us(newest), "sensors": len(heard)}
            change = {"signal": SignalCondition.LOST, "signal_since": from_us(newest)}
            return [Notice(None, "signal_lost", site_due, -1, data, change)]
        due = earliest + self.delay_us
        overdue = due <= now_us
        # times only grow: nobody is due before the earliest of these
        self._ask_us = int(earliest[~overdue].min(initial=_FAR_US))
        found = []
        for i, at in zip(heard[overdue].tolist(), due[overdue].tolist(), strict=True):
            last = int(last_us[i])
            self._running.pop(i, None)
            self._set(i, LOST, last)
            data = {"sensor_id": self.ids[i], "cause": "silent", "last_heard_at": from_us(last)}
            found.append(Notice(self.ids[i], "signal_lost", at, -1, data, self._change(i)))
        return found

    def _site_back(self, at_us: int) -> Notice:
        lost_s = max(at_us - (self.site_lost_us or at_us), 0) / 1e6
        self.site_lost_us, self._back_us, self._ask_us = None, at_us, NEVER_US
        data = {"sensor_id": None, "cause": "silent", "lost_s": lost_s}
        return Notice(
            None, "signal_restored", at_us, 0, data, {"signal": SignalCondition.GOOD, "signal_since": None}
        )  # fmt: skip

    def memory(self) -> dict[str, Any]:
        """What is not in the published conditions; only of sensors in trouble."""
        name = self.ids
        return {
            "running": [[name[i], us] for i, us in sorted(self._running.items())],
            "calibrations": [[name[i], day, count] for i, (day, count) in sorted(self._calibrations.items())],
            "delay_us": self.delay_us, "back_us": self._back_us, "site_lost_us": self.site_lost_us,
        }  # fmt: skip


def patience_us(period_s: float, settings: SignalSettings | None = None) -> int:
    """How long after its last reading a sensor that speaks every `period_s` is not silent yet."""
    settings = settings or alarm_classes().signals
    return int(max(round(period_s * 1e6) * settings.silent_periods, round(settings.silent_least_s * 1e6)))


def _told(values: Floats, quality: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What each reading says of its sensor: GOOD, CALIBRATING or ILL."""
    bits = quality & _UNUSABLE
    ill = np.where((bits != 0) | ~np.isfinite(values), ILL, GOOD)
    return np.where((bits & _CALIBRATING) != 0, CALIBRATING, ill).astype("uint8")


def held_conditions(states: Iterable[AlarmState]) -> dict[str, tuple[int, int]]:
    """Sensor -> (condition, since) of the published signal records."""
    return {
        state.sensor_id: (CONDITIONS.index(state.signal), to_us(state.signal_since))
        for state in states
        if state.sensor_id and state.signal is not SignalCondition.GOOD and state.signal_since is not None
    }
