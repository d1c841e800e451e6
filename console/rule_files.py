"""Files that say which limits hold: rules as people write them, and sensors as the registry or a mine defines them."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from console.recording import PARQUET, parquet_columns
from console.refused_rows import FileError, RefusedRow
from schemas.alarms import AlarmRule
from schemas.model import Refused
from schemas.registry import Sensor
from streams.replay import SITE
from streams.rules import parse_rule, tell_apart

_END_OF_TIME_US = 4_102_444_800_000_000  # 2100: a replay does not ask whether a definition is from the future


def read_rules(path: Path, sensors: dict[str, Sensor]) -> list[AlarmRule]:
    """Rules of a CSV, JSON lines or Parquet file. Raises FileError: one bad rule stops all, a gap would go unseen."""
    rules = []
    for line, row in _rows(path):
        try:
            rules.append(parse_rule(row, sensors, SITE))
        except Refused as error:
            raise FileError(path, line, error.field, error.reason) from None
    if not rules:
        raise FileError(path, 0, "", "没有规则 no rules in it")
    return tell_apart(rules)


def read_sensors(path: Path) -> tuple[dict[str, Sensor], list[RefusedRow]]:
    """Sensors of a JSON lines file of registry records, or of an MT/T 1201 CDDY file. Raises FileError."""
    raw = path.read_bytes()
    if raw.rstrip().endswith(b"||") or "_CDDY_" in path.name:
        return _definitions(path, raw)
    sensors: dict[str, Sensor] = {}
    refused: list[RefusedRow] = []
    for line, text in enumerate(raw.splitlines(), 1):
        if not text.strip():
            continue
        try:
            sensor = Sensor.parse(text)
            sensors[sensor.sensor_id] = sensor
        except Refused as error:
            refused.append(RefusedRow(path, line, error.field or "record", error.reason))
    if not sensors:
        raise FileError(path, 0, "", "没有测点 no sensors in it" + (f"; {refused[0]}" if refused else ""))
    return sensors, refused


def _definitions(path: Path, raw: bytes) -> tuple[dict[str, Sensor], list[RefusedRow]]:
    from streams.gateways.mtt1201_points import parse_definitions
    from streams.gateways.mtt1201_text import read_text

    try:
        found = parse_definitions(read_text(raw, path.name, _END_OF_TIME_US), _END_OF_TIME_US)
    except Refused as error:
        raise FileError(path, 0, error.field, error.reason) from None
    refused = [RefusedRow(path, bad.row.line, bad.field, bad.reason) for bad in found.bad]
    return {sensor.sensor_id: sensor for sensor in found.sensors}, refused


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line and cells of each row of a small file."""
    raw = path.read_bytes()
    if raw[:4] == PARQUET:
        yield from enumerate(parquet_columns(path).table.to_pylist(), 1)
        return
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(path, 0, "", f"不是 UTF-8 not UTF-8: {error}") from None
    if text.lstrip().startswith("{"):
        for line, record in enumerate(text.splitlines(), 1):
            if record.strip():
                yield line, _json_object(path, line, record)
        return
    reader = csv.DictReader(text.splitlines())
    for row in reader:
        if None in row:
            raise FileError(path, reader.line_num, "", f"more cells than the {len(reader.fieldnames or ())} columns")
        yield reader.line_num, row


def _json_object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileError(path, line, "", f"不是 JSON not JSON: {error}") from None
    if not isinstance(row, dict):
        raise FileError(path, line, "", "不是对象 not a JSON object")
    return row
