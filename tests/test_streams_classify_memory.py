"""A site rebuilt from memory goes on exactly; many times in one frame say the same; the real longwall."""

import random
from collections import Counter
from pathlib import Path

import orjson
import pytest

from schemas.terms import Verdict
from streams.decode import Frame
from tests.coal_face import SENSORS, criteria, frame, longwall


def random_frames(seed: int) -> list[Frame]:
    """Frames of a few sensors wandering about the limits, some unusable, some late, some with several times."""
    chance = random.Random(seed)
    frames, clock = [], 0.0
    for offset in range(120):
        readings = []
        for _ in range(chance.choice((1, 1, 1, 3))):
            clock += chance.choice((10, 30, 30, 200, 400))
            late = chance.choice((0, 0, 0, 0, 250))
            for name in ("gas", "gas2", "return", "machine", "heading", "outage", "burst", "slope"):
                if chance.random() < 0.2:
                    continue
                value = round(chance.choice((0.4, 0.99, 1.0, 1.2, 1.49, 1.5, 1.7, 3.1, 3.1)), 2)
                if SENSORS[name].signal in ("powered_work_on", "power_or_vent_outage", "drill_burst"):
                    value = float(chance.random() < 0.4)
                quality = chance.choice((0, 0, 0, 0, 0, 1, 4, 128))
                readings.append((name, clock - late, value, quality))
        if readings:
            frames.append(frame(offset, *readings))
    return frames


@pytest.mark.parametrize("seed", range(6))
def test_a_site_rebuilt_from_its_memory_goes_on_exactly(seed: int) -> None:
    frames = random_frames(seed)
    whole = criteria()
    expected = [j for f in frames for j in whole.on_frame(f)]
    assert len(expected) > 20
    chance = random.Random(seed + 100)
    site, found = criteria(), []
    for each in frames:
        found += site.on_frame(each)
        if chance.random() < 0.3:
            site = criteria(memory=orjson.loads(orjson.dumps(site.memory())))
    assert found == expected
    assert orjson.dumps(site.memory(), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        whole.memory(), option=orjson.OPT_SORT_KEYS
    )


@pytest.mark.parametrize("seed", range(4))
def test_many_times_in_one_frame_say_the_same_as_a_frame_for_each_time(seed: int) -> None:
    chance = random.Random(seed)
    rows = []
    for n in range(300):
        for name in ("gas", "machine", "return", "heading"):
            value = float(chance.random() < 0.5) if name == "machine" else chance.choice((0.2, 0.2, 0.2, 1.0, 1.6))
            rows.append((name, 30.0 * n, value))
    by_time = criteria()
    expected = [j for n in range(300) for j in by_time.on_frame(frame(n, *rows[4 * n : 4 * n + 4]))]
    together = criteria().on_frame(frame(0, *rows))
    facts = lambda js: [(j.clause.id, j.verdict, j.phase, j.occurred_at, j.missing, j.evidence[0].peak) for j in js]  # noqa: E731
    assert facts(together) == facts(expected) and len(expected) > 50


def test_the_real_longwall_gives_271_and_20_spans_and_none_with_production_off(real_series: Path) -> None:
    site, counts, on = criteria(), Counter[tuple[str, str, str]](), {}
    for each in longwall(real_series):
        for name, when, value, _ in zip(*(column.to_pylist() for column in each.batch.columns), strict=True):
            if name == "machine":
                on[when] = value == 1
        for judgement in site.on_frame(each):
            counts[judgement.clause.id, judgement.verdict.value, judgement.phase] += 1
            if judgement.verdict is Verdict.MAJOR and judgement.phase == "began":
                assert on[judgement.occurred_at], judgement
                assert judgement.evidence[0].sensor_ids == ("gas", "machine")
    assert counts["COAL21-5-2", "major", "began"] == 271
    assert counts["COAL21-5-4", "major", "began"] == 20
    assert counts["COAL21-5-4", "cannot_evaluate", "began"] == 7
    assert {clause for clause, verdict, _ in counts if verdict == "major"} == {"COAL21-5-2", "COAL21-5-4"}
