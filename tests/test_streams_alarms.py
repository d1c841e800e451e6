import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from schemas.alarms import AlarmRule
from schemas.frames import FRAME_SCHEMA
from schemas.ids import alarm_id, event_id, occurrence_id
from schemas.model import Refused
from schemas.terms import UNUSABLE, Priority, ProcessState, Quality
from schemas.times import from_us
from tests.alarm_bench import SITE, brief, engine, frame, rule, sensor, told, us

KEY = alarm_id(SITE, "T1", "ch4_pct.high")
DELAYS = {"on_delay_s": 60, "off_delay_s": 60, "deadband": 0.05}
LOW = {"direction": "low", "limit": 0.25, "rule_id": "wind_mps.low", "deadband": 0.05}

# name, rule, readings (seconds, value[, quality]), events
CASES = [
    ("below the limit", {}, [(0, 0.99)], []),
    ("at the limit", {}, [(0, 1.0)], [("raised", 0)]),
    ("rounds up to the limit", {}, [(0, 0.996)], [("raised", 0)]),
    ("rounds down from the limit", {}, [(0, 0.994)], []),
    ("one microsecond short of the delay", DELAYS, [(0, 1), (59.999999, 1)], []),
    ("exactly at the delay", DELAYS, [(0, 1), (30, 1), (60, 1)], [("raised", 60)]),
    ("a reading inside breaks the delay", DELAYS, [(0, 1), (30, 0.99), (60, 1), (90, 1)], []),
    ("a gap proves as much as its two ends", DELAYS, [(0, 1), (3600, 1)], [("raised", 3600)]),
    ("no alarm from silence", DELAYS, [(0, 2)], []),
    ("at the deadband it stays", {"deadband": 0.05}, [(0, 1), (30, 0.95)], [("raised", 0)]),
    ("within the deadband it returns", {"deadband": 0.05}, [(0, 1), (30, 0.94)], [("raised", 0), ("returned", 30)]),
    ("no deadband: below the limit", {}, [(0, 1), (30, 0.99)], [("raised", 0), ("returned", 30)]),
    ("no deadband: at the limit it stays", {}, [(0, 1), (30, 1.0)], [("raised", 0)]),
    (
        "the off-delay starts anew",
        {"off_delay_s": 60},
        [(0, 1), (30, 0.9), (60, 1), (90, 0.9), (120, 0.9), (149, 0.9), (150, 0.9)],
        [("raised", 0), ("returned", 150)],
    ),
    ("in the deadband the off-delay stops", {**DELAYS, "on_delay_s": 0}, [(0, 1), (30, 0.9), (60, 0.97), (90, 0.9)],
     [("raised", 0)]),
    ("raised again after the return", {}, [(0, 1), (1, 0), (62, 1)], [("raised", 0), ("returned", 1), ("raised", 62)]),
    ("no value says nothing", DELAYS, [(0, 1), (30, None), (60, 1)], [("raised", 60)]),
    ("no value is no fulfilment", DELAYS, [(0, 1), (60, None)], []),
    ("no value does not end an alarm", {}, [(0, 1), (30, None), (60, 1)], [("raised", 0)]),
    ("infinite is no value", {}, [(0, float("inf"))], []),
    ("an alarm bit is no reason to doubt", {}, [(0, 1, Quality.ALARM | Quality.POWER_OFF)], [("raised", 0)]),
    *((f"{bit.name} raises nothing", {}, [(0, 4.0, bit)], []) for bit in UNUSABLE),
    *((f"{bit.name} ends nothing", {}, [(0, 1), (30, 0, bit)], [("raised", 0)]) for bit in UNUSABLE),
    ("equal times: the first counts", {}, [(0, 0.5), (0, 1.5)], []),
    ("in a frame time decides, not the row", DELAYS, [(60, 1), (0, 1), (30, 1)], [("raised", 60)]),
    ("low: at the limit", LOW, [(0, 0.25)], [("raised", 0)]),
    ("low: above the limit", LOW, [(0, 0.26)], []),
    ("low: at the deadband it stays", LOW, [(0, 0.2), (30, 0.3)], [("raised", 0)]),
    ("low: past the deadband it returns", LOW, [(0, 0.2), (30, 0.31)], [("raised", 0), ("returned", 30)]),
    ("zero is a limit like any other", {**LOW, "limit": 0, "deadband": 0}, [(0, -0.01), (1, 0.01)],
     [("raised", 0), ("returned", 1)]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "readings", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_delays_limits_and_deadbands_are_those_of_the_contract(given, readings, expected):
    together = engine([rule(**given)]).on_frame(frame(readings))
    assert brief([event for event in together if event.kind.startswith("alarm")]) == expected


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[0] != "in a frame time decides, not the row"], ids=lambda c: c[0]
)
def test_one_frame_per_reading_gives_the_same(case):
    _, given, readings, expected = case
    alarms = engine([rule(**given)])
    events = [event for n, reading in enumerate(readings) for event in alarms.on_frame(frame([reading], n))]
    assert brief([event for event in events if event.kind.startswith("alarm")]) == expected


