"""The plan's tables (tasks, problems, training, enforcement …) from XLSX or CSV to `programme.events`. Pure.

A row read again gives the same events; a row that has changed since gives new ones, and the latest recorded holds.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import orjson

from schemas.events import Actor, Event
from schemas.ids import make_id
from schemas.kept import Kept
from schemas.model import Message, Refused
from schemas.programme import tables
from schemas.terms import Role
from schemas.times import from_us, to_us
from streams.decode import AHEAD_US
from streams.gateways.lines import Line, refused_line
from streams.gateways.outbox import Outgoing
from streams.gateways.sheets import sheets_of
from streams.gateways.table_rows import chosen, rows, titled, values

SOURCE = "programme"


def records_of(raw: bytes, file: str, now_us: int, table: str = "") -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each row of every sheet: its events, or a dead letter. Raises Refused for the whole file."""
    for sheet in sheets_of(raw, file):
        kept, layout = chosen(sheet, tables(), table)
        for number, cells in rows(sheet, layout):
            try:
                events = _events(kept, values(kept, layout, cells), f"{file}#{sheet.name}/{number}", now_us)
            except Refused as error:
                line = Line(number, orjson.dumps(titled(layout, cells)))
                yield refused_line(line, error, SOURCE, file, now_us), error
                continue
            for owner, event in events:
                yield Outgoing("programme.events", owner, event.encode()), None


def _events(kept: Kept, filled: dict[str, Any], where: str, now_us: int) -> list[tuple[str, Event]]:
    """The row's events with the key of each. Raises Refused: it happened in the future."""
    subject = make_id("programme", kept.columns.id, *(filled.get(name, "") for name in kept.key))
    owner = str(filled.get(kept.owner, "")) or kept.columns.id
    events = []
    for kind, (at, carried) in (kept.events or {}).items():
        if at in filled:
            data = {name: filled[name] for name in carried if name in filled}
            if to_us(filled[at]) > now_us + AHEAD_US and kind != "duty_listed":  # a duty may begin tomorrow
                raise Refused(at, f"{filled[at]:%Y-%m-%d} lies in the future")
            events.append((owner, _event(kept, kind, subject, filled[at], data, where, now_us)))
    return events


def _event(
    kept: Kept, kind: str, subject: str, at: dt.datetime, data: dict[str, Any], where: str, now_us: int
) -> Event:
    message = Message.model_validate(data)
    cause = make_id("row", subject, kind, at, message.model_dump_json())
    event = Event.of(
        kind, subject, "", message, cause=cause, occurred_at=at, recorded_at=from_us(now_us), causes=(where,),
        actor=Actor(id=f"table:{kept.columns.id}", role=Role.ADMIN),
    )  # fmt: skip
    return event.model_copy(update={"imported": True})
