"""A fetch is handed to Faust in a few batches, partitions in turn, nothing left out and nothing changed."""

from collections import namedtuple

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.fastfetch import Batch, in_turn
from streams.faustapp import records_of, size_of

Fetched = namedtuple("Fetched", "offset key value headers timestamp timestamp_type")


@given(st.lists(st.integers(0, 9), max_size=5), st.integers(1, 4))
def test_every_record_is_handed_on_once_in_order_and_partitions_take_turns(lengths: list[int], size: int) -> None:
    found = {TP("t", p): [(p, n) for n in range(length)] for p, length in enumerate(lengths)}
    parts = list(in_turn(found, size))
    for tp, records in found.items():
        assert [r for of, part in parts if of == tp for r in part] == records
    assert all(0 < len(part) <= size for _, part in parts)
    rounds = [part[0][1] // size for _, part in parts]
    assert rounds == sorted(rounds)


def test_a_batch_stands_at_its_last_record_and_unpacks_to_records_with_their_coordinates() -> None:
    fetched = [Fetched(n, b"k", b"v" * n or None, (("h", b"x"),), 1_700_000_000_000 + n, 0) for n in range(5, 8)]
    batch = Batch.of(TP("telemetry.frames", 3), fetched, 9)
    assert (batch.offset, batch.partition, batch.generation_id, batch.value) == (7, 3, 9, b"")
    records = records_of(batch, {"telemetry.frames": "log"})
    assert [record.coordinate for record in records] == [f"log/telemetry.frames/3/{n}" for n in (5, 6, 7)]
    assert (records[0].key, records[0].value, records[0].headers) == (b"k", b"vvvvv", (("h", b"x"),))
    assert records[0].timestamp_us == 1_700_000_000_005_000
    assert size_of(batch) == 5 + 6 + 7 + 3 * 64
