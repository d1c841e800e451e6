"""Facts of a finding against the rules, and every case of the catalogue sent the ways that evidence comes."""

import datetime as dt
from typing import Any

import pytest

from schemas.criteria import Clause, load_catalogue
from schemas.hazards import Finding
from schemas.registry import Place, Sensor, Site
from schemas.sensor_rules import sensor_rules
from schemas.terms import SHANGHAI, Confidence, Verdict
from schemas.vocabulary import vocabulary
from streams.classify import Judgement, SiteCriteria
from streams.criteria import StatedFacts, evaluate
from streams.decode import Found, Record
from streams.findings import FindingJudge
from streams.judgement import verdict_by_rule
from tests.coal_face import S, frame

CATALOGUE, WORDS = load_catalogue(), vocabulary()
RULED = [clause for clause in CATALOGUE.clauses.values() if clause.condition is not None]
TRIGGERED = [clause for clause in RULED if clause.triggers]
CASES = [(clause, case) for clause in RULED for case in clause.cases if case.facts is not None]


def day_of(clause: Clause) -> dt.datetime:
    begins = clause.effective_from or CATALOGUE.document_of(clause).effective_from
    return dt.datetime.combine(begins, dt.time(8), SHANGHAI) + dt.timedelta(days=3)


def judged(facts: dict[str, Any], kind: str | None = None, **more: Any) -> list[Judgement]:
    """What is said of a finding with these facts at a registered place of this kind."""
    place = {"p": Place(place_id="p", site_id=S, name="某处", kind=kind)} if kind else {}
    content = {
        "finding_id": "F", "site_id": S, "industry": "coal", "found_at": "2026-07-02T08:00:00+08:00",
        "received_at": "2026-07-02T09:00:00+08:00", "text": "见所列事实", "place": "某处", "facts": facts, **more,
    }  # fmt: skip
    judge = FindingJudge(Site(site_id=S, industry=str(content["industry"])), place, CATALOGUE)
    return judge.judge(Found(Record("log", "inspection.findings", 0, 0, None, None), Finding.parse(content)))


def test_a_level_that_is_reached_is_ordinary_and_says_its_row() -> None:
    (said,) = judged({"co_ppm": 24}, "main_return")
    assert (said.verdict, said.clause) == (Verdict.GENERAL, None)
    assert "SR-C27" in said.why and "SR-C27" in said.why_zh and "24 ppm" in said.why
    assert all(each.verdict is not Verdict.GENERAL for each in judged({"co_ppm": 23}, "main_return"))
    assert all("SR-C27" not in each.why for each in judged({"co_ppm": 24}, "tank"))


def test_the_highest_level_is_told() -> None:
    assert "second alarm" in judged({"lel_pct": 50}, "gas_detector_point", industry="chemical")[0].why
    assert "first alarm" in judged({"lel_pct": 30}, "gas_detector_point", industry="chemical")[0].why


def test_words_that_mean_a_clause_go_before_a_level() -> None:
    (said,) = judged({"temp_c": 31}, "coal_face", text="矿井主扇只有一台，没有备用主要通风机")
    assert said.verdict is Verdict.MAJOR and said.clause and said.clause.id == "COAL21-8-2"


def test_what_the_facts_only_touch_is_not_left_open() -> None:
    (said,) = judged({"ch4_pct": 0.9, "work_on": True, "zone_headcount": 3, "zone_power_live": True}, "coal_face")
    assert said.verdict is Verdict.NONE  # the gas is judged; nobody spoke of fire or inrush


def test_facts_that_say_nothing_but_what_goes_on_lack_the_rest() -> None:
    (said,) = judged({"powered_work_on": True}, "coal_face")
    assert (said.verdict, said.missing) == (Verdict.CANNOT_EVALUATE, ("ch4_pct",))


def test_a_partial_rule_is_asked_only_for_what_the_facts_speak_of() -> None:
    more = {"industry": "noncoal-underground"}
    assert judged({"reversal_minutes": 11}, "main_fan", **more)[0].verdict is Verdict.MAJOR
    assert judged({"reversal_minutes": 10}, "main_fan", **more)[0].verdict is Verdict.NEEDS_REVIEW  # by its words only


