"""One hazard, one lead: by the registry's matters, or in the blind-spot list with its reason."""

import datetime as dt
from typing import Any

import pytest

from schemas.hazard_duties import BlindSpotRaised, ResponsibilityAssigned
from schemas.hazards import HazardRegistered
from schemas.registry import Department, Matter, Sector
from schemas.terms import HazardSource, Scope, Verdict
from schemas.times import to_us
from streams.duties import Duties
from streams.hazards import SiteHazards
from streams.surroundings import Surroundings
from tests.hazard_bench import CATALOGUE, DAY, HOUR, LI, PLAN, SITE, T0, WANG, Bench, found, sensed, span

DAY0 = T0.date()
CITY = Department(department_id="D-1404", region="140400", sectors=("coal",))
PROVINCE = Department(department_id="D-14", region="140000", sectors=("coal",))
HOUSING = Department(department_id="D-H", region="140400", sectors=("town-gas",))
GONE = Department(department_id="D-OLD", region="140400", valid_to=dt.date(2020, 1, 1))


def duties(*matters: Matter, departments: tuple[Department, ...] = (CITY, PROVINCE, HOUSING, GONE)) -> Duties:
    mines = Sector(sector_id="mines", industries=("coal", "tailings"))
    return Duties({d.department_id: d for d in departments}, {m.matter_id: m for m in matters}, {"mines": mines})


def matter(id: str, lead: str, **more: Any) -> Matter:
    return Matter(matter_id=id, lead_department_id=lead, **more)


def hazard(**more: Any) -> HazardRegistered:
    given = {"found_at": T0, "source": HazardSource.SELF, "region": "140402", "industry": "coal"}
    return HazardRegistered(**(given | more))


WIDE = matter("M-wide", "D-14", sectors=("mines",), region="140000")
NEAR = matter("M-near", "D-1404", sectors=("mines",), region="140400", cooperating_department_ids=("D-14",))
GAS = matter("M-gas", "D-14", criterion_ids=("NEW-5-*",), region="140000")
EXACT = matter("M-exact", "D-1404", criterion_ids=("NEW-5-2",))
LIVING = matter("M-living", "D-H", scopes=(Scope.LIVING,))


@pytest.mark.parametrize(
    ("matters", "given", "clauses", "lead"),
    [
        ((WIDE,), {}, (), "M-wide"),
        ((WIDE, NEAR), {}, (), "M-near"),  # the smaller region
        ((NEAR, GAS), {}, ("NEW-5-4",), "M-gas"),  # the clause goes before the region
        ((GAS, EXACT), {}, ("NEW-5-2",), "M-exact"),  # a clause by name before a group of them
        ((NEAR, GAS), {}, ("NEW-6-1",), "M-near"),
        ((WIDE, LIVING), {"scope": "living"}, (), "M-living"),
        ((WIDE,), {"industry": "煤矿"}, (), "M-wide"),
        ((matter("M-b", "D-14"), matter("M-a", "D-14")), {}, (), "M-a"),  # of one lead: no crossing
        ((matter("M-then", "D-14", valid_to=DAY0 - DAY), NEAR), {}, (), "M-near"),
    ],
)
def test_the_closest_matter_leads(
    matters: tuple[Matter, ...], given: dict[str, Any], clauses: tuple[str, ...], lead: str
) -> None:
    said = duties(*matters).lead(hazard(**given), clauses, DAY0)
    assert isinstance(said, ResponsibilityAssigned) and said.matter_id == lead


@pytest.mark.parametrize(
    ("matters", "given", "reason"),
    [
        ((WIDE,), {"industry": ""}, "unrecognised"),
        ((WIDE,), {"industry": "space-tourism"}, "unrecognised"),  # 认不清: a trade nobody has named
        ((NEAR, matter("M-other", "D-14", sectors=("mines",), region="140400")), {}, "unrecognised"),  # crossing
        ((), {}, "unthought"),  # 想不到: a known trade without a matter
        ((GAS,), {}, "unthought"),
        ((LIVING,), {}, "unthought"),
        ((NEAR,), {"region": "140581"}, "unreachable"),  # 管不到
        ((NEAR,), {"region": ""}, "unreachable"),
        ((matter("M-old", "D-OLD", sectors=("mines",)),), {}, "unreachable"),
        ((matter("M-who", "D-none", sectors=("mines",)),), {}, "unreachable"),
    ],
)
def test_where_nobody_leads_the_reason_is_named(
    matters: tuple[Matter, ...], given: dict[str, Any], reason: str
) -> None:
    said = duties(*matters).lead(hazard(**given), (), DAY0)
    assert isinstance(said, BlindSpotRaised) and said.reason == reason
    assert said.detail and said.detail_zh
    assert set(said.matter_ids) <= {m.matter_id for m in matters}


