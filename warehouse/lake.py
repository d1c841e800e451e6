"""A lake table: Delta, written durably and exactly once, on a local disk or on S3-compatible storage.

Where a topic-partition has landed stands in the table itself: a `txn` action named `<log_id>/<topic>/<partition>` holds
the last offset, committed together with the rows. Readers take `file_uris()`; never a glob of the folder.

A lake is a folder, or `s3://bucket/prefix`. On a local disk files and commits are our own (warehouse/local.py), because
delta-rs syncs nothing; on S3 an acknowledged object is durable, and delta-rs commits (warehouse/remote.py).
"""

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from schemas.tables import PARTITION_BY, TABLES
from schemas.topics import SITE_PARTITIONS, topics
from warehouse import upkeep
from warehouse.deltalog import Action, TornLog
from warehouse.durable import SchemaBreak, fit, landing_options, split, stored_schema
from warehouse.evolution import missing

__all__ = ["REFUSES", "Fenced", "LakeTable", "Location", "SchemaBreak", "app_id"]

Location = Path | str  # a folder, or an s3:// address

# What a table raises when the storage, the log or the schema does not let it take rows: a writer waits and tries again.
REFUSES = (OSError, DeltaError, SchemaBreak, TornLog, TimeoutError, pa.ArrowException)

_CHECKPOINT_EVERY = 50  # commits; opening a table reads at most so many log files
# A reader holds a snapshot for hours at most; the log's own history is not what the lake is kept for.
CONFIGURATION: dict[str, str | None] = {
    "delta.deletedFileRetentionDuration": "interval 1 days",
    "delta.logRetentionDuration": "interval 2 days",
}


class Fenced(RuntimeError):
    """Somebody else landed these partitions meanwhile: look again, filter, write the rest. Nothing was written."""

    def __init__(self, table: str, moved: Mapping[str, int | None]) -> None:
        super().__init__(f"table {table}: landed by another writer meanwhile: {dict(moved)}")
        self.moved = dict(moved)


def app_id(log_id: str, topic: str, partition: int) -> str:
    """The name under which a topic-partition's last landed offset stands in the Delta log."""
    return f"{log_id}/{topic}/{partition}"


def is_remote(lake: Location) -> bool:
    return isinstance(lake, str) and "://" in lake


