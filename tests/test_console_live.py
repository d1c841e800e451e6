import datetime as dt

import pytest

from console.live import Live
from console.picture import DONE_HAZARDS, EVIDENCE_PER_SUBJECT, Picture
from console.rows import Rows
from schemas.alarms import AlarmState
from schemas.events import SYSTEM, Event
from schemas.hazards import HazardRegistered, HazardStateRecord
from schemas.ids import alarm_id
from schemas.kpis import KpiRow
from schemas.registry import Place, Sensor, Site
from schemas.steps import Step
from schemas.terms import HazardState, Override, ProcessState, SignalCondition
from schemas.times import to_us
from tests.board_server import until
from tests.small_mine import ALARM, CH4, PLACE, SITE, START, SmallMine

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def alarm(state: ProcessState = ProcessState.UNACKNOWLEDGED, *, version: int = 1, step: int = 1, **more) -> AlarmState:
    return AlarmState(
        alarm_id=ALARM, site_id=SITE, sensor_id=CH4, rule_id="ch4_pct.high", process_state=state, version=version,
        step=step, changed_at=START, **more,
    )  # fmt: skip


def hazard(state: HazardState, n: int = 0, **more) -> HazardStateRecord:
    registered = HazardRegistered(found_at=START, source="iot", region="140402")
    return HazardStateRecord(
        hazard_id=f"h{n}", site_id=SITE, state=state, version=n + 1, found_at=START, registered=registered,
        changed_at=START, step=n + 1, **more,
    )  # fmt: skip


def event(kind: str, subject: str, cause: str, **data) -> Event:
    from schemas.events import EVENT_DATA

    return Event.of(
        kind, subject, SITE, EVENT_DATA[kind].model_validate(data), cause=cause, occurred_at=START, recorded_at=START,
        causes=(), actor=SYSTEM,
    )  # fmt: skip


def put(picture: Picture, topic: str, message, at: dt.datetime = NOON):
    return picture.apply(topic, message.encode(), to_us(at))


def test_an_alarm_comes_is_acknowledged_and_goes():
    picture = Picture()
    assert put(picture, "alarm.states", alarm()) == ("alarm", ALARM)
    assert picture.alarms[ALARM].process_state is ProcessState.UNACKNOWLEDGED
    put(picture, "alarm.states", alarm(ProcessState.ACKNOWLEDGED, version=2, step=2))
    assert Rows(picture).counts()["by_priority"] == {"P3": {"acknowledged": 1}}
    assert put(picture, "alarm.states", alarm(ProcessState.NORMAL, version=3, step=3)) == ("alarm", ALARM)
    assert picture.alarms == {}
    assert picture.version_of(ALARM) == 3


def test_a_normal_alarm_that_is_shelved_stays_on_the_board():
    picture = Picture()
    put(picture, "alarm.states", alarm(ProcessState.NORMAL, overrides=(Override.SHELVED,)))
    assert Rows(picture).counts()["overrides"] == {"shelved": 1}


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        (alarm(ProcessState.NORMAL, version=9, step=4), False),
        (alarm(ProcessState.NORMAL, version=4, step=5), False),
        (alarm(ProcessState.NORMAL, version=5, step=5), False),
        (alarm(ProcessState.NORMAL, version=6, step=5), True),
        (alarm(ProcessState.NORMAL, version=5, step=6), True),
    ],
)
def test_a_state_older_than_the_one_held_is_ignored(late, taken):
    picture = Picture()
    put(picture, "alarm.states", alarm(version=5, step=5))
    assert (put(picture, "alarm.states", late) is not None) == taken
    assert (ALARM not in picture.alarms) == taken


def test_what_does_not_fit_its_model_is_counted_and_changes_nothing():
    picture = Picture()
    assert picture.apply("alarm.states", b"{", 0) is None
    assert picture.apply("hazard.states", b'{"hazard_id": "h"}', 0) is None
    assert picture.apply("alarm.states", None, 0) is None
    assert (picture.refused, picture.alarms, picture.hazards) == (2, {}, {})


