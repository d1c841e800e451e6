"""Sensors that cannot be seen: silent, ill, calibrating. Never an alarm, never normal."""

import pytest

from schemas.ids import alarm_id
from schemas.terms import Quality, SignalCondition
from tests.alarm_bench import SITE, brief, engine, frame, reborn, rule, sensor, us

SIGNAL = alarm_id(SITE, "T1", "signal")
TWO = (sensor("T1"), sensor("T2"))


def tick(alarms, seconds, **how):
    return alarms.on_tick(us(seconds), **how)


def both(at: float, n: int):
    return frame([(at, 0.4, 0, "T1"), (at, 0.4, 0, "T2")], n)


def test_a_sensor_that_falls_silent_beside_others_is_lost_at_the_moment_it_was_due():
    alarms = engine([rule()], *TWO)
    alarms.on_frame(both(0, 0))
    for n in range(1, 8):
        alarms.on_frame(frame([(30 * n, 0.4, 0, "T2")], n))
    # three periods, and the minute by which the site's readings may come late
    assert tick(alarms, 149) == []
    events = tick(alarms, 171)
    assert brief(events) == [("signal_lost", 150)]
    assert (events[0].subject_id, events[0].data["cause"]) == (SIGNAL, "silent")
    assert tick(alarms, 180) == []
    (state,) = [each for each in alarms.take_changed(1) if each.alarm_id == SIGNAL]
    assert (state.signal, state.rule_id, state.shown) == (SignalCondition.LOST, "signal", "normal")
    assert brief(alarms.on_frame(frame([(200, 0.4, 0, "T1")], 9))) == [("signal_restored", 200)]


def test_whoever_asks_later_is_told_the_same():
    early, late = engine([rule()], *TWO), engine([rule()], *TWO)
    for alarms in (early, late):
        alarms.on_frame(both(0, 0))
        for n in range(1, 20):
            alarms.on_frame(frame([(30 * n, 0.4, 0, "T2")], n))
            if alarms is early:
                tick(alarms, 30 * n + 1) if n < 5 else None
    one, other = tick(early, 571), tick(late, 572)
    assert [event.event_id for event in one] == [event.event_id for event in other]
    assert one[0].occurred_at == other[0].occurred_at


def test_a_backlog_of_ours_is_no_silence():
    alarms = engine([rule()], *TWO)
    alarms.on_frame(both(0, 0))
    assert tick(alarms, 3600, caught_up=False) == []
    assert brief(alarms.on_frame(frame([(30, 1.2)], 1))) == [("raised", 30)]


def test_a_site_that_falls_silent_is_told_once_and_silent_sensors_get_time_when_it_comes_back():
    alarms = engine([rule()], *(sensor(f"T{n}") for n in range(50)))
    alarms.on_frame(frame([(0, 0.4, 0, f"T{n}") for n in range(50)]))
    (lost,) = tick(alarms, 1000)
    assert (lost.kind, lost.data["sensor_id"], lost.data["sensors"]) == ("signal_lost", None, 50)
    assert tick(alarms, 2000) == []
    back = frame([(3000, 0.4, 0, f"T{n}") for n in range(49)], 1)
    assert brief(alarms.on_frame(back)) == [("signal_restored", 3000)]
    assert tick(alarms, 3010) == []
    alarms.on_frame(frame([(3100, 0.4, 0, f"T{n}") for n in range(49)], 2))
    assert [(event.kind, event.data["sensor_id"]) for event in tick(alarms, 3151)] == [("signal_lost", "T49")]


def test_silence_ends_no_alarm_and_a_lost_signal_raises_none():
    alarms = engine([rule()], *TWO)
    alarms.on_frame(frame([(0, 1.2, 0, "T1"), (0, 0.4, 0, "T2")]))
    assert [event.kind for event in tick(alarms, 5000)] == ["signal_lost"]
    states = {state.rule_id: state for state in alarms.take_changed(1)}
    assert states["ch4_pct.high"].process_state == "unacknowledged"


