"""What people may do to an alarm, and what is refused with which guard."""

import pytest

from schemas.commands import COMMANDS
from schemas.ids import alarm_id
from schemas.terms import Override, ProcessState
from streams.refusal import Refusal
from tests.alarm_bench import SITE, ask, brief, engine, frame, rule, shanghai, us

KEY = alarm_id(SITE, "T1", "ch4_pct.high")


def raised(**given):
    alarms = engine([rule(**given)])
    alarms.on_frame(frame([(0, 1.2)]))
    return alarms


def tick(alarms, seconds):
    return alarms.on_tick(us(seconds), caught_up=False)


def state_of(alarms, key=KEY):
    return {state.alarm_id: state for state in alarms.take_changed(1)}[key]


def senior(kind, seen, at=0.0, **data):
    asked = ask(kind, KEY, seen, at, **data)
    actor = asked.command.actor.model_copy(update={"id": "li", "role": "supervisor"})
    return type(asked)(asked.record, asked.command.model_copy(update={"actor": actor}))


def test_every_alarm_command_of_the_table_can_be_carried_out():
    from streams.alarm_commands import ACTS

    assert set(ACTS) == {name for name, row in COMMANDS.items() if row.target == "alarm"}


def test_an_act_needs_the_version_that_was_seen_and_a_remark_does_not():
    alarms = raised()
    assert alarms.on_command(ask("acknowledge", KEY)).guard == "version_missing"
    assert brief(alarms.on_command(ask("comment", KEY, text="看到了"))) == [("comment_added", 0)]
    assert brief(alarms.on_command(ask("assign_alarm", KEY, assignee="wang", at=1))) == [("assigned", 1)]
    assert state_of(alarms).assignee == "wang"
    occurrence = alarms.on_command(ask("acknowledge", KEY, 1)).reason
    assert "now 3" in occurrence


def test_the_occurrence_that_was_seen_is_as_good_as_the_version():
    alarms = engine([rule()])
    (first,) = alarms.on_frame(frame([(0, 1.2)]))
    seen = first.data["occurrence_id"]
    assert brief(alarms.on_command(ask("acknowledge", KEY, at=1, occurrence_id=seen))) == [("acknowledged", 1)]
    alarms.on_frame(frame([(100, 0.4), (200, 1.2)], 1))
    assert alarms.on_command(ask("acknowledge", KEY, at=201, occurrence_id=seen)).guard == "version_missing"


def test_an_acknowledgement_can_be_taken_back_with_a_reason():
    alarms = raised()
    alarms.on_command(ask("acknowledge", KEY, 1, at=1))
    assert alarms.on_command(ask("unacknowledge", KEY, 2, at=2)).guard == "bad_data"
    assert brief(alarms.on_command(ask("unacknowledge", KEY, 2, at=2, reason="看错了"))) == [("unacknowledged", 2)]
    assert state_of(alarms).process_state is ProcessState.UNACKNOWLEDGED
    assert alarms.on_command(ask("unacknowledge", KEY, 3, at=3, reason="x")).guard == "nothing_to_unacknowledge"


@pytest.mark.parametrize(
    ("data", "guard"),
    [
        ({"until": shanghai(0), "reason": "检修"}, "shelf_over"),
        ({"until": shanghai(9 * 3600), "reason": "检修"}, "shelf_too_long"),
        ({"until": shanghai(60)}, "bad_data"),
        ({"until": shanghai(60), "reason": ""}, "bad_data"),
        ({"until": "soon", "reason": "检修"}, "bad_data"),
    ],
)
def test_a_shelf_has_an_end_not_too_far_and_a_reason(data, guard):
    assert raised().on_command(ask("shelve", KEY, 1, at=1, **data)).guard == guard


