import datetime as dt

from schemas.criteria import Catalogue
from schemas.hazards import HazardStateRecord
from schemas.terms import HazardSource, Role, Verdict
from streams.hazards import SiteHazards
from tests.hazard_bench import (
    CATALOGUE,
    DAY,
    FACE,
    GAS,
    GAS_OLD,
    HOUR,
    LI,
    NEW,
    OLD,
    POWER,
    SITE,
    SURE,
    T0,
    WANG,
    Bench,
    clause,
    closed,
    found,
    judged,
    sensed,
    span,
    suspected,
)  # fmt: skip

OPENED = ["hazard_registered", "hazard_suspected"]
REFUTE = {"verdict": "none", "reason": "传感器调校"}


def test_a_span_opens_a_hazard_that_says_where_when_and_by_which_clause() -> None:
    bench = Bench()
    assert bench.sees(sensed(span("s1", T0), missing=("zone_headcount",))) == OPENED
    state = bench.latest
    assert (state.state, state.version, state.found_at, state.place_id) == ("suspected", 2, T0, FACE)
    assert (state.criterion_id, state.root_criterion_id) == ("NEW-5-2", "OLD-5-2")
    assert state.missing == ("zone_headcount",) and [e.evidence_id for e in state.evidence] == ["s1"]
    said = state.registered
    assert (said.source, said.region, said.industry, said.enterprise_id, said.title) == (
        HazardSource.IOT, "140402", "coal", "E-1", "NEW-5-2 标题",
    )  # fmt: skip


def test_every_further_span_is_evidence_of_the_same_hazard_and_counted_once() -> None:
    bench = suspected()
    assert bench.sees(sensed(span("s2", T0 + HOUR))) == ["hazard_suspected"]
    assert bench.sees(sensed(span("s2", T0 + HOUR))) == []
    assert bench.sees(sensed(span("s1", T0))) == []
    assert len(bench.ids) == 1 and bench.latest.evidence_count == 2


def test_a_span_that_ends_completes_its_evidence_once() -> None:
    bench = suspected()
    ended = span("s1", T0, T0 + HOUR, peak=2.1)
    assert bench.sees(sensed(ended, phase="ended")) == ["evidence_completed"]
    assert bench.sees(sensed(ended, phase="ended")) == []
    assert bench.latest.evidence == (ended,) and bench.latest.evidence_count == 1
    assert bench.events[-1].occurred_at == T0 + HOUR


def test_a_span_first_heard_of_at_its_end_is_not_lost() -> None:
    bench = Bench()
    assert bench.sees(sensed(span("s1", T0, T0 + HOUR), phase="ended")) == OPENED
    assert bench.latest.found_at == T0 and bench.latest.evidence[0].ended_at == T0 + HOUR


def test_other_clause_or_other_place_is_another_hazard() -> None:
    bench = suspected()
    assert bench.sees(sensed(span("s1", T0), POWER)) == OPENED
    assert bench.sees(sensed(span("s3", T0), place_id="3301-return")) == OPENED
    assert len(bench.ids) == 3


def test_verdicts_that_need_a_person_or_find_nothing_open_no_hazard() -> None:
    bench = Bench()
    for verdict in (Verdict.CANNOT_EVALUATE, Verdict.NEEDS_REVIEW, Verdict.NONE):
        assert bench.sees(sensed(span("s1", T0), verdict=verdict)) == []
        assert bench.sees(found("f1", T0, verdict=verdict)) == []
    assert bench.ids == []


def test_a_finding_opens_a_hazard_with_its_own_source_and_time_and_is_counted_once() -> None:
    bench = Bench()
    assert bench.sees(found("f1", T0 - DAY, region="140581", industry="chemical", enterprise_id="E-9")) == OPENED
    assert bench.sees(found("f1", T0 - DAY)) == []
    said = bench.latest.registered
    assert (said.source, said.found_at) == (HazardSource.WORKER, T0 - DAY)
    assert (said.region, said.industry, said.enterprise_id) == ("140581", "chemical", "E-9")


def test_a_finding_joins_the_hazard_that_sensors_opened() -> None:
    bench = suspected()
    assert bench.sees(found("f1", T0 + HOUR)) == ["hazard_suspected"]
    assert [e.kind for e in bench.latest.evidence] == ["span", "finding"]


