"""The hazard history of a simulated province, from July 2023: imported events of whole life cycles. Pure and seeded.

Which hazards there are depends on the seed alone, what has happened to them so far on `now` too: a later run tells the
same past and more. Ids are deterministic, so telling it twice doubles nothing.
"""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.province import Province, SimulatedSite, facts
from schemas.criteria import Catalogue
from schemas.events import Actor, Event
from schemas.hazards import HAZARD_EVENTS
from schemas.ids import hazard_id
from schemas.registry import Place
from schemas.terms import SHANGHAI, Role
from schemas.times import DAY

FIRST_MONTH = (2023, 7)
# Hazards found per month of a year, and the share of them closed by their due time: less growth, better work.
PER_MONTH = {2023: 34, 2024: 30, 2025: 23, 2026: 14}
LATER_PER_MONTH = 12
ON_TIME = {2023: 0.72, 2024: 0.80, 2025: 0.88, 2026: 0.93}
NEVER_CLOSED = {2023: 0.05, 2024: 0.03, 2025: 0.04, 2026: 0.06}
SOURCES = {"self": 45, "department": 33, "worker": 9, "report": 6, "iot": 7}
VERDICTS = {"major": 84, "general": 12, "none": 4}
MEASURES = {
    "people": "加强培训和现场看护（模拟）",
    "technology": "更换监测和控制设备（模拟）",
    "engineering": "改造现场设施（模拟）",
    "management": "修订制度并落实到岗（模拟）",
}
_HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class _Case:
    """One hazard to be told: where, under which clause, found when. `key` names it within the seed."""

    key: str
    site: SimulatedSite
    place: Place
    clause: dict[str, Any]
    found_at: dt.datetime
    draw: random.Random


def history(province: Province, catalogue: Catalogue, now: dt.datetime) -> Iterator[list[Event]]:
    """The events so far of one hazard after the other, each list in the order they happened; oldest hazards first."""
    for year, month in _months(now):
        for number in range(PER_MONTH.get(year, LATER_PER_MONTH)):
            case = _case(province, f"{year}-{month:02d}/{number}", year, month)
            if case is not None and case.found_at <= now:
                yield [event for event in _Life(case, province, catalogue).events() if event.occurred_at <= now]


def _months(now: dt.datetime) -> Iterator[tuple[int, int]]:
    year, month = FIRST_MONTH
    last = now.astimezone(SHANGHAI)
    while (year, month) <= (last.year, last.month):
        yield year, month
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _case(province: Province, name: str, year: int, month: int) -> _Case | None:
    """None if no clause could be cited at that site on that day."""
    draw = random.Random(f"{province.seed}/history/{name}")  # noqa: S311
    site = draw.choice(province.sites)
    found_at = dt.datetime(year, month, 1, tzinfo=SHANGHAI) + draw.random() * 28 * DAY
    found_at = found_at.replace(second=0, microsecond=0)
    day = found_at.date().isoformat()
    clauses = [
        clause for clause in facts()["criteria"][site.site.industry]
        if clause.get("from", "") <= day <= clause.get("until", "9999")
    ]  # fmt: skip
    if not clauses:
        return None
    clause = draw.choice(clauses)
    place = draw.choice([place for place in site.places if place.kind == clause["kind"]])
    return _Case(f"simulated/{province.seed}/{name}", site, place, clause, found_at, draw)


