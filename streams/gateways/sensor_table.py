"""A CSV of sensors (a monitoring system's export) as registry records. Pure; column names in registry.yaml."""

import csv
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from schemas.model import Refused
from schemas.registry import Place, Sensor, Site
from schemas.times import from_us
from streams.gateways.lines import Line, refused_line
from streams.gateways.mtt1201 import dialect
from streams.gateways.mtt1201_places import locate
from streams.gateways.mtt1201_points import LIMITS, limit_of, quantity_of, signal_of
from streams.gateways.mtt1201_text import number, time_us
from streams.gateways.outbox import Outgoing
from streams.gateways.registry import SOURCE, record_of

_NUMBERS = frozenset(
    name for name, field in Sensor.model_fields.items() if field.annotation in (float, float | None)
)  # fmt: skip


@cache
def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "registry.yaml").read_text("utf-8"))
    return facts


def records_of(raw: bytes, file: str, now_us: int) -> Iterator[tuple[Outgoing, Refused | None]]:
    """Each row's site and place if they are new in the file, then the sensor; a refused row is a dead letter.

    Raises Refused if the bytes are not UTF-8 or the header names no sensor_id and site_id.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("", f"not UTF-8 at byte {error.start}") from None
    table = csv.DictReader(io.StringIO(text, newline=""))
    names = {column: _facts()["columns"].get(column, column) for column in table.fieldnames or ()}
    if not {"sensor_id", "site_id"} <= set(names.values()):
        raise Refused("header", "the columns name no sensor_id and site_id")
    seen: set[str] = set()
    for row in table:
        values = {names[column]: (text or "").strip() for column, text in row.items() if column in names}
        try:
            sensor, place = _sensor(values, now_us)
        except Refused as error:
            line = Line(table.line_num, orjson.dumps(values))
            yield refused_line(line, error, SOURCE, file, now_us), error
            continue
        if sensor.site_id not in seen:
            region = sensor.site_id[: dialect().region_digits]
            site = Site(site_id=sensor.site_id, region=region if region.isdigit() else "", received_at=from_us(now_us))
            yield record_of("site", site), None
        if place.place_id not in seen:
            yield record_of("place", place), None
        seen |= {sensor.site_id, place.place_id}
        yield record_of("sensor", sensor), None


def _sensor(values: dict[str, str], now_us: int) -> tuple[Sensor, Place]:
    if not values["sensor_id"] or not values["site_id"]:
        raise Refused("sensor_id" if not values["sensor_id"] else "site_id", "is empty")
    fields: dict[str, Any] = {name: text for name, text in values.items() if text}
    for name in _NUMBERS & fields.keys():
        value = number(fields[name], name)
        if value in _facts()["no_limit"]:
            del fields[name]
        else:
            fields[name] = value
    for name in LIMITS & fields.keys():
        fields[name] = limit_of(fields[name], fields.get("range_low"))
    if "definition_at" in fields:
        fields["definition_at"] = from_us(time_us(fields["definition_at"], "definition_at"))
    where = locate(values.get("location", ""))
    quantity = quantity_of("", values.get("unit", ""), values.get("type_name", "") or where.text)
    defaults = {
        "place_id": where.place_id(values["site_id"]), "name": where.text, "received_at": from_us(now_us),
        "quantity": quantity.quantity if quantity else "", "signal": signal_of(quantity, where.text),
        **({"resolution": quantity.resolution} if quantity else {}),
    }  # fmt: skip
    sensor = Sensor.parse(defaults | fields)
    place = Place(
        place_id=sensor.place_id, site_id=sensor.site_id, name=where.name, kind=where.kind, area=where.area,
        received_at=from_us(now_us),
    )  # fmt: skip
    return sensor, place
