"""Readings of a frame against limits, column by column: which sensors need a closer look, and their rows in order.

Marking *rows* would be wrong: a sensor that goes over in one row and back in the next needs both. So sensors are
marked (a row may cross a limit, or an alarm of the sensor is under way) and all rows of marked sensors are taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.memory import PAGE
from schemas.registry import Sensor
from schemas.terms import UNUSABLE, Direction, Quality
from streams.regular import Regular, Standing

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Columns(NamedTuple):
    """A frame's readings, n each; `hit`: those that may be beyond a threshold, or whose sensor is watched.

    `standing`: where they stand if the frame is regular, as `regular` has it.
    """

    place: Ints
    times: Ints
    values: Floats
    quality: npt.NDArray[np.uint8]
    hit: npt.NDArray[np.bool_]
    regular: Regular | None = None
    standing: Standing | None = None


UNKNOWN_RESOLUTION = 1e-6  # finer than any instrument: nothing that differs is made equal
NEVER_US = int(np.iinfo(np.int64).min)  # time of the last reading of a sensor not heard yet
_UNUSABLE = np.uint8(int(UNUSABLE))
_NO_VALUE = np.uint8(int(Quality.SENSOR_FAULT))


@dataclass(frozen=True, slots=True)
class Threshold:
    """A rule's limit in whole steps of the sensor's resolution, so that comparisons are those of decimals.

    A value of `k` steps is at or beyond the limit when `sign * k >= beyond`, and strictly inside limit minus deadband
    (low: limit plus deadband) when `sign * k < inside`. The value is rounded to a step, the limit never is: a limit
    between two steps is reached by the first step beyond it.
    """

    sign: int
    beyond: float
    inside: float

    def mark(self, resolution: float) -> float:
        """A value in the sensor's unit, a little inside the limit: no value beyond the limit lies inside the mark."""
        edge = (self.beyond - 0.5) * resolution
        return self.sign * (edge - 1e-5 * resolution - 1e-12 * abs(edge))


@lru_cache(maxsize=4096)  # sensors of a kind have the same limits
def _threshold(direction: Direction, high_or_low: float, width: float, resolution: float) -> Threshold:
    step, limit, deadband = Decimal(repr(resolution)), Decimal(repr(high_or_low)), Decimal(repr(width))
    if direction is Direction.HIGH:
        return Threshold(1, _steps(limit / step, ROUND_CEILING), _steps((limit - deadband) / step, ROUND_CEILING))
    return Threshold(-1, -_steps(limit / step, ROUND_FLOOR), -_steps((limit + deadband) / step, ROUND_FLOOR))


@lru_cache(maxsize=4096)
def threshold_of(direction: Direction, limit: float, deadband: float, resolution: float) -> Threshold:
    """A rule's limit and deadband as thresholds, in steps of `resolution`; few sensors differ in these."""
    step, edge, back = Decimal(repr(resolution)), Decimal(repr(limit)), Decimal(repr(deadband))
    if direction is Direction.HIGH:
        return Threshold(1, _steps(edge / step, ROUND_CEILING), _steps((edge - back) / step, ROUND_CEILING))
    return Threshold(-1, -_steps(edge / step, ROUND_FLOOR), -_steps((edge + back) / step, ROUND_FLOOR))


def _steps(quotient: Decimal, rounding: str) -> float:
    return float(quotient.to_integral_value(rounding))


def resolution_of(sensor: Sensor | None) -> float:
    """The step of the sensor's values in its unit, UNKNOWN_RESOLUTION if the registry has none that makes sense."""
    known = sensor is not None and 0 < sensor.resolution < np.inf
    return sensor.resolution if sensor is not None and known else UNKNOWN_RESOLUTION


