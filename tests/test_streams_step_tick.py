"""A step without input: timers are asked, restored sites among them, and nothing due leaves no trace."""

from schemas.memory import SiteMemory
from schemas.times import to_us
from streams.decode import Record
from streams.step import PartitionState, run_step
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
    assert asked == [(to_us(at(2)), False)]


def test_a_stored_site_that_the_registry_does_not_know_waits():
    mine = Mine(coal())
    state = PartitionState(0)
    state.restore(Record("log", "site.memory", 0, 0, None, SiteMemory(site_id="gone", step=0).encode()))
    assert run_step(state, [], to_us(at(0)), mine.context).empty
    assert (set(state.sites), set(state.stored_memories)) == (set(), {"gone"})
    assert S not in state.sites
