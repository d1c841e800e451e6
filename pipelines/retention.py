"""Job `retention`: days that are older than retention.yaml keeps them are downsampled and let go."""

from typing import Any

from pipelines.compact import lake_day
from pipelines.lineage import Datasets, lake_table, recorded
from schemas.retention import retentions
from schemas.settings import Settings
from warehouse.retention import expire


def _datasets(settings: Settings, result: dict[str, Any]) -> Datasets:
    """Tables that days were taken from, and those that now hold what is kept of them."""
    kept = sorted({target for rule in retentions() if rule.table in result for target, _ in rule.then})
    return [lake_table(settings, name) for name in result], [lake_table(settings, name) for name in (*result, *kept)]


@recorded("retention", _datasets)
def keep_retention(settings: Settings) -> dict[str, Any]:
    """`{table: {days, rows}}` of what was let go; safe beside readers, writers and compaction."""
    return expire(settings.lake_location, lake_day(settings))
