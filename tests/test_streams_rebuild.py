"""Hazards rebuilt from their events are those that the worker held. No word about speed."""

import datetime as dt

import pytest

from benchmarks.rebuild_hazards import IN_FLIGHT, NOW, OPEN_SHARE, log_of
from schemas.settings import Settings
from schemas.steps import Step
from schemas.times import to_us
from schemas.topics import partition_of
from streams.broker import Broker
from streams.connect import producer
from streams.hazard_store import HazardStore, Stub
from streams.rebuild import HazardRebuild, rebuild
from streams.worker import Worker
from tests.hazard_bench import CATALOGUE, LI, POWER, SITE, T0, WANG, closed, judged, sensed, span

LATER = to_us(T0)


def test_what_is_rebuilt_is_what_was_held_and_doubles_change_nothing() -> None:
    bench = closed()
    bench.sees(sensed(span("p1", bench.now), POWER))
    bench.does(LI, "judge", {"verdict": "major"})
    bench.does(LI, "reopen", {"reason": "复查"}, target=bench.ids[0])
    raw = [event.encode() for event in bench.events]
    doubled = [each for pair in zip(raw, raw, strict=True) for each in pair]
    for log in (raw, doubled):
        assert rebuild(log, LATER) == [bench.state(each) for each in reversed(bench.ids)]


def test_a_settled_hazard_comes_back_as_its_stub_and_an_old_one_as_its_id() -> None:
    bench = judged()
    bench.does(WANG, "void", {"reason": "登记有误"})
    raw = [event.encode() for event in bench.events]
    (stub,) = rebuild(raw, LATER)
    assert isinstance(stub, Stub) and stub.unpack() == bench.latest
    (old,) = rebuild(raw, to_us(bench.now) + 181 * 86_400_000_000)
    assert isinstance(old, Stub) and old.archived


def test_what_is_no_event_is_counted_and_passed_over() -> None:
    bench = judged()
    book = HazardRebuild()
    for raw in (b"", b"{}", *(event.encode() for event in bench.events), b"not json"):
        book.take(raw)
    assert (book.refused, book.events) == (3, len(bench.events))
    assert book.held(LATER) == [bench.latest]


def test_the_benchmarks_log_gives_the_hazards_it_tells_of() -> None:
    hazards = 200
    assert hazards < IN_FLIGHT  # all lives mixed
    store = HazardStore()
    store.load(rebuild(log_of(3, hazards), to_us(NOW)))
    counts = store.counts()
    assert counts["whole"] == hazards // OPEN_SHARE and sum(counts.values()) == hazards
    assert counts["stubs"] > 0 and counts["archived"] > counts["stubs"]


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_worker_whose_states_were_lost_has_its_hazards_from_their_events(broker: Broker) -> None:
    bench, number = judged(), partition_of(SITE.site_id)
    sender = producer(broker.servers, linger_ms=0)

    def send(topic: str, value: bytes) -> None:
        sender.send(topic, key=b"k", value=value, partition=number).get(20)

    for event in bench.events:
        send("hazard.events", event.encode())
    worker = Worker(Settings(), CATALOGUE)
    try:
        assert worker.load([number])[number].stored_hazards == {}  # no step was ever done: nothing was lost
        send("processing.steps", Step(step=3, partition=number, now=bench.now).encode())
        assert worker.load([number])[number].stored_hazards == {SITE.site_id: {bench.latest.hazard_id: bench.latest}}
        later = bench.latest.model_copy(update={"version": 9, "step": 3})
        send("hazard.states", later.encode())
        fresh = worker.load([number])[number]
        assert fresh.stored_hazards[SITE.site_id][later.hazard_id] == later
        # after a rebalance what was ours is kept, if nobody has stepped meanwhile
        fresh.attention.begin(5)
        assert worker.load([number], {number: fresh}) == {number: fresh}
        assert worker.load([number], {number: fresh})[number] is fresh
        assert fresh.attention.since_us is None, "while it was nobody's we were not watching"
        send("processing.steps", Step(step=3, partition=number, now=bench.now + dt.timedelta(seconds=1)).encode())
        assert worker.load([number], {number: fresh})[number] is not fresh, "another's step of that number is another"
    finally:
        worker.tail.stop()
        sender.close(timeout=5)
