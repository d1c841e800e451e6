"""How far processing and landing are behind the log; exact on both brokers."""

from collections.abc import Iterable

from kafka import TopicPartition

from schemas.steps import Step
from schemas.topics import SITE_PARTITIONS, inputs
from streams.connect import consumer, log_ids
from streams.reader import all_partitions, near_end, read_to_end

_RECENT_STEPS = 50  # the last record is wanted; the embedded broker's idea of the end is a batch too early


def true_ends(servers: str, names: Iterable[str]) -> dict[TopicPartition, int]:
    """The offset after the last record of every partition.

    The embedded broker's own answer is too low when the last batch holds several records: read on from there.
    """
    wanted = all_partitions(names)
    reader = consumer(servers, fetch_max_wait_ms=20)
    try:
        reader.assign(wanted)
        ends = reader.end_offsets(wanted)
        for tp in wanted:
            reader.seek(tp, ends[tp])
        while reader.poll(timeout_ms=150):
            pass
        return {tp: reader.position(tp) for tp in wanted}
    finally:
        reader.close()


def absorbed(servers: str) -> dict[TopicPartition, int]:
    """The last offset of every input that processing has absorbed, from the newest step records; -1 = nothing yet."""
    logs = log_ids(servers)
    newest: dict[int, Step] = {}
    steps = [TopicPartition("processing.steps", p) for p in range(SITE_PARTITIONS)]
    for record in read_to_end(servers, only=steps, start=near_end(servers, steps, _RECENT_STEPS)):
        step = Step.parse(record.value or b"{}")
        if record.partition not in newest or newest[record.partition].step <= step.step:
            newest[record.partition] = step
    found = {}
    for name in inputs():
        for p in range(SITE_PARTITIONS):
            seen = newest[p].absorbed.get(name) if p in newest else None
            found[TopicPartition(name, p)] = seen.last if seen and seen.log_id == logs[name] else -1
    return found


def processing_lag(servers: str) -> int:
    """Records that stand in the input topics and are not absorbed yet."""
    ends, done = true_ends(servers, inputs()), absorbed(servers)
    return sum(max(0, end - 1 - done[tp]) for tp, end in ends.items())
