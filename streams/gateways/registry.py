"""Registry records from people: JSON lines of `{"kind": "site", …}`; tables: sensor_table, registry_table. Pure.

A record whose model has a `kind` of its own (a control's, a department's) names its kind by `kind_of_record`.
"""

from collections.abc import Callable, Iterator

from schemas.alarms import AlarmRule
from schemas.model import Message, Refused
from schemas.registry import CalendarDay, Control, Department, Matter, Place, Region, Sector, Sensor, Site
from schemas.times import from_us
from streams.gateways.lines import json_object, lines_of, sort_out
from streams.gateways.outbox import Outgoing

SOURCE = "registry"
# kind -> topic, model, key. Rules of different sensors share their rule_id, so a rule's key names all three.
KINDS: dict[str, tuple[str, type[Message], Callable[[Message], str]]] = {
    "site": ("registry.sites", Site, lambda m: m.site_id),  # type: ignore[attr-defined]
    "place": ("registry.places", Place, lambda m: m.place_id),  # type: ignore[attr-defined]
    "sensor": ("registry.sensors", Sensor, lambda m: m.sensor_id),  # type: ignore[attr-defined]
    "department": ("registry.departments", Department, lambda m: m.department_id),  # type: ignore[attr-defined]
    "region": ("registry.regions", Region, lambda m: m.region),  # type: ignore[attr-defined]
    "sector": ("registry.sectors", Sector, lambda m: m.sector_id),  # type: ignore[attr-defined]
    "matter": ("registry.matters", Matter, lambda m: m.matter_id),  # type: ignore[attr-defined]
    "control": ("registry.controls", Control, lambda m: m.control_id),  # type: ignore[attr-defined]
    "day": ("registry.calendar", CalendarDay, lambda m: m.date.isoformat()),  # type: ignore[attr-defined]
    "rule": ("registry.rules", AlarmRule, lambda m: f"{m.site_id}/{m.sensor_id}/{m.rule_id}"),  # type: ignore[attr-defined]
}


def records_of(raw: bytes, file: str, now_us: int) -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each line of `raw`; a refused line is a dead letter naming file, line, field and reason."""
    return sort_out(lines_of(raw), lambda line: registry_record(line, now_us), SOURCE, file, now_us)


def registry_record(raw: bytes, now_us: int) -> Outgoing:
    """One registry record as the Kafka record to send. Raises Refused: unknown kind, or not the kind's model."""
    given = json_object(raw)
    kind = given.pop("kind_of_record", None) or given.pop("kind", None)
    if kind not in KINDS:
        raise Refused("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    topic, model, key = KINDS[kind]
    if "received_at" in model.model_fields and given.get("received_at") is None:
        given["received_at"] = from_us(now_us).isoformat()
    return outgoing(topic, model.parse(given), key)


def outgoing(topic: str, message: Message, key: Callable[[Message], str]) -> Outgoing:
    return Outgoing(topic, key(message), message.encode())


def record_of(kind: str, message: Message) -> Outgoing:
    """`message` (of the kind's model) as the Kafka record to send."""
    topic, _, key = KINDS[kind]
    return outgoing(topic, message, key)
