"""KPI rows over a warehouse or over a file of hazard events: the facts of each kind once, then one query per KPI."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb

from schemas.kpis import KpiRow
from schemas.model import Refused
from warehouse.kpi_facts import (
    AlarmsAt,
    ClearanceAt,
    FactsAt,
    HazardsAt,
    ListsAt,
    ProgrammeAt,
    QualityAt,
    When,
    Window,
)
from warehouse.kpi_files import KINDS, kind_of, kpi_ids, kpi_ids_of_events
from warehouse.ledger import connect_events, read_events

_FACTS: dict[str, type[FactsAt]] = {
    facts.kind: facts for facts in (HazardsAt, ClearanceAt, ListsAt, ProgrammeAt, QualityAt, AlarmsAt)
}


def facts_at(con: duckdb.DuckDBPyConnection, as_of: When, known_as_of: When | None, kind: str) -> FactsAt:
    """The facts that the KPIs of one kind are counted over, materialised in `con`."""
    return _FACTS[kind](con, as_of, known_as_of)


def rows_at(
    con: duckdb.DuckDBPyConnection, as_of: When, known_as_of: When | None, groupings: Sequence[Sequence[str]],
    window: Window | None = None, kpis: Iterable[str] | None = None,
) -> list[KpiRow]:  # fmt: skip
    """Rows of KPIs of every kind over a warehouse, by KPI. Groupings that a kind does not know have no row of it.

    Raises Refused.
    """
    wanted = kpi_ids() if kpis is None else tuple(kpis)
    of_kind: dict[str, list[str]] = {}
    for kpi_id in wanted:
        of_kind.setdefault(kind_of(kpi_id), []).append(kpi_id)
    rows: list[KpiRow] = []
    for kind in KINDS:
        own = set(_FACTS[kind].groups)
        known = [by for by in groupings if kind == "hazards" or set(by) <= own]
        if kind in of_kind and known:
            rows += facts_at(con, as_of, known_as_of, kind).rows_of(known, window, of_kind[kind])
    return sorted(rows, key=lambda row: row.kpi_id)


def compute(
    events: Path | duckdb.DuckDBPyConnection,
    as_of: When,
    known_as_of: When | None = None,
    window: Window | None = None,
    by: Sequence[str] = (),
    kpis: Iterable[str] | None = None,
) -> list[KpiRow]:
    """KPI rows of a file of hazard events (JSON lines) or of a connection that has `hazard_events`.

    Raises Refused for an unknown KPI or group, a window that is no span, or a file with refused lines
    (`ledger.read_events` tells them apart and gives the good ones).
    """
    if isinstance(events, Path):
        good, bad = read_events(events)
        if bad:
            raise Refused(bad[0].field, f"{events}, line {bad[0].line}: {bad[0].reason}")
        events = connect_events(good)
    return rows_at(events, as_of, known_as_of, [by], window, kpi_ids_of_events() if kpis is None else kpis)
