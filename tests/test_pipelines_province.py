import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from pipelines.happenings import Happenings, Links
from pipelines.past import history
from pipelines.province import LIVELY_DELAYS_S, facts, make_province
from pipelines.signals import Signals
from schemas.criteria import Catalogue
from schemas.deadletters import DeadLetter
from schemas.events import Event
from schemas.frames import FrameHeader, decode_frame
from schemas.hazards import HazardStateRecord
from schemas.registry import Sensor
from schemas.terms import SHANGHAI, Quality
from schemas.times import to_us
from schemas.topics import partition_of
from schemas.vocabulary import vocabulary
from streams.lifecycle import apply, major_at, open_at
from streams.reader import read_to_end

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=SHANGHAI)
NOW_US = to_us(NOW)


@pytest.fixture(scope="module")
def province():
    return make_province(2026, NOW_US)


@pytest.fixture(scope="module")
def lives(province):
    return list(history(province, Catalogue([], []), NOW))


def states_of(lives):
    states = []
    for events in lives:
        state = None
        for event in events:
            state = apply(state, event)
        states.append(state)
    return states


def test_a_province_has_eleven_cities_and_about_ten_thousand_sensors(province):
    assert len(province.sites) == 200
    assert 9_000 <= sum(1 for _ in province.sensors()) <= 11_000
    assert len({site.city for site in province.sites}) == 11
    assert all(site.site.region.startswith(site.city[:4]) for site in province.sites)
    ids = [each.sensor.sensor_id for each in province.sensors()]
    assert len(set(ids)) == len(ids)


def test_everything_says_that_it_is_simulated(province):
    assert all(
        site.site.simulated and "模拟" in site.site.name and "simulated" in site.site.name_en for site in province.sites
    )
    assert all("模拟" in department.name for department in province.departments)


def test_the_same_seed_gives_the_same_province_and_another_seed_another(province):
    assert make_province(2026, NOW_US) == province
    assert make_province(7, NOW_US).sites != province.sites


def test_names_of_signals_and_places_are_those_of_the_criteria(province):
    known = vocabulary()
    assert {each.sensor.signal for each in province.sensors()} - {""} <= set(known.signals)
    assert {place.kind for site in province.sites for place in site.places} <= set(known.places)
    assert set(facts()["industries"]) <= set(known.industries)
    for said in (*facts()["criteria"].items(), *facts()["findings"].items()):
        kinds = {place["kind"] for place in facts()["industries"][said[0]]["places"]}
        assert {row["kind"] for row in said[1]} <= kinds


def test_lively_sites_have_quick_rules_that_take_the_default_ones_place(province):
    rules = [rule for site in province.sites for rule in province.rules(site)]
    lively = {site.site.site_id for site in province.sites if site.lively}
    assert {rule.site_id for rule in rules} == lively
    assert {rule.on_delay_s for rule in rules} == set(LIVELY_DELAYS_S)
    assert all(rule.rule_id.endswith(".high") for rule in rules)


def test_methane_is_over_its_limit_from_the_first_second(province):
    readings = Signals(province).step(1.0)
    methane = np.array([each.sensor.signal == "ch4_pct" for each in province.sensors()])
    over = (readings.quality & Quality.ALARM) > 0
    assert 3 <= (over & methane).sum() <= 20


def test_readings_stay_in_range_and_at_their_resolution(province):
    signals = Signals(province)
    sensors = [each.sensor for each in province.sensors()]
    low = np.array([sensor.range_low for sensor in sensors])
    high = np.array([sensor.range_high for sensor in sensors])
    step = np.array([sensor.resolution for sensor in sensors])
    for _ in range(60):
        values = signals.step(1.0, pace=20).values
        assert np.isfinite(values).all()
        assert (values >= low).all()
        assert (values <= high).all()
        assert np.allclose(values / step, np.round(values / step))


def test_only_careless_mines_cut_coal_over_the_limit(province):
    signals = Signals(province)
    rows = [(site.careless, each) for site in province.sites for each in site.sensors]
    working_over = Counter()
    for _ in range(120):
        values = signals.step(1.0, pace=20).values
        on, over = set(), set()
        for (careless, each), value in zip(rows, values, strict=True):
            where = (each.sensor.site_id, each.area, careless)
            if each.sensor.signal == "powered_work_on" and value:
                on.add(where)
            if each.sensor.signal == "ch4_pct" and each.area and value >= 1.0:
                over.add(where)
        working_over.update(careless for _, _, careless in on & over)
    assert working_over[True] > 0
    assert working_over[False] == 0


