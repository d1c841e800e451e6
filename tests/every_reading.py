"""The criteria at one site looked at the slow way, as the oracle of streams/watching.py: every watch of an area is
looked at, with every one of its sensors, at every time at which something of the area was read; and a random site
with a place and sensors for every clause of an industry that a sensor can trigger.
"""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from schemas.clauses import Clause
from schemas.conditions import LookUp, leaves, signals_of
from schemas.criteria import Catalogue, concerns, load_catalogue
from schemas.frames import FrameHeader, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.vocabulary import vocabulary
from streams.classify import SiteCriteria
from streams.criteria import OPERATORS, Outcome, evaluate
from streams.decode import Frame, Record
from streams.judgement import Judgement
from streams.signals import SITE_WIDE
from streams.spans import Change, Watch, _SensorFacts

SITE_ID = "fuzz"
CATALOGUE = load_catalogue()
DAY_US = 86_400_000_000


class EveryReading(SiteCriteria):
    """`on_frame` without any choice of what to look at."""

    def on_frame(self, frame: Frame) -> list[Judgement]:
        read = self.signals.read_frame(frame)
        if not len(read.sensors):
            return []
        found = []
        if self._orphans:
            orphans, self._orphans = self._orphans, {}
            found = list(self._bereaved(orphans, int(read.us[0])))
        starts = np.flatnonzero(np.diff(read.us, prepend=read.us[0] - 1)).tolist()
        for start, end in zip(starts, [*starts[1:], len(read.us)], strict=True):
            part = read.part(start, end)
            self.signals.take(part)
            at_us = int(part.us[0])
            areas = set(self.signals.area[part.sensors].tolist())
            binding = self._in_force(at_us)[0]
            for watch in sorted(self._watching.every(), key=lambda watch: watch.area):
                if SITE_WIDE in areas or watch.area in areas:
                    found += [self._judged(watch, change) for change in look(watch, at_us, watch.clause.id in binding)]
        return found

    def memory(self, readings: bool = True) -> dict[str, Any]:
        watches = {w.key: w.memory() for w in self._watching.every() if w.span or w.since}
        return {**self.signals.memory(), "watches": {**self._orphans, **watches}}


def look(watch: Watch, at_us: int, in_force: bool) -> Iterator[Change]:
    """Watch.look, asking every sensor whether it triggers now."""
    if not in_force:
        watch.since.clear()
        yield from watch._end(at_us, Outcome(False))
        return
    triggered = {i: _triggered(watch, i, at_us) for i in watch.sensors}
    looked = [i for i, on in triggered.items() if on or any(sensor == i for sensor, _ in watch.since)]
    seen = []
    for i in looked:
        facts = _SensorFacts(watch, i, at_us)
        asked = watch.clause.condition_about([watch.signals.sensors[i].signal])
        seen.append((evaluate(asked, facts) if asked else Outcome(False), facts))
    for value, say in ((True, watch._hold), (None, watch._doubt)):
        if alike := [each for each in seen if each[0].value is value and triggered[each[1].sensor]]:
            yield from say(at_us, *alike[0], [facts.sensor for _, facts in alike])
            return
    holders = [watch.signals.index.get(name, -1) for name in watch.span.holders] if watch.span else []
    if not any(i in triggered and triggered[i] is None for i in holders):
        yield from watch._end(at_us, seen[0][0] if seen else Outcome(False))


def _triggered(watch: Watch, i: int, at_us: int) -> bool | None:
    """Whether a trigger holds at sensor i; None if its reading is missing. An unknown limit counts as passed."""
    value = watch.signals.known(i, at_us)
    if value is None:
        return None
    return any(limit is None or OPERATORS[each.op](value, limit) for each, limit in watch.rule.triggers_of(i))


# ---- a random site


def triggering(industry: str) -> list[Clause]:
    wanted = set(vocabulary().industry_ids(industry))
    return [c for c in CATALOGUE.clauses.values() if c.triggers and concerns(c.industry, wanted, True)]


