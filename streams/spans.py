"""Spans of readings during which a clause's rule holds at one place. Pure: state, readings in; transitions out.

A watch is looked at only while it is `active`, and then only when a reading of a sensor it depends on has come, or when
time alone may change what it says (streams/steady.py); streams/watching.py sees to that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from schemas.clauses import Clause
from schemas.conditions import HeldFor, LookUp
from streams.criteria import OPERATORS, Known, Outcome, Seen, evaluate
from streams.readings import Readings
from streams.regular import Ints
from streams.signals import SiteSignals
from streams.siterules import Cell, SiteRule
from streams.steady import Steady

MAJOR, UNDECIDED = "major", "undecided"


@dataclass(frozen=True)
class Span:
    """`first`, `peaked`, `last` are coordinates of readings.

    `holders` are the trigger sensors by which it was last seen, `support` the signals whose values made the rule true.
    """

    state: str
    began_us: int
    peak: float | None
    first: str
    peaked: str
    last: str
    sensor_ids: tuple[str, ...]
    holders: tuple[str, ...] = ()
    support: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A span that began, ended, or cannot be decided. `outcome` is the evaluation that said so."""

    what: str  # began | ended | undecided
    span: Span
    outcome: Outcome
    at_us: int


class _SensorFacts:
    """What a rule sees from one trigger sensor at one time."""

    def __init__(self, watch: "Watch", sensor: int, at_us: int) -> None:
        self.watch, self.sensor, self.at_us = watch, sensor, at_us
        self.read_from: dict[str, tuple[int, ...]] = {}

    @property
    def place_kind(self) -> str | None:
        signals = self.watch.signals
        return signals.places[signals.sensors[self.sensor].place_id].kind

    def read(self, signal: str) -> Seen | None:
        seen, sensors = self.watch.signals.read(signal, self.sensor, self.at_us)
        if seen is not None:
            self.read_from[seen.source] = sensors
        return seen

    def lost(self, signal: str) -> bool | None:
        return self.watch.signals.lost(signal, self.sensor, self.at_us)

    def limit(self, lookup: LookUp) -> tuple[bool, float | None]:
        return self.watch.signals.limit(lookup, self.sensor)

    def held_s(self, node: HeldFor, now: bool | None) -> float | None:
        key = (self.sensor, self.watch.rule.timers.index(node))
        if now is False:
            self.watch.since.pop(key, None)
        elif now is True:
            self.watch.since.setdefault(key, self.at_us)
        since = self.watch.since.get(key)
        return None if since is None else (self.at_us - since) / 1_000_000


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look came to. `holding`: the sensors at which the rule holds."""

    holding: Sequence[int] = ()


@dataclass(slots=True)
class Watch:
    """One clause at one place: its trigger sensors, its open span, its running timers.

    `on`: the sensors whose own latest reading triggers, whether or not it has become stale since.
    """

    rule: SiteRule
    place_id: str
    area: int
    sensors: tuple[int, ...]
    span: Span | None = None
    since: dict[tuple[int, int], int] = field(default_factory=dict)  # (sensor, timer) -> true since, us
    on: set[int] = field(default_factory=set)
    _cells: dict[int, Cell] = field(default_factory=dict)  # of the sensors that are on
    _last: "_Looked | None" = None

    @property
    def clause(self) -> Clause:
        return self.rule.clause

    @property
    def signals(self) -> SiteSignals:
        return self.rule.signals

    @property
    def key(self) -> str:
        return f"{self.clause.id}|{self.place_id}"

    def note(self, i: int, value: Known | None) -> None:
        """Take what the latest reading of trigger sensor i says: `value` as known when it came."""
        triggers = self.rule.triggers_of(i) if value is not None else ()
        if not any(limit is None or OPERATORS[each.op](value, limit) for each, limit in triggers):
            self.on.discard(i)
            self._last = None  # it may have been on, or hold the span, or have a timer
            return
        cell = self.rule.cell(i, value) if value is not None else None
        if i not in self.on or cell is None or self._cells.get(i) != cell:
            self.on.add(i)
            self._cells[i] = cell
            self._last = None

    @property
    def one_way(self) -> bool:
        """Whether the peak is the highest, or the lowest, reading of whatever trigger sensor."""
        return len({self.rule.is_low(i) for i in self.sensors}) == 1

    @property
    def active(self) -> bool:
        """Whether a look may change anything: a trigger is on, a timer runs, or a span stands."""
        return bool(self.on or self.since or self.span is not None)

    @property
    def moving(self) -> frozenset[int]:
        """The trigger sensors that an active watch depends on now."""
        holders = (self.signals.index.get(name) for name in self.span.holders) if self.span else ()
        return frozenset([*self.on, *(i for i, _ in self.since), *(i for i in holders if i is not None)])

    def joined_sensors(self) -> frozenset[int]:
        """The sensors that the rule may read beside the trigger sensor itself: those of its signals in its area."""
        own = {self.signals.sensors[i].signal for i in self.sensors}
        names, even_own = self.rule.joined
        if len(own) == 1 and not own & even_own:
            names -= own  # a trigger sensor sees its own signal in itself alone
        return self.signals.of_area(self.area, names)

    def steady(self, at_us: int, depends: Ints, day: tuple[int, int]) -> Steady:
        """How long a look at `at_us` holds, without a new reading of the sensors `depends`."""
        if not self.rule.still:
            return Steady()
        timers = self.rule.timers
        ends = [us + int(timers[timer].seconds * 1_000_000) for (_, timer), us in self.since.items()]
        return Steady.at(at_us, self.signals, depends, ends, day)

    @property
    def settled(self) -> bool:
        """Whether the last look still holds where time alone changes nothing, if no joined sensor was read since."""
        return self._last is not None

    def rests_on(self, i: int) -> bool:
        """Whether readings of sensor i say nothing new as long as they lie where its latest lies."""
        if i not in self.moving:
            return True
        return self.settled and i in self.on and self._cells[i] is not None

    def go_on(self, read: Readings) -> None:
        """Take readings that lie where those of the last look lay: the span's last reading, and its peak."""
        holding = self._last.holding if self._last is not None else ()
        if self.span is None or not holding:
            return
        alike = read.sensors == holding[0] if len(holding) == 1 else np.isin(read.sensors, holding)
        rows = alike.nonzero()[0].tolist()
        if not rows:
            return
        span = replace(self.span, last=self.signals.coordinate(holding[0]))
        if not self.one_way:  # then these are of one time
            self.span = self._peaked(span, holding)
            return
        peak, peaked = span.peak, span.peaked
        for _, i, row in sorted((int(read.us[row]), int(read.sensors[row]), row) for row in rows):
            value = float(read.values[row])
            if peak is None or self._beyond(i, value, peak):
                peak, peaked = value, self.signals.coordinate_of(read, row)
        self.span = replace(span, peak=peak, peaked=peaked)

    def look(self, at_us: int, in_force: bool) -> Iterator[Change]:
        """What the readings held at `at_us` change. A list that has ceased to bind ends the span."""
        self._last = _Looked()
        if not in_force:
            self.since.clear()
            yield from self._end(at_us, Outcome(False))
            return
        timed = {i for i, _ in self.since}
        # a sensor is `on` by a reading that was known: it may have become stale, but says nothing else
        triggered = {i: None if self.signals.stale(i, at_us) else True for i in sorted(self.on)}
        looked = [i for i, on in triggered.items() if on or i in timed]
        if timed:
            looked = sorted({*looked, *timed})
        if None in triggered.values() or not timed <= self.on:
            self._last = None  # a reading may end the staleness; one that triggers nothing has no cell
        seen: list[tuple[Outcome, _SensorFacts]] = []
        for i in looked:
            facts = _SensorFacts(self, i, at_us)
            asked = self.clause.condition_about((self.signals.sensors[i].signal,))
            seen.append((evaluate(asked, facts) if asked else Outcome(False), facts))
        for value, say in ((True, self._hold), (None, self._doubt)):
            # a blind sensor whose timer runs is looked at, but nothing is doubted on its account
            if alike := [each for each in seen if each[0].value is value and triggered.get(each[1].sensor)]:
                yield from say(at_us, *alike[0], [facts.sensor for _, facts in alike])
                return
        if not self._blind(at_us):
            yield from self._end(at_us, seen[0][0] if seen else Outcome(False))

    def _blind(self, at_us: int) -> bool:
        """Whether a sensor by which the span was seen has gone blind: it neither holds nor refutes what it showed."""
        holders = (self.signals.index.get(name, -1) for name in self.span.holders) if self.span else ()
        return any(i in self.sensors and self.signals.known(i, at_us) is None for i in holders)

    def _hold(self, at_us: int, outcome: Outcome, facts: _SensorFacts, sensors: list[int]) -> Iterator[Change]:
        if self._last is not None:
            self._last = _Looked(sensors)
        signals = self.signals
        shown = [j for leaf in outcome.decided for j in facts.read_from.get(leaf.source, ())]
        support = tuple(dict.fromkeys(leaf.source for leaf in outcome.decided if leaf.source))
        ids = signals.sensor_ids([*sensors, *shown])
        holders = signals.sensor_ids(sensors)
        coordinate = signals.coordinate(facts.sensor)
        if self.span is None or self.span.state != MAJOR:
            span = Span(MAJOR, at_us, None, coordinate, coordinate, coordinate, ids, holders, support, outcome.missing)
            self.span = self._peaked(span, sensors)
            yield Change("began", self.span, outcome, at_us)
            return
        ids = tuple(sorted({*self.span.sensor_ids, *ids}))
        span = replace(self.span, last=coordinate, sensor_ids=ids, holders=holders, support=support)
        self.span = self._peaked(span, sensors)

    def _peaked(self, span: Span, sensors: Sequence[int]) -> Span:
        for i in sensors:
            value = float(self.signals.value[i])
            if value == value and (span.peak is None or self._beyond(i, value, span.peak)):
                span = replace(span, peak=value, peaked=self.signals.coordinate(i))
        return span

    def _beyond(self, i: int, value: float, peak: float) -> bool:
        return value < peak if self.rule.is_low(i) else value > peak

    def _doubt(self, at_us: int, outcome: Outcome, facts: _SensorFacts, sensors: list[int]) -> Iterator[Change]:
        """The rule cannot be decided. What proved it may only have gone blind: then the span stays open."""
        holders = self.signals.sensor_ids(sensors)
        if self.span and self.span.state == UNDECIDED:
            if self.span.holders != holders:
                self.span = replace(self.span, holders=holders)
            return
        if self.span and any(self.signals.read(s, facts.sensor, at_us)[0] is None for s in self.span.support):
            return
        yield from self._end(at_us, outcome)
        at = self.signals.coordinate(facts.sensor)
        self.span = self._peaked(
            Span(UNDECIDED, at_us, None, at, at, at, holders, holders, (), outcome.missing), sensors
        )
        yield Change("undecided", self.span, outcome, at_us)

    def _end(self, at_us: int, outcome: Outcome) -> Iterator[Change]:
        span, self.span = self.span, None
        if span is not None and span.state == MAJOR:
            yield Change("ended", span, outcome, max(at_us, span.began_us))

    def memory(self) -> dict[str, Any]:
        """JSON-able; timers name their sensor by id."""
        name = {i: self.signals.sensors[i].sensor_id for i in self.sensors}
        return {
            "span": dict(vars(self.span)) if self.span else None,
            "since": [[name[i], timer, us] for (i, timer), us in sorted(self.since.items())],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        held = memory["span"]
        if held:
            lists = {name: tuple(held[name]) for name in ("sensor_ids", "holders", "support", "missing")}
            self.span = Span(**{**held, **lists})
        for sensor_id, timer, us in memory["since"]:
            i = self.signals.index.get(sensor_id)
            if i in self.sensors and timer < len(self.rule.timers):
                self.since[i, timer] = us
