import re
from pathlib import Path

from schemas.ids import alarm_id, event_id
from schemas.terms import Override, Priority, ProcessState
from schemas.times import from_us
from streams.alarm_guards import GUARDS
from streams.alarm_page import PAGE, STATES, page
from streams.alarmtable import ACTIVE, LATCHING, OVERRIDES, TRANSITIONS, TRUE, Trigger, row_of
from streams.refusal import Refusal
from tests.alarm_bench import SITE, ask, brief, engine, frame, reborn, rule, sensor, upstream, us

ROOT = Path(__file__).parent.parent
KEY = alarm_id(SITE, "T1", "ch4_pct.high")


def test_the_table_is_that_of_the_standard():
    drawn = {
        "A": {"CONDITION_TRUE": "B"},
        "B": {
            "ACKNOWLEDGE": "C", "CONDITION_FALSE": "D", "MORE_SEVERE": "B", "LESS_SEVERE": "B", "NOT_ACKNOWLEDGED": "B",
        },
        "C": {
            "CONDITION_FALSE": "A", "UNACKNOWLEDGE": "B", "RE_ALARM": "B", "MORE_SEVERE": "B", "LESS_SEVERE": "C",
        },
        "D": {"ACKNOWLEDGE": "A", "CONDITION_TRUE": "B"},
        "L": {"RESET": "A", "CONDITION_TRUE": "B"},
    }  # fmt: skip
    names = ("normal", "unacknowledged", "acknowledged", "returned_unacknowledged", "latched")
    letter = dict(zip(names, "ABCDL", strict=True))
    table = {(letter[state], trigger.name): letter[to] for (state, trigger), (to, _) in TRANSITIONS.items()}
    assert table == {(state, trigger): to for state, row in drawn.items() for trigger, to in row.items()}
    latching = {(letter[state], trigger.name): letter[to] for (state, trigger), (to, _) in LATCHING.items()}
    assert latching == {("C", "CONDITION_FALSE"): "L", ("D", "ACKNOWLEDGE"): "L"}


def test_events_of_the_table_agree_with_its_states():
    for latches in (False, True):
        for state, trigger in TRANSITIONS:
            to, kinds = row_of(state, trigger, latches=latches)
            assert ("alarm_raised" in kinds) == (trigger is TRUE), state
            assert ("alarm_cleared" in kinds) == (to is ProcessState.NORMAL), state
            stands = state in ACTIVE and trigger is not Trigger.CONDITION_FALSE
            assert (to in ACTIVE) == (stands or trigger is TRUE), state


def test_acknowledged_then_returned_clears():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2)]))
    assert brief(alarms.on_command(ask("acknowledge", KEY, 1, at=5, comment="去看"))) == [("acknowledged", 5)]
    assert brief(alarms.on_frame(frame([(10, 0.1)], 1))) == [("returned", 10), ("cleared", 10)]
    (state,) = alarms.take_changed(1)
    assert (state.process_state, state.version, state.acknowledged_by) == (ProcessState.NORMAL, 4, "zhang")


def test_returned_then_acknowledged_clears_and_the_next_raise_is_a_new_occurrence():
    alarms = engine([rule()])
    first = alarms.on_frame(frame([(0, 1.2), (10, 0.1)]))
    events = alarms.on_command(ask("acknowledge", KEY, 2, at=15, comment="去看", seen_by="zhang"))
    assert brief(events) == [("acknowledged", 15), ("cleared", 15)]
    assert events[0].data == {"occurrence_id": first[0].data["occurrence_id"], "comment": "去看", "seen_by": "zhang"}
    assert (events[0].actor.id, events[0].causes) == ("zhang", ("log/commands/3/7",))
    (again,) = alarms.on_frame(frame([(90, 1.0)], 1))
    assert again.data["occurrence_id"] != first[0].data["occurrence_id"]
    (state,) = alarms.take_changed(1)
    assert (state.process_state, state.acknowledged_at, state.returned_at) == (ProcessState.UNACKNOWLEDGED, None, None)


def test_an_acknowledgement_of_what_nobody_has_seen_is_refused():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2), (10, 0.1), (90, 1.2)]))
    refused = alarms.on_command(ask("acknowledge", KEY, seen=1, at=91))
    assert isinstance(refused, Refusal)
    assert refused.guard == "stale_version"
    assert "now 3" in refused.reason
    assert "unacknowledged" in refused.reason
    assert from_us(us(90)).isoformat() in refused.reason


def test_refusals_name_their_guard():
    alarms = engine([rule()])
    assert alarms.on_command(ask("acknowledge", "no such id")).guard == "not_found"
    assert alarms.on_command(ask("acknowledge", KEY, 0)).guard == "nothing_to_acknowledge"
    assert alarms.on_command(ask("acknowledge", KEY, seen=3)).guard == "stale_version"
    assert alarms.on_command(ask("close", KEY)).guard == "wrong_target"
    alarms.on_frame(frame([(0, 1.2)]))
    assert brief(alarms.on_command(ask("acknowledge", KEY, seen=1))) == [("acknowledged", 0)]
    assert alarms.on_command(ask("acknowledge", KEY, 2, at=1)).guard == "nothing_to_acknowledge"
    assert alarms.has_alarm(KEY)
    assert not alarms.has_alarm("no such id")