def test_a_shelved_alarm_lives_on_underneath_and_the_end_of_the_shelf_asks_anew():
    alarms = raised()
    alarms.on_command(ask("acknowledge", KEY, 1, at=1))
    alarms.on_command(ask("shelve", KEY, 2, at=10, until=shanghai(600), reason="检修"))
    state = state_of(alarms)
    assert (state.shown, state.process_state, state.shelved_by) == ("shelved", "acknowledged", "zhang")
    assert tick(alarms, 599) == []
    assert brief(tick(alarms, 700)) == [("unshelved", 600), ("unacknowledged", 600)]
    state = state_of(alarms)
    assert (state.overrides, state.process_state, state.shelved_until) == ((), "unacknowledged", None)


def test_who_takes_it_off_the_shelf_has_seen_it():
    alarms = raised()
    alarms.on_command(ask("shelve", KEY, 1, at=10, until=shanghai(600), reason="检修"))
    assert brief(alarms.on_command(ask("unshelve", KEY, 2, at=20))) == [("unshelved", 20), ("acknowledged", 20)]
    assert alarms.on_command(ask("unshelve", KEY, 4, at=30)).guard == "not_shelved"
    assert tick(alarms, 700) == []


def test_a_one_shot_shelf_ends_with_the_occurrence():
    alarms = engine([rule()])
    refused = alarms.on_command(ask("shelve", KEY, 0, until=shanghai(60), reason="x", one_shot=True))
    assert refused.guard == "nothing_to_shelve"
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("shelve", KEY, 1, at=10, until=shanghai(6000), reason="检修", one_shot=True))
    assert brief(alarms.on_frame(frame([(100, 0.4)], 1))) == [("returned", 100), ("unshelved", 100)]
    assert state_of(alarms).one_shot is False


def test_shelving_anew_moves_the_end():
    alarms = raised()
    alarms.on_command(ask("shelve", KEY, 1, at=10, until=shanghai(600), reason="检修"))
    events = alarms.on_command(ask("shelve", KEY, 2, at=20, until=shanghai(900), reason="还没修好"))
    assert brief(events) == [("unshelved", 20), ("shelved", 20)]
    assert tick(alarms, 600) == []
    assert brief(tick(alarms, 900)) == [("unshelved", 900)]


def test_a_p1_alarm_is_shelved_by_a_supervisor_and_never_suppressed_without_approval():
    alarms = raised(priority="P1")
    shelf = {"until": shanghai(600), "reason": "检修"}
    assert alarms.on_command(ask("shelve", KEY, 1, **shelf)).guard == "p1_shelved"
    assert brief(alarms.on_command(senior("shelve", 1, 1, **shelf))) == [("shelved", 1)]
    assert alarms.on_command(senior("suppress", 2, 2, reason="x")).guard == "p1_approval"
    assert (
        alarms.on_command(senior("out_of_service", 2, 2, work_order="W1", due_at=shanghai(600))).guard == "p1_approval"
    )
    assert brief(alarms.on_command(senior("suppress", 2, 3, reason="x", approval="批〔2026〕3号"))) == [
        ("suppressed", 3)
    ]


def test_suppressed_until_somebody_ends_it():
    alarms = raised()
    assert brief(alarms.on_command(senior("suppress", 1, 1, reason="停产检修"))) == [("suppressed", 1)]
    assert alarms.on_command(senior("suppress", 2, 2, reason="again")).guard == "already_suppressed"
    assert brief(alarms.on_command(senior("unsuppress", 2, 3, reason="复产"))) == [("unsuppressed", 3)]
    assert alarms.on_command(senior("unsuppress", 3, 4)).guard == "not_suppressed"


