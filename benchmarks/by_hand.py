"""`python -m benchmarks.by_hand SERVERS FRAMES WARM LAKE`: what one would write for one site, no more.

confluent-kafka and pyarrow, one process, one loop: the same rule as the registry of benchmarks/workload.py gives
(limit, deadband, on-delay, off-delay, by event time), events to Kafka with every acknowledgement waited for, and every
reading into a Delta table of the same columns, file, folder and log fsynced, offsets in the commit. It has no restart,
no rebalance, no late or unknown readings, no states, criteria or hazards. Prints one JSON object.
"""

import json
import os
import sys
import time
import uuid
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction, RemoveAction

from benchmarks.workload import DEADBAND, LIMIT, OFF_DELAY_US, ON_DELAY_US
from schemas.tables import READINGS
from schemas.topics import SITE_PARTITIONS
from warehouse.durable import stored_schema

FLUSH_ROWS = 200_000
SCHEMA = stored_schema(READINGS)
_READ = pa.ipc.IpcReadOptions(use_threads=False)
_NEVER = -1


@dataclass
class SiteState:
    """Arrays by sensor, in the order in which the site's dictionaries name them."""

    place: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    dictionary: pa.Array | None = None
    codes: Any = None
    active: Any = field(default_factory=lambda: np.zeros(0, bool))
    busy: Any = field(default_factory=lambda: np.zeros(0, bool))
    since: Any = field(default_factory=lambda: np.zeros(0, "int64"))

    def places(self, dictionary: pa.Array) -> Any:
        if self.dictionary is None or not self.dictionary.equals(dictionary):
            for name in dictionary.to_pylist():
                if name not in self.place:
                    self.place[name] = len(self.names)
                    self.names.append(name)
            grown = len(self.names) - len(self.active)
            self.active = np.append(self.active, np.zeros(grown, bool))
            self.busy = np.append(self.busy, np.zeros(grown, bool))
            self.since = np.append(self.since, np.full(grown, _NEVER))
            self.dictionary = dictionary
            self.codes = np.array([self.place[name] for name in dictionary.to_pylist()], "int64")
        return self.codes

    def alarms(self, batch: pa.RecordBatch) -> list[tuple[str, str, int]]:
        """(kind, sensor, at_us) of what the frame raises and returns."""
        ids, times, values, _ = batch.columns
        place = self.places(ids.dictionary)[ids.indices.to_numpy()]
        value = values.to_numpy()
        hot = (value >= LIMIT) | self.busy[place]
        if not hot.any():
            return []
        marked = np.zeros(len(self.names), bool)
        marked[place[hot]] = True
        rows = np.flatnonzero(marked[place])
        at = times.view(pa.int64()).to_numpy()
        rows = rows[np.lexsort((at[rows], place[rows]))]
        found = []
        cuts = [0, *(np.flatnonzero(np.diff(place[rows])) + 1).tolist(), len(rows)]
        for a, b in pairwise(cuts):
            i = int(place[rows[a]])
            for us, v in zip(at[rows[a:b]].tolist(), value[rows[a:b]].tolist(), strict=True):
                if kind := self._step(i, us, v):
                    found.append((kind, self.names[i], us))
        return found

    def _step(self, i: int, us: int, value: float) -> str:
        active, kind = bool(self.active[i]), ""
        counts = value < LIMIT - DEADBAND - 1e-9 if active else value >= LIMIT
        if not counts:
            self.since[i] = _NEVER
        elif self.since[i] == _NEVER:
            self.since[i] = us
        if counts and us - int(self.since[i]) >= (OFF_DELAY_US if active else ON_DELAY_US):
            kind = "alarm_returned" if active else "alarm_raised"
            self.active[i], self.since[i] = not active, _NEVER
        self.busy[i] = self.active[i] or self.since[i] != _NEVER
        return kind


class Lake:
    """Frames wait for FLUSH_ROWS; then one fsynced Parquet file and one fsynced Delta commit."""

    def __init__(self, path: Path) -> None:
        self.path, self.waiting, self.rows, self.landed = path, list[tuple[Message, pa.RecordBatch]](), 0, 0
        DeltaTable.create(path, SCHEMA, partition_by=["day"])

    def add(self, message: Message, batch: pa.RecordBatch) -> None:
        self.waiting.append((message, batch))
        self.rows += batch.num_rows
        if self.rows >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        if not self.waiting:
            return
        table = _table(self.waiting)
        days = table.column("day")
        ends = {f"log/telemetry.frames/{m.partition()}": m.offset() for m, _ in self.waiting}
        adds: list[AddAction | RemoveAction] = []
        for day in days.unique().to_pylist():
            part = table.filter(pa.compute.equal(days, day)) if len(days.unique()) > 1 else table
            adds.append(self._write(part.drop_columns(["day"]), str(day)))
        delta = DeltaTable(self.path)
        delta.create_write_transaction(
            adds, mode="append", schema=SCHEMA, partition_by=["day"],
            commit_properties=CommitProperties(app_transactions=[Transaction(k, v) for k, v in ends.items()]),
        )  # fmt: skip
        log = self.path / "_delta_log"
        for path in (log / f"{delta.version() + 1:020d}.json", log):
            _sync(path)
        self.landed += self.rows
        self.waiting, self.rows = [], 0

    def _write(self, rows: pa.Table, day: str) -> AddAction:
        folder = self.path / f"day={day}"
        folder.mkdir(exist_ok=True)
        file = folder / f"{uuid.uuid4()}.parquet"
        with file.open("wb") as out:
            pq.write_table(rows, out, compression="zstd")
            out.flush()
            os.fsync(out.fileno())
        _sync(folder)
        return AddAction(
            path=f"day={day}/{file.name}", size=file.stat().st_size, partition_values={"day": day},
            modification_time=int(time.time() * 1000), data_change=True,
            stats=json.dumps({"numRecords": rows.num_rows}),
        )  # fmt: skip


