"""The topics of topics.yaml as typed rows, and the one rule of partitioning.

Partition = murmur2 of the UTF-8 key over SITE_PARTITIONS, so one worker sees everything of a site. States, steps and
results are sent to the *site's* partition by number, whatever their key.
"""

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import yaml

from schemas.model import Message

SITE_PARTITIONS = 8

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Topic:
    """`rank` orders the inputs of a processing step; None = not an input."""

    name: str
    key: str
    partitions: int
    keep: str
    model_name: str
    table: str
    rank: int | None = None

    @property
    def config(self) -> dict[str, str]:
        """Kafka topic configuration. Compaction waits a day: a stale worker's older state must not eat a newer one."""
        if self.keep == "compact":
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": str(_DAY_MS)}
        retention = "-1" if self.keep == "ever" else str(int(self.keep.removesuffix("d")) * _DAY_MS)
        return {"cleanup.policy": "delete", "retention.ms": retention}

    @property
    def model(self) -> type[Message] | None:
        """The model of its JSON values; None for Arrow frames and raw dead letters."""
        if "." not in self.model_name:
            return None
        module, _, name = self.model_name.rpartition(".")
        model: type[Message] = getattr(import_module(f"schemas.{module}"), name)
        return model


@cache
def topics() -> dict[str, Topic]:
    """All topics by name, in the order of the file."""
    rows = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text("utf-8"))
    return {
        row["name"]: Topic(
            name=row["name"], key=row["key"], partitions=SITE_PARTITIONS if row["partitions"] == "site" else 1,
            keep=row["keep"], model_name=row["model"], table=row["table"], rank=row.get("rank"),
        )
        for row in rows
    }  # fmt: skip


def inputs() -> tuple[str, ...]:
    """The topics one processing step reads, in rank order."""
    ranked = [topic for topic in topics().values() if topic.rank is not None]
    return tuple(topic.name for topic in sorted(ranked, key=lambda topic: topic.rank or 0))


def partition_of(site_id: str) -> int:
    """The partition of everything of a site: Kafka's default partitioner (murmur2, sign bit cleared)."""
    return (murmur2(site_id.encode()) & 0x7FFFFFFF) % SITE_PARTITIONS


def murmur2(data: bytes) -> int:
    """Kafka's murmur2 (seed 0x9747b28c) as an unsigned 32-bit number; equal to org.apache.kafka Utils.murmur2."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(data)
    h = (0x9747B28C ^ length) & mask
    for i in range(0, length - length % 4, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ (k >> 24)) * m & mask
        h = (h * m & mask) ^ k
    tail = data[length - length % 4 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return h ^ (h >> 15)
