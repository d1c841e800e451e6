"""Rows of a table that offices keep: which table a sheet holds, and each cell as its field's type has it. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.kept import Kept
from schemas.model import Refused
from schemas.programme import actions
from schemas.table_columns import heading, word
from schemas.times import shanghai_day
from streams.gateways.sheets import Cell, Sheet
from streams.gateways.table_header import Layout, propose
from streams.gateways.table_values import instant, is_nothing, text_of

_LISTED = re.compile(r"[、,，;；/\n]+")
_YES = frozenset({"是", "有", "true", "yes", "1", "√", "属实"})
_NO = frozenset({"否", "无", "false", "no", "0", "×", "不属实"})


def chosen(sheet: Sheet, tables: Mapping[str, Kept], table: str = "") -> tuple[Kept, Layout]:
    """The table a sheet holds: the one a person names, else that of the sheet's name, else the one that fits best.

    Raises Refused: no such table, or none or several fit.
    """
    if table and table not in tables:
        raise Refused("table", f"{table!r} is none of {', '.join(tables)}")
    for name, kept in tables.items():
        if name == table or (not table and heading(sheet.name) in {heading(kept.columns.zh), heading(name)}):
            return kept, propose(sheet, kept.columns)
    fitting: list[tuple[int, str, Layout]] = []
    for name, kept in tables.items():
        try:
            layout = propose(sheet, kept.columns)
        except Refused:
            continue
        fitting.append((len(layout.columns) - len(layout.unused), name, layout))
    if not fitting:
        raise Refused("header", f"sheet {sheet.name!r} fits no table; there are {', '.join(tables)}")
    best = max(score for score, _, _ in fitting)
    first = [(name, layout) for score, name, layout in fitting if score == best]
    if len(first) > 1:
        raise Refused("header", f"sheet {sheet.name!r} could be {' or '.join(name for name, _ in first)}: say which")
    return tables[first[0][0]], first[0][1]


def rows(sheet: Sheet, layout: Layout) -> Iterator[tuple[int, list[Cell]]]:
    """Every row below the header that holds anything, with its number from 1."""
    for number, cells in enumerate(sheet.rows[layout.first_row - 1 :], layout.first_row):
        if not all(is_nothing(cell) for cell in cells):
            yield number, cells


def titled(layout: Layout, cells: list[Cell]) -> dict[str, str]:
    """A row under the titles of its file, as a dead letter keeps it."""
    return {column.title: text_of(cells[column.index]) for column in layout.columns.values()}


def values(kept: Kept, layout: Layout, cells: list[Cell]) -> dict[str, Any]:
    """The fields a row fills. Raises Refused with the field: one that is needed is empty, or one cannot be read."""
    read = {name: _value(kept, name, cells[column.index]) for name, column in layout.columns.items()}
    filled = {name: value for name, value in read.items() if value is not None}
    for name in kept.columns.needs:
        if name not in filled:
            raise Refused(name, "未填 is empty")
    return filled


def _value(kept: Kept, name: str, cell: Cell) -> Any:
    kind = kept.types[name]
    if is_nothing(cell) and kind != "yes":
        return None
    text = text_of(cell)
    match kind:
        case "day":
            return instant(cell, name)
        case "date":
            return shanghai_day(instant(cell, name))
        case "due":
            return instant(cell, name, ending=True)
        case "list":
            return [each.strip() for each in _LISTED.split(text) if each.strip()]
        case "choice":
            return _choice(kept.choices[name], name, text)
        case "action":
            return _action(name, text)
        case "yes":
            return _yes(name, text)
        case "number" | "count" | "year":
            return _number(name, text, kind)
        case _:
            return text


def _choice(choices: Mapping[str, str], name: str, text: str) -> str:
    said = {word(key): value for key, value in choices.items()} | {value: value for value in choices.values()}
    if word(text) not in said:
        raise Refused(name, f"{text!r} is none of {', '.join(choices)}")
    return said[word(text)]


def _action(name: str, text: str) -> str:
    said = text.strip()
    for action in actions().values():
        if said.upper() == action.id or heading(said) in {heading(action.zh), heading(action.en)}:
            return action.id
    raise Refused(name, f"{text!r} is no action of the plan ({', '.join(actions())})")


def _yes(name: str, text: str) -> bool | None:
    said = word(text)
    if not said:
        return None
    if said in _YES or said in _NO:
        return said in _YES
    raise Refused(name, f"{text!r} is neither 是 yes nor 否 no")


def _number(name: str, text: str, kind: str) -> float | int:
    bare = word(text).removesuffix("%").removesuffix("年").removesuffix("人").removesuffix("分")
    try:
        value = float(bare)
    except ValueError:
        raise Refused(name, f"{text!r} is no number") from None
    if kind == "number":
        return value
    if value < 0 or not value.is_integer() or (kind == "year" and not 2000 <= value < 2100):
        raise Refused(name, f"{text!r} is no {'year' if kind == 'year' else 'count'}")
    return int(value)
