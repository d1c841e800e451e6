"""The plan's actions and the tables kept of it, as data: programme.yaml. A row of a table becomes events."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.table_columns import Field, Table, fields_of

FILE = Path(__file__).parent / "programme.yaml"
_TYPES = frozenset({"text", "list", "number", "count", "day", "due", "year", "yes", "action"})


@dataclass(frozen=True)
class Action:
    """One of the plan's actions. How many there are differs from plan to plan."""

    id: str
    zh: str
    en: str


@dataclass(frozen=True)
class Kept:
    """A table that departments keep. `types` by field; `events`: kind -> (the field that says when, fields it carries).

    `choices` are the words a field may hold and what they mean; `owner` is the field whose value keys the topic.
    """

    columns: Table
    key: tuple[str, ...]
    owner: str
    types: dict[str, str]
    choices: dict[str, dict[str, str]]
    events: dict[str, tuple[str, tuple[str, ...]]]
    titles: dict[str, str]  # field -> the title a template gives its column


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return found


@cache
def actions() -> dict[str, Action]:
    return {each["id"]: Action(**each) for each in _data()["actions"]}


@cache
def tables() -> dict[str, Kept]:
    """Every table by its id. Raises ValueError: a field of no type, an event that carries a field that is not there."""
    return {name: _kept(name, raw) for name, raw in _data()["tables"].items()}


@cache
def kinds() -> tuple[str, ...]:
    """The kinds of programme events that tables bring."""
    return tuple(kind for kept in tables().values() for kind in kept.events)


def _kept(name: str, raw: dict[str, Any]) -> Kept:
    fields: dict[str, Field] = fields_of(raw["fields"])
    types, choices = {}, {}
    for field, entry in raw["fields"].items():
        said = entry["type"]
        if isinstance(said, dict):
            choices[field] = {str(word): str(value) for word, value in said.items()}
            types[field] = "choice"
        elif said in _TYPES:
            types[field] = said
        else:
            raise ValueError(f"{FILE.name}: {name}.{field}: type {said!r} is none of {', '.join(sorted(_TYPES))}")
    events = {kind: (entry["at"], tuple(entry["data"])) for kind, entry in raw["events"].items()}
    named = {*raw["key"], raw["owner"], *(at for at, _ in events.values()), *(f for _, d in events.values() for f in d)}
    if strange := sorted(named - set(fields)):
        raise ValueError(f"{FILE.name}: {name}: {', '.join(strange)} is no field of the table")
    needs = tuple(field for field, entry in raw["fields"].items() if entry.get("needed"))
    return Kept(
        Table(name, raw["zh"], raw["en"], needs, fields), tuple(raw["key"]), raw["owner"], types, choices, events,
        {field: entry["names"][0] for field, entry in raw["fields"].items()},
    )  # fmt: skip
