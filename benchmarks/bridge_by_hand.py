"""`python -m benchmarks.bridge_by_hand SERVERS TOPIC READINGS`: single JSON readings into frames, by hand.

confluent-kafka and pyarrow, one process, one loop: fetch many, parse them at once, sort by site, one frame per site
with the same columns and headers as the bridge's, every acknowledgement waited for, then the offsets committed. It
trusts every message, knows one dialect, belongs to no group, and doubles what it had sent when it dies. Prints one
JSON object.
"""

import json
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.json
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.frames import FRAME_SCHEMA, FrameHeader, encode_frame
from schemas.ids import frame_id
from schemas.topics import partition_of

AT_ONCE = 50_000
_SCHEMA = pa.schema(
    [("companyCode", pa.string()), ("tagId", pa.string()), ("value", pa.float64()), ("unit", pa.string()),
     ("quality", pa.int64()), ("alarm", pa.string()), ("time", pa.timestamp("us"))]
)  # fmt: skip
_FRAME = pa.schema([*FRAME_SCHEMA, ("reported_unit", pa.dictionary(pa.int32(), pa.string()))])
_EIGHT_HOURS_US = 8 * 3_600_000_000


def frames_of(values: list[bytes], span: str, received_us: int) -> list[tuple[FrameHeader, bytes]]:
    """One frame per site of `values`."""
    text = b"\n".join(values)
    options = pa.json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    parse = pa.json.ParseOptions(_SCHEMA, unexpected_field_behavior="ignore")
    rows = pa.json.read_json(pa.BufferReader(text), options, parse).combine_chunks().to_batches()[0]
    sites = rows.column("companyCode").dictionary_encode()
    codes = sites.indices.to_numpy()
    rows = rows.take(pa.array(np.argsort(codes, kind="stable")))
    times = pa.array(rows.column("time").view(pa.int64()).to_numpy() - _EIGHT_HOURS_US).view(FRAME_SCHEMA.field(1).type)
    bad = np.where(rows.column("quality").to_numpy() == 1, 0, 128)
    quality = pa.array((bad | (rows.column("alarm").to_numpy(zero_copy_only=False) != "")).astype("uint8"))
    found, start = [], 0
    for site, end in zip(sites.dictionary.to_pylist(), np.cumsum(np.bincount(codes)).tolist(), strict=True):
        part = slice(start, end)
        columns = [
            rows.column("tagId")[part].dictionary_encode(), times[part], rows.column("value")[part], quality[part],
            rows.column("unit")[part].dictionary_encode(),
        ]  # fmt: skip
        header = FrameHeader(site, frame_id(site, span, 0), "by hand", received_us)
        found.append((header, encode_frame(pa.record_batch(columns, schema=_FRAME))))
        start = end
    return found


def send(producer: Producer, values: list[bytes], span: str, received_us: int) -> int:
    made = frames_of(values, span, received_us)
    for header, frame in made:
        site = header.site_id
        producer.produce(
            "telemetry.frames", frame, site.encode(), partition=partition_of(site), headers=header.encode()
        )
    return len(made)


def run(servers: str, topic: str, readings: int) -> dict[str, float]:
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": "bridge-by-hand", "enable.auto.commit": False, "check.crcs": False,
        "fetch.wait.max.ms": 20, "isolation.level": "read_committed", "queued.min.messages": 200_000,
    })  # fmt: skip
    partitions = list(consumer.list_topics(topic).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 0})
    taken = frames = 0
    began, cpu = time.perf_counter(), time.process_time()
    while taken < readings:
        messages = consumer.consume(AT_ONCE, 0.2)
        if not messages:
            continue
        if any(message.error() for message in messages):
            raise SystemExit("an error in place of a message")
        taken += len(messages)
        first = messages[0]
        span = f"{first.partition()}/{first.offset()}"
        frames += send(producer, [m.value() for m in messages], span, max(m.timestamp()[1] for m in messages) * 1000)
        if producer.flush():
            raise SystemExit("not everything was acknowledged")
        ends = {message.partition(): message.offset() + 1 for message in messages}
        consumer.commit(offsets=[TopicPartition(topic, p, o) for p, o in ends.items()], asynchronous=False)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    return {"readings": taken, "frames": frames, "seconds": seconds, "cpu_s": cpu}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
