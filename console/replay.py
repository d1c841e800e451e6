"""`qingling replay`: the pure alarm engine over a recorded file of readings, no broker needed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

if TYPE_CHECKING:
    from console.refused_rows import RefusedRow
    from schemas.alarms import AlarmRule
    from schemas.events import Event
    from schemas.registry import Sensor
    from streams.replay import Readings
    from streams.rule_change import Told

_ROWS_FOR_PROGRESS = 200_000


def replay(
    readings: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Parquet or CSV: sensor_id, occurred_at, value, quality")
    ],
    registry: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="sensors: JSON lines, or a CDDY file of MT/T 1201"),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="CSV, JSON lines or Parquet: sensor_id, direction, limit, on_delay_s, off_delay_s, deadband. "
            "Only these rules then hold; without it, the limits of the registry do",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="the rules that hold now, to compare --rules with; without it, those of the registry, if it is given",
        ),
    ] = None,
    sort: Annotated[
        bool,
        typer.Option("--sort", help="take rows in order of time; else in the order of the file, late ones dropped"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the closing summary (stderr) as one JSON object")] = False,
) -> None:
    """Alarm events of a recorded series as JSON lines. Exit 5 if rows were refused (named on stderr).

    With --rules and something to compare them with, stderr tells what the change does: alarms before and after.
    """
    from console.recording import read_readings
    from console.refused_rows import FileError
    from console.rule_files import read_rules, read_sensors
    from streams.replay import replay as run
    from streams.rules import default_rules

    talk = Console(stderr=True, highlight=False, soft_wrap=True)
    if registry is None and rules is None:
        talk.print("需要 --rules 或 --registry，否则没有限值 --rules or --registry is needed: there are no limits")
        raise typer.Exit(2)
    try:
        sensors, refused = read_sensors(registry) if registry else ({}, [])
        in_force = read_rules(rules, sensors) if rules else default_rules(sensors.values())
        old_rules = _rules_before(before, rules, sensors)
        series, bad_rows = read_readings(readings)
    except FileError as error:
        talk.print(str(error), markup=False)
        raise typer.Exit(2) from None
    refused += bad_rows
    if sensors:
        known = series.known({*sensors, *(rule.sensor_id for rule in in_force)})
        refused += _strangers(readings, series.take(~known))
        series = series.take(known)
    if sort:
        series = series.in_time_order()
    late = int(series.late().sum())
    events: list[Event] = []
    with Progress(console=talk, disable=len(series) < _ROWS_FOR_PROGRESS or as_json, transient=True) as progress:
        task = progress.add_task("重放 replay", total=len(series) - late)
        for step in run(series, in_force, sensors):
            for event in step.events:
                sys.stdout.write(orjson.dumps(event.model_dump(mode="json")).decode() + "\n")
            events += step.events
            progress.update(task, completed=step.done)
    for row in refused:
        talk.print(f"拒收 refused {row}", markup=False)
    left_out = sum(row.rows for row in refused)
    summary = {
        "readings": len(series),
        "late": late,
        "refused": left_out,
        "rules": len(in_force),
        "events": len(events),
    }
    change = _change(series, old_rules, events, sensors) if old_rules else None
    laxer = _laxer(in_force, sensors) if rules and sensors else []
    if as_json:
        more = ({"change": change} if change else {}) | ({"laxer": laxer} if laxer else {})
        talk.print(orjson.dumps(summary | more).decode(), markup=False)
    else:
        talk.print(
            f"读数 readings {len(series)}，迟到 late {late}，拒收 refused {left_out}，规则 rules {len(in_force)}，"
            f"事件 events {len(events)}"
        )
        if late:
            talk.print("迟到：不晚于该测点此前的读数 late = not newer than the sensor's readings above; --sort?")
        if change:
            _tell_change(talk, change)
        for why in laxer:
            talk.print(f"运行中将被拒绝 a running system would refuse it: {why}", markup=False)
    if refused:
        raise typer.Exit(5)


def _rules_before(before: Path | None, rules: Path | None, sensors: dict[str, "Sensor"]) -> list["AlarmRule"]:
    """The rules to compare with; none if there is nothing to compare, or nothing to compare with. Raises FileError."""
    from console.rule_files import read_rules
    from streams.rules import default_rules

    if before is not None:
        return read_rules(before, sensors)
    return default_rules(sensors.values()) if rules is not None and sensors else []


def _change(
    series: "Readings", old_rules: list["AlarmRule"], events: list["Event"], sensors: dict[str, "Sensor"]
) -> dict[str, Any]:
    """Alarms before and after, in all and by sensor and side where they differ."""
    from dataclasses import asdict

    from streams.rule_change import compare, told_by

    after = told_by(events, series)
    old, differing = compare(series, old_rules, after, sensors)
    return {
        "before": _told(old),
        "after": _told(after),
        "sensors": [asdict(each) for each in differing],
    }


def _told(side: "Told") -> dict[str, Any]:
    return {
        "alarms": side.raised.total(), "p1": side.p1, "standing_s": side.standing_s.total(), "kpis": side.kpis
    }  # fmt: skip


def _laxer(rules: list["AlarmRule"], sensors: dict[str, "Sensor"]) -> list[str]:
    """Which of the rules a running system would refuse: they ask less than the registry, and nobody approved that."""
    from streams.rules import default_rules, in_force

    return [refused.reason for refused in in_force(default_rules(sensors.values()), rules)[1]]


def _tell_change(talk: Console, change: dict[str, Any]) -> None:
    before, after = change["before"], change["after"]
    table = Table("规则变更 change of rules", "之前 before", "之后 after", box=None, pad_edge=False)
    table.add_row("报警 alarms", str(before["alarms"]), str(after["alarms"]))
    table.add_row("其中一级 of them P1", str(before["p1"]), str(after["p1"]))
    table.add_row("持续 standing, s", f"{before['standing_s']:.0f}", f"{after['standing_s']:.0f}")
    for name, words in (("largest", "10 分钟最多 most in 10 min"), ("floods", "洪泛 floods")):
        table.add_row(words, *(str(side["kpis"]["A1"]["detail"][name]) for side in (before, after)))
    for name, words in (("chattering", "抖动 chattering"), ("stale", "陈旧 stale")):
        table.add_row(words, *(str(side["kpis"]["A4"]["detail"][name]) for side in (before, after)))
    for each in change["sensors"]:
        sides = (f"{each[side]}  ({each[f'{side}_s']:.0f} s)" for side in ("before", "after"))
        table.add_row(f"  {each['sensor_id']} {each['side']}", *sides)
    talk.print(table)


def _strangers(path: Path, readings: "Readings") -> list["RefusedRow"]:
    """Readings of sensors that the registry does not name: one refusal per sensor."""
    from console.refused_rows import RefusedRow

    rows: dict[str, list[int]] = {}
    for sensor_id, row in zip(readings.sensor_ids.to_pylist(), readings.rows.tolist(), strict=True):
        rows.setdefault(sensor_id, []).append(row)
    return [
        RefusedRow(path, found[0], "sensor_id", f"{name} is not in the registry", len(found))
        for name, found in rows.items()
    ]
