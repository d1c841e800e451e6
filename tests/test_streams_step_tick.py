"""A step without input: timers are asked, restored sites among them, and nothing due leaves no trace."""

from schemas.commands import Command
from schemas.events import Actor
from schemas.memory import SiteMemory
from schemas.times import to_us
from streams.attention import Attention
from streams.decode import Record
from streams.partition import PartitionState
from streams.step import run_step
from tests.catalogue_topic import coal
from tests.coal_face import S, at
from tests.test_streams_switch import Mine


def test_a_tick_of_nothing_is_nothing():
    mine = Mine(coal())
    assert run_step(mine.state, [], to_us(at(0)), mine.context).empty
    mine.reads(0, 0.4)
    step = mine.state.step
    out = run_step(mine.state, [], to_us(at(1)), mine.context)
    assert (out.empty, out.memories, mine.state.step) == (True, [], step)


def test_a_site_restored_and_not_heard_since_is_asked_too():
    mine, asked = Mine(coal()), []
    mine.reads(0, 0.4)
    mine.restart()
    assert mine.state.sites == {}
    run_step(mine.state, [], to_us(at(1)), mine.context)
    (process,) = mine.state.sites.values()
    process.alarms.on_tick = lambda now_us, caught_up: asked.append((now_us, caught_up)) or []
    assert run_step(mine.state, [], to_us(at(2)), mine.context).empty
    assert run_step(mine.state, [], to_us(at(12)), mine.context).empty
    assert asked == [(-1, False), (to_us(at(12)), False)], "what came meanwhile gets ten seconds to be read first"


def test_a_stored_site_that_the_registry_does_not_know_waits():
    mine = Mine(coal())
    state = PartitionState(0)
    state.restore(Record("log", "site.memory", 0, 0, None, SiteMemory(site_id="gone", step=0).encode()))
    assert run_step(state, [], to_us(at(0)), mine.context).empty
    assert (set(state.sites), set(state.stored_memories)) == (set(), {"gone"})
    assert S not in state.sites


def test_a_shelf_ends_after_a_restart_and_no_input_at_all():
    mine = Mine(coal())
    for second in (0, 30, 60):
        mine.reads(second, 1.2)
    (alarm,) = [s for out in mine.outs for s in out.alarm_states if s.rule_id == "ch4_pct.high"]
    command = Command(
        command_id="c1", kind="shelve", site_id=S, target_id=alarm.alarm_id, seen_version=alarm.version,
        actor=Actor(id="li", role="supervisor"), issued_at=at(61),
        data={"until": at(600).isoformat(), "reason": "检修"},
    )  # fmt: skip
    assert [event.kind for event in mine._step("commands", command.encode(), [], 61)] == ["alarm_shelved"]
    assert mine.outs[-1].results[0].accepted
    mine.restart()
    state = PartitionState(0)
    for record in (out.record for out in mine.outs):
        state.restore_step(Record("log", "processing.steps", 0, 0, None, record.encode()))
    for n, message in enumerate(s for out in mine.outs for s in out.alarm_states):
        state.restore(Record("log", "alarm.states", 0, n, None, message.encode()))
    for n, message in enumerate(m for out in mine.outs for m in out.memories):
        state.restore(Record("log", "site.memory", 0, n, None, message.encode()))
    before = run_step(state, [], to_us(at(599)), mine.context)
    assert [event.kind for event in before.events if event.topic == "alarm.events"] == []
    after = run_step(state, [], to_us(at(700)), mine.context)
    first = next(event for event in after.events if event.topic == "alarm.events")
    assert (first.kind, first.occurred_at) == ("alarm_unshelved", at(600))
    assert after.record is not None
    assert after.record.ranges == {}
    assert [s.overrides for s in after.alarm_states if s.alarm_id == alarm.alarm_id] == [()]


def test_silence_is_judged_only_where_nothing_waits():
    attention = Attention()
    attention.begin(0)
    assert not attention.caught_up(59_000_000)
    assert attention.caught_up(60_000_000)  # nothing has come for a minute
    attention.read(61_000_000, 60_000_000)
    assert attention.caught_up(62_000_000)  # what came was fresh
    attention.read(70_000_000, 10_000_000)
    assert not attention.caught_up(71_000_000)  # a backlog is being read
    assert attention.caught_up(130_000_000)
    attention.read(140_000_000, 9_999_000_000_000)
    assert not attention.caught_up(999_000_000)  # a recorded series: received long after the steps' now
