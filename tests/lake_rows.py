"""Rows for tests of the lake, and landings of them."""

import datetime as dt

import pyarrow as pa

from schemas import tables
from warehouse.lake import LakeTable, app_id

APP = app_id("log", "registry.rules", 0)
START = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


def states(first: int, count: int, partition: int = 0) -> pa.Table:
    return pa.table({
        "log_id": ["log"] * count, "topic": ["registry.rules"] * count,
        "partition": pa.array([partition] * count, pa.int32()), "offset": list(range(first, first + count)),
        "kafka_at": pa.array([START] * count, tables.STAMP), "key": [f"k{i}" for i in range(count)],
        "value": ['{"limit": 1.0}'] * count,
    })  # fmt: skip


def readings(first: int, count: int, at: dt.datetime = START, frame: str = "f") -> pa.Table:
    return pa.table({
        "log_id": pa.array(["log"] * count).dictionary_encode(), "topic": ["telemetry.frames"] * count,
        "partition": pa.array([0] * count, pa.int32()), "offset": [first] * count,
        "kafka_at": pa.array([at] * count, tables.STAMP), "row": pa.array(range(count), pa.int32()),
        "frame_id": [f"{frame}{first}"] * count, "site_id": ["s"] * count,
        "sensor_id": pa.array([f"m{i % 7}" for i in range(count)]).dictionary_encode(),
        "occurred_at": pa.array([at] * count, tables.STAMP), "value": [float(i) for i in range(count)],
        "quality": pa.array([255] * count, pa.uint8()), "source": ["t"] * count,
        "received_at": pa.array([at] * count, tables.STAMP), "day": pa.array([at.date()] * count, pa.date32()),
    })  # fmt: skip


def land(table: LakeTable, count: int, rows: int = 10) -> None:
    """`count` commits of `rows` records each, after what is landed."""
    last = table.landed("log", "registry.rules").get(0)
    for _ in range(count):
        first = 0 if last is None else last + 1
        table.append(states(first, rows), {APP: first + rows - 1}, {APP: last})
        last = first + rows - 1
