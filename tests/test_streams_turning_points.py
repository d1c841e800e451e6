"""Cases that show nothing are found: every number of a rule, and of the limits of sentences, must be turned on."""

from typing import Any

import pytest

from schemas.clauses import Case, Limit
from schemas.condition_reader import parse_condition
from schemas.vocabulary import vocabulary
from streams.turning_points import idle_numbers, unshown_limits

GAS = {"q": "ch4_pct", "op": ">=", "v": 1.0}
WORK = {"q": "work_on", "op": "==", "v": True}


def case(expect: Any, **facts: Any) -> Case:
    return Case(name="x", facts=facts, expect=expect)


def idle(rule: dict[str, Any], *cases: Case) -> list[str]:
    condition, problems = parse_condition(rule, vocabulary())
    assert condition is not None and not problems
    return [problem.reason for problem in idle_numbers(condition, cases)]


MET, LOW, IDLE = (
    case(True, ch4_pct=1.0, work_on=True),
    case(False, ch4_pct=0.9, work_on=True),
    case(False, ch4_pct=1.2, work_on=False),
)


def test_cases_on_both_sides_that_decide_are_enough() -> None:
    assert idle({"all": [GAS, WORK]}, MET, LOW, IDLE) == []


def test_a_number_whose_near_miss_fails_by_something_else_is_named() -> None:
    low_and_idle = case(False, ch4_pct=0.9, work_on=False)
    assert idle({"all": [GAS, WORK]}, MET, low_and_idle) == ["missing: no case fails by ch4_pct >= 1 alone"]


def test_a_number_that_nothing_is_met_by_is_named() -> None:
    rule = {"any": [GAS, {"q": "co2_pct", "op": ">=", "v": 1.5}]}
    met = case(True, ch4_pct=1.0, co2_pct=1.5)
    assert idle(rule, met, case(False, ch4_pct=0.9, co2_pct=1.4)) == [
        "missing: no case is met by ch4_pct >= 1 alone",
        "missing: no case is met by co2_pct >= 1.5 alone",
    ]


def test_a_duration_is_a_number_too() -> None:
    rule = {**GAS, "for_s_gt": 600}
    long, short = case(True, ch4_pct=1, held_s=601), case(False, ch4_pct=1, held_s=600)
    assert idle(rule, long, short, case(False, ch4_pct=0.9, held_s=601)) == []
    assert idle(rule, long, case(False, ch4_pct=0.9, held_s=601)) == [
        "missing: no case fails by the duration of 600 s alone"
    ]


@pytest.mark.parametrize("word", ["not", "count"])
def test_numbers_are_found_within_every_word(word: str) -> None:
    rule: dict[str, Any] = {"not": GAS} if word == "not" else {"count": [GAS, WORK], "op": ">=", "n": 2}
    expect = word != "not"
    cases = case(expect, ch4_pct=1.0, work_on=True), case(not expect, ch4_pct=0.9, work_on=True)
    assert idle(rule, *cases) == []
    assert len(idle(rule, cases[0])) == 1


def test_a_limit_of_sentences_needs_a_sentence_on_either_side() -> None:
    limit = Limit(what=("瓦斯",), op=">=", v=1.0, unit="%")
    over = Case(name="over", text="工作面瓦斯1.2%仍在作业", expect=True)
    under = Case(name="under", text="工作面瓦斯0.8%正常作业", expect=False)
    assert list(unshown_limits([limit], [over, under])) == []
    assert [p.field for p in unshown_limits([limit], [over])] == ["limits[0]"]
    unread = limit.model_copy(update={"unit": "里程"})
    assert len(list(unshown_limits([unread], [over, under]))) == 2  # a unit that nobody reads can never decide