def bench(*matters: Matter, **more: Any) -> Bench:
    made = Bench()
    made.hazards = SiteHazards(SITE, CATALOGUE, around=Surroundings(duties(*matters, **more)))
    return made


def test_every_hazard_gets_a_lead_as_it_is_registered() -> None:
    told = bench(NEAR)
    kinds = ["hazard_registered", "hazard_suspected", "responsibility_assigned"]
    assert told.sees(sensed(span("s1", T0))) == kinds
    assert told.sees(found("f1", T0, None, verdict=Verdict.GENERAL))[-1] == "responsibility_assigned"
    assert told.sees(sensed(span("s2", T0 + HOUR))) == ["hazard_suspected"]
    state = told.latest
    assert (state.lead_department_id, state.matter_id) == ("D-1404", "M-near")
    assert state.cooperating_department_ids == ("D-14",) and state.blind_spot is None


def test_a_blind_spot_is_told_once_and_ends_when_a_matter_covers_it() -> None:
    told = bench()
    assert told.sees(sensed(span("s1", T0)))[-1] == "blind_spot_raised"
    assert told.sees(sensed(span("s2", T0 + HOUR))) == ["hazard_suspected"]
    assert told.latest.blind_spot == "unthought"
    around = told.hazards.around
    assert around is not None
    at = to_us(T0 + 2 * HOUR)
    assert told.hazards.on_tick(at) == []
    around.duties.matters = {"M-near": NEAR}
    around.duties.revision += 1
    (event,) = told.hazards.on_tick(at)
    assert (event.kind, event.data["lead_department_id"]) == ("responsibility_assigned", "D-1404")
    assert told.latest.blind_spot is None and told.latest.lead_department_id == "D-1404"
    around.duties.revision += 1
    assert told.hazards.on_tick(at + 1) == []


def test_the_clause_a_person_judges_by_may_end_a_blind_spot() -> None:
    told = bench(matter("M-4", "D-14", criterion_ids=("NEW-5-4",)))
    told.sees(found("f1", T0, None, verdict=Verdict.GENERAL))
    assert told.latest.blind_spot == "unthought"
    assert told.does(LI, "judge", {"verdict": "major", "criterion_id": "NEW-5-4"}) == "judged_major"
    assert told.latest.lead_department_id == "D-14"


def test_what_a_person_assigned_is_left_alone_and_departments_must_exist() -> None:
    told = bench()
    told.sees(sensed(span("s1", T0)))
    assert told.does(WANG, "assign", {"lead_department_id": "D-9"}) == "!department_unknown"
    assert told.does(WANG, "assign", {"lead_department_id": "D-OLD"}) == "!department_unknown"
    helped = {"lead_department_id": "D-14", "cooperating_department_ids": ["D-9"]}
    assert told.does(WANG, "assign", helped) == "!department_unknown" and "D-9" in told.refusal.reason
    assert told.does(WANG, "assign", {"lead_department_id": "D-14"}) == "suspected"
    assert told.latest.blind_spot is None
    assert told.does(WANG, "transfer", {"to_department_id": "D-9", "reason": "x"}) == "!department_unknown"
    assert told.does(WANG, "transfer", {"to_department_id": "D-H", "reason": "职责"}) == "suspected"
    assert told.does(LI, "judge", {"verdict": "major"}) == "judged_major"
    assert told.latest.lead_department_id == "D-H"


def test_four_kinds_of_measures_stand_in_a_plan() -> None:
    told = bench(NEAR)
    told.sees(sensed(span("s1", T0)))
    told.does(LI, "judge", {"verdict": "major"})
    kinds = ["people", "technology", "engineering", "management"]
    measures = [{"kind": kind, "text": f"{kind}措施"} for kind in kinds]
    assert told.does(WANG, "plan", PLAN | {"measures": measures}) == "planned"
    assert told.latest.plan is not None and [m.kind for m in told.latest.plan.measures] == kinds
