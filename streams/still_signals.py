"""Signals that keep too still: a flat line, or a ceiling just below the alarm limit. Pure; hour by hour.

Nature does not hold a sensor of resolution 0.01 on one value for half a day, nor stop it an inch below its limit for
hours. Somebody who wraps, bridges or re-scales a sensor does. Judged at the first reading after a whole clock hour, so
neither frames nor restarts matter: a sensor that has changed within the hour needs no memory. A flat zero is clean
air and says nothing. Times are UTC microseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from schemas.alarm_classes import SignalSettings
from schemas.terms import UNUSABLE
from streams.limits import NEVER_US, Columns, Floats, Ints
from streams.notices import Notice, suspicion

_HOUR_US = 3_600_000_000
_FAR_US = int(np.iinfo(np.int64).max)
_UNUSABLE = np.uint8(int(UNUSABLE))


@dataclass(slots=True)
class Hour:
    """One sensor's present clock hour. `hours` whole hours before it were flat (or capped) at `value` (`top`)."""

    hour: int
    value: float | None = None
    n: int = 0
    flat: bool = True
    hours: int = 0
    band: int = 0
    top: float | None = None
    at_top: int = 0
    reached: bool = False
    capped: int = 0
    cap: float | None = None
    told: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Nothing in it that the next hour would need to know."""
        return not (self.flat or self.band or self.reached or self.capped or self.told)

    def fields(self) -> list[Any]:
        """All of it, in the order of the fields, as JSON has it."""
        return [
            self.hour, self.value, self.n, self.flat, self.hours, self.band, self.top, self.at_top, self.reached,
            self.capped, self.cap, list(self.told),
        ]  # fmt: skip


class StillSignals:
    """Watches the sensors of `limits`: sensor_id -> high limit of a class with flat_line, or None."""

    def __init__(
        self, ids: list[str], limits: Mapping[str, float | None], settings: SignalSettings,
        last_us: Ints, memory: Iterable[list[Any]] = (),
    ) -> None:  # fmt: skip
        self.ids, self.settings = ids, settings
        n = len(ids)
        high = [limits.get(sensor_id) for sensor_id in ids]
        self._limit: Floats = np.array([*(v if v is not None and v > 0 else np.inf for v in high), np.inf], "float64")
        band = self._limit * (1 - settings.clipped_band)
        self._band: Floats = np.where(np.isfinite(self._limit), band, np.inf)
        # from when on a reading of the sensor matters: always, from the next hour on, or (not watched) never
        hour = np.where(last_us == NEVER_US, -1, last_us // _HOUR_US)
        watched = np.array([*(sensor_id in limits for sensor_id in ids), False], bool)
        self._from_us: Ints = np.where(watched, (hour + 1) * _HOUR_US, _FAR_US)
        self._any = bool(watched[:n].any())
        self._held: dict[int, Hour] = {}
        place = {sensor_id: i for i, sensor_id in enumerate(ids)}
        for sensor_id, fields in memory:
            if (i := place.get(sensor_id)) is not None and watched[i]:
                held = self._held[i] = Hour(*[*fields[:-1], tuple(fields[-1])])
                self._from_us[i] = 0 if held.flat else (held.hour + 1) * _HOUR_US

    def notice(self, columns: Columns, last_us: Ints) -> list[Notice]:
        """What a frame's readings bring to light. `last_us` as it was before the frame."""
        if not self._any or self._still(columns):
            return []
        place, times, values, quality = columns[:4]
        look = (times >= self._from_us[place]) | (values >= self._band[place])
        if not look.any():
            return []
        rows = np.flatnonzero(look & (times > last_us[place]))
        rows = rows[np.lexsort((times[rows], place[rows]))]
        usable = np.isfinite(values[rows]) & ((quality[rows] & _UNUSABLE) == 0)
        found: list[Notice] = []
        each = (rows.tolist(), place[rows].tolist(), times[rows].tolist(), values[rows].tolist(), usable.tolist())
        heard: tuple[int, int] = (-1, 0)
        for row, i, t, value, good in zip(*each, strict=True):
            if (i, t) != heard and self._from_us[i] != _FAR_US:  # of equal times the first counts
                heard = (i, t)
                found += self._saw(i, t, value if good else None, row)
        return found

    def _still(self, columns: Columns) -> bool:
        """Whether a regular frame certainly has nothing to look at."""
        regular, standing = columns.regular, columns.standing
        if regular is None or standing is None:
            return False
        if np.count_nonzero(standing.compare(np.greater_equal, regular.values, self._band)):
            return False
        return not np.count_nonzero(regular.times[standing.final] >= self._from_us[standing.sensors])

    def _saw(self, i: int, t: int, value: float | None, row: int) -> list[Notice]:
        hour, held = t // _HOUR_US, self._held.get(i)
        found: list[Notice] = []
        if held is None and hour < self._from_us[i] // _HOUR_US:
            held = Hour(hour, flat=False)  # it has changed in this hour already, and nothing else was worth keeping
        elif held is None or held.hour != hour:
            held, found = self._turn(i, held, hour, t, value, row)
        if held.flat:
            if value is not None and (held.n == 0 or value == held.value):
                held.value, held.n = value, held.n + 1
            else:  # an hour with an unusable reading is no flat hour either
                held.flat, held.hours = False, 0
                held.told = tuple(reason for reason in held.told if reason != "flat_line")
        if value is not None and value >= self._limit[i]:
            held.reached = True
        elif value is not None and value >= self._band[i]:
            held.band += 1
            if held.top is None or value > held.top:
                held.top, held.at_top = value, 0
            held.at_top += value == held.top
        self._from_us[i] = 0 if held.flat else (hour + 1) * _HOUR_US
        if held.idle:
            self._held.pop(i, None)
        else:
            self._held[i] = held
        return found

    def _turn(
        self, i: int, old: Hour | None, hour: int, t: int, value: float | None, row: int
    ) -> tuple[Hour, list[Notice]]:  # fmt: skip
        """The first reading of a new hour: what the hour before comes to."""
        new, settings, found = Hour(hour), self.settings, list[Notice]()
        if old is None or old.hour != hour - 1:
            return new, found
        if old.flat and old.n >= settings.flat_readings and old.value == value and value != 0:
            new.hours = old.hours + 1
        enough = old.band >= settings.clipped_readings and old.at_top >= settings.clipped_share * old.band
        if enough and not old.reached:
            new.capped, new.cap = old.capped + 1 if old.cap == old.top else 1, old.top
        for reason, hours, wanted, held in (
            ("flat_line", new.hours, settings.flat_hours, value),
            ("clipped", new.capped, settings.clipped_hours, new.cap),
        ):  # fmt: skip
            if hours >= wanted:
                new.told = (*new.told, reason)
                if reason not in old.told:
                    since = (hour - hours) * _HOUR_US
                    found.append(suspicion(self.ids[i], reason, t, row, since, value=held, detail=f"{hours} h"))
        return new, found

    def memory(self) -> list[list[Any]]:
        return [[self.ids[i], self._held[i].fields()] for i in sorted(self._held)]
