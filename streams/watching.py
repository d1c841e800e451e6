"""Which watches of a site must be looked at when, so that quiet readings cost a few numpy operations. Pure.

A reading is of interest if it may pass a trigger limit, if an active watch depends on its sensor, or if an active watch
of its area would say something else at its time without any new reading. Everything in between is taken at one stroke.
tests/every_reading.py looks at everything and must find the same.
"""

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from streams.signals import SITE_WIDE, Ints, Readings, SiteSignals
from streams.spans import ALWAYS, NEVER, Change, Watch

Binding = Callable[[int], tuple[frozenset[str], int, int]]
Floats = npt.NDArray[np.float64]
_NONE: frozenset[int] = frozenset()


class Watching:
    """The watches of one site. `binding(at_us)`: the clauses in force then, and the first and last us of that day."""

    def __init__(self, signals: SiteSignals, watches: Sequence[Watch], binding: Binding) -> None:
        self._signals, self.watches, self._binding = signals, watches, binding
        self._high, self._low = _prefilter(signals, watches)
        self._of_sensor: dict[int, list[int]] = {}
        for number, watch in enumerate(watches):
            for i in watch.sensors:
                self._of_sensor.setdefault(i, []).append(number)
        areas = len(signals.area_numbers)
        self._active: list[set[int]] = [set() for _ in range(areas)]
        self._any_active = 0
        self._joined: dict[int, frozenset[int]] = {}
        self._depends: dict[int, frozenset[int]] = {}  # by active watch
        self._steady: dict[int, tuple[int, int]] = {}
        self._count = np.zeros(len(signals.sensors), "int32")  # of active watches that depend on the sensor
        # by area: times above lo and up to hi are steady for all its active watches
        self._lo, self._hi = np.full(areas, NEVER), np.full(areas, ALWAYS)
        held = signals.last_us >= 0
        for i in np.flatnonzero(held & ((signals.value >= self._high) | (signals.value <= self._low))).tolist():
            for number in self._of_sensor.get(i, ()):
                watches[number].note(i)
        for number, watch in enumerate(watches):
            if watch.active:
                self._settle(number, None)
        for area in range(areas):
            self._bound(area)

    def active(self) -> Iterator[Watch]:
        """In catalogue order."""
        for number in sorted(self._depends):
            yield self.watches[number]

    def absorb(self, read: Readings) -> Iterator[tuple[Watch, Change]]:
        """Take the readings; what they change, in order of time. `read` is not empty and in time order."""
        sensors, us = read.sensors, read.us
        crossing = (read.values >= self._high[sensors]) | (read.values <= self._low[sensors])
        if not self._any_active and not crossing.any():
            self._signals.take(read)
            return
        areas = self._signals.area[sensors]
        starts = np.flatnonzero(np.diff(us, prepend=us[0] - 1))  # first row of every timestamp
        ends = np.append(starts[1:], len(us))
        taken = 0  # groups taken so far
        wanted = self._wanted(sensors, us, areas, crossing, starts)
        while (following := int(np.searchsorted(wanted, taken))) < len(wanted):
            group = int(wanted[following])
            if group > taken:
                self._signals.take(read.part(int(starts[taken]), int(starts[group])))
            first, last = int(starts[group]), int(ends[group])
            part = read.part(first, last)
            self._signals.take(part)
            taken = group + 1
            grown = yield from self._look(part, areas[first:last], crossing[first:last])
            if grown and last < len(us):
                rest = self._wanted(sensors[last:], us[last:], areas[last:], crossing[last:], starts[taken:] - last)
                wanted = rest + taken
        if taken < len(starts):
            self._signals.take(read.part(int(starts[taken]), len(us)))

    def _wanted(self, sensors: Ints, us: Ints, areas: Ints, crossing: npt.NDArray[np.bool_], starts: Ints) -> Ints:
        """The timestamps (numbers of `starts`) that may have to be looked at: no fewer, perhaps more."""
        rows = crossing | (self._count[sensors] > 0) | (us > self._hi[areas]) | (us <= self._lo[areas])
        rows |= (areas == SITE_WIDE) & ((us > self._hi.min()) | (us <= self._lo.max()))
        return np.flatnonzero(np.logical_or.reduceat(rows, starts))

    def _look(
        self, part: Readings, areas: Ints, crossing: npt.NDArray[np.bool_]
    ) -> Generator[tuple[Watch, Change], None, bool]:
        """Look at the active watches concerned by the readings of one time. Whether more is of interest than before."""
        at_us = int(part.us[0])
        moved = crossing | (self._count[part.sensors] > 0)
        for i in part.sensors[moved].tolist():
            for number in self._of_sensor.get(i, ()):
                watch = self.watches[number]
                watch.note(i)
                if watch.active:
                    self._active[watch.area].add(number)
        concerned = set(areas[moved | (at_us > self._hi[areas]) | (at_us <= self._lo[areas])].tolist())
        site_wide = areas == SITE_WIDE
        if site_wide.any():
            everywhere = bool((moved & site_wide).any())
            for area in range(len(self._active)):
                if self._active[area] and (everywhere or at_us > self._hi[area] or at_us <= self._lo[area]):
                    concerned.add(area)
        binding, day_begins, day_ends = self._binding(at_us)
        grown = False
        for area in sorted(concerned):
            for number in sorted(self._active[area]):
                watch = self.watches[number]
                for change in watch.look(at_us, watch.clause.id in binding):
                    yield watch, change
                grown |= self._settle(number, at_us, day_begins, day_ends)
            lo, hi = self._lo[area], self._hi[area]
            self._bound(area)
            grown |= bool(self._lo[area] > lo or self._hi[area] < hi)
        return grown

    def _settle(self, number: int, at_us: int | None, day_begins: int = 0, day_ends: int = 0) -> bool:
        """Note what the watch depends on after a look at `at_us` (None: none yet). Whether sensors have come in."""
        watch = self.watches[number]
        before = self._depends.get(number, _NONE)
        now = _NONE
        if watch.active:
            if number not in self._joined:
                self._joined[number] = watch.joined_sensors()
            now = self._joined[number] | watch.moving
            if at_us is None:
                self._steady[number] = ALWAYS, NEVER
            else:
                lo, hi = watch.steady_us(at_us, np.fromiter(now, "int64", len(now)))
                self._steady[number] = max(lo, day_begins - 1), min(hi, day_ends)
            self._depends[number] = now
            self._active[watch.area].add(number)
        else:
            self._depends.pop(number, None)
            self._steady.pop(number, None)
            self._active[watch.area].discard(number)
        self._any_active = len(self._depends)
        if now == before:
            return False
        for i in now - before:
            self._count[i] += 1
        for i in before - now:
            self._count[i] -= 1
        return bool(now - before)

    def _bound(self, area: int) -> None:
        steady = [self._steady[number] for number in self._active[area]]
        self._lo[area] = max((lo for lo, _ in steady), default=NEVER)
        self._hi[area] = min((hi for _, hi in steady), default=ALWAYS)


def _prefilter(signals: SiteSignals, watches: Sequence[Watch]) -> tuple[Floats, Floats]:
    """Per sensor: values at or above `high`, or at or below `low`, may trigger something. Wider than any trigger."""
    high, low = np.full(len(signals.sensors), np.inf), np.full(len(signals.sensors), -np.inf)
    for watch in watches:
        for i in watch.sensors:
            for trigger, limit in watch.triggers_of(i):
                margin = signals.sensors[i].resolution
                if isinstance(limit, bool):
                    if limit == (trigger.op == "=="):
                        high[i] = min(high[i], 0.5)
                    else:
                        low[i] = max(low[i], 0.5)
                elif isinstance(limit, float) and trigger.op in (">", ">="):
                    high[i] = min(high[i], limit - margin)
                elif isinstance(limit, float) and trigger.op in ("<", "<="):
                    low[i] = max(low[i], limit + margin)
                else:  # an unknown limit, a word of an enum, an exact number: every reading is looked at
                    high[i] = -np.inf
    return high, low
