"""CDDY records (point definitions) as registry records: the site, its places, its sensors. Pure."""

from dataclasses import dataclass

from schemas.model import Refused
from schemas.registry import Place, Sensor, Site
from schemas.times import from_us
from streams.gateways.mtt1201 import DEFINITIONS, Quantity, dialect
from streams.gateways.mtt1201_places import Location, locate
from streams.gateways.mtt1201_text import BadRecord, Header, Row, Text, fields_of, number, past_us

LIMITS = frozenset({"alarm_high", "release_high", "alarm_low", "release_low", "cut_high", "restore_high"})


@dataclass(frozen=True)
class Definitions:
    site: Site
    places: tuple[Place, ...]
    sensors: tuple[Sensor, ...]
    bad: tuple[BadRecord, ...]


def parse_definitions(text: Text, now_us: int) -> Definitions:
    """The site, places and sensors a CDDY file defines; records that define none are in `bad`.

    A code defined twice keeps its later record. Times UTC microseconds.
    """
    header = text.header
    sensors: dict[str, Sensor] = {}
    where: dict[str, list[Location]] = {}
    bad: list[BadRecord] = []
    for row in text.rows:
        try:
            sensor, location = _sensor(row, header, now_us)
        except Refused as error:
            bad.append(BadRecord(row, error.field, error.reason))
            continue
        sensors[sensor.sensor_id] = sensor
        where.setdefault(sensor.place_id, []).append(location)
    site = Site(
        site_id=header.mine, name=header.mine_name, region=header.region, industry=dialect().industry,
        received_at=from_us(now_us),
    )  # fmt: skip
    places = tuple(_place(place_id, header, found, now_us) for place_id, found in where.items())
    return Definitions(site, places, tuple(sensors.values()), tuple(bad))


def quantity_of(code: str, unit: str, location: str) -> Quantity | None:
    """What a point measures: its type code unless the unit contradicts it, else its unit, else the location's words."""
    rows = dialect().quantities
    by_code = next((row for row in rows if code in row.codes), None)
    if by_code and (not unit or not by_code.units or unit in by_code.units):
        return by_code
    by_unit = next((row for row in rows if unit and unit in row.units), None)
    return by_unit or _by_word(location) or by_code


def _by_word(location: str) -> Quantity | None:
    """The word that stands last says what is measured: 瓦斯泵站温度 is a temperature."""
    found = [(location.rfind(word), i) for i, row in enumerate(dialect().quantities) for word in row.words]
    at, i = max(found, key=lambda hit: hit[0])
    return dialect().quantities[i] if at >= 0 else None


def signal_of(quantity: Quantity | None, location: str) -> str:
    """The criteria vocabulary's name of what the point tells; empty if it has none."""
    if quantity is None:
        return ""
    if quantity.quantity == "running":
        for words, signal in dialect().running_signals:
            if any(word in location for word in words):
                return signal
    return quantity.signal


def _sensor(row: Row, header: Header, now_us: int) -> tuple[Sensor, Location]:
    fields = fields_of(row, DEFINITIONS)
    if not fields["code"].startswith(header.mine) or fields["code"] == header.mine:
        raise Refused("code", f"{fields['code']!r} is no point of mine {header.mine}")
    location = locate(fields["location"])
    quantity = quantity_of(fields["sensor_type"], fields["unit"], fields["location"])
    range_low, range_high = number(fields["range_low"], "range_low"), number(fields["range_high"], "range_high")
    limits = {name: limit_of(number(fields[name], name), range_low) for name in LIMITS}
    definition_at = past_us(fields["time"], "time", now_us)
    sensor = Sensor(
        sensor_id=fields["code"], site_id=header.mine, place_id=location.place_id(header.mine), name=fields["location"],
        quantity=quantity.quantity if quantity else "", signal=signal_of(quantity, fields["location"]),
        unit=fields["unit"], resolution=quantity.resolution if quantity else 0.01, range_low=range_low,
        range_high=range_high, **limits, location=fields["location"], definition_at=from_us(definition_at),
        received_at=from_us(now_us), sensor_type=fields["sensor_type"],
    )  # fmt: skip
    return sensor, location


def limit_of(value: float | None, range_low: float | None) -> float | None:
    """A limit at or below the bottom of the range is a vendor's way to write that there is none."""
    if value is None or value in dialect().no_limit:
        return None
    return None if range_low is not None and value <= range_low else value


def _place(place_id: str, header: Header, found: list[Location], now_us: int) -> Place:
    first = found[0]
    wordings = dict.fromkeys(text for place in found for text in (place.name, place.text))
    return Place(
        place_id=place_id, site_id=header.mine, name=first.name, kind=first.kind, area=first.area,
        aliases=tuple(text for text in wordings if text != first.name), received_at=from_us(now_us),
    )  # fmt: skip
