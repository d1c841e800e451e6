"""How long each lake table keeps its rows: the rules of retention.yaml."""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.tables import PARTITION_BY, TABLES

FILE = Path(__file__).parent / "retention.yaml"


class BadRetention(ValueError):
    """retention.yaml cannot be used; names the entry, the field and the reason."""


@dataclass(frozen=True)
class Retention:
    """Rows of `table` stay `keep_days` days; then `(table, span in seconds)` of `then` hold what is left of them."""

    table: str
    keep_days: int
    then: tuple[tuple[str, int], ...] = ()

    def oldest(self, today: dt.date) -> dt.date:
        """The first day that is still kept whole on `today`."""
        return today - dt.timedelta(days=self.keep_days)


@cache
def retentions(file: Path = FILE) -> tuple[Retention, ...]:
    """The rules of `file`, coarser tables after finer ones. Raises BadRetention."""
    return tuple(_rule(file.name, number, row) for number, row in enumerate(yaml.safe_load(file.read_text("utf-8")), 1))


def _rule(file: str, number: int, row: dict[str, Any]) -> Retention:
    def bad(field: str, reason: str) -> BadRetention:
        return BadRetention(f"{file}, entry {number}, {field}: {reason}")

    table, days, then = row.get("table"), row.get("keep_days"), row.get("then") or {}
    if table not in TABLES:
        raise bad("table", f"no table {table!r}")
    if PARTITION_BY.get(table) != ["day"]:
        raise bad("table", f"{table} does not lie by day, so whole days of it cannot be let go")
    if not isinstance(days, int) or days < 1:
        raise bad("keep_days", f"{days!r} is no number of days")
    for target, span in then.items():
        if target not in TABLES or "began_at" not in TABLES[target].names:
            raise bad("then", f"{target!r} is no table of downsampled readings")
        if not isinstance(span, int) or span < 1 or 3600 % span:
            raise bad("then", f"{span!r} seconds do not divide an hour")
    if not row.get("source"):
        raise bad("source", "missing")
    return Retention(table, days, tuple(then.items()))
