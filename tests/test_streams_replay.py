from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import streams.replay
from schemas.times import to_us
from streams.replay import Readings, replay
from tests.alarm_bench import engine, frame, rule, sensor, told, us
from tests.alarm_oracle import Limit, episodes


def readings(rows: list[tuple], name: str = "shift.csv") -> Readings:
    """Rows (seconds, value[, quality[, sensor]])."""
    full = [(at, value, *rest, *(0, "T1")[len(rest) :]) for at, value, *rest in rows]
    return Readings(
        name, "ab" * 32, pa.array([row[3] for row in full], pa.string()).dictionary_encode(),
        np.array([us(row[0]) for row in full], "int64"), np.array([row[1] for row in full], "float64"),
        np.array([row[2] for row in full], "uint8"), np.arange(1, len(full) + 1),
    )  # fmt: skip


def run(series: Readings, rules, *sensors) -> list:
    known = {it.sensor_id: it for it in sensors or (sensor(),)}
    return [event for step in replay(series, rules, known) for event in step.events]


def test_a_replay_is_what_the_engine_says():
    rows = [(0, 1.0), (60, 1.2), (90, 0.5), (150, 0.5)]
    rules = [rule(on_delay_s=60, off_delay_s=60, deadband=0.05)]
    assert told(run(readings(rows), rules)) == told(engine(rules).on_frame(frame(rows)))


def test_rows_come_one_after_the_other_so_a_late_one_stays_late():
    series = readings([(0, 0.5), (60, 0.5), (30, 1.5), (60, 1.5), (90, 0.5), (45, 9.0, 0, "T2")])
    assert series.late().tolist() == [False, False, True, True, False, False]
    assert run(series, [rule()]) == []
    ordered = run(series.in_time_order(), [rule()])
    assert [(event.kind, to_us(event.occurred_at)) for event in ordered] == [
        ("alarm_raised", us(30)), ("alarm_returned", us(60)),
    ]  # fmt: skip


def test_a_file_sorted_by_sensor_has_no_late_rows():
    assert not readings([(t, 0.5, 0, name) for name in ("A", "B", "C") for t in range(50)]).late().any()


def test_an_event_names_its_file_and_row_and_ids_do_not_depend_on_frames(monkeypatch):
    series = readings([(0, 0.4), (30, 1.5), (60, 0.4), (120, 1.5)])
    whole = run(series, [rule()])
    assert [event.causes for event in whole] == [(f"replay/shift.csv/0/0/{row}",) for row in (2, 3, 4)]
    assert all(event.recorded_at == event.occurred_at for event in whole)
    monkeypatch.setattr(streams.replay, "FRAME_ROWS", 1)
    assert run(series, [rule()]) == whole


def test_sites_are_kept_apart():
    rules = [rule(site_id="east", sensor_id="A"), rule(site_id="west", sensor_id="B")]
    events = run(readings([(0, 1.5, 0, "A"), (0, 1.5, 0, "B"), (0, 1.5, 0, "C")]), rules)
    assert [event.site_id for event in events] == ["east", "west"]


def test_nothing_in_nothing_out():
    assert list(replay(readings([]), [rule()], {})) == []
    assert not readings([]).late().any()


@pytest.mark.parametrize(("delay", "deadband", "count"), [(60, 0.05, 146), (0, 0, 245)])
def test_the_real_series_replayed_gives_the_episodes_of_the_oracle(real_series, delay, deadband, count):
    values = pq.read_table(real_series, columns=["MM116"])["MM116"].to_pylist()
    rows = [(30 * i, value) for i, value in enumerate(values)]
    events = run(readings(rows), [rule(on_delay_s=delay, off_delay_s=delay, deadband=deadband)])
    limit = Limit(True, Decimal(1), Decimal(str(deadband)), delay * 10**6, delay * 10**6, Decimal("0.01"))
    expected = episodes([(us(at), value) for at, value in rows], limit)
    assert len(expected) == count
    assert [to_us(it.occurred_at) for it in events if it.kind == "alarm_raised"] == [it.raised_us for it in expected]
    returned = [it.returned_us for it in expected if it.returned_us is not None]
    assert [to_us(it.occurred_at) for it in events if it.kind == "alarm_returned"] == returned