def test_closed_hazards_leave_memory_oldest_first_and_open_ones_stay():
    picture = Picture()
    put(picture, "hazard.states", hazard(HazardState.SUSPECTED, 0))
    for n in range(1, DONE_HAZARDS + 11):
        put(picture, "hazard.states", hazard(HazardState.CLOSED, n))
    assert len(picture.hazards) == DONE_HAZARDS + 1
    assert "h0" in picture.hazards
    assert "h10" not in picture.hazards
    assert "h11" in picture.hazards
    assert [row["id"] for row in Rows(picture).hazards()] == ["h0"]


def test_evidence_in_hundreds_does_not_push_out_what_people_did():
    picture = Picture()
    registered = event("hazard_registered", "h", "c", found_at=START, source="iot")
    put(picture, "hazard.events", registered)
    for n in range(300):
        put(picture, "hazard.events", event("hazard_suspected", "h", f"s{n}", criterion_id="COAL21-5-2", evidence=()))
    assert put(picture, "hazard.events", registered) is None
    kinds = [e.kind for e in picture.events_of("h")]
    assert kinds.count("hazard_registered") == 1
    assert kinds.count("hazard_suspected") == EVIDENCE_PER_SUBJECT


def test_a_verdict_is_found_by_the_evidence_it_judges():
    picture = Picture()
    given = event(
        "verdict_given", "v", "e1", verdict="major", catalogue_version="c", evidence_ids=("e1",), why="because"
    )
    put(picture, "criterion.verdicts", given)
    assert picture.verdicts["e1"].data["why"] == "because"


def test_the_newest_value_of_a_kpi_is_shown_and_none_is_not_zero():
    picture = Picture()
    for day, value in (("2026-11-22", 0.5), ("2026-11-23", 0.75), ("2026-11-21", 0.1)):
        row = KpiRow(kpi_id="K05", as_of=day, window=("2026-01-01", "2027-01-01"), num=1, den=2, value=value)
        put(picture, "kpi.values", row)
    cards = {card["kpi_id"]: card["row"] for card in Rows(picture).kpis()}
    assert cards["K05"]["value"] == 0.75
    assert cards["K07"] is None


