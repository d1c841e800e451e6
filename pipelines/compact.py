"""Job `compact`: merge small files, checkpoint, delete files that neither a reader nor a kept build can need."""

import datetime as dt
from typing import Any

from pipelines.lineage import Datasets, lake_table, recorded
from schemas.settings import Settings
from schemas.tables import TABLES
from schemas.terms import SHANGHAI
from warehouse.lake import REFUSES, LakeTable
from warehouse.publish import kept_files

RETENTION_HOURS = 24  # no query runs longer


class NotCompacted(RuntimeError):
    """Some tables could not be compacted; names them and why. The others are."""


def _datasets(settings: Settings, result: dict[str, Any]) -> Datasets:
    return [lake_table(settings, name) for name in result], [lake_table(settings, name) for name in result]


@recorded("compact", _datasets)
def compact_lake(settings: Settings, retention_hours: int = RETENTION_HOURS) -> dict[str, Any]:
    """`{table: {files_before, files_after, deleted}}` of every table that exists; safe beside readers and writers.

    A table that refuses (disk, storage, torn log, schema) does not stop the others. Raises NotCompacted at the end.
    """
    done: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for name in TABLES:
        try:
            if LakeTable.exists(settings.lake_location, name):
                done[name] = _compact_table(settings, name, retention_hours)
        except REFUSES as error:
            refused[name] = f"{type(error).__name__}: {error}"
    if refused:
        raise NotCompacted(f"{len(done)} tables compacted; not {refused}")
    return done


def _compact_table(settings: Settings, name: str, retention_hours: int) -> dict[str, int]:
    table = LakeTable.open(settings.lake_location, name)
    merged = table.compact(closed_before=lake_day(settings))
    if merged.files_before:
        table.checkpoint()
    deleted = table.vacuum(kept_files(settings.data), retention_hours=retention_hours)
    return {"files_before": merged.files_before, "files_after": merged.files_after, "deleted": len(deleted)}


def lake_day(settings: Settings) -> dt.date:
    """The Shanghai day it is: the wall's, or with the data's clock the newest day that readings are of."""
    if settings.clock == "data" and LakeTable.exists(settings.lake_location, "readings"):
        files = LakeTable.open(settings.lake_location, "readings").files()
        if files:
            return dt.date.fromisoformat(max(dict(file.partition)["day"] for file in files))
    return dt.datetime.now(SHANGHAI).date()
