"""Readings and findings judged at one site: spans, joins, missing signals, changing lists, going on from memory."""

import datetime as dt
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from schemas.criteria import load_catalogue
from schemas.frames import FrameHeader, make_batch
from schemas.hazards import Finding
from schemas.registry import Place, Sensor, Site
from schemas.terms import SHANGHAI, Quality, Verdict
from schemas.times import to_us
from streams.classify import Judgement, SiteCriteria
from streams.decode import Found, Frame, Record

S = "140402000123"
CATALOGUE = load_catalogue()
SITE = Site(site_id=S, name="示例煤矿", industry="coal")
PLACES = {
    p.place_id: p
    for p in (
        Place(
            place_id="face", site_id=S, name="3301综采工作面", kind="coal_face", area="3301", aliases=("3301工作面",)
        ),
        Place(place_id="return", site_id=S, name="3301回风巷", kind="coal_face_return", area="3301"),
        Place(place_id="shearer", site_id=S, name="3301采煤机", kind="shearer", area="3301"),
        Place(place_id="heading", site_id=S, name="3302掘进工作面", kind="heading_face", area="3302"),
        Place(place_id="slope", site_id=S, name="北帮边坡", kind="openpit_slope"),
        Place(place_id="mine", site_id=S, name="全矿", kind="site"),
        Place(place_id="freezer", site_id=S, name="冷库", kind="quick_freezer_room"),
    )
}


def sensor(sensor_id: str, place_id: str, signal: str, resolution: float = 0.01, **more: Any) -> Sensor:
    return Sensor(sensor_id=sensor_id, site_id=S, place_id=place_id, signal=signal, resolution=resolution, **more)


SENSORS = {
    s.sensor_id: s
    for s in (
        sensor("gas", "face", "ch4_pct"),
        sensor("gas2", "face", "ch4_pct"),
        sensor("return", "return", "ch4_pct"),
        sensor("machine", "shearer", "powered_work_on", 1),
        sensor("wind", "return", "wind_mps"),
        sensor("pressure", "return", ""),
        sensor("heading", "heading", "ch4_pct"),
        sensor("outage", "heading", "power_or_vent_outage", 1),
        sensor("burst", "heading", "drill_burst", 1),
        sensor("slope", "slope", "disp_acceleration_72h"),
    )
}
START = dt.datetime(2026, 7, 2, tzinfo=SHANGHAI)


def at(seconds: float, start: dt.datetime = START) -> dt.datetime:
    return start + dt.timedelta(seconds=seconds)


def frame(
    offset: int, *readings: tuple[str, float, float] | tuple[str, float, float, int], start: Any = START
) -> Frame:
    """(sensor, seconds from the start, value[, quality]) each."""
    batch = make_batch(
        [r[0] for r in readings],
        [to_us(at(r[1], start)) for r in readings],
        [r[2] for r in readings],
        [int(r[3]) if len(r) > 3 else 0 for r in readings],
    )
    return Frame(
        Record("log", "telemetry.frames", 0, offset, None, None), FrameHeader(S, f"f{offset}", "test", 0), batch
    )


def criteria(**changes: Any) -> SiteCriteria:
    return SiteCriteria(
        changes.get("site", SITE), changes.get("places", PLACES), changes.get("sensors", SENSORS), CATALOGUE,
        changes.get("memory"),
    )  # fmt: skip


def told(judgements: list[Judgement], clause_id: str = "COAL21-5-2") -> list[tuple[str, str]]:
    return [(j.verdict.value, j.phase) for j in judgements if j.clause and j.clause.id == clause_id]


def only(judgements: list[Judgement], clause_id: str = "COAL21-5-2") -> Judgement:
    (found,) = [j for j in judgements if j.clause and j.clause.id == clause_id]
    return found


# ---- spans of readings


