"""A ledger of hazards, row by row: each becomes an inspection finding with its life, or is refused with a reason. Pure.

Every row below the header is one or the other, rows without any text apart: accepted + refused = rows.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemas.hazards import Finding
from schemas.ids import make_id
from schemas.ledger import LedgerEntry
from schemas.model import Refused
from schemas.registry import Site
from schemas.table_columns import sources, table, word, words
from schemas.terms import SHANGHAI, HazardSource, Verdict
from schemas.times import to_us
from schemas.vocabulary import vocabulary
from streams.decode import AHEAD_US, EARLIEST_US
from streams.gateways.sheets import Cell, Sheet
from streams.gateways.table_header import Layout
from streams.gateways.table_values import instant, is_nothing, text_of, yuan

TABLE = table("hazard_ledger")
_INHERITED = ("site_id", "uscc", "enterprise")  # a merged cell that became blank below its first row
_DATED = {"rectified_at": "整改完成 rectified", "accepted_at": "验收 accepted", "closed_at": "销号 closed"}

SiteOf = Callable[[str, str, str], Site]  # (site_id, uscc, name) -> the registry's site; raises Refused


@dataclass(frozen=True)
class Row:
    """A row of the sheet: `number` from 1, its cells as text under the file's own titles, and what became of it."""

    number: int
    cells: dict[str, str]
    finding: Finding | None = None
    refused: Refused | None = None


@dataclass
class LedgerReader:
    """Reads the rows of one file. `defaults` fill what the table has no column for (site_id, industry, level …)."""

    file: str
    sha256: str
    now: dt.datetime
    site_of: SiteOf
    defaults: dict[str, str] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)

    def rows(self, sheet: Sheet, layout: Layout) -> Iterator[Row]:
        """Every row that holds anything, in order."""
        last: dict[str, str] = {}
        titles = [*layout.columns.values(), *layout.unused]
        for number, cells in enumerate(sheet.rows[layout.first_row - 1 :], layout.first_row):
            if all(isinstance(cell, str) and not cell.strip() for cell in cells):
                continue
            shown = {column.title: text_of(cells[column.index]) for column in titles}
            named = {name: cells[column.index] for name, column in layout.columns.items()}
            try:
                yield Row(number, shown, finding=self._finding(number, cells, named, layout, last))
            except Refused as refused:
                yield Row(number, shown, refused=refused)

    def _finding(
        self, number: int, cells: list[Cell], named: dict[str, Cell], layout: Layout, last: dict[str, str]
    ) -> Finding:
        values = {name: "" if is_nothing(cell) else text_of(cell) for name, cell in named.items()}
        _no_footer(cells, values)
        notes: list[str] = []
        for name in _INHERITED:
            if name in values and not values[name] and last.get(name):
                values[name] = last[name]
                notes.append(f"{name}: 取自上一行 taken from the row above")
        last.update({name: values[name] for name in _INHERITED if values.get(name)})
        values |= {name: text for name, text in self.defaults.items() if not values.get(name)}
        if not values.get("text"):
            raise Refused("text", "无隐患内容 says no hazard")
        site = self.site_of(values.get("site_id", ""), values.get("uscc", ""), values.get("enterprise", ""))
        found_at = self._found_at(named["found_at"])
        entry = self._entry(named, values, layout, found_at, notes)
        place = values.get("place", "")
        finding_id = make_id("ledger", site.site_id, place, values["text"], found_at)
        if finding_id in self._seen:
            raise Refused("", f"与第 {self._seen[finding_id]} 行重复 the same hazard as row {self._seen[finding_id]}")
        self._seen[finding_id] = number
        return Finding.parse({
            "finding_id": finding_id, "site_id": site.site_id,
            "enterprise_id": values.get("uscc") or site.enterprise_id,
            "region": _region(values.get("region", "")) or site.region, "found_at": found_at, "received_at": self.now,
            "industry": _industry(values.get("industry", "")) or site.industry, "text": values["text"], "place": place,
            "source": _source(values.get("source", "")), "inspector": values.get("inspector", ""),
            "criterion_ref": values.get("criterion_ref") or None, "deadline": entry.due_at,
            "status": values.get("status") or None,
            "ledger": entry.model_copy(update={"row": number, "sheet": layout.sheet}), "imported": True,
        })  # fmt: skip

    def _found_at(self, cell: Cell) -> dt.datetime:
        if is_nothing(cell):
            raise Refused("found_at", "无检查日期 no day of finding")
        found_at = instant(cell, "found_at")
        if not EARLIEST_US <= to_us(found_at) <= to_us(self.now) + AHEAD_US:
            raise Refused("found_at", f"{text_of(cell)!r} lies before 2000 or in the future")
        return found_at

    def _entry(
        self, named: dict[str, Cell], values: dict[str, str], layout: Layout, found_at: dt.datetime, notes: list[str]
    ) -> LedgerEntry:
        year = found_at.astimezone(SHANGHAI).year
        dates: dict[str, dt.datetime] = {}
        said: set[str] = set(_status(values.get("status", "")))
        for name in _DATED:
            cell = named.get(name, "")
            if is_nothing(cell):
                continue
            try:
                dates[name] = instant(cell, name, year=year)
            except Refused:
                status = _status(text_of(cell))  # 已整改 where a date should stand
                if not status:
                    raise
                said |= {"closed" if s == "done" and name == "closed_at" else s for s in status}
        due_at = self._due(named.get("due_at", ""), year, found_at, notes)
        for name, at in dates.items():
            if at < found_at and at.astimezone(SHANGHAI).date() != found_at.astimezone(SHANGHAI).date():
                raise Refused(name, f"{text_of(named[name])!r} lies before the day of finding")
            if to_us(at) > to_us(self.now) + AHEAD_US:
                raise Refused(name, f"{text_of(named[name])!r} lies in the future")
        self._settle(said, dates, notes)
        unit_of_money = layout.columns["funds"].title if "funds" in layout.columns else ""
        return LedgerEntry(
            level=_level(values.get("level", "")), measures=values.get("measures", ""),
            funds=yuan(named.get("funds", ""), "funds", unit_of_money), due_at=due_at,
            responsible_person=values.get("responsible_person", ""),
            responsible_unit=values.get("responsible_unit", ""), contingency_plan=values.get("contingency_plan", ""),
            interim_control=values.get("interim_control", ""), accepted_by=values.get("accepted_by", ""),
            closed_by=values.get("closed_by", ""), supervised=_supervised(values.get("supervised", "")),
            status=values.get("status", ""), file=self.file, sha256=self.sha256, notes=tuple(notes), **dates,
        )  # fmt: skip

    def _due(self, cell: Cell, year: int, found_at: dt.datetime, notes: list[str]) -> dt.datetime | None:
        if is_nothing(cell):
            return None
        try:
            due_at = instant(cell, "due_at", year=year, ending=True)
        except Refused:
            if _status(text_of(cell)):
                notes.append(f"due_at: {text_of(cell)} 不是日期 is no date")  # 立行立改, 长期
                return None
            raise
        if due_at < found_at and isinstance(cell, str) and str(year) not in cell:
            due_at = instant(cell, "due_at", year=year + 1, ending=True)  # 12月查出, 限期 1月15日
        return due_at

    def _settle(self, said: set[str], dates: dict[str, dt.datetime], notes: list[str]) -> None:
        """Bring words and dates together. Raises Refused where they say that it is closed, and nothing says when."""
        if "closed_at" in dates:
            return
        if "open" in said and dates.keys() & {"accepted_at"}:
            raise Refused("status", "状态为未整改但已有验收日期 says open, yet it was accepted")
        if "closed" in said:
            if not dates:
                raise Refused("closed_at", "已销号但无任何日期 says closed, and no date says when")
            source = max(dates, key=lambda name: dates[name])
            dates["closed_at"] = dates[source]
            notes.append(f"closed_at: 取{_DATED[source].split()[0]}日期 taken from {source}")
        elif "done" in said and not dates:
            raise Refused("rectified_at", "已整改但无任何日期 says rectified, and no date says when")


