"""Job `kpis`: every KPI for every group, as of today and of the plan's milestones, sent to `kpi.values`."""

from typing import Any

import warehouse
from schemas.kpis import KpiRow
from schemas.settings import Settings
from streams.connect import bootstrap_servers, producer
from warehouse.snapshot import daily_rows, key_of, today

_ACK_S = 60
_LISTED = 200  # a record must stay far below a broker's limit of 1 MB; the whole list is in the warehouse


def send_kpis(settings: Settings) -> dict[str, Any]:
    """`{day, rows}`. All rows are acknowledged by the broker, or an error is raised and the job is run again.

    Raises NotConnected, KafkaError.
    """
    servers = bootstrap_servers(settings)
    with warehouse.connect(settings.data) as lake:
        day = today(lake, settings.clock)
        rows = daily_rows(lake, day)
    sender = producer(servers)
    try:
        sent = [sender.send("kpi.values", key=key_of(row, day).encode(), value=shortened(row).encode()) for row in rows]
        for record in sent:
            record.get(timeout=_ACK_S)
    finally:
        sender.close()
    return {"day": day.isoformat(), "rows": len(rows)}


def shortened(row: KpiRow, listed: int = _LISTED) -> KpiRow:
    """`row` with at most `listed` entries in each list of its detail; `<list>_left_out` says how many are missing."""
    detail: dict[str, Any] = {}
    for name, value in row.detail.items():
        if isinstance(value, list) and len(value) > listed:
            detail |= {name: value[:listed], f"{name}_left_out": len(value) - listed}
        else:
            detail[name] = value
    return row.model_copy(update={"detail": detail})