def test_one_finding_against_two_clauses_is_two_hazards() -> None:
    bench = Bench()
    assert bench.sees(found("f1", T0)) == OPENED
    assert bench.sees(found("f1", T0, POWER)) == OPENED
    assert len(set(bench.ids)) == 2


def test_a_finding_that_is_general_by_its_words_is_a_general_hazard_and_stands_for_itself() -> None:
    bench = Bench()
    said = ["hazard_registered", "evidence_added", "hazard_judged"]
    assert bench.sees(found("f1", T0, None, verdict=Verdict.GENERAL)) == said
    assert bench.sees(found("f2", T0, None, verdict=Verdict.GENERAL)) == said
    assert bench.sees(found("f1", T0, None, verdict=Verdict.GENERAL)) == []
    assert len(bench.ids) == 2 and bench.latest.criterion_id is None
    assert (bench.latest.state, bench.latest.verdict) == ("judged_general", Verdict.GENERAL)
    assert bench.latest.registered.title == "回风流瓦斯超限仍作业"
    assert [e.evidence_id for e in bench.latest.evidence] == ["f2"] and bench.latest.evidence_count == 1
    assert bench.events[-1].actor.role is Role.SYSTEM and bench.events[-1].data["reason"] == "引用"


def test_a_general_hazard_neither_takes_in_nor_hides_a_major_one() -> None:
    bench = Bench()
    bench.sees(found("f1", T0, GAS, verdict=Verdict.GENERAL))
    assert bench.sees(sensed(span("s1", T0))) == OPENED
    general = bench.ids[0]
    major = {"verdict": "major", "criterion_id": "NEW-5-2"}
    assert bench.does(LI, "judge", major, target=general) == "!twin_open"
    assert bench.does(LI, "judge", REFUTE) == "refuted"
    assert bench.does(LI, "judge", major, target=general) == "judged_major"
    for restart in (False, True):
        if restart:
            bench.reborn()
        assert bench.sees(sensed(span(f"s{2 + restart}", T0 + (1 + restart) * HOUR))) == ["hazard_suspected"]
        assert bench.events[-1].subject_id == general


def test_a_suspicion_says_how_often_the_same_was_refuted_lately() -> None:
    bench = Bench()
    for n, days in enumerate((0, 10, 20, 300)):
        bench.sees(sensed(span(f"s{n}", T0 + days * DAY)))
        bench.now = bench.latest.found_at
        bench.does(LI, "judge", REFUTE)
    assert [bench.state(each).registered.refuted_before for each in bench.ids] == [0, 1, 2, 0]


def test_a_place_the_registry_does_not_know_is_told_apart_by_its_words() -> None:
    bench = Bench()
    assert bench.sees(found("f1", T0, place_id="")) == OPENED
    assert bench.sees(found("f2", T0 + HOUR, place_id="")) == ["hazard_suspected"]
    assert bench.sees(found("f3", T0)) == OPENED


def test_a_clause_marked_auto_confirm_is_judged_by_the_system_once() -> None:
    bench = Bench()
    assert bench.sees(sensed(span("s1", T0), SURE)) == [*OPENED, "hazard_judged"]
    assert bench.sees(sensed(span("s2", T0 + HOUR), SURE)) == ["hazard_suspected"]
    judged_event = bench.events[2]
    assert judged_event.actor.role is Role.SYSTEM and judged_event.data["document_id"] == "NEW"
    assert judged_event.data["catalogue_version"] == CATALOGUE.version
    assert (bench.latest.state, bench.latest.document_id) == ("judged_major", "NEW")


def test_after_refuting_new_evidence_opens_another_hazard_which_is_no_rebound() -> None:
    bench = suspected()
    assert bench.does(LI, "judge", REFUTE) == "refuted"
    assert bench.sees(sensed(span("s2", T0 + 2 * DAY))) == OPENED
    assert len(bench.ids) == 2 and bench.latest.registered.rebound_of is None


def test_the_end_of_a_span_told_after_refuting_goes_to_the_refuted_hazard() -> None:
    bench = suspected()
    bench.does(LI, "judge", REFUTE)
    assert bench.sees(sensed(span("s1", T0, T0 + DAY), phase="ended")) == ["evidence_completed"]
    assert bench.latest.state == "refuted" and len(bench.ids) == 1