def test_gas_over_the_limit_with_the_machine_on_begins_a_span_and_the_stop_ends_it() -> None:
    site = criteria()
    began = only(site.on_frame(frame(0, ("gas", 0, 1.0), ("machine", 0, 1))))
    assert (began.verdict, began.phase, began.place_id, began.occurred_at) == (Verdict.MAJOR, "began", "face", at(0))
    assert site.on_frame(frame(1, ("gas", 30, 1.3), ("machine", 30, 1))) == []
    ended = only(site.on_frame(frame(2, ("gas", 60, 1.2), ("machine", 60, 0))))
    (first,), (last,) = began.evidence, ended.evidence
    assert ended.phase == "ended" and first.evidence_id == last.evidence_id
    assert (last.began_at, last.ended_at, last.peak) == (at(0), at(60), 1.3)
    assert last.sensor_ids == ("gas", "machine")
    assert last.coordinates == ("log/telemetry.frames/0/0/0", "log/telemetry.frames/0/1/0")


def test_gas_over_the_limit_with_the_machine_off_is_no_hazard_until_it_starts() -> None:
    site = criteria()
    assert told(site.on_frame(frame(0, ("gas", 0, 1.4), ("machine", 0, 0)))) == []
    began = only(site.on_frame(frame(1, ("machine", 30, 1))))
    assert began.occurred_at == at(30) and began.evidence[0].coordinates == ("log/telemetry.frames/0/0/0",)


def test_just_below_the_limit_is_nothing_and_the_resolution_decides_what_is_below() -> None:
    site = criteria()
    assert site.on_frame(frame(0, ("gas", 0, 0.99), ("machine", 0, 1))) == []
    assert told(site.on_frame(frame(1, ("gas", 30, 0.9999999), ("machine", 30, 1)))) == [("major", "began")]


def test_readings_of_one_time_belong_together_whatever_their_order() -> None:
    for readings in ((("gas", 0, 1.2), ("machine", 0, 1)), (("machine", 0, 1), ("gas", 0, 1.2))):
        assert told(criteria().on_frame(frame(0, *readings))) == [("major", "began")]


def test_a_frame_of_many_times_is_read_in_time_order() -> None:
    readings = [
        ("gas", 60, 0.5),
        ("machine", 60, 1),
        ("gas", 30, 1.2),
        ("machine", 30, 1),
        ("gas", 0, 0.4),
        ("machine", 0, 1),
    ]
    judgements = criteria().on_frame(frame(0, *readings))
    assert told(judgements) == [("major", "began"), ("major", "ended")]
    assert [j.occurred_at for j in judgements if j.clause.id == "COAL21-5-2"] == [at(30), at(60)]


def test_a_machine_of_another_area_proves_nothing_here() -> None:
    assert told(criteria().on_frame(frame(0, ("heading", 0, 1.2), ("machine", 0, 1)))) == [("cannot_evaluate", "began")]


def test_late_readings_change_nothing() -> None:
    site = criteria()
    site.on_frame(frame(0, ("gas", 60, 0.5), ("machine", 60, 1)))
    assert site.on_frame(frame(1, ("gas", 30, 1.6), ("gas", 60, 1.6))) == []


def test_of_two_readings_with_one_time_the_first_counts() -> None:
    assert told(criteria().on_frame(frame(0, ("machine", 0, 1), ("gas", 0, 0.5), ("gas", 0, 1.6)))) == []


def test_a_missing_machine_state_cannot_be_evaluated_and_is_said_once() -> None:
    site = criteria()
    judgement = only(site.on_frame(frame(0, ("gas", 0, 1.2))))
    assert (judgement.verdict, judgement.missing) == (Verdict.CANNOT_EVALUATE, ("powered_work_on",))
    assert "powered_work_on" in judgement.why and "正在用电作业" in judgement.why_zh
    assert told(site.on_frame(frame(1, ("gas", 30, 1.3)))) == []
    assert told(site.on_frame(frame(2, ("gas", 60, 0.5)))) == []
    assert told(site.on_frame(frame(3, ("gas", 90, 1.3)))) == [("cannot_evaluate", "began")]


