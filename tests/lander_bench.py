"""A lander without a broker: records made by hand, a log in memory, a lake in a folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.topics import topics
from streams.decode import Record
from streams.landing_batch import Lander
from streams.landing_tables import Lost
from warehouse.lake import REFUSES, Fenced, LakeTable, Location

NOW = 1_782_900_000_000_000
FRAMES, RULES = "telemetry.frames", "registry.rules"
IDS = {name: f"id-{name}" for name in topics()}
PLACES = [(FRAMES, 0), (FRAMES, 1), (RULES, 0), ("commands", 0)]


@dataclass
class Log:
    """A broker's log in memory: what was produced, and from which offset it is still kept."""

    records: list[Record] = field(default_factory=list)
    begins: int = 0
    asked: list[dict] = field(default_factory=list)

    def fill(self, ranges, log_ids) -> Iterator[Lost | list[Record]]:
        self.asked.append(dict(ranges))
        for (topic, partition), (first, beyond) in ranges.items():
            if self.begins > first:
                yield Lost((topic, partition), first, min(self.begins, beyond) - 1)
            kept = range(max(first, self.begins), beyond)
            yield [r for r in self.records if (r.topic, r.partition) == (topic, partition) and r.offset in kept]


def frame(offset, frame_id=None, partition=0, n=5, at=NOW):
    header = FrameHeader("s", frame_id or f"frame {partition}/{offset}", "test", at)
    raw = encode_frame(make_batch(["m"] * n, np.full(n, at), np.arange(n), [0] * n))
    return Record(IDS[FRAMES], FRAMES, partition, offset, b"s", raw, header.encode(), at)


def rule(offset, value=b"{}"):
    return Record(IDS[RULES], RULES, 0, offset, b"r", value, (), NOW)


def lander(lake: Location, log: Log, committed=None, refused=None, open_table=None, **options) -> Lander:
    made = Lander(
        open_table or (lambda name: LakeTable.open(lake, name)), Fenced, ([] if refused is None else refused).extend,
        log, hold=REFUSES, **options,
    )  # fmt: skip
    made.take(PLACES, IDS, committed or {})
    return made


def rows(lake: Path, table="readings", what='partition, "offset"') -> list[tuple]:
    files = LakeTable.open(lake, table).file_uris()
    if not files:
        return []
    with duckdb.connect() as plain:
        return plain.execute(
            f"select distinct {what} from read_parquet({files}, union_by_name=true) order by all"
        ).fetchall()


def total(lake: Path, table="readings") -> int:
    return rows(lake, table, "count(*)")[0][0] if LakeTable.open(lake, table).file_uris() else 0
