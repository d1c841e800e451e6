"""Many frames decoded at once: frames that begin with the same Arrow schema are read as one IPC stream.

Opening a stream and reading its schema costs more than reading a frame of a thousand readings; a run of frames pays it
once. The result is that of `frames.decode_frame` on each, or that is what is called: wherever a message does not end
exactly where its frame ends, or a frame brings no dictionary of its own, the run is read frame by frame.
"""

from collections.abc import Sequence
from itertools import groupby

import pyarrow as pa

from schemas.frames import FRAME_SCHEMA, READ_OPTIONS, decode_frame, named, readable
from schemas.model import Refused

_CONTINUED = b"\xff\xff\xff\xff"
_END = _CONTINUED + bytes(4)
_OWN = len(FRAME_SCHEMA)


def decode_frames(raws: Sequence[bytes]) -> list[pa.RecordBatch | Refused]:
    """For each frame its record batch, or why it is refused. Batches are validated, nulls are refused."""
    found: list[pa.RecordBatch | Refused] = []
    for schema, run in groupby(raws, _schema_bytes):
        together = list(run)
        found += (_run(schema, together) if schema else None) or [_single(raw) for raw in together]
    return found


def _schema_bytes(raw: bytes) -> bytes:
    """The schema message a frame begins with; empty if it does not begin with one."""
    if raw[:4] != _CONTINUED:
        return b""
    return raw[: 8 + int.from_bytes(raw[4:8], "little")]


def _single(raw: bytes) -> pa.RecordBatch | Refused:
    try:
        batch = decode_frame(raw, later_columns=True)
        for name, column in zip(batch.schema.names[:_OWN], batch.columns[:_OWN], strict=True):
            if column.null_count:
                raise Refused(name, f"{column.null_count} readings have none")
    except Refused as refused:
        return refused
    except (pa.ArrowException, OSError, ValueError) as error:  # whatever else Arrow stumbles over
        return Refused("", f"not an Arrow IPC stream: {error}")
    return batch


def _run(schema: bytes, raws: list[bytes]) -> list[pa.RecordBatch] | None:
    """The batches of frames with one schema; None if anything at all is unusual about any of them."""
    bodies = [raw[len(schema) : -len(_END)] if raw.endswith(_END) else raw[len(schema) :] for raw in raws]
    try:
        batches = _walk(pa.BufferReader(b"".join([schema, *bodies, _END])), len(schema), bodies)
        if len(batches) != len(raws):
            return None
        whole = pa.Table.from_batches(batches)
        whole.validate(full=True)
    except (pa.ArrowException, OSError, StopIteration, ValueError):
        return None
    return None if any(column.null_count for column in whole.columns[:_OWN]) else batches


def _walk(source: pa.BufferReader, end: int, bodies: list[bytes]) -> list[pa.RecordBatch]:
    reader = pa.ipc.open_stream(source, options=READ_OPTIONS)
    named(reader.schema)
    later = [reader.schema.field(i).type for i in range(_OWN, len(reader.schema))]
    if not readable(reader.schema) or any(pa.types.is_dictionary(kind) for kind in later):
        return []
    batches, dictionary = [], 0
    for body in bodies:
        batch = reader.read_next_batch()
        end += len(body)
        if source.tell() != end:
            break  # a frame with more, or fewer, messages than its own: whose batch this is cannot be said
        buffer = batch.column(0).dictionary.buffers()[2]
        address = buffer.address if buffer is not None else 0
        if address and address == dictionary:
            break  # it would be read with the sensors of the frame before it
        dictionary = address
        batches.append(batch)
    return batches
