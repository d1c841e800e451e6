"""Dialects of single readings in JSON (bridge.yaml) as typed rows. Pure.

Adding one is a few lines of data; what the fields mean stands at the top of the file.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from schemas.terms import Quality

CLOCKS = {"text": 0, "s": 1_000_000, "ms": 1_000, "us": 1}  # µs of one step; 0: a text


@dataclass(frozen=True)
class Dialect:
    """Names of fields in a message. `unit`, `quality` and `alarm` are empty where the party writes none.

    `codes` None: quality is a mask of bits. `offset_us` None: a time in text carries its own offset.
    """

    name: str
    site: str
    sensor: str
    value: str
    time: str
    clock: str = "text"
    offset_us: int | None = None
    unit: str = ""
    quality: str = ""
    codes: Mapping[int | str, int] | None = None
    alarm: str = ""
    no_alarm: frozenset[str] = frozenset()

    @property
    def columns(self) -> dict[str, pa.DataType]:
        """Fields that are read, with the type they have in an orderly message."""
        coded = pa.string() if self.codes and any(isinstance(code, str) for code in self.codes) else pa.int64()
        found = {
            self.site: pa.string(), self.sensor: pa.string(), self.value: pa.float64(),
            self.time: pa.int64() if CLOCKS[self.clock] else pa.string(),
        }  # fmt: skip
        rest = {self.unit: pa.string(), self.quality: coded, self.alarm: pa.string()}
        return found | {name: kind for name, kind in rest.items() if name}

    def bits(self, code: int | str | None) -> int | None:
        """Quality bits of what a message says; None if this is no code of the dialect. Nothing said is good."""
        if code is None:
            return int(Quality.GOOD)
        if self.codes is not None:
            return self.codes.get(code)
        return int(code) if isinstance(code, int) and 0 <= code <= 255 else None


@cache
def dialects() -> dict[str, Dialect]:
    """All dialects by name. Raises ValueError, naming the dialect and the field, if the file is wrong."""
    rows = yaml.safe_load((Path(__file__).parent / "bridge.yaml").read_text("utf-8"))
    return {name: dialect_of(name, row) for name, row in rows.items()}


def dialect_of(name: str, row: Mapping[str, Any]) -> Dialect:
    """The dialect that `row` of the file describes. Raises ValueError."""
    for field in ("site", "sensor", "value", "time"):
        if not isinstance(row.get(field), str):
            raise ValueError(f"dialect {name}: {field} names no field")
    clock, quality, alarm = row.get("clock", "text"), row.get("quality", {}), row.get("alarm", {})
    if clock not in CLOCKS:
        raise ValueError(f"dialect {name}: clock {clock!r} is none of {', '.join(CLOCKS)}")
    strange = set(row) - {"title", "site", "sensor", "value", "time", "clock", "offset", "unit", "quality", "alarm"}
    if strange:
        raise ValueError(f"dialect {name}: {min(strange)} is no part of a dialect")
    codes = quality.get("codes")
    try:
        bits = None if codes is None else {code: _mask(names) for code, names in codes.items()}
        offset = dt.datetime.strptime(row["offset"], "%z").utcoffset() if "offset" in row else None
    except (KeyError, ValueError) as error:
        raise ValueError(f"dialect {name}: {error}") from None
    return Dialect(
        name, row["site"], row["sensor"], row["value"], row["time"], clock,
        None if offset is None else offset // dt.timedelta(microseconds=1), row.get("unit", ""),
        quality.get("field", ""), bits, alarm.get("field", ""), frozenset(alarm.get("none", ())),
    )  # fmt: skip


def _mask(names: list[str]) -> int:
    return sum({int(Quality[name.upper()]) for name in names})
