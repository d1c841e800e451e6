"""Evidence against the criteria in force on the day: frames of readings and inspectors' findings of one site. Pure.

A quiet frame costs a few numpy operations: see streams/watching.py.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from schemas.criteria import Catalogue, Clause
from schemas.hazards import Evidence
from schemas.ids import evidence_id
from schemas.registry import Place, Sensor, Site
from schemas.terms import Verdict
from schemas.times import from_us, shanghai_day
from schemas.vocabulary import vocabulary
from streams.decode import Found, Frame, Upstream
from streams.ends import gone, unnamed_end
from streams.findings import FindingJudge
from streams.judgement import Judgement, verdict_by_rule
from streams.signals import SITE_WIDE, SiteSignals
from streams.siterules import SiteRule, site_rules
from streams.spans import Change, Watch
from streams.watching import Watching
from streams.why import cited, explained, named

__all__ = ["Judgement", "SiteCriteria"]

DAY_US = 86_400_000_000
SHANGHAI_US = 8 * 3_600_000_000
_OVER_ZH, _OVER_EN = "读数已回到限值以内，或该标准不再适用", "back within limits, or the list no longer binds"


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

    def memory(self, readings: bool = True) -> dict[str, Any]:
        """JSON-able: latest readings (unless they are kept elsewhere, as in pages), open spans, running timers."""
        watches = {w.key: w.memory() for w in self._watching.active() if w.span or w.since}
        return {**(self._signals.memory() if readings else {}), "watches": {**self._orphans, **watches}}

    @property
    def signals(self) -> SiteSignals:
        """The latest readings."""
        return self._signals

    def _build(
        self, places: Mapping[str, Place], sensors: Mapping[str, Sensor], catalogue: Catalogue, memory: dict[str, Any]
    ) -> None:
        self.catalogue = catalogue
        self._signals = SiteSignals(self.site, places, sensors, vocabulary())
        self._signals.restore(memory)
        self._binding: dict[int, frozenset[str]] = {}
        rules = site_rules(self._signals, catalogue, self.site.industry)
        # what was open under a clause, place or sensor that is no longer there ends with the next reading: `_orphans`
        self._watching = Watching(self._signals, rules, self._in_force, memory.get("watches", {}))
        self._orphans = self._watching.unknown
        self._findings = FindingJudge(self.site, places, catalogue)

    # ---- readings

    def on_frame(self, frame: Frame) -> list[Judgement]:
        """Judgements of the spans that began, ended or cannot be decided, in the order of the readings' times."""
        read = self._signals.read_frame(frame)
        if not len(read.sensors):
            return []
        found = []
        if self._orphans:
            orphans, self._orphans = self._orphans, {}
            found = list(self._bereaved(orphans, int(read.us[0])))
        return found + [self._judged(watch, change) for watch, change in self._watching.absorb(read)]

    def _bereaved(self, orphans: dict[str, dict[str, Any]], at_us: int, successor: str = "") -> Iterator[Judgement]:
        """The ends of spans whose clause, place or sensors the catalogue or the registry no longer has."""
        for key, held in sorted(orphans.items()):
            clause_id, _, place_id = key.partition("|")
            clause = self.catalogue.get(clause_id)
            if clause is None:
                yield from unnamed_end(self._signals, clause_id, place_id, held, at_us, self.catalogue.version)
                continue
            watch = Watch(SiteRule(clause, 0, self._signals), place_id, SITE_WIDE, ())
            watch.restore(held)
            for change in watch.look(at_us, in_force=False):
                judgement = self._judged(watch, change)
                yield gone(judgement, clause_id, successor) if successor else judgement

    def _in_force(self, at_us: int) -> tuple[frozenset[str], tuple[int, int]]:
        """The clauses that bind on the day of `at_us`, and that day's first and last microsecond."""
        day = (at_us + SHANGHAI_US) // DAY_US
        if day not in self._binding:
            date = shanghai_day(from_us(at_us))
            clauses = [rule.clause for rule in self._watching.rules]
            self._binding[day] = frozenset(each.id for each in clauses if self.catalogue.binds(each, date))
        begins = day * DAY_US - SHANGHAI_US
        return self._binding[day], (begins, begins + DAY_US - 1)

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
        verdict = Verdict.CANNOT_EVALUATE if change.what == "undecided" else verdict_by_rule(clause)
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
