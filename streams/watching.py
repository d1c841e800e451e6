"""Which watches of a site must be looked at when, so that quiet readings cost a few numpy operations. Pure.

A reading is of interest if it may pass a trigger limit, if an active watch depends on its sensor, or if an active watch
of its area would say something else at its time without any new reading. Everything in between is taken at one stroke.
tests/every_reading.py looks at everything and must find the same.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.bands import Bands
from streams.readings import Readings
from streams.regular import Ints
from streams.signals import SITE_WIDE, SiteSignals
from streams.siterules import SiteRule
from streams.spans import Change, Watch
from streams.steady import ALWAYS, NEVER, Steady

Binding = Callable[[int], tuple[frozenset[str], tuple[int, int]]]
Key = tuple[int, str]  # order of the rule, place
Bools = npt.NDArray[np.bool_]
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
        self._bands = Bands(signals, self._by_signal)
        self._watches: dict[Key, Watch] = {}
        self._of_sensor: dict[int, list[Watch]] = {}
        areas = len(signals.area_numbers)
        self._active: list[set[Key]] = [set() for _ in range(areas)]
        self._joined: dict[Key, frozenset[int]] = {}
        self._depends: dict[Key, frozenset[int]] = {}  # by active watch
        self._sensors: dict[Key, Ints] = {}  # the same, ascending
        self._steady: dict[Key, Steady] = {}
        # of active watches: those that depend on the sensor, and those that look at each of its readings
        self._count, self._joint = np.zeros((2, len(signals.sensors)), "int32")
        # by area: times above lo and up to hi are steady for all its active watches
        self._lo, self._hi = np.full(areas, NEVER), np.full(areas, ALWAYS)
        self.unknown = self._restore(held)
        for i in self._bands.now_beyond():
            value = signals.known(i, int(signals.last_us[i]))
            for watch in self._watches_at(i):
                watch.note(i, value)
        for key, watch in list(self._watches.items()):
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

        Readings in between those of interest are taken at one stroke; the spans that hold go on by them.
        """
        taken, end = 0, len(read.us)
        while taken < end:
            told = self._telling(read)
            again = False
            for first, last in _moments(read.us, self._of_interest(read, told, taken)):
                self._take(read, taken, first)
                part, moved = read.part(first, last), read.sensors[first:last][told[first:last]].tolist()
                self._signals.take(part)
                again = self._note(moved)
                again |= yield from self._look(int(read.us[first]), self._signals.area[part.sensors], moved)
                self._go_on(part)
                taken = last
                if again:  # what is of interest in the rest is another question now
                    break
            if not again:
                self._take(read, taken, end)
                taken = end

    def _take(self, read: Readings, start: int, end: int) -> None:
        """Take the rows from `start` to `end`, none of which is of interest."""
        if start < end:
            part = read if end - start == len(read.us) else read.part(start, end)
            self._signals.take(part)
            self._go_on(part)

    def _go_on(self, read: Readings) -> None:
        for key in self._depends:
            self._watches[key].go_on(read)

    def _telling(self, read: Readings) -> Bools:
        """The readings that may say something new by their value, their lack of one, or their alarm bit."""
        told = self._bands.beyond(read)
        if read.standing is None and self._depends:  # else every reading has a value and no alarm bit
            told |= (np.isnan(read.values) | (read.alarmed > 0)) & (self._count[read.sensors] > 0)
        return told

    def _of_interest(self, read: Readings, told: Bools, start: int) -> Ints:
        """The rows from `start` on that may have to be looked at: no fewer, perhaps more."""
        us, rows = read.us[start:], told[start:]
        if self._depends and (us[-1] > self._hi.min() or us[0] <= self._lo.max()):
            areas = self._signals.area[read.sensors[start:]]
            timed = (us > self._hi[areas]) | (us <= self._lo[areas])
            timed |= (areas == SITE_WIDE) & ((us > self._hi.min()) | (us <= self._lo.max()))
            rows = rows | timed
        return rows.nonzero()[0] + start

    def _note(self, moved: Sequence[int]) -> bool:
        """Take what these sensors' latest readings say. Returns whether less is of interest from now on."""
        wider = False
        for i in moved:
            value = self._signals.known(i, int(self._signals.last_us[i]))
            for watch in self._watches_at(i):
                watch.note(i, value)
                if watch.active:
                    self._active[watch.area].add((watch.rule.order, watch.place_id))
            if self._count[i] and not self._joint[i]:
                wider |= self._band(i)
        return wider

    def _look(self, at_us: int, areas: Ints, moved: Sequence[int]) -> Generator[tuple[Watch, Change], None, bool]:
        """Look at the active watches that readings of one time concern: of sensors `moved`, and any of `areas`.

        Returns whether something else may be of interest then.
        """
        concerned = {int(self._signals.area[i]) for i in moved}
        everywhere = SITE_WIDE in concerned
        if at_us > self._hi.min() or at_us <= self._lo.max() or everywhere:
            present = set(areas.tolist())
            near = range(len(self._active)) if SITE_WIDE in present else present
            concerned |= {a for a in near if everywhere or at_us > self._hi[a] or at_us <= self._lo[a]}
        binding, day = self._binding(at_us)
        again = False
        for area in sorted(concerned):
            for key in sorted(self._active[area]):
                watch, steady = self._watches[key], self._steady.get(key, Steady())
                if watch.settled and self._joined[key].isdisjoint(moved):
                    if steady.holds(at_us):
                        continue
                    later = watch.steady(at_us, self._sensors[key], day)
                    if steady.goes_on(later):
                        self._steady[key] = later
                        again = True
                        continue
                for change in watch.look(at_us, watch.clause.id in binding):
                    yield watch, change
                self._settle(key, at_us, day)
                again = True
            self._bound(area)
        return again

    def _settle(self, key: Key, at_us: int | None, day: tuple[int, int] = (0, 0)) -> None:
        """Note what the watch depends on after a look at `at_us` (None: none yet), and how long that holds."""
        watch = self._watches[key]
        held, now = self._depends.pop(key, None), None
        if watch.active:
            if key not in self._joined:
                self._joined[key] = watch.joined_sensors()
            now = self._depends[key] = self._joined[key] | watch.moving
            if now != held:
                self._sensors[key] = np.array(sorted(now), "int64")
            self._steady[key] = Steady() if at_us is None else watch.steady(at_us, self._sensors[key], day)
            self._active[watch.area].add(key)
        else:
            self._active[watch.area].discard(key)
            self._sensors.pop(key, None)
            self._steady.pop(key, None)
        if (held is None) != (now is None):
            self._joint[list(self._joined[key])] += -1 if now is None else 1
        before, after = held or _NONE, now or _NONE
        self._count[list(after - before)] += 1
        self._count[list(before - after)] -= 1
        for i in (before ^ after) | watch.moving:
            self._band(i)

    def _band(self, i: int) -> bool:
        """Say how far the readings of sensor i may go before a watch must be looked at: whether anywhere at all."""
        if not self._count[i]:
            self._bands.rest(i)
            return True
        if self._joint[i] or self._signals.alarmed[i] or not all(each.rests_on(i) for each in self._watches_at(i)):
            return self._bands.none(i)
        return self._bands.about(i, self._signals.known(i, int(self._signals.last_us[i])))

    def _bound(self, area: int) -> None:
        steady = [self._steady[key] for key in self._active[area]]
        self._lo[area] = max((each.lo for each in steady), default=NEVER)
        self._hi[area] = min((each.hi for each in steady), default=ALWAYS)


def _moments(us: Ints, rows: Ints) -> Iterator[tuple[int, int]]:
    """For every time of `rows`: its first row, and the row after its last."""
    place = 0
    while place < len(rows):
        at_us = us[rows[place]]
        last = int(us.searchsorted(at_us, "right"))
        yield int(us.searchsorted(at_us)), last
        place = int(rows.searchsorted(last))
