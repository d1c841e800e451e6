"""Empty tables to fill in: a sheet per table, with titles, notes and lists to choose from. Pure."""

import io
from collections.abc import Iterable

import xlsxwriter

from schemas.kept import Kept
from schemas.programme import actions, tables
from streams.gateways import registry_table

_HINTS = {
    "day": "日期 date, 2026-03-05", "date": "日期 date, 2026-03-05",
    "due": "日期，当日 24 时止 date, until its end", "list": "用、分隔 several with 、",
    "number": "数 number", "count": "整数 whole number", "year": "年份 year", "yes": "是/否 yes or no",
    "action": "行动编号或名称 id or name of the action", "text": "文字 text", "choice": "从列表选择 one of the list",
}  # fmt: skip
_ROWS = 500  # rows that offer a list to choose from


def every() -> dict[str, Kept]:
    """The plan's tables and those of the registry."""
    return tables() | registry_table.tables()


def template(names: Iterable[str] = ()) -> bytes:
    """An XLSX with a sheet for each table of `names` (default: all). Needed columns are marked with a star.

    Raises KeyError for a table that is not there.
    """
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    needed, other = book.add_format({"bold": True, "bg_color": "#DDEBF7"}), book.add_format({"bold": True})
    for name in names or every():
        kept = every()[name]
        sheet = book.add_worksheet(kept.columns.zh)
        sheet.freeze_panes(1, 0)
        for column, (field, title) in enumerate(kept.titles.items()):
            wanted = field in kept.columns.needs
            sheet.write(0, column, f"{title}*" if wanted else title, needed if wanted else other)
            sheet.write_comment(0, column, f"{field}: {_HINTS[kept.types[field]]}")
            if choices := _choices(kept, field):
                sheet.data_validation(1, column, _ROWS, column, {"validate": "list", "source": choices})
        sheet.set_column(0, len(kept.titles), 18)
    book.close()
    return out.getvalue()


def _choices(kept: Kept, field: str) -> list[str]:
    if kept.types[field] == "choice":
        first: dict[str, str] = {}
        for text, value in kept.choices[field].items():
            first.setdefault(value, text)
        return list(first.values())
    return [action.id for action in actions().values()] if kept.types[field] == "action" else []