def test_rows_name_sensor_place_site_region_and_unit():
    picture = Picture()
    site = Site(site_id=SITE, name="长平煤矿", name_en="Changping Mine", region="140402", simulated=True)
    place = Place(place_id=PLACE, site_id=SITE, name="3301综采面", kind="coal_face")
    sensor = Sensor(sensor_id=CH4, site_id=SITE, place_id=PLACE, name="T1", signal="ch4_pct", unit="%CH4")
    for topic, message in (("registry.sites", site), ("registry.places", place), ("registry.sensors", sensor)):
        put(picture, topic, message)
    put(picture, "alarm.states", alarm(value=1.2, limit=1.0))
    ((row,), matching) = Rows(picture).alarms()
    assert matching == 1
    wanted = {
        "site": "长平煤矿", "site_en": "Changping Mine", "region": "140402", "place": "3301综采面", "sensor": "T1",
        "unit": "%CH4", "signal": "ch4_pct", "side": "high", "simulated": True, "value": 1.2, "limit": 1.0,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert picture.simulated


def test_urgent_order_is_unacknowledged_then_priority_then_newest():
    picture = Picture()
    rows = [
        ("old-p1-acked", "P1", ProcessState.ACKNOWLEDGED, 0),
        ("p3-unack", "P3", ProcessState.UNACKNOWLEDGED, 3),
        ("p2-returned", "P2", ProcessState.RETURNED_UNACKNOWLEDGED, 1),
        ("p2-unack", "P2", ProcessState.UNACKNOWLEDGED, 2),
    ]
    for name, priority, state, minute in rows:
        raised = START + dt.timedelta(minutes=minute)
        put(
            picture,
            "alarm.states",
            alarm(state, priority=priority, raised_at=raised).model_copy(update={"alarm_id": name}),
        )
    order = {sort: [row["id"] for row in Rows(picture).alarms(sort=sort)[0]] for sort in ("newest", "urgent")}
    assert order["newest"] == ["p3-unack", "p2-unack", "p2-returned", "old-p1-acked"]
    assert order["urgent"] == ["p2-unack", "p2-returned", "p3-unack", "old-p1-acked"]
    top, matching = Rows(picture).alarms(limit=1, wanted=lambda row: row["priority"] == "P2")
    assert ([row["id"] for row in top], matching) == (["p2-unack"], 2)


def test_silence_is_never_all_is_well():
    live = Live("nowhere:1", now=lambda: NOON)
    assert live.stale() == "starting"
    live.tail.caught_up.set()
    assert live.stale() == "silent"
    step = Step(step=1, partition=0, now=START)
    put(live.picture, "processing.steps", step, NOON - dt.timedelta(seconds=14))
    assert (live.stale(), live.pulse()["stream_age_s"]) == (None, 14.0)
    assert live.stale(NOON + dt.timedelta(seconds=2)) == "old"
    live.tail.error = "gone"
    assert live.stale() == "broker"


def test_deadlines_follow_the_data_when_a_series_is_replayed():
    for data_clock, expected in ((False, NOON), (True, START)):
        live = Live("nowhere:1", data_clock=data_clock, now=lambda: NOON)
        put(live.picture, "processing.steps", Step(step=1, partition=0, now=START))
        assert live.data_now(NOON) == expected


def test_a_fresh_board_knows_states_registry_and_what_just_happened(broker):
    mine = SmallMine(broker.servers)
    mine.send("alarm.states", ALARM, alarm(version=1, step=1))
    mine.send("alarm.states", ALARM, alarm(ProcessState.ACKNOWLEDGED, version=2, step=2))
    raised = event("alarm_raised", ALARM, "f/0", rule_id="ch4_pct.high", sensor_id=CH4, occurrence_id="o",
                   began_at=START, value=1.2, limit=1.0, priority="P3")  # fmt: skip
    mine.send("alarm.events", SITE, raised)
    mine.step()
    mine.close()
    live = Live(broker.servers)
    live.tail.start()
    live._recent.start()
    try:
        assert live.tail.caught_up.wait(30)
        until(lambda: live.picture.events_of(ALARM))
        until(lambda: live.stale() is None)
        assert live.picture.alarms[ALARM].process_state is ProcessState.ACKNOWLEDGED
        assert live.picture.sites[SITE].name == "长平煤矿"
    finally:
        live.tail.stop()
        live._recent.join(10)


def test_a_sensor_that_cannot_be_seen_is_no_alarm_and_marks_its_alarms() -> None:
    picture = Picture()
    put(picture, "alarm.states", alarm(ProcessState.UNACKNOWLEDGED))
    rows = Rows(picture)
    (row,), _ = rows.alarms()
    assert row["condition"] == "good"
    key = alarm_id(row["site_id"], row["sensor_id"], "signal")
    seen = alarm(ProcessState.NORMAL, version=1, step=99)
    lost = seen.model_copy(
        update={"alarm_id": key, "rule_id": "signal", "signal": SignalCondition.LOST, "signal_since": START}
    )
    put(picture, "alarm.states", lost)
    (row,), matching = rows.alarms()
    assert (row["condition"], matching) == ("lost", 1)
    assert (rows.counts()["alarms"], rows.counts()["signals"]) == (1, {"lost": 1})
    assert [each["sensor_id"] for each in rows.signals()] == [row["sensor_id"]]
    put(picture, "alarm.states", lost.model_copy(update={"signal": SignalCondition.GOOD, "version": 9, "step": 100}))
    assert (rows.signals(), rows.counts()["signals"]) == ([], {})
