"""What has left the board's memory, read from the warehouse. Blocking: call in a thread."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import orjson

import warehouse
from schemas.events import Event
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from streams.lifecycle import apply

_EVENTS = """
SELECT e.event_id, e.kind, e.subject_id, e.site_id, e.occurred_at, e.recorded_at, e.actor, e.causes, e.imported, e.data
FROM hazard_events e WHERE e.subject_id = ? ORDER BY e.occurred_at, e.recorded_at, e.kafka_at, e."offset"
"""
_VERDICTS = """
SELECT event_id, kind, subject_id, site_id, occurred_at, recorded_at, actor, causes, imported, data
FROM criterion_verdicts WHERE site_id = ? AND data->>'$.criterion_id' = ? AND data->>'$.place_id' = ?
ORDER BY recorded_at DESC LIMIT 40
"""


@dataclass(frozen=True)
class History:
    """All landed events of a hazard in order, and the newest verdicts of its clause at its place."""

    events: tuple[Event, ...] = ()
    verdicts: tuple[Event, ...] = ()
    error: str = ""

    @property
    def state(self) -> HazardStateRecord | None:
        """The hazard's state as its landed events say."""
        state = None
        for event in self.events:
            state = apply(state, event)
        return state


def read_hazard(data: Path, hazard_id: str, state: HazardStateRecord | None = None) -> History:
    """What the lake holds of a hazard; `error` says why nothing could be read. Never raises for a missing lake."""
    try:
        with warehouse.connect(data, views=("hazard_events", "criterion_verdicts")) as con:
            events = _events(con, _EVENTS, [hazard_id])
            history = History(events)
            known = state or history.state
            if known is None or not known.criterion_id:
                return history
            return History(events, _events(con, _VERDICTS, [known.site_id, known.criterion_id, known.place_id]))
    except (duckdb.Error, OSError, Refused) as error:
        return History(error=str(error).splitlines()[0] if str(error) else type(error).__name__)


def _events(con: duckdb.DuckDBPyConnection, query: str, values: list[str]) -> tuple[Event, ...]:
    cursor = con.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    return tuple(Event.parse(_row(dict(zip(names, row, strict=True)))) for row in cursor.fetchall())


def _row(row: dict[str, Any]) -> dict[str, Any]:
    for name in ("actor", "causes", "data"):
        if isinstance(row[name], str):
            row[name] = orjson.loads(row[name])
    return {**row, "causes": row["causes"] or (), "imported": bool(row["imported"])}
