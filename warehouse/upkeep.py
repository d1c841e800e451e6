"""What keeps a lake table quick: merging small files, and deleting files that no reader can still need."""

import datetime as dt
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from schemas.times import to_us
from warehouse.deltalog import Action, now_ms
from warehouse.durable import ROW_GROUP, clustered_options, fit

if TYPE_CHECKING:
    from warehouse.lake import LakeTable

log = logging.getLogger("qingling.lake")

TARGET_BYTES = 64 << 20
ROWS_AT_ONCE = 3_000_000  # bounds the memory of one merge
# One sensor's readings of a day lie together, so a reader skips the rest of the file.
CLUSTER_BY = {"readings": ["site_id", "sensor_id", "occurred_at"]}


@dataclass(frozen=True)
class File:
    """One active data file as the log describes it; `highs` = column → largest value."""

    path: str
    size: int
    rows: int
    modified_ms: int
    partition: tuple[tuple[str, str], ...]
    highs: dict[str, Any]

    def newest_us(self, column: str) -> int:
        """The largest value of a time column (µs UTC); a file without statistics counts as brand-new."""
        high = self.highs.get(column)
        return to_us(high) if isinstance(high, dt.datetime) else 1 << 62


@dataclass(frozen=True)
class Compacted:
    """What a compaction did: files and bytes before and after, of the files it touched."""

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def plus(self, files: int, size: int, adds: list[Action]) -> "Compacted":
        return Compacted(
            self.files_before + files, self.files_after + len(adds), self.bytes_before + size,
            self.bytes_after + sum(int(action["add"]["size"]) for action in adds),
        )  # fmt: skip


def active(table: DeltaTable) -> list[File]:
    """The data files of the table's version."""
    described = pa.table(table.get_add_actions()).to_pylist()
    return [
        File(
            path=row["path"], size=row["size_bytes"], rows=row["num_records"] or 0,
            modified_ms=_ms(row["modification_time"]),
            partition=tuple((key, str(value)) for key, value in (row.get("partition") or {}).items()),
            highs=row.get("max") or {},
        )
        for row in described
    ]  # fmt: skip


def _ms(value: dt.datetime | int) -> int:
    if isinstance(value, int):
        return value
    return to_us(value if value.tzinfo else value.replace(tzinfo=dt.UTC)) // 1000


def groups(
    table: DeltaTable, target_bytes: int, min_files: int, closed_before: dt.date | None = None
) -> Iterator[list[File]]:
    """Files worth merging, oldest first: of one partition, together at most `target_bytes`, at least `min_files`.

    A file larger than all the others of its group together stays out: it would be written again for little. Of a day
    before `closed_before` two files are enough, and a tenth of the largest is: little more will come.
    """
    by_partition: dict[tuple[tuple[str, str], ...], list[File]] = {}
    for file in sorted(active(table), key=lambda file: (file.modified_ms, file.path)):
        if file.size < target_bytes // 2 and file.rows <= ROWS_AT_ONCE // 2:
            by_partition.setdefault(file.partition, []).append(file)
    for partition, files in by_partition.items():
        day = dict(partition).get("day")
        closed = closed_before is not None and day is not None and dt.date.fromisoformat(day) < closed_before
        for group in _filled(files, target_bytes):
            largest = max(group, key=lambda file: file.size)
            others = sum(file.size for file in group) - largest.size
            if len(group) > 2 and largest.size > others * (10 if closed else 1):
                group.remove(largest)
            if len(group) >= (2 if closed else min_files):
                yield group


def _filled(files: list[File], target_bytes: int) -> Iterator[list[File]]:
    group: list[File] = []
    for file in files:
        full = (
            sum(f.size for f in group) + file.size > target_bytes
            or sum(f.rows for f in group) + file.rows > ROWS_AT_ONCE
        )
        if group and full:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


