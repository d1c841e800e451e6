"""What a run came to: counts from the lake, and how far landing is behind."""

from pathlib import Path
from typing import Any

from schemas.settings import Settings
from schemas.topics import topics
from streams.connect import log_ids
from streams.lag import true_ends
from warehouse.lake import LakeTable

_THIS_RUN = "where log_id in (select unnest($logs))"
_COUNTS = {
    "frames": "select count(distinct frame_id) from readings",
    "readings": "select count(*) from readings",
    "alarm_events": "select count(*) from alarm_events",
    "findings": "select count(*) from inspection_findings",
    "hazards": "select count(distinct subject_id) from hazard_events",
    "hazard_events": "select count(*) from hazard_events",
    "dead_letters": "select count(distinct letter_id) from dead_letters",
    "kpis": "select count(distinct key) from raw.kpi_values",
}


def summary(data: Path, servers: str) -> dict[str, Any]:
    """Distinct things of this run (by its broker's log ids) as the lake's views show them; `landed_rows` = all rows."""
    from warehouse import connect

    logs = sorted(log_ids(servers).values())
    with connect(data) as lake:

        def count(query: str) -> int:
            return int(lake.execute(query, {"logs": logs}).fetchall()[0][0])

        found: dict[str, Any] = {name: count(f"{query} {_THIS_RUN}") for name, query in _COUNTS.items()}
        tables = {topic.table for topic in topics().values()}  # names of ours, never input
        found["landed_rows"] = sum(count(f"select count(*) from raw.{name} {_THIS_RUN}") for name in tables)  # noqa: S608
    return found


class Landed:
    """How far landing is behind. Keeps the tables open: asking again costs only what was committed since."""

    def __init__(self, data: Path, servers: str) -> None:
        self._servers, self._logs = servers, log_ids(servers)
        lake = Settings(data=data).lake_location
        self._tables = {name: LakeTable.open(lake, topic.table) for name, topic in topics().items()}

    def lag(self) -> int:
        """Records of all topics that stand in the log and have not landed; heartbeats, which never rest, left out."""
        ends = true_ends(self._servers, set(topics()) - {"worker.heartbeats"})
        landed = {name: table.landed(self._logs[name], name) for name, table in self._tables.items()}
        return sum(max(0, end - 1 - landed[tp.topic].get(tp.partition, -1)) for tp, end in ends.items())
