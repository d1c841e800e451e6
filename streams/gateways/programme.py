"""The plan's tables (tasks, problems, training, enforcement …) from XLSX or CSV to `programme.events`. Pure.

A row read again gives the same events; a row that has changed since gives new ones, and the latest recorded holds.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.events import Actor, Event
from schemas.ids import make_id
from schemas.model import Message, Refused
from schemas.programme import Kept, actions, tables
from schemas.table_columns import heading, word
from schemas.terms import Role
from schemas.times import from_us, to_us
from streams.decode import AHEAD_US
from streams.gateways.lines import Line, refused_line
from streams.gateways.outbox import Outgoing
from streams.gateways.sheets import Cell, Sheet, sheets_of
from streams.gateways.table_header import Layout, propose
from streams.gateways.table_values import instant, is_nothing, text_of

SOURCE = "programme"
_LISTED = re.compile(r"[、,，;；/\n]+")
_YES, _NO = (
    frozenset({"是", "有", "true", "yes", "1", "√", "属实"}),
    frozenset({"否", "无", "false", "no", "0", "×", "不属实"}),
)


def records_of(raw: bytes, file: str, now_us: int, table: str = "") -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each row of every sheet: its events, or a dead letter. Raises Refused for the whole file."""
    for sheet in sheets_of(raw, file):
        kept, layout = chosen(sheet, table)
        for number, cells in enumerate(sheet.rows[layout.first_row - 1 :], layout.first_row):
            if all(is_nothing(cell) for cell in cells):
                continue
            try:
                events = _Row(kept, layout, cells, now_us).events(f"{file}#{sheet.name}/{number}")
            except Refused as error:
                titled = {column.title: text_of(cells[column.index]) for column in layout.columns.values()}
                yield refused_line(Line(number, orjson.dumps(titled)), error, SOURCE, file, now_us), error
                continue
            for owner, event in events:
                yield Outgoing("programme.events", owner, event.encode()), None


def chosen(sheet: Sheet, table: str = "") -> tuple[Kept, Layout]:
    """The table a sheet holds: the one a person names, else that of the sheet's name, else the one that fits best.

    Raises Refused: no such table, or none or several fit.
    """
    if table and table not in tables():
        raise Refused("table", f"{table!r} is none of {', '.join(tables())}")
    for name, kept in tables().items():
        if name == table or (not table and heading(sheet.name) in {heading(kept.columns.zh), heading(name)}):
            return kept, propose(sheet, kept.columns)
    fitting: list[tuple[int, str, Layout]] = []
    for name, kept in tables().items():
        try:
            layout = propose(sheet, kept.columns)
        except Refused:
            continue
        fitting.append((len(layout.columns) - len(layout.unused), name, layout))
    if not fitting:
        raise Refused("header", f"sheet {sheet.name!r} fits no table; there are {', '.join(tables())}")
    best = max(score for score, _, _ in fitting)
    first = [(name, layout) for score, name, layout in fitting if score == best]
    if len(first) > 1:
        raise Refused("header", f"sheet {sheet.name!r} could be {' or '.join(name for name, _ in first)}: say which")
    return tables()[first[0][0]], first[0][1]


@dataclass(frozen=True)
class _Row:
    kept: Kept
    layout: Layout
    cells: list[Cell]
    now_us: int

    def events(self, where: str) -> list[tuple[str, Event]]:
        """The row's events with the key of each. Raises Refused with the field."""
        values = {name: value for name in self.layout.columns if (value := self._value(name)) is not None}
        for name in self.kept.columns.needs:
            if name not in values:
                raise Refused(name, "未填 is empty")
        subject = make_id("programme", self.kept.columns.id, *(values.get(name, "") for name in self.kept.key))
        owner = str(values.get(self.kept.owner, "")) or self.kept.columns.id
        events = []
        for kind, (at, carried) in self.kept.events.items():
            if at in values:
                data = {name: values[name] for name in carried if name in values}
                events.append((owner, self._event(kind, subject, values[at], data, where)))
        return events

    def _event(self, kind: str, subject: str, at: dt.datetime, data: dict[str, Any], where: str) -> Event:
        if to_us(at) > self.now_us + AHEAD_US and kind != "duty_listed":  # a duty may begin tomorrow
            raise Refused(self.kept.events[kind][0], f"{at:%Y-%m-%d} lies in the future")
        message = Message.model_validate(data)
        cause = make_id("row", subject, kind, at, message.model_dump_json())
        event = Event.of(
            kind, subject, "", message, cause=cause, occurred_at=at, recorded_at=from_us(self.now_us), causes=(where,),
            actor=Actor(id=f"table:{self.kept.columns.id}", role=Role.ADMIN),
        )  # fmt: skip
        return event.model_copy(update={"imported": True})

    def _value(self, name: str) -> Any:
        """The field as its type has it, None for nothing."""
        cell = self.cells[self.layout.columns[name].index]
        kind = self.kept.types[name]
        if is_nothing(cell) and kind != "yes":
            return None
        text = text_of(cell)
        match kind:
            case "day":
                return instant(cell, name)
            case "due":
                return instant(cell, name, ending=True)
            case "list":
                return [each.strip() for each in _LISTED.split(text) if each.strip()]
            case "choice":
                return self._choice(name, text)
            case "action":
                return _action(name, text)
            case "yes":
                return _yes(name, text)
            case "number" | "count" | "year":
                return _number(name, text, kind)
            case _:
                return text

    def _choice(self, name: str, text: str) -> str:
        choices = self.kept.choices[name]
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
