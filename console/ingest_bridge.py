"""`qingling ingest bridge TOPIC`: a third party's topic of single JSON readings, re-framed."""

from dataclasses import asdict
from typing import Annotated

import typer

from console.ingest import WRONG_USE, AsJson, connected, finish, log_to_stderr, talk


def bridge(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="the party's topic on the same broker 第三方主题")],
    dialect: Annotated[str, typer.Option(help="how its messages are written 报文方言")] = "neutral",
    once: Annotated[bool, typer.Option("--once", help="end when what stood there is sent 处理完即结束")] = False,
    as_json: AsJson = False,
) -> None:
    """One JSON reading per message becomes frames, read in bulk. Exit 5 if a message was refused."""
    import uvloop

    from schemas.model import Refused
    from schemas.settings import Settings
    from streams.connect import group_times
    from streams.gateways.bridge import serve
    from streams.gateways.bridge_dialects import dialects

    if dialect not in dialects():
        talk.print(f"[red]--dialect {dialect}[/red]: {', '.join(dialects())}", highlight=False)
        raise typer.Exit(WRONG_USE)
    log_to_stderr()
    with connected() as (servers, _):
        try:
            tally = uvloop.run(serve(servers, topic, dialects()[dialect], group_times(Settings()), once=once))
        except Refused as error:
            talk.print(f"[red]{error}[/red]", highlight=False)
            raise typer.Exit(WRONG_USE) from None
    finish(asdict(tally), as_json, refused=tally.dead_letters)