def test_a_site_that_sends_late_is_not_silent_meanwhile():
    alarms = engine([rule()], *TWO)
    late = frame([(t, 0.4, 0, name) for name in ("T1", "T2") for t in range(0, 300, 30)])
    late = type(late)(late.record, late.header.__class__(SITE, "f", "test", us(600)), late.batch)
    alarms.on_frame(late)
    assert tick(alarms, 270 + 90 + 599) == []
    assert brief(tick(alarms, 270 + 90 + 601)) == [("signal_lost", 270 + 90 + 600)]


def test_a_sensor_never_heard_is_not_lost():
    alarms = engine([rule()], *TWO)
    alarms.on_frame(frame([(0, 0.4, 0, "T2"), (3, 0.4, 0, "T2")]))
    assert {event.data["sensor_id"] for event in tick(alarms, 9999)} == {"T2"}


@pytest.mark.parametrize("bad", [(None, 0), (float("inf"), 0), (0.4, Quality.SENSOR_FAULT), (0.4, Quality.NOT_POLLED)])
def test_nothing_but_unusable_readings_is_an_ill_signal_after_three_periods(bad):
    alarms, events = engine([rule()]), []
    for n, at in enumerate((0, 30, 60, 89, 120)):
        events += alarms.on_frame(frame([(at, *bad)], n))
    assert brief(events) == [("signal_lost", 120)]
    assert events[0].data["cause"] == "ill"
    assert alarms.on_frame(frame([(150, *bad)], 8)) == []
    assert brief(alarms.on_frame(frame([(180, 0.4)], 9))) == [("signal_restored", 180)]


def test_one_good_reading_breaks_the_run():
    alarms, events = engine([rule()]), []
    for n, (at, value) in enumerate([(0, None), (60, None), (80, 0.4), (90, None), (150, None)]):
        events += alarms.on_frame(frame([(at, value)], n))
    assert events == []


def test_a_calibration_is_a_window_and_too_long_or_too_often_is_suspect():
    alarms, bit = engine([rule()]), Quality.CALIBRATING
    assert brief(alarms.on_frame(frame([(0, 2.0, bit), (30, 2.0, bit), (60, 0.4)]))) == [
        ("calibration_started", 0), ("calibration_ended", 60),
    ]  # fmt: skip
    alarms.on_frame(frame([(100, 2.0, bit)], 1))
    assert [(e.kind, e.data.get("reason")) for e in tick(alarms, 3702)][:1] == [
        ("tamper_suspected", "calibration_long")
    ]
    alarms.on_frame(frame([(3710, 0.4)], 2))
    events = []
    for n in range(3):
        events += alarms.on_frame(frame([(4000 + 200 * n, 2.0, bit), (4100 + 200 * n, 0.4)], 3 + n))
    assert [e.data["reason"] for e in events if e.kind == "tamper_suspected"] == ["calibration_frequent"]


def test_a_long_calibration_in_one_frame_is_suspect_too():
    alarms = engine([rule()])
    events = alarms.on_frame(frame([(0, 2.0, Quality.CALIBRATING), (7200, 0.4)]))
    assert brief(events) == [("calibration_started", 0), ("tamper_suspected", 3600), ("calibration_ended", 7200)]


def test_a_restart_in_the_middle_of_it_all_changes_nothing():
    rows = [(0, 0.4), (30, None), (60, None), (90, None), (130, None), (160, 0.4), (190, 2, Quality.CALIBRATING),
            (220, None), (330, 0.4), (360, 0.4)]  # fmt: skip
    whole, parts, states = engine([rule()]), engine([rule()]), {}
    expected, found = [], []
    for n, row in enumerate(rows):
        expected += whole.on_frame(frame([row], n))
        found += parts.on_frame(frame([row], n))
        parts = reborn(parts, [rule()], states)
        assert parts.memory() == whole.memory()
    assert [event.event_id for event in found] == [event.event_id for event in expected]
    assert brief(expected) == [
        ("signal_lost", 130), ("signal_restored", 160), ("calibration_started", 190), ("calibration_ended", 220),
    ]  # fmt: skip


def test_a_quick_sensor_is_not_lost_by_a_stutter():
    quick = sensor("T1", period_s=1), sensor("T2", period_s=1)
    alarms = engine([rule()], *quick)
    alarms.on_frame(both(0, 0))
    assert tick(alarms, 60 + 59) == []
    assert brief(tick(alarms, 60 + 61)) == [("signal_lost", 60 + 60)]
