"""`python -m benchmarks.landing_cost`: the CPU of landing beside that of writing the same batches by hand.

Three contenders over the same frames, in turn, in one process (CPU seconds of all threads, best of the rounds):

- landing: `Lander.land` on Kafka records in memory: decode, check, drop doubles, coordinates, Parquet, fsync, commit;
- write: `pq.write_table` (zstd) of the finished tables and fsync, nothing else: neither decoding nor a Delta log;
- by hand: decode each frame, add its coordinates, concatenate, write, fsync, `create_write_transaction` of delta-rs.
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.transaction import AddAction

from benchmarks.workload import Workload
from schemas.frames import FrameHeader
from schemas.tables import READINGS
from schemas.topics import partition_of, topics
from streams.admission import Refusals
from streams.decode import Record
from streams.landing_batch import Lander
from streams.landing_frames import frame_rows, sort_frames
from streams.landing_tables import Lost
from warehouse.durable import stored_schema
from warehouse.lake import Fenced, LakeTable

_FRAMES = "telemetry.frames"
_LOGS = {name: f"log-of-{name}" for name in topics()}
_READ = pa.ipc.IpcReadOptions(use_threads=False)

Batches = list[list[Record]]


def records(work: Workload) -> list[Record]:
    """The frames of `work` as Kafka records, offsets going up in each partition."""
    found: list[Record] = []
    ends: dict[int, int] = {}
    for site_id, raw, headers in work.messages():
        partition = partition_of(site_id)
        offset = ends.get(partition, 0)
        ends[partition] = offset + 1
        stamp = FrameHeader.decode(headers).received_at_us + 1_000
        found.append(Record(_LOGS[_FRAMES], _FRAMES, partition, offset, site_id.encode(), raw, tuple(headers), stamp))
    return found


def landing(folder: Path, batches: Batches, _tables: list[pa.Table]) -> None:
    lander = Lander(lambda name: LakeTable.open(folder, name), Fenced, _no_refusals, _NoGaps())
    lander.take([(_FRAMES, partition) for partition in range(8)], _LOGS, {})
    for batch in batches:
        lander.land(batch)


def write(folder: Path, _batches: Batches, tables: list[pa.Table]) -> None:
    for number, table in enumerate(tables):
        _write(folder / f"{number}.parquet", table)


def by_hand(folder: Path, batches: Batches, _tables: list[pa.Table]) -> None:
    schema = stored_schema(READINGS)
    delta = DeltaTable.create(str(folder / "delta"), schema, partition_by=["day"])
    plain = pa.schema([field for field in schema if field.name not in ("day", "raw_file", "raw_sha256")])
    for number, batch in enumerate(batches):
        parts, ends, day = [], {}, ""
        for record in batch:
            header = FrameHeader.decode(record.headers)
            rows = pa.ipc.open_stream(record.value, options=_READ).read_next_batch()
            count = rows.num_rows
            same = {
                "log_id": record.log_id, "topic": record.topic, "partition": record.partition, "offset": record.offset,
                "kafka_at": record.timestamp_us, "frame_id": header.frame_id, "site_id": header.site_id,
                "source": header.source, "received_at": header.received_at_us,
            }  # fmt: skip
            columns = {
                name: rows.column(name) if name in rows.schema.names
                else pa.array(np.arange(count, dtype="int32")) if name == "row"
                else pa.repeat(pa.scalar(same[name], plain.field(name).type), count)
                for name in plain.names
            }  # fmt: skip
            parts.append(pa.table(columns))
            ends[f"{record.log_id}/{record.topic}/{record.partition}"] = record.offset
            day = str(rows.column("occurred_at")[0].as_py().date())
        path = f"day={day}/{number}.parquet"
        (folder / "delta" / path).parent.mkdir(exist_ok=True)
        table = pa.concat_tables(parts).unify_dictionaries().combine_chunks()
        _write(folder / "delta" / path, table)
        add = AddAction(path, 1, {"day": day}, 0, True, json.dumps({"numRecords": table.num_rows}))
        marks = CommitProperties(app_transactions=[Transaction(name, end) for name, end in ends.items()])
        delta.create_write_transaction([add], "append", delta.schema(), ["day"], commit_properties=marks)
        delta.update_incremental()


def _write(path: Path, table: pa.Table) -> None:
    with path.open("wb") as out:
        pq.write_table(table, out, compression="zstd")
        out.flush()
        os.fsync(out.fileno())


class _NoGaps:
    def fill(self, *_: object) -> Iterator[Lost | list[Record]]:
        raise AssertionError("the benchmark's frames have no gaps")


def _no_refusals(refusals: Refusals) -> None:
    raise AssertionError(f"the benchmark's frames are good: {refusals[0]}")


def measure(frames: int, per_batch: int, rounds: int) -> dict[str, float]:
    """CPU seconds per million readings of each contender, and the ratios of landing to the others."""
    work = Workload(frames=frames)
    made = records(work)
    batches = [made[i : i + per_batch] for i in range(0, len(made), per_batch)]
    tables = [frame_rows(sort_frames(batch).frames).drop_columns(["day"]) for batch in batches]
    contenders: dict[str, Callable[[Path, Batches, list[pa.Table]], None]] = {
        "landing": landing, "write": write, "by_hand": by_hand,
    }  # fmt: skip
    best = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            folder = Path(tempfile.mkdtemp(prefix="qingling-bench-"))
            began = time.process_time()
            run(folder, batches, tables)
            best[name] = min(best[name], time.process_time() - began)
            shutil.rmtree(folder)
    found = {name: seconds / work.readings * 1e6 for name, seconds in best.items()}
    found["landing_to_write"] = found["landing"] / found["write"]
    found["landing_to_by_hand"] = found["landing"] / found["by_hand"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing_cost", description=__doc__)
    parser.add_argument("--frames", type=int, default=2_000, help="frames of 1,000 readings")
    parser.add_argument("--batch", type=int, default=200, help="frames per batch")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    found = measure(chosen.frames, chosen.batch, chosen.rounds)
    for name in ("landing", "write", "by_hand"):
        print(
            f"{name:8} {found[name]:6.3f} CPU s per million readings, landing is {found['landing'] / found[name]:.2f} x"
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
