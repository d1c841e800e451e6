"""The MT/T 1201 dialect: its facts (mtt1201.yaml) as typed rows, and what a file's name says. Pure.

Text of a file: mtt1201_text. Records: mtt1201_points (CDDY), mtt1201_values (CDSS), mtt1201_abnormal (YCBJ).
"""

import datetime as dt
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from schemas.model import Refused
from schemas.terms import UpstreamKind

DIALECT = "mtt1201"
SYSTEM = "coal_safety_monitoring"
DEFINITIONS, VALUES, ABNORMAL = "CDDY", "CDSS", "YCBJ"


@dataclass(frozen=True)
class Quantity:
    """What a sensor measures. `resolution` is the smallest step of its value, in its unit."""

    quantity: str
    signal: str
    zh: str
    codes: tuple[str, ...]
    units: tuple[str, ...]
    words: tuple[str, ...]
    resolution: float


@dataclass(frozen=True)
class Abnormal:
    """`peak` names the field of the record that holds the extreme value: max or min."""

    kind: UpstreamKind
    level: int
    peak: str


@dataclass(frozen=True)
class Dialect:
    file_name: re.Pattern[str]
    mine_code: re.Pattern[str]
    region_digits: int
    industry: str
    zone: ZoneInfo
    invalid_values: frozenset[float]
    no_limit: frozenset[float]
    fields: dict[str, tuple[str, ...]]
    unused_types: frozenset[str]
    quantities: tuple[Quantity, ...]
    running_signals: tuple[tuple[tuple[str, ...], str], ...]
    places: tuple[tuple[re.Pattern[str], str, str], ...]
    default_place: tuple[str, str]
    areas: tuple[re.Pattern[str], ...]
    one_per_area: frozenset[str]
    sensor_mark: re.Pattern[str]
    same_place_separator: str
    abnormal_kinds: dict[str, Abnormal]


@cache
def dialect() -> Dialect:
    """The facts of mtt1201.yaml, read once."""
    raw: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return Dialect(
        file_name=re.compile(raw["file_name"], re.IGNORECASE | re.ASCII),
        mine_code=re.compile(raw["mine_code"], re.ASCII),
        region_digits=raw["region_digits"],
        industry=raw["industry"],
        zone=ZoneInfo(raw["time_zone"]),
        invalid_values=frozenset(map(float, raw["invalid_value"])),
        no_limit=frozenset(map(float, raw["no_limit"])),
        fields={kind: tuple(names) for kind, names in raw["fields"].items()},
        unused_types=frozenset(raw["unused_types"]),
        quantities=tuple(
            Quantity(**{**row, **{key: tuple(row[key]) for key in ("codes", "units", "words")}})
            for row in raw["quantities"]
        ),
        running_signals=tuple((tuple(row["words"]), row["signal"]) for row in raw["running_signals"]),
        places=tuple((re.compile(row["find"]), row["kind"], row["zh"]) for row in raw["places"]),
        default_place=(raw["default_place"]["kind"], raw["default_place"]["zh"]),
        areas=tuple(re.compile(pattern) for pattern in raw["areas"]),
        one_per_area=frozenset(raw["one_per_area"]),
        sensor_mark=re.compile(raw["sensor_mark"]),
        same_place_separator=raw["same_place_separator"],
        abnormal_kinds={
            code: Abnormal(UpstreamKind(row["kind"]), row["level"], row["peak"])
            for code, row in raw["abnormal_kinds"].items()
        },
    )


@dataclass(frozen=True)
class FileName:
    """`{mine code}_{TYPE}_{yyyyMMddHHmmss}.txt` and its known longer forms. `written_at` is what the name says."""

    name: str
    mine: str
    type: str
    written_at: dt.datetime

    @classmethod
    def parse(cls, name: str) -> "FileName":
        """Raises Refused if the name has another form or no real time in it."""
        match = dialect().file_name.fullmatch(name)
        if match is None:
            raise Refused("file name", "is not {mine code}_{TYPE}_{yyyyMMddHHmmss}.txt")
        try:
            written_at = dt.datetime.strptime(match["time"], "%Y%m%d%H%M%S").replace(tzinfo=dialect().zone)
        except ValueError:
            raise Refused("file name", f"{match['time']} is no time") from None
        return cls(name, match["mine"] + match["more"], match["type"].upper(), written_at)

    @property
    def used(self) -> bool:
        return self.type in dialect().fields