def _no_footer(cells: list[Cell], values: dict[str, str]) -> None:
    filled = [text_of(cell) for cell in cells if not is_nothing(cell)]
    first = word(filled[0]) if filled else ""
    marked = any(first == each or first.startswith((f"{each}:", f"{each}：")) for each in words("footer"))
    if marked or not any(values.get(name) for name in ("text", "found_at", "place")):
        raise Refused("", "合计、签字或说明行 sums up or signs: no hazard")


def _status(text: str) -> set[str]:
    """Which of closed, done, open the words say; a longer text counts if it begins with such a word."""
    said = word(text)
    if not said:
        return set()
    for kind in ("open", "closed", "done"):  # 未整改 before 整改
        if said in words(kind):
            return {kind}
    starts = [
        (len(w), kind) for kind in ("open", "closed", "done") for w in words(kind) if len(w) > 1 and said.startswith(w)
    ]
    return {max(starts)[1]} if starts else set()


def _level(text: str) -> Verdict | None:
    said = word(text)
    if not said:
        return None
    if said in words("major") or (said.startswith("重大") and "非" not in said):
        return Verdict.MAJOR
    if said in words("general") or said.startswith(("一般", "非重大")):
        return Verdict.GENERAL
    raise Refused("level", f"{text!r} is neither 重大 major nor 一般 general")


def _supervised(text: str) -> str:
    said = word(text)
    return "" if said in words("nothing") or said in {"否", "未", "no"} else text


def _source(text: str) -> HazardSource:
    said = word(text)
    if not said:
        return HazardSource.DEPARTMENT
    known = sources()
    if said in known:
        return HazardSource(known[said])
    inside = [name for name in known if len(name) > 1 and name in said]
    return HazardSource(known[max(inside, key=len)]) if inside else HazardSource.DEPARTMENT


def _industry(text: str) -> str:
    """The vocabulary's industry; a word it does not know is left to the site."""
    return next(iter(vocabulary().industry_ids(text)), "") if text else ""


def _region(text: str) -> str:
    digits = "".join(c for c in text if c.isdigit())
    return digits[:6] if len(digits) >= 6 else ""


def sha256_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def as_json(row: Row) -> dict[str, Any]:
    """A refused row as its dead letter keeps it."""
    return {"row": row.number, **row.cells}
