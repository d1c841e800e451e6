"""Job `kpis`: every KPI for every group, as of today and of the plan's milestones, sent to `kpi.values`."""

import datetime as dt
from typing import Any

import warehouse
from pipelines.lineage import Dataset, Datasets, recorded, topic
from schemas.kpis import KpiRow
from schemas.settings import Settings
from streams.connect import bootstrap_servers, producer
from warehouse.publish import LINK, NotPublished, published, published_path
from warehouse.snapshot import daily_rows, key_of, snapshot_rows, today

_ACK_S = 60
_LISTED = 200  # a record must stay far below a broker's limit of 1 MB; the whole list is in the warehouse


def _datasets(settings: Settings, result: dict[str, Any]) -> Datasets:
    read = (
        [] if result["build"] is None else [Dataset(f"file://{(settings.warehouse / LINK).absolute()}", "kpi_snapshot")]
    )
    return read, [topic(settings, "kpi.values", result["rows"])]


def _rows(settings: Settings) -> tuple[dt.date, list[KpiRow], int | None]:
    """The rows of the published build, so that what is sent can be walked back in it; without one, from the lake."""
    try:
        with published(settings.data) as con:
            day, rows = snapshot_rows(con)
        return day, rows, int(published_path(settings.data).stem.removeprefix("warehouse-"))
    except NotPublished:
        with warehouse.connect(settings.data) as lake:
            day = today(lake, settings.clock)
            return day, daily_rows(lake, day), None


@recorded("kpi-daily", _datasets)
def send_kpis(settings: Settings) -> dict[str, Any]:
    """`{day, rows, build}`. All rows are acknowledged by the broker, or an error is raised and the job is run again.

    Raises NotConnected, KafkaError.
    """
    servers = bootstrap_servers(settings)
    day, rows, build = _rows(settings)
    sender = producer(servers)
    try:
        sent = [sender.send("kpi.values", key=key_of(row, day).encode(), value=shortened(row).encode()) for row in rows]
        for record in sent:
            record.get(timeout=_ACK_S)
    finally:
        sender.close()
    return {"day": day.isoformat(), "rows": len(rows), "build": build}


def shortened(row: KpiRow, listed: int = _LISTED) -> KpiRow:
    """`row` with at most `listed` entries in each list of its detail; `<list>_left_out` says how many are missing."""
    detail: dict[str, Any] = {}
    for name, value in row.detail.items():
        if isinstance(value, list) and len(value) > listed:
            detail |= {name: value[:listed], f"{name}_left_out": len(value) - listed}
        else:
            detail[name] = value
    return row.model_copy(update={"detail": detail})
