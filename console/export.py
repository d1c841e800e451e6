"""`qingling export hazards FILE`: hazards in the public exchange shape t_yhzlxx."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from schemas.exchange import ExchangeHazard, is_exchanged, of_state
from schemas.hazards import HazardStateRecord
from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, help="数据导出 export in exchange formats")
talk = Console(stderr=True)
FAILED, WRONG_USE = 1, 2
_QUERY = """
SELECT value FROM hazard_states
WHERE ($site IS NULL OR site_id = $site)
    AND ($region IS NULL OR starts_with(coalesce(value->>'$.registered.region', ''), $region))
    AND ($since IS NULL OR changed_at >= $since::TIMESTAMPTZ)
ORDER BY hazard_id
"""


@app.callback()
def _export() -> None:
    """数据导出 export in exchange formats."""


@app.command("hazards")
def hazards(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="FILE.json, FILE.xlsx, or - for JSON on standard output")
    ],
    region: Annotated[str | None, typer.Option(help="code or its beginning: 1401 is a city 行政区划")] = None,
    site: Annotated[str | None, typer.Option(help="site_id 场所")] = None,
    since: Annotated[str | None, typer.Option(help="changed since (RFC 3339 or a date) 变更起始")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the summary as one JSON object 以 JSON 输出汇总")] = False,
) -> None:
    """Hazards as t_yhzlxx records (suspicions, refuted, void and merged ones left out)."""
    from duckdb import Error

    from streams.gateways import exchange
    from warehouse import connect

    write = {".json": exchange.as_json, ".xlsx": exchange.as_xlsx, "": exchange.as_json}.get(file.suffix.lower())
    if write is None:
        talk.print(f"[red]{file}[/red]: .json 或 .xlsx · .json or .xlsx is wanted")
        raise typer.Exit(WRONG_USE)
    try:
        with connect(Settings().data) as lake:
            found = lake.execute(_QUERY, {"site": site, "region": region, "since": since}).fetchall()
    except Error as error:
        talk.print(f"[red]--since {since}[/red]: {error}", highlight=False)
        raise typer.Exit(WRONG_USE) from None
    records = _records([value for (value,) in found])
    raw = write(records)
    try:
        if str(file) == "-":
            sys.stdout.buffer.write(raw)
        else:
            file.write_bytes(raw)
    except OSError as error:
        talk.print(f"[red]{file}[/red]: {error.strerror}")
        raise typer.Exit(FAILED) from None
    if as_json:
        print(orjson.dumps({"records": len(records), "file": str(file)}).decode())
    else:
        talk.print(f"{len(records)} 条 records → {file}", highlight=False)


def _records(values: list[str]) -> list[ExchangeHazard]:
    states = [HazardStateRecord.parse(value) for value in values]
    return [of_state(state) for state in states if is_exchanged(state)]
