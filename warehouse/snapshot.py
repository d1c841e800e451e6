"""The KPI rows that are computed every day: which days, which groups."""

import datetime as dt

import duckdb
import orjson

from schemas.kpis import KpiRow
from schemas.terms import SHANGHAI
from schemas.times import from_us, shanghai_day
from warehouse.kpi_files import KINDS
from warehouse.kpis import facts_at, rows_at

# the ends of the plan's three years
MILESTONES = (dt.date(2024, 12, 31), dt.date(2025, 12, 31), dt.date(2026, 12, 31))
GROUPINGS: tuple[tuple[str, ...], ...] = ((), ("region",), ("city",), ("province",), ("industry",))


def today(con: duckdb.DuckDBPyConnection, clock: str) -> dt.date:
    """The Shanghai day the figures are of: the wall's, or with `clock` = `data` the last day anything happened on."""
    if clock == "data":
        newest = con.execute(
            "SELECT epoch_us(max(moment)) FROM (SELECT max(now) AS moment FROM raw.processing_steps "
            "UNION ALL SELECT max(occurred_at) FROM raw.hazard_events)"
        ).fetchone()
        if newest and newest[0] is not None:
            return shanghai_day(from_us(newest[0]))
    return dt.datetime.now(SHANGHAI).date()


def days_of(day: dt.date) -> tuple[dt.date, ...]:
    """The milestones before `day`, and `day`."""
    return (*(milestone for milestone in MILESTONES if milestone < day), day)


def daily(con: duckdb.DuckDBPyConnection, day: dt.date) -> tuple[list[KpiRow], list[KpiRow]]:
    """Every KPI for every grouping, as of `day` and of each milestone before it; and what the ungrouped rows count."""
    rows: list[KpiRow] = []
    members: list[KpiRow] = []
    for as_of in days_of(day):
        for kind in KINDS:
            facts = facts_at(con, as_of, None, kind)
            asked = [by for by in GROUPINGS if set(by) <= set(facts.groups)]
            for row in facts.rows_of([*asked, (facts.member,)]):  # in one go: each KPI's query runs once
                if set(row.group) != {facts.member}:
                    rows.append(row)
                elif row.num or row.den or row.excluded:
                    members.append(row)
    return rows, members


def daily_rows(con: duckdb.DuckDBPyConnection, day: dt.date) -> list[KpiRow]:
    """Every KPI for every grouping, as of `day` and as of each milestone before it."""
    return [row for as_of in days_of(day) for row in rows_at(con, as_of, None, GROUPINGS)]


def snapshot_rows(con: duckdb.DuckDBPyConnection) -> tuple[dt.date, list[KpiRow]]:
    """The day of a published build and the rows of its kpi_snapshot."""
    found = con.execute(
        'SELECT kpi_id, "group", epoch_us(as_of), epoch_us(window_from), epoch_us(window_to), num, den, value, '
        "excluded, epoch_us(data_as_of), detail FROM kpi_snapshot"
    ).fetchall()
    rows = [
        KpiRow(
            kpi_id=kpi_id, group=orjson.loads(group), as_of=_moment(as_of), window=(_moment(start), _moment(end)),
            num=num, den=den, value=value, excluded=excluded,
            data_as_of=None if known is None else _moment(known), detail=orjson.loads(detail),
        )
        for kpi_id, group, as_of, start, end, num, den, value, excluded, known, detail in found
    ]  # fmt: skip
    return shanghai_day(max(row.as_of for row in rows)), rows


def _moment(us: int) -> dt.datetime:
    return from_us(us).astimezone(SHANGHAI)


def key_of(row: KpiRow, day: dt.date) -> str:
    """The Kafka key of a row: KPI and group; for a day other than `day` that day too, so that milestones stay."""
    group = ",".join(f"{name}={value}" for name, value in sorted(row.group.items()))
    as_of = shanghai_day(row.as_of)
    return f"{row.kpi_id}|{group}" if as_of == day else f"{row.kpi_id}|{group}|{as_of}"
