"""A regular frame is taken the short way, and nobody can tell by what comes out."""

import random

import numpy as np
import pytest

from schemas.criteria import load_catalogue
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.terms import Quality
from streams.decode import Record
from streams.partition import PartitionState
from streams.registry import Registry
from streams.regular import Layouts, Standing, cut
from streams.site import Context
from streams.step import run_step

BEGIN = 1_782_835_200_000_000
PERIOD = 30_000_000
COUNT = 24


def registry() -> Registry:
    """Faces with methane (some with a range), air speed with a low limit, and sensors without a signal."""
    known = Registry()
    records = [("registry.sites", "s", Site(site_id="s", industry="coal", simulated=True))]
    records += [
        ("registry.places", f"p{n}", Place(place_id=f"p{n}", site_id="s", kind="coal_face", area=str(n)))
        for n in range(COUNT // 4)
    ]
    for n in range(COUNT):
        common = {"sensor_id": f"t{n:02d}", "site_id": "s", "place_id": f"p{n // 4}", "resolution": 0.01}
        kind = (
            {
                "quantity": "甲烷",
                "signal": "ch4_pct",
                "unit": "%",
                "alarm_high": 1.0,
                "range_low": 0.0,
                "range_high": 4.0,
            },
            {"quantity": "甲烷", "signal": "ch4_pct", "unit": "%", "alarm_high": 1.0},
            {"quantity": "风速", "unit": "m/s", "alarm_low": 0.25},
            {"quantity": "温度", "unit": "℃"},
        )[n % 4]
        records.append(("registry.sensors", f"t{n:02d}", Sensor(**common, **kind)))
    for offset, (topic, key, record) in enumerate(records):
        known.apply(Record("log", topic, 0, offset, key.encode(), record.encode()))
    return known


def frame(chance: random.Random, places: list[int], offset: int, turn: int) -> Record:
    """Mostly the sensors `places` in this order; now and then late, torn, marked, of strangers, or in another order."""
    ids = [f"t{n:02d}" for n in places] * 2
    times = np.repeat(BEGIN + (np.arange(2) + 2 * turn) * PERIOD, COUNT)
    wave = 0.9 + 0.3 * np.sin(turn / 15 + np.array(places))
    values = np.round(np.tile(np.where(np.array(places) % 5 == 0, wave, 0.5), 2) + chance.randrange(3) / 100, 2)
    quality = np.zeros(2 * COUNT, "uint8")
    what, row = chance.randrange(24), chance.randrange(2 * COUNT)
    match what:
        case 0:
            values[row] = chance.choice((np.nan, np.inf, 1e16, -70.0, 900.0))
        case 1:
            quality[row] = int(chance.choice((Quality.ALARM, Quality.SENSOR_FAULT, Quality.CALIBRATING)))
        case 2:
            times = times - chance.randrange(5) * PERIOD
        case 3:
            times[row] += chance.choice((-1, 1)) * PERIOD
        case 4:
            ids[row] = chance.choice(("stranger", "t00"))
        case 5:
            order = chance.sample(range(2 * COUNT), 2 * COUNT)
            ids, times, values = [ids[i] for i in order], times[order], values[order]
        case 6:
            ids, times, values, quality = ids[row:], times[row:], values[row:], quality[row:]
        case 7 | 8:
            ids, times, values, quality = ids[:COUNT], times[:COUNT], values[:COUNT], quality[:COUNT]
        case 9:
            times = times + 10**15  # in the future
    header = FrameHeader("s", f"f{offset}", "test", BEGIN + (2 * turn + 2) * PERIOD)
    raw = encode_frame(make_batch(ids, times, values, quality))
    return Record("log", "telemetry.frames", 0, offset, b"s", raw, header.encode(), header.received_at_us)


def told(seed: int) -> list[bytes]:
    chance, context, state, found = random.Random(seed), Context(registry(), load_catalogue()), PartitionState(0), []
    places = list(range(COUNT)) if seed % 2 else random.Random(seed).sample(range(COUNT), COUNT)
    for turn in range(0, 240, 4):
        records = [frame(chance, places, n, n) for n in range(turn, turn + 4)]
        out = run_step(state, records, BEGIN + (2 * turn + 10) * PERIOD, context)
        written = (*out.events, *out.alarm_states, *out.hazard_states, *out.memories)
        found += [record.encode() for record in written]
        found += [letter.reason.encode() for letter, _ in out.refused]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_short_way_and_the_general_way_tell_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    regular = []
    recognise = Layouts.recognise

    def counted(self: Layouts, batch):
        regular.append(recognise(self, batch))
        return regular[-1]

    monkeypatch.setattr(Layouts, "recognise", counted)
    short = told(seed)
    assert sum(each is not None for each in regular) > len(regular) / 2
    monkeypatch.setattr(Layouts, "recognise", lambda *_: None)
    general = told(seed)
    assert sum(b"alarm_raised" in each for each in short) > 5 and sum(b"verdict_given" in each for each in short) > 5
    assert short == general


def test_a_frame_is_regular_from_the_second_of_its_kind_on_unless_it_is_the_first_of_all() -> None:
    layouts = Layouts()
    one = make_batch(["a", "b"], [1, 1], [0.0, 1.0], [0, 0])
    other = make_batch(["b", "a"], [1, 1], [0.0, 1.0], [0, 0])
    assert [layouts.recognise(each) is not None for each in (one, other, other, one)] == [True, False, True, True]


@pytest.mark.parametrize(
    "columns",
    [
        (["a", "b"], [2, 1], [0.0, 1.0], [0, 0]),
        (["a", "a"], [1, 1], [0.0, 1.0], [0, 0]),
        (["a", "b"], [1, 1], [0.0, np.nan], [0, 0]),
        (["a", "b"], [1, 1], [0.0, 1e15], [0, 0]),
        (["a", "b"], [1, 1], [0.0, 1.0], [0, 2]),
        ([], [], [], []),
    ],
    ids=["time goes back", "twice at one time", "no value", "absurd", "marked", "empty"],
)
def test_what_is_not_regular(columns: tuple[list[str], list[int], list[float], list[int]]) -> None:
    layouts = Layouts()
    assert [layouts.recognise(make_batch(*columns)) for _ in range(3)] == [None] * 3


def test_rows_of_strangers_are_left_out_and_each_sensor_stands_once() -> None:
    standing = Standing(np.array([3, -1, 2, 3, -1, 2]))
    assert standing.of(np.arange(6)).tolist() == [0, 2, 3, 5]
    assert standing.sensors == slice(2, 4)
    assert (standing.first.tolist(), standing.final.tolist()) == ([1, 0], [3, 2])
    assert standing.last_rows.tolist() == [5, 3]
    assert cut(np.array([4, 6])).tolist() == [4, 6]
