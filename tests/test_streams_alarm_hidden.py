"""What keeps an alarm from the operator ends: by itself, when its reason has gone, or when the alarm becomes P1."""

import pytest

from schemas.ids import alarm_id
from schemas.model import Refused
from schemas.registry import Site
from schemas.terms import Override, Quality
from streams.alarms import SiteAlarms
from streams.decode import Record
from streams.refusal import Refusal
from streams.registry import Registry
from streams.site import Context
from streams.step import run_step
from tests.alarm_bench import SITE, ask, brief, engine, frame, reborn, rule, sensor, shanghai, told, us
from tests.catalogue_topic import coal
from tests.test_streams_alarm_commands import senior
from tests.test_streams_alarm_readings import Mine

KEY = alarm_id(SITE, "T1", "ch4_pct.high")
HH = ({"level": "HH", "limit": 1.5, "priority": "P1"},)
FAN = rule("FAN", rule_id="fan.low", direction="low", limit=0.5)
SENSORS = (sensor("T1"), sensor("FAN", signal="main_fan_running"), sensor("MODE", signal=""))


def configured(alarms: SiteAlarms, rules) -> SiteAlarms:
    alarms.configure(rules, {it.sensor_id: it for it in SENSORS})
    return alarms


def born_again(alarms: SiteAlarms, rules) -> SiteAlarms:
    return reborn(alarms, rules, {}, *SENSORS)


@pytest.mark.parametrize("link", [{"parent": "FAN/fan.low"}, {"suppressed_while": "MODE"}])
def test_what_may_become_p1_has_neither_parent_nor_mode_without_an_approval(link):
    given = rule(priority="P2", escalations=HH).model_dump(mode="json") | link
    with pytest.raises(Refused, match="may become P1"):
        type(FAN).parse(given)
    assert type(FAN).parse(given | {"approval": "批1"}).most_urgent == "P1"


@pytest.mark.parametrize("kind", ["suppress", "out_of_service"])
def test_what_may_become_p1_is_taken_from_the_operator_only_with_an_approval(kind):
    alarms = engine([rule(priority="P2", escalations=HH)])
    alarms.on_frame(frame([(0, 1.2)]))
    order = {"reason": "检修", "work_order": "W1", "due_at": shanghai(9000)}
    refused = alarms.on_command(senior(kind, 1, 10, **order))
    assert isinstance(refused, Refusal)
    assert refused.guard == "p1_approval"
    assert not isinstance(alarms.on_command(senior(kind, 1, 10, **order, approval="批1")), Refusal)


def test_a_shelf_ends_when_the_alarm_becomes_p1():
    alarms = engine([rule(priority="P2", escalations=HH, ack_timeout_s=60)])
    alarms.on_frame(frame([(0, 1.2)]))
    alarms.on_command(ask("shelve", KEY, 1, 10, until=shanghai(3000), reason="检修"))
    events = alarms.on_frame(frame([(30, 1.6)], 1))
    assert brief(events) == [("escalated", 30), ("unshelved", 30)]
    (state,) = alarms.take_changed(1)
    assert (state.shown, state.priority, state.shelved_until) == ("unacknowledged", "P1", None)
    # what a supervisor shelves as P1 stays on the shelf to its end, and its clock then asks
    alarms.on_command(senior("shelve", state.version, 40, until=shanghai(100), reason="检修"))
    assert alarms.on_frame(frame([(50, 1.7)], 2)) == []
    assert brief(alarms.on_tick(us(170))) == [("unshelved", 100), ("escalated", 160)]


@pytest.mark.parametrize("again", [configured, born_again])
def test_a_child_is_unmasked_when_its_rule_names_the_parent_no_longer(again):
    alarms = engine([FAN, rule(parent="FAN/fan.low")], *SENSORS)
    alarms.on_frame(frame([(0, 0, 0, "FAN"), (30, 1.2, 0, "T1")]))
    alarms = again(alarms, [FAN, rule()])
    assert brief(alarms.on_tick(us(40))) == [("unmasked", 40)]
    assert alarms.on_tick(us(41)) == []


