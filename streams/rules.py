"""Alarm rules: the defaults from the classes and the sensors' own limits, and rules as people write them. Pure."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from schemas.alarm_classes import AlarmClass, alarm_classes, limit_at
from schemas.alarms import AlarmRule, Escalation
from schemas.model import Refused
from schemas.registry import Place, Sensor
from schemas.terms import Direction, Priority, RuleKind

_INHERITED = (
    "class_id", "level", "basis", "consequence_zh", "consequence_en", "action_zh", "action_en", "time_to_respond_s",
    "ack_timeout_s", "re_alarm_s", "latches",
)  # fmt: skip
DEADBAND_STEPS = 5  # of the sensor's resolution, where neither class nor registry says

_DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(("high", "h", "hi", ">=", ">", "upper", "max", "上限", "高"), Direction.HIGH),
    **dict.fromkeys(("low", "l", "lo", "<=", "<", "lower", "min", "下限", "低"), Direction.LOW),
}
_NUMBERS = ("limit", "on_delay_s", "off_delay_s", "deadband")


def default_rules(sensors: Iterable[Sensor], places: Mapping[str, Place] | None = None) -> list[AlarmRule]:
    """One rule per sensor and side that has a limit, from the alarm class that fits the sensor and its place.

    Of the class's limit and the registry's the stricter one holds. Where the registry's release limit lies inside the
    alarm limit, the deadband is the distance between the two.
    """
    rules = []
    for sensor in sensors:
        place = (places or {}).get(sensor.place_id)
        for direction in (Direction.HIGH, Direction.LOW):
            rule = _default(sensor, place.kind if place else "", direction)
            if rule is not None:
                rules.append(rule)
    return rules


def rule_id_of(sensor: Sensor | None, direction: Direction) -> str:
    """`ch4_pct.high`: the signal, else the quantity, else `value`, and the side."""
    return f"{(sensor and (sensor.signal or sensor.quantity)) or 'value'}.{direction}"


def _default(sensor: Sensor, place_kind: str, direction: Direction) -> AlarmRule | None:
    found = alarm_classes().of(sensor, place_kind, direction)
    high = direction is Direction.HIGH
    own, release = (sensor.alarm_high, sensor.release_high) if high else (sensor.alarm_low, sensor.release_low)
    limit = _stricter(direction, limit_at(found.limit, place_kind), own)
    if limit is None:
        return None
    return AlarmRule(
        rule_id=rule_id_of(sensor, direction), site_id=sensor.site_id, sensor_id=sensor.sensor_id,
        direction=direction, limit=limit, level="H" if high else "L", on_delay_s=found.on_delay_s,
        off_delay_s=found.off_delay_s, deadband=_deadband(sensor, found, direction, limit, release),
        escalations=_escalations(sensor, found, place_kind, direction, limit), priority=found.priority,
        latches=found.latches, ack_timeout_s=found.ack_timeout_s, re_alarm_s=found.re_alarm_s, class_id=found.id,
        basis=found.basis, consequence_zh=found.consequence_zh, consequence_en=found.consequence_en,
        action_zh=found.action_zh, action_en=found.action_en, time_to_respond_s=found.time_to_respond_s,
    )  # fmt: skip


def _stricter(direction: Direction, *limits: float | None) -> float | None:
    known = [limit for limit in limits if limit is not None and math.isfinite(limit)]
    return (min(known) if direction is Direction.HIGH else max(known)) if known else None


def _escalations(
    sensor: Sensor, found: AlarmClass, place_kind: str, direction: Direction, limit: float
) -> tuple[Escalation, ...]:  # fmt: skip
    """The class's steps that lie further out than the limit and each other, and those by duration."""
    sign, steps, furthest = 1 if direction is Direction.HIGH else -1, [], limit
    for step in found.escalations:
        if step.after_s is not None:
            steps.append(_step(step.level, step.priority, None, step.after_s))
            continue
        own = sensor.cut_high if step.limit == "setpoint.cut_ge" else None
        further = _stricter(direction, limit_at(step.limit, place_kind), own)
        if further is not None and sign * further > sign * furthest:
            steps.append(_step(step.level, step.priority, further, None))
            furthest = further
    return tuple(steps)