def merge(table: "LakeTable", group: list[File]) -> tuple[list[File], Action | None]:
    """One stored file with the rows of those files of `group` that can be read, and which these are.

    None if a file is gone (another compaction was faster, and its vacuum too), or if less than two are left.
    """
    by = CLUSTER_BY.get(table.name, [])
    plain = pa.schema([field for field in table.schema if field.name not in table.partition_by])
    texts = [field.name for field in plain if field.type == pa.string()] if by else []
    parts: list[pa.Table] = []
    used: list[File] = []
    for file in group:
        try:
            parts.append(table.read(file.path, None, texts))
        except FileNotFoundError:
            return [], None
        except (OSError, pa.ArrowException) as error:
            say_broken(table.name, file.path, error)
        else:
            used.append(file)
    if len(used) < 2:
        return [], None
    parts = [fit(part.select([c for c in plain.names if c in part.column_names]), plain, table.name) for part in parts]
    rows = pa.concat_tables([_encoded(part, texts) for part in parts]).unify_dictionaries().combine_chunks()
    parts.clear()
    options: dict[str, Any] = {"row_group_size": ROW_GROUP}
    if by:
        rows = _clustered(rows, by)
        options = clustered_options(rows)
    return used, table.write(rows, dict(group[0].partition), data_change=False, **options)


def say_broken(name: str, path: str, error: Exception) -> None:
    """A data file that cannot be read stays where it is: a backup has it under the same name."""
    log.error(
        "table %s: %s cannot be read (%s); `qingling restore BACKUP --mend` brings it back from a backup",
        name, path, error,
    )  # fmt: skip


def _encoded(part: pa.Table, texts: list[str]) -> pa.Table:
    """A text column that the file did not have is plain; its neighbours in other files are dictionaries."""
    for name in texts:
        if not pa.types.is_dictionary(part.column(name).type):
            part = part.set_column(part.column_names.index(name), name, part.column(name).dictionary_encode())
    return part


def _clustered(rows: pa.Table, by: list[str]) -> pa.Table:
    """`rows` in the order of `by`: dictionary-encoded texts, then a time.

    Rows come nearly in the order of time, so a stable sort by the texts' codes alone is enough most of the time, and of
    16-bit codes it is a radix sort: 20 times faster than comparing.
    """
    *texts, moment = by
    codes, count = np.zeros(rows.num_rows, "int64"), 1
    for column in texts:
        chunk = rows.column(column).combine_chunks()
        chunk = chunk.chunk(0) if isinstance(chunk, pa.ChunkedArray) else chunk
        rank = pa.compute.rank(chunk.dictionary, tiebreaker="dense").to_numpy() - 1
        size = len(chunk.dictionary)
        codes = codes * size + rank[chunk.indices.to_numpy()].astype("int64")
        count *= size
    if 1 << 16 < count < 1 << 26:  # of all pairs of site and sensor few occur
        present = np.zeros(count, bool)
        present[codes] = True
        dense = np.cumsum(present) - 1
        codes, count = dense[codes], int(dense[-1]) + 1
    codes = codes.astype("uint16") if count <= 1 << 16 else codes
    order = np.argsort(codes, kind="stable")
    times = rows.column(moment).combine_chunks().cast(pa.int64()).to_numpy()
    codes, sorted_times = codes[order], times[order]
    if ((sorted_times[1:] < sorted_times[:-1]) & (codes[1:] == codes[:-1])).any():
        order = order[np.lexsort((sorted_times, codes))]
    return rows.take(pa.array(order))


def remove_action(file: File, data_change: bool) -> Action:
    return {
        "remove": {
            "path": file.path, "deletionTimestamp": now_ms(), "dataChange": data_change, "extendedFileMetadata": True,
            "partitionValues": dict(file.partition), "size": file.size,
        }
    }  # fmt: skip


def removed(lines: Iterable[Action]) -> set[str]:
    """The paths that the actions remove."""
    return {line["remove"]["path"] for line in lines if "remove" in line}


def vacuum(table: DeltaTable, path: Path, keep: Iterable[str], retention_hours: int) -> list[str]:
    """Delete what no version younger than `retention_hours` names and `keep` does not name; the deleted paths."""
    kept = {Path(name).name for name in keep}
    found = table.vacuum(retention_hours=retention_hours, dry_run=True, enforce_retention_duration=False, full=True)
    deleted = [file for file in found if Path(file).name not in kept]
    for file in deleted:
        (path / file).unlink(missing_ok=True)
    table.cleanup_metadata()
    oldest = now_ms() - retention_hours * 3_600_000
    for staged in (path / "_staging").glob("*.json"):
        if staged.stat().st_mtime_ns // 1_000_000 < oldest:
            staged.unlink(missing_ok=True)
    return deleted