def test_once_the_machine_state_is_seen_the_rule_decides() -> None:
    site = criteria()
    site.on_frame(frame(0, ("gas", 0, 1.2)))
    assert told(site.on_frame(frame(1, ("machine", 30, 1)))) == [("major", "began")]


@pytest.mark.parametrize("quality", [Quality.CALIBRATING, Quality.SENSOR_FAULT, Quality.OVER_RANGE, Quality.NOT_POLLED])
def test_an_unusable_reading_is_missing_not_normal(quality: Quality) -> None:
    site = criteria()
    assert site.on_frame(frame(0, ("gas", 0, 3.9, quality), ("machine", 0, 1))) == []
    site.on_frame(frame(1, ("gas", 30, 1.2), ("machine", 30, 1)))
    # a blind sensor neither holds nor refutes: the span stays open
    assert told(site.on_frame(frame(2, ("gas", 60, 0.0, quality), ("machine", 60, 1)))) == []
    assert told(site.on_frame(frame(3, ("gas", 90, float("nan")), ("machine", 90, 1)))) == []
    assert told(site.on_frame(frame(4, ("gas", 120, 0.5), ("machine", 120, 1)))) == [("major", "ended")]


def test_an_unusable_machine_state_makes_the_rule_undecidable() -> None:
    judgements = criteria().on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1, Quality.STATION_FAULT)))
    assert told(judgements) == [("cannot_evaluate", "began")]


def test_a_machine_state_long_silent_is_no_longer_known() -> None:
    site = criteria()
    site.on_frame(frame(0, ("gas", 0, 0.5), ("machine", 0, 1)))
    assert told(site.on_frame(frame(1, ("gas", 299, 1.2)))) == [("major", "began")]
    other = criteria()
    other.on_frame(frame(0, ("gas", 0, 0.5), ("machine", 0, 1)))
    assert told(other.on_frame(frame(1, ("gas", 301, 1.2)))) == [("cannot_evaluate", "began")]


def test_two_sensors_at_one_place_make_one_span() -> None:
    site = criteria()
    assert told(site.on_frame(frame(0, ("gas", 0, 1.1), ("gas2", 0, 1.2), ("machine", 0, 1)))) == [("major", "began")]
    assert told(site.on_frame(frame(1, ("gas", 30, 0.5), ("gas2", 30, 1.2), ("machine", 30, 1)))) == []
    assert told(site.on_frame(frame(2, ("gas2", 60, 0.4)))) == [("major", "ended")]


def test_power_and_people_not_seen_are_named_though_the_rule_is_met() -> None:
    judgement = only(criteria().on_frame(frame(0, ("gas", 0, 1.5), ("machine", 0, 1))), "COAL21-5-4")
    assert (judgement.verdict, judgement.missing) == (Verdict.MAJOR, ("zone_power_live", "zone_headcount"))


def test_work_stopped_at_1_5_with_power_and_people_not_seen_ends_the_proof() -> None:
    site = criteria()
    site.on_frame(frame(0, ("gas", 0, 1.5), ("machine", 0, 1)))
    judgements = site.on_frame(frame(1, ("gas", 30, 1.6), ("machine", 30, 0)))
    assert told(judgements, "COAL21-5-4") == [("major", "ended"), ("cannot_evaluate", "began")]


def test_the_kind_of_place_decides_which_clause_applies() -> None:
    judgements = criteria().on_frame(frame(0, ("return", 0, 1.6), ("machine", 0, 1)))
    assert {j.clause.id for j in judgements if j.verdict is Verdict.MAJOR} == {"COAL21-5-1"}


def test_an_alarm_marked_by_the_site_s_own_system_was_raised() -> None:
    unmarked = criteria().on_frame(frame(0, ("gas", 0, 1.2)))
    assert told(unmarked, "COAL21-14-4") == [("cannot_evaluate", "began")]
    assert told(criteria().on_frame(frame(0, ("gas", 0, 1.2, Quality.ALARM))), "COAL21-14-4") == []


