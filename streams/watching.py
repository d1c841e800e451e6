"""Which watches of a site must be looked at when, so that quiet readings cost a few numpy operations. Pure.

A reading is of interest if it may pass a trigger limit, if an active watch depends on its sensor, or if an active watch
of its area would say something else at its time without any new reading. Everything in between is taken at one stroke.
tests/every_reading.py looks at everything and must find the same.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.conditions import Compare
from streams.readings import Readings
from streams.regular import Ints
from streams.signals import SITE_WIDE, SiteSignals
from streams.siterules import Limit, SiteRule
from streams.spans import ALWAYS, NEVER, Change, Watch

Binding = Callable[[int], tuple[frozenset[str], int, int]]
Key = tuple[int, str]  # order of the rule, place
Floats = npt.NDArray[np.float64]
_NONE: frozenset[int] = frozenset()


class Watching:
    """The watches of one site, made when something first concerns them.

    `binding(at_us)`: the clauses in force then, and the first and last us of that day. `held`: what watches remembered,
    by their key; what belongs to no rule, place or sensor any more is left in `unknown`.
    """

    def __init__(
        self, signals: SiteSignals, rules: Sequence[SiteRule], binding: Binding, held: Mapping[str, dict[str, Any]]
    ) -> None:
        self._signals, self.rules, self._binding = signals, rules, binding
        self._by_signal: dict[str, list[SiteRule]] = {}
        for rule in rules:
            for signal in sorted({trigger.q for trigger in rule.clause.triggers}):
                self._by_signal.setdefault(signal, []).append(rule)
        self._high, self._low = self._prefilter()
        self._watches: dict[Key, Watch] = {}
        self._of_sensor: dict[int, list[Watch]] = {}
        areas = len(signals.area_numbers)
        self._active: list[set[Key]] = [set() for _ in range(areas)]
        self._joined: dict[Key, frozenset[int]] = {}
        self._depends: dict[Key, frozenset[int]] = {}  # by active watch
        self._steady: dict[Key, tuple[int, int]] = {}
        self._count = np.zeros(len(signals.sensors), "int32")  # of active watches that depend on the sensor
        # by area: times above lo and up to hi are steady for all its active watches
        self._lo, self._hi = np.full(areas, NEVER), np.full(areas, ALWAYS)
        self.unknown = self._restore(held)
        heard = signals.last_us >= 0
        for i in np.flatnonzero(heard & ((signals.value >= self._high) | (signals.value <= self._low))).tolist():
            value = signals.known(i, int(signals.last_us[i]))
            for watch in self._watches_at(i):
                watch.note(i, value)
        for key, watch in self._watches.items():
            if watch.active:
                self._settle(key, None)
        for area in range(areas):
            self._bound(area)

    def _restore(self, held: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        by_clause = {rule.clause.id: rule for rule in self.rules}
        unknown = {}
        for key, memory in held.items():
            clause_id, _, place_id = key.partition("|")
            rule = by_clause.get(clause_id)
            watch = self._watch(rule, place_id) if rule else None
            if watch is None:
                unknown[key] = memory
            else:
                watch.restore(memory)
        return unknown

    def _watch(self, rule: SiteRule, place_id: str) -> Watch | None:
        """The watch of `rule` at a place; None if no sensor there can trigger it."""
        key = rule.order, place_id
        if key not in self._watches:
            sensors = tuple(i for i in self._signals.at_place(place_id) if rule.triggers_of(i))
            if not sensors:
                return None
            self._watches[key] = Watch(rule, place_id, int(self._signals.area[sensors[0]]), sensors)
        return self._watches[key]

    def _watches_at(self, i: int) -> list[Watch]:
        """The watches that sensor i may trigger."""
        if i not in self._of_sensor:
            sensor = self._signals.sensors[i]
            rules = (rule for rule in self._by_signal.get(sensor.signal, ()) if rule.triggers_of(i))
            found = [self._watch(rule, sensor.place_id) for rule in rules]
            self._of_sensor[i] = [watch for watch in found if watch is not None]
        return self._of_sensor[i]

    def every(self) -> Iterator[Watch]:
        """Every watch there can be, in catalogue order and that of the places' ids."""
        for rule in self.rules:
            for place_id in sorted(self._signals.places):
                if watch := self._watch(rule, place_id):
                    yield watch

    def active(self) -> Iterator[Watch]:
        """In catalogue order."""
        for key in sorted(self._depends):
            yield self._watches[key]

    def absorb(self, read: Readings) -> Iterator[tuple[Watch, Change]]:
        """Take the readings; what they change, in order of time. `read` is not empty and in time order.

        Readings of interest are taken before the look at their time; all others not before a look that may see them.
        """
        sensors, us = read.sensors, read.us
        crossing = self._crossing(read)
        if not self._depends and not np.count_nonzero(crossing):  # a quarter of what any() costs
            self._signals.take(read)
            return
        start = taken = 0
        while start < len(us):
            hot = self._of_interest(read, crossing, start)
            start = len(us)
            for first, last, rows in _moments(us, hot):
                self._signals.take(read.rows_of(rows))
                moved = sensors[rows].tolist()
                if self._note(moved):
                    # a watch has begun: it may look at any reading so far
                    self._signals.take(read.part(taken, last))
                    taken = last
                grown = yield from self._look(int(us[first]), self._signals.area[sensors[first:last]], moved)
                if grown and last < len(us):
                    start = last  # what is of interest in the rest is another question now
                    break
        if taken < len(us):
            self._signals.take(read.part(taken, len(us)))

    def _crossing(self, read: Readings) -> npt.NDArray[np.bool_]:
        """The readings that may pass a trigger's limit."""
        if read.standing is not None:
            crossing = read.standing.compare(np.greater_equal, read.values, self._high)
            return crossing | read.standing.compare(np.less_equal, read.values, self._low)
        crossing = (read.values >= self._high[read.sensors]) | (read.values <= self._low[read.sensors])
        return crossing

    def _of_interest(self, read: Readings, crossing: npt.NDArray[np.bool_], start: int) -> Ints:
        """The rows from `start` on that may have to be looked at: no fewer, perhaps more."""
        sensors, us = read.sensors[start:], read.us[start:]
        rows = crossing[start:] | (self._count[sensors] > 0)
        lo, hi = self._lo.max(), self._hi.min()
        if us[-1] > hi or us[0] <= lo:
            areas = self._signals.area[sensors]
            rows |= (us > self._hi[areas]) | (us <= self._lo[areas])
            rows |= (areas == SITE_WIDE) & ((us > hi) | (us <= lo))
        return rows.nonzero()[0] + start

    def _note(self, moved: Sequence[int]) -> bool:
        """Take what these sensors' latest readings say. Whether a watch has become active by it."""
        begun = False
        for i in moved:
            value = self._signals.known(i, int(self._signals.last_us[i]))
            for watch in self._watches_at(i):
                watch.note(i, value)
                if watch.active:
                    key = watch.rule.order, watch.place_id
                    self._active[watch.area].add(key)
                    begun |= key not in self._depends
        return begun

    def _look(self, at_us: int, areas: Ints, moved: Sequence[int]) -> Generator[tuple[Watch, Change], None, bool]:
        """Look at the active watches that readings of one time concern: of sensors `moved`, and any of `areas`.

        Returns whether more is of interest now than before.
        """
        concerned = {int(self._signals.area[i]) for i in moved}
        everywhere = SITE_WIDE in concerned
        if at_us > self._hi.min() or at_us <= self._lo.max() or everywhere:
            present = set(areas.tolist())
            near = range(len(self._active)) if SITE_WIDE in present else present
            concerned |= {a for a in near if everywhere or at_us > self._hi[a] or at_us <= self._lo[a]}
        binding, day_begins, day_ends = self._binding(at_us)
        grown = False
        for area in sorted(concerned):
            for key in sorted(self._active[area]):
                watch, (steady_lo, steady_hi) = self._watches[key], self._steady.get(key, (ALWAYS, NEVER))
                if steady_lo < at_us <= steady_hi and self._joined[key].isdisjoint(moved) and watch.again():
                    continue
                for change in watch.look(at_us, watch.clause.id in binding):
                    yield watch, change
                grown |= self._settle(key, at_us, day_begins, day_ends)
            lo, hi = self._lo[area], self._hi[area]
            self._bound(area)
            grown |= bool(self._lo[area] > lo or self._hi[area] < hi)
        return grown

    def _settle(self, key: Key, at_us: int | None, day_begins: int = 0, day_ends: int = 0) -> bool:
        """Note what the watch depends on after a look at `at_us` (None: none yet). Whether sensors have come in."""
        watch = self._watches[key]
        before = self._depends.get(key, _NONE)
        now = _NONE
        if watch.active:
            if key not in self._joined:
                self._joined[key] = watch.joined_sensors()
            now = self._joined[key] | watch.moving
            if at_us is None:
                self._steady[key] = ALWAYS, NEVER
            else:
                lo, hi = watch.steady_us(at_us, np.fromiter(now, "int64", len(now)))
                self._steady[key] = max(lo, day_begins - 1), min(hi, day_ends)
            self._depends[key] = now
            self._active[watch.area].add(key)
        else:
            self._depends.pop(key, None)
            self._steady.pop(key, None)
            self._active[watch.area].discard(key)
        if now == before:
            return False
        for i in now - before:
            self._count[i] += 1
        for i in before - now:
            self._count[i] -= 1
        return bool(now - before)

    def _bound(self, area: int) -> None:
        steady = [self._steady[key] for key in self._active[area]]
        self._lo[area] = max((lo for lo, _ in steady), default=NEVER)
        self._hi[area] = min((hi for _, hi in steady), default=ALWAYS)

    def _prefilter(self) -> tuple[Floats, Floats]:
        """By sensor: values at or above `high`, or at or below `low`, may trigger something; wider than any trigger."""
        count = len(self._signals.sensors)
        high, low = np.full(count, np.inf), np.full(count, -np.inf)
        alike: dict[tuple[tuple[int, ...], float], tuple[float, float]] = {}
        for i, sensor in enumerate(self._signals.sensors):
            triggers = [rule.triggers_of(i) for rule in self._by_signal.get(sensor.signal, ())]
            key = tuple(map(id, triggers)), sensor.resolution  # equal triggers are one object
            if key not in alike:
                alike[key] = _marks([each for some in triggers for each in some], sensor.resolution)
            high[i], low[i] = alike[key]
        return high, low


def _marks(triggers: Iterable[tuple[Compare, Limit]], margin: float) -> tuple[float, float]:
    high, low = np.inf, -np.inf
    for trigger, limit in triggers:
        if isinstance(limit, bool):
            if limit == (trigger.op == "=="):
                high = min(high, 0.5)
            else:
                low = max(low, 0.5)
        elif isinstance(limit, float) and trigger.op in (">", ">="):
            high = min(high, limit - margin)
        elif isinstance(limit, float) and trigger.op in ("<", "<="):
            low = max(low, limit + margin)
        else:  # an unknown limit, a word of an enum, an exact number: every reading is looked at
            high = -np.inf
    return high, low


def _moments(us: Ints, hot: Ints) -> Iterator[tuple[int, int, Ints]]:
    """For every time of the rows `hot`: its first row, the row after its last, and those of `hot` in between."""
    place = 0
    while place < len(hot):
        at_us = us[hot[place]]
        last = int(us.searchsorted(at_us, "right"))
        beyond = int(hot.searchsorted(last))
        yield int(us.searchsorted(at_us)), last, hot[place:beyond]
        place = beyond
