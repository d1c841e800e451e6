"""YCBJ records (abnormal states) as alarms of the site's own system. Pure."""

from dataclasses import dataclass

from schemas.alarms import DeviceAlarm, Raw
from schemas.model import Refused
from schemas.times import from_us
from streams.gateways.mtt1201 import ABNORMAL, DIALECT, SYSTEM, dialect
from streams.gateways.mtt1201_places import locate
from streams.gateways.mtt1201_text import BadRecord, Row, Text, fields_of, number, past_us


@dataclass(frozen=True)
class AbnormalRecords:
    alarms: tuple[DeviceAlarm, ...]
    bad: tuple[BadRecord, ...]


def parse_abnormal(text: Text, now_us: int) -> AbnormalRecords:
    """The upstream alarms of a YCBJ file; records that are none are in `bad`. `now_us` becomes `received_at`."""
    alarms: list[DeviceAlarm] = []
    bad: list[BadRecord] = []
    for row in text.rows:
        try:
            alarms.append(_alarm(row, text, now_us))
        except Refused as error:
            bad.append(BadRecord(row, error.field, error.reason))
    return AbnormalRecords(tuple(alarms), tuple(bad))


def _alarm(row: Row, text: Text, now_us: int) -> DeviceAlarm:
    fields = fields_of(row, ABNORMAL)
    if not fields["code"]:
        raise Refused("code", "is empty")
    abnormal = dialect().abnormal_kinds.get(fields["kind"])
    if abnormal is None:
        raise Refused("kind", f"{fields['kind']!r} is none of {', '.join(dialect().abnormal_kinds)}")
    raised_at = past_us(fields["start"], "start", now_us)
    ended_at = past_us(fields["end"], "end", now_us) if fields["end"] else None
    if ended_at is not None and ended_at < raised_at:
        raise Refused("end", f"{fields['end']} lies before the start {fields['start']}")
    highest, lowest, mean = (_measured(fields[name], name) for name in ("max", "min", "mean"))
    peak = highest if abnormal.peak == "max" else lowest
    return DeviceAlarm(
        source_system=SYSTEM, dialect=DIALECT, site_id=text.header.mine, sensor_id=fields["code"],
        area_code=locate(fields["location"]).area or None, alarm_kind=abnormal.kind, level=abnormal.level, value=peak,
        unit=fields["unit"], raised_at=from_us(raised_at), ended_at=None if ended_at is None else from_us(ended_at),
        peak=peak, cause=fields["cause"], measure=fields["measure"], received_at=from_us(now_us),
        raw=Raw(file=text.name, offset=row.offset, sha256=text.sha256), upstream_code=fields["kind"],
        location=fields["location"], mean=mean,
    )  # fmt: skip


def _measured(text: str, field: str) -> float | None:
    value = number(text, field)
    return None if value in dialect().invalid_values else value
