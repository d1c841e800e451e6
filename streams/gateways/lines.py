"""Files of one JSON object per line, and the dead letters of lines that are none. Pure."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.deadletters import DeadLetter
from schemas.model import Refused
from streams.gateways.outbox import Outgoing, dead

_BOM = b"\xef\xbb\xbf"
RAW_LIMIT = 512 << 10  # of a refused line's bytes in its dead letter


@dataclass(frozen=True)
class Line:
    """A line that is not blank: its number from 1, and its bytes without the line end."""

    number: int
    raw: bytes


def lines_of(raw: bytes) -> Iterator[Line]:
    for number, line in enumerate(raw.removeprefix(_BOM).split(b"\n"), 1):
        if bare := line.strip():
            yield Line(number, bare)


def json_object(raw: bytes) -> dict[str, Any]:
    """Raises Refused if `raw` is no JSON object."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused("", f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused("", f"a JSON object is wanted, not {type(value).__name__}")
    return value


def sort_out(
    lines: Iterator[Line], read: Callable[[bytes], Outgoing], source: str, file: str, now_us: int
) -> Iterator[tuple[Outgoing, Refused | None]]:
    """What to send for each line: what `read` makes of it, or its dead letter together with the refusal."""
    for line in lines:
        try:
            yield read(line.raw), None
        except Refused as error:
            yield refused_line(line, error, source, file, now_us), error


def refused_line(line: Line, error: Refused, source: str, file: str, now_us: int) -> Outgoing:
    """The dead letter of a line; the same bytes refused for the same reason are the same letter."""
    letter = DeadLetter(
        source=source, reason=error.reason, cause=f"{hashlib.sha256(line.raw).hexdigest()}/{line.number}",
        refused_at_us=now_us, field=error.field, file=file, line=line.number, origin=source,
    )  # fmt: skip
    return dead(letter, line.raw[:RAW_LIMIT])