class _Life:
    """Tells one hazard's life. Times only grow; a few do what a guard would refuse, so that X1 has something."""

    def __init__(self, case: _Case, province: Province, catalogue: Catalogue) -> None:
        clause = catalogue.get(case.clause["id"])
        self._case, self._draw = case, case.draw
        self._root = catalogue.root_of(clause.id) if clause else case.clause["id"]
        self._department = province.department_of(case.site).department_id
        self._id = hazard_id(self._root, case.site.site.site_id, case.place.place_id, case.found_at)
        self._now = case.found_at
        self._events: list[Event] = []
        self._city = case.site.city

    def events(self) -> list[Event]:
        """All of the life, also what lies in the future."""
        if not self._events:
            self._found()
            if self._judged():
                due = self._planned(self._days(20, 80))
                due = self._extended(due)
                if self._closed(due) and self._chance(0.06):
                    self._reopened()
        return self._events

    def _tell(self, kind: str, role: Role = Role.SUPERVISOR, **data: Any) -> None:
        actor = Actor(id=f"sim-{self._city}-{role.value}", role=role, department_id=self._department)
        told = HAZARD_EVENTS[kind].model_validate(data)
        event = Event.of(
            kind, self._id, self._case.site.site.site_id, told, cause=self._case.key, n=len(self._events),
            occurred_at=self._now, recorded_at=self._now + self._draw.randint(1, 30) * _HOUR / 5,
            causes=(self._case.key,), actor=actor,
        )  # fmt: skip
        self._events.append(event.model_copy(update={"imported": True}))

    def _found(self) -> None:
        case, site = self._case, self._case.site.site
        source = self._draw.choices([*SOURCES], [*SOURCES.values()])[0]
        self._pass(1, 40)
        self._tell(
            "hazard_registered", Role.INSPECTOR, found_at=case.found_at, source=source,
            enterprise_id=site.enterprise_id,
            region=site.region, industry=site.industry, place_id=case.place.place_id, place=case.place.name,
            title=f"{case.clause['zh']}（模拟）", title_en=f"{case.clause['en']} (simulated)",
            near_people=bool(facts()["industries"][site.industry].get("near_people")), root_criterion_id=self._root,
            control_failure=self._draw.choice(["missing", "not_executed"]),
        )  # fmt: skip

    def _judged(self) -> bool:
        """Whether it is a hazard at all."""
        self._pass(2, 90)
        verdict = self._draw.choices([*VERDICTS], [*VERDICTS.values()])[0]
        self._tell(
            "hazard_judged", Role.INSPECTOR, verdict=verdict, criterion_id=self._case.clause["id"],
            document_id=self._case.clause["document"], catalogue_version="imported",
            evidence=["现场检查记录（模拟）"], by=f"sim-{self._city}-inspector", reason="现场核实（模拟）",
        )  # fmt: skip
        if verdict != "major":
            return verdict == "general"
        self._pass(1, 30)
        self._tell("hazard_reported", Role.RECTIFIER, to="regulator")
        if self._chance(0.9):
            self._tell("hazard_reported", Role.RECTIFIER, to="workers_congress")
        if self._chance(0.02):
            self._pass(24, 200)
            self._tell("hazard_voided", by=f"sim-{self._city}-supervisor", reason="重复登记（模拟）")
            return False
        if self._chance(0.25):
            self._tell(
                "production_stopped", Role.INSPECTOR, by=f"sim-{self._city}-inspector", reason="危及安全（模拟）"
            )
        return True

    def _planned(self, days: float) -> dt.date:
        """The plan with its due date."""
        if not any(event.kind == "responsibility_assigned" for event in self._events):
            self._pass(2, 60)
            self._tell(
                "responsibility_assigned", lead_department_id=self._department, responsible_person="主要负责人（模拟）"
            )  # fmt: skip
            self._tell("interim_control_set", Role.RECTIFIER, text="撤人、设岗看守（模拟）")
        self._pass(12, 240)
        due = (self._now + days * DAY).astimezone(SHANGHAI).date()
        kinds = self._draw.sample([*MEASURES], self._draw.randint(1, 3))
        self._tell(
            "plan_approved", due_at=due.isoformat(), responsible_person="主要负责人（模拟）",
            responsible_unit=self._case.site.site.name,
            measures=[{"kind": kind, "text": MEASURES[kind]} for kind in kinds],
            funds=float(self._draw.randint(1, 90)) * 10_000, interim_control="撤人、设岗看守（模拟）",
            contingency_plan="应急预案（模拟）" if self._chance(0.93) else "",
        )  # fmt: skip
        if self._chance(0.1):
            self._tell("supervision_ordered", level="city", due_at=due.isoformat())
        self._pass(6, 96)
        self._tell("rectification_started", Role.RECTIFIER, by=self._rectifier)
        return due

    def _extended(self, due: dt.date) -> dt.date:
        if not self._chance(0.12):
            return due
        later = due + self._draw.randint(20, 60) * DAY
        self._until(_end_of(due) - self._draw.uniform(6, 12) * DAY)
        self._tell(
            "extension_requested", Role.RECTIFIER, new_due_at=later.isoformat(), reason="设备到货推迟（模拟）",
            interim_control="撤人、设岗看守（模拟）",
        )  # fmt: skip
        approved = self._chance(0.8)
        self._pass(20, 90)
        self._tell(
            "extension_decided", approved=approved, new_due_at=later.isoformat(), by=f"sim-{self._city}-supervisor"
        )  # fmt: skip
        return later if approved else due

    def _closed(self, due: dt.date) -> bool:
        """Rectify, accept, close; False if that never comes."""
        year = self._case.found_at.year
        if self._chance(NEVER_CLOSED.get(year, 0.06)):
            return False
        early = self._chance(ON_TIME.get(year, 0.93) + self._habit())
        days = self._draw.uniform(1, 16) if early else -self._draw.expovariate(1 / 40) - 1
        self._until(_end_of(due) - days * DAY - 6 * DAY)
        self._done()
        if self._chance(0.1):
            self._pass(6, 48)
            self._tell(
                "acceptance_failed", Role.INSPECTOR, by=f"sim-{self._city}-inspector", reason="整改不彻底（模拟）"
            )
            self._pass(20, 60)
            self._done()
        self._pass(6, 50)
        self._tell(
            "acceptance_passed", Role.INSPECTOR, by=f"sim-{self._city}-inspector", evidence=["验收记录（模拟）"]
        )  # fmt: skip
        if self._stands("production_stopped", "production_resumed"):
            self._pass(1, 10)
            self._tell(
                "production_resumed", Role.INSPECTOR, by=f"sim-{self._city}-inspector", reason="验收通过（模拟）"
            )
        self._pass(1, 30)
        closer = self._rectifier if self._chance(0.01) else f"sim-{self._city}-supervisor"
        evidence = [] if self._chance(0.02) else ["整改前后照片（模拟）"]
        self._tell("hazard_closed", by=closer, evidence=evidence)
        if self._stands("supervision_ordered", "supervision_lifted"):
            self._tell("supervision_lifted", level="city")
        return True

    def _done(self) -> None:
        self._tell("rectification_done", Role.RECTIFIER, by=self._rectifier, evidence=["整改照片（模拟）"])

    def _reopened(self) -> None:
        self._now += self._draw.uniform(15, 200) * DAY
        self._tell("hazard_reopened", Role.INSPECTOR, by=f"sim-{self._city}-inspector", reason="复查反弹（模拟）")
        due = self._planned(self._days(15, 45))
        self._closed(due)

    def _habit(self) -> float:
        """Cities differ in punctuality, and keep to it."""
        return random.Random(f"{self._city}/habit").uniform(-0.12, 0.06)  # noqa: S311

    @property
    def _rectifier(self) -> str:
        return f"{self._case.site.site.site_id}-rectifier"

    def _stands(self, begun: str, ended: str) -> bool:
        kinds = [event.kind for event in self._events]
        return kinds.count(begun) > kinds.count(ended)

    def _chance(self, share: float) -> bool:
        return self._draw.random() < share

    def _days(self, least: float, most: float) -> float:
        return self._draw.uniform(least, most)

    def _pass(self, least_hours: float, most_hours: float) -> None:
        self._now += self._draw.uniform(least_hours, most_hours) * _HOUR

    def _until(self, when: dt.datetime) -> None:
        self._now = max(self._now + 2 * _HOUR, when)


def _end_of(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + DAY
