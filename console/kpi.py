"""`qingling kpi`: KPI rows from hazard events, and the dictionary they are defined in."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from schemas.kpis import KpiRow, kpis
from schemas.model import Refused
from schemas.terms import SHANGHAI
from schemas.times import bare_date, day_start

if TYPE_CHECKING:
    import duckdb

app = typer.Typer(no_args_is_help=True, help="指标 KPIs: compute, list, show.")


def _talk() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def day_of(text: str) -> dt.date | dt.datetime:
    """A date (its Shanghai day) or an instant with offset."""
    day = bare_date(text)
    if day is not None:
        return day
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date (2024-12-31) and no time with offset") from None
    if instant.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no offset (like +08:00)")
    return instant


def _window(text: str) -> tuple[dt.datetime, dt.datetime]:
    first, comma, beyond = text.partition(",")
    if not comma:
        raise typer.BadParameter(f"{text!r} is not FROM,TO")
    days = [day_of(part.strip()) for part in (first, beyond)]
    last = days[1]
    if not isinstance(last, dt.datetime) and (last + dt.timedelta(days=1)).day == 1:
        _talk().print(f"注意 note: TO is the first day outside the window; {last} itself does not count")
    start, end = (day if isinstance(day, dt.datetime) else day_start(day) for day in days)
    return start, end


@app.command("compute")
def compute(
    as_of: Annotated[
        str, typer.Option("--as-of", help="the day the figures are of; counts to its end in Shanghai")
    ] = "",
    events: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="hazard events as JSON lines; else the published warehouse"),
    ] = None,
    known_as_of: Annotated[str, typer.Option(help="as it was known at the end of this day")] = "",
    window: Annotated[str, typer.Option(help="FROM,TO: TO is the first day outside. Default: the year, to as-of")] = "",
    by: Annotated[str, typer.Option(help="groups: region, city, province, industry …, joined by commas")] = "",
    kpi: Annotated[list[str] | None, typer.Option("--kpi", help="only this KPI; may be repeated")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one KPI row per line")] = False,
) -> None:
    """计算指标 KPI rows. Exit 5 if lines of the file were refused (named on stderr; the rest is computed)."""
    from warehouse.kpis import rows_at

    talk = _talk()
    at = day_of(as_of) if as_of else dt.datetime.now(SHANGHAI).date()
    known = day_of(known_as_of) if known_as_of else None
    span = _window(window) if window else None
    groups = tuple(name.strip() for name in by.split(",") if name.strip())
    con, refused = _source(events)
    try:
        rows = rows_at(con, at, known, [groups], span, _of_events(kpi) if events else kpi or None)
    except Refused as error:
        talk.print(f"参数有误 {error}")
        raise typer.Exit(2) from None
    if as_json:
        for row in rows:
            typer.echo(row.encode())
    else:
        _show(rows)
    if refused:
        talk.print(f"{refused} 行被拒收 lines refused")
        raise typer.Exit(5)


def _of_events(wanted: list[str] | None) -> tuple[str, ...]:
    """What was asked for, of a file of hazard events. Raises Refused for a KPI that needs the warehouse."""
    from warehouse.kpi_files import kpi_ids, kpi_ids_of_events

    for kpi_id in wanted or ():
        if kpi_id in kpi_ids() and kpi_id not in kpi_ids_of_events():
            raise Refused("kpi_id", f"{kpi_id} is counted over the whole warehouse: leave --events out")
    return tuple(wanted or kpi_ids_of_events())


def _source(events: Path | None) -> tuple["duckdb.DuckDBPyConnection", int]:
    """A connection with `hazard_events`, and how many lines were refused (named on stderr)."""
    from warehouse.ledger import connect_events, read_events
    from warehouse.publish import NotPublished, published

    if events is not None:
        good, bad = read_events(events)
        for line in bad:
            place = f"{events}, line {line.line}" + (f", field {line.field}" if line.field else "")
            _talk().print(f"{place}: {line.reason}")
        return connect_events(good), len(bad)
    try:
        return published(), 0
    except NotPublished as error:
        _talk().print(f"尚未发布数据仓库 {error}; or give --events FILE")
        raise typer.Exit(1) from None


def _show(rows: list[KpiRow]) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    table = Table("KPI", "名称 name", "分组 group", "num", "den", "value", "excluded")
    for row in rows:
        entry = kpis()[row.kpi_id]
        group = " ".join(f"{name}={value or '-'}" for name, value in row.group.items()) or "全部 all"
        numbers = (_number(row.num), _number(row.den), _number(row.value), str(row.excluded))
        table.add_row(row.kpi_id, f"{entry.zh} {entry.en}", group, *numbers)
    console.print(table)
    if rows:
        first = rows[0]
        known = first.data_as_of.isoformat(" ", "seconds") if first.data_as_of else "-"
        start, end = (edge.isoformat(" ", "minutes") for edge in first.window)
        console.print(f"as of {first.as_of.isoformat(' ', 'seconds')} · window [{start}, {end}) · data as of {known}")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value == int(value) else f"{value:.4f}"


@app.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="one KPI per line")] = False) -> None:
    """指标目录 The dictionary; a star marks the KPIs that are computed."""
    from warehouse.kpi_files import kpi_ids

    computed = set(kpi_ids())
    if as_json:
        for entry in kpis().values():
            typer.echo(orjson.dumps(entry.model_dump(mode="json") | {"computed": entry.kpi_id in computed}))
        return
    table = Table("KPI", "", "名称", "name", "unit", "target")
    for entry in kpis().values():
        star = "*" if entry.kpi_id in computed else ""
        table.add_row(entry.kpi_id, star, entry.zh, entry.en, entry.unit, entry.target)
    Console(highlight=False).print(table)


@app.command("show")
def show(kpi_id: str, as_json: Annotated[bool, typer.Option("--json", help="as one JSON object")] = False) -> None:
    """一个指标的定义与 SQL One KPI: definition, target, source, and the SQL that computes it."""
    from warehouse.kpi_files import kpi_ids, kpi_sql

    entry = kpis().get(kpi_id)
    if entry is None:
        _talk().print(f"没有指标 no KPI {kpi_id}: qingling kpi list")
        raise typer.Exit(2)
    query = kpi_sql(kpi_id) if kpi_id in kpi_ids() else ""
    if as_json:
        whole: dict[str, Any] = entry.model_dump(mode="json") | {"sql": query or None}
        typer.echo(orjson.dumps(whole))
        return
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{entry.kpi_id}  {entry.zh}  {entry.en}\n")
    console.print(f"公式 formula  {entry.formula}\n单位 unit     {entry.unit}")
    console.print(f"目标 target   {entry.target}\n来源 source   {entry.source}\n")
    console.print(query or "尚未计算 not computed yet")
