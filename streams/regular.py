"""Regular frames: what gateways send again and again, so that it is worked out once. Pure.

A frame is regular if its rows are of the same sensors in the same order as those of an earlier frame of the site, times
do not go back, no sensor has two readings of one time, and every reading is usable and has no quality bit. Where such
rows belong, and which is each sensor's first and last, is then known; the rest are comparisons of whole columns.
Frames that are not regular go the general way, which must find the same: tests/test_streams_regular.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ABSURD = 1e15  # no quantity of ours comes near
KEPT = 4  # layouts of one site: its gateways take turns
Ints = npt.NDArray[np.int64]
Cut = slice | Ints


class Standing:
    """Where the rows of a layout stand among `numbers` of somebody's sensors, -1: none of theirs.

    `rows`: those of the frame that are theirs (None: all), `numbers` of these. Each sensor once, ascending, in
    `sensors`; its `first` and `final` place among `rows`, and `last_rows` where the latter stand in the frame.
    """

    def __init__(self, numbers: Ints) -> None:
        ours = numbers >= 0
        self.rows: Ints | None = None if ours.all() else np.flatnonzero(ours)
        self.numbers: Ints = numbers if self.rows is None else numbers[self.rows]
        order = np.argsort(self.numbers, kind="stable")
        begins = np.ones(len(order), bool)
        begins[1:] = self.numbers[order[1:]] != self.numbers[order[:-1]]
        ends = np.append(begins[1:], True)[: len(order)]
        final = order[ends]
        self.sensors = cut(self.numbers[order[begins]])
        self.first, self.final = cut(order[begins]), cut(final)
        self.last_rows = final if self.rows is None else self.rows[final]
        self.all_rows: Ints = _arange(len(numbers)) if self.rows is None else self.rows
        self.no_bits = _zeros(len(self.numbers))
        # the same run of sensors for every moment: what is held of them is compared where it is, without a copy
        self._run = _run_of(self.numbers) if isinstance(self.sensors, slice) else 0
        self.kept: dict[str, Any] = {}  # what their owner works out of it

    def of(self, column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Their rows of a frame's column."""
        return column if self.rows is None else column[self.rows]

    def compare(self, how: np.ufunc, column: npt.NDArray[Any], limits: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """`how(column, limit of its row's sensor)` for each of their rows."""
        if self._run:
            found: npt.NDArray[np.bool_] = how(column.reshape(-1, self._run), limits[self.sensors]).ravel()
        else:
            found = how(column, limits[self.numbers])
        return found


def _run_of(numbers: Ints) -> int:
    """n if `numbers` are k, k + 1, … k + n - 1 again and again; else 0."""
    run = int(numbers.max() - numbers.min()) + 1
    if len(numbers) % run or (numbers != np.tile(np.arange(run) + numbers[0], len(numbers) // run)).any():
        return 0
    return run


@lru_cache(maxsize=64)
def _arange(count: int) -> Ints:
    return np.arange(count)


@lru_cache(maxsize=64)
def _zeros(count: int) -> npt.NDArray[np.uint8]:
    return np.zeros(count, "uint8")


def cut(places: Ints) -> Cut:
    """`places`, as a slice if they are one: it is not copied by index."""
    if len(places) and (np.diff(places) == 1).all():
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


class Layout:
    """The sensors of a frame's rows: ids, and the place of each row's id among them."""

    def __init__(self, dictionary: pa.Array, codes: npt.NDArray[np.int32]) -> None:
        self.dictionary, self._codes = dictionary, codes.copy()
        order = np.argsort(codes, kind="stable")
        again = codes[order[1:]] == codes[order[:-1]]
        later, earlier = order[1:][again], order[:-1][again]
        ascending = np.argsort(later)
        self._later, self._earlier = cut(later[ascending]), cut(earlier[ascending])
        # an id that stands twice in the dictionary would be two sensors here
        self.plain = not dictionary.null_count and len(dictionary.unique()) == len(dictionary)
        self._standing: dict[object, Standing] = {}

    def once(self, times: Ints) -> bool:
        """Whether no sensor has two readings of one time; times ascend."""
        return not np.count_nonzero(times[self._later] == times[self._earlier])

    def standing(self, owner: object, number_of: Callable[[str], int]) -> Standing:
        """Where the rows stand for `owner`, whose numbering never changes."""
        held = self._standing.get(owner)
        if held is None:
            numbers = np.array([number_of(name) for name in self.dictionary.to_pylist()], "int64")
            held = self._standing[owner] = Standing(numbers[self._codes])
        return held


@dataclass(frozen=True, slots=True)
class Regular:
    """The columns of a regular frame, at least one row; all values lie between `low` and `high`."""

    layout: Layout
    times: Ints
    values: npt.NDArray[np.float64]
    quality: npt.NDArray[np.uint8]
    low: float
    high: float


class Layouts:
    """The layouts that the frames of one site had lately."""

    def __init__(self) -> None:
        self._seen: list[tuple[bytes, pa.Array, Layout | None]] = []  # newest first; made when it comes again

    def recognise(self, batch: pa.RecordBatch) -> Regular | None:
        """The columns of a frame if it is regular."""
        ids, at, value, bits = batch.columns
        if not len(ids) or any(column.null_count for column in (ids.indices, at, value, bits)):
            return None
        layout = self._layout(ids.dictionary, ids.indices.to_numpy())
        if layout is None or np.count_nonzero(quality := bits.to_numpy()):  # a quarter of what any() costs
            return None
        times, values = at.view(pa.int64()).to_numpy(), value.to_numpy()
        low, high = float(values.min()), float(values.max())
        if not (low > -ABSURD and high < ABSURD):  # nor if a value is NaN
            return None
        if np.count_nonzero(times[1:] < times[:-1]) or not layout.once(times):
            return None
        return Regular(layout, times, values, quality, low, high)

    def _layout(self, dictionary: pa.Array, codes: npt.NDArray[np.int32]) -> Layout | None:
        raw = codes.tobytes()
        for n, (held, names, layout) in enumerate(self._seen):
            if raw == held and dictionary.equals(names):
                if layout is None:
                    layout = Layout(names, codes)
                    self._seen[n] = held, names, layout
                return layout if layout.plain else None
        # where every frame names other sensors nothing is worth working out: the first is, then what comes again
        layout = None if self._seen else Layout(dictionary, codes)
        self._seen = [(raw, dictionary, layout), *self._seen[: KEPT - 1]]
        return layout if layout is not None and layout.plain else None
