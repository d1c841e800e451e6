"""Dead letters as people meet them: what was refused and why, and how each can be sent again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from schemas.deadletters import DeadLetter
from schemas.frames import FrameHeader
from schemas.ids import frame_id
from schemas.model import Refused
from schemas.times import from_us
from schemas.topics import SITE_PARTITIONS, partition_of, topics
from streams.decode import Record
from streams.gateways import findings, registry
from streams.gateways.outbox import Outgoing

RESUBMITTED = "resubmitted_of"
ORIGINAL = "original."
RESUBMIT = "resubmit_dead_letter"  # the action in the audit chain
# A refused line goes through its gateway again: what it lacked may be filled in now.
_GATEWAYS: dict[str, Callable[[bytes, int], Outgoing]] = {
    findings.SOURCE: findings.finding_record,
    registry.SOURCE: registry.registry_record,
}


@dataclass(frozen=True)
class Letter:
    """One refusal, however many records of `dead.letters` tell of it. `raw` are the refused bytes."""

    letter_id: str
    letter: DeadLetter
    raw: bytes
    original: tuple[tuple[str, bytes], ...]
    resubmitted: bool = False

    def row(self) -> dict[str, Any]:
        """As `dead list --json` shows it; times RFC 3339."""
        said = self.letter
        return {
            "letter_id": self.letter_id,
            "refused_at": from_us(said.refused_at_us).isoformat(),
            "source": said.source,
            "site_id": said.site_id,
            "file": said.file,
            "line": said.line or None,
            "field": said.field,
            "reason": said.reason,
            "origin": said.origin,
            "bytes": len(self.raw),
            "resubmitted": self.resubmitted,
        }

    def again(self) -> Outgoing:
        """The record that takes it where it was meant to go. Raises Refused if none can, or it still does not fit."""
        origin = self.letter.origin
        if origin in _GATEWAYS:
            made = _GATEWAYS[origin](self.raw, time.time_ns() // 1000)
            return self._marked(made.topic, made.key, made.partition, made.value, made.headers)
        if origin not in topics():
            raise Refused(
                "origin", f"{origin or 'nothing'} is no topic: mend the file and drop it into the folder again"
            )
        site_id = self.letter.site_id
        partition = partition_of(site_id) if topics()[origin].partitions == SITE_PARTITIONS else None
        return self._marked(origin, site_id, partition, self.raw, self._headers())

    def _headers(self) -> list[tuple[str, bytes]]:
        """Those of the refused record. A frame gets an id of its own: under the old one it would be a repetition."""
        kept = [(name, value) for name, value in self.original if name != RESUBMITTED]
        if self.letter.origin != "telemetry.frames":
            return kept
        FrameHeader.decode(kept)
        own = frame_id(self.letter.site_id, self.letter_id, 0).encode()
        return [(name, own if name == "frame_id" else value) for name, value in kept]

    def _marked(self, topic: str, key: str, partition: int | None, value: bytes, headers: Any) -> Outgoing:
        return Outgoing(topic, key, value, [*headers, (RESUBMITTED, self.letter_id.encode())], partition)


def letters_of(records: Iterator[Record], resubmitted: frozenset[str] = frozenset()) -> list[Letter]:
    """One Letter per letter id, in the order of the log."""
    found: dict[str, Letter] = {}
    for record in records:
        headers = dict(record.headers)
        letter = DeadLetter.decode(record.headers)
        letter_id = headers.get("letter_id", b"").decode() or letter.letter_id
        original = tuple((k.removeprefix(ORIGINAL), v) for k, v in record.headers if k.startswith(ORIGINAL))
        found.setdefault(
            letter_id, Letter(letter_id, letter, record.value or b"", original, letter_id in resubmitted)
        )  # fmt: skip
    return list(found.values())


def resubmitted_ids(audit: Path) -> frozenset[str]:
    """The letters that the audit chain says were sent again."""
    if not audit.exists():
        return frozenset()
    entries = map(orjson.loads, audit.read_bytes().splitlines())
    return frozenset(entry["letter_id"] for entry in entries if entry.get("action") == RESUBMIT)
