"""Readings judged at one site: spans, joins, missing signals, changing lists."""

import datetime as dt

import orjson
import pytest

from schemas.criteria import Catalogue
from schemas.registry import Place, Site
from schemas.terms import SHANGHAI, Quality, Verdict
from streams.classify import SiteCriteria
from tests.catalogue_topic import coal
from tests.coal_face import CATALOGUE, PLACES, SENSORS, SITE, S, at, criteria, frame, only, sensor, told


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


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e300, -1e300, float("nan")])
def test_an_absurd_value_is_missing(value: float) -> None:
    site = criteria()
    assert site.on_frame(frame(0, ("gas", 0, value), ("machine", 0, 1), ("slope", 0, value))) == []
    assert told(site.on_frame(frame(1, ("gas", 30, 1.2), ("machine", 30, value)))) == [("cannot_evaluate", "began")]


def test_an_empty_frame_and_unknown_sensors_say_nothing() -> None:
    site = criteria()
    assert site.on_frame(frame(0)) == [] and site.on_frame(frame(1, ("stranger", 0, 9.0))) == []
    assert told(site.on_frame(frame(2, ("stranger", 0, 9.0), ("gas", 0, 1.2), ("machine", 0, 1)))) == [
        ("major", "began")
    ]


def test_a_span_whose_sensor_leaves_the_registry_ends_with_the_next_reading() -> None:
    site = criteria()
    began = only(site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1))))
    left = {name: sensor for name, sensor in SENSORS.items() if not name.startswith("gas")}
    site.configure(PLACES, left, CATALOGUE)
    site = criteria(sensors=left, memory=orjson.loads(orjson.dumps(site.memory())))
    ended = only(site.on_frame(frame(1, ("machine", 30, 1))))
    assert (ended.phase, ended.occurred_at) == ("ended", at(30))
    assert ended.evidence[0].evidence_id == began.evidence[0].evidence_id
    assert site.on_frame(frame(2, ("machine", 60, 1))) == [] and site.memory()["watches"] == {}


def test_a_clause_on_trial_is_judged_but_only_for_review() -> None:
    trial = CATALOGUE.clauses["COAL21-5-2"].model_copy(update={"status": "trial"})
    catalogue = Catalogue(CATALOGUE.documents.values(), [trial])
    site = SiteCriteria(SITE, PLACES, SENSORS, catalogue)
    assert told(site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1)))) == [("needs_review", "began")]


def test_the_registry_may_change_while_a_span_is_open() -> None:
    site = criteria()
    began = only(site.on_frame(frame(0, ("gas", 0, 1.2), ("machine", 0, 1))))
    site.configure(PLACES, {**SENSORS, "new": sensor("new", "return", "co_ppm")}, CATALOGUE)
    ended = only(site.on_frame(frame(1, ("gas", 30, 0.4), ("machine", 30, 1), ("new", 30, 3.0))))
    assert ended.phase == "ended" and ended.evidence[0].evidence_id == began.evidence[0].evidence_id


GAS = {"q": "ch4_pct", "op": ">=", "v": 1.0}


def test_a_signal_that_has_gone_silent_can_be_asked_for() -> None:
    rule = {"all": [GAS, {"missing": "powered_work_on"}]}
    site = SiteCriteria(SITE, PLACES, SENSORS, coal(COAL21_5_2={"rule": rule}))
    assert told(site.on_frame(frame(0, ("gas", 0, 1.2)))) == [("cannot_evaluate", "began")]  # it has never spoken
    assert told(site.on_frame(frame(1, ("machine", 30, 1), ("gas", 30, 1.2)))) == []
    lost = frame(2, ("machine", 60, 1, Quality.STATION_FAULT), ("gas", 60, 1.2))
    assert told(site.on_frame(lost)) == [("major", "began")]
    assert told(site.on_frame(frame(3, ("machine", 90, 0), ("gas", 90, 1.2)))) == [("major", "ended")]


def test_a_trigger_counts_only_at_its_places() -> None:
    change = {"rule": GAS, "trigger": ({**GAS, "at": ["heading_face"]},), "places": ("coal_face", "heading_face")}
    site = SiteCriteria(SITE, PLACES, SENSORS, coal(COAL21_5_2=change))
    found = site.on_frame(frame(0, ("gas", 0, 1.4), ("heading", 0, 1.4)))
    assert [(j.place_id, j.phase) for j in found if j.clause.id == "COAL21-5-2"] == [("heading", "began")]


def test_an_air_speed_limit_is_that_of_the_kind_of_place() -> None:
    slow = {"q": "wind_mps", "op": "<", "v": "$wind.min"}
    change = {"rule": slow, "trigger": (slow,), "places": ("coal_face",)}
    sensors = {"wind": sensor("wind", "face", "wind_mps")}
    site = SiteCriteria(SITE, PLACES, sensors, coal(COAL21_5_2=change))
    assert told(site.on_frame(frame(0, ("wind", 0, 0.25)))) == []
    assert told(site.on_frame(frame(1, ("wind", 30, 0.24)))) == [("major", "began")]


def test_doors_of_a_crosscut_are_judged_with_the_gas_of_their_area() -> None:
    places = {
        **PLACES,
        "doors": Place(place_id="doors", site_id=S, name="联络巷风门", kind="crosscut_doors", area="3301"),
    }
    sensors = {
        **SENSORS,
        "doors": sensor("doors", "doors", "doors_open_count", 1),
        "turned": sensor("turned", "return", "airflow_reversed", 1),
    }
    site = criteria(places=places, sensors=sensors)
    readings = [("gas", 0, 1.2), ("gas2", 0, 0.4), ("return", 0, 0.6), ("machine", 0, 0), ("turned", 0, 1)]
    assert told(site.on_frame(frame(0, *readings)), "COAL21-8-10") == []
    began = only(site.on_frame(frame(1, ("doors", 30, 2))), "COAL21-8-10")
    assert (began.verdict, began.place_id) == (Verdict.MAJOR, "doors")
    assert {"doors", "gas", "turned"} <= set(began.evidence[0].sensor_ids)
    assert told(site.on_frame(frame(2, ("doors", 60, 1))), "COAL21-8-10") == [("major", "ended")]
