from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import Event
from schemas.ids import alarm_id, occurrence_id
from schemas.times import to_us
from streams.alarmtable import TRANSITIONS
from streams.limits import in_steps
from streams.refusal import Refusal
from tests.alarm_bench import SITE, ask, engine, frame, reborn, rule, sensor, told, us
from tests.alarm_oracle import Episode, Limit, episodes

MOVES = {"alarm_raised", "alarm_returned", "alarm_acknowledged", "alarm_cleared"}
TOLD = {"alarm_raised": "TRUE", "alarm_returned": "FALSE", "alarm_acknowledged": "ACKNOWLEDGE"}


def paired(events: list[Event]) -> list[Episode]:
    found: list[Episode] = []
    for event in events:
        if event.kind not in ("alarm_raised", "alarm_returned"):
            continue  # chatter and signals that cannot be seen are told beside the episodes
        data = event.typed_data()
        if event.kind == "alarm_raised":
            raised, peak = (to_us(data.began_at), to_us(event.occurred_at), None, data.value), float("nan")
            found.append(Episode(*raised, peak))
        else:
            last = found[-1]
            found[-1] = Episode(last.began_us, last.raised_us, to_us(event.occurred_at), last.value, data.peak)
            assert data.duration_s == (to_us(event.occurred_at) - last.began_us) / 1e6
    return found


def without_open_peak(found: list[Episode]) -> list[tuple]:
    """A standing alarm has not told its peak yet."""
    return [(e.began_us, e.raised_us, e.returned_us, e.value, e.returned_us and e.peak) for e in found]


def limit_of(it, resolution: float) -> Limit:
    number = lambda value: Decimal(repr(value))  # noqa: E731
    return Limit(it.direction == "high", number(it.limit), number(it.deadband), round(it.on_delay_s * 1e6),
                 round(it.off_delay_s * 1e6), number(resolution))  # fmt: skip


@pytest.mark.parametrize(("delay", "deadband", "count"), [(60, 0.05, 146), (0, 0, 245)])
def test_the_real_longwall_series_gives_the_episodes_of_the_oracle(real_series, delay, deadband, count):
    values = pq.read_table(real_series, columns=["MM116"])["MM116"].to_pylist()
    readings = [(30 * i, value) for i, value in enumerate(values)]
    ours = rule(on_delay_s=delay, off_delay_s=delay, deadband=deadband)
    alarms = engine([ours])
    events = [e for i in range(0, len(readings), 777) for e in alarms.on_frame(frame(readings[i : i + 777], i))]
    found = paired(events)
    assert len(found) == count
    expected = episodes([(us(at), value) for at, value in readings], limit_of(ours, 0.01))
    assert without_open_peak(found) == without_open_peak(expected)


@pytest.mark.parametrize("resolution", [0.01, 0.02, 0.05, 0.1])
def test_values_between_two_steps_are_rounded_as_decimals_are(resolution):
    values = [k / 1000 for k in range(-5000, 5001)]
    limit = limit_of(rule(), resolution)
    assert in_steps(np.array(values), np.array(resolution)).tolist() == [
        float(limit.seen(value) / limit.resolution) for value in values
    ]


RULES = st.builds(
    rule,
    direction=st.sampled_from(["high", "low"]),
    limit=st.sampled_from([0.0, 0.5, 1.0]),
    on_delay_s=st.sampled_from([0, 30, 60, 61]),
    off_delay_s=st.sampled_from([0, 30, 90]),
    deadband=st.sampled_from([0.0, 0.05, 0.3]),
)
VALUES = st.one_of(
    st.sampled_from([None, 0.0, 0.45, 0.5, 0.55, 0.94, 0.95, 0.96, 0.99, 1.0, 1.01, 1.3]),
    st.floats(-2, 3).map(lambda v: round(v, 4)),
)  # fmt: skip
# seconds to the next reading; 0 and -30 make a late one
SERIES = st.lists(st.tuples(st.sampled_from([30, 30, 30, 1, 300, 0, -30]), VALUES), max_size=40)