def test_the_list_of_the_day_judges_and_midnight_changes_it() -> None:
    site, eve = criteria(), dt.datetime(2026, 6, 30, 23, 59, 30, tzinfo=SHANGHAI)
    began = site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1), start=eve))
    assert [j.clause.id for j in began if j.verdict is Verdict.MAJOR] == ["COAL4-5-2"]
    turned = site.on_frame(frame(1, ("gas", 30, 1.2), ("machine", 30, 1), start=eve))
    assert told(turned, "COAL4-5-2") == [("major", "ended")]
    assert told(turned, "COAL21-5-2") == [("major", "began")]


def test_a_duration_runs_on_readings_alone() -> None:
    site = criteria()
    quiet = [("outage", 0.0, 0.0), ("burst", 0.0, 0.0)]
    site.on_frame(frame(0, *quiet, ("heading", 0, 2.9)))
    found = []
    for n in range(1, 25):
        part = [("heading", 30.0 * n, 3.1), ("outage", 30.0 * n, 0.0), ("burst", 30.0 * n, 0.0)]
        found += [(30 * n, *t) for t in told(site.on_frame(frame(n, *part)), "COAL21-5-8")]
    # true since 30 s, so more than 600 s at 660 s
    assert found == [(660, "major", "began")]


def test_a_dip_starts_the_duration_again() -> None:
    site = criteria()
    for n in range(40):
        value = 2.9 if n == 15 else 3.1
        part = [("heading", 30.0 * n, value), ("outage", 30.0 * n, 0.0), ("burst", 30.0 * n, 0.0)]
        judgements = told(site.on_frame(frame(n, *part)), "COAL21-5-8")
        assert judgements == ([("major", "began")] if n == 37 else []), n


def test_a_design_value_that_is_not_known_cannot_be_evaluated() -> None:
    places = {"dam": Place(place_id="dam", site_id=S, name="坝", kind="tailings_dam")}
    sensors = {"depth": sensor("depth", "dam", "phreatic_depth_m")}
    site = criteria(site=Site(site_id=S, industry="tailings"), places=places, sensors=sensors)
    judgement = only(site.on_frame(frame(0, ("depth", 0, 8.0))), "NC-TP7")
    assert (judgement.verdict, judgement.missing) == (Verdict.CANNOT_EVALUATE, ("control_depth_m",))
    known = {"dam": Place.parse({**places["dam"].model_dump(), "control_depth_m": 8.0})}
    site.configure(known, sensors, CATALOGUE)
    assert site.on_frame(frame(1, ("depth", 30, 8.0))) == []
    assert told(site.on_frame(frame(2, ("depth", 60, 7.99))), "NC-TP7") == [("major", "began")]


def test_site_wide_signals_reach_every_area() -> None:
    places = {
        "supply": Place(place_id="supply", site_id=S, name="变电所", kind="power_supply", area="电"),
        "mine": PLACES["mine"],
    }
    sensors = {
        "circuits": sensor("circuits", "supply", "circuits_healthy", 1),
        "producing": sensor("producing", "mine", "producing", 1),
    }
    site = criteria(places=places, sensors=sensors)
    assert told(site.on_frame(frame(0, ("circuits", 0, 1), ("producing", 0, 0))), "COAL21-16-3") == []
    assert told(site.on_frame(frame(1, ("producing", 30, 1))), "COAL21-16-3") == [("major", "began")]
    assert told(site.on_frame(frame(2, ("circuits", 60, 2))), "COAL21-16-3") == [("major", "ended")]


def test_sensors_without_signal_or_place_are_passed_over() -> None:
    assert criteria().on_frame(frame(0, ("pressure", 0, 1e9), ("wind", 0, 99.0))) == []
    assert criteria(places={}, sensors=SENSORS).on_frame(frame(0, ("gas", 0, 9.0), ("machine", 0, 1))) == []


