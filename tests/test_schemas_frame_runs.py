import numpy as np
import pyarrow as pa
import pytest

from schemas.frame_runs import decode_frames
from schemas.frames import FRAME_SCHEMA, decode_frame, encode_frame, make_batch
from schemas.model import Refused

NOW = 1_782_900_000_000_000
NARROW = pa.schema([FRAME_SCHEMA.field("sensor_id"), FRAME_SCHEMA.field("value")])
NOTE = pa.field("note", pa.string())


def batch(sensors=("a", "b"), first=0.0):
    n = len(sensors)
    return make_batch(list(sensors), np.full(n, NOW), first + np.arange(n), [0] * n)


def stream(*batches, schema=FRAME_SCHEMA):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for one in batches:
            writer.write_batch(one)
    return sink.getvalue().to_pybytes()


def without_dictionary(raw):
    """The frame without the message that brings its sensors: read after another frame it would borrow them."""
    ends, at = [], 0
    while raw[at + 4 : at + 8] != bytes(4):
        message = pa.ipc.read_message(pa.BufferReader(raw[at:]))
        at += 8 + int.from_bytes(raw[at + 4 : at + 8], "little") + (len(message.body) if message.body else 0)
        ends.append(at)
    assert len(ends) == 3
    return raw[: ends[0]] + raw[ends[1] :]


GOOD = [encode_frame(batch(("a", "b"))), encode_frame(batch(("c",), 5.0)), encode_frame(batch(("a", "d", "e"), 7.0))]
WITH_NOTE = pa.record_batch([*batch().columns, pa.array(["x", None])], schema=FRAME_SCHEMA.append(NOTE))
NULL_VALUE = pa.record_batch(
    [*batch().columns[:2], pa.array([1.0, None]), batch().columns[3]],
    schema=pa.schema([field.with_nullable(True) for field in FRAME_SCHEMA]),
)
ODD = {
    "noise": b"noise",
    "nothing": b"",
    "cut off": GOOD[0][:-40],
    "two batches": stream(batch(), batch(("z",))),
    "no batch": stream(),
    "no dictionary": without_dictionary(GOOD[1]),
    "a column too few": stream(batch().select(NARROW.names), schema=NARROW),
    "nulls": stream(NULL_VALUE, schema=NULL_VALUE.schema),
    "an index beyond its dictionary": stream(
        pa.record_batch(
            [pa.DictionaryArray.from_arrays(pa.array([0, 9], pa.int32()), pa.array(["a"]), safe=False),
             *batch().columns[1:]], schema=FRAME_SCHEMA,
        )
    ),
}  # fmt: skip


def test_a_run_of_frames_is_what_each_frame_is():
    assert [found.equals(decode_frame(raw)) for found, raw in zip(decode_frames(GOOD), GOOD, strict=True)] == [True] * 3
    assert decode_frames([]) == []


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_odd_frame_is_refused_and_its_neighbours_are_not_touched(name, place):
    raws = [*GOOD[:place], ODD[name], *GOOD[place:]]
    found = decode_frames(raws)
    assert isinstance(found[place], Refused)
    rest = [one for i, one in enumerate(found) if i != place]
    assert [one.equals(decode_frame(raw)) for one, raw in zip(rest, GOOD, strict=True)] == [True] * 3


def test_a_frame_with_no_readings_takes_nobody_else_s_sensors():
    empty = encode_frame(make_batch([], [], [], []))
    assert [found.num_rows for found in decode_frames([GOOD[0], empty, GOOD[1]])] == [2, 0, 1]


def test_later_columns_stay_and_processing_does_not_see_them():
    raw = encode_frame(WITH_NOTE)
    assert [found.schema.names[4:] for found in decode_frames([GOOD[0], raw, raw])] == [[], ["note"], ["note"]]
    assert decode_frame(raw).schema.equals(FRAME_SCHEMA)
