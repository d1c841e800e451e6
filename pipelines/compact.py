"""Job `compact`: merge small files, checkpoint, delete files that neither a reader nor a kept build can need."""

import datetime as dt
from typing import Any

from pipelines.lineage import Datasets, lake_table, recorded
from schemas.settings import Settings
from schemas.tables import TABLES
from schemas.terms import SHANGHAI
from warehouse.lake import LakeTable
from warehouse.publish import kept_files

RETENTION_HOURS = 24  # no query runs longer


def _datasets(settings: Settings, result: dict[str, Any]) -> Datasets:
    return [lake_table(settings, name) for name in result], [lake_table(settings, name) for name in result]


@recorded("compact", _datasets)
def compact_lake(settings: Settings, retention_hours: int = RETENTION_HOURS) -> dict[str, Any]:
    """`{table: {files_before, files_after, deleted}}` of every table that exists; safe beside readers and writers."""
    done = {}
    for name in TABLES:
        if not LakeTable.exists(settings.lake_location, name):
            continue
        table = LakeTable.open(settings.lake_location, name)
        merged = table.compact(closed_before=lake_day(settings))
        if merged.files_before:
            table.checkpoint()
        deleted = table.vacuum(kept_files(settings.data), retention_hours=retention_hours)
        done[name] = {
            "files_before": merged.files_before, "files_after": merged.files_after, "deleted": len(deleted)
        }  # fmt: skip
    return done


def lake_day(settings: Settings) -> dt.date:
    """The Shanghai day it is: the wall's, or with the data's clock the newest day that readings are of."""
    if settings.clock == "data" and LakeTable.exists(settings.lake_location, "readings"):
        files = LakeTable.open(settings.lake_location, "readings").files()
        if files:
            return dt.date.fromisoformat(max(dict(file.partition)["day"] for file in files))
    return dt.datetime.now(SHANGHAI).date()
