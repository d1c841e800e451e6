"""Hazards rebuilt from their events are those that the worker held. No word about speed."""

from benchmarks.rebuild_hazards import IN_FLIGHT, NOW, OPEN_SHARE, log_of
from schemas.times import to_us
from streams.hazard_store import HazardStore, Stub
from streams.rebuild import HazardRebuild, rebuild
from tests.hazard_bench import LI, POWER, T0, WANG, closed, judged, sensed, span

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
