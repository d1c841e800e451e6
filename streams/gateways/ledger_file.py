"""One ledger file as a whole: its sheets, what their columns mean, what becomes of every row. Pure."""

import csv
import datetime as dt
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from schemas.deadletters import DeadLetter
from schemas.model import Refused
from schemas.times import to_us
from streams.gateways.hazard_ledger import TABLE, LedgerReader, Row, as_json, sha256_of
from streams.gateways.outbox import Outgoing, dead, to_site
from streams.gateways.registry import record_of
from streams.gateways.sheets import sheets_of
from streams.gateways.site_names import SiteBook
from streams.gateways.table_header import Layout, propose

SOURCE = "ledger"
REASON, FIELD, ROW, SHEET = "拒收原因 reason", "字段 refused field", "行号 row number", "工作表 sheet name"


@dataclass
class LedgerFile:
    """What was read. `layouts` of the sheets that are ledgers; `passed_over` says of the others why they are not."""

    file: str
    sha256: str
    layouts: list[Layout] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[Layout, Row]] = field(default_factory=list)

    @property
    def accepted(self) -> list[Row]:
        return [row for _, row in self.rows if row.finding is not None]

    @property
    def refused(self) -> list[tuple[Layout, Row]]:
        return [(layout, row) for layout, row in self.rows if row.refused is not None]

    def reasons(self) -> Counter[str]:
        """How many rows were refused, by field and the first words of the reason."""
        return Counter(
            f"{row.refused.field or '—'}: {row.refused.reason.split(': ')[0]}" for _, row in self.rows if row.refused
        )

    def rejects(self) -> bytes:
        """The refused rows under their own titles with the reason beside them: CSV that spreadsheets open.

        Mended, the file can be read again: the added columns mean nothing to the reader.
        """
        titles = list(dict.fromkeys(title for _, row in self.refused for title in row.cells))
        out = io.StringIO(newline="")
        table = csv.DictWriter(out, [REASON, FIELD, SHEET, ROW, *titles], restval="")
        table.writeheader()
        for layout, row in self.refused:
            assert row.refused is not None  # noqa: S101 - `refused` holds such rows only
            said = {REASON: row.refused.reason, FIELD: row.refused.field, SHEET: layout.sheet, ROW: row.number}
            table.writerow(said | row.cells)
        return out.getvalue().encode("utf-8-sig")


def read_ledger(
    raw: bytes, file: str, now: dt.datetime, sites: SiteBook, *,
    said: Mapping[str, str] | None = None, defaults: Mapping[str, str] | None = None,
) -> LedgerFile:  # fmt: skip
    """Read every sheet that has a ledger's header. `said`: field -> title chosen by a person.

    Raises Refused: the file cannot be read, or no sheet has a header with the fields that are needed.
    """
    found = LedgerFile(file, sha256_of(raw))
    reader = LedgerReader(file, found.sha256, now, sites.find, dict(defaults or {}))
    for sheet in sheets_of(raw, file):
        try:
            layout = propose(sheet, TABLE, said)
        except Refused as refused:
            found.passed_over[sheet.name] = str(refused)
            continue
        found.layouts.append(layout)
        found.rows += [(layout, row) for row in reader.rows(sheet, layout)]
    if not found.layouts:
        raise Refused("header", "; ".join(found.passed_over.values()) or "no sheet")
    return found


def outgoing(found: LedgerFile, sites: SiteBook, now: dt.datetime) -> Iterator[Outgoing]:
    """New sites first, then the findings in the order of the file, then a dead letter for every refused row."""
    for site in sites.registered.values():
        yield record_of("site", site)
    for row in found.accepted:
        assert row.finding is not None  # noqa: S101 - `accepted` holds such rows only
        yield to_site("inspection.findings", row.finding.site_id, row.finding.encode())
    for layout, row in found.refused:
        assert row.refused is not None  # noqa: S101 - `refused` holds such rows only
        where = f"{found.file}#{layout.sheet}" if layout.sheet else found.file
        letter = DeadLetter(
            source=SOURCE, reason=row.refused.reason, cause=f"{found.sha256}/{layout.sheet}/{row.number}",
            refused_at_us=to_us(now), field=row.refused.field, file=where, line=row.number, origin=SOURCE,
        )  # fmt: skip
        yield dead(letter, orjson.dumps(as_json(row)))
