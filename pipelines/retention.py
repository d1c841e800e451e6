"""Job `retention`: days that are older than retention.yaml keeps them are downsampled and let go."""

from typing import Any

from pipelines.compact import lake_day
from schemas.settings import Settings
from warehouse.retention import expire


def keep_retention(settings: Settings) -> dict[str, Any]:
    """`{table: {days, rows}}` of what was let go; safe beside readers, writers and compaction."""
    return expire(settings.lake_location, lake_day(settings))
