"""Alarm rules: the defaults from the sensors' own limits, and rules as people write them in a file. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from schemas.alarms import AlarmRule
from schemas.model import Refused
from schemas.registry import Sensor
from schemas.terms import Direction, Priority

REGISTRY_LIMIT = "registry limit of the sensor"


@dataclass(frozen=True)
class Settings:
    """Delays in seconds, deadband in the sensor's unit; None = DEADBAND_STEPS steps of the sensor's resolution."""

    on_delay_s: float = 0
    off_delay_s: float = 60
    deadband: float | None = None
    priority: Priority = Priority.P3
    action_zh: str = ""
    action_en: str = ""


# By signal. What is not named here is raised by its first reading: a delay that nobody chose must not hide an alarm.
SETTINGS: dict[str, Settings] = {
    "ch4_pct": Settings(
        on_delay_s=60, off_delay_s=60, deadband=0.05, priority=Priority.P2,
        action_zh="查明瓦斯来源，检查通风；达到断电浓度时断电撤人",
        action_en="Find the source of the methane and check ventilation; at the cut-off limit cut power and withdraw",
    ),
    "co_ppm": Settings(
        priority=Priority.P2, action_zh="查明一氧化碳来源，检查有无发热、火情",
        action_en="Find the source of the carbon monoxide; look for heating or fire",
    ),
}  # fmt: skip
DEADBAND_STEPS = 5

_DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(("high", "h", "hi", ">=", ">", "upper", "max", "上限", "高"), Direction.HIGH),
    **dict.fromkeys(("low", "l", "lo", "<=", "<", "lower", "min", "下限", "低"), Direction.LOW),
}
_NUMBERS = ("limit", "on_delay_s", "off_delay_s", "deadband")


def default_rules(sensors: Iterable[Sensor]) -> list[AlarmRule]:
    """One rule per sensor and side that has an alarm limit in the registry.

    Where the registry's release limit lies inside the alarm limit, the deadband is the distance between the two.
    """
    rules = []
    for sensor in sensors:
        for direction, limit, release in (
            (Direction.HIGH, sensor.alarm_high, sensor.release_high),
            (Direction.LOW, sensor.alarm_low, sensor.release_low),
        ):
            if limit is not None and math.isfinite(limit):
                rules.append(_default(sensor, direction, limit, release))
    return rules


def rule_id_of(sensor: Sensor | None, direction: Direction) -> str:
    """`ch4_pct.high`: the signal, else the quantity, else `value`, and the side."""
    return f"{(sensor and (sensor.signal or sensor.quantity)) or 'value'}.{direction}"


def _default(sensor: Sensor, direction: Direction, limit: float, release: float | None) -> AlarmRule:
    settings = SETTINGS.get(sensor.signal, Settings())
    return AlarmRule(
        rule_id=rule_id_of(sensor, direction), site_id=sensor.site_id, sensor_id=sensor.sensor_id,
        direction=direction, limit=limit, on_delay_s=settings.on_delay_s, off_delay_s=settings.off_delay_s,
        deadband=_deadband(sensor, settings, direction, limit, release), priority=settings.priority,
        basis=REGISTRY_LIMIT, action_zh=settings.action_zh, action_en=settings.action_en,
    )  # fmt: skip


def _deadband(
    sensor: Sensor, settings: Settings, direction: Direction, limit: float, release: float | None
) -> float:  # fmt: skip
    if release is not None and math.isfinite(release):
        inward = Decimal(repr(limit)) - Decimal(repr(release))
        inward = inward if direction is Direction.HIGH else -inward
        if inward > 0:
            return float(inward)
    if settings.deadband is not None:
        return settings.deadband
    return float(DEADBAND_STEPS * Decimal(repr(sensor.resolution)))


def parse_rule(row: Mapping[str, Any], sensors: Mapping[str, Sensor], site_id: str) -> AlarmRule:
    """The rule of one row: sensor_id, direction, limit, on_delay_s, off_delay_s, deadband (and any field of AlarmRule).

    Empty delays and deadband are 0. Without `rule_id` it gets the default rule's id, so it takes that one's place;
    without `site_id` the sensor's site, else `site_id`. Raises Refused with field and reason.
    """
    cells = {key.strip(): value for key, value in row.items() if isinstance(key, str) and not _empty(value)}
    for field in ("sensor_id", "direction", "limit"):
        if field not in cells:
            raise Refused(field, "missing")
    sensor_id = str(cells["sensor_id"]).strip()
    sensor = sensors.get(sensor_id)
    direction = _DIRECTIONS.get(str(cells["direction"]).strip().lower())
    if direction is None:
        raise Refused("direction", f"{cells['direction']!r} is neither high (H, >=) nor low (L, <=)")
    numbers = {field: _number(field, cells[field]) for field in _NUMBERS if field in cells}
    named = {
        "rule_id": rule_id_of(sensor, direction),
        "site_id": sensor.site_id if sensor else site_id,
    }
    return AlarmRule.parse(named | cells | numbers | {"sensor_id": sensor_id, "direction": direction})


def tell_apart(rules: Iterable[AlarmRule]) -> list[AlarmRule]:
    """Rules of one sensor that share an id, as 1.0 and 1.5 of one side do, get numbers in order: `ch4_pct.2.high`."""
    counts: dict[tuple[str, str, str], int] = {}
    told = []
    for rule in rules:
        key = (rule.site_id, rule.sensor_id, rule.rule_id)
        counts[key] = n = counts.get(key, 0) + 1
        base, _, side = rule.rule_id.rpartition(".")
        told.append(rule if n == 1 else rule.model_copy(update={"rule_id": f"{base}.{n}.{side}"}))
    return told


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _number(field: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Refused(field, f"{value!r} is not a number") from None
    if not math.isfinite(number):
        raise Refused(field, f"{value!r} is not a finite number")
    return number
