"""`python -m benchmarks.contenders WHICH SERVERS FRAMES`: a baseline that reads every frame and counts over-limit runs.

loop: confluent-kafka and pyarrow by hand. quix: the same evaluation in Quix Streams. Neither has delays, deadbands,
criteria, hazards, states or a lake: they show what reading, decoding and comparing cost, not what Qingling does.
Prints one JSON object: readings, seconds (first to last message), cpu_s over the same span, runs.
"""

import json
import sys
import time

import numpy as np
import pyarrow as pa
from confluent_kafka import Consumer, TopicPartition

from benchmarks.workload import LIMIT
from schemas.topics import SITE_PARTITIONS

_READ = pa.ipc.IpcReadOptions(use_threads=False)


class Counter:
    """Counts readings and the beginnings of over-limit runs; the clock starts with the first frame."""

    def __init__(self) -> None:
        self.frames = self.readings = self.runs = 0
        self.over: dict[str, bool] = {}
        self.began = self.cpu = 0.0

    def take(self, raw: bytes) -> None:
        if not self.frames:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        batch = pa.ipc.open_stream(raw, options=_READ).read_next_batch()
        self.frames += 1
        self.readings += batch.num_rows
        column = batch.column(0)
        above = batch.column(2).to_numpy() >= LIMIT
        names = column.dictionary.to_pylist()
        ids = column.indices.to_numpy()
        last = np.fromiter((self.over.get(name, False) for name in names), bool, len(names))
        if not above.any() and not last.any():
            return
        for i in np.flatnonzero(above | last[ids]):
            name = names[ids[i]]
            if above[i] and not self.over.get(name, False):
                self.runs += 1
            self.over[name] = bool(above[i])

    def report(self) -> str:
        seconds, cpu = time.perf_counter() - self.began, time.process_time() - self.cpu
        return json.dumps({"readings": self.readings, "seconds": seconds, "cpu_s": cpu, "runs": self.runs})


def loop(servers: str, frames: int) -> Counter:
    counter = Counter()
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bench-loop", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 20})  # fmt: skip
    consumer.assign([TopicPartition("telemetry.frames", p, 0) for p in range(SITE_PARTITIONS)])
    while counter.frames < frames:
        for message in consumer.consume(500, 1.0):
            if message.error() is None:
                counter.take(message.value())
    consumer.close()
    return counter


def quix(servers: str, frames: int) -> Counter:
    from quixstreams import Application

    counter = Counter()
    app = Application(
        servers, consumer_group="bench-quix", auto_offset_reset="earliest", loglevel="ERROR", auto_create_topics=False,
        consumer_extra_config={"session.timeout.ms": 2000, "heartbeat.interval.ms": 400, "fetch.wait.max.ms": 20},
    )  # fmt: skip
    topic = app.topic("telemetry.frames", key_deserializer="bytes", value_deserializer="bytes")
    app.dataframe(topic).update(counter.take)
    app.run(count=frames, collect=False)
    return counter


if __name__ == "__main__":
    which, address, count = sys.argv[1:]
    print({"loop": loop, "quix": quix}[which](address, int(count)).report())
