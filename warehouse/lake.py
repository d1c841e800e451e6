"""A lake table: Delta on a local disk, written durably and exactly once.

Where a topic-partition has landed stands in the table itself: a `txn` action named `<log_id>/<topic>/<partition>` holds
the last offset, committed together with the rows. Readers take `file_uris()`; never a glob of the folder.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake import Field as DeltaField
from deltalake.exceptions import DeltaError, TableNotFoundError

from schemas.tables import PARTITION_BY, TABLES
from schemas.topics import SITE_PARTITIONS, topics
from warehouse import deltalog, upkeep
from warehouse.deltalog import Action
from warehouse.durable import SchemaBreak, fit, landing_options, split, stored_schema, write_file

__all__ = ["Fenced", "LakeTable", "SchemaBreak", "app_id"]

_CHECKPOINT_EVERY = 50  # commits; opening a table reads at most so many log files
_ATTEMPTS = 200
# A reader holds a snapshot for hours at most; the log's own history is not what the lake is kept for.
_CONFIGURATION: dict[str, str | None] = {
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


class LakeTable:
    """One table below the lake folder. Not thread-safe: one writer thread per instance."""

    def __init__(self, lake: Path, name: str) -> None:
        """Open the table `name` of schemas.tables below `lake`, create it if it is not there, repair a torn log.

        Raises SchemaBreak if the table on disk has a column of another type, TornLog if no repair is safe.
        """
        self.name = name
        self.path = (Path(lake) / name).absolute()
        self._log = self.path / "_delta_log"
        self._partition_by = PARTITION_BY.get(name, [])
        self.schema = stored_schema(TABLES[name])
        self.repaired = deltalog.repair(self.path)
        self._landed: dict[str, int | None] = {}
        self._foreign: list[int] = []
        self._snapshot = self._open()

    @classmethod
    def open(cls, lake: Path, name: str) -> "LakeTable":
        return cls(lake, name)

    @staticmethod
    def exists(lake: Path, name: str) -> bool:
        """Whether the table has been created; nothing is written."""
        return bool(deltalog.versions(Path(lake) / name / "_delta_log"))

    @property
    def version(self) -> int:
        """The newest committed version."""
        self._look()
        return self._version

    def file_uris(self) -> list[str]:
        """Absolute paths of the Parquet files of the newest version, as one snapshot; may be empty.

        Partition columns are not in the files: read with hive partitioning.
        """
        return self._delta().file_uris()

    def landed(self, log_id: str, topic: str) -> dict[int, int]:
        """Partition → last landed offset of one topic; a partition of which nothing has landed is absent."""
        self._look()
        count = topics()[topic].partitions if topic in topics() else SITE_PARTITIONS
        found = {partition: self._offset(app_id(log_id, topic, partition)) for partition in range(count)}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def append(self, rows: pa.Table, ends: Mapping[str, int], expected: Mapping[str, int | None]) -> int:
        """Commit `rows` and, with them, the last offsets `ends` (app_id → offset); returns the version.

        `expected` says what the caller believes is landed (None = nothing). On return rows and offsets are on the disk.
        Raises Fenced if that is not so (any more), SchemaBreak if the rows do not fit, OSError if the disk refuses.
        """
        self._look()
        self._check(expected)
        whole = fit(rows, self.schema, self.name)
        adds: list[Action] = []
        stamp = deltalog.now_ms()
        marks = [{"txn": {"appId": name, "version": end, "lastUpdated": stamp}} for name, end in ends.items()]
        try:
            for values, part in split(whole, self._partition_by):
                if part.num_rows:
                    adds.append(write_file(self.path, part, values, **landing_options(part)))
            self._commit("WRITE", [*marks, *adds], expected, blind=True, mode="Append")
        except (Fenced, TimeoutError):
            upkeep.discard(self.path, adds)
            raise
        except OSError:
            self._look()
            if ends and any(self._offset(name) != end for name, end in ends.items()):
                upkeep.discard(self.path, adds)  # a full disk must not fill further with every attempt
            raise
        if self._version % _CHECKPOINT_EVERY == 0:
            with suppress(DeltaError, OSError):  # rows and offsets are safe; the next one will do
                self.checkpoint()
        return self._version

    def compact(self, *, target_bytes: int = upkeep.TARGET_BYTES, min_files: int = 4) -> upkeep.Compacted:
        """Merge small files, each partition for itself; safe beside readers, writers and other compactions."""
        done = upkeep.Compacted()
        for group in upkeep.groups(self._delta(), target_bytes, min_files):
            merged = upkeep.merge(self.path, group, self.schema, self._partition_by)
            if merged is None:
                continue  # another compaction was faster and its vacuum too
            self._look()
            removes = [upkeep.remove_action(file) for file in group]
            if not self._replace(removes, merged):
                continue
            done = done.plus(len(group), sum(file.size for file in group), merged)
        return done

    def checkpoint(self) -> None:
        """Write a Delta checkpoint of the newest version and put it on the disk."""
        self._delta().create_checkpoint()
        for file in self._log.glob(f"{deltalog.checkpointed(self._log):020d}.checkpoint*.parquet"):
            deltalog.sync(file)
        deltalog.sync(self._log / "_last_checkpoint")
        deltalog.sync(self._log)

    def vacuum(self, keep: Iterable[str] = (), *, retention_hours: int = 24) -> list[str]:
        """Delete files that no version younger than `retention_hours` names; returns their paths.

        `keep`: paths or URIs of files that kept build manifests name; they stay whatever the log says.
        """
        return upkeep.vacuum(self._delta(), self.path, keep, retention_hours)

    def recent(self, columns: list[str], stamp: str, span_us: int) -> Iterator[pa.Table]:
        """`columns` of every file that has a `stamp` within `span_us` of the newest in the table.

        One table per file, newest file first, rows not filtered, texts as dictionaries.
        """
        files = sorted(upkeep.active(self._delta()), key=lambda file: file.newest_us(stamp), reverse=True)
        texts = [column for column in columns if self.schema.field(column).type == pa.string()]
        for file in files:
            if file.newest_us(stamp) >= files[0].newest_us(stamp) - span_us:
                read = pq.read_table(self.path / file.path, columns=columns, read_dictionary=texts, partitioning=None)
                yield read.unify_dictionaries().combine_chunks()

    # -- inside

    def _delta(self) -> DeltaTable:
        return DeltaTable(self.path)

    def _open(self) -> DeltaTable:
        try:
            table = self._delta()
        except TableNotFoundError:
            table = self._create()
        newest = table.protocol()
        self._readable({"minReaderVersion": newest.min_reader_version, "minWriterVersion": newest.min_writer_version})
        table = self._evolve(table)
        self._version = table.version()
        return table

    def _readable(self, protocol: Action) -> None:
        """We write commits ourselves, to the oldest protocol; a table with newer features would be spoilt."""
        if protocol["minReaderVersion"] > 1 or protocol["minWriterVersion"] > 2:
            raise SchemaBreak(f"table {self.name} was given Delta features that we do not write: {protocol}")

    def _create(self) -> DeltaTable:
        self.path.mkdir(parents=True, exist_ok=True)
        with suppress(DeltaError):  # another process was faster; opening says if that is not the reason
            DeltaTable.create(
                self.path, self.schema, mode="ignore", partition_by=self._partition_by, configuration=_CONFIGURATION
            )
        table = self._delta()
        deltalog.sync(deltalog.commit_path(self._log, 0))
        for folder in (self._log, self.path, self.path.parent):
            deltalog.sync(folder)
        return table

    def _evolve(self, table: DeltaTable) -> DeltaTable:
        """Add new nullable columns to the table on disk; a changed type or a new required column is refused."""
        present = {field.name: field.type for field in pa.schema(table.schema().to_arrow())}
        for field in self.schema:
            if field.name in present and present[field.name] != field.type:
                raise SchemaBreak(
                    f"table {self.name}, column {field.name}: {present[field.name]} on disk, {field.type} wanted"
                )
        missing = [field for field in self.schema if field.name not in present]
        for field in missing:
            if not field.nullable:
                raise SchemaBreak(f"table {self.name}: new column {field.name} must be nullable")
        if not missing:
            return table
        table.alter.add_columns([DeltaField.from_arrow(field) for field in missing])
        table = self._delta()
        deltalog.sync(deltalog.commit_path(self._log, table.version()))
        deltalog.sync(self._log)
        return table

    def _offset(self, name: str) -> int | None:
        if name not in self._landed:
            self._landed[name] = self._snapshot.transaction_version(name)
        return self._landed[name]

    def _check(self, expected: Mapping[str, int | None]) -> None:
        moved = {name: self._offset(name) for name, offset in expected.items() if self._offset(name) != offset}
        if moved:
            raise Fenced(self.name, moved)

    def _look(self) -> list[Action]:
        """Follow the log to its newest version; the actions seen on the way."""
        if deltalog.checkpointed(self._log) > self._version + _CHECKPOINT_EVERY * 2:
            self._landed.clear()  # too far behind: the log between may have been cleaned up
            self._snapshot = self._open()
        seen: list[Action] = []
        while deltalog.commit_path(self._log, self._version + 1).exists():
            lines = deltalog.actions(self._log, self._version + 1)
            self._foreign.append(self._version + 1)
            for mark in (line["txn"] for line in lines if "txn" in line):
                self._landed[mark["appId"]] = mark["version"]
            for upgrade in (line["protocol"] for line in lines if "protocol" in line):
                self._readable(upgrade)
            seen += lines
            self._version += 1
        return seen

    def _commit(
        self, operation: str, lines: list[Action], expected: Mapping[str, int | None], *, blind: bool, **parameters: str
    ) -> None:  # fmt: skip
        for _ in range(_ATTEMPTS):
            for version in self._foreign:  # ours rests on them, and delta-rs does not fsync
                with suppress(FileNotFoundError):
                    deltalog.sync(deltalog.commit_path(self._log, version))
            self._foreign.clear()
            info = deltalog.commit_info(operation, self._version, blind=blind, **parameters)
            ours = self._version + 1
            if deltalog.put(self._log, ours, [info, *lines]):
                self._look()
                self._foreign.remove(ours)
                return
            gone = upkeep.removed(self._look()) & upkeep.removed(lines)
            if gone:
                raise Fenced(self.name, dict.fromkeys(gone))
            self._check(expected)
        raise TimeoutError(f"table {self.name}: {_ATTEMPTS} times another writer was faster")

    def _replace(self, removes: list[Action], merged: Action) -> bool:
        try:
            self._commit("OPTIMIZE", [*removes, merged], {}, blind=False)
        except Fenced:
            upkeep.discard(self.path, [merged])
            return False
        return True
