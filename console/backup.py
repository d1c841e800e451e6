"""`qingling backup DIR` and `qingling restore [DIR]`: the lake with catalogue and registry, and the way back."""

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from schemas.settings import Settings

_JSON = Annotated[bool, typer.Option("--json", help="one JSON object")]


def backup(
    folder: Annotated[Path, typer.Argument(help="where to; a second backup there copies only what is new")],
    as_json: _JSON = False,
) -> None:
    """备份 Copy the lake (with catalogue and registry) and the audit trail, each file with its sha256."""
    from warehouse import backup as copies
    from warehouse.lake import REFUSES

    settings = Settings()
    try:
        done = copies.backup(settings.lake_location, folder, _others(settings))
    except REFUSES as error:
        raise _failed(as_json, f"{type(error).__name__}: {error}") from None
    tables = {name: {"version": c.version, "rows": c.rows, "files": len(c.files)} for name, c in done.items()}
    _tell(as_json, {"folder": str(folder), "copied": sum(c.new for c in done.values()), "tables": tables})


def restore(
    folder: Annotated[Path | None, typer.Argument(help="a backup; without it the lake is taken as it is")] = None,
    mend: Annotated[bool, typer.Option("--mend", help="only bring back data files that are gone or damaged")] = False,
    topics: Annotated[
        bool, typer.Option("--topics", help="give an empty broker the compacted topics back: a lost Kafka")
    ] = False,
    as_json: _JSON = False,
) -> None:
    """恢复 Bring back an empty lake from a backup and verify it; or mend one; or rebuild the topics of a lost Kafka."""
    from warehouse.backup import BadBackup
    from warehouse.lake import REFUSES

    settings = Settings()
    told: dict[str, Any] = {}
    if folder is None and not topics:
        raise typer.BadParameter("name a backup, or say --topics")
    try:
        if folder is not None:
            told |= _lake(settings, folder, mend)
        if topics:
            told["topics"] = _topics(settings)
    except (BadBackup, _Refused, *REFUSES) as error:
        raise _failed(as_json, str(error) or type(error).__name__) from None
    _tell(as_json, told)


class _Refused(RuntimeError):
    """The broker is not one to restore to."""


def _lake(settings: Settings, folder: Path, mend: bool) -> dict[str, Any]:
    from warehouse import backup as copies

    if mend:
        return {"mended": copies.mend(folder, settings.lake_location)}
    done = copies.restore(folder, settings.lake_location, _others(settings))
    return {"verified": {name: {"version": c.version, "rows": c.rows} for name, c in done.items()}}


def _topics(settings: Settings) -> dict[str, int]:
    """Records sent per topic. A broker that holds any record of these topics is not overwritten."""
    from console.seed import seed
    from schemas.topics import topics
    from streams.connect import NotConnected, bootstrap_servers, ensure_topics
    from streams.lag import true_ends

    try:
        servers = bootstrap_servers(settings)
        ensure_topics(servers)
    except NotConnected as error:
        raise _Refused(str(error)) from None
    compacted = [name for name, topic in topics().items() if topic.keep == "compact"]
    held = sorted({tp.topic for tp, end in true_ends(servers, compacted).items() if end > 0})
    if held:
        raise _Refused(f"the broker at {servers} is not empty: {', '.join(held)} hold records; nothing was sent")
    settings.run.mkdir(parents=True, exist_ok=True)
    settings.seeding.touch()  # a worker that starts now waits for the states
    try:
        return seed(servers, settings.data)
    finally:
        settings.seeding.unlink(missing_ok=True)


def _others(settings: Settings) -> dict[str, Path]:
    return {"audit.jsonl": settings.data / "audit.jsonl"}


def _tell(as_json: bool, found: dict[str, Any]) -> None:
    if as_json:
        print(orjson.dumps(found).decode())
        return
    for name, value in found.items():
        shown = "\n".join(f"  {k}: {v}" for k, v in value.items()) if isinstance(value, dict) else f"  {value}"
        Console().print(f"[bold]{name}[/bold]\n{shown}")


def _failed(as_json: bool, reason: str) -> typer.Exit:
    if as_json:
        print(orjson.dumps({"failed": reason}).decode())
    else:
        Console(stderr=True).print(f"[red]失败 failed[/red]: {reason}", soft_wrap=True)
    return typer.Exit(1)
