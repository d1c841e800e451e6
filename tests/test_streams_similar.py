"""举一反三 and causes: what the registry knows of other sites and of a site's own controls."""

from typing import Any

import pytest

from schemas.deadlines import SimilarRule
from schemas.hazards import HazardStateRecord
from schemas.registry import Control, Place, Site
from schemas.times import to_us
from streams.duties import Duties
from streams.hazards import SiteHazards
from streams.similar import similar_sites
from streams.surroundings import Surroundings
from tests.hazard_bench import CATALOGUE, DAY, FACE, GAS, HOUR, LI, POWER, SITE, T0, WANG, Bench, found, sensed, span

RULE = SimilarRule(within="city", limit=100)


def site(id: str, **more: Any) -> Site:
    return Site(**({"site_id": id, "region": "140402", "industry": "coal"} | more))


def place(site_id: str, kind: str = "coal_face", equipment: str = "", place_id: str = "") -> Place:
    return Place(place_id=place_id or f"{site_id}-P", site_id=site_id, kind=kind, equipment=equipment)


SITES = [
    SITE,
    site("A-same-face"),
    site("B-other-county", region="140421"),
    site("C-other-city", region="140581"),
    site("D-own-other-city", region="140581", enterprise_id="E-1"),
    site("E-chemical", industry="chemical"),
    site("F-no-face"),
    site("G-simulated", simulated=True),
]
PLACES = {each.site_id: {f"{each.site_id}-P": place(each.site_id)} for each in SITES}
PLACES["F-no-face"] = {"p": place("F-no-face", "pump_room")}
PLACES[SITE.site_id] = {FACE: place(SITE.site_id, place_id=FACE)}
BY_ID = {each.site_id: each for each in SITES}


def test_sites_of_the_same_industry_and_kind_of_place_near_by_or_of_the_same_enterprise() -> None:
    alike = similar_sites(SITE, FACE, GAS, BY_ID, PLACES, RULE)
    assert alike == ["D-own-other-city", "A-same-face", "B-other-county"]
    assert similar_sites(SITE, FACE, GAS, BY_ID, PLACES, SimilarRule(within="county")) == alike[:2]
    assert "C-other-city" in similar_sites(SITE, FACE, GAS, BY_ID, PLACES, SimilarRule(within="province"))
    assert similar_sites(SITE, FACE, GAS, BY_ID, PLACES, SimilarRule(limit=1)) == alike[:1]


def test_a_class_of_equipment_goes_before_the_kind_of_place() -> None:
    places = PLACES | {
        SITE.site_id: {FACE: place(SITE.site_id, equipment="MG300", place_id=FACE)},
        "B-other-county": {"p": place("B-other-county", "other_workplace", "MG300")},
    }
    sites = BY_ID | {"F-no-face": site("F-no-face", equipment=("MG300",))}
    assert similar_sites(SITE, FACE, GAS, sites, places, RULE) == ["B-other-county", "F-no-face"]


def test_without_a_clause_nothing_is_alike_and_at_an_unknown_place_the_whole_industry_may_be() -> None:
    assert similar_sites(SITE, FACE, None, BY_ID, PLACES, RULE) == []
    assert "F-no-face" in similar_sites(SITE, "somewhere", GAS, BY_ID, PLACES, RULE)


def bench(controls: tuple[Control, ...] = ()) -> Bench:
    made = Bench()
    held = {SITE.site_id: {each.control_id: each for each in controls}}
    made.hazards = SiteHazards(SITE, CATALOGUE, around=Surroundings(Duties(), held, BY_ID, PLACES))
    return made


