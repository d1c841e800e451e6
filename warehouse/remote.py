"""A lake table on S3-compatible storage: `s3://bucket/prefix/<table>`.

An object is durable when its PUT is acknowledged, so there is nothing to sync; delta-rs commits with a conditional PUT.
The address of the storage, keys and region come from the usual AWS_* variables of the environment
(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION; AWS_ALLOW_HTTP=true for plain http).
"""

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs

from warehouse import upkeep
from warehouse.deltalog import Action
from warehouse.durable import add_action, parquet
from warehouse.evolution import arrow_schema, missing, widen
from warehouse.lake import CONFIGURATION, Fenced, LakeTable

_ATTEMPTS = 20
_CONNECT_S, _REQUEST_S = 5.0, 60.0
# A storage that refuses is met again by the next attempt of landing; delta-rs alone would wait for three minutes.
_OPTIONS = {"max_retries": "2", "retry_timeout": "20s", "timeout": "60s", "connect_timeout": "5s"}


class RemoteTable(LakeTable):
    """One table below an s3:// address. A storage that refuses shows as OSError or DeltaError."""

    def __init__(self, lake: str, name: str) -> None:
        super().__init__(name)
        self.url = f"{lake.rstrip('/')}/{name}"
        self._files = fs.SubTreeFileSystem(self.url.removeprefix("s3://"), storage())
        self._delta = self._open()

    @staticmethod
    def is_there(lake: str, name: str) -> bool:
        return DeltaTable.is_deltatable(f"{lake.rstrip('/')}/{name}", storage_options=_OPTIONS)

    def delta(self) -> DeltaTable:
        self.look()
        return self._delta

    def look(self) -> list[Action]:
        self._delta.update_incremental()
        if self._delta.version() != self._version:
            self._version = self._delta.version()
            self._landed.clear()
            self.schema = arrow_schema(self._delta)
            missing(self.name, self.schema, self.wanted)
        return []

    def write(self, rows: pa.Table, partition: dict[str, str], *, data_change: bool = True, **options: Any) -> Action:
        folder = "/".join(f"{key}={value}" for key, value in partition.items())
        path = f"{folder}/part-{uuid.uuid4()}.zstd.parquet".removeprefix("/")
        content = parquet(rows, **options)
        with self._files.open_output_stream(path) as out:
            out.write(content)
        return add_action(path, partition, content, rows, data_change=data_change)

    def read(self, path: str, columns: list[str] | None, texts: list[str]) -> pa.Table:
        return pq.read_table(path, columns=columns, read_dictionary=texts, partitioning=None, filesystem=self._files)

    def discard(self, adds: Iterable[Action]) -> None:
        for action in adds:
            with suppress(OSError):  # what is left is no part of the table; a vacuum deletes it
                self._files.delete_file(action["add"]["path"])

    def checkpoint(self) -> None:
        self.delta().create_checkpoint()

    def vacuum(self, keep: Iterable[str] = (), *, retention_hours: int = 24) -> list[str]:
        kept = {name.rsplit("/", 1)[-1] for name in keep}
        table = self.delta()
        found = table.vacuum(retention_hours=retention_hours, dry_run=True, enforce_retention_duration=False, full=True)
        deleted = [path for path in found if path.rsplit("/", 1)[-1] not in kept]
        for path in deleted:
            with suppress(FileNotFoundError):
                self._files.delete_file(path)
        table.cleanup_metadata()
        return deleted

    # -- inside

    def _open(self) -> DeltaTable:
        try:
            table = DeltaTable(self.url, storage_options=_OPTIONS)
        except TableNotFoundError:
            with suppress(CommitFailedError):  # another process was faster
                DeltaTable.create(
                    self.url, self.wanted, mode="ignore", partition_by=self.partition_by, configuration=CONFIGURATION,
                    storage_options=_OPTIONS,
                )  # fmt: skip
            table = DeltaTable(self.url, storage_options=_OPTIONS)
        if widen(self.name, table, self.wanted):
            table.update_incremental()
        self.schema, self._version = arrow_schema(table), table.version()
        return table

    def _widen(self, fields: list[pa.Field]) -> None:
        widen(self.name, self._delta, fields)

    def _offset(self, name: str) -> int | None:
        if name not in self._landed:
            self._landed[name] = self._delta.transaction_version(name)
        return self._landed[name]

    def _append(self, adds: list[Action], ends: Mapping[str, int], expected: Mapping[str, int | None]) -> None:
        """delta-rs refuses a commit if an offset it carries moved after this instance looked.

        Without `ends` nothing would say whether an attempt came through, so there is one attempt.
        """
        marks = [Transaction(name, end) for name, end in ends.items()]
        for attempt in range(_ATTEMPTS if ends else 1):
            try:
                self._commit(adds, marks)
            except CommitFailedError:
                self.look()
                if self._came_through(adds, ends):
                    return
                self.check(expected)
                if attempt == _ATTEMPTS - 1 or not ends:
                    raise
            else:
                return

    def _came_through(self, adds: list[Action], ends: Mapping[str, int]) -> bool:
        """Whether the commit that was reported as failed is there: a rival may have committed the same offsets."""
        if adds:
            present = {uri.rsplit("/", 1)[-1] for uri in self._delta.file_uris()}
            return {action["add"]["path"].rsplit("/", 1)[-1] for action in adds} <= present
        return bool(ends) and all(self._offset(name) == end for name, end in ends.items())

    def _commit(self, adds: list[Action], marks: list[Transaction]) -> None:
        self._delta.create_write_transaction(
            [_as_object(action) for action in adds], "append", self._delta.schema(), self.partition_by,
            commit_properties=CommitProperties(app_transactions=marks, max_commit_retries=50),
        )  # fmt: skip
        self.look()

    def _leave_or_discard(self, adds: list[Action], ends: Mapping[str, int]) -> None:
        """Nothing is deleted: a storage that does not answer cannot be asked whether the commit came through."""

    def erase(self, predicate: str) -> None:
        self.look()
        self._delta.delete(predicate)
        self.look()

    def _replace(
        self, files: list[upkeep.File], adds: list[Action], data_change: bool, marks: Mapping[str, int]
    ) -> None:  # fmt: skip
        """Whole days only, without anything in their place: delta-rs compacts by itself (`compact`)."""
        days = {file.partition for file in files}
        inside = {file.path for file in self.files() if file.partition in days}
        if adds or not data_change or inside != {file.path for file in files}:
            raise Fenced(self.name, dict.fromkeys(inside))
        where = " OR ".join(f"{column} = '{value}'" for ((column, value),) in sorted(days))
        done = CommitProperties(app_transactions=[Transaction(name, number) for name, number in marks.items()])
        self._delta.delete(where, commit_properties=done)
        self.look()

    def compact(
        self, *, target_bytes: int = upkeep.TARGET_BYTES, min_files: int = 4, closed_before: dt.date | None = None
    ) -> upkeep.Compacted:
        """delta-rs merges; days before `closed_before` are clustered as well."""
        done, by = upkeep.Compacted(), upkeep.CLUSTER_BY.get(self.name)
        worth = upkeep.groups(self.delta(), target_bytes, min_files, closed_before)
        for partition in dict.fromkeys(group[0].partition for group in worth):
            where = [(column, "=", value) for column, value in partition] or None
            closed = closed_before and all(dt.date.fromisoformat(value) < closed_before for _, value in partition)
            if by and closed:
                found = self._delta.optimize.z_order(by, partition_filters=where, target_size=target_bytes)
            else:
                found = self._delta.optimize.compact(partition_filters=where, target_size=target_bytes)
            done = upkeep.Compacted(
                done.files_before + found["numFilesRemoved"], done.files_after + found["numFilesAdded"],
                done.bytes_before + _total(found["filesRemoved"]), done.bytes_after + _total(found["filesAdded"]),
            )  # fmt: skip
        self.look()
        return done

    def _checkpoint_quietly(self) -> None:
        with suppress(DeltaError, OSError):
            self.checkpoint()