def test_upstream_alarms_end_and_findings_come(province):
    happenings = Happenings(province)
    alarms, findings = [], []
    for second in range(600):
        at = NOW_US + second * 1_000_000
        alarms += happenings.alarms(at, 1.0)
        findings += happenings.findings(at, 1.0)
    ended = {alarm.upstream_alarm_id for alarm in alarms if alarm.ended_at}
    begun = [alarm.upstream_alarm_id for alarm in alarms if not alarm.ended_at]
    assert len(begun) == len(set(begun)) > 20
    assert ended <= set(begun)
    assert len(ended) > 10
    assert len({finding.finding_id for finding in findings}) == len(findings) > 60
    assert all("模拟" in finding.text and finding.found_at < finding.received_at for finding in findings)


def test_a_link_that_dropped_out_comes_back_once():
    links = Links({})
    links.drop({"S": 10.0}, 5.0)
    links.drop({"S": 99.0}, 6.0)
    assert links.down("S")
    assert links.back(14.9) == []
    assert links.back(15.0) == ["S"]
    assert not links.down("S")
    assert links.back(16.0) == []


def test_history_is_consistent_imported_and_in_order(lives):
    assert len(lives) > 800
    ids = [event.event_id for events in lives for event in events]
    assert len(set(ids)) == len(ids)
    for events in lives:
        assert events[0].kind == "hazard_registered"
        assert len({event.subject_id for event in events}) == 1
        assert all(event.imported and event.recorded_at >= event.occurred_at for event in events)
        assert all(one.occurred_at <= other.occurred_at for one, other in pairwise(events))
        assert all(event.occurred_at <= NOW for event in events)
        assert all(type(event.typed_data()).__name__ for event in events)


def test_each_clause_was_in_force_when_it_was_cited(lives):
    clauses = {clause["id"]: clause for rows in facts()["criteria"].values() for clause in rows}
    for events in lives:
        found = events[0].data["found_at"]
        day = dt.datetime.fromisoformat(found).astimezone(SHANGHAI).date().isoformat()
        for event in events:
            if event.kind == "hazard_judged":
                clause = clauses[event.data["criterion_id"]]
                assert clause.get("from", "") <= day <= clause.get("until", "9999")


def test_a_later_day_tells_the_same_past_and_more(province, lives):
    earlier = list(history(province, Catalogue([], []), NOW - dt.timedelta(days=400)))
    told = {event.event_id: event for events in lives for event in events}
    again = [event for events in earlier for event in events]
    assert len(again) < len(told)
    assert all(told[event.event_id] == event for event in again)


def test_the_cohorts_make_the_kpis_move(lives):
    states = states_of(lives)

    def share_cleared(when, before):
        among = [s for s in states if s.found_at < min(when, before) and major_at(s, when)]
        return sum(not open_at(s, when) for s in among) / len(among)

    ends = [dt.datetime(year, 1, 1, tzinfo=SHANGHAI) for year in (2024, 2025, 2026)]
    stock = [share_cleared(when, ends[0]) for when in ends]
    assert stock[0] < 0.7 < stock[1] <= 1
    everything = [share_cleared(when, when) for when in [*ends, NOW]]
    assert everything == sorted(everything)
    overdue = [s for s in states if major_at(s, NOW) and open_at(s, NOW) and s.due and s.due < NOW]
    assert 5 < len(overdue) < 100
    assert any(s.cycle > 1 for s in states)


def test_the_simulator_feeds_every_topic_tells_its_history_once_and_ends_when_told(broker):
    command = [sys.executable, "-m", "pipelines.simulate", "--sites", "20", "--speed", "30"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as running:
        try:
            for _ in range(240):
                time.sleep(0.5)
                seen = Counter(
                    r.topic
                    for r in read_to_end(
                        broker.servers, ["hazard.states", "telemetry.frames", "inspection.findings", "device.alarms"]
                    )
                )
                if len(seen) == 4 and seen["hazard.states"] > 30:
                    break
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 0
    subprocess.run([*command, "--no-live"], check=True, capture_output=True)
    sensors = {r.key.decode(): r.offset for r in read_to_end(broker.servers, ["registry.sensors"])}
    for record in read_to_end(broker.servers, ["telemetry.frames"]):
        header, batch = FrameHeader.decode(record.headers), decode_frame(record.value)
        assert record.partition == partition_of(header.site_id)
        assert 0 <= header.registry_offset <= max(sensors.values())
        assert set(batch.column(0).dictionary.to_pylist()) <= set(sensors)
    events = [Event.parse(r.value) for r in read_to_end(broker.servers, ["hazard.events"])]
    states = [HazardStateRecord.parse(r.value) for r in read_to_end(broker.servers, ["hazard.states"])]
    assert len({event.event_id for event in events}) == len(events)
    assert len({state.hazard_id for state in states}) == len(states) > 800
    assert Counter(event.subject_id for event in events) == Counter({s.hazard_id: s.version for s in states})
    assert [DeadLetter.decode(r.headers) for r in read_to_end(broker.servers, ["dead.letters"])] == []
    assert all(
        Sensor.parse(r.value).site_id.startswith("SIM-") for r in read_to_end(broker.servers, ["registry.sensors"])
    )
