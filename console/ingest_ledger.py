"""`qingling ingest ledger FILE`: shows what it makes of a ledger, and brings it in."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.table import Table as Shown

from console.ingest import REFUSED, WRONG_USE, AsJson, connected, send_file, talk
from schemas.model import Refused
from schemas.registry import Site

if TYPE_CHECKING:
    from streams.gateways.ledger_file import LedgerFile
    from streams.gateways.site_names import SiteBook

_PREVIEWED = 5
_SEND_AT_ONCE = 2_000


def ledger(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="XLSX, XLS, ODS or CSV 隐患台账")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show the mapping and the rows, send nothing 仅预览")
    ] = False,
    column: Annotated[list[str] | None, typer.Option(help="FIELD=TITLE where the proposal is wrong 指定列")] = None,
    site: Annotated[str, typer.Option(help="site_id of rows that name no enterprise 默认场所")] = "",
    industry: Annotated[str, typer.Option(help="industry of rows that name none 默认行业")] = "",
    level: Annotated[str, typer.Option(help="major or general, where no column says 默认等级")] = "",
    register_sites: Annotated[
        bool, typer.Option("--register-sites", help="unknown names become sites 登记新企业")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="refused rows go here; default FILE.rejects.csv 拒收文件")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask before sending 不再询问")] = False,
    as_json: AsJson = False,
) -> None:
    """Hazards of the past from a ledger: rows become findings with their life. Exit 5 if a row was refused."""
    from streams.gateways.ledger_file import outgoing, read_ledger
    from streams.gateways.outbox import Outbox
    from streams.gateways.site_names import SiteBook

    said = _said(column or [])
    defaults = {"site_id": site, "industry": industry, "level": level}
    try:
        raw = file.read_bytes()
    except OSError as error:
        talk.print(f"[red]{file}: {error.strerror}[/red]")
        raise typer.Exit(WRONG_USE) from None
    now = dt.datetime.now(dt.UTC)
    with connected() as (servers, producer):
        book = SiteBook(_sites(servers), register=register_sites, now=now)
        try:
            found = read_ledger(raw, file.name, now, book, said=said, defaults=defaults)
        except Refused as error:
            talk.print(f"[red]{file.name}: {error}[/red]", highlight=False)
            raise typer.Exit(REFUSED) from None
        if not as_json:
            _show(found, book)
        written = _write_rejects(found, rejects or file.with_name(f"{file.name}.rejects.csv"))
        if not dry_run and _agreed(yes or as_json):
            outbox = Outbox(producer)
            for n, record in enumerate(outgoing(found, book, now), 1):
                outbox.put(record)
                if n % _SEND_AT_ONCE == 0:
                    outbox.settle()
            outbox.settle()
    _finish(found, book, written, as_json, dry_run)


def exchange(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="t_yhzlxx records, JSON or XLSX 隐患治理信息表")],
    as_json: AsJson = False,
) -> None:
    """Hazards in the exchange shape t_yhzlxx, brought in with their life. Exit 5 if a record was refused."""
    from streams.gateways.exchange import records_of
    from streams.gateways.site_names import SiteBook

    with connected() as (servers, _):
        book = SiteBook(_sites(servers))
    send_file(file, lambda raw, name, now_us: records_of(raw, name, now_us, book), "findings", as_json)


def programme(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="XLSX or CSV by a template 行动计划台账")],
    table: Annotated[str, typer.Option(help="which table, where the titles do not tell 表名")] = "",
    as_json: AsJson = False,
) -> None:
    """The plan's tables: tasks, problems, duties, training, publicity, enforcement. Exit 5 if a row was refused."""
    from streams.gateways.programme import records_of

    send_file(file, lambda raw, name, now_us: records_of(raw, name, now_us, table), "events", as_json)


def template(
    file: Annotated[Path, typer.Argument(metavar="FILE.xlsx", help="where to write it 写入位置")],
    table: Annotated[list[str] | None, typer.Option(help="only this table; may be given again 表名")] = None,
) -> None:
    """An empty workbook of the plan's and the registry's tables, for `ingest programme` and `ingest registry`."""
    from streams.gateways.templates import every
    from streams.gateways.templates import template as written

    strange = sorted(set(table or ()) - set(every()))
    if strange:
        talk.print(f"[red]--table {strange[0]}[/red]: {', '.join(every())}", highlight=False)
        raise typer.Exit(WRONG_USE)
    try:
        file.write_bytes(written(table or ()))
    except OSError as error:
        talk.print(f"[red]{file}: {error.strerror}[/red]")
        raise typer.Exit(WRONG_USE) from None
    talk.print(f"→ {file}", highlight=False)


