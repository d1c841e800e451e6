"""Spans of readings during which a clause's rule holds at one place. Pure: state, readings in; transitions out."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from schemas.clauses import Clause
from schemas.conditions import Compare, HeldFor, LookUp
from streams.criteria import OPERATORS, Outcome, Seen, evaluate, timers_of
from streams.signals import SiteSignals

MAJOR, UNDECIDED = "major", "undecided"


@dataclass(frozen=True)
class Span:
    """`first`, `peaked`, `last` are coordinates of readings. `support`: signals whose values made the rule true."""

    state: str
    began_us: int
    peak: float | None
    first: str
    peaked: str
    last: str
    sensor_ids: tuple[str, ...]
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

    def limit(self, lookup: LookUp) -> tuple[bool, float | None]:
        return self.watch.signals.limit(lookup, self.sensor)

    def held_s(self, node: HeldFor, now: bool | None) -> float | None:
        key = (self.sensor, self.watch.timers.index(node))
        if now is False:
            self.watch.since.pop(key, None)
        elif now is True:
            self.watch.since.setdefault(key, self.at_us)
        since = self.watch.since.get(key)
        return None if since is None else (self.at_us - since) / 1_000_000


@dataclass
class Watch:
    """One clause at one place: its trigger sensors, its open span, its running timers."""

    clause: Clause
    place_id: str
    area: int
    signals: SiteSignals
    sensors: tuple[int, ...]
    span: Span | None = None
    since: dict[tuple[int, int], int] = field(default_factory=dict)  # (sensor, timer) -> true since, us

    def __post_init__(self) -> None:
        condition = self.clause.condition
        self.timers = list(timers_of(condition)) if condition else []

    @property
    def key(self) -> str:
        return f"{self.clause.id}|{self.place_id}"

    def triggers_of(self, i: int) -> Iterator[tuple[Compare, float | bool | str | tuple[Any, ...] | None]]:
        """The comparisons that sensor i may trigger, each with its limit here; None: the limit is not known."""
        for trigger in self.clause.triggers:
            if trigger.q != self.signals.sensors[i].signal:
                continue
            if isinstance(trigger.v, LookUp):
                known, limit = self.signals.limit(trigger.v, i)
                if (known and limit is None) or (not known and trigger.v.source == "setpoint"):
                    continue  # the table has no such limit for this kind of place
                yield trigger, None if limit is None else round(limit * trigger.v.times, 9)
            else:
                yield trigger, trigger.v

    def triggered(self, i: int, at_us: int) -> bool | None:
        """Whether a trigger holds at sensor i; None if its reading is missing. An unknown limit counts as passed."""
        value = self.signals.known(i, at_us)
        if value is None:
            return None
        return any(limit is None or OPERATORS[trigger.op](value, limit) for trigger, limit in self.triggers_of(i))

    @property
    def waiting(self) -> bool:
        """Whether any reading of the area may change something here."""
        if self.span is not None or self.since:
            return True
        return any(self.triggered(i, int(self.signals.last_us[i])) for i in self.sensors)

    def look(self, at_us: int, in_force: bool) -> Iterator[Change]:
        """What the readings held at `at_us` change. A list that has ceased to bind ends the span."""
        if not in_force:
            self.since.clear()
            yield from self._end(at_us, Outcome(False))
            return
        triggered = {i: self.triggered(i, at_us) for i in self.sensors}
        looked = [i for i, on in triggered.items() if on or any(sensor == i for sensor, _ in self.since)]
        best: tuple[Outcome, _SensorFacts] | None = None
        for i in looked:
            facts = _SensorFacts(self, i, at_us)
            outcome = evaluate(self.clause.condition, facts) if self.clause.condition else Outcome(False)
            if best is None or _rank(outcome) > _rank(best[0]):
                best = outcome, facts
        if best is None or best[0].value is False:
            # a trigger sensor that has gone blind neither holds nor refutes what it showed
            if not (self.span and any(on is None for on in triggered.values())):
                yield from self._end(at_us, best[0] if best else Outcome(False))
        elif best[0].value is True:
            yield from self._hold(at_us, *best)
        else:
            yield from self._doubt(at_us, *best)

    def _hold(self, at_us: int, outcome: Outcome, facts: _SensorFacts) -> Iterator[Change]:
        signals, i = self.signals, facts.sensor
        coordinate, value = signals.coordinate(i), float(signals.value[i])
        shown = [j for leaf in outcome.decided for j in facts.read_from.get(leaf.source, ())]
        seen_by = signals.sensor_ids([i, *shown])
        support = tuple(dict.fromkeys(leaf.source for leaf in outcome.decided if leaf.source))
        if self.span is None or self.span.state != MAJOR:
            self.span = Span(MAJOR, at_us, value, coordinate, coordinate, coordinate, seen_by, support, outcome.missing)
            yield Change("began", self.span, outcome, at_us)
            return
        span = replace(self.span, last=coordinate, support=support)
        if set(seen_by) - set(span.sensor_ids):
            span = replace(span, sensor_ids=tuple(sorted({*span.sensor_ids, *seen_by})))
        if span.peak is None or self._beyond(i, value, span.peak):
            span = replace(span, peak=value, peaked=coordinate)
        self.span = span

    def _beyond(self, i: int, value: float, peak: float) -> bool:
        low = any(trigger.op in ("<", "<=") for trigger, _ in self.triggers_of(i))
        return value < peak if low else value > peak

    def _doubt(self, at_us: int, outcome: Outcome, facts: _SensorFacts) -> Iterator[Change]:
        """The rule cannot be decided. What proved it may only have gone blind: then the span stays open."""
        if self.span and self.span.state == UNDECIDED:
            return
        if self.span and any(facts.watch.signals.read(s, facts.sensor, at_us)[0] is None for s in self.span.support):
            return
        yield from self._end(at_us, outcome)
        coordinate = self.signals.coordinate(facts.sensor)
        value = float(self.signals.value[facts.sensor])
        ids = self.signals.sensor_ids([facts.sensor])
        self.span = Span(
            UNDECIDED, at_us, None if np.isnan(value) else value, coordinate, coordinate, coordinate, ids, (),
            outcome.missing,
        )  # fmt: skip
        yield Change("undecided", self.span, outcome, at_us)

    def _end(self, at_us: int, outcome: Outcome) -> Iterator[Change]:
        span, self.span = self.span, None
        if span is not None and span.state == MAJOR:
            yield Change("ended", span, outcome, max(at_us, span.began_us))

    def memory(self) -> dict[str, Any]:
        """JSON-able; timers name their sensor by id."""
        name = {i: self.signals.sensors[i].sensor_id for i in self.sensors}
        return {
            "span": asdict(self.span) if self.span else None,
            "since": [[name[i], timer, us] for (i, timer), us in sorted(self.since.items())],
        }

    def restore(self, memory: dict[str, Any]) -> None:
        held = memory["span"]
        if held:
            lists = {name: tuple(held[name]) for name in ("sensor_ids", "support", "missing")}
            self.span = Span(**{**held, **lists})
        for sensor_id, timer, us in memory["since"]:
            i = self.signals.index.get(sensor_id)
            if i in self.sensors and timer < len(self.timers):
                self.since[i, timer] = us


def _rank(outcome: Outcome) -> int:
    return 2 if outcome.value is True else 1 if outcome.value is None else 0
