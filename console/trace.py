"""`qingling trace`: where a number, a hazard or an event comes from, down to the bytes of the uplink file."""

import datetime as dt
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.tree import Tree

from console.kpi import day_of
from schemas.model import Refused


def trace(
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="KPI, hazard, event, alarm, or log/topic/partition/offset")
    ],
    as_of: Annotated[str, typer.Option("--as-of", help="of a KPI: the day; default: that of the last build")] = "",
    by: Annotated[list[str] | None, typer.Option("--by", help="of a KPI: region=140105; may be repeated")] = None,
    limit: Annotated[int, typer.Option(min=1, help="hazards and pieces of evidence shown with their whole chain")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="all of it as one JSON object")] = False,
) -> None:
    """溯源 Where it comes from: KPI → hazards → events → verdict and clause → evidence → reading and raw file.

    Exit 1 if there is no warehouse, 2 if nothing has that id.
    """
    from warehouse.publish import NotPublished, published
    from warehouse.trace import Unknown
    from warehouse.trace import trace as traced

    talk = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    group = _group(by or [])
    try:
        with published() as con:
            found = traced(con, wanted, day_of(as_of) if as_of else None, group, limit)
    except NotPublished as error:
        talk.print(f"尚未发布数据仓库 {error}")
        raise typer.Exit(1) from None
    except (Unknown, Refused) as error:
        talk.print(f"无法溯源 cannot trace: {error}")
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(orjson.dumps(found, default=str))
        return
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    console.print(
        {"kpi": _kpi, "hazard": _hazard, "event": _event, "alarm": _alarm, "input": _input}[found["kind"]](found)
    )


def _group(said: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in said]
    if bad := [name for name, sign, _ in pairs if not sign]:
        raise typer.BadParameter(f"{bad[0]!r} is not NAME=VALUE", param_hint="--by")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _kpi(found: dict[str, Any]) -> Tree:
    entry, row = found["kpi"], found["row"]
    group = " ".join(f"{name}={value}" for name, value in row["group"].items()) or "全部 all"
    tree = Tree(f"{entry['kpi_id']} {entry['zh']} {entry['en']} · {group} · {_short(row['as_of'])}")
    tree.add(f"= {_number(row['num'])} / {_number(row['den'])} = {_number(row['value'])}, excluded {row['excluded']}")
    tree.add(f"公式 {entry['formula']}")
    counted = tree.add(f"计入 counts {len(found['members'])}")
    chains = {chain["hazard"]["hazard_id"]: chain for chain in found["chains"]}
    for member in found["members"][: len(chains) or 20]:
        share = f"num {_number(member['num'])} den {_number(member['den'])}"
        chain = chains.get(member["member_id"])
        if chain is None:
            counted.add(f"{member['member_kind']} {member['member_id']} · {share}")
        else:
            counted.add(_hazard(chain, share))
    if len(found["members"]) > len(counted.children):
        counted.add(f"… {len(found['members']) - len(counted.children)} more (--limit, --json)")
    return tree


def _hazard(found: dict[str, Any], share: str = "") -> Tree:
    state = found["hazard"]
    place = " ".join(str(state[name]) for name in ("county", "site", "place") if state.get(name))
    tree = Tree(f"隐患 hazard {state['hazard_id']} · {state['state']} · {state['title'] or ''} · {place} {share}")
    events = tree.add(f"事件 events {len(found['events'])}")
    for event in found["events"]:
        events.add(f"{_short(event['occurred_at'])} {event['kind']} by {event['actor']['id']} · {event['event_id']}")
    if clause := found["clause"]:
        version = f"目录版本 version {clause['catalogue_version'] or state['catalogue_version'] or '-'}"
        tree.add(f"条款 clause {_clause(clause)} · {version}")
    for verdict in found["verdicts"][:5]:
        tree.add(f"结论 verdict {verdict['verdict']} · {verdict['why_zh']} {verdict['why_en']} · {verdict['event_id']}")
    evidence = tree.add(f"证据 evidence {found['evidence_count']}")
    for piece in found["evidence"]:
        node = evidence.add(_piece(piece))
        for each in piece["inputs"]:
            node.add(_source(each))
    return tree


def _event(found: dict[str, Any]) -> Tree:
    event = found["event"]
    tree = Tree(
        f"事件 event {event['event_id']} · {event['kind']} · {_short(event['occurred_at'])} · {event['subject_id']}"
    )
    tree.add(
        f"行为人 actor {event['actor']['id']} ({event['actor']['role']})" + (" · imported" if event["imported"] else "")
    )
    if clause := found.get("clause"):
        tree.add(f"条款 clause {_clause(clause)}")
    if hazard := found.get("hazard"):
        tree.add(f"隐患 hazard {hazard['hazard_id']} · {hazard['state']} · {hazard['title'] or ''}")
    for hazard in found.get("hazards", ()):
        tree.add(f"隐患 hazard {hazard['hazard_id']}")
    causes = tree.add(f"起因 causes {len(found['causes'])}")
    for cause in found["causes"]:
        causes.add(_source(cause))
    return tree


def _alarm(found: dict[str, Any]) -> Tree:
    tree = Tree(f"报警 alarm {found['alarm_id']}")
    for each in found["episodes"]:
        ended = _short(each["returned_at"]) if each["returned_at"] else "持续 active"
        tree.add(
            f"{_short(each['raised_at'])} – {ended} · {each['sensor_id']} · peak {each['peak']} · {each['rule_id']}"
        )
    events = tree.add(f"事件 events {len(found['events'])}")
    for event in found["events"]:
        events.add(f"{_short(event['occurred_at'])} {event['kind']} · {event['event_id']}")
    return tree


def _input(found: dict[str, Any]) -> Tree:
    tree = Tree(_source(found["input"]))
    for each in found["evidence_of"]:
        tree.add(f"证据 evidence {each['evidence_id']} of hazard {each['hazard_id']}")
    return tree


def _clause(clause: dict[str, Any]) -> str:
    document = f"《{clause['document_zh']}》（{clause['number']}）"
    return f"{clause['criterion_id']} · {document}{clause['article']} {clause['title_zh']} {clause['title_en']}"


def _piece(piece: dict[str, Any]) -> str:
    span = f"{_short(piece['began_at'])} – {_short(piece['ended_at'])}" if piece["began_at"] else ""
    peak = "" if piece["peak"] is None else f"peak {piece['peak']:g}"
    told = [
        piece["evidence_kind"] or "",
        piece["evidence_id"] or "",
        piece["signal"] or "",
        span,
        peak,
        piece["text"] or "",
    ]
    return " · ".join(each for each in told if each)


def _source(each: dict[str, Any]) -> str:
    """One input in a line: where it stands in the log, what it says, the file it came in."""
    if each.get("kind") == "command":
        return f"指令 command {each['command']} {each['command_id']} by {each['actor']['id']}"
    if each.get("gone"):
        return f"{each['coordinate']} · 已过保留期或外部来源 past its retention, or from outside"
    said = {"reading": "读数 reading", "finding": "检查 finding", "upstream_alarm": "上传报警 upstream alarm"}[
        each["kind"]
    ]
    value = each.get("text") or each.get("alarm_kind") or f"{each.get('sensor_id')} = {each.get('value')}"
    file = f" · {each['raw_file']} sha256 {each['raw_sha256']}" if each.get("raw_file") else ""
    return f"{said} {each['coordinate']} · {_short(each['occurred_at'])} · {value}{file}"


def _short(moment: Any) -> str:
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    return "…" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
