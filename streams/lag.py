"""How far processing and landing are behind the log; exact on both brokers."""

from collections.abc import Iterable

from kafka import TopicPartition

from schemas.steps import Step
from schemas.topics import SITE_PARTITIONS, inputs
from streams.connect import log_ids
from streams.reader import all_partitions, newest

_LAST = 4  # offsets read back for the last record: few, frames are large
_RECENT_STEPS = 50  # the last record is wanted; the embedded broker's idea of the end is a batch too early


def true_ends(servers: str, names: Iterable[str]) -> dict[TopicPartition, int]:
    """The offset after the last committed record of every partition; 0 where there is none.

    The broker's own answer is another: the embedded one's is too low when the last batch holds several records, and on
    Apache Kafka the end of a transaction takes an offset that nobody is ever given.
    """
    wanted = all_partitions(names)
    ends = dict.fromkeys(wanted, 0)
    for record in newest(servers, wanted, _LAST):
        ends[TopicPartition(record.topic, record.partition)] = record.offset + 1
    return ends


def absorbed(servers: str) -> dict[TopicPartition, int]:
    """The last offset of every input that processing has absorbed, from the newest step records; -1 = nothing yet."""
    logs = log_ids(servers)
    last: dict[int, Step] = {}
    steps = [TopicPartition("processing.steps", p) for p in range(SITE_PARTITIONS)]
    for record in newest(servers, steps, _RECENT_STEPS):
        step = Step.parse(record.value or b"{}")
        if record.partition not in last or last[record.partition].step <= step.step:
            last[record.partition] = step
    found = {}
    for name in inputs():
        for p in range(SITE_PARTITIONS):
            seen = last[p].absorbed.get(name) if p in last else None
            found[TopicPartition(name, p)] = seen.last if seen and seen.log_id == logs[name] else -1
    return found


def processing_lag(servers: str) -> int:
    """Records that stand in the input topics and are not absorbed yet."""
    ends, done = true_ends(servers, inputs()), absorbed(servers)
    return sum(max(0, end - 1 - done[tp]) for tp, end in ends.items())
