"""What every table of the warehouse is, in Chinese and English, beside its SQL: sql/<layer>.yaml and sql/columns.yaml.

A column of one name means the same everywhere (columns.yaml) unless its view says it more exactly.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from warehouse.views import LAYERS, SQL, quoted, view_files

BUILD = "build"  # the layer of tables that a publish writes itself


@dataclass(frozen=True)
class Relation:
    """One table or view. `references`: column → the relation it joins; `contract`: checks as the YAML has them.

    `check_key` False: the key holds by construction, and looking would cost more than it is worth.
    """

    name: str
    layer: str
    zh: str
    en: str
    key: tuple[str, ...] = ()
    check_key: bool = True
    references: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    contract: tuple[Mapping[str, Any], ...] = ()

    def comment(self, column: str) -> str:
        """`zh | en` of a column. Raises KeyError if nobody says what it is."""
        said = self.columns.get(column) or shared_columns().get(column)
        if said is None:
            raise KeyError(f"{self.name}.{column} is explained neither in {self.layer}.yaml nor in columns.yaml")
        return said


@cache
def shared_columns() -> dict[str, str]:
    found: dict[str, str] = _read("columns")
    return found


@cache
def relations() -> dict[str, Relation]:
    """Every relation by name, layer by layer. Raises ValueError for an entry that is no relation."""
    found: dict[str, Relation] = {}
    for layer in (*LAYERS, BUILD):
        entries: dict[str, dict[str, Any]] = _read(layer)
        for name, entry in entries.items():
            if not (SQL / layer / f"{name}.sql").is_file():
                raise ValueError(f"sql/{layer}.yaml tells of {name}, but sql/{layer}/{name}.sql is not there")
            zh, en = both(entry["about"])
            found[name] = Relation(
                name=name, layer=layer, zh=zh, en=en, key=tuple(entry.get("key", ())),
                check_key=entry.get("check_key", True), references=entry.get("references", {}),
                columns=entry.get("columns", {}), contract=tuple(entry.get("contract", ())),
            )  # fmt: skip
    return found


def _read(name: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times faster, where there is one
    return yaml.load((SQL / f"{name}.yaml").read_text("utf-8"), loader)  # noqa: S506 - both are safe loaders


def both(said: str) -> tuple[str, str]:
    """(zh, en) of a text `zh | en`. Raises ValueError if one is missing."""
    zh, bar, en = said.partition(" | ")
    if not bar or not zh.strip() or not en.strip():
        raise ValueError(f"{said!r} is not `zh | en`")
    return zh.strip(), en.strip()


def relation(name: str) -> Relation:
    """The entry of `name`; one without text if nobody has described it yet."""
    known = relations().get(name)
    if known is not None:
        return known
    file = view_files().get(name)
    return Relation(name, file.parent.name if file else BUILD, "", "")


def comments(name: str, columns: Iterable[str], what: str) -> list[str]:
    """The COMMENT statements of a relation; `what` is TABLE or VIEW. What nobody explains gets none."""
    told = relation(name)
    lines = [f"COMMENT ON {what} {name} IS {quoted(f'{told.zh} | {told.en}')}"] if told.zh else []
    for column in columns:
        try:
            lines.append(f'COMMENT ON COLUMN {name}."{column}" IS {quoted(told.comment(column))}')
        except KeyError:
            continue
    return lines
