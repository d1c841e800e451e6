"""Offsets that no committed record has: ends of transactions, what was aborted, what compaction removed.

A consumer that reads what is committed passes over them in silence, and a jump in the offsets it gives looks like a
loss. Only the client's parser of fetched data knows which of both it was: it is asked here.
"""

from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher as fetcher

_KEPT = 50_000  # per partition; what is forgotten is read again, which is safe and slow

Place = tuple[str, int]  # topic, partition


class NaturalHoles:
    """Ranges of offsets that were read through and held nothing. Noted in the consumer's thread, asked in another."""

    def __init__(self) -> None:
        self._beyond: dict[Place, dict[int, int]] = {}

    def note(self, place: Place, first: int, beyond: int) -> None:
        """The log holds no committed record with an offset in [first, beyond)."""
        ranges = self._beyond.setdefault(place, {})
        ranges[first] = beyond
        while len(ranges) > _KEPT:
            del ranges[next(iter(ranges))]

    def covers(self, place: Place, first: int, beyond: int) -> bool:
        """Whether all of [first, beyond) is known to be empty."""
        ranges = self._beyond.get(place, {})
        while first < beyond and first in ranges:
            first = ranges[first]
        return first >= beyond

    def clear(self) -> None:
        """Forget everything: a topic may have been created anew."""
        self._beyond = {}


def note_holes(holes: NaturalHoles) -> None:
    """Every aiokafka consumer of this process notes its holes in `holes` from now on."""

    class Watched(_Records):
        def _unpack_records(self) -> Iterator[Any]:
            read: int = self.next_fetch_offset
            place = (self._tp.topic, self._tp.partition)
            for record in super()._unpack_records():
                if record.offset > read:
                    holes.note(place, read, record.offset)
                read = record.offset + 1
                yield record
            if self.next_fetch_offset > read:
                holes.note(place, read, self.next_fetch_offset)

    fetcher.PartitionRecords = Watched


_Records: Any = fetcher.PartitionRecords
