"""What a run came to: counts from the lake, and how far landing is behind."""

from pathlib import Path
from typing import Any

from schemas.topics import topics
from streams.connect import log_ids
from streams.lag import true_ends
from warehouse.lake import LakeTable

_THIS_RUN = 'where log_id in (select unnest($logs))'
_COUNTS = {
    "frames": f"select count(distinct frame_id) from readings {_THIS_RUN}",
    "readings": f"select count(*) from readings {_THIS_RUN}",
    "alarm_events": f"select count(*) from alarm_events {_THIS_RUN}",
    "findings": f"select count(*) from inspection_findings {_THIS_RUN}",
    "hazards": f"select count(distinct subject_id) from hazard_events {_THIS_RUN}",
    "hazard_events": f"select count(*) from hazard_events {_THIS_RUN}",
    "dead_letters": f"select count(distinct letter_id) from dead_letters {_THIS_RUN}",
    "kpis": f"select count(distinct key) from raw.kpi_values {_THIS_RUN}",
}


def summary(data: Path, servers: str) -> dict[str, Any]:
    """Distinct things of this run (by the log ids of its broker) as the lake's views show them; `landed_rows` = all rows."""
    from warehouse import connect

    logs = sorted(log_ids(servers).values())
    with connect(data) as lake:
        found: dict[str, Any] = {
            name: lake.execute(query, {"logs": logs}).fetchone()[0] for name, query in _COUNTS.items()
        }
        found["landed_rows"] = sum(
            lake.execute(f"select count(*) from raw.{topic.table} {_THIS_RUN}", {"logs": logs}).fetchone()[0]  # noqa: S608
            for topic in topics().values()
        )
    return found


def landing_lag(data: Path, servers: str) -> int:
    """Records of all topics that stand in the log and have not landed."""
    logs = log_ids(servers)
    ends = true_ends(servers, topics())
    landed = {
        name: LakeTable.open(data / "lake", topic.table).landed(logs[name], name) for name, topic in topics().items()
    }
    return sum(max(0, end - 1 - landed[tp.topic].get(tp.partition, -1)) for tp, end in ends.items())