def test_the_registry_may_change_while_a_span_is_open() -> None:
    site = criteria()
    began = only(site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1))))
    site.configure(PLACES, {**SENSORS, "new": sensor("new", "return", "co_ppm")}, CATALOGUE)
    ended = only(site.on_frame(frame(1, ("gas", 30, 0.4), ("machine", 30, 1), ("new", 30, 3.0))))
    assert ended.phase == "ended" and ended.evidence[0].evidence_id == began.evidence[0].evidence_id


# ---- the same from memory


def random_frames(seed: int) -> list[Frame]:
    """Frames of a few sensors wandering about the limits, some unusable, some late, some with several times."""
    chance = random.Random(seed)
    frames, clock = [], 0.0
    for offset in range(120):
        readings = []
        for _ in range(chance.choice((1, 1, 1, 3))):
            clock += chance.choice((10, 30, 30, 200, 400))
            late = chance.choice((0, 0, 0, 0, 250))
            for name in ("gas", "gas2", "return", "machine", "heading", "outage", "burst", "slope"):
                if chance.random() < 0.2:
                    continue
                value = round(chance.choice((0.4, 0.99, 1.0, 1.2, 1.49, 1.5, 1.7, 3.1, 3.1)), 2)
                if SENSORS[name].signal in ("powered_work_on", "power_or_vent_outage", "drill_burst"):
                    value = float(chance.random() < 0.4)
                quality = chance.choice((0, 0, 0, 0, 0, 1, 4, 128))
                readings.append((name, clock - late, value, quality))
        if readings:
            frames.append(frame(offset, *readings))
    return frames


@pytest.mark.parametrize("seed", range(6))
def test_a_site_rebuilt_from_its_memory_goes_on_exactly(seed: int) -> None:
    frames = random_frames(seed)
    whole = criteria()
    expected = [j for f in frames for j in whole.on_frame(f)]
    assert len(expected) > 20
    chance = random.Random(seed + 100)
    site, found = criteria(), []
    for each in frames:
        found += site.on_frame(each)
        if chance.random() < 0.3:
            site = criteria(memory=orjson.loads(orjson.dumps(site.memory())))
    assert found == expected
    assert orjson.dumps(site.memory(), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        whole.memory(), option=orjson.OPT_SORT_KEYS
    )


@pytest.mark.parametrize("seed", range(4))
def test_many_times_in_one_frame_say_the_same_as_a_frame_for_each_time(seed: int) -> None:
    chance = random.Random(seed)
    rows = []
    for n in range(300):
        for name in ("gas", "machine", "return", "heading"):
            value = float(chance.random() < 0.5) if name == "machine" else chance.choice((0.2, 0.2, 0.2, 1.0, 1.6))
            rows.append((name, 30.0 * n, value))
    by_time = criteria()
    expected = [j for n in range(300) for j in by_time.on_frame(frame(n, *rows[4 * n : 4 * n + 4]))]
    together = criteria().on_frame(frame(0, *rows))
    facts = lambda js: [(j.clause.id, j.verdict, j.phase, j.occurred_at, j.missing, j.evidence[0].peak) for j in js]  # noqa: E731
    assert facts(together) == facts(expected) and len(expected) > 50


# ---- the real longwall


COLUMNS = {"gas": "MM116", "return": "MM31", "wind": "AS038", "machine": "PD"}


def longwall() -> Iterator[Frame]:
    path = Path(__file__).resolve().parents[2] / "shared" / "data" / "coal_methane_emag" / "methane_30s.parquet"
    if not path.exists():
        reason = f"the real longwall series is not at {path}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    table = pq.read_table(path, columns=list(COLUMNS.values())).to_pydict()
    rows = list(zip(*table.values(), strict=True))
    for first in range(0, len(rows), 20):  # a frame of ten minutes
        readings: list[tuple[str, float, float]] = []
        for n, values in enumerate(rows[first : first + 20], start=first):
            readings += [(name, 30.0 * n, value) for name, value in zip(COLUMNS, values, strict=True)]
        yield frame(first, *readings)


