"""Evidence against the criteria in force on the day: frames of readings and inspectors' findings of one site. Pure.

A quiet frame costs a few numpy operations: only trigger readings at or beyond a trigger limit, and readings of areas
where something is open, reach Python.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.criteria import Catalogue, Clause, concerns
from schemas.hazards import Evidence
from schemas.ids import evidence_id
from schemas.registry import Place, Sensor, Site
from schemas.terms import UNUSABLE, Quality, Verdict
from schemas.times import from_us, shanghai_day
from schemas.vocabulary import vocabulary
from streams.decode import Found, Frame, Upstream
from streams.ends import gone, unnamed_end
from streams.findings import FindingJudge
from streams.judgement import Judgement, verdict_of
from streams.signals import SITE_WIDE, SiteSignals
from streams.spans import Change, Watch
from streams.why import cited, explained, named

__all__ = ["Judgement", "SiteCriteria"]

DAY_US = 86_400_000_000
ABSURD = 1e15
SHANGHAI_US = 8 * 3_600_000_000
_OVER_ZH, _OVER_EN = "读数已回到限值以内，或该标准不再适用", "back within limits, or the list no longer binds"
_UNUSABLE, _ALARM = np.uint8(int(UNUSABLE)), np.uint8(int(Quality.ALARM))
_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


class _Readings(NamedTuple):
    """Columns of equal length: sensor numbers, times, values (NaN = unusable), rows, alarm bits; frame's coordinate."""

    sensors: _Ints
    us: _Ints
    values: npt.NDArray[np.float64]
    rows: _Ints
    alarmed: npt.NDArray[np.uint8]
    frame: str

    def part(self, start: int, end: int) -> "_Readings":
        cut = slice(start, end)
        return _Readings(
            self.sensors[cut], self.us[cut], self.values[cut], self.rows[cut], self.alarmed[cut], self.frame
        )


