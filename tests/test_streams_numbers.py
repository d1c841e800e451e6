"""Numbers read out of sentences, and held against limits: data in tests/numbers."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.clauses import Limit
from streams.lexicon import lexicon
from streams.measured import Side, bound_of, excludes, held_against, stated
from streams.numbers import numbers

DATA = Path(__file__).parent / "numbers"


def cases(name: str) -> list[Any]:
    return list(yaml.safe_load((DATA / name).read_text("utf-8")))


def side(limit: Limit, text: str) -> Side:
    folded = lexicon().fold(text).text
    return held_against([bound_of(limit)], folded, numbers(folded))[0].side


@pytest.mark.parametrize("case", cases("readings.yaml"), ids=lambda case: case["text"])
def test_numbers_of_a_sentence(case: dict[str, Any]) -> None:
    found = numbers(lexicon().fold(case["text"]).text)
    assert [[pytest.approx(n.value), n.dimension, n.reference] for n in found] == case["numbers"]


@pytest.mark.parametrize(
    ("limit", "expected", "text"),
    [
        (Limit.model_validate(case["limit"]), expected, text)
        for case in cases("limits.yaml")
        for expected in ("met", "broken", "open")
        for text in case[expected]
    ],
)
def test_side_of_a_limit(limit: Limit, expected: str, text: str) -> None:
    assert side(limit, text).value == expected


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("最终帮坡角36°,设计不大于38°", [True]),
        ("最终帮坡角42°,设计不大于38°", [False]),
        ("干滩130m(设计120)", [True]),
        ("干滩长46m(设计100m)", [False]),
        ("供风量860m3/min,需风量1250m3/min", [False]),
        ("设计5个实际只打3个", [False]),
        ("测风840方每分,作业规程要1050,还在割", [False]),
        ("设计配风1200m3/min,实测只有985,", [False]),
        ("设计配风1200m3/min,3301面在生产", []),
        ("全年原煤产量99.0万吨,能力90万吨/年", [False]),
        ("埋深9.6m,控制埋深不小于8m", [True]),
    ],
)
def test_a_thing_against_the_norm_of_its_own_sentence(text: str, within: list[bool]) -> None:
    folded = lexicon().fold(text).text
    assert [pair.within for pair in stated(folded, numbers(folded))] == within


def test_a_needed_number_on_the_wrong_side_excludes_whatever_else_is_met() -> None:
    gas = Limit(what=("瓦斯",), op=">=", v=3, unit="%")
    long = Limit(what=("持续",), op=">", v=10, unit="分钟")
    text = "瓦斯3.1%持续8分钟"
    readings = held_against([bound_of(gas), bound_of(long)], text, numbers(text))
    assert [r.side for r in readings] == [Side.MET, Side.BROKEN] and excludes(readings) is readings[1]


def test_one_of_several_optional_limits_is_enough() -> None:
    gas = Limit(what=("瓦斯",), op=">=", v=1, unit="%", needed=False)
    dioxide = Limit(what=("二氧化碳",), op=">=", v=1.5, unit="%", needed=False)
    text = "瓦斯0.3%,二氧化碳1.6%"
    readings = held_against([bound_of(gas), bound_of(dioxide)], text, numbers(text))
    assert [r.side for r in readings] == [Side.BROKEN, Side.MET] and excludes(readings) is None