def in_steps(values: Floats, resolution: Floats) -> Floats:
    """Values in whole steps, half to even (GB/T 8170). Noise of binary fractions below 1e-6 of a step is no half."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.rint(np.round(values / resolution, 6))


@dataclass(frozen=True, slots=True)
class Watched:
    """The usable readings of one marked sensor, newest last. Lists of equal length.

    `rows` are positions in the frame, `times_us` UTC microseconds, `steps` the value in steps of the resolution.
    """

    sensor_id: str
    rows: list[int]
    times_us: list[int]
    values: list[float]
    steps: list[float]


class SensorColumns:
    """What the engine holds of each sensor of a site, as arrays: last time, resolution, and marks to compare with.

    The arrays have one place more than there are sensors: readings of unknown sensors fall there and mark nothing.
    """

    def __init__(self, resolutions: Mapping[str, float], last_us: Mapping[str, int]) -> None:
        self.ids: list[str] = list(resolutions)
        self.place: dict[str, int] = {sensor_id: i for i, sensor_id in enumerate(self.ids)}
        self.resolution: Floats = np.array([*resolutions.values(), 1.0], "float64")
        self.last_us: Ints = np.array([*(last_us.get(s, NEVER_US) for s in self.ids), NEVER_US], "int64")
        self._touched = np.zeros(len(self.ids) // PAGE + 1, bool)
        self._high: Floats = np.full(len(self.ids) + 1, np.inf)
        self._low: Floats = np.full(len(self.ids) + 1, -np.inf)
        self._high[-1] = self._low[-1] = np.nan  # compares as false with everything, even with infinity
        self._any_low = self._any_range = False
        self._bottom: Floats = np.full(len(self.ids) + 1, -np.inf)
        self._top: Floats = np.full(len(self.ids) + 1, np.inf)
        self._dictionary: pa.Array | None = None
        self._places = np.zeros(0, "int64")

    def heard(self) -> tuple[list[str], list[int]]:
        """Ids of the sensors heard so far and the time of each one's last reading, UTC microseconds."""
        times = self.last_us[:-1].tolist()
        pairs = [(s, t) for s, t in zip(self.ids, times, strict=True) if t != NEVER_US]
        return [s for s, _ in pairs], [t for _, t in pairs]

    def take_touched(self) -> list[int]:
        """The pages (PAGE places each) of the sensors read since the last call."""
        pages: list[int] = np.flatnonzero(self._touched).tolist()
        self._touched[:] = False
        return pages

    def set_marks(self, sensor_id: str, thresholds: Iterable[Threshold], watch: bool) -> None:
        """With `watch` every reading of the sensor is looked at; else those that may be beyond a threshold."""
        place = self.place[sensor_id]
        resolution = float(self.resolution[place])
        marks = [(threshold.sign, threshold.mark(resolution)) for threshold in thresholds]
        self._high[place] = -np.inf if watch else min((mark for sign, mark in marks if sign > 0), default=np.inf)
        self._low[place] = max((mark for sign, mark in marks if sign < 0), default=-np.inf)
        self._any_low = self._any_low or bool(self._low[place] > -np.inf)

    def set_range(self, sensor_id: str, low: float, high: float) -> None:
        """What the sensor can show. Further off than the whole range again is another unit or no value at all."""
        place, span = self.place[sensor_id], high - low
        self._bottom[place], self._top[place] = low - span, high + span
        self._any_range = True

    def watched(self, columns: Columns) -> list[Watched]:
        """The readings of a frame to be looked at, by sensor.

        A reading not newer than its sensor's last one is late and is left out. So is one without a usable value (NaN,
        infinite, or a quality bit of UNUSABLE), but its time counts: what comes after must be newer than it.
        """
        return self._watched(*columns[:5]) if np.count_nonzero(columns.hit) else []

    def move_on(self, columns: Columns) -> None:
        """The frame is absorbed: the sensors' last times move on."""
        place, times, standing = columns.place, columns.times, columns.standing
        if standing is not None:  # times ascend: the final one is the latest
            self.last_us[standing.sensors] = np.maximum(self.last_us[standing.sensors], times[standing.final])
            if "pages" not in standing.kept:
                standing.kept["pages"] = np.unique(place // PAGE)
            self._touched[standing.kept["pages"]] = True
            return
        np.maximum.at(self.last_us, place, times)
        self._touched[place // PAGE] = True

    def _watched(
        self, place: Ints, times: Ints, values: Floats, quality: npt.NDArray[np.uint8], hit: npt.NDArray[np.bool_]
    ) -> list[Watched]:
        marked = np.zeros(len(self._high), bool)
        marked[place[hit]] = True
        rows = np.flatnonzero(marked[place])
        rows = rows[np.lexsort((times[rows], place[rows]))]  # stable: of equal times the earlier row comes first
        place, times, values = place[rows], times[rows], values[rows]
        newer = times > self.last_us[place]
        newer[1:] &= (place[1:] != place[:-1]) | (times[1:] != times[:-1])
        keep = np.flatnonzero(newer & np.isfinite(values) & ((quality[rows] & _UNUSABLE) == 0))
        if not len(keep):
            return []
        rows, place, times, values = rows[keep], place[keep], times[keep], values[keep]
        steps = in_steps(values, self.resolution[place])
        cuts = [0, *(np.flatnonzero(np.diff(place)) + 1).tolist(), len(place)]
        columns: Sequence[list[Any]] = (rows.tolist(), times.tolist(), values.tolist(), steps.tolist())
        return [Watched(self.ids[int(place[a])], *(column[a:b] for column in columns)) for a, b in pairwise(cuts)]

    def read_frame(self, batch: pa.RecordBatch, regular: Regular | None) -> Columns:
        """`read`, the short way if the frame is regular."""
        if regular is None:
            return self.read(batch)
        unknown = len(self.ids)
        standing = regular.layout.standing(self, lambda name: self.place.get(name, unknown))
        hit = standing.compare(np.greater_equal, regular.values, self._high)
        if self._any_low:
            hit |= standing.compare(np.less_equal, regular.values, self._low)
        columns = self._believed(standing.numbers, regular.times, regular.values, regular.quality, hit)
        if columns.values is not regular.values:
            return columns
        return columns._replace(regular=regular, standing=standing)

    def read(self, batch: pa.RecordBatch) -> Columns:
        """Place of the sensor, time in µs, value and quality of each row; a row with a null says nothing."""
        ids, times, values, quality = batch.columns
        codes = ids.indices
        if any(column.null_count for column in (codes, times, values, quality)):
            valid = [column.is_valid().to_numpy(zero_copy_only=False) for column in (codes, times)]
            unknown = ~(valid[0] & valid[1])
            codes, times = codes.fill_null(0), times.view(pa.int64()).fill_null(0)
            values, quality = values.fill_null(np.nan), quality.fill_null(_NO_VALUE.item())
        else:
            unknown = None
            times = times.view(pa.int64())
        place = self._places_of(ids.dictionary)[codes.to_numpy()]
        if unknown is not None:
            place[unknown] = len(self.ids)
        return self._compared(place, times.to_numpy(), values.to_numpy(), quality.to_numpy())

    def _compared(self, place: Ints, times: Ints, values: Floats, quality: npt.NDArray[np.uint8]) -> Columns:
        """Which readings need a look."""
        hit = values >= self._high[place]
        if self._any_low:
            hit |= values <= self._low[place]
        return self._believed(place, times, values, quality, hit)

    def _believed(
        self, place: Ints, times: Ints, values: Floats, quality: npt.NDArray[np.uint8], hit: npt.NDArray[np.bool_]
    ) -> Columns:
        """Of the readings that need a look, what no such sensor can show is no value."""
        if self._any_range and np.count_nonzero(hit):
            rows = np.flatnonzero(hit)
            at, seen = place[rows], values[rows]
            absurd = rows[(seen > self._top[at]) | (seen < self._bottom[at])]
            if len(absurd):
                values = values.copy()
                values[absurd] = np.nan
        return Columns(place, times, values, quality, hit)

    def _places_of(self, dictionary: pa.Array) -> Ints:
        """Place of each id of the frame's dictionary; gateways send the same dictionary again and again."""
        last = self._dictionary
        if last is None or not dictionary.equals(last):
            unknown = len(self.ids)
            self._places = np.array([self.place.get(s, unknown) for s in dictionary.to_pylist()] or [unknown], "int64")
            self._dictionary = dictionary
        return self._places