def _said(columns: list[str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for each in columns:
        name, equals, title = each.partition("=")
        if not equals:
            talk.print(f"[red]--column {each}[/red]: FIELD=TITLE, e.g. found_at=检查日期")
            raise typer.Exit(WRONG_USE)
        said[name.strip()] = title.strip()
    return said


def _sites(servers: str) -> list[Site]:
    """The registry's sites as they stand; the latest record of each wins."""
    from streams.reader import read_to_end

    sites: dict[str, Site] = {}
    for record in read_to_end(servers, ["registry.sites"]):
        if record.value:
            try:
                site = Site.parse(record.value)
            except Refused:
                continue  # the processing app has made a dead letter of it
            sites[site.site_id] = site
    return list(sites.values())


def _show(found: "LedgerFile", book: "SiteBook") -> None:
    for layout in found.layouts:
        top, bottom = layout.header_rows
        title = f"{layout.sheet or found.file} · 表头 header: {top}-{bottom}"
        table = Shown("字段 field", "列 column", "把握 sure", title=title, title_justify="left")
        for name, column in sorted(layout.columns.items(), key=lambda item: item[1].index):
            table.add_row(name, column.title, f"{column.sure:.0%}")
        for column in layout.unused:
            table.add_row("[dim]—[/dim]", f"[dim]{column.title}[/dim]", "")
        talk.print(table)
    for sheet, reason in found.passed_over.items():
        talk.print(f"[yellow]{sheet or found.file}[/yellow] 不是台账 no ledger: {reason}", highlight=False)
    preview = Shown("行 row", "场所 site", "发现 found", "等级 level", "内容 text", "期限 due", "销号 closed")
    for row in found.accepted[:_PREVIEWED]:
        finding = row.finding
        if finding is None or finding.ledger is None:
            continue
        entry = finding.ledger
        preview.add_row(
            str(row.number), finding.site_id, _day(finding.found_at), entry.level or "?", finding.text[:40],
            _day(entry.due_at), _day(entry.closed_at),
        )  # fmt: skip
    if preview.row_count:
        talk.print(preview)
    for reason, count in found.reasons().most_common():
        talk.print(f"[yellow]拒收 refused[/yellow] {count} × {reason}", highlight=False)
    if book.registered:
        talk.print(f"新场所 new sites: {', '.join(site.name for site in book.registered.values())}", highlight=False)


def _day(when: dt.datetime | None) -> str:
    return f"{when:%Y-%m-%d}" if when else ""


def _agreed(yes: bool) -> bool:
    return yes or not talk.is_terminal or typer.confirm("导入 bring these rows in?", default=True, err=True)


def _write_rejects(found: "LedgerFile", path: Path) -> Path | None:
    if not found.refused:
        return None
    try:
        path.write_bytes(found.rejects())
    except OSError as error:
        talk.print(f"[red]{path}: {error.strerror}[/red]")
        raise typer.Exit(WRONG_USE) from None
    return path


def _finish(found: "LedgerFile", book: "SiteBook", rejects: Path | None, as_json: bool, dry_run: bool) -> None:
    summary: dict[str, Any] = {
        "rows": len(found.rows), "imported": len(found.accepted), "refused": len(found.refused),
        "new_sites": len(book.registered), "sheets": len(found.layouts), "rejects": str(rejects) if rejects else None,
        "dry_run": dry_run,
    }  # fmt: skip
    if as_json:
        mapping = {layout.sheet: {n: c.title for n, c in layout.columns.items()} for layout in found.layouts}
        print(orjson.dumps(summary | {"columns": mapping, "reasons": dict(found.reasons())}).decode(), flush=True)
    else:
        talk.print(" · ".join(f"{name} {value}" for name, value in summary.items()), highlight=False)
    if found.refused:
        raise typer.Exit(REFUSED)
