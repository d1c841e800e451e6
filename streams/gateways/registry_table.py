"""Registry records from tables (controls of risks, departments, matters, calendar), XLSX or CSV. Pure."""

from collections.abc import Iterator
from pathlib import Path

import orjson

import schemas
from schemas.kept import Kept, tables_of
from schemas.model import Refused
from schemas.times import from_us
from streams.gateways.lines import Line, refused_line
from streams.gateways.outbox import Outgoing
from streams.gateways.registry import KINDS, SOURCE, outgoing
from streams.gateways.sheets import sheets_of
from streams.gateways.table_rows import chosen, rows, titled, values


def tables() -> dict[str, Kept]:
    """The tables of registry_tables.yaml by id."""
    return tables_of(Path(schemas.__path__[0]) / "registry_tables.yaml")


def records_of(raw: bytes, file: str, now_us: int) -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each row of every sheet: its record, or a dead letter. Raises Refused for the whole file."""
    for sheet in sheets_of(raw, file):
        kept, layout = chosen(sheet, tables())
        topic, model, key = KINDS[kept.record]
        for number, cells in rows(sheet, layout):
            try:
                filled = values(kept, layout, cells)
                if "received_at" in model.model_fields:
                    filled["received_at"] = from_us(now_us)
                yield outgoing(topic, model.parse(filled), key), None
            except Refused as error:
                line = Line(number, orjson.dumps(titled(layout, cells)))
                yield refused_line(line, error, SOURCE, file, now_us), error


def fits(raw: bytes, file: str) -> bool:
    """Whether the first sheet is one of these tables (a CSV may be one of sensors instead)."""
    try:
        chosen(sheets_of(raw, file)[0], tables())
    except Refused:
        return False
    return True
