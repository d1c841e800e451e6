"""Hazard events from a file of JSON lines, as the relation the KPI queries read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa

from schemas.events import Event
from schemas.model import Refused
from schemas.tables import TABLES
from schemas.times import EPOCH
from warehouse.views import define_facts, define_macros, query_of


@dataclass(frozen=True)
class RefusedLine:
    """A line that is no event: its number from 1, the field and the reason."""

    line: int
    field: str
    reason: str


def read_events(path: Path) -> tuple[list[Event], list[RefusedLine]]:
    """The events of a file and the lines that are none. Blank lines are nothing. Raises OSError."""
    events, refused = [], []
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            try:
                event = Event.parse(raw)
                event.typed_data()
            except Refused as error:
                refused.append(RefusedLine(number, error.field, error.reason))
            else:
                events.append(event)
    return events, refused


def connect_events(events: Iterable[Event]) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with `hazard_events` (doubles dropped as the warehouse drops them) and the KPI macros.

    The order of `events` stands for the order of arrival.
    """
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Shanghai'")
    con.register("incoming", _table(events))
    con.execute("CREATE SCHEMA raw")
    con.execute("CREATE TABLE raw.hazard_events AS FROM incoming")
    con.unregister("incoming")
    define_macros(con)
    con.execute(f"CREATE VIEW hazard_events AS {query_of('hazard_events')}")
    define_facts(con)
    # a file of events has no registry: units are those that had a hazard
    con.execute(
        "CREATE TABLE sites (site_id VARCHAR, enterprise_id VARCHAR, region VARCHAR, city VARCHAR, province VARCHAR, "
        "industry VARCHAR)"
    )
    return con


def _table(events: Iterable[Event]) -> pa.Table:
    rows = [
        {
            "log_id": "file", "topic": "hazard.events", "partition": 0, "offset": number, "kafka_at": EPOCH,
            "event_id": event.event_id, "kind": event.kind, "subject_id": event.subject_id, "site_id": event.site_id,
            "occurred_at": event.occurred_at, "recorded_at": event.recorded_at, "actor": event.actor.encode().decode(),
            "causes": orjson.dumps(event.causes).decode(), "imported": event.imported,
            "data": orjson.dumps(event.data).decode(),
        }
        for number, event in enumerate(events)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, TABLES["hazard_events"])
