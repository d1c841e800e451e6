"""The site's own alarms beside ours: they confirm each other, and a difference is a candidate for tampering."""

from schemas.ids import alarm_id
from tests.alarm_bench import SITE, engine, frame, reborn, rule, sensor, upstream, us

OURS, THEIRS = alarm_id(SITE, "T1", "ch4_pct.high"), alarm_id(SITE, "T1", "upstream.over_limit")


def states_of(alarms):
    return {state.alarm_id: state for state in alarms.take_changed(1)}


def reasons(events):
    return [(event.subject_id, event.data["reason"]) for event in events if event.kind == "tamper_suspected"]


def low(at, n, value=0.4):
    return frame([(at, value)], n)


def test_whoever_comes_second_confirms_the_first():
    ours_first, theirs_first = engine([rule()]), engine([rule()])
    ours_first.on_frame(frame([(0, 1.2)]))
    ours_first.on_upstream(upstream(10))
    theirs_first.on_upstream(upstream(0))
    theirs_first.on_frame(frame([(10, 1.2)]))
    for alarms in (ours_first, theirs_first):
        states = states_of(alarms)
        assert (states[OURS].confirmed_by, states[THEIRS].confirmed_by) == (THEIRS, OURS)
        assert alarms.on_tick(us(3000), caught_up=False) == []


def test_an_alarm_that_our_readings_do_not_show_is_suspect_after_five_of_them():
    alarms, states, found = engine([rule()]), {}, []
    found += alarms.on_upstream(upstream(0))
    for n, at in enumerate((-30, 0, 30, 60, 90, 120, 149)):
        found += alarms.on_frame(low(at, n))
        alarms = reborn(alarms, [rule()], states)
    assert reasons(found) == [(THEIRS, "not_in_readings")]
    assert alarms.on_frame(low(200, 9)) == []


def test_one_reading_beyond_the_limit_answers_the_doubt():
    alarms, found = engine([rule(on_delay_s=600)]), []
    alarms.on_upstream(upstream(0))
    for n, at in enumerate(range(30, 600, 30)):
        found += alarms.on_frame(low(at, n, 1.1 if n == 2 else 0.4))
    assert found == []


def test_an_alarm_that_ended_before_anything_was_read_is_not_judged():
    alarms, found = engine([rule()]), []
    alarms.on_upstream(upstream(0, 20))
    for n, at in enumerate(range(30, 600, 30)):
        found += alarms.on_frame(low(at, n))
    assert found == []


def test_what_the_sites_system_does_not_raise_is_suspect_only_where_it_has_raised_before():
    never, before = engine([rule()]), engine([rule()])
    before.on_upstream(upstream(-9000, -8000))
    states = {}
    for alarms in (never, before):
        alarms.on_frame(frame([(0, 1.2)]))
    assert never.on_tick(us(4000), caught_up=False) == []
    before = reborn(before, [rule()], states)
    assert before.on_tick(us(299), caught_up=False) == []
    assert reasons(before.on_tick(us(301), caught_up=False)) == [(OURS, "not_upstream")]
    assert before.on_tick(us(9000), caught_up=False) == []


def test_a_laxer_limit_of_the_sites_system_is_suspect_until_it_is_mended():
    alarms = engine([rule(escalations=({"level": "HH", "limit": 1.5, "priority": "P1"},))])
    assert reasons(alarms.on_upstream(upstream(0, 10, limit=1.0))) == []
    assert reasons(alarms.on_upstream(upstream(100, 110, limit=1.5))) == []  # the cut-off, a further limit of ours
    assert reasons(alarms.on_upstream(upstream(200, 210, limit=2.5))) == [(THEIRS, "limit_differs")]
    assert reasons(alarms.on_upstream(upstream(300, 310, limit=2.5))) == []
    alarms.on_upstream(upstream(400, 410, limit=1.0))
    assert reasons(alarms.on_upstream(upstream(500, 510, limit=2.5))) == [(THEIRS, "limit_differs")]


def test_a_limit_in_another_unit_is_no_other_limit():
    alarms = engine([rule()])
    assert reasons(alarms.on_upstream(upstream(0, 10, limit=10_000, unit="ppm"))) == []
    assert reasons(alarms.on_upstream(upstream(100, 110, limit=2.5, unit="％"))) == [(THEIRS, "limit_differs")]


def test_other_kinds_of_alarm_are_compared_with_nothing():
    alarms = engine([rule()], sensor())
    alarms.on_upstream(upstream(0, alarm_kind="fault"))
    assert [alarms.on_frame(low(30 * n, n)) for n in range(1, 9)] == [[]] * 8
