"""What one MT/T 1201 file becomes: the records to send and how many of each. Pure."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from schemas.deadletters import DeadLetter
from schemas.frames import FrameHeader, encode_frame
from schemas.ids import frame_id
from schemas.model import Refused
from streams.gateways.mtt1201 import ABNORMAL, DEFINITIONS, DIALECT, FileName
from streams.gateways.mtt1201_abnormal import parse_abnormal
from streams.gateways.mtt1201_points import parse_definitions
from streams.gateways.mtt1201_text import BadRecord, Text, read_text, too_many_bad
from streams.gateways.mtt1201_values import parse_values
from streams.gateways.outbox import Outgoing, dead, to_site

READINGS_PER_FRAME = 20_000  # keeps a frame well below the broker's message limit
RAW_LIMIT = 512 << 10  # of a refused file's bytes in its dead letter; the whole file lies in failed/


@dataclass(frozen=True)
class Parcel:
    """`first` must be acknowledged before `messages` are sent (places before the sensors that stand in them)."""

    mine: str
    messages: tuple[Outgoing, ...]
    first: tuple[Outgoing, ...] = ()
    letters: tuple[Outgoing, ...] = ()
    frames: int = 0
    readings: int = 0
    device_alarms: int = 0
    sensors: int = 0


def parcel_of(
    name: FileName, raw: bytes, now_us: int, registry_offset: Callable[[str], int], *, stale: bool = False
) -> Parcel:
    """The parcel of a complete file; bad records become dead letters.

    `registry_offset(mine)` is the registry.sensors offset its frames rely on; `now_us` becomes `received_at`. A stale
    file says so in the source of its frames. Raises Refused if the file as a whole cannot be trusted.
    """
    text = read_text(raw, name.name, now_us)
    if not text.header.mine.startswith(name.mine[:11]):
        raise Refused("header mine code", f"{text.header.mine} is not the mine of the file name, {name.mine}")
    if name.type == DEFINITIONS:
        return _definitions(text, now_us)
    if name.type == ABNORMAL:
        return _abnormal(text, now_us)
    return _values(text, now_us, registry_offset(text.header.mine), f"{DIALECT}.stale" if stale else DIALECT)


def refused_file(name: str, raw: bytes, refused: Refused, now_us: int) -> Outgoing:
    """The one dead letter of a file that was refused whole."""
    letter = DeadLetter(
        source=DIALECT, reason=refused.reason, cause=hashlib.sha256(raw).hexdigest(), refused_at_us=now_us,
        field=refused.field, file=name, origin=DIALECT, site_id=name.split("_")[0],
    )  # fmt: skip
    return dead(letter, raw[:RAW_LIMIT])


def _values(text: Text, now_us: int, registry_offset: int, source: str) -> Parcel:
    found = parse_values(text, now_us)
    letters = _letters(text, found.bad, now_us)
    site = text.header.mine
    frames = []
    for n, batch in enumerate(found.batches(READINGS_PER_FRAME)):
        header = FrameHeader(
            site, frame_id(site, text.sha256, n), source, now_us, registry_offset, raw_file=text.name,
            raw_sha256=text.sha256,
        )  # fmt: skip
        frames.append(to_site("telemetry.frames", site, encode_frame(batch), header.encode()))
    return Parcel(site, tuple(frames), letters=letters, frames=len(frames), readings=len(found))


def _abnormal(text: Text, now_us: int) -> Parcel:
    found = parse_abnormal(text, now_us)
    letters = _letters(text, found.bad, now_us)
    site = text.header.mine
    messages = tuple(to_site("device.alarms", site, alarm.encode()) for alarm in found.alarms)
    return Parcel(site, messages, letters=letters, device_alarms=len(messages))


def _definitions(text: Text, now_us: int) -> Parcel:
    found = parse_definitions(text, now_us)
    letters = _letters(text, found.bad, now_us)
    first = Outgoing("registry.sites", found.site.site_id, found.site.encode())
    places = (Outgoing("registry.places", place.place_id, place.encode()) for place in found.places)
    sensors = tuple(Outgoing("registry.sensors", sensor.sensor_id, sensor.encode()) for sensor in found.sensors)
    return Parcel(text.header.mine, sensors, (first, *places), letters, sensors=len(sensors))


def _letters(text: Text, bad: tuple[BadRecord, ...], now_us: int) -> tuple[Outgoing, ...]:
    if too_many_bad(len(bad), len(text.rows)):
        worst = f"{len(bad)} of {len(text.rows)} records are bad, more than 20 %; the first is record {bad[0].row.line}"
        raise Refused(bad[0].field, f"{worst}: {bad[0].reason}")
    return tuple(
        dead(
            DeadLetter(
                source=DIALECT, reason=record.reason, cause=f"{text.sha256}/{record.row.line}", refused_at_us=now_us,
                field=record.field, file=text.name, line=record.row.line, origin=DIALECT,
                site_id=text.header.mine,
            ),
            record.row.raw,
        )
        for record in bad
    )  # fmt: skip
