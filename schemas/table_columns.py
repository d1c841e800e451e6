"""What people call the columns of their tables, and the words that stand in them. Data: table_columns.yaml."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.terms import MeasureKind

FILE = Path(__file__).parent / "table_columns.yaml"
_BRACKETED = re.compile(r"[(（\[【].*?[)）\]】]")
_MARKS = re.compile(r"[\s:：、,，.。;；/\\*＊_\-—|]+")


def heading(text: str) -> str:
    """A column's heading as it is compared: half-width, lower case, without brackets, spaces and marks."""
    bare = _BRACKETED.sub("", unicodedata.normalize("NFKC", text))
    return _MARKS.sub("", bare or text).lower()


def word(text: str) -> str:
    """A word in a cell as it is compared: half-width, lower case, without spaces around or inside."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower().rstrip("。.;；,，")


@dataclass(frozen=True)
class Field:
    """`names` match a whole heading, `parts` within one that holds none of `but`."""

    id: str
    names: frozenset[str]
    parts: tuple[str, ...]
    but: tuple[str, ...]

    def likeness(self, text: str) -> float:
        """1 for a name of this field, less where it holds a part, 0 for a stranger. `text`: of heading()."""
        if text in self.names:
            return 1.0
        if any(each in text for each in self.but):
            return 0.0
        longest = max((len(part) for part in self.parts if part in text), default=0)
        return 0.5 + 0.4 * longest / len(text) if longest else 0.0


@dataclass(frozen=True)
class Table:
    id: str
    zh: str
    en: str
    needs: tuple[str, ...]
    fields: dict[str, Field]


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return found


@cache
def table(name: str) -> Table:
    """One of the tables of table_columns.yaml. Raises KeyError for a table that is not there."""
    raw = _data()[name]
    return Table(name, raw["zh"], raw["en"], tuple(raw["needs"]), fields_of(raw["fields"]))


def fields_of(raw: dict[str, dict[str, Any]]) -> dict[str, Field]:
    """Fields as a YAML file lists them: id -> names, parts, not."""
    return {
        key: Field(
            key,
            frozenset(heading(str(each)) for each in (key, *entry.get("names", ()))),
            tuple(heading(str(each)) for each in entry.get("parts", ())),
            tuple(heading(str(each)) for each in entry.get("not", ())),
        )
        for key, entry in raw.items()
    }


@cache
def words(kind: str) -> frozenset[str]:
    """The words of one kind (closed, done, open, nothing, major, general, footer)."""
    return frozenset(word(str(each)) for each in _data()["words"][kind])


@cache
def sources() -> dict[str, str]:
    """Word of a ledger -> schemas.terms.HazardSource."""
    return {word(str(each)): source for source, names in _data()["words"]["source"].items() for each in names}


def measure_kind(text: str) -> MeasureKind:
    """Which of the four kinds of measures `text` mostly speaks of; management where its words name no other."""
    counts = {kind: sum(text.count(each) for each in names) for kind, names in _data()["words"]["measure"].items()}
    best = max(counts, key=lambda kind: counts[kind])
    return MeasureKind(best) if counts[best] else MeasureKind.MANAGEMENT
