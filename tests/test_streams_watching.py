"""Looking only where something may change finds what looking at everything finds: tests/every_reading.py."""

import os
import random
from itertools import islice
from pathlib import Path

import pytest

from schemas.vocabulary import vocabulary
from streams.classify import SiteCriteria
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