class RandomSite:
    """Places and sensors for the clauses of an industry, and frames of readings about their limits."""

    def __init__(self, seed: int, industry: str, *, catalogue: Catalogue = CATALOGUE) -> None:
        self.chance = chance = random.Random(f"{seed}/{industry}")
        self.site = Site(site_id=SITE_ID, industry=industry)
        self.places: dict[str, Place] = {}
        self.sensors: dict[str, Sensor] = {}
        self.values: dict[str, list[float]] = {}
        words = vocabulary()
        clauses = triggering(industry)
        for clause in chance.sample(clauses, min(len(clauses), 6)):
            kinds = [kind for kind in clause.places if kind in words.places] or ["coal_face"]
            area = chance.choice(("A", "A", "B", ""))
            names = set(signals_of(clause.condition)) if clause.condition else set()
            names |= {trigger.q for trigger in clause.triggers}
            names |= {proof for name in names for proof in words.proofs.get(name, ())}
            for kind in chance.sample(kinds, min(len(kinds), 2)):
                self._add(clause, chance.choice(kinds) if chance.random() < 0.1 else kind, area, sorted(names))
        self.wide = [name for name in self.sensors if self.places[self.sensors[name].place_id].kind == "site"]
        self.clock = chance.choice((1_600_000_000, 1_751_212_790, 1_764_518_350, 1_782_835_200)) * 1_000_000
        self.offset = 0
        self.mood = dict.fromkeys(self.sensors, 0.0)
        self.catalogue = catalogue

    def _add(self, clause: Clause, kind: str, area: str, names: list[str]) -> None:
        chance, words = self.chance, vocabulary()
        place = Place(place_id=f"P{len(self.places)}", site_id=SITE_ID, kind=kind, area=area)
        self.places[place.place_id] = place
        trigger = {trigger.q for trigger in clause.triggers}
        for name in names:
            if name not in words.signals:
                continue
            for _ in range(chance.choice((1, 1, 2, 4)) if name in trigger else chance.choice((0, 1, 1, 2))):
                where = place.place_id
                if chance.random() < 0.08:
                    where = "whole"
                    self.places[where] = Place(place_id=where, site_id=SITE_ID, kind="site")
                made = Sensor(
                    sensor_id=f"S{len(self.sensors):03d}", site_id=SITE_ID, place_id=where, signal=name,
                    resolution=chance.choice((0.01, 0.1)), period_s=chance.choice((30, 30, 30, 5, 3600)),
                )  # fmt: skip
                self.sensors[made.sensor_id] = made
                self.values[made.sensor_id] = self._values(clause, name, kind)

    def _values(self, clause: Clause, name: str, kind: str) -> list[float]:
        """Values on both sides of every limit that the clause compares the signal with."""
        signal = vocabulary().signals[name]
        if signal.type == "bool":
            return [0.0, 1.0]
        if signal.type == "enum":
            return [float(n) for n in range(len(signal.values) + 2)]
        found = [0.0, 1.0]
        for leaf in [*(leaves(clause.condition) if clause.condition else ()), *clause.triggers]:
            limit = leaf.v
            if isinstance(limit, LookUp):
                limit = (vocabulary().place_limit(kind, limit.signal)[1] or 1.0) * limit.times
            if leaf.q == name and isinstance(limit, float):
                found += [limit, limit, limit * 0.95 - 0.1, limit * 1.05 + 0.1, limit - 0.004]
        return found

    def frame(self) -> Frame:
        """The next frame: one or several times, sensors together or each at its own; some late, unusable, missing."""
        chance, readings = self.chance, []
        whole = chance.random() < 0.5
        for _ in range(chance.choice((1, 1, 2, 5))):
            self.clock += chance.choice((1, 10, 30, 30, 30, 61, 200, 310, 700, 3601, 36_100)) * 1_000_000
            if chance.random() < 0.01:
                self.clock += chance.choice((1, 30, 400)) * DAY_US
            late = chance.choice((0, 0, 0, 0, 0, 0, 250, 900)) * 1_000_000
            for name in self.sensors:
                if chance.random() < (0.1 if whole else 0.7):
                    continue
                when = self.clock - late + (0 if whole else chance.randrange(20) * 1_000_000)
                quality = chance.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 4, 128))
                value = chance.choice((self._next(name),) * 9 + (float("nan"),))
                readings.append((name, when, value, quality))
                if chance.random() < 0.03:
                    readings.append((name, when, chance.choice(self.values[name]), 0))
        if chance.random() < 0.1:
            chance.shuffle(readings)
        readings = readings or [(next(iter(self.sensors)), self.clock, 0.0, 0)]
        self.offset += 1
        return Frame(
            Record("log", "telemetry.frames", 0, self.offset, None, None),
            FrameHeader(SITE_ID, f"f{self.offset}", "test", self.clock),
            make_batch(*map(list, zip(*readings, strict=True))),
        )

    def _next(self, name: str) -> float:
        """Values stay for a while, so that spans and timers run."""
        if self.chance.random() < 0.3:
            self.mood[name] = self.chance.choice(self.values[name])
        return self.mood[name]

    def criteria(self, kind: type[SiteCriteria], memory: dict[str, Any] | None = None) -> SiteCriteria:
        return kind(self.site, self.places, self.sensors, self.catalogue, memory)