def test_out_of_service_has_a_work_order_and_a_date_that_raises_an_alarm_of_its_own():
    alarms, due = raised(), shanghai(3600)
    assert alarms.on_command(senior("out_of_service", 1, 1, due_at=due)).guard == "bad_data"
    assert alarms.on_command(senior("out_of_service", 1, 1, work_order="W1", due_at=shanghai(1))).guard == "due_over"
    assert brief(alarms.on_command(senior("out_of_service", 1, 2, work_order="W1", due_at=due))) == [
        ("out_of_service", 2)
    ]
    (overdue,) = tick(alarms, 4000)
    other = alarm_id(SITE, "T1", "service_due.ch4_pct.high")
    assert (overdue.kind, overdue.subject_id) == ("alarm_raised", other)
    assert tick(alarms, 5000) == []
    assert alarms.on_command(senior("return_to_service", 2, 5001)).guard == "not_checked"
    events = alarms.on_command(senior("return_to_service", 2, 5001, checked="零点、量程、断电试验"))
    assert brief(events) == [("returned_to_service", 5001), ("returned", 5001)]
    assert events[1].subject_id == other


def test_the_strongest_override_is_shown():
    alarms = raised()
    alarms.on_command(ask("shelve", KEY, 1, until=shanghai(60), reason="x", at=1))
    alarms.on_command(senior("out_of_service", 2, 2, work_order="W", due_at=shanghai(600)))
    alarms.on_command(senior("suppress", 3, 3, reason="x"))
    state = state_of(alarms)
    assert (state.overrides, state.shown) == (
        (Override.OUT_OF_SERVICE, Override.SUPPRESSED, Override.SHELVED), "out_of_service",
    )  # fmt: skip


def test_a_latched_alarm_waits_for_a_reset():
    alarms = raised(latches=True)
    assert alarms.on_command(ask("reset", KEY, 1)).guard == "nothing_to_reset"
    alarms.on_command(ask("acknowledge", KEY, 1, at=1))
    assert brief(alarms.on_frame(frame([(100, 0.4)], 1))) == [("returned", 100)]
    assert state_of(alarms).process_state is ProcessState.LATCHED
    assert alarms.on_command(ask("acknowledge", KEY, 3, at=101)).guard == "nothing_to_acknowledge"
    assert brief(alarms.on_command(ask("reset", KEY, 3, at=102))) == [("reset", 102), ("cleared", 102)]
    assert state_of(alarms).process_state is ProcessState.NORMAL


def test_only_a_supervisor_records_what_was_done_earlier_and_nobody_what_comes():
    alarms = raised()
    late = ask("acknowledge", KEY, 1, at=500)
    earlier = late.command.model_copy(update={"occurred_at": ask("acknowledge", KEY, at=100).command.issued_at})
    assert alarms.on_command(type(late)(late.record, earlier)).guard == "backdated"
    later = late.command.model_copy(update={"occurred_at": ask("acknowledge", KEY, at=900).command.issued_at})
    assert alarms.on_command(type(late)(late.record, later)).guard == "future"
    boss = earlier.model_copy(update={"actor": earlier.actor.model_copy(update={"role": "supervisor"})})
    assert brief(alarms.on_command(type(late)(late.record, boss))) == [("acknowledged", 100)]


def test_a_stale_command_is_told_what_has_changed():
    alarms = raised()
    alarms.on_command(ask("shelve", KEY, 1, at=5, until=shanghai(600), reason="检修"))
    refused = alarms.on_command(ask("acknowledge", KEY, 1, at=6))
    assert isinstance(refused, Refusal)
    assert refused.guard == "stale_version"
    assert "shelved" in refused.reason


def test_a_suspicion_of_a_signal_is_cleared_by_a_reset():
    from schemas.terms import Quality

    alarms, key = engine([rule()]), alarm_id(SITE, "T1", "signal")
    alarms.on_frame(frame([(0, 2.0, Quality.CALIBRATING), (7200, 0.4)]))
    state = state_of(alarms, key)
    assert state.suspicions == ("calibration_long",)
    assert brief(alarms.on_command(ask("reset", key, state.version, at=7300, comment="已核实"))) == [("reset", 7300)]
    assert state_of(alarms, key).suspicions == ()
