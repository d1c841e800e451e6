"""What stands in a cell, however it was written: days, money, words. Pure; every refusal names the cell's text."""

import datetime as dt
import re
import unicodedata

from schemas.model import Refused
from schemas.table_columns import word, words
from schemas.terms import SHANGHAI
from schemas.times import EPOCH, day_end, day_start
from streams.gateways.sheets import Cell

_EXCEL_EPOCH = dt.date(1899, 12, 30)
_SERIALS = range(36_526, 73_051)  # the days 2000-01-01 to 2099-12-31 as a spreadsheet counts them
_FULL = re.compile(
    r"^(\d{4}|\d{2})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})\s*(?:日|号)?"
    r"(?:\s*[T ]?\s*(\d{1,2})[:时](\d{1,2})(?:[:分](\d{1,2})(?:\.\d+)?)?(?:秒|分)?)?\s*(?:前|之前|以前|止)?$"
)
_PACKED = re.compile(r"^(20\d{2})(\d{2})(\d{2})$")
_MONTH = re.compile(r"^(\d{4})\s*[-./年]\s*(\d{1,2})\s*(?:月|月份)?(?:底|末|底前)?$")
_DAY_ONLY = re.compile(r"^(\d{1,2})\s*[./月]\s*(\d{1,2})\s*(?:日|号)?(?:前|之前|以前)?$")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def text_of(cell: Cell) -> str:
    """The cell as a person reads it: whole numbers without a decimal point, text in one line and half-width digits."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, (dt.date, dt.time, dt.timedelta)):
        return str(cell)
    return " ".join(cell.split())


def is_nothing(cell: Cell) -> bool:
    return isinstance(cell, str) and word(cell) in words("nothing")


def instant(cell: Cell, field: str, *, year: int | None = None, ending: bool = False) -> dt.datetime:
    """The instant a cell names, Asia/Shanghai. A day without a time begins at 0:00, or ends at 24:00 if `ending`.

    `year` is taken for a day written without one; a month without a day is read only if `ending`. Raises Refused.
    """
    if isinstance(cell, dt.datetime):
        moment = cell.replace(tzinfo=SHANGHAI)
        return moment if moment.time() != dt.time() else _on(moment.date(), ending)
    if isinstance(cell, dt.date):
        return _on(cell, ending)
    text = unicodedata.normalize("NFKC", text_of(cell)).strip()
    try:
        if (found := _PACKED.match(text)) is not None:
            return _on(dt.date(*map(int, found.groups())), ending)
        serial = _serial(text)
        if serial is not None:
            return _on(serial, ending)
        if (found := _FULL.match(text)) is not None:
            return _full(found, ending)
        if (found := _MONTH.match(text)) is not None and ending:
            return _on(_last_of(int(found[1]), int(found[2])), ending)
        if (found := _DAY_ONLY.match(text)) is not None and year is not None:
            return _on(dt.date(year, int(found[1]), int(found[2])), ending)
    except (ValueError, OverflowError):
        raise Refused(field, f"{text!r} is no day of the calendar") from None
    if _DAY_ONLY.match(text):
        raise Refused(field, f"{text!r} names no year")
    if _MONTH.match(text):
        raise Refused(field, f"{text!r} names no day")
    raise Refused(field, f"{text!r} cannot be read as a date")


def _full(found: "re.Match[str]", ending: bool) -> dt.datetime:
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    date = dt.date(year if year > 99 else 2000 + year, month, day)
    if found[4] is None:
        return _on(date, ending)
    return dt.datetime.combine(date, dt.time(int(found[4]), int(found[5]), int(found[6] or 0)), SHANGHAI)


def _serial(text: str) -> dt.date | None:
    """A spreadsheet's day number that lost its format."""
    if re.fullmatch(r"\d{5}(\.\d+)?", text) and int(float(text)) in _SERIALS:
        return _EXCEL_EPOCH + dt.timedelta(days=int(float(text)))
    return None


def _last_of(year: int, month: int) -> dt.date:
    return dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)


def _on(day: dt.date, ending: bool) -> dt.datetime:
    if not EPOCH.year < day.year < 2200:
        raise ValueError(day)
    return day_end(day) - dt.timedelta(microseconds=1) if ending else day_start(day)


def yuan(cell: Cell, field: str, title: str = "") -> float | None:
    """Money in yuan; the unit stands in the cell or in the column's title (万元), else yuan. None: nothing stated."""
    if is_nothing(cell):
        return None
    text = unicodedata.normalize("NFKC", text_of(cell)).replace(",", "")
    found = _NUMBER.findall(text)
    if len(found) != 1:
        raise Refused(field, f"{text!r} is no sum of money")
    unit = 10_000.0 if "万" in text or ("万" in title and "元" not in text) else 1.0
    amount = float(found[0]) * unit
    if amount < 0:
        raise Refused(field, f"{text!r} is negative")
    return amount
