"""The text of an MT/T 1201 file: header and records. Pure.

Field `;`, record `~`, end of file `||`; UTF-8 with or without BOM; stray newlines are no part of any record. A record's
line is its number in the file, the header being 1.
"""

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from schemas.model import Refused
from schemas.times import to_us
from streams.decode import AHEAD_US, EARLIEST_US
from streams.gateways.mtt1201 import dialect

END, RECORD, BOM = b"||", b"~", b"\xef\xbb\xbf"
BAD_SHARE = 0.2  # a file with more bad records than this is refused whole
_TIME = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})(?:\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


class Row(NamedTuple):
    """One record: its line, the byte offset at which it begins, its bytes."""

    line: int
    offset: int
    raw: bytes


class BadRecord(NamedTuple):
    """A record that was left out, and why."""

    row: Row
    field: str
    reason: str


@dataclass(frozen=True)
class Header:
    mine: str
    mine_name: str
    written_at_us: int

    @property
    def region(self) -> str:
        return self.mine[: dialect().region_digits]


@dataclass(frozen=True)
class Text:
    """A whole file. `sha256` is of its bytes as they came."""

    name: str
    sha256: str
    header: Header
    rows: tuple[Row, ...]


def is_complete(raw: bytes) -> bool:
    """False while the sender is still writing: the end mark is missing."""
    return raw.rstrip().endswith(END)


def read_text(raw: bytes, name: str, now_us: int) -> Text:
    """The header and the records of a complete file.

    Raises Refused for the whole file: no end mark, no readable header, or a header time more than ten minutes after
    `now_us` (UTC microseconds).
    """
    if not is_complete(raw):
        raise Refused("end mark", "|| is missing: the file is still being written, or was cut off")
    body = raw.rstrip().removesuffix(END)
    start = len(BOM) if body.startswith(BOM) else 0
    rows, line, offset = [], 0, start
    for piece in body[start:].split(RECORD):
        bare = piece.strip()
        if bare:
            line += 1
            rows.append(Row(line, offset + piece.index(bare), bare.replace(b"\r", b"").replace(b"\n", b"")))
        offset += len(piece) + len(RECORD)
    if not rows:
        raise Refused("header", "the file is empty")
    header = _header(_decode(rows[0].raw))
    if header.written_at_us > now_us + AHEAD_US:
        raise Refused("header time", "lies more than ten minutes in the future")
    return Text(name, hashlib.sha256(raw).hexdigest(), header, tuple(rows[1:]))


def fields_of(row: Row, kind: str) -> dict[str, str]:
    """The fields of a `kind` record by name, empty ones kept. Raises Refused if their number is wrong.

    A full-width ； separates only where plain ; does not already give the right number: it also occurs in free text.
    """
    names = dialect().fields[kind]
    text = _decode(row.raw)
    parts = text.split(";")
    if len(parts) != len(names):
        parts = text.replace("；", ";").split(";")
    if len(parts) != len(names):
        raise Refused("record", f"{len(parts)} fields instead of {len(names)}")
    return {name: part.strip() for name, part in zip(names, parts, strict=True)}


@lru_cache(maxsize=4096)
def time_us(text: str, field: str) -> int:
    """UTC microseconds of a mine's local time. Raises Refused naming `field`; also for a year before 2000."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Refused(field, f"{text!r} is no yyyy-MM-dd HH:mm:ss" if text else "is empty")
    try:
        when = dt.datetime(*map(int, match.groups()), tzinfo=dialect().zone)  # type: ignore[arg-type,misc]
    except ValueError as error:
        raise Refused(field, f"{text!r}: {error}") from None
    if (us := to_us(when)) < EARLIEST_US:
        raise Refused(field, f"{text!r} lies before 2000")
    return us


def past_us(text: str, field: str, now_us: int) -> int:
    """`time_us`, refused if more than ten minutes after `now_us`."""
    us = time_us(text, field)
    if us > now_us + AHEAD_US:
        raise Refused(field, f"{text!r} lies more than ten minutes in the future")
    return us


def number(text: str, field: str) -> float | None:
    """A decimal number; None if empty. Raises Refused naming `field`."""
    if not text:
        return None
    if _NUMBER.fullmatch(text) is None or (value := float(text)) in (float("inf"), float("-inf")):
        raise Refused(field, f"{text!r} is no number")
    return value


def too_many_bad(bad: int, total: int) -> bool:
    """Whether `bad` of `total` records make the file untrustworthy as a whole."""
    return total > 0 and bad > BAD_SHARE * total


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("record", f"not UTF-8 at byte {error.start}") from None


def _header(text: str) -> Header:
    """The code and name come first; the time is the first later field that is one, whatever stands between or after."""
    parts = [part.strip() for part in text.replace("；", ";").split(";")]
    if dialect().mine_code.fullmatch(parts[0]) is None:
        raise Refused("header mine code", f"{parts[0]!r} is no mine code")
    for part in parts[1:]:
        if _TIME.fullmatch(part):
            return Header(parts[0], parts[1] if parts[1] != part else "", time_us(part, "header time"))
    raise Refused("header time", "is missing")
