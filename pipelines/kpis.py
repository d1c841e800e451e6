"""Job `kpis`: every KPI for every group, as of today and of the plan's milestones, sent to `kpi.values`."""

from typing import Any

import warehouse
from schemas.settings import Settings
from streams.connect import bootstrap_servers, producer
from warehouse.snapshot import daily_rows, key_of, today

_ACK_S = 60


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
        sent = [sender.send("kpi.values", key=key_of(row, day).encode(), value=row.encode()) for row in rows]
        for record in sent:
            record.get(timeout=_ACK_S)
    finally:
        sender.close()
    return {"day": day.isoformat(), "rows": len(rows)}
