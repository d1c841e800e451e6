"""Tables that offices keep, as data: what their columns mean, and what a row of them becomes."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.table_columns import Table, fields_of

_TYPES = frozenset({"text", "list", "number", "count", "day", "due", "date", "year", "yes", "action"})


@dataclass(frozen=True)
class Kept:
    """A table that offices keep. `types` by field, `choices` the words a field may hold and what they mean.

    A row becomes `events`: kind -> (the field that says when, fields it carries), keyed by the value of `owner`; or a
    registry record of the kind `record`.
    """

    columns: Table
    key: tuple[str, ...]
    types: dict[str, str]
    choices: dict[str, dict[str, str]]
    titles: dict[str, str]  # field -> the title a template gives its column
    owner: str = ""
    events: dict[str, tuple[str, tuple[str, ...]]] | None = None
    record: str = ""


@cache
def tables_of(file: Path) -> dict[str, Kept]:
    """Every table of a file by its id. Raises ValueError: a field of no type, or one named that is not there."""
    raw = yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return {name: _kept(file, name, entry) for name, entry in raw["tables"].items()}


def _kept(file: Path, name: str, raw: dict[str, Any]) -> Kept:
    types: dict[str, str] = {}
    choices: dict[str, dict[str, str]] = {}
    for field, entry in raw["fields"].items():
        said = entry["type"]
        if isinstance(said, dict):
            choices[field] = {str(word): str(value) for word, value in said.items()}
            types[field] = "choice"
        elif said in _TYPES:
            types[field] = said
        else:
            raise ValueError(f"{file.name}: {name}.{field}: type {said!r} is none of {', '.join(sorted(_TYPES))}")
    fields = fields_of(raw["fields"])
    events = {kind: (entry["at"], tuple(entry["data"])) for kind, entry in raw.get("events", {}).items()}
    named = {*raw["key"], *(at for at, _ in events.values()), *(f for _, data in events.values() for f in data)}
    if strange := sorted((named | ({raw["owner"]} if events else set())) - set(fields)):
        raise ValueError(f"{file.name}: {name}: {', '.join(strange)} is no field of the table")
    needs = tuple(field for field, entry in raw["fields"].items() if entry.get("needed"))
    titles = {field: str(entry["names"][0]) for field, entry in raw["fields"].items()}
    return Kept(
        Table(name, raw["zh"], raw["en"], needs, fields), tuple(raw["key"]), types, choices, titles,
        raw.get("owner", ""), events or None, raw.get("record", ""),
    )  # fmt: skip