def test_a_comment_is_a_new_version_and_no_new_state():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2)]))
    (event,) = alarms.on_command(ask("comment", KEY, 1, at=3, text="瓦斯泵检修"))
    assert (event.kind, event.data) == ("comment_added", {"text": "瓦斯泵检修"})
    (state,) = alarms.take_changed(1)
    assert (state.version, state.process_state) == (2, ProcessState.UNACKNOWLEDGED)
    assert alarms.on_command(ask("acknowledge", KEY, 1)).guard == "stale_version"


def test_an_upstream_alarm_is_raised_once_and_returned_once():
    alarms, key = engine([]), alarm_id(SITE, "T1", "upstream.over_limit")
    (raised,) = alarms.on_upstream(upstream(0))
    assert raised.subject_id == key
    assert raised.typed_data().priority is Priority.P2
    assert raised.event_id == event_id(key, "alarm_raised", upstream(0).alarm.upstream_alarm_id)
    assert alarms.on_upstream(upstream(0)) == []
    assert [state.version for state in alarms.take_changed(1)] == [1]
    (returned,) = alarms.on_upstream(upstream(0, 90, peak=1.7))
    assert (returned.typed_data().peak, returned.typed_data().duration_s) == (1.7, 90.0)
    assert alarms.on_upstream(upstream(0, 90)) == alarms.on_upstream(upstream(0)) == []
    assert brief(alarms.on_command(ask("acknowledge", key, 2, at=99))) == [("acknowledged", 99), ("cleared", 99)]


def test_an_upstream_alarm_that_comes_with_its_end_is_both():
    assert brief(engine([]).on_upstream(upstream(0, 30))) == [("raised", 0), ("returned", 30)]


def test_an_upstream_alarm_whose_end_was_lost_ends_with_the_next():
    alarms = engine([])
    alarms.on_upstream(upstream(0))
    events = alarms.on_upstream(upstream(600, 690))
    assert brief(events) == [("returned", 600), ("raised", 600), ("returned", 690)]
    assert events[0].data["end_assumed"] is True
    assert len({event.event_id for event in events}) == 3
    assert alarms.on_upstream(upstream(0, 30)) == []


def test_upstream_alarms_of_areas_live_apart():
    alarms = engine([])
    east = alarms.on_upstream(upstream(0, sensor_id=None, area_code="3301", alarm_kind="over_headcount"))
    west = alarms.on_upstream(upstream(0, sensor_id=None, area_code="3302", alarm_kind="over_headcount"))
    assert east[0].subject_id == alarm_id(SITE, "3301", "upstream.over_headcount") != west[0].subject_id
    assert [state.area_code for state in alarms.take_changed(1)] == ["3301", "3302"]


def test_a_new_limit_holds_from_the_next_reading_and_the_state_stays():
    alarms = engine([rule(on_delay_s=60)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.configure([rule(on_delay_s=60, limit=1.1)], {"T1": sensor(unit="%")})
    assert brief(alarms.on_frame(frame([(60, 1.2)], 1))) == [("raised", 60)]
    alarms.configure([rule(limit=1.5)], {"T1": sensor()})
    assert brief(alarms.on_frame(frame([(90, 1.2)], 2))) == [("returned", 90)]
    assert alarms.on_frame(frame([(90, 1.9)], 3)) == []  # late: its time is remembered


def test_a_rule_that_goes_stays_until_its_alarm_has_returned():
    alarms, states = engine([rule()]), {}
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.configure([], {"T1": sensor()})
    for again in (alarms, reborn(alarms, [], states)):
        assert brief(again.on_frame(frame([(30, 0.5)], 1))) == [("returned", 30)]
        assert again.on_frame(frame([(60, 1.9)], 2)) == []
        assert again.memory()["rules"] == again.memory()["pending"] == []
        assert brief(again.on_command(ask("acknowledge", KEY, 2, at=70))) == [("acknowledged", 70), ("cleared", 70)]


def test_a_rule_that_comes_back_finds_its_alarm():
    alarms = engine([rule()])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.configure([], {"T1": sensor()})
    alarms.configure([rule()], {"T1": sensor()})
    assert brief(alarms.on_frame(frame([(30, 0.5), (90, 1.1)], 1))) == [("returned", 30), ("raised", 90)]


def test_a_rule_that_goes_while_nothing_stands_is_forgotten():
    alarms = engine([rule(on_delay_s=60)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.configure([], {"T1": sensor()})
    assert not alarms.has_alarm(KEY)
    assert alarms.on_frame(frame([(60, 1.2)], 1)) == []


def test_rules_of_another_site_are_not_ours():
    assert engine([rule(site_id="elsewhere")]).on_frame(frame([(0, 9.0)])) == []


def test_the_page_of_the_life_cycle_is_that_of_the_code():
    assert PAGE.read_text("utf-8") == page(), "run `python -m streams.alarm_page`"
    assert set(STATES) == set(ProcessState)
    assert set(OVERRIDES) == set(Override)


def test_every_guard_that_a_command_names_has_words():
    source = (ROOT / "streams" / "alarm_commands.py").read_text("utf-8")
    named = set(re.findall(r'refuse\("(\w+)"', source)) | set(re.findall(r'_moved\([^,]+, "(\w+)"', source))
    assert named | {f"not_{which}" for which in Override if which is not Override.MASKED} == set(GUARDS)
