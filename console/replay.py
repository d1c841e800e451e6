"""`qingling replay`: the pure alarm engine over a recorded file of readings, no broker needed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

if TYPE_CHECKING:
    from console.refused_rows import RefusedRow
    from streams.replay import Readings

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
    sort: Annotated[
        bool,
        typer.Option("--sort", help="take rows in order of time; else in the order of the file, late ones dropped"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="the closing summary (stderr) as one JSON object")] = False,
) -> None:
    """Alarm events of a recorded series as JSON lines. Exit 5 if rows were refused (named on stderr)."""
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
    late, events = int(series.late().sum()), 0
    with Progress(console=talk, disable=len(series) < _ROWS_FOR_PROGRESS or as_json, transient=True) as progress:
        task = progress.add_task("重放 replay", total=len(series) - late)
        for step in run(series, in_force, sensors):
            for event in step.events:
                sys.stdout.write(orjson.dumps(event.model_dump(mode="json")).decode() + "\n")
            events += len(step.events)
            progress.update(task, completed=step.done)
    for row in refused:
        talk.print(f"拒收 refused {row}", markup=False)
    left_out = sum(row.rows for row in refused)
    summary = {"readings": len(series), "late": late, "refused": left_out, "rules": len(in_force), "events": events}
    if as_json:
        talk.print(orjson.dumps(summary).decode(), markup=False)
    else:
        talk.print(
            f"读数 readings {len(series)}，迟到 late {late}，拒收 refused {left_out}，规则 rules {len(in_force)}，"
            f"事件 events {events}"
        )
        if late:
            talk.print("迟到：不晚于该测点此前的读数 late = not newer than the sensor's readings above; --sort?")
    if refused:
        raise typer.Exit(5)


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
