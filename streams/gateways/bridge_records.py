"""What a fetch brought, as columns: values, offsets and times of whole record batches instead of a million records.

aiokafka copies each record into a ConsumerRecord of twelve fields and passes it through two generators, which costs
more than all the rest of a reading's way through the bridge. Its own rules stay in force: which batches are skipped
(aborted, control) and where the next fetch begins is decided by its PartitionRecords, which sees a batch as one record.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiokafka.consumer.fetcher as fetcher


@dataclass
class Run:
    """Records of one partition in order, as three lists of equal length; `stamps` are Kafka's times in ms."""

    values: list[bytes | None] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def offset(self) -> int:
        """Of the last one: where aiokafka thinks the batch ends."""
        return self.offsets[-1]

    def append(self, other: "Run") -> None:
        self.values += other.values
        self.offsets += other.offsets
        self.stamps += other.stamps

    def before(self, offset: int) -> int:
        """How many lie before `offset`."""
        return bisect_left(self.offsets, offset)

    def take(self, count: int) -> "Run":
        """The first `count`, which leave."""
        taken = Run(self.values[:count], self.offsets[:count], self.stamps[:count])
        del self.values[:count], self.offsets[:count], self.stamps[:count]
        return taken


class _Batch:
    """A parsed record batch that gives one Run, of what lies at `first` or after it."""

    def __init__(self, batch: Any, first: int) -> None:
        self._batch, self._first = batch, first

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Run]:
        run = Run()
        for record in self._batch:
            run.values.append(record.value)
            run.offsets.append(record.offset)
            run.stamps.append(record.timestamp)
        run.take(run.before(self._first))
        if run.values:
            yield run


class _Batches:
    def __init__(self, records: Any, whose: "Runs") -> None:
        self._records, self._whose = records, whose

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch:
        return _Batch(self._records.next_batch(), self._whose.next_fetch_offset)


class Runs(fetcher.PartitionRecords):
    """What every aiokafka consumer of this process gives after `fetch_runs`: a Run per record batch."""

    next_fetch_offset: int

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._records: Any = _Batches(self._records, self)

    def _consumer_record(self, _tp: Any, run: Run) -> Run:
        return run


def fetch_runs() -> None:
    """From now on, in this process."""
    fetcher.PartitionRecords = Runs
