"""Files of t_yhzlxx records (JSON, or XLSX with the fields' names as titles) to and from the exchange shape. Pure."""

import io
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import xlsxwriter

from schemas.exchange import FIELDS, ExchangeHazard, finding_of
from schemas.hazards import Finding
from schemas.model import Refused
from schemas.times import from_us
from streams.gateways.lines import Line, refused_line
from streams.gateways.outbox import Outgoing, to_site
from streams.gateways.sheets import sheets_of
from streams.gateways.site_names import SiteBook
from streams.gateways.table_values import text_of

SOURCE = "t_yhzlxx"
_NUMBERS, _OBJECTS = frozenset({"cost"}), frozenset({"qlExt"})


def as_json(records: Iterable[ExchangeHazard]) -> bytes:
    """An array, one record a line."""
    return b"[" + b",\n ".join(orjson.dumps(record.model_dump(mode="json")) for record in records) + b"]\n"


def as_xlsx(records: Iterable[ExchangeHazard]) -> bytes:
    """One sheet `t_yhzlxx`: the fields' names, then a row per record; objects as JSON text. Text stays text."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet(SOURCE)
    sheet.freeze_panes(1, 0)
    sheet.write_row(0, 0, FIELDS, book.add_format({"bold": True}))
    for row, record in enumerate(records, 1):
        for column, (name, value) in enumerate(record.model_dump(mode="json").items()):
            if name in _NUMBERS:
                if value is not None:
                    sheet.write_number(row, column, value)
            else:
                sheet.write_string(row, column, orjson.dumps(value).decode() if name in _OBJECTS else str(value))
    book.close()
    return out.getvalue()


def read(raw: bytes, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record with its number from 1, not yet checked. Raises Refused: no JSON array, no such header."""
    if not file.lower().endswith(".json"):
        yield from _rows(raw, file)
        return
    try:
        records = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused("", f"not JSON: {error}") from None
    if isinstance(records, dict):
        records = records.get("data", [records])
    if not isinstance(records, list):
        raise Refused("", "an array of records is wanted")
    for number, record in enumerate(records, 1):
        yield number, record if isinstance(record, dict) else {}


def _rows(raw: bytes, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    sheet = sheets_of(raw, file)[0]
    titles = [text_of(cell) for cell in sheet.rows[0]]
    if "id" not in titles or "dangerLevel" not in titles:
        raise Refused("header", "the first row does not name the fields of t_yhzlxx (id, dangerLevel …)")
    for number, cells in enumerate(sheet.rows[1:], 2):
        record: dict[str, Any] = {}
        for title, cell in zip(titles, cells, strict=True):
            if title in _NUMBERS:
                record[title] = cell if cell != "" else None
            elif title in _OBJECTS:
                record[title] = _object(text_of(cell))
            elif title:
                record[title] = text_of(cell)
        if any(value for value in record.values()):
            yield number, record


def _object(text: str) -> Any:
    try:
        return orjson.loads(text) if text else {}
    except orjson.JSONDecodeError:
        return text  # the model refuses it by name


def records_of(raw: bytes, file: str, now_us: int, sites: SiteBook) -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each record: a finding with its life, or a dead letter. Raises Refused for the whole file."""
    for number, record in read(raw, file):
        try:
            finding = _finding(record, now_us, sites)
            yield to_site("inspection.findings", finding.site_id, finding.encode()), None
        except Refused as error:
            yield refused_line(Line(number, orjson.dumps(record, default=str)), error, SOURCE, file, now_us), error


def _finding(record: dict[str, Any], now_us: int, sites: SiteBook) -> Finding:
    parsed = ExchangeHazard.parse(record)
    site = sites.find(str(parsed.qlExt.get("site_id") or ""), parsed.tyshxydm, str(record.get("companyName") or ""))
    return finding_of(parsed, site, from_us(now_us))