@lru_cache(maxsize=1024)
def _step(level: str, priority: Priority, limit: float | None, after_s: float | None) -> Escalation:
    return Escalation(level=level, priority=priority, limit=limit, after_s=after_s)


def _deadband(
    sensor: Sensor, found: AlarmClass, direction: Direction, limit: float, release: float | None
) -> float:  # fmt: skip
    if release is not None and math.isfinite(release):
        inward = Decimal(repr(limit)) - Decimal(repr(release))
        inward = inward if direction is Direction.HIGH else -inward
        if inward > 0:
            return float(inward)
    if found.deadband is not None:
        return found.deadband
    return float(DEADBAND_STEPS * Decimal(repr(sensor.resolution)))


def laxer(own: AlarmRule, default: AlarmRule) -> str | None:
    """Why a site's rule asks less than the default it replaces, in words; None: it does not, or it is approved."""
    if own.approval.strip():
        return None
    sign = 1 if default.direction is Direction.HIGH else -1
    found = []
    if own.kind is not RuleKind.LEVEL or own.direction is not default.direction:
        found.append("it watches something else")
    elif sign * own.limit > sign * default.limit:
        found.append(f"limit {own.limit:g} instead of {default.limit:g}")
    if own.on_delay_s > max(default.on_delay_s, alarm_classes().longest_on_delay_s):
        found.append(f"on_delay_s {own.on_delay_s:g} instead of {default.on_delay_s:g}")
    found += _softer(own, default, sign)
    return f"laxer than {default.class_id or 'the default'} without an approval: {', '.join(found)}" if found else None


def _softer(own: AlarmRule, default: AlarmRule, sign: int) -> list[str]:
    """Where a rule with steps and times of its own asks less: an escalation gone or further out, more patience."""
    found = []
    for step in default.escalations if own.escalations else ():
        if step.limit is not None and sign * own.limit >= sign * step.limit:
            continue  # the rule itself begins there
        alike = [each for each in own.escalations if each.priority <= step.priority]
        if step.limit is not None:
            reached = any(each.limit is not None and sign * each.limit <= sign * step.limit for each in alike)
        else:
            reached = any(each.after_s is not None and each.after_s <= (step.after_s or 0) for each in alike)
        if not reached:
            where = f"at {step.limit:g}" if step.limit is not None else f"after {step.after_s:g} s"
            found.append(f"no step to {step.priority} {where}")
    for name in ("ack_timeout_s", "re_alarm_s", "time_to_respond_s"):
        given, wanted = getattr(own, name), getattr(default, name)
        if given is not None and wanted is not None and given > wanted:
            found.append(f"{name} {given:g} instead of {wanted:g}")
    return found


def completed(own: AlarmRule, default: AlarmRule) -> AlarmRule:
    """A site's rule with what it leaves open taken from the class: texts, times, further limits that lie outwards.

    The class's priority is the least that holds, unless a less urgent one was approved.
    """
    given = {name: getattr(default, name) for name in _INHERITED if not getattr(own, name)}
    if not own.approval.strip():
        given["priority"] = min(own.priority, default.priority)
    if not own.escalations:
        sign = 1 if own.direction is Direction.HIGH else -1
        given["escalations"] = tuple(
            step for step in default.escalations if step.limit is None or sign * step.limit > sign * own.limit
        )
    return own.model_copy(update=given)


def in_force(defaults: Iterable[AlarmRule], own: Iterable[AlarmRule]) -> tuple[list[AlarmRule], list[Refused]]:
    """The defaults, each replaced by the site's rule of the same sensor and id unless that is laxer; what was refused.

    A limit of the registry is binding like one of the law: the device's own alarm stands at it.
    """
    rules = {(rule.sensor_id, rule.rule_id): rule for rule in defaults}
    refused = []
    for rule in own:
        key = (rule.sensor_id, rule.rule_id)
        why = laxer(rule, rules[key]) if key in rules else None
        done = completed(rule, rules[key]) if key in rules else rule
        if why is None and done.hides_unapproved:
            why = "masked or suppressed without an approval, although it is or may become P1"
        if why is None:
            rules[key] = done
        else:
            refused.append(Refused("limit", f"rule {rule.rule_id} of sensor {rule.sensor_id}: {why}"))
    return list(rules.values()), refused


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
