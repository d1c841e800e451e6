"""`qingling status`: what runs, how far behind it is, how fresh the data are, what was refused."""

import datetime as dt
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from schemas.settings import Settings

STALE_S = 15  # a stream whose newest step is older than this is called stale


def status(as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False) -> None:
    """Lag, freshness and refused inputs of the installation on this data folder. Exit 1 if there is no broker."""
    from kafka.errors import KafkaError

    from streams.connect import NotConnected

    settings = Settings()
    try:
        found = gather(settings)
    except (NotConnected, KafkaError) as error:
        if as_json:
            print(orjson.dumps({"running": False, "reason": str(error)}).decode())
        else:
            Console(stderr=True).print(f"[red]没有运行 not running[/red]: {error}")
        raise typer.Exit(1) from None
    if as_json:
        print(orjson.dumps(found).decode())
    else:
        Console().print(_table(found))


def gather(settings: Settings) -> dict[str, Any]:
    """Everything `status` shows, from the broker and the lake. Raises NotConnected."""
    from console.summary import Landed
    from streams.connect import bootstrap_servers, ensure_topics, is_embedded
    from streams.lag import absorbed, processing_lag, true_ends
    from warehouse.quality import state

    servers = bootstrap_servers(settings)
    ensure_topics(servers, patience_s=5)
    ends = true_ends(servers, ["dead.letters", *{tp.topic for tp in absorbed(servers)}])
    newest = _newest(servers)
    age = None if newest is None else (dt.datetime.now(dt.UTC) - newest).total_seconds()
    return {
        "running": True,
        "broker": servers,
        "broker_kind": "embedded" if is_embedded(settings) else "kafka",
        "processing_lag": processing_lag(servers),
        "landing_lag": Landed(settings.data, servers).lag(),
        "stream_age_s": None if age is None else round(age, 1),
        "stale": age is None or age > STALE_S,
        "records": _sum_by_topic(ends),
        "dead_letters": sum(end for tp, end in ends.items() if tp.topic == "dead.letters"),
        "warehouse": state(settings.warehouse),
    }


def _sum_by_topic(ends: dict[Any, int]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for tp, end in ends.items():
        totals[tp.topic] = totals.get(tp.topic, 0) + end
    return totals


def _newest(servers: str) -> dt.datetime | None:
    """When processing last wrote a step or said that it lives, by the record's own time."""
    from schemas.times import from_us
    from streams.reader import all_partitions, near_end, read_to_end

    wanted = all_partitions(["processing.steps", "worker.heartbeats"])
    recent = read_to_end(servers, only=wanted, start=near_end(servers, wanted, 50))
    newest = max((record.timestamp_us for record in recent), default=0)
    return from_us(newest) if newest else None


def _published(last: dict[str, Any] | None) -> str:
    """What the checks said of the last build, in one line."""
    if last is None:
        return "尚未发布 not published yet"
    if not last["published"]:
        stops = "; ".join(
            f"{each['check_id']}: {each['bad']} ({each['zh']} {each['en']})" for each in last["stopped_by"]
        )
        return f"[red]未发布，上一份仍可用 not published, the last one stays[/red]: {stops}"
    warned = ", ".join(f"{each['check_id']}: {each['bad']}" for each in last["warnings"])
    line = f"build {last['build']}, {last['checks']} 项检查 checks"
    return f"{line}, [yellow]{warned}[/yellow]" if warned else line


def _table(found: dict[str, Any]) -> Table:
    table = Table(title="清零 Qingling", show_header=False)
    age = found["stream_age_s"]
    table.add_row("消息代理 broker", f"{found['broker']} ({found['broker_kind']})")
    table.add_row("处理积压 processing lag", f"{found['processing_lag']} records")
    table.add_row("落盘积压 landing lag", f"{found['landing_lag']} records")
    fresh = "从未 never" if age is None else f"{age} s"
    table.add_row("处理流 stream last heard", f"[red]{fresh} 中断 stale[/red]" if found["stale"] else fresh)
    table.add_row("数据仓库 warehouse", _published(found["warehouse"]))
    for name, count in found["records"].items():
        colour = "[yellow]" if name == "dead.letters" and count else ""
        table.add_row(name, f"{colour}{count}")
    if found["dead_letters"]:
        table.caption = "拒收记录见 refused inputs: qingling dead list"
    return table
