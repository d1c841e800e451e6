"""Readings of one site in order of time, as the criteria take them in. Pure. Times are UTC microseconds."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.regular import Ints, Standing


class Readings(NamedTuple):
    """Columns in time order, one row for each sensor and time: numbers, us, values (NaN = unusable), rows, alarm bits.

    `source` (number of the log's partition) and `offset` are those of the frame they came in.
    """

    sensors: Ints
    us: Ints
    values: npt.NDArray[np.float64]
    rows: Ints
    alarmed: npt.NDArray[np.uint8]
    source: int
    offset: int
    standing: Standing | None = None  # of all rows of a regular frame, every one newer than what is held

    def part(self, start: int, end: int) -> "Readings":
        return self.rows_of(slice(start, end))

    def rows_of(self, cut: slice | Ints) -> "Readings":
        return Readings(
            self.sensors[cut], self.us[cut], self.values[cut], self.rows[cut], self.alarmed[cut], self.source,
            self.offset,
        )  # fmt: skip


def in_order(sensors: Ints, us: Ints, count: int) -> bool:
    """Whether times ascend and no sensor has two readings of one time; may say no where it is too dear to see.

    `sensors` are below `count`.
    """
    if not len(us):
        return True
    steps = us[1:] - us[:-1]
    if len(steps) and steps.min() < 0:
        return False
    moments = np.zeros(len(us), "int64")
    (steps > 0).cumsum(out=moments[1:])
    if (moments[-1] + 1) * count > 64 * len(us):
        return False
    return bool(np.bincount(moments * count + sensors).max() == 1)
