"""`qingling do KIND TARGET`: one command to the stream, and its answer."""

import getpass
from typing import Annotated, Any

import orjson
import typer
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from console.audit import Audit
from console.commands import FILLED_BY_STREAM, Answers, Desk, NotAllowed, command_kind, make_command
from console.reopening import with_what_is_known
from console.targets import NoTarget, Target, find_target
from schemas.commands import COMMANDS, Command, CommandKind, CommandResult
from schemas.events import EVENT_DATA, Actor
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from schemas.settings import Settings
from schemas.terms import Role
from streams.connect import NotConnected, bootstrap_servers
from streams.reader import Tail

WAIT_S = 20.0
ACCEPTED, REFUSED, WRONG = 0, 1, 2


def do(
    kind: Annotated[str, typer.Argument(help="judge, plan, start, rectify, accept, close, acknowledge …")] = "",
    target: Annotated[str, typer.Argument(help="alarm or hazard id, or its first 6 characters or more")] = "",
    data: Annotated[str, typer.Option(help="JSON object with the fields that --list names")] = "{}",
    actor: Annotated[str, typer.Option(help="who acts; default: the name of the system's user")] = "",
    role: Annotated[str, typer.Option(help="in which role; default: supervisor, who may do all")] = "",
    seen_version: Annotated[int | None, typer.Option(help="version that was seen; default: the present one")] = None,
    site: Annotated[str, typer.Option(help="site of the target; default: looked up")] = "",
    occurred_at: Annotated[str, typer.Option(help="when it happened, if earlier than now (supervisors)")] = "",
    show: Annotated[bool, typer.Option("--list", help="list every KIND with its fields and roles, and end")] = False,
    json: Annotated[bool, typer.Option("--json", help="the answer as one JSON object")] = False,
) -> None:
    """Give one command and wait for its answer. Exit 0 accepted, 1 refused or unanswered, 2 wrong use.

    Examples:

      qingling do judge 3f2a91 --data '{"verdict": "major", "reason": "seen on site"}'

      qingling do acknowledge 77c0de --actor wang.l --role operator
    """
    out, talk = Console(highlight=False), Console(stderr=True, highlight=False)
    if show:
        _list(out, as_json=json)
        return
    past = occurred_at or None
    try:
        row = command_kind(kind)
        if not target:
            raise Refused("TARGET", "missing")
        given = _data(data)
        who = Actor(id=actor or getpass.getuser(), role=_role(role, row))
        # before anything is looked up: a wrong field must not cost a read of all states
        make_command(
            kind, site or "-", target, who, data=given, seen_version=seen_version, occurred_at=occurred_at or None
        )
    except (Refused, NotAllowed) as refused:
        talk.print(f"[red]{refused}[/red]\n`qingling do --list` names every kind, its fields and its roles")
        raise typer.Exit(WRONG) from None
    settings = Settings()
    try:
        servers = bootstrap_servers(settings)
        # an alarm is acted on as it was seen: without a version on the command line, as it stands now
        known = site and (seen_version is not None or row.target != "alarm")
        found = Target(target, site, seen_version or 0) if known else find_target(servers, row.target, target)
        version = seen_version if seen_version is not None or known else found.version
        hazard = found.state if isinstance(found.state, HazardStateRecord) else None
        given = with_what_is_known(kind, hazard, given)
        command = make_command(kind, found.site_id, found.id, who, data=given, seen_version=version, occurred_at=past)
        answer = ask(settings, servers, command)
    except NoTarget as error:
        talk.print(f"[red]{error}[/red]")
        raise typer.Exit(WRONG) from None
    except TimeoutError:
        talk.print(f"[red]no answer in {WAIT_S:g} s[/red]: is `qingling demo` or the processing worker running?")
        talk.print(f"the command stands in the topic and may still be carried out: {command.command_id}")
        raise typer.Exit(REFUSED) from None
    except (NotConnected, KafkaError, OSError) as error:
        talk.print(f"[red]not sent: {error}[/red]")
        raise typer.Exit(REFUSED) from None
    _print(out, answer, as_json=json)
    raise typer.Exit(ACCEPTED if answer.accepted else REFUSED)


def ask(settings: Settings, servers: str, command: Command, wait_s: float = WAIT_S) -> CommandResult:
    """Send `command`, audited, and return the stream's answer. Raises TimeoutError, KafkaError, OSError."""
    answers = Answers()

    def seen(record: Any) -> None:
        if record.value is not None:
            answers.offer(CommandResult.parse(record.value))

    tail = Tail(servers, ["command.results"], seen, from_end=["command.results"])
    desk = Desk(servers, Audit(settings.data / "audit.jsonl"), answers)
    tail.start()
    try:
        if not tail.caught_up.wait(wait_s):
            raise TimeoutError
        return desk.ask(command, channel="command line", wait_s=wait_s)
    finally:
        tail.stop()
        desk.close()


def _data(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refused("--data", f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Refused("--data", "not a JSON object")
    return found


def _role(text: str, row: CommandKind) -> Role:
    if text:
        try:
            return Role(text)
        except ValueError:
            raise Refused("--role", f"{text!r} is none of {', '.join(Role)}") from None
    return next(role for role in (Role.SUPERVISOR, *Role) if role in row.roles)


def _print(out: Console, answer: CommandResult, *, as_json: bool) -> None:
    if as_json:
        out.out(answer.model_dump_json())
    elif answer.accepted:
        out.print(f"[bold]accepted[/bold] {' '.join(answer.event_ids)}")
    else:
        out.print(f"[bold red]refused[/bold red] {answer.guard}: {answer.reason}")


def _fields(row: CommandKind) -> list[tuple[str, bool]]:
    model = EVENT_DATA[row.event]
    return [(name, field.is_required()) for name, field in model.model_fields.items() if name not in FILLED_BY_STREAM]


def _list(out: Console, *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "kind": name, "target": row.target, "event": row.event, "roles": sorted(row.roles), "zh": row.zh,
                "en": row.en, "fields": [{"name": field, "required": required} for field, required in _fields(row)],
            }
            for name, row in COMMANDS.items()
        ]  # fmt: skip
        out.out(orjson.dumps(rows).decode())
        return
    table = Table("KIND", "does", box=None, pad_edge=False)
    table.add_column("fields of --data (* required)", overflow="fold")
    table.add_column("roles", overflow="fold")
    for name, row in COMMANDS.items():
        fields = ", ".join(f"{field}{'*' * required}" for field, required in _fields(row))
        table.add_row(name, f"{row.zh} {row.en}", fields or "-", ", ".join(sorted(row.roles)))
    out.print(table)
