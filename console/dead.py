"""`qingling dead …`: what was refused, and sending it again."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from console.ingest import REFUSED, WRONG_USE, AsJson, connected
from schemas.model import Refused
from schemas.settings import Settings

if TYPE_CHECKING:
    from console.letters import Letter

app = typer.Typer(no_args_is_help=True, help="拒收记录 refused inputs: list them, send them again")
talk = Console(stderr=True)


@app.command("list")
def listed(
    last: Annotated[int, typer.Option(help="only the newest so many; 0: all 只看最近若干条")] = 50,
    as_json: AsJson = False,
) -> None:
    """Time, source, file, line, field, reason and id of every refused input."""
    with connected() as (servers, _):
        letters = _letters(servers)
    shown = letters[-last:] if last else letters
    if as_json:
        print(orjson.dumps([letter.row() for letter in shown]).decode())
        return
    table = Table(title=f"拒收 refused · {len(letters)}")
    for column in ("时间 time", "来源 source", "文件 file", "行 line", "字段 field", "原因 reason", "id"):
        table.add_column(column, overflow="fold")
    for letter in shown:
        row = letter.row()
        cells = (row["refused_at"], row["source"], row["file"], row["line"] or "", row["field"], row["reason"])
        table.add_row(
            *(escape(str(cell)) for cell in cells), letter.letter_id, style="dim" if letter.resubmitted else ""
        )
    Console().print(table)


@app.command("resubmit")
def resubmit(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="a letter's id, or how it begins 编号或其开头")] = "",
    everything: Annotated[bool, typer.Option("--all", help="all that were not sent again yet 全部")] = False,
    as_json: AsJson = False,
) -> None:
    """Send refused inputs to where they were meant to go. Exit 5 if one still cannot be sent."""
    from console.audit import Audit
    from console.letters import RESUBMIT
    from streams.gateways.outbox import Outbox

    if bool(letter_id) == everything:
        talk.print("[red]一个编号或 --all  name one ID, or say --all[/red]")
        raise typer.Exit(WRONG_USE)
    audit = Audit(_audit_path())
    sent, kept = [], []
    with connected() as (servers, producer):
        outbox = Outbox(producer)
        for letter in _chosen(_letters(servers), letter_id, everything):
            try:
                record = letter.again()
            except Refused as error:
                kept.append({"letter_id": letter.letter_id, "reason": str(error)})
                continue
            audit.append(actor=getpass.getuser(), action=RESUBMIT, letter_id=letter.letter_id, topic=record.topic)
            outbox.put(record)
            sent.append(letter.letter_id)
        outbox.settle()
    if as_json:
        print(orjson.dumps({"resubmitted": sent, "kept": kept}).decode())
    else:
        talk.print(f"重新提交 sent again: {len(sent)}")
        for one in kept:
            talk.print(f"[yellow]未提交 not sent[/yellow] {one['letter_id']}: {escape(one['reason'])}", highlight=False)
    if kept:
        raise typer.Exit(REFUSED)


def _chosen(letters: list["Letter"], begins: str, everything: bool) -> list["Letter"]:
    if everything:
        return [letter for letter in letters if not letter.resubmitted]
    found = [letter for letter in letters if letter.letter_id.startswith(begins)]
    if len(found) != 1:
        talk.print(f"[red]{len(found)} 条记录以此开头 letters begin with {begins}[/red]")
        raise typer.Exit(WRONG_USE)
    return found


def _letters(servers: str) -> list["Letter"]:
    from console.letters import letters_of, resubmitted_ids
    from streams.reader import read_to_end

    return letters_of(read_to_end(servers, ["dead.letters"]), resubmitted_ids(_audit_path()))


def _audit_path() -> Path:
    return Settings().data / "audit.jsonl"