def table_at(lake: str, name: str) -> DeltaTable:
    return DeltaTable(f"{lake.rstrip('/')}/{name}", storage_options=_OPTIONS)


class DuckFiles(ArrowFSWrapper):  # type: ignore[misc]
    """The storage as DuckDB can read it without an extension: `con.register_filesystem(DuckFiles(storage()))`.

    Files are then named by `duck_name`.
    """

    protocol = "lake"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path.removeprefix("lake://")


def duck_name(uri: str) -> str:
    """How DuckDB is told of a file of the lake; a path on a disk stays as it is."""
    return f"lake://{uri.removeprefix('s3://')}" if uri.startswith("s3://") else uri


def storage() -> fs.S3FileSystem:
    """The storage that the environment names. Raises nothing: it is met by the first request."""
    return fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL"), region=os.environ.get("AWS_REGION", "us-east-1"),
        connect_timeout=_CONNECT_S, request_timeout=_REQUEST_S,
    )  # fmt: skip


def _as_object(action: Action) -> AddAction:
    add = action["add"]
    return AddAction(
        add["path"], add["size"], add["partitionValues"], add["modificationTime"], add["dataChange"], add["stats"]
    )


def _total(described: Any) -> int:
    found = orjson.loads(described) if isinstance(described, str) else described
    return int(found.get("totalSize") or 0)
