"""Within its band a sensor says to every rule what it said; the band is as wide as its limits allow."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.clauses import Clause
from schemas.registry import Place, Sensor, Site
from schemas.vocabulary import vocabulary
from streams.bands import Bands
from streams.criteria import OPERATORS
from streams.signals import SiteSignals
from streams.siterules import SiteRule

OPS = (">=", ">", "<=", "<")


def bands(limits: list[tuple[str, float]], signal: str, resolution: float) -> tuple[Bands, SiteSignals]:
    site, place = Site(site_id="s", industry="coal"), Place(place_id="p", site_id="s", kind="coal_face")
    sensor = Sensor(sensor_id="t", site_id="s", place_id="p", signal=signal, resolution=resolution)
    signals = SiteSignals(site, {"p": place}, {"t": sensor}, vocabulary())
    rules = [SiteRule(clause(op, limit, signal), n, signals) for n, (op, limit) in enumerate(limits)]
    return Bands(signals, {signal: rules}), signals


def clause(op: str, limit: float, signal: str) -> Clause:
    compared = {"q": signal, "op": op, "v": limit}
    return Clause.model_construct(
        id="c", rule=compared, trigger=(compared,), places=("coal_face",), partial=False, effective_from=None
    )


def answers(signals: SiteSignals, limits: list[tuple[str, float]], value: float) -> list[bool]:
    signals.value[0] = value
    known = signals.known(0, int(signals.last_us[0]))
    return [OPERATORS[op](known, limit) for op, limit in limits]


numbers = st.integers(-400, 400).map(lambda n: n / 100) | st.floats(-4, 4)
some_limits = st.lists(
    st.tuples(st.sampled_from(OPS), st.integers(-40, 40).map(lambda n: n / 10)), min_size=1, max_size=4
)


@pytest.mark.parametrize("signal", ["ch4_pct", "place_headcount"])  # rounded to the resolution, and taken as it is
@given(limits=some_limits, resolution=st.sampled_from((0.01, 0.1, 0.25, 1.0)), value=numbers, other=numbers)
@example(limits=[(">", 0.0)], resolution=0.01, value=0.0, other=0.005)
@example(limits=[(">=", 1.0)], resolution=0.01, value=1.0, other=0.995)
def test_a_reading_within_the_band_says_what_the_last_one_said(signal, limits, resolution, value, other):
    found, signals = bands(limits, signal, resolution)
    said = answers(signals, limits, value)
    assert found.about(0, signals.known(0, int(signals.last_us[0])))
    if found._low[0] < other < found._high[0]:
        assert answers(signals, limits, other) == said


@pytest.mark.parametrize("signal", ["ch4_pct", "place_headcount"])
@given(limits=some_limits, resolution=st.sampled_from((0.01, 0.1, 0.25, 1.0)), value=numbers)
def test_at_rest_nothing_within_the_band_triggers(signal, limits, resolution, value):
    found, signals = bands(limits, signal, resolution)
    if found._low[0] < value < found._high[0]:
        assert not any(answers(signals, limits, value))


@pytest.mark.parametrize(
    ("signal", "op", "limit", "quiet"),
    [
        ("ch4_pct", ">=", 1.0, 0.99),
        ("ch4_pct", ">", 1.0, 1.0),
        ("ch4_pct", "<", 1.0, 1.0),
        ("place_headcount", ">", 0.0, 0.0),
        ("place_headcount", "<", 2.0, 2.0),
    ],
)
def test_a_sensor_rests_up_to_its_limit(signal, op, limit, quiet):
    found, _ = bands([(op, limit)], signal, 0.01)
    assert found._low[0] < quiet < found._high[0]


def test_a_sensor_between_two_limits_is_let_go_from_one_to_the_other():
    found, _ = bands([(">=", 1.0), (">=", 1.5)], "ch4_pct", 0.01)
    assert found.about(0, 1.2)
    assert (found._low[0], found._high[0]) == (pytest.approx(0.995), pytest.approx(1.495))
    found.rest(0)
    assert (found._low[0], found._high[0]) == (-math.inf, pytest.approx(0.995))


def test_words_have_no_between():
    found, _ = bands([("==", 1.0)], "ch4_pct", 0.01)
    assert not found.about(0, 1.2) and not found._low[0] < 1.2 < found._high[0]