@pytest.mark.parametrize(
    ("resolution", "limit", "deadband", "stays", "returns"),
    [(0.01, 0.3, 0.1, 0.2, 0.19), (0.1, 1.1, 0.3, 0.8, 0.7), (0.001, 1.005, 0.005, 1.0, 0.999), (1, 24, 5, 19, 18),
     (0.05, 1.0, 0.05, 0.95, 0.9)],
)  # fmt: skip
def test_binary_fractions_do_not_move_a_limit(resolution, limit, deadband, stays, returns):
    alarms = engine([rule(limit=limit, deadband=deadband)], sensor(resolution=resolution))
    assert brief(alarms.on_frame(frame([(0, limit), (1, stays), (2, returns)]))) == [("raised", 0), ("returned", 2)]
    beneath = engine([rule(limit=limit, deadband=deadband)], sensor(resolution=resolution))
    assert beneath.on_frame(frame([(0, limit - resolution)])) == []


def test_a_limit_between_two_steps_is_reached_by_the_step_beyond_it():
    alarms = engine([rule(limit=1.25)], sensor(resolution=0.1))
    assert brief(alarms.on_frame(frame([(0, 1.2), (1, 1.3)]))) == [("raised", 1)]


def test_a_sensor_without_a_registry_record_is_compared_finely():
    alarms = engine([rule(sensor_id="T9", limit=1.0)])
    assert brief(alarms.on_frame(frame([(0, 0.99999, 0, "T9"), (1, 1.0, 0, "T9")]))) == [("raised", 1)]


def test_a_registry_record_with_an_absurd_resolution_is_compared_finely_too():
    alarms = engine([rule()], sensor(resolution=float("inf")))
    assert brief(alarms.on_frame(frame([(0, 0.99999), (1, 1.0)]))) == [("raised", 1)]


@pytest.mark.parametrize("absurd", [float("nan"), float("inf"), "nan"])
def test_a_limit_that_is_no_number_is_no_rule(absurd):
    with pytest.raises(Refused, match=r"limit: .*finite"):
        AlarmRule.parse(rule().model_dump() | {"limit": absurd})


def test_an_event_says_what_was_raised_and_by_what():
    alarms = engine([rule(**DELAYS, priority="P1")])
    raised, returned = alarms.on_frame(
        frame([(0, 1.1), (30, 1.6), (60, 1.3), (90, 1.9), (120, 0.9), (180, 0.1)], n=4)
    )  # fmt: skip
    assert raised.subject_id == KEY
    assert raised.event_id == event_id(KEY, "alarm_raised", "frame-4/2")
    assert raised.causes == ("log/telemetry.frames/3/4/2",)
    assert raised.recorded_at == from_us(us(181))
    data = raised.typed_data()
    assert (data.rule_id, data.sensor_id, data.value, data.limit) == ("ch4_pct.high", "T1", 1.3, 1.0)
    assert (data.priority, data.began_at) == (Priority.P1, from_us(us(0)))
    assert data.occurrence_id == occurrence_id(KEY, from_us(us(0)))
    assert returned.data == {"occurrence_id": data.occurrence_id, "peak": 1.9, "duration_s": 180.0}


def test_the_peak_of_a_low_alarm_is_its_lowest_value_since_it_began():
    alarms = engine([rule(**LOW | {"on_delay_s": 30})])
    events = alarms.on_frame(frame([(0, 0.1), (30, 0.2), (60, 0.15), (90, 0.5)]))
    assert events[-1].typed_data().peak == 0.1


def test_rows_that_were_refused_before_keep_their_numbers():
    whole = frame([(0, 0.5), (30, 1.2)])
    part = type(whole)(whole.record, whole.header, whole.batch.slice(1), np.array([1]))
    (raised,) = engine([rule()]).on_frame(part)
    assert raised.causes == ("log/telemetry.frames/3/0/1",)


