"""Facts of one kind as of an instant, materialised once in DuckDB, and the rows of the kind's KPIs over them.

Values are bound, never pasted; groups come from closed lists. The relation `hazard_events` of the connection must hold
one row per event_id.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb

from schemas.kpis import KpiRow, parameters_of
from schemas.kpis import kpis as kpi_dictionary
from schemas.model import Refused
from schemas.terms import SHANGHAI
from schemas.times import MICROSECOND, bare_date, day_end, day_start, from_us, shanghai_day
from schemas.vocabulary import vocabulary
from warehouse.kpi_files import KINDS, kpi_ids, kpi_sql

When = dt.date | dt.datetime
Window = tuple[dt.datetime, dt.datetime]

# Exact codes; city and province are the roll-ups of the region by code prefix (140105 → 140100 → 140000), groups of
# their own, so the rows of one grouping always add up to everything.
GROUPS = (
    "region", "city", "province", "industry", "enterprise_id", "site_id", "department_id", "source", "scope",
    "hazard_id",
)  # fmt: skip
LIST_GROUPS = ("region", "city", "province", "industry", "enterprise_id", "site_id")
PROGRAMME_GROUPS = (
    "region", "city", "province", "industry", "enterprise_id", "department_id", "action", "subject_id",
)  # fmt: skip


def ending(day: When) -> dt.datetime:
    """The last instant that counts: of a date its last microsecond in Shanghai, else the instant itself."""
    date = bare_date(day)
    if date is not None:
        return day_end(date) - MICROSECOND
    if isinstance(day, dt.datetime) and day.tzinfo is not None:
        return day
    raise Refused("as_of", f"{day} has no offset")


def default_window(as_of: dt.datetime) -> Window:
    """The calendar year of `as_of`, ending at `as_of`: [1 January 00:00, just after as_of)."""
    return day_start(shanghai_day(as_of).replace(month=1, day=1)), as_of.astimezone(SHANGHAI) + MICROSECOND


def clipped(window: Window | None, as_of: dt.datetime) -> Window:
    """`window` as it counts: the whole calendar year of `as_of` ends at `as_of`. Raises Refused if it is no span."""
    ours = default_window(as_of)
    if window is None:
        return ours
    start, end = window
    if not start < end:
        raise Refused("window", f"{start.isoformat()} is not before {end.isoformat()}")
    next_year = day_start(shanghai_day(ours[0]).replace(year=shanghai_day(ours[0]).year + 1))
    return ours if (start, end) == (ours[0], next_year) else window


class FactsAt:
    """Facts of one kind as of one instant, materialised once and asked many times.

    `as_of` and `known_as_of` count inclusively; a date counts to the end of its Shanghai day. Without `known_as_of`
    everything recorded counts. Uses temporary tables of `con`, so one instance of a kind per connection at a time.
    """

    kind: str
    groups: tuple[str, ...] = GROUPS
    known: str  # the relation whose newest row, recorded up to $known_as_of, dates the data
    newest = (
        "SELECT epoch_us(max(recorded_at)) FROM {known} "
        "WHERE $known_as_of::TIMESTAMPTZ IS NULL OR recorded_at <= $known_as_of"
    )
    table: str  # the relation that the queries of the kind read
    member: str  # the group of which one stands for one thing counted

    def __init__(self, con: duckdb.DuckDBPyConnection, as_of: When, known_as_of: When | None = None) -> None:
        self._con = con
        self.as_of = ending(as_of)
        self.known_as_of = None if known_as_of is None else ending(known_as_of)
        self._materialise({"as_of": self.as_of, "known_as_of": self.known_as_of})
        dated = self.newest.format(known=self.known)
        newest = con.execute(dated, self._bound(dated, {"known_as_of": self.known_as_of})).fetchone()
        self.data_as_of = from_us(newest[0]).astimezone(SHANGHAI) if newest and newest[0] is not None else None

    def _materialise(self, values: dict[str, Any]) -> None:
        sql = (KINDS[self.kind] / "_facts.sql").read_text("utf-8")
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE {self.kind}_at AS {sql}", self._bound(sql, values))

    def rows(
        self, by: Sequence[str] = (), window: Window | None = None, kpis: Iterable[str] | None = None
    ) -> list[KpiRow]:
        """The rows of `kpis` (default: all of the kind) for every group of `by`; `()` is everything. Raises Refused."""
        return self.rows_of([by], window, kpis)

    def rows_of(
        self, groupings: Sequence[Sequence[str]], window: Window | None = None, kpis: Iterable[str] | None = None
    ) -> list[KpiRow]:
        """The rows of `kpis` for several groupings, each KPI asked once. Raises Refused."""
        unknown = sorted({name for by in groupings for name in by} - set(self.groups))
        if unknown:
            raise Refused("by", f"no group {', '.join(unknown)}; there are {', '.join(self.groups)}")
        span = clipped(window, self.as_of)
        sql = (KINDS[self.kind] / "_groups.sql").read_text("utf-8")
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.table} AS {sql}", {"groupings": [list(by) for by in groupings]}
        )
        return [row for kpi_id in (kpi_ids(self.kind) if kpis is None else kpis) for row in self._rows(kpi_id, span)]

    def members(self, window: Window | None = None, kpis: Iterable[str] | None = None) -> list[KpiRow]:
        """What each KPI counts: its own query, grouped by the things it counts; those that add nothing left out."""
        return [row for row in self.rows([self.member], window, kpis) if row.num or row.den or row.excluded]

    def _bound(self, sql: str, values: dict[str, Any]) -> dict[str, Any]:
        """Those of `values` that the query names."""
        return {name: values[name] for name in self._con.extract_statements(sql)[0].named_parameters}

    def _rows(self, kpi_id: str, window: Window) -> list[KpiRow]:
        sql = kpi_sql(kpi_id)
        span = {"as_of": self.as_of, "window_from": window[0], "window_to": window[1]}
        values: dict[str, Any] = {**span, **parameters_of(kpi_id)}
        found = self._con.execute(sql, self._bound(sql, values))
        columns = [column[0] for column in found.description]
        rows = [dict(zip(columns, values, strict=True)) for values in found.fetchall()]
        return [
            KpiRow(
                kpi_id=kpi_id, group=dict(zip(row["grp"]["names"], row["grp"]["codes"], strict=True)), as_of=self.as_of,
                window=window, num=row["num"], den=row["den"], value=_value(row), excluded=row["excluded"],
                data_as_of=self.data_as_of, detail=_held_against(kpi_id, _value(row), _plain(row.get("detail") or {})),
            )
            for row in sorted(rows, key=lambda row: (row["grp"]["names"], row["grp"]["codes"]))
            if row.get("counted", 1) or row["grp"]["names"] != [self.member]
        ]  # fmt: skip


class HazardsAt(FactsAt):
    """The facts of all hazards. `con` must have `hazard_events` and the macro `hazards_as_of`."""

    kind, table, member, known = "hazards", "hazard_facts", "hazard_id", "hazard_events"

    def _materialise(self, values: dict[str, Any]) -> None:
        self._con.execute(
            "CREATE OR REPLACE TEMP TABLE facts_at AS "
            "SELECT * FROM hazards_as_of($as_of::TIMESTAMPTZ, $known_as_of::TIMESTAMPTZ)",
            values,
        )


class ClearanceAt(FactsAt):
    """Days on which major hazards were out of control, by unit. `con` must have `hazard_events` and `sites`."""

    kind, table, member, groups = "clearance", "clearance_facts", "site_id", LIST_GROUPS
    known = "hazard_events"

    def _materialise(self, values: dict[str, Any]) -> None:
        super()._materialise({**values, "grace_days": parameters_of("K04b")["grace_days"]})


class ListsAt(FactsAt):
    """The lists of the published catalogue and the industries in scope. `con` must have `sites` and `criteria_*`.

    The registry tells of the sites of today only: those are in scope on any day.
    """

    kind, table, member, groups = "lists", "list_facts", "site_id", LIST_GROUPS
    known = "criteria_versions"

    def _materialise(self, values: dict[str, Any]) -> None:
        super()._materialise(values)
        self._con.execute("CREATE OR REPLACE TEMP TABLE industries_in_scope (named VARCHAR, industry VARCHAR)")
        for (named,) in self._con.execute("SELECT DISTINCT industry FROM sites WHERE industry <> ''").fetchall():
            for industry in vocabulary().industry_ids(named) or (named,):
                self._con.execute("INSERT INTO industries_in_scope VALUES (?, ?)", [named, industry])


class ProgrammeAt(FactsAt):
    """What the plan's own tables say. `con` must have `programme_events`, `departments`, `sites`, `criteria_documents`.

    The registry tells of the sites and departments of today only: those are in scope on any day.
    """

    kind, table, member, groups = "programme", "programme_facts", "subject_id", PROGRAMME_GROUPS
    known = "programme_events"

    def _materialise(self, values: dict[str, Any]) -> None:
        self._con.execute("CREATE OR REPLACE TEMP TABLE high_risk_industries (named VARCHAR)")
        for (named,) in self._con.execute("SELECT DISTINCT industry FROM sites WHERE industry <> ''").fetchall():
            if vocabulary().is_high_risk(named):
                self._con.execute("INSERT INTO high_risk_industries VALUES (?)", [named])
        super()._materialise(values)


class QualityAt(FactsAt):
    """What sites should have sent, and what came or was refused. `con` must have `quality_daily` and the inputs.

    Counts what has landed, whenever it became known: `known_as_of` changes nothing here.
    """

    kind, table, member, groups = "quality", "quality_facts", "site_id", LIST_GROUPS
    known, newest = "sensor_days", "SELECT epoch_us(max(last_at)) FROM {known}"


class AlarmsAt(FactsAt):
    """Episodes and chatter of alarms. `con` must have `alarm_events`, `hazard_events` and `sites`."""

    kind, table, member, groups = "alarms", "alarm_facts", "site_id", LIST_GROUPS
    known = "alarm_events"


def _held_against(kpi_id: str, value: float | None, detail: dict[str, Any]) -> dict[str, Any]:
    """`detail`, and in `over` the names of the dictionary's limits that the row exceeds, if the KPI has any."""
    entry = kpi_dictionary()[kpi_id]
    return detail | {"over": entry.over(value, detail)} if entry.limits else detail


def _value(row: dict[str, Any]) -> float | None:
    """A count has no denominator; a ratio over nothing is null, never 0 or 1. A query may give its own value."""
    if "value" in row:
        return row["value"]
    if row["den"] is None:
        return row["num"]
    return row["num"] / row["den"] if row["den"] else None


def _plain(value: Any) -> Any:
    """Dates as text; the lists a group has nothing for are empty, not null."""
    if isinstance(value, dict):
        return {key: [] if inner is None and key in _LISTS else _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date) else value


_LISTS = frozenset({
    "hazards", "late", "lists", "units", "without", "causes", "flood_list", "top10", "chattering_list", "stale_list",
})  # fmt: skip