@pytest.mark.parametrize(("clause", "case"), CASES, ids=[f"{c.id}: {k.name}" for c, k in CASES])
def test_every_case_as_a_finding(clause: Clause, case: Any) -> None:
    kind = case.place or (clause.places[0] if clause.places else None)
    said = judged(case.facts, kind, industry=clause.industry, found_at=day_of(clause).isoformat())
    own = [each for each in said if each.clause and each.clause.id == clause.id]
    if case.expect is True:
        assert [each.verdict for each in own] == [verdict_by_rule(clause)], [each.why for each in said]
    else:
        assert all(each.verdict in (Verdict.NONE, Verdict.CANNOT_EVALUATE) for each in own)


def readings(clause: Clause, facts: dict[str, Any], kind: str) -> tuple[Place, list[Sensor], list[tuple[str, float]]]:
    """A place, and a sensor for every fact that is not the registry's, with the value that it sends."""
    asked = {name for name in facts if WORDS.signals[name].source != "registry" and name != "held_s"}
    asked |= {trigger.q for trigger in clause.triggers if trigger.q in facts}
    extra = {name: value for name, value in facts.items() if name not in asked and name != "held_s"}
    place = Place.parse({"place_id": "p", "site_id": S, "name": "某处", "kind": kind, **extra})
    sensors, sent = [], []
    for name in sorted(asked):
        signal, value = WORDS.signals[name], facts[name]
        number = signal.values.index(value) + 1.0 if signal.type == "enum" else float(value)
        sensors.append(Sensor(sensor_id=name, site_id=S, place_id="p", signal=name, resolution=0.001))
        sent.append((name, number))
    return place, sensors, sent


TRIGGERED_CASES = [(clause, case) for clause, case in CASES if clause in TRIGGERED and None not in case.facts.values()]


@pytest.mark.parametrize(("clause", "case"), TRIGGERED_CASES, ids=[f"{c.id}: {k.name}" for c, k in TRIGGERED_CASES])
def test_every_case_as_readings(clause: Clause, case: Any) -> None:
    """What a case says of a moment, the stream says of readings: it begins a span, or it does not."""
    stated = StatedFacts(case.facts, case.place, WORDS)
    if case.expect is True and not any(evaluate(trigger, stated).value for trigger in clause.triggers):
        return  # of a matter that no reading triggers: only findings are judged by it
    kind = case.place or clause.places[0]
    if kind == "any_methane_point" or not clause.reads_at(kind):
        kind = "coal_face"
    place, sensors, sent = readings(clause, case.facts, kind)
    registered = {sensor.sensor_id: sensor for sensor in sensors}
    site = SiteCriteria(Site(site_id=S, industry=clause.industry), {"p": place}, registered, CATALOGUE)
    start, found = day_of(clause), list[Judgement]()
    for offset, at_s in enumerate((0, *([case.facts["held_s"]] if "held_s" in case.facts else []))):
        found += site.on_frame(frame(offset, *[(name, float(at_s), value) for name, value in sent], start=start))
    own = [each.verdict for each in found if each.clause and each.clause.id == clause.id and each.phase == "began"]
    held = verdict_by_rule(clause)
    assert (held in own) == (case.expect is True), [each.why for each in found]


def test_low_confidence_never_leads_to_more_than_review() -> None:
    low = [c for c in CATALOGUE.clauses.values() if Confidence.LOW in (c.confidence, c.rule_confidence)]
    assert len(low) > 20
    for clause in low:
        asked: list[dict[str, Any]] = [
            {"facts": case.facts or {}, "text": case.text or "见所列事实"} for case in clause.cases
        ]
        if clause.confidence is Confidence.LOW:
            asked.append({"facts": {}, "criterion_ref": clause.id})
        for more in asked:
            more |= {"industry": clause.industry, "found_at": day_of(clause).isoformat()}
            for said in judged(more.pop("facts"), clause.places[0] if clause.places else None, **more):
                by_words = clause.confidence is not Confidence.LOW and not said.missing and more["text"] != "见所列事实"
                if said.clause and said.clause.id == clause.id and not by_words:
                    assert said.verdict is not Verdict.MAJOR, (clause.id, more)


def test_every_level_is_said_of_a_finding_that_reaches_it() -> None:
    for row in sensor_rules().values():
        for level in row.levels:
            for case in level.cases:
                if case.expect is True:
                    said = judged(case.facts or {}, case.place or row.places[0], industry=row.industry)
                    assert any(row.id in each.why or each.verdict is not Verdict.GENERAL for each in said), row.id
