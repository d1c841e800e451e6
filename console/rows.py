"""What the browser and the API are told of an alarm, a hazard and a KPI: one flat JSON object each, words left to them.

Numbers keep their unit beside them; times are RFC 3339; names come in zh and en where the registry has both.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from console.picture import Picture
from console.standing import ONLY, stands, stated
from schemas.alarms import AlarmState
from schemas.hazards import HazardStateRecord
from schemas.kpis import Kpi, KpiRow, kpis
from schemas.registry import Sensor, Site
from schemas.terms import ProcessState, SignalCondition, Verdict
from streams.lifecycle import is_open

CARDS = ("K04b", "K04c", "K01", "K02", "K05", "K06a", "K07")
SORTS = ("newest", "urgent")
_UNACKNOWLEDGED = (ProcessState.UNACKNOWLEDGED, ProcessState.RETURNED_UNACKNOWLEDGED)


def is_noted(state: AlarmState) -> bool:
    """Whether an operator must be told of the alarm apart from the list: kept from it, or a nuisance in it."""
    return bool(state.overrides) or state.chattering or state.stale


class Rows:
    """Rows of one picture. Call under the picture's lock."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def alarm(self, state: AlarmState) -> dict[str, Any]:
        sensor = self._picture.sensors.get(state.sensor_id or "") or Sensor(sensor_id="-", site_id=state.site_id)
        place = self._picture.places.get(sensor.place_id)
        rule, _, side = state.rule_id.rpartition(".")
        row = state.model_dump(mode="json", exclude={"step"})
        row |= self.site(state.site_id)
        row |= {
            "id": state.alarm_id, "state": state.process_state.value, "shown": state.shown, "rule": rule, "side": side,
            "sensor": sensor.name, "signal": sensor.signal, "quantity": sensor.quantity,
            "location": sensor.location, "resolution": sensor.resolution, "unit": state.unit or sensor.unit,
            "place_id": sensor.place_id, "place": place.name if place else state.area_code or "",
            "place_kind": place.kind if place else "",
        }  # fmt: skip
        own = state.rule_id == "signal"
        unseen = state if own else self._picture.signal_of(state.site_id, state.sensor_id)
        condition = unseen.signal if unseen else SignalCondition.GOOD
        return row | {"condition": condition.value, "signal_since": _text(unseen and unseen.signal_since)}

    def alarm_named(self, alarm_id: str, otherwise: AlarmState | None = None) -> dict[str, Any] | None:
        """The row of an alarm that is on the board; that of `otherwise` if it is not."""
        state = self._picture.alarms.get(alarm_id) or otherwise
        return None if state is None else self.alarm(state)

    def noted(self) -> list[dict[str, Any]]:
        """Alarms that an override keeps from the operator, and those that chatter or stand for too long."""
        return [self.alarm(state) for state in self._picture.alarms.values() if is_noted(state)]

    def signals(self, *, limit: int = 500) -> list[dict[str, Any]]:
        """Sensors and sites that cannot be seen or of which something is suspected, the latest first."""
        shown = sorted(self._picture.signals.values(), key=lambda state: state.changed_at, reverse=True)
        return [self.alarm(state) for state in shown[:limit]]

    def hazard(self, state: HazardStateRecord) -> dict[str, Any]:
        clause = self._picture.catalogue(state.catalogue_version).get(state.criterion_id or "")
        registered = state.registered
        row = {
            "id": state.hazard_id, "hazard_id": state.hazard_id, "state": state.state.value,
            "open": is_open(state), "version": state.version,
            "found_at": _text(state.found_at), "due": _text(state.due), "closed_at": _text(state.closed_at),
            "changed_at": _text(state.changed_at), "verdict": state.verdict and state.verdict.value,
            "criterion_id": state.criterion_id, "document_id": state.document_id,
            "catalogue_version": state.catalogue_version, "article": clause.article if clause else "",
            "article_zh": article_zh(clause.article) if clause else "",
            "clause_zh": clause.title_zh if clause else "", "clause_en": clause.title_en if clause else "",
            "title": registered.title, "place_id": state.place_id, "place": registered.place,
            "source": registered.source.value, "industry": registered.industry,
            "evidence": max(state.evidence_count, len(state.evidence)), "missing": list(state.missing),
            "stopped": state.stopped, "supervised": state.supervised, "cycle": state.cycle,
            "supervision_level": state.supervision_level, "supervision_due": _text(state.supervision_due),
            "lead_department_id": state.lead_department_id, "blind_spot": state.blind_spot,
            "control_id": state.control_id, "control_failure": state.control_failure,
            "rebound_of": registered.rebound_of, "reopens": registered.reopens,
            "similar_open": len(state.similar_open), "similar_done": len(state.similar_done),
        }  # fmt: skip
        place = self._picture.places.get(state.place_id)
        if place and place.name:
            row["place"] = place.name
        site = self.site(state.site_id)
        return row | site | {"region": registered.region or site["region"]}

    def site(self, site_id: str) -> dict[str, Any]:
        """Names and region of a site; its id where the registry does not know it."""
        site = self._picture.sites.get(site_id) or Site(site_id=site_id)
        return {
            "site_id": site_id, "site": site.name or site_id, "site_en": site.name_en or site.name or site_id,
            "region": site.region, "simulated": site.simulated,
        }  # fmt: skip

    def alarms(
        self, *, sort: str = "newest", limit: int = 500, wanted: Callable[[dict[str, Any]], bool] | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """The first `limit` alarms on the board and how many match `wanted`.

        `newest` first, or `urgent`: unacknowledged, then priority, then time.
        """
        shown = list(self._picture.alarms.values())
        shown.sort(key=_newest_first)
        if sort == "urgent":
            shown.sort(key=lambda state: (state.process_state not in _UNACKNOWLEDGED, state.priority))
        if wanted is None:
            return [self.alarm(state) for state in shown[:limit]], len(shown)
        rows = [row for row in map(self.alarm, shown) if wanted(row)]
        return rows[:limit], len(rows)

    def hazards(self, *, open_only: bool = True, limit: int = 500) -> list[dict[str, Any]]:
        wanted = [state for state in self._picture.hazards.values() if is_open(state) or not open_only]
        wanted.sort(key=lambda state: state.found_at, reverse=True)
        return [self.hazard(state) for state in wanted[:limit]]

    def hazards_at(
        self, when: dt.datetime, *, only: str = "", open_only: bool = True, limit: int = 500
    ) -> tuple[list[dict[str, Any]], int]:
        """The first `limit` hazards, newest first, as they stand at `when`, and how many `only` (of ONLY) lets by."""
        shown = [state for state in self._picture.hazards.values() if is_open(state) or not open_only]
        shown.sort(key=lambda state: state.found_at, reverse=True)
        wanted = ONLY.get(only, lambda _: True)
        rows = [(state, told) for state in shown if wanted((state, told := stands(state, when)))]
        return [self.hazard(state) | stated(told) for state, told in rows[:limit]], len(rows)

    def counts(self) -> dict[str, Any]:
        """Alarms on the board by priority and state, those no override hides, overrides, and open hazards by state."""
        alarms = self._picture.alarms.values()
        by_priority: dict[str, Counter[str]] = {}
        overrides: Counter[str] = Counter()
        for alarm in alarms:
            by_priority.setdefault(alarm.priority.value, Counter())[alarm.process_state.value] += 1
            overrides.update(override.value for override in alarm.overrides)
        opened = [hazard for hazard in self._picture.hazards.values() if is_open(hazard)]
        return {
            "alarms": len(alarms),
            "annunciated": sum(not alarm.overrides for alarm in alarms),
            "by_priority": {priority: dict(states) for priority, states in sorted(by_priority.items())},
            "overrides": dict(overrides),
            "signals": dict(Counter(state.signal.value for state in self._picture.signals.values())),
            "chattering": sum(alarm.chattering for alarm in alarms),
            "stale": sum(alarm.stale for alarm in alarms),
            "suspicions": sum(bool(state.suspicions) for state in self._picture.signals.values()),
            "hazards": len(opened),
            "hazard_states": dict(Counter(hazard.state.value for hazard in opened)),
            "major": sum(hazard.verdict is Verdict.MAJOR for hazard in opened),
            "sites": len(self._picture.sites),
            "sensors": len(self._picture.sensors),
        }

    def kpis(self) -> list[dict[str, Any]]:
        """The newest ungrouped value of each KPI on the board's cards; a KPI never computed has `row` null."""
        known = kpis()
        cards = []
        for kpi_id in CARDS:
            entry = known.get(kpi_id)
            row = self._picture.kpis.get((kpi_id, ()))
            cards.append({"kpi_id": kpi_id, **_named(entry), "row": row and row.model_dump(mode="json")})
        return cards

    def kpi_rows(self) -> list[KpiRow]:
        return sorted(self._picture.kpis.values(), key=lambda row: (row.kpi_id, sorted(row.group.items())))


_ARTICLES = (
    (re.compile(r"^art\. (\d+)(.*)$"), r"第\1条\2"),
    (re.compile(r"^section (\d+) item (\d+)$"), r"第\1部分第\2项"),
    (re.compile(r"^item (\d+)$"), r"第\1项"),
)


def article_zh(article: str) -> str:
    """`art. 5(2)` as 第5条(2); a numbering that is the same in both languages stays as it is."""
    for pattern, written in _ARTICLES:
        if pattern.match(article):
            return pattern.sub(written, article)
    return article


def _newest_first(state: AlarmState) -> tuple[float, str]:
    return (-(state.raised_at or state.changed_at).timestamp(), state.alarm_id)


def _named(entry: Kpi | None) -> dict[str, str]:
    if entry is None:
        return {"zh": "", "en": "", "unit": "", "target": ""}
    return {"zh": entry.zh, "en": entry.en, "unit": entry.unit, "target": entry.target}


def _text(when: Any) -> str | None:
    return when and when.isoformat()
