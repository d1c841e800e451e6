"""Looking only where something may change finds what looking at everything finds: tests/every_reading.py."""

import os
import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from schemas.frames import FrameHeader, make_batch
from schemas.registry import Place, Sensor, Site
from schemas.vocabulary import vocabulary
from streams.classify import SiteCriteria
from streams.decode import Frame, Record
from streams.regular import Layouts
from tests.coal_face import CATALOGUE, PLACES, SENSORS, SITE, longwall
from tests.every_reading import EveryReading, RandomSite, triggering

INDUSTRIES = [industry for industry in vocabulary().industries if triggering(industry)]
LONG = os.environ.get("QINGLING_PROOF") == "long"


def compare(seed: int, industry: str, frames: int) -> int:
    """Judgements of both, frame by frame; the one is rebuilt from its memory now and then, sensors go."""
    site, chance, found = RandomSite(seed, industry), random.Random(seed), 0
    if not site.sensors:
        return 0
    quick, slow = site.criteria(SiteCriteria), site.criteria(EveryReading)
    for _ in range(frames):
        frame = site.frame()
        expected = slow.on_frame(frame)
        assert quick.on_frame(frame) == expected
        assert quick.memory() == slow.memory()
        found += len(expected)
        if chance.random() < 0.1:
            quick = site.criteria(SiteCriteria, quick.memory())
        if chance.random() < 0.02 and len(site.sensors) > 2:
            gone = chance.choice(list(site.sensors))
            site.sensors = {name: sensor for name, sensor in site.sensors.items() if name != gone}
            assert quick.configure(site.places, site.sensors, site.catalogue) == slow.configure(
                site.places, site.sensors, site.catalogue
            )
    return found


@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 240)
@pytest.mark.parametrize("industry", INDUSTRIES)
def test_random_sites_are_judged_as_if_everything_were_looked_at(industry: str) -> None:
    seeds, frames = (60, 120) if LONG else (2, 40)
    assert sum(compare(seed, industry, frames) for seed in range(seeds)) > 0


def test_the_real_longwall_is_judged_as_if_everything_were_looked_at(real_series: Path) -> None:
    quick, slow = (kind(SITE, PLACES, SENSORS, CATALOGUE) for kind in (SiteCriteria, EveryReading))
    count = 0
    for each in islice(longwall(real_series), None if LONG else 250):
        expected = slow.on_frame(each)
        assert quick.on_frame(each) == expected
        count += len(expected)
    assert quick.memory() == slow.memory() and count > 50


WALKS = {  # industry, place, and what its sensors say for a while: within a band, beyond it, and back
    "alarm bits": ("coal", "coal_face", [("ch4_pct", (0.5, 1.1, 1.2, 1.3, 1.6))] * 2),
    "work beside gas": ("coal", "coal_face", [("ch4_pct", (0.9, 1.0, 1.2, 1.4)), ("powered_work_on", (0.0, 1.0))]),
    "low and high at once": (
        "chemical", "power_supply",
        [*[("circuits_healthy", (0.0, 1.0, 2.2))] * 2, *[("ups_fault", (0.0, 1.0))] * 2, ("producing", (0.0, 1.0))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("walk", WALKS)
def test_readings_taken_at_one_stroke_leave_what_looking_at_each_leaves(walk: str) -> None:
    """Long stays within a band, in frames of many moments, regular ones and ones with alarm bits or gaps."""
    industry, kind, says = WALKS[walk]
    chance, layouts, found, regular = random.Random(walk), Layouts(), 0, 0
    site, place = Site(site_id="w", industry=industry), Place(place_id="p", site_id="w", kind=kind)
    names = [f"t{n}" for n in range(len(says))]
    sensors = {
        name: Sensor(sensor_id=name, site_id="w", place_id="p", signal=signal)
        for name, (signal, _) in zip(names, says, strict=True)
    }
    quick, slow = (cls(site, {"p": place}, sensors, CATALOGUE) for cls in (SiteCriteria, EveryReading))
    now, second = [values[0] for _, values in says], 1_782_835_200
    for n in range(150):
        moments, torn = chance.choice((1, 3, 8)), chance.random() < 0.3
        rows = []
        for _ in range(moments):
            second += 30 if chance.random() < 0.97 else 400
            now = [chance.choice(says[i][1]) if chance.random() < 0.15 else held for i, held in enumerate(now)]
            rows += [(name, second * 1_000_000, held) for name, held in zip(names, now, strict=True)]
        rows = [row for row in rows if not torn or chance.random() < 0.7] or rows
        bits = [int(torn and chance.random() < 0.3) for _ in rows]
        columns = list(map(list, zip(*rows, strict=True)))
        batch = make_batch(columns[0], columns[1], columns[2], bits)
        record = Record("log", "telemetry.frames", 0, n, None, None)
        frame = Frame(record, FrameHeader("w", f"f{n}", "test", columns[1][-1]), batch, None, layouts.recognise(batch))
        regular += frame.regular is not None
        expected = slow.on_frame(replace(frame, regular=None))
        assert quick.on_frame(frame) == expected
        assert quick.memory() == slow.memory()
        found += len(expected)
    assert found > 10 and regular > 50


def test_quiet_readings_leave_no_watch_active_and_an_open_span_waits_for_its_own_sensors() -> None:
    """What makes the cost flat: with one sensor over its limit only its own and joined readings are of interest."""
    site = RandomSite(0, "coal")
    for _ in range(30):
        site.frame()
    quick = site.criteria(SiteCriteria)
    for _ in range(200):
        quick.on_frame(site.frame())
        watching = quick._watching
        watched = {i for watch in watching.active() for i in (watch.moving | watch.joined_sensors())}
        assert set((watching._count > 0).nonzero()[0].tolist()) == watched