def test_evidence_within_180_days_of_closing_marks_a_rebound() -> None:
    for days, rebound in ((1, True), (179, True), (181, False)):
        bench = closed()
        old = bench.latest
        assert old.closed_at is not None
        assert bench.sees(sensed(span("again", old.closed_at + dt.timedelta(days=days)))) == OPENED
        assert bench.latest.hazard_id != old.hazard_id
        assert bench.latest.registered.rebound_of == (old.hazard_id if rebound else None)


def test_a_finding_of_the_closed_hazards_own_found_time_is_the_same_hazard() -> None:
    bench = closed()
    assert bench.sees(found("late", T0)) == ["hazard_suspected"]
    assert bench.latest.state == "closed" and len(bench.ids) == 1


def test_evidence_of_a_merged_hazard_goes_to_the_one_it_went_into() -> None:
    bench = judged()
    bench.sees(sensed(span("p1", T0), POWER))
    gas, power = bench.ids
    assert bench.does(WANG, "merge", {"into": gas, "reason": "同一情形"}, target=power) == "merged"
    for restart in (False, True):
        if restart:
            bench.reborn()
        assert bench.sees(sensed(span(f"p{2 + restart}", T0 + DAY), POWER)) == ["hazard_suspected"]
        assert bench.events[-1].subject_id == gas


def test_a_new_edition_of_the_list_opens_no_twin() -> None:
    before = Catalogue([OLD], [GAS_OLD])
    bench = Bench(before)
    bench.sees(sensed(span("s1", T0 - 30 * DAY), GAS_OLD))
    bench.hazards.configure(SITE, CATALOGUE)
    assert bench.sees(sensed(span("s2", T0), GAS)) == ["hazard_suspected"]
    assert len(bench.ids) == 1


def test_an_earlier_edition_added_later_finds_the_hazards_opened_without_it() -> None:
    alone = Catalogue([NEW], [clause("NEW-5-2", "NEW")])
    bench = Bench(alone)
    bench.sees(sensed(span("s1", T0), alone.clauses["NEW-5-2"]))
    assert bench.latest.root_criterion_id == "NEW-5-2"
    bench.reborn(CATALOGUE)
    assert bench.sees(sensed(span("s2", T0 + HOUR))) == ["hazard_suspected"]


def test_after_a_restart_from_the_state_topic_everything_goes_on_as_if_never_stopped() -> None:
    story = [
        sensed(span("s1", T0)), sensed(span("s1", T0, T0 + HOUR), phase="ended"), found("f1", T0 + 2 * HOUR),
        sensed(span("s1", T0)), sensed(span("p1", T0 + 3 * HOUR), POWER), found("f1", T0 + 2 * HOUR),
        sensed(span("s2", T0 + 4 * HOUR), SURE), sensed(span("s2", T0 + 4 * HOUR, T0 + 5 * HOUR), SURE, phase="ended"),
    ]  # fmt: skip
    steady, mortal = Bench(), Bench()
    for judgement in story:
        assert steady.sees(judgement) == mortal.sees(judgement)
        mortal.reborn()
    assert steady.does(LI, "judge", {"verdict": "major"}) == mortal.does(LI, "judge", {"verdict": "major"})
    assert [e.encode() for e in steady.events] == [e.encode() for e in mortal.events]
    assert [steady.state(i) for i in steady.ids] == [mortal.state(i) for i in mortal.ids]


def test_changed_states_are_taken_once_and_carry_the_step() -> None:
    bench = suspected()
    taken = bench.hazards.take_changed(7)
    assert [(s.hazard_id, s.step, s.version) for s in taken] == [(bench.latest.hazard_id, 7, 2)]
    assert bench.hazards.take_changed(8) == []
    bench.sees(sensed(span("s1", T0)))
    assert bench.hazards.take_changed(9) == []
    bench.does(LI, "judge", {"verdict": "major"})
    assert [s.step for s in bench.hazards.take_changed(10)] == [10]


def test_ids_are_those_of_the_facts_so_telling_again_doubles_nothing() -> None:
    once, again = suspected(), suspected()
    assert [e.event_id for e in once.events] == [e.event_id for e in again.events]
    assert len({e.event_id for e in once.events}) == len(once.events)
    fresh = SiteHazards(SITE, CATALOGUE, [HazardStateRecord.parse(once.latest.encode())])
    assert fresh.has_hazard(once.latest.hazard_id) and not fresh.has_hazard("other")