def test_the_real_longwall_gives_271_and_20_spans_and_none_with_production_off() -> None:
    site, counts, on = criteria(), Counter[tuple[str, str, str]](), {}
    for each in longwall():
        for name, when, value, _ in zip(*(column.to_pylist() for column in each.batch.columns), strict=True):
            if name == "machine":
                on[when] = value == 1
        for judgement in site.on_frame(each):
            counts[judgement.clause.id, judgement.verdict.value, judgement.phase] += 1
            if judgement.verdict is Verdict.MAJOR and judgement.phase == "began":
                assert on[judgement.occurred_at], judgement
                assert judgement.evidence[0].sensor_ids == ("gas", "machine")
    assert counts["COAL21-5-2", "major", "began"] == 271
    assert counts["COAL21-5-4", "major", "began"] == 20
    assert counts["COAL21-5-4", "cannot_evaluate", "began"] == 7
    assert {clause for clause, verdict, _ in counts if verdict == "major"} == {"COAL21-5-2", "COAL21-5-4"}


# ---- findings


def finding(**more: Any) -> Found:
    content = {
        "finding_id": "F-1", "site_id": S, "industry": "coal", "found_at": "2026-07-01T08:00:00+08:00",
        "received_at": "2026-07-01T09:00:00+08:00", "text": "现场检查发现问题", "place": "3301综采工作面", **more,
    }  # fmt: skip
    return Found(Record("log", "inspection.findings", 0, 7, None, None), Finding.parse(content))


def judged(**more: Any) -> Judgement:
    (found,) = criteria().on_finding(finding(**more))
    return found


EVE = "2026-06-30T23:59:00+08:00"


def test_a_valid_reference_is_the_inspector_s_claim() -> None:
    judgement = judged(criterion_ref="煤矿重大事故隐患判定标准第八条第二项")
    assert (judgement.verdict, judgement.clause.id, judgement.phase) == (Verdict.MAJOR, "COAL21-8-2", "finding")
    assert judgement.evidence[0].evidence_id == "F-1" and judgement.place_id == "face"
    assert "COAL21" not in judgement.why_zh and "应急管理部令第21号" in judgement.why_zh


def test_the_same_words_the_day_before_mean_the_earlier_list() -> None:
    judgement = judged(criterion_ref="煤矿重大事故隐患判定标准第八条第二项", found_at=EVE)
    assert (judgement.clause.id, judgement.clause.document_id) == ("COAL4-8-2", "MEM4")


def test_a_superseded_reference_needs_review_and_names_the_successor() -> None:
    judgement = judged(criterion_ref="应急管理部令第4号第八条第二项")
    assert judgement.verdict is Verdict.NEEDS_REVIEW and judgement.clause is None
    assert [c["criterion_id"] for c in judgement.candidates] == ["COAL21-8-2"]
    assert "no longer in force" in judgement.why and "被新标准取代" in judgement.why_zh


def test_a_reference_to_a_list_not_yet_in_force_needs_review() -> None:
    judgement = judged(criterion_ref="应急管理部令第21号第十四条第六项", found_at=EVE)
    assert judgement.verdict is Verdict.NEEDS_REVIEW
    assert [c["criterion_id"] for c in judgement.candidates] == ["COAL4-7-2"]


def test_a_reference_nobody_knows_needs_review() -> None:
    assert judged(criterion_ref="见附件三").verdict is Verdict.NEEDS_REVIEW


def test_a_low_confidence_clause_can_only_be_reviewed() -> None:
    low = next(c for c in CATALOGUE.clauses.values() if c.confidence == "low")
    judgement = judged(criterion_ref=low.id, industry=low.industry)
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NEEDS_REVIEW, low.id)


def test_facts_that_meet_a_rule_are_major_under_the_list_of_the_day() -> None:
    facts = {"element": "catalytic", "days_since_cal": 16}
    assert judged(facts=facts).clause.id == "COAL21-14-6"
    assert judged(facts=facts, found_at=EVE).clause.id == "COAL4-7-2"
    assert judged(facts=facts).verdict is Verdict.MAJOR


