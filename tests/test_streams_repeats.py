"""The log of a worker whose broker is away."""

import logging

from streams.repeats import QUIET_S, Repeats


def line(filter_: Repeats, name: str, at: float, message: str = "no node %s") -> str | None:
    record = logging.LogRecord(name, logging.WARNING, "", 0, message, (1,), None)
    record.created = at
    return record.getMessage() if filter_.filter(record) else None


def test_the_same_complaint_is_heard_once_in_a_while_and_counted():
    only = Repeats("qingling")
    heard = [line(only, "aiokafka", at / 10) for at in range(int(QUIET_S * 10) + 1)]
    assert heard == ["no node 1", *[None] * (len(heard) - 2), f"no node 1 (and {len(heard) - 2} times more in between)"]


def test_other_lines_and_our_own_are_always_heard():
    only = Repeats("qingling")
    assert [line(only, "aiokafka", 0), line(only, "aiokafka", 0, "gone %s"), line(only, "kafka", 0)] == [
        "no node 1", "gone 1", "no node 1",
    ]  # fmt: skip
    assert [line(only, "qingling.processing", 0) for _ in range(3)] == ["no node 1"] * 3