def test_checks_open_once_when_a_hazard_is_judged_major_and_a_person_reports_each() -> None:
    told = bench()
    told.sees(sensed(span("s1", T0)))
    assert told.does(LI, "judge", {"verdict": "major"}) == "judged_major"
    opened = [e for e in told.events if e.kind == "similar_check_opened"]
    assert [e.data["similar_site_id"] for e in opened] == ["D-own-other-city", "A-same-face", "B-other-county"]
    assert {e.site_id for e in opened} == {SITE.site_id} and len({e.event_id for e in opened}) == 3
    assert told.does(LI, "judge", {"verdict": "major"}) == "judged_major"
    assert sum(e.kind == "similar_check_opened" for e in told.events) == 3
    done = {"similar_site_id": "A-same-face", "hits": 2}
    assert told.does(LI, "check_similar", {"similar_site_id": "A-same-face"}) == "!bad_data"
    assert told.does(LI, "check_similar", done) == "judged_major"
    assert told.does(LI, "check_similar", done) == "!similar_check"
    assert told.latest.similar_done == {"A-same-face": 2} and len(told.latest.similar_open) == 2


def test_checks_of_a_closed_hazard_are_still_reminded_of_and_done() -> None:
    told = bench()
    told.sees(sensed(span("s1", T0)))
    for actor, kind, data in [
        (LI, "judge", {"verdict": "major"}), (WANG, "void", {"reason": "登记有误"}),
    ]:  # fmt: skip
        told.does(actor, kind, data)
    told.hazards.take_changed(1)
    assert told.hazards.counts() == {"whole": 0, "stubs": 1, "archived": 0}
    again = SiteHazards(SITE, CATALOGUE, [HazardStateRecord.parse(told.latest.encode())], around=told.hazards.around)
    events = again.on_tick(to_us(T0 + 40 * DAY))
    assert [(e.kind, e.data["deadline"]) for e in events] == [("deadline_missed", "similar_check")]
    assert again.on_tick(to_us(T0 + 41 * DAY)) == []


def control(id: str, *clauses: str, places: tuple[str, ...] = ()) -> Control:
    return Control(
        control_id=id, site_id=SITE.site_id, risk_id=f"R-{id}", text="断电闭锁", criterion_ids=clauses, place_ids=places
    )  # fmt: skip


@pytest.mark.parametrize(
    ("controls", "known"),
    [
        ((), None),
        ((control("C1", "NEW-5-2"),), "C1"),
        ((control("C1", "OLD-5-2"),), "C1"),  # by the root of the clause
        ((control("C1", "NEW-5-4"),), None),
        ((control("C1", "NEW-5-2"), control("C2", "NEW-5-2")), None),  # two are no answer
        ((control("C1", "NEW-5-2"), control("C2", "NEW-5-2", places=(FACE,))), "C2"),  # the one at the place
        ((control("C1", "NEW-5-2", places=("elsewhere",)),), None),
    ],
)
def test_the_control_that_the_clause_breaks_is_found_if_there_is_one(
    controls: tuple[Control, ...], known: str | None
) -> None:
    told = bench(controls)
    told.sees(sensed(span("s1", T0)))
    state = told.latest
    assert (state.control_id, state.control_failure) == (known, "not_executed" if known else None)
    assert state.risk_id == (f"R-{known}" if known else None)


def test_a_finding_or_a_person_says_which_control_failed_and_how() -> None:
    told = bench((control("C1", "NEW-5-4"),))
    told.sees(found("f1", T0, GAS, control_id="C1", control_failure="not_executed"))
    assert (told.latest.control_id, told.latest.risk_id) == ("C1", "R-C1")
    told.sees(found("f2", T0 + HOUR, POWER, control_failure="missing", risk_id="R-9"))
    assert (told.latest.control_failure, told.latest.risk_id) == ("missing", "R-9")
    unknown = {"control_failure": "not_executed", "control_id": "C9"}
    assert told.does(LI, "cause", unknown) == "!control_unknown"
    assert told.does(LI, "cause", {"control_failure": "not_executed", "control_id": "C1"}) == "suspected"
    assert (told.latest.control_id, told.latest.risk_id, told.latest.control_failure) == ("C1", "R-C1", "not_executed")
    assert told.does(LI, "cause", {"control_failure": "missing", "reason": "无此措施"}) == "suspected"
    assert told.latest.control_id is None