def test_facts_on_the_right_side_of_the_limit_are_no_hazard_of_that_clause() -> None:
    judgement = judged(facts={"element": "catalytic", "days_since_cal": 15}, text="qqq")
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NONE, "COAL21-14-6")


def test_a_missing_fact_is_named() -> None:
    judgement = judged(facts={"days_since_cal": 40}, text="瓦斯传感器40天未调校")
    assert (judgement.verdict, judgement.missing) == (Verdict.CANNOT_EVALUATE, ("element",))
    assert judgement.candidates[0]["criterion_id"] == "COAL21-14-6"


def test_facts_may_meet_several_clauses() -> None:
    found = criteria().on_finding(finding(facts={"ch4_pct": 1.6, "powered_work_on": True}))
    assert [j.clause.id for j in found] == ["COAL21-5-2", "COAL21-5-4"]


def test_facts_at_a_known_place_are_judged_by_the_rules_of_that_kind_of_place() -> None:
    found = criteria().on_finding(finding(facts={"ch4_pct": 1.6, "work_on": True}, place="3301回风巷"))
    assert [j.clause.id for j in found] == ["COAL21-5-1"]


def test_the_words_of_a_place_tell_its_kind_where_the_registry_does_not() -> None:
    facts = {"ch4_pct": 1.2, "work_on": True, "powered_work_on": True}
    for place, clause_ids in (("3305综放工作面", ["COAL21-5-2"]), ("3305工作面回风顺槽", ["COAL21-5-1"])):
        assert [j.clause.id for j in criteria().on_finding(finding(facts=facts, place=place))] == clause_ids


def test_facts_that_fit_clauses_of_different_places_need_review() -> None:
    judgement = judged(facts={"ch4_pct": 1.2, "powered_work_on": True}, place="某处")
    assert (judgement.verdict, judgement.missing) == (Verdict.NEEDS_REVIEW, ("place",))
    assert {"COAL21-5-1", "COAL21-5-2"} <= {c["criterion_id"] for c in judgement.candidates}


def test_words_like_a_clause_that_the_facts_refute_are_no_hazard() -> None:
    judgement = judged(facts={"element": "catalytic", "days_since_cal": 12}, text="瓦斯传感器已12天未调校")
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NONE, "COAL21-14-6")


def test_an_unreadable_fact_is_missing_and_said() -> None:
    judgement = judged(facts={"element": "催化", "days_since_cal": 40})
    assert judgement.verdict is Verdict.CANNOT_EVALUATE and "element" in judgement.why


def test_text_gives_ranked_candidates_for_a_person() -> None:
    judgement = judged(text="矿井主扇只有一台，没有备用主要通风机")
    assert judgement.verdict is Verdict.NEEDS_REVIEW and judgement.clause is None
    scores = [c["score"] for c in judgement.candidates]
    assert judgement.candidates[0]["criterion_id"] == "COAL21-8-2" and scores == sorted(scores, reverse=True)


def test_text_like_nothing_needs_review_without_candidates() -> None:
    judgement = judged(text="zzz qqq")
    assert (judgement.verdict, judgement.candidates) == (Verdict.NEEDS_REVIEW, ())


@pytest.mark.parametrize(
    ("place", "place_id"),
    [
        ("3301综采工作面", "face"),
        ("３３０１ 综采工作面", "face"),
        ("3301工作面机尾", "face"),
        ("3301回风巷口", "return"),
    ],
)
def test_a_place_is_found_by_name_or_alias(place: str, place_id: str) -> None:
    assert judged(place=place).place_id == place_id


def test_an_unknown_place_has_a_stable_id_of_its_words() -> None:
    one, two, other = (judged(place=text) for text in ("西翼 变电所", "西翼变电所", "东翼变电所"))
    assert one.place_id == two.place_id != other.place_id and one.place == "西翼 变电所"


def test_a_finding_without_industry_takes_the_site_s() -> None:
    assert judged(industry="", criterion_ref="第八条第二项").clause.id == "COAL21-8-2"