@pytest.mark.parametrize("newer", [None, 0.5])
def test_a_reading_not_newer_than_the_last_is_late_even_if_the_last_had_no_value(newer):
    alarms = engine([rule()])
    alarms.on_frame(frame([(60, newer)]))
    assert alarms.on_frame(frame([(30, 1.5), (60, 1.5)], 1)) == []
    assert brief(alarms.on_frame(frame([(30, 1.5), (60.000001, 1.5)], 2))) == [("raised", 60.000001)]


def test_the_same_frame_again_changes_nothing():
    alarms = engine([rule(**DELAYS)])
    first = frame([(0, 1), (60, 1)])
    assert len(alarms.on_frame(first)) == 1
    alarms.take_changed(1)
    before = alarms.memory()
    assert alarms.on_frame(first) == []
    assert (alarms.take_changed(2), alarms.memory()) == ([], before)


def test_unknown_sensors_are_passed_over_and_known_ones_beside_them_are_not():
    strangers = [(0, 9.0, 0, "X1"), (0, float("inf"), 0, "X2"), (0, None, 0, "X3")]
    events = engine([rule()]).on_frame(frame([*strangers, (0, 1.0), (0, 9.0, 0, "X1")]))
    assert [event.causes for event in events] == [("log/telemetry.frames/3/0/3",)]


def test_frames_with_other_dictionaries_are_told_apart():
    rules = [rule("A"), rule("B")]
    alarms = engine(rules, sensor("A"), sensor("B"))
    for n, (one, two) in enumerate([("A", "B"), ("A", "B"), ("B", "A"), ("C", "A")]):
        events = alarms.on_frame(frame([(n * 2, 1.0, 0, one), (n * 2, 0.5, 0, two)], n))
        assert {event.subject_id for event in events} <= {alarm_id(SITE, name, "ch4_pct.high") for name in "AB"}
        if n == 2:
            assert sorted(event.kind for event in events) == ["alarm_raised", "alarm_returned"]


def test_nulls_say_nothing():
    whole = frame([(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)])
    ids, times, values, quality = whole.batch.columns
    holes = [pa.array([True] * i + [None] + [True] * (3 - i)) for i in range(4)]
    torn = [pc.if_else(hole, column, None) for hole, column in zip(holes[1:], (times, values, quality), strict=True)]
    ids = pa.DictionaryArray.from_arrays(pa.array([None, 0, 0, 0], pa.int32()), ids.dictionary)
    batch = pa.record_batch([ids, *torn], schema=pa.schema([field.with_nullable(True) for field in FRAME_SCHEMA]))
    assert engine([rule()]).on_frame(type(whole)(whole.record, whole.header, batch)) == []


def test_an_empty_frame_is_no_trouble():
    assert engine([rule()]).on_frame(frame([])) == []


def test_two_limits_of_a_sensor_live_apart():
    rules = [rule(), rule(rule_id="ch4_pct.highhigh", limit=1.5), rule(rule_id="ch4_pct.low", direction="low", limit=0)]
    events = engine(rules).on_frame(frame([(0, 1.2), (1, 1.6), (2, 1.4), (3, 0), (4, 0.5)]))
    assert brief(events) == [
        ("raised", 0),
        ("raised", 1),
        ("returned", 2),
        ("returned", 3),
        ("raised", 3),
        ("returned", 4),
    ]


def test_states_follow_every_event_and_are_handed_out_once():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2), (1, 0.5)]))
    (state,) = alarms.take_changed(17)
    assert (state.process_state, state.version, state.step) == (ProcessState.RETURNED_UNACKNOWLEDGED, 2, 17)
    assert (state.peak, state.value, state.limit, state.unit) == (1.2, 0.5, 1.0, "%CH4")
    assert (state.raised_at, state.returned_at) == (from_us(us(0)), from_us(us(1)))
    assert alarms.take_changed(18) == []


def test_a_frame_of_many_sensors_marks_sensors_not_rows():
    names = [f"S{i:03d}" for i in range(300)]
    rules, sensors = [rule(name) for name in names], [sensor(name) for name in names]
    quiet = [(0, 0.4, 0, name) for name in names] + [(30, 0.4, 0, name) for name in names]
    over_and_back = [(10, 1.4, 0, "S007"), (20, 0.4, 0, "S007")]
    events = engine(rules, *sensors).on_frame(frame(quiet + over_and_back))
    assert brief(events) == [("raised", 10), ("returned", 20)]
    assert told(events) == told(engine([rule("S007")], sensor("S007")).on_frame(frame(quiet + over_and_back)))