def _table(waiting: list[tuple[Message, pa.RecordBatch]]) -> pa.Table:
    batches = [batch for _, batch in waiting]
    lengths = np.array([batch.num_rows for batch in batches])
    headers = [dict(message.headers()) for message, _ in waiting]
    count = int(lengths.sum())

    def each(values: list[Any], kind: Any) -> pa.Array:
        return pa.array(np.repeat(np.array(values), lengths)).cast(kind)

    def text(values: list[str]) -> pa.Array:
        distinct, codes = np.unique(np.array(values), return_inverse=True)
        return pa.DictionaryArray.from_arrays(pa.array(np.repeat(codes.astype("int32"), lengths)), pa.array(distinct))

    whole = pa.Table.from_batches(batches).unify_dictionaries()
    times = whole.column("occurred_at").combine_chunks().view(pa.int64()).to_numpy()
    columns = {
        "log_id": text(["log"] * len(waiting)), "topic": text([m.topic() for m, _ in waiting]),
        "partition": each([m.partition() for m, _ in waiting], pa.int32()),
        "offset": each([m.offset() for m, _ in waiting], pa.int64()),
        "kafka_at": each([m.timestamp()[1] * 1000 for m, _ in waiting], SCHEMA.field("kafka_at").type),
        "row": pa.array(np.concatenate([np.arange(n, dtype="int32") for n in lengths])),
        "frame_id": text([h["frame_id"].decode() for h in headers]),
        "site_id": text([h["site_id"].decode() for h in headers]),
        "sensor_id": whole.column("sensor_id"), "occurred_at": whole.column("occurred_at"),
        "value": whole.column("value"), "quality": whole.column("quality").cast(pa.int16()),
        "source": text([h["source"].decode() for h in headers]),
        "received_at": each([int(h["received_at"]) for h in headers], SCHEMA.field("received_at").type),
        "day": pa.array(((times + 28_800_000_000) // 86_400_000_000).astype("int32")).view(pa.date32()),
    }  # fmt: skip
    nothing = {name: pa.nulls(count, SCHEMA.field(name).type) for name in SCHEMA.names if name not in columns}
    return pa.table({name: (columns | nothing)[name] for name in SCHEMA.names})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def run(servers: str, frames: int, warm: int, lake: Path) -> dict[str, float | int]:
    """Read `frames` frames from the beginning; the clock starts after the first `warm` of them have landed."""
    consumer = Consumer({
        "bootstrap.servers": servers, "group.id": "by-hand", "enable.auto.commit": False, "fetch.wait.max.ms": 20,
    })  # fmt: skip
    consumer.assign([TopicPartition("telemetry.frames", p, 0) for p in range(SITE_PARTITIONS)])
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 5})
    sites: dict[bytes, SiteState] = {}
    table, taken, readings, told = Lake(lake), 0, 0, {"alarm_raised": 0, "alarm_returned": 0}
    began = cpu = 0.0
    while taken < frames:
        for message in consumer.consume(500, 0.1):
            if message.error() is not None:
                raise SystemExit(str(message.error()))
            if taken == warm:
                table.flush()
                began, cpu = time.perf_counter(), time.process_time()
            batch = pa.ipc.open_stream(message.value(), options=_READ).read_next_batch()
            taken += 1
            readings += batch.num_rows
            for kind, sensor, us in sites.setdefault(message.key(), SiteState()).alarms(batch):
                told[kind] += 1
                event = {
                    "kind": kind,
                    "sensor_id": sensor,
                    "at_us": us,
                    "cause": f"{message.partition()}/{message.offset()}",
                }
                producer.produce("alarm.events", orjson.dumps(event), message.key(), partition=message.partition())
            table.add(message, batch)
        producer.poll(0)
    producer.flush()
    table.flush()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    consumer.close()
    return {"readings": readings, "landed": table.landed, "seconds": seconds, "cpu_s": cpu, **told}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))))
