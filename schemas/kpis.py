"""A KPI row (contracts.md) and the KPI dictionary of kpis.yaml."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from schemas.model import Message
from schemas.times import DueInstant, Instant


class KpiLimit(Message):
    """What a figure ought not to exceed: `value`, or a name of the row's `detail`."""

    name: str
    most: float
    source: str


class KpiParameter(Message):
    """A number that a formula leaves open; the KPI's query names it as `$name`."""

    name: str
    value: float
    source: str


class Kpi(Message):
    """One entry of the dictionary: what is measured, in words, its unit, target and source."""

    kpi_id: str
    zh: str
    en: str
    unit: str
    formula: str
    target: str = ""
    source: str = ""
    limits: tuple[KpiLimit, ...] = ()
    parameters: tuple[KpiParameter, ...] = ()

    def over(self, value: float | None, detail: dict[str, Any]) -> list[str]:
        """The names of the limits that a row exceeds."""
        found = {"value": value, **detail}
        return [limit.name for limit in self.limits if (found.get(limit.name) or 0) > limit.most]


def parameters_of(kpi_id: str) -> dict[str, float]:
    """The parameters of a KPI by name."""
    return {each.name: each.value for each in kpis()[kpi_id].parameters}


class KpiRow(Message):
    """`group` {} is everything; `den` 0 makes `value` null; `window` is [from, to)."""

    kpi_id: str
    group: dict[str, str] = {}
    as_of: DueInstant
    window: tuple[Instant, Instant]
    num: float | None
    den: float | None
    value: float | None
    excluded: int = 0
    data_as_of: Instant | None = None
    detail: dict[str, Any] = {}


@cache
def kpis() -> dict[str, Kpi]:
    rows = yaml.safe_load((Path(__file__).parent / "kpis.yaml").read_text("utf-8"))
    return {row["kpi_id"]: Kpi.model_validate(row) for row in rows}
