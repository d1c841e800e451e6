"""Signals that keep too still: a flat line, a ceiling just below the limit. The real series is the measure of quiet."""

import pyarrow.parquet as pq
import pytest

from tests.alarm_bench import engine, frame, reborn, rule, sensor

HOUR = 3600
NOISE = (0.30, 0.31, 0.29, 0.32)


def series(*hours):
    """Readings every two minutes; an hour is a function of the reading's number, or one value."""
    return [
        (HOUR * h + 120 * n, hour(n) if callable(hour) else hour) for h, hour in enumerate(hours) for n in range(30)
    ]  # fmt: skip


def lively(n):
    return NOISE[n % 4]


def suspicions(readings, whole=True, **given):
    alarms, states = engine([rule()], sensor(**given)), {}
    parts = [readings] if whole else [readings[i : i + 7] for i in range(0, len(readings), 7)]
    events = []
    for n, part in enumerate(parts):
        events += alarms.on_frame(frame(part, n))
        if not whole:
            twin, alarms = alarms, reborn(alarms, [rule()], states, sensor(**given))
            assert alarms.memory() == twin.memory()
    return [(event.data["reason"], event.data["value"], event.data["detail"]) for event in events
            if event.kind == "tamper_suspected"]  # fmt: skip


FLAT, CLIPPED = ("flat_line", 0.3, "12 h"), ("clipped", 0.99, "3 h")


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([0.3] * 11 + [lively], []),
        ([0.3] * 12 + [lively], [FLAT]),  # told by the first reading after the twelfth hour
        ([0.3] * 13, [FLAT]),
        ([lively] + [0.3] * 13 + [lively], [FLAT]),
        ([0.3] * 20, [FLAT]),
        ([0.3] * 13 + [lively] + [0.3] * 13, [FLAT]),  # told once until it is looked into
        ([0.0] * 20, []),  # clean air
        ([0.3] * 6 + [0.31] * 6 + [0.3] * 6, []),
        ([0.3] * 6 + [lambda n: None if n == 3 else 0.3] + [0.3] * 6, []),  # an unusable reading proves nothing
        ([lively] * 30, []),
    ],
)
def test_half_a_day_without_the_least_change_is_suspect(hours, expected, whole):
    assert suspicions(series(*hours), whole) == expected


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([lambda n: 0.99 if n else 0.5] * 4, []),  # 29 readings in the band: one too few
        ([lambda n: 0.99 if n else 0.9] * 4, [CLIPPED]),
        ([lambda n: 0.99 if n else 0.9] * 3, []),
        ([lambda n: 1.0 if n == 5 else 0.99] * 4, []),  # it did reach the limit
        ([lambda n: 0.9 + 0.01 * (n % 10)] * 6, []),  # wanders about in the band
        ([lambda n, top=top: top - 0.02 * (n == 3) for top in (0.97, 0.98, 0.99, 0.96)], []),  # no one ceiling
    ],
)
def test_a_ceiling_just_below_the_limit_is_suspect(hours, expected, whole):
    assert suspicions(series(*hours), whole) == expected


def test_signals_that_may_rest_are_not_judged():
    assert suspicions(series(*[1] * 20), signal="main_fan_running") == []


def test_nothing_is_suspected_of_the_real_longwall_series(real_series):
    values = pq.read_table(real_series, columns=["MM116"])["MM116"].to_pylist()
    readings = [(30 * i, value) for i, value in enumerate(values)]
    assert suspicions(readings) == []