class LakeTable(ABC):
    """One table of a lake. Not thread-safe: one writer thread per instance."""

    schema: pa.Schema  # of the table as it is now: the columns of schemas.tables and whatever was added since

    def __init__(self, name: str) -> None:
        self.name = name
        self.partition_by = PARTITION_BY.get(name, [])
        self.wanted = stored_schema(TABLES[name])
        self._landed: dict[str, int | None] = {}

    @staticmethod
    def open(lake: Location, name: str) -> "LakeTable":
        """Open the table `name` of schemas.tables, create it if it is not there, repair a torn log.

        Raises SchemaBreak if the table has a column of another type, TornLog if no repair is safe, OSError or
        DeltaError if the storage refuses.
        """
        from warehouse.local import LocalTable
        from warehouse.remote import RemoteTable

        return RemoteTable(str(lake), name) if is_remote(lake) else LocalTable(Path(lake), name)

    @staticmethod
    def exists(lake: Location, name: str) -> bool:
        """Whether the table has been created; nothing is written."""
        from warehouse.local import LocalTable
        from warehouse.remote import RemoteTable

        return RemoteTable.is_there(str(lake), name) if is_remote(lake) else LocalTable.is_there(Path(lake), name)

    @staticmethod
    def peek(lake: Location, name: str) -> tuple[int, list[str]] | None:
        """Version and files of a table, as `version` and `file_uris` give them; None if it is not there. Only reads."""
        from warehouse.remote import table_at

        if not LakeTable.exists(lake, name):
            return None
        table = table_at(str(lake), name) if is_remote(lake) else DeltaTable((Path(lake) / name).absolute())
        return table.version(), table.file_uris()

    @property
    def version(self) -> int:
        """The newest committed version."""
        self.look()
        return self._version

    @property
    def columns(self) -> dict[str, pa.DataType]:
        """The columns of the table as far as this instance has looked."""
        return {field.name: field.type for field in self.schema}

    def file_uris(self) -> list[str]:
        """Absolute paths (on S3: addresses) of the Parquet files of the newest version, as one snapshot; may be empty.

        Partition columns are not in the files: read with hive partitioning.
        """
        return self.delta().file_uris()

    def files(self) -> list[upkeep.File]:
        """The data files of the newest version, as the log describes them."""
        return upkeep.active(self.delta())

    def landed(self, log_id: str, topic: str) -> dict[int, int]:
        """Partition → last landed offset of one topic; a partition of which nothing has landed is absent."""
        self.look()
        count = topics()[topic].partitions if topic in topics() else SITE_PARTITIONS
        found = {partition: self._offset(app_id(log_id, topic, partition)) for partition in range(count)}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def append(self, rows: pa.Table, ends: Mapping[str, int], expected: Mapping[str, int | None]) -> int:
        """Commit `rows` and, with them, the last offsets `ends` (app_id → offset); returns the version.

        `expected` says what the caller believes is landed (None = nothing). On return rows and offsets are safe.
        Raises Fenced if that is not so (any more), SchemaBreak if the rows do not fit, OSError or DeltaError if the
        storage refuses.
        """
        self.look()
        self.check(expected)
        whole = fit(rows, self.schema, self.name)
        adds: list[Action] = []
        try:
            for values, part in split(whole, self.partition_by):
                if part.num_rows:
                    adds.append(self.write(part, values, **landing_options(part)))
            self._append(adds, ends, expected)
        except (Fenced, SchemaBreak, TimeoutError):
            self.discard(adds)
            raise
        except Exception:
            self._leave_or_discard(adds, ends)
            raise
        if self._version % _CHECKPOINT_EVERY == 0:
            self._checkpoint_quietly()
        return self._version

    def widen(self, fields: Iterable[pa.Field]) -> None:
        """Add the nullable columns that the table has not got, without a pause for anyone else who writes.

        Raises SchemaBreak if one is there with another type.
        """
        self.look()
        wanted = list(stored_schema(pa.schema(list(fields))))
        if missing(self.name, self.schema, wanted):
            self._widen(wanted)
            self.look()

    def compact(
        self, *, target_bytes: int = upkeep.TARGET_BYTES, min_files: int = 4, closed_before: dt.date | None = None
    ) -> upkeep.Compacted:
        """Merge small files, each partition for itself; safe beside readers, writers and other compactions.

        Days before `closed_before` are merged to the end. Memory: that of at most upkeep.ROWS_AT_ONCE rows, twice.
        """
        done = upkeep.Compacted()
        for group in upkeep.groups(self.delta(), target_bytes, min_files, closed_before):
            used, merged = upkeep.merge(self, group)
            if merged and self.replace(used, [merged]):
                done = done.plus(len(used), sum(file.size for file in used), [merged])
        return done

    def replace(
        self, files: list[upkeep.File], adds: list[Action], *, data_change: bool = False,
        marks: Mapping[str, int] | None = None,
    ) -> bool:  # fmt: skip
        """Put `adds` in the place of `files` in one commit; False, and `adds` deleted, if one of `files` is gone.

        `marks`: numbers that stand in the table from this very commit on, as `offset` gives them.
        """
        self.look()
        if not {file.path for file in files} <= {file.path for file in self.files()}:
            self.discard(adds)  # removed before this look: the commit itself would not meet it
            return False
        try:
            self._replace(files, adds, data_change, marks or {})
        except Fenced:
            self.discard(adds)
            return False
        except Exception:
            self.discard(adds)
            raise
        return True

    def check(self, expected: Mapping[str, int | None]) -> None:
        """Raises Fenced if an offset is not where `expected` says, as far as this instance has looked."""
        moved = {name: self._offset(name) for name, offset in expected.items() if self._offset(name) != offset}
        if moved:
            raise Fenced(self.name, moved)

    def offset(self, name: str) -> int | None:
        """The number that the newest `txn` named `name` holds."""
        self.look()
        return self._offset(name)

    def recent(self, columns: list[str], stamp: str, span_us: int, now_us: int) -> Iterator[pa.Table]:
        """`columns` of every file that has a `stamp` within `span_us` of the newest one that is not after `now_us`.

        One table per file, newest file first, rows not filtered, texts as dictionaries. A file that cannot be read is
        left out, and said to be.
        """
        files = sorted(self.files(), key=lambda file: file.newest_us(stamp), reverse=True)
        newest = max((min(file.newest_us(stamp), now_us) for file in files), default=0)
        texts = [column for column in columns if self.schema.field(column).type == pa.string()]
        for file in files:
            if file.newest_us(stamp) >= newest - span_us:
                try:
                    read = self.read(file.path, columns, texts)
                except (OSError, pa.ArrowException) as error:
                    upkeep.say_broken(self.name, file.path, error)
                else:
                    yield read.unify_dictionaries().combine_chunks()

    # -- what the two kinds of storage do differently

    _version: int

    @abstractmethod
    def delta(self) -> DeltaTable:
        """The newest version as delta-rs sees it."""

    @abstractmethod
    def look(self) -> list[Action]:
        """Follow the log to its newest version; the actions seen on the way, where they are known."""

    @abstractmethod
    def write(
        self, rows: pa.Table, partition: dict[str, str], *, data_change: bool = True, **options: object
    ) -> Action:
        """Store `rows` as one Parquet file; the Delta `add` action that names it."""

    @abstractmethod
    def read(self, path: str, columns: list[str] | None, texts: list[str]) -> pa.Table:
        """`columns` of one file (relative path), those of `texts` as dictionaries. Raises FileNotFoundError."""

    @abstractmethod
    def discard(self, adds: Iterable[Action]) -> None:
        """Delete files that were written for a commit which did not happen."""

    @abstractmethod
    def checkpoint(self) -> None:
        """Write a Delta checkpoint of the newest version."""

    @abstractmethod
    def vacuum(self, keep: Iterable[str] = (), *, retention_hours: int = 24) -> list[str]:
        """Delete files that no version younger than `retention_hours` names; returns their paths.

        `keep`: paths or URIs of files that kept build manifests name; they stay whatever the log says.
        """

    @abstractmethod
    def erase(self, predicate: str) -> None:
        """Delete the rows that `predicate` (SQL) is true of, in a commit of its own."""

    @abstractmethod
    def _offset(self, name: str) -> int | None: ...

    @abstractmethod
    def _append(self, adds: list[Action], ends: Mapping[str, int], expected: Mapping[str, int | None]) -> None: ...

    @abstractmethod
    def _replace(
        self, files: list[upkeep.File], adds: list[Action], data_change: bool, marks: Mapping[str, int]
    ) -> None: ...  # fmt: skip

    @abstractmethod
    def _widen(self, fields: list[pa.Field]) -> None: ...

    @abstractmethod
    def _leave_or_discard(self, adds: list[Action], ends: Mapping[str, int]) -> None:
        """After an error of the storage: the commit may have come through all the same."""

    @abstractmethod
    def _checkpoint_quietly(self) -> None: ...
