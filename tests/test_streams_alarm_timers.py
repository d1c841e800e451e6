"""What an alarm does by itself: escalation by limit and by duration, time-outs, re-alarm, stale, chatter."""

import pytest

from schemas.ids import alarm_id
from schemas.terms import Priority, ProcessState
from tests.alarm_bench import SITE, ask, brief, engine, frame, reborn, rule, us

KEY = alarm_id(SITE, "T1", "ch4_pct.high")
HH = {"level": "HH", "limit": 1.5, "priority": "P1"}
HHH = {"level": "HHH", "limit": 2.0, "priority": "P1"}
LONG = {"level": "long", "after_s": 1800, "priority": "P2"}


def tick(alarms, seconds):
    return alarms.on_tick(us(seconds), caught_up=False)


def state_of(alarms):
    return {state.alarm_id: state for state in alarms.take_changed(1)}[KEY]


# name, rule, readings (seconds, value), events
STEPS = [
    ("beyond HH at once: raised, then escalated", {}, [(0, 1.6)], [("raised", 0), ("escalated", 0)]),
    ("two steps in one row are two events", {"escalations": (HH, HHH)}, [(0, 2.1)],
     [("raised", 0), ("escalated", 0), ("escalated", 0)]),
    ("at HH", {}, [(0, 1.2), (30, 1.49), (60, 1.5)], [("raised", 0), ("escalated", 60)]),
    ("back below HH less the deadband", {"deadband": 0.05}, [(0, 1.6), (30, 1.45), (60, 1.44)],
     [("raised", 0), ("escalated", 0), ("deescalated", 60)]),
    ("the on-delay holds for HH too", {"on_delay_s": 60}, [(0, 1.2), (60, 1.6), (90, 1.6), (119, 1.6), (120, 1.6)],
     [("raised", 60), ("escalated", 120)]),
    ("beyond HH during the on-delay counts", {"on_delay_s": 60}, [(0, 1.6), (60, 1.6)],
     [("raised", 60), ("escalated", 60)]),
    ("the off-delay holds for HH too", {"off_delay_s": 60}, [(0, 1.6), (30, 1.2), (89, 1.2), (90, 1.2)],
     [("raised", 0), ("escalated", 0), ("deescalated", 90)]),
    ("a return ends every step", {}, [(0, 1.6), (30, 0.4), (300, 1.2)],
     [("raised", 0), ("escalated", 0), ("returned", 30), ("raised", 300)]),
    ("low alarms escalate downwards", {"direction": "low", "limit": 0.5, "escalations": ({**HH, "limit": 0.2},)},
     [(0, 0.4), (30, 0.2), (60, 0.3)], [("raised", 0), ("escalated", 30), ("deescalated", 60)]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "readings", "expected"), [c[1:] for c in STEPS], ids=[c[0] for c in STEPS])
@pytest.mark.parametrize("whole", [True, False])
def test_escalation_by_limit(given, readings, expected, whole):
    it = rule(**{"escalations": (HH,), **given})
    alarms, states = engine([it]), {}
    if whole:
        events = alarms.on_frame(frame(readings))
    else:
        events = []
        for n, reading in enumerate(readings):
            events += alarms.on_frame(frame([reading], n))
            alarms = reborn(alarms, [it], states)
    assert brief(events) == expected
    assert len({event.event_id for event in events}) == len(events)


def test_an_escalation_keeps_the_occurrence_and_asks_for_a_new_acknowledgement():
    alarms = engine([rule(escalations=(HH,), priority="P2")])
    (raised,) = alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("acknowledge", KEY, 1, at=5))
    (up,) = alarms.on_frame(frame([(30, 1.6)], 1))
    assert up.data["occurrence_id"] == raised.data["occurrence_id"]
    assert (up.data["level"], up.data["priority"], up.data["previous_priority"]) == ("HH", "P1", "P2")
    assert (up.data["reason"], up.data["limit"]) == ("limit", 1.5)
    state = state_of(alarms)
    assert (state.process_state, state.priority, state.limit) == (ProcessState.UNACKNOWLEDGED, Priority.P1, 1.5)
    (down,) = alarms.on_frame(frame([(60, 1.2)], 2))
    state = state_of(alarms)
    assert (down.kind, state.priority, state.limit) == ("alarm_deescalated", Priority.P2, 1.0)