def readings_of(series) -> list[tuple[int, float | None]]:
    at, readings = 0, []
    for step, value in series:
        at += step
        readings.append((at, value))
    return readings


def split(items: list, cuts: list[int]) -> list[list]:
    edges = [0, *sorted(cut % (len(items) + 1) for cut in cuts), len(items)]
    return [items[a:b] for a, b in pairwise(edges)]


@settings(deadline=None)
@given(RULES, SERIES)
def test_the_engine_is_the_oracle(ours, series):
    readings = readings_of(series)
    alarms = engine([ours])
    events = [event for n, reading in enumerate(readings) for event in alarms.on_frame(frame([reading], n))]
    expected = episodes([(us(at), value) for at, value in readings], limit_of(ours, 0.01))
    assert without_open_peak(paired(events)) == without_open_peak(expected)


@settings(deadline=None)
@given(st.lists(RULES, min_size=1, max_size=3), SERIES, st.lists(st.integers(0, 99), max_size=5), st.data())
def test_neither_frames_nor_restarts_matter(rules, series, cuts, data):
    rules = [it.model_copy(update={"rule_id": f"limit.{n}", "sensor_id": f"T{n % 2}"}) for n, it in enumerate(rules)]
    sensors = sensor("T0"), sensor("T1", resolution=0.1)
    in_order = sorted(dict(readings_of(series)).items())
    readings = [(at, value, 0, data.draw(st.sampled_from(["T0", "T1", "X"]))) for at, value in in_order]
    whole = engine(rules, *sensors).on_frame(frame(readings))
    alarms, states, events = engine(rules, *sensors), {}, []
    for n, part in enumerate(split(readings, cuts)):
        events += alarms.on_frame(frame(data.draw(st.permutations(part)), n))
        if data.draw(st.booleans()):
            twin = alarms
            alarms = reborn(alarms, rules, states, *sensors)
            assert alarms.memory() == twin.memory()
    assert told(events) == told(whole)


ACTS = st.lists(
    st.sampled_from(["acknowledge", "acknowledge", "comment", "restart", 0.1, 0.1, 0.97, 1.0, 1.0, 2.0]), max_size=30
)  # fmt: skip


@settings(deadline=None)
@given(ACTS, st.sampled_from([0, 60]))
def test_no_sequence_of_readings_and_acknowledgements_leaves_the_table(acts, delay):
    ours, key = rule(on_delay_s=delay, off_delay_s=delay, deadband=0.05), alarm_id(SITE, "T1", "ch4_pct.high")
    alarms, states, version, state, occurrences = engine([ours]), {}, 0, "normal", []
    for n, act in enumerate(acts):
        at = 30 * n
        if act == "restart":
            alarms = reborn(alarms, [ours], states)
            continue
        if isinstance(act, str):
            events = alarms.on_command(ask(act, key, version, at))
            if isinstance(events, Refusal):
                assert (events.guard, act) == ("nothing_to_acknowledge", "acknowledge")
                assert state in ("normal", "acknowledged")
                continue
        else:
            events = alarms.on_frame(frame([(at, act)], n))
        moves = tuple(event.kind for event in events if event.kind in MOVES)
        if moves:
            (to, expected), = [it for (was, trigger), it in TRANSITIONS.items()
                               if was == state and trigger.name.endswith(TOLD[moves[0]])
                               and not trigger.name.startswith(("UN", "NOT"))]  # fmt: skip
            assert moves == expected
            state = to
        if moves == ("alarm_raised",):
            occurrences.append(events[0].data["occurrence_id"])
            assert occurrences[-1] == occurrence_id(key, events[0].typed_data().began_at)
        version += len(events)
        for changed in alarms.take_changed(n):
            states[changed.alarm_id] = changed
            assert (changed.version, changed.process_state) == (version, state)
            assert not occurrences or changed.occurrence_id == occurrences[-1]
    assert len(set(occurrences)) == len(occurrences)
