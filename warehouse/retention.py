"""Days that are older than their table's retention: downsampled first, then let go. Beside readers and writers.

Exactly once, whatever dies: `readings` counts, in the commit that lets a day go, how many parts of the day have been
downsampled. A part that a killed run has written but not counted is erased and written again; readings that come late
for a day already let go make its next part, and the aggregates of all parts add up.
"""

import datetime as dt
import logging
import tempfile
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
from deltalake import DeltaTable

from schemas.retention import Retention, retentions
from schemas.tables import STAMP
from warehouse import upkeep
from warehouse.lake import LakeTable, Location

log = logging.getLogger("qingling.lake")

_MEMORY = "1GB"
# Times are counted in UTC microseconds: spans of minutes and hours begin together in UTC and in Shanghai.
_DOWNSAMPLE = """
SELECT site_id, sensor_id, epoch_us(occurred_at) // $span * $span AS began_us, count(*) AS n,
    count(*) FILTER (NOT isnan(value)) AS n_values, min(value) FILTER (NOT isnan(value)) AS min,
    max(value) FILTER (NOT isnan(value)) AS max, sum(value) FILTER (NOT isnan(value)) AS sum,
    min(epoch_us(occurred_at)) AS first_us, max(epoch_us(occurred_at)) AS last_us,
    arg_max(value, occurred_at) AS last, bit_or(quality::SMALLINT) AS quality
FROM expiring GROUP BY ALL ORDER BY ALL
"""


def expire(lake: Location, today: dt.date, rules: tuple[Retention, ...] | None = None) -> dict[str, Any]:
    """Let go of every day that `rules` (default: retention.yaml) do not keep on `today`; `{table: {days, rows}}`."""
    done: dict[str, Any] = {}
    for rule in retentions() if rules is None else rules:
        if not LakeTable.exists(lake, rule.table):
            continue
        table = LakeTable.open(lake, rule.table)
        for day in _expired(table, rule.oldest(today)):
            rows = _let_go(lake, table, rule, day)
            found = done.setdefault(rule.table, {"days": 0, "rows": 0})
            found["days"] += 1
            found["rows"] += rows
    return done


def _expired(table: LakeTable, oldest: dt.date) -> Iterator[dt.date]:
    days = {dt.date.fromisoformat(dict(file.partition)["day"]) for file in table.files()}
    yield from sorted(day for day in days if day < oldest)


def _let_go(lake: Location, table: LakeTable, rule: Retention, day: dt.date) -> int:
    """Downsample one day and remove its files; the number of rows. 0 if somebody changed them: the next run does it."""
    delta = table.delta()
    files = [file for file in upkeep.active(delta) if dict(file.partition)["day"] == str(day)]
    name = f"retention/{rule.table}/{day}"
    part = table.offset(name) or 0
    for target, span in rule.then:
        _downsample(LakeTable.open(lake, target), delta, day, span, part)
    if not table.replace(files, [], data_change=True, marks={name: part + 1}):
        log.warning("table %s, %s: changed meanwhile, kept until the next run", rule.table, day)
        return 0
    return sum(file.rows for file in files)


def _downsample(target: LakeTable, delta: DeltaTable, day: dt.date, span: int, part: int) -> None:
    """Write the spans of one day of `delta` as part `part` of `target`, once."""
    name = f"retention/{target.name}/{day}"
    before = target.offset(name)
    if before is not None and before >= part:  # written by a run that did not get to let the day go
        target.erase(f"part = {part} AND {_same_day(target, day)}")
    rows = _spans(delta, day, span)
    same = {"part": pa.scalar(part, pa.int32()), "day": pa.scalar(day), "month": pa.scalar(f"{day:%Y-%m}")}
    for column in ("part", *target.partition_by):
        rows = rows.append_column(column, pa.repeat(same[column], rows.num_rows))
    target.append(rows, {name: part}, {name: before})


def _same_day(target: LakeTable, day: dt.date) -> str:
    if target.partition_by == ["day"]:
        return f"day = '{day}'"
    began = dt.datetime.combine(day, dt.time(), dt.timezone(dt.timedelta(hours=8))).astimezone(dt.UTC)
    until = began + dt.timedelta(days=1)
    return f"month = '{day:%Y-%m}' AND began_at >= '{began:%FT%TZ}' AND began_at < '{until:%FT%TZ}'"


def _spans(delta: DeltaTable, day: dt.date, span: int) -> pa.Table:
    with tempfile.TemporaryDirectory(prefix="qingling-") as spill, duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{_MEMORY}'")
        con.execute(f"SET temp_directory = '{spill}'")
        con.register("expiring", delta.to_pyarrow_dataset(partitions=[("day", "=", str(day))]))
        found = con.sql(_DOWNSAMPLE, params={"span": span * 1_000_000}).to_arrow_table()
    columns = {name: found[name] for name in ("site_id", "sensor_id", "n", "n_values", "min", "max", "sum", "last")}
    for name in ("began", "first", "last"):
        columns[f"{name}_at"] = found[f"{name}_us"].cast(STAMP)
    columns["quality"] = found["quality"]
    return pa.table(columns)