def test_standing_long_escalates_whoever_notices_it():
    by_tick, by_reading = (engine([rule(escalations=(LONG,))]) for _ in range(2))
    for alarms in (by_tick, by_reading):
        alarms.on_frame(frame([(0, 1.2)]))
    (one,) = tick(by_tick, 1801)
    other, *_ = by_reading.on_frame(frame([(9999, 0.4)], 1))
    assert (one.event_id, one.occurred_at) == (other.event_id, other.occurred_at)
    assert (one.kind, one.data["reason"], one.data["level"]) == ("alarm_escalated", "duration", "long")
    assert tick(by_tick, 5000) == []
    short = engine([rule(escalations=(LONG,))])
    assert brief(short.on_frame(frame([(0, 1.2), (1799, 0.4)]))) == [("raised", 0), ("returned", 1799)]


def test_not_acknowledged_in_time_becomes_more_urgent_once():
    alarms = engine([rule(ack_timeout_s=300, priority="P3")])
    alarms.on_frame(frame([(0, 1.2)]))
    assert tick(alarms, 299) == []
    (late,) = tick(alarms, 301)
    assert (late.kind, late.data["reason"], late.data["priority"]) == ("alarm_escalated", "not_acknowledged", "P2")
    assert state_of(alarms).overdue
    assert tick(alarms, 3000) == []


def test_an_acknowledgement_in_time_stops_the_clock():
    alarms = engine([rule(ack_timeout_s=300)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("acknowledge", KEY, 1, at=200))
    assert tick(alarms, 3000) == []


def test_a_standing_alarm_asks_again_after_the_re_alarm_time():
    alarms = engine([rule(re_alarm_s=3600)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("acknowledge", KEY, 1, at=100))
    (again,) = tick(alarms, 3800)
    assert (brief([again]), again.data["reason"]) == ([("unacknowledged", 3700)], "re_alarm")


def test_an_override_stops_the_clocks_that_ask_for_the_operator():
    from tests.alarm_bench import shanghai

    alarms = engine([rule(ack_timeout_s=300)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("shelve", KEY, 1, at=100, until=shanghai(1000), reason="x"))
    assert tick(alarms, 999) == []
    assert brief(tick(alarms, 1200)) == [("unshelved", 1000)]
    assert brief(tick(alarms, 1301)) == [("escalated", 1300)]


def test_a_day_is_stale_and_three_moves_in_a_minute_are_chatter():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2)]))
    assert brief(tick(alarms, 86_401)) == [("stale", 86_400)]
    assert tick(alarms, 90_000) == []
    moves = [(90_000, 0.4), (90_030, 1.2), (90_060, 0.4), (90_090, 1.2)]
    assert [kind for kind, _ in brief(alarms.on_frame(frame(moves, 1)))] == [
        "returned", "raised", "returned", "chatter_started", "raised",
    ]  # fmt: skip
    assert brief(tick(alarms, 90_689)) == []
    assert brief(tick(alarms, 90_691)) == [("chatter_ended", 90_690)]


def test_the_moves_just_too_far_apart_are_no_chatter():
    alarms = engine([rule()])
    events = alarms.on_frame(frame([(0, 1.2), (30, 0.4), (60.000001, 1.2)]))
    assert brief(events) == [("raised", 0), ("returned", 30), ("raised", 60.000001)]


# a rate's limit is in unit per minute over the last window_s; no rate before half the window
RATES = [
    ("0.5 in 5 minutes is 0.1 a minute", [(60 * n, 0.1 * n) for n in range(6)], [("raised", 180)]),
    ("just slower", [(60 * n, 0.099 * n) for n in range(6)], []),
    ("a jump is seen at once when half the window is there", [(0, 0.2), (60, 0.2), (120, 0.2), (180, 0.5)],
     [("raised", 180)]),
    ("falling is no rise", [(60 * n, 2 - 0.2 * n) for n in range(6)], []),
    ("it returns when it rises no longer", [*((60 * n, 0.1 * n) for n in range(6)), (600, 0.5), (660, 0.5)],
     [("raised", 180), ("returned", 600)]),
    ("an old reading is no reference", [(0, 0.0), (3600, 5.0)], []),
]  # fmt: skip


@pytest.mark.parametrize(("readings", "expected"), [c[1:] for c in RATES], ids=[c[0] for c in RATES])
@pytest.mark.parametrize("whole", [True, False])
def test_rate_of_change(readings, expected, whole):
    ours = rule(rule_id="ch4_pct.rise", kind="rate", limit=0.1, window_s=300)
    alarms, states, events = engine([ours]), {}, []
    for n, part in enumerate([readings] if whole else [[reading] for reading in readings]):
        events += alarms.on_frame(frame(part, n))
        alarms = reborn(alarms, [ours], states)
    assert brief(events) == expected