def test_a_child_is_unmasked_when_the_parent_s_rule_goes_and_the_parent_has_returned():
    alarms = engine([FAN, rule(parent="FAN/fan.low")], *SENSORS)
    alarms.on_frame(frame([(0, 0, 0, "FAN"), (30, 1.2, 0, "T1")]))
    configured(alarms, [rule(parent="FAN/fan.low")])
    assert alarms.on_tick(us(40)) == [], "the parent stands, though its rule has gone"
    assert sorted(brief(alarms.on_frame(frame([(60, 1, 0, "FAN")], 1)))) == [("returned", 60), ("unmasked", 60)]


@pytest.mark.parametrize("again", [configured, born_again])
def test_a_rule_that_names_a_parent_which_stands_is_masked(again):
    alarms = engine([FAN, rule()], *SENSORS)
    alarms.on_frame(frame([(0, 0, 0, "FAN"), (30, 1.2, 0, "T1")]))
    alarms = again(alarms, [FAN, rule(parent="FAN/fan.low")])
    assert brief(alarms.on_tick(us(40))) == [("masked", 40)]
    assert sorted(brief(alarms.on_frame(frame([(60, 1, 0, "FAN")], 1)))) == [("returned", 60), ("unmasked", 60)]


@pytest.mark.parametrize("again", [configured, born_again])
def test_an_alarm_is_suppressed_no_longer_when_its_rule_names_the_mode_no_longer(again):
    alarms = engine([rule(suppressed_while="MODE")], *SENSORS)
    alarms.on_frame(frame([(0, 1, 0, "MODE"), (30, 1.2, 0, "T1")]))
    assert brief(again(alarms, [rule()]).on_tick(us(40))) == [("unsuppressed", 40)]


def test_a_mode_that_can_no_longer_be_seen_suppresses_nothing():
    alarms = engine([rule(suppressed_while="MODE")], *SENSORS)
    alarms.on_frame(frame([(0, 1, 0, "MODE"), (30, 1.2, 0, "T1"), (60, 1.2, 0, "T1"), (150, 1.2, 0, "T1")]))
    silent = [event for event in alarms.on_tick(us(300)) if event.subject_id == KEY]
    assert [event.kind for event in silent] == ["alarm_unsuppressed"]
    assert brief(alarms.on_frame(frame([(310, 1, 0, "MODE")], 1))) == [("suppressed", 310), ("signal_restored", 310)]
    ill = [(340 + 30 * n, None, Quality.SENSOR_FAULT, "MODE") for n in range(5)]
    assert ("unsuppressed", 430) in brief(alarms.on_frame(frame(ill, 2)))


@pytest.mark.parametrize("hides", ["MODE", "FAN"])
def test_a_clock_that_ran_out_before_something_hid_the_alarm_has_run_out(hides):
    ours = rule(parent="FAN/fan.low", suppressed_while="MODE", ack_timeout_s=300)
    rows = [(0, 1.2, 0, "T1"), (1000, float(hides == "MODE"), 0, hides), (1200, float(hides == "FAN"), 0, hides)]
    whole, ticked = engine([FAN, ours], *SENSORS), engine([FAN, ours], *SENSORS)
    events = whole.on_frame(frame(rows))
    assert ("escalated", 300) in brief(events)
    one_by_one = []
    for n, row in enumerate(rows):
        one_by_one += ticked.on_frame(frame([row], n)) + ticked.on_tick(us(row[0] + 500), caught_up=False)
    assert sorted(told(one_by_one)) == sorted(told(events))


def test_nobody_acknowledges_before_the_raise():
    alarms = engine([rule()])
    alarms.on_frame(frame([(100, 1.2)]))
    early = senior("acknowledge", 1, 200)
    early = type(early)(early.record, early.command.model_copy(update={"occurred_at": shanghai_time(50)}))
    refused = alarms.on_command(early)
    assert isinstance(refused, Refusal)
    assert refused.guard == "before_raised"


