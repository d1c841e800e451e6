"""Running again what a partition went through, step by step as its step records say: the same bytes come out. Pure.

A step record names the offsets that the step read and its `now`; with the registry and catalogue of then, nothing else
decides what comes out (design §4). A step that read nothing was a tick that changed something.
"""

from collections.abc import Iterable, Iterator, Mapping

from schemas.steps import Step
from schemas.times import to_us
from streams.decode import Record
from streams.partition import PartitionState
from streams.site import Context
from streams.step import Emitted, run_step


class Missing(RuntimeError):
    """An input that a step read is not among the records given."""


def rerun(
    steps: Iterable[Step], inputs: Mapping[tuple[str, int], Record], context: Context, partition: int
) -> Iterator[tuple[Step, Emitted]]:
    """What each of the partition's `steps` (in order, from the first) brings. `inputs` by (topic, offset).

    Offsets inside a range that no record has (ends of transactions) are passed over; a range whose last record is not
    there raises Missing.
    """
    state = PartitionState(partition)
    for step in steps:
        records: list[Record] = []
        for topic, read in step.ranges.items():
            if (topic, read.last) not in inputs:
                raise Missing(f"{topic}/{partition}/{read.last}")
            offsets = range(read.first, read.last + 1)
            records += [inputs[topic, offset] for offset in offsets if (topic, offset) in inputs]
        if not records and not step.absorbed:
            continue  # the mark that a worker sets before the first step of all
        if step.watched_since is not None:
            state.attention.since_us = to_us(step.watched_since)
        yield step, run_step(state, records, to_us(step.now), context)
