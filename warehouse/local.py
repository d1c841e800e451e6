"""A lake table on a local disk: Parquet files and commits of our own, each on the disk before it counts.

The cost of a commit does not grow with the table: only the commits that came after the last one seen are read
(docs/decisions/0006).
"""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from warehouse import deltalog, upkeep
from warehouse.deltalog import Action
from warehouse.durable import SchemaBreak, write_file
from warehouse.evolution import arrow_schema, missing, widen
from warehouse.lake import CONFIGURATION, Fenced, LakeTable

_ATTEMPTS = 200
_FAR_BEHIND = 100  # versions: beyond a checkpoint the log between may have been cleaned up


class LocalTable(LakeTable):
    """One table below a lake folder."""

    def __init__(self, lake: Path, name: str) -> None:
        super().__init__(name)
        self.path = (lake / name).absolute()
        self._log = self.path / "_delta_log"
        self.repaired = deltalog.repair(self.path)
        self._foreign: list[int] = []
        self._snapshot = self._open()

    @staticmethod
    def is_there(lake: Path, name: str) -> bool:
        return bool(deltalog.versions(lake / name / "_delta_log"))

    def delta(self) -> DeltaTable:
        return DeltaTable(self.path)

    def look(self) -> list[Action]:
        if deltalog.checkpointed(self._log) > self._version + _FAR_BEHIND:
            self._landed.clear()
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
        if any("metaData" in line for line in seen):  # somebody changed the columns
            self.schema = arrow_schema(self.delta())
            missing(self.name, self.schema, self.wanted)
        return seen

    def write(self, rows: pa.Table, partition: dict[str, str], *, data_change: bool = True, **options: Any) -> Action:
        return write_file(self.path, rows, partition, data_change=data_change, **options)

    def read(self, path: str, columns: list[str] | None, texts: list[str]) -> pa.Table:
        return pq.read_table(self.path / path, columns=columns, read_dictionary=texts, partitioning=None)

    def discard(self, adds: Iterable[Action]) -> None:
        for action in adds:
            (self.path / action["add"]["path"]).unlink(missing_ok=True)

    def checkpoint(self) -> None:
        self.delta().create_checkpoint()
        for file in self._log.glob(f"{deltalog.checkpointed(self._log):020d}.checkpoint*.parquet"):
            deltalog.sync(file)
        deltalog.sync(self._log / "_last_checkpoint")
        deltalog.sync(self._log)

    def vacuum(self, keep: Iterable[str] = (), *, retention_hours: int = 24) -> list[str]:
        return upkeep.vacuum(self.delta(), self.path, keep, retention_hours)

    # -- inside

    def _open(self) -> DeltaTable:
        try:
            table = self.delta()
        except TableNotFoundError:
            table = self._create()
        newest = table.protocol()
        self._readable({"minReaderVersion": newest.min_reader_version, "minWriterVersion": newest.min_writer_version})
        before = table.version()
        if widen(self.name, table, self.wanted):
            table = self.delta()
            self._sync_log(before, table.version())
        self.schema = arrow_schema(table)
        self._version = table.version()
        return table

    def _readable(self, protocol: Action) -> None:
        """We write commits ourselves, to the oldest protocol; a table with newer features would be spoilt."""
        if protocol["minReaderVersion"] > 1 or protocol["minWriterVersion"] > 2:
            raise SchemaBreak(f"table {self.name} was given Delta features that we do not write: {protocol}")

    def _create(self) -> DeltaTable:
        """The first commit is made aside: delta-rs, when two processes create a table at once, commits a second one."""
        staging = self.path / "_staging"
        for folder in (staging, self._log):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=staging) as aside:
            DeltaTable.create(aside, self.wanted, partition_by=self.partition_by, configuration=CONFIGURATION)
            first = deltalog.actions(Path(aside) / "_delta_log", 0)
        deltalog.put(self._log, 0, first)  # or another process was faster
        for folder in (self.path, self.path.parent):
            deltalog.sync(folder)
        return self.delta()

    def _widen(self, fields: list[pa.Field]) -> None:
        table = self.delta()
        before = table.version()
        if widen(self.name, table, fields):
            self._sync_log(before, self.delta().version())

    def _sync_log(self, before: int, newest: int) -> None:
        for version in range(before + 1, newest + 1):
            deltalog.sync(deltalog.commit_path(self._log, version))
        deltalog.sync(self._log)

    def _offset(self, name: str) -> int | None:
        if name not in self._landed:
            self._landed[name] = self._snapshot.transaction_version(name)
        return self._landed[name]

    def _append(self, adds: list[Action], ends: Mapping[str, int], expected: Mapping[str, int | None]) -> None:
        self._commit("WRITE", [*_txns(ends), *adds], expected, blind=True, mode="Append")

    def _replace(
        self, files: list[upkeep.File], adds: list[Action], data_change: bool, marks: Mapping[str, int]
    ) -> None:  # fmt: skip
        removes = [upkeep.remove_action(file, data_change) for file in files]
        operation = "DELETE" if data_change else "OPTIMIZE"
        self._commit(operation, [*_txns(marks), *removes, *adds], {}, blind=False)

    def erase(self, predicate: str) -> None:
        self.look()
        self.delta().delete(predicate)
        for action in self.look():  # delta-rs syncs nothing
            if "add" in action:
                file = self.path / action["add"]["path"]
                deltalog.sync(file)
                deltalog.sync(file.parent)

    def _leave_or_discard(self, adds: list[Action], ends: Mapping[str, int]) -> None:
        self.look()
        if ends and any(self._offset(name) != end for name, end in ends.items()):
            self.discard(adds)  # a full disk must not fill further with every attempt

    def _checkpoint_quietly(self) -> None:
        with suppress(DeltaError, OSError):  # rows and offsets are safe; the next one will do
            self.checkpoint()

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
                self.look()
                self._foreign.remove(ours)
                return
            gone = upkeep.removed(self.look()) & upkeep.removed(lines)
            if gone:
                raise Fenced(self.name, dict.fromkeys(gone))
            self.check(expected)
        raise TimeoutError(f"table {self.name}: {_ATTEMPTS} times another writer was faster")


def _txns(marks: Mapping[str, int]) -> list[Action]:
    stamp = deltalog.now_ms()
    return [{"txn": {"appId": name, "version": number, "lastUpdated": stamp}} for name, number in marks.items()]