def shanghai_time(seconds: float):
    return ask("comment", KEY, at=seconds).command.issued_at


def stand(mine: Mine) -> None:
    registry = Registry()
    registry.sites[SITE] = Site(site_id=SITE, industry="coal")
    registry.sensors[SITE] = {it.sensor_id: it for it in SENSORS}
    registry.alarm_rules = lambda _site: [rule(ack_timeout_s=300)]
    mine.context = Context(registry, coal())


def test_timers_wait_for_what_waits_to_be_read():
    """A worker comes back after an hour: the alarm was acknowledged meanwhile, and returned, all of it unread yet."""
    mine = Mine()
    stand(mine)
    assert [event.kind for event in mine.reads([(0, 1.2, 0)], 1).events] == ["alarm_raised"]
    completed = mine.state.completed
    backlog = [
        ("telemetry.frames", [(200, 1.2, 0)]), ("commands", 250), ("telemetry.frames", [(400, 0.2, 0)]),
        ("telemetry.frames", [(3590, 0.2, 0)]),
    ]  # fmt: skip
    states = {state.alarm_id: state for state in mine.state.sites[SITE].alarms.take_changed(1)}
    mine.state.attention = type(mine.state.attention)()  # another process, as after a kill
    assert run_step(mine.state, [], us(3600), mine.context).empty
    events = []
    for topic, said in backlog:
        if topic == "commands":
            asked = ask("acknowledge", KEY, 1, said)
            record = Record("log", "commands", 0, 0, SITE.encode(), asked.command.encode(), (), us(said))
            out = run_step(mine.state, [record], us(3601), mine.context)
        else:
            header_time = said[0][0] + 1
            out = read_late(mine, said, header_time)
        events += out.events + run_step(mine.state, [], us(3601), mine.context).events
    assert brief([event for event in events if event.subject_id == KEY]) == [
        ("acknowledged", 250), ("returned", 400), ("cleared", 400),
    ]  # fmt: skip
    assert mine.state.completed > completed
    assert not states


def read_late(mine: Mine, rows: list[tuple], received: float):
    """The frame was received at `received`; it is read when the worker has come back."""
    kept = mine.step
    mine.step = lambda value, headers, _now: late(mine, value, headers, received)
    try:
        return mine.reads(rows, received)
    finally:
        mine.step = kept


def late(mine: Mine, value: bytes, headers, received: float):
    mine.offset += 1
    record = Record("log", "telemetry.frames", 0, mine.offset, SITE.encode(), value, headers, us(received))
    return run_step(mine.state, [record], us(3600), mine.context)


def test_a_partition_that_hears_nothing_lets_its_timers_run_after_ten_seconds():
    mine = Mine()
    stand(mine)
    mine.reads([(0, 1.2, 0)], 1)
    mine.state.attention = type(mine.state.attention)()
    assert run_step(mine.state, [], us(500), mine.context).empty
    assert run_step(mine.state, [], us(509), mine.context).empty
    assert brief(run_step(mine.state, [], us(510), mine.context).events) == [("escalated", 300)]


def test_what_is_masked_comes_back_whoever_took_the_parent_away():
    """The strongest case: parent and child masked, then both rules go."""
    alarms = engine([FAN, rule(parent="FAN/fan.low")], *SENSORS)
    alarms.on_frame(frame([(0, 0, 0, "FAN"), (30, 1.2, 0, "T1")]))
    configured(alarms, [])
    alarms.on_frame(frame([(60, 1, 0, "FAN"), (90, 0.2, 0, "T1")], 1))
    configured(alarms, [])
    alarms.on_tick(us(100))
    held = {state.alarm_id: state.overrides for state in alarms.take_changed(1)}
    assert Override.MASKED not in held[KEY]