class SiteCriteria:
    """The criteria at one site. `memory()` holds everything __init__ needs to go on as if never stopped."""

    def __init__(
        self, site: Site, places: Mapping[str, Place], sensors: Mapping[str, Sensor], catalogue: Catalogue,
        memory: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.site = site
        self._build(places, sensors, catalogue, memory or {})

    def configure(
        self, places: Mapping[str, Place], sensors: Mapping[str, Sensor], catalogue: Catalogue
    ) -> list[Judgement]:
        """Take a changed registry or catalogue; open spans go on where clause and place still exist.

        Returns the ends of spans whose clause `catalogue` no longer has, as the catalogue so far judges them: they
        end with the last reading taken.
        """
        memory = self.memory()
        gone = {key: held for key, held in memory["watches"].items() if not catalogue.get(key.partition("|")[0])}
        newest = int(self._signals.last_us.max(initial=0))
        ended = list(self._bereaved(gone, newest, catalogue.version)) if gone else []
        memory["watches"] = {key: held for key, held in memory["watches"].items() if key not in gone}
        self._build(places, sensors, catalogue, memory)
        return ended

    def memory(self) -> dict[str, Any]:
        """JSON-able: latest readings, open spans, running timers."""
        watches = {w.key: w.memory() for w in self._watches if w.span or w.since}
        return {**self._signals.memory(), "watches": {**self._orphans, **watches}}

    def _build(
        self, places: Mapping[str, Place], sensors: Mapping[str, Sensor], catalogue: Catalogue, memory: dict[str, Any]
    ) -> None:
        self.catalogue = catalogue
        self._signals = SiteSignals(self.site, places, sensors, vocabulary())
        self._signals.restore(memory)
        self._watches = list(_watches(self._signals, catalogue, self.site.industry))
        # what was open under a clause, place or sensor that is no longer there: it ends with the next reading
        self._orphans: dict[str, dict[str, Any]] = dict(memory.get("watches", {}))
        for watch in self._watches:
            if held := self._orphans.pop(watch.key, None):
                watch.restore(held)
        self._by_area: dict[int, list[Watch]] = {}
        for watch in self._watches:
            self._by_area.setdefault(watch.area, []).append(watch)
        self._high, self._low = _prefilter(self._signals, self._watches)
        self._waiting = np.zeros(len(self._signals.area_numbers), bool)
        for area in self._by_area:
            self._settle(area)
        self._dictionary: tuple[pa.Array, _Ints] | None = None
        self._binding: dict[int, frozenset[str]] = {}
        self._findings = FindingJudge(self.site, places, catalogue)

    # ---- readings

    def on_frame(self, frame: Frame) -> list[Judgement]:
        """Judgements of the spans that began, ended or cannot be decided, in the order of the readings' times."""
        read = self._read(frame)
        n = len(read.sensors)
        if not n:
            return []
        found = []
        if self._orphans:
            orphans, self._orphans = self._orphans, {}
            found = list(self._bereaved(orphans, int(read.us[0])))
        crossing = (read.values >= self._high[read.sensors]) | (read.values <= self._low[read.sensors])
        if not self._waiting.any() and not crossing.any():
            self._signals.take(*read)
            return found
        starts = np.flatnonzero(np.diff(read.us, prepend=read.us[0] - 1))  # first row of every timestamp
        ends = np.append(starts[1:], n)
        crossed = np.flatnonzero(np.logical_or.reduceat(crossing, starts))
        group = 0
        while group < len(starts):
            if not self._waiting.any():
                # nothing is open: readings up to the next crossing are taken at one stroke
                number = int(np.searchsorted(crossed, group))
                following = int(crossed[number]) if number < len(crossed) else len(starts)
                if following > group:
                    self._signals.take(*read.part(int(starts[group]), int(ends[following - 1])))
                    group = following
                    continue
            part = read.part(int(starts[group]), int(ends[group]))
            self._signals.take(*part)
            found += self._looked(part.sensors, crossing[starts[group] : ends[group]], int(part.us[0]))
            group += 1
        return found

    def _read(self, frame: Frame) -> "_Readings":
        """Readings of signal-bearing sensors newer than those held, in time order."""
        column, times, value, quality = frame.batch.columns
        if self._dictionary is None or not self._dictionary[0].equals(column.dictionary):
            index = self._signals.index
            numbers = np.array([index.get(name, -1) for name in column.dictionary.to_pylist()], "int64")
            self._dictionary = column.dictionary, numbers
        sensors = self._dictionary[1][column.indices.to_numpy()]
        us = times.view(pa.int64()).to_numpy()
        bits = quality.to_numpy()
        values, alarmed = value.to_numpy(), bits & _ALARM
        # NaN compares false, so it is unusable too; no quantity of ours comes near ABSURD
        values = np.where((bits & _UNUSABLE == 0) & (np.abs(values) < ABSURD), values, np.nan)
        rows = frame.row_numbers()
        kept = (sensors >= 0) & (us > self._signals.last_us[sensors]) if len(self._signals.sensors) else sensors > 0
        if not kept.all():
            sensors, us, values, rows, alarmed = sensors[kept], us[kept], values[kept], rows[kept], alarmed[kept]
        if len(us) and ((us[1:] < us[:-1]).any() or np.bincount(sensors).max() > 1):
            # of two readings of a sensor with one time the first counts: it is put last, so it is the one that stays
            order = np.lexsort((-np.arange(len(us)), us))
            sensors, us, values, rows = sensors[order], us[order], values[order], rows[order]
            alarmed = alarmed[order]
        return _Readings(sensors, us, values, rows, alarmed, frame.record.coordinate)

    def _looked(self, sensors: _Ints, crossing: _Bools, at_us: int) -> Iterator[Judgement]:
        """Every area with a crossing reading, or where something is open, is looked at once."""
        areas = self._signals.area[sensors]
        concerned = set(areas[crossing | self._waiting[areas]].tolist())
        if SITE_WIDE in areas:
            concerned |= set(np.flatnonzero(self._waiting).tolist())
        binding = self._in_force(at_us)
        for area in sorted(concerned):
            for watch in self._by_area.get(area, ()):
                for change in watch.look(at_us, watch.clause.id in binding):
                    yield self._judged(watch, change)
            self._settle(area)

    def _settle(self, area: int) -> None:
        self._waiting[area] = any(watch.waiting for watch in self._by_area.get(area, ()))

    def _bereaved(self, orphans: dict[str, dict[str, Any]], at_us: int, successor: str = "") -> Iterator[Judgement]:
        """The ends of spans whose clause, place or sensors the catalogue or the registry no longer has."""
        for key, held in sorted(orphans.items()):
            clause_id, _, place_id = key.partition("|")
            clause = self.catalogue.get(clause_id)
            if clause is None:
                yield from unnamed_end(self._signals, clause_id, place_id, held, at_us, self.catalogue.version)
                continue
            watch = Watch(clause, place_id, SITE_WIDE, self._signals, ())
            watch.restore(held)
            for change in watch.look(at_us, in_force=False):
                judgement = self._judged(watch, change)
                yield gone(judgement, clause_id, successor) if successor else judgement

    def _in_force(self, at_us: int) -> frozenset[str]:
        day = (at_us + SHANGHAI_US) // DAY_US
        if day not in self._binding:
            date = shanghai_day(from_us(at_us))
            self._binding[day] = frozenset(
                watch.clause.id for watch in self._watches if self.catalogue.binds(watch.clause, date)
            )
        return self._binding[day]

    def _judged(self, watch: Watch, change: Change) -> Judgement:
        clause, span, place = watch.clause, change.span, self._signals.places.get(watch.place_id)
        began = from_us(span.began_us)
        ended = from_us(change.at_us) if change.what == "ended" else None
        signal = clause.triggers[0].q
        evidence = Evidence(
            evidence_id=evidence_id(clause.id, self.site.site_id, watch.place_id, began), kind="span", began_at=began,
            ended_at=ended, peak=span.peak, signal=signal, sensor_ids=span.sensor_ids,
            coordinates=tuple(dict.fromkeys((span.first, span.peaked, span.last))),
        )  # fmt: skip
        verdict = Verdict.CANNOT_EVALUATE if change.what == "undecided" else verdict_of(clause)
        why_zh, why = _why(clause, self.catalogue, change)
        return Judgement(
            verdict=verdict, clause=clause, site_id=self.site.site_id, place_id=watch.place_id,
            place=place.name if place else "", evidence=(evidence,), missing=span.missing, candidates=(),
            why=why, why_zh=why_zh, occurred_at=ended or began, phase="ended" if ended else "began",
            catalogue_version=self.catalogue.version,
        )  # fmt: skip

    # ---- other inputs

    def on_upstream(self, _item: Upstream) -> list[Judgement]:
        """A site's own alarm is no signal of any rule yet: the reading behind it is judged when it comes."""
        return []

    def on_finding(self, item: Found) -> list[Judgement]:
        """Judgements of what an inspector wrote: by explicit reference, then facts, then text."""
        return self._findings.judge(item)


def _watches(signals: SiteSignals, catalogue: Catalogue, industry: str) -> Iterator[Watch]:
    """One watch per clause with a trigger and place with sensors for it, in catalogue order."""
    wanted = set(vocabulary().industry_ids(industry)) or None
    for clause in catalogue.clauses.values():
        if not clause.triggers or not concerns(clause.industry, wanted, True):
            continue
        at_place: dict[str, list[int]] = {}
        for i, sensor in enumerate(signals.sensors):
            if clause.reads_at(signals.places[sensor.place_id].kind):
                at_place.setdefault(sensor.place_id, []).append(i)
        for place_id, sensors in sorted(at_place.items()):
            watch = Watch(clause, place_id, int(signals.area[sensors[0]]), signals, ())
            watch.sensors = tuple(i for i in sensors if any(True for _ in watch.triggers_of(i)))
            if watch.sensors:
                yield watch


def _prefilter(signals: SiteSignals, watches: list[Watch]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
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


def _why(clause: Clause, catalogue: Catalogue, change: Change) -> tuple[str, str]:
    cited_zh, cited_en = _cited(clause.id, catalogue)
    zh, en = explained(change.outcome)
    if change.what == "began":
        return f"{cited_zh}情形出现：{zh}", f"{cited_en} is met as far as sensors see: {en}"
    if change.what == "ended":
        return f"{cited_zh}情形结束：{zh or _OVER_ZH}", f"{cited_en} is no longer met: {en or _OVER_EN}"
    missing_zh, missing_en = named(change.span.missing)
    seen_zh, seen_en = named(trigger.q for trigger in clause.triggers[:1])
    peak = "" if change.span.peak is None else f" {change.span.peak:g}"
    return (
        f"{cited_zh}无法判定，缺少：{missing_zh}（已见：{seen_zh}{peak}）",
        f"{cited_en} cannot be evaluated, not seen: {missing_en} (seen: {seen_en}{peak})",
    )


@lru_cache(maxsize=1024)
def _cited(clause_id: str, catalogue: Catalogue) -> tuple[str, str]:
    clause = catalogue.clauses[clause_id]
    return cited(clause, catalogue.documents[clause.document_id])
