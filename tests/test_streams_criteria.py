"""Conditions in three values, and every case of the catalogue."""

from typing import Any

import pytest

from schemas.condition_reader import parse_condition
from schemas.criteria import load_catalogue
from schemas.vocabulary import vocabulary
from streams.cases import run_case
from streams.criteria import StatedFacts, evaluate

WORDS = vocabulary()
CATALOGUE = load_catalogue()
CASES = [(clause, case) for clause in CATALOGUE.clauses.values() for case in clause.cases]
TRUE = {"q": "work_on", "op": "==", "v": True}
FALSE = {"q": "producing", "op": "==", "v": True}
MISSING = {"q": "drill_burst", "op": "==", "v": True}
FACTS = {"work_on": True, "producing": False}


@pytest.mark.parametrize(("clause", "case"), CASES, ids=[f"{c.id}: {k.name}" for c, k in CASES])
def test_case_of_the_catalogue(clause: Any, case: Any) -> None:
    result = run_case(CATALOGUE, clause, case)
    assert result.passed, result.why


def outcome(raw: dict[str, Any], facts: dict[str, Any] | None = None, place: str | None = None) -> Any:
    node, problems = parse_condition(raw, WORDS)
    assert node is not None, problems
    return evaluate(node, StatedFacts(FACTS if facts is None else facts, place, WORDS))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"all": [TRUE, TRUE]}, True),
        ({"all": [TRUE, FALSE]}, False),
        ({"all": [FALSE, MISSING]}, False),
        ({"all": [MISSING, FALSE]}, False),
        ({"all": [TRUE, MISSING]}, None),
        ({"any": [FALSE, FALSE]}, False),
        ({"any": [TRUE, MISSING]}, True),
        ({"any": [MISSING, TRUE]}, True),
        ({"any": [FALSE, MISSING]}, None),
        ({"not": TRUE}, False),
        ({"not": FALSE}, True),
        ({"not": MISSING}, None),
        ({"all": [{"any": [TRUE, MISSING]}, {"any": [FALSE, MISSING]}]}, None),
    ],
)
def test_three_values(raw: dict[str, Any], value: bool | None) -> None:
    assert outcome(raw).value is value


@pytest.mark.parametrize(
    ("op", "n", "parts", "value"),
    [
        (">=", 2, (TRUE, TRUE, FALSE), True),
        (">=", 2, (TRUE, FALSE, FALSE), False),
        (">=", 2, (TRUE, FALSE, MISSING), None),
        (">=", 2, (FALSE, FALSE, MISSING), False),
        (">=", 1, (TRUE, MISSING, MISSING), True),
        ("<", 2, (TRUE, FALSE, FALSE), True),
        ("<", 2, (TRUE, TRUE, MISSING), False),
        ("<", 2, (TRUE, MISSING, FALSE), None),
        ("==", 0, (FALSE, FALSE), True),
        ("==", 0, (FALSE, MISSING), None),
    ],
)
def test_a_count_is_decided_when_what_is_unseen_cannot_change_it(op: str, n: int, parts: Any, value: Any) -> None:
    result = outcome({"count": list(parts), "op": op, "n": n})
    assert result.value is value
    assert ("drill_burst" in result.missing) == (MISSING in parts)


def test_a_signal_is_missing_where_it_is_stated_to_give_nothing() -> None:
    raw = {"missing": "co_ppm"}
    assert outcome(raw, {"co_ppm": None}).value is True
    assert outcome(raw, {"co_ppm": 3}).value is False
    assert (outcome(raw, {}).value, outcome(raw, {}).missing) == (None, ("co_ppm",))


def test_a_ratio_of_two_signals() -> None:
    raw = {"q": "air_m3_min", "per": "place_headcount", "op": "<", "v": 4}
    assert outcome(raw, {"air_m3_min": 39, "place_headcount": 10}).value is True
    assert outcome(raw, {"air_m3_min": 40, "place_headcount": 10}).value is False
    assert outcome(raw, {"air_m3_min": 0, "place_headcount": 0}).value is False
    assert outcome(raw, {"air_m3_min": 39}).missing == ("place_headcount",)
    assert outcome(raw, {"place_headcount": 10}).missing == ("air_m3_min",)


def test_a_set_of_numbers_and_of_words() -> None:
    assert outcome({"q": "circuits_healthy", "op": "in", "v": [0, 1]}, {"circuits_healthy": 1}).value is True
    assert outcome({"q": "circuits_healthy", "op": "in", "v": [0, 1]}, {"circuits_healthy": 2}).value is False
    assert outcome({"q": "gas_grade", "op": "in", "v": ["high", "outburst"]}, {"gas_grade": "low"}).value is False


@pytest.mark.parametrize("setpoint", WORDS.setpoints, ids=lambda each: each.id)
def test_every_set_point_decides_at_its_value(setpoint: Any) -> None:
    for name in ("alarm_ge", "cut_ge"):
        value = getattr(setpoint, name)
        for kind in setpoint.places:
            raw = {"q": "ch4_pct", "op": ">=", "v": f"$setpoint.{name}"}
            at = outcome(raw, {"ch4_pct": value if value is not None else 100}, kind).value
            shared = [s for s in WORDS.setpoints if kind in s.places]
            strictest = min((v for s in shared if (v := getattr(s, name)) is not None), default=None)
            assert at is (value is not None)
            if strictest is not None:
                assert outcome(raw, {"ch4_pct": strictest - 0.01}, kind).value is False


@pytest.mark.parametrize("wind", WORDS.wind_limits, ids=lambda each: each.id)
def test_every_air_speed_limit_decides_beyond_its_value(wind: Any) -> None:
    slow, fast = ({"q": "wind_mps", "op": op, "v": f"$wind.{name}"} for op, name in (("<", "min"), (">", "max")))
    for kind in wind.places:
        for raw, value, beyond in ((slow, wind.min, -0.01), (fast, wind.max, 0.01)):
            if value is None:
                assert outcome(raw, {"wind_mps": 1e6 * beyond}, kind).value is False
            else:
                assert outcome(raw, {"wind_mps": value}, kind).value is False
                assert outcome(raw, {"wind_mps": value + beyond}, kind).value is True


def test_the_tables_have_the_lines_of_the_regulation() -> None:
    assert (len(WORDS.setpoints), len(WORDS.wind_limits)) == (30, 14)
    assert WORDS.place_limit("series_heading_fan_inlet", "setpoint.cut_ge") == (True, 0.5)  # the stricter of two lines
    assert WORDS.place_limit("quick_freezer_room", "wind.max") == (False, None)


def test_what_could_not_be_seen_is_named() -> None:
    assert outcome({"any": [TRUE, MISSING]}).missing == ("drill_burst",)
    assert outcome({"all": [TRUE, MISSING]}).missing == ("drill_burst",)


def test_what_no_longer_matters_is_not_asked_for() -> None:
    other = {"q": "destress_on", "op": "==", "v": True}
    result = outcome({"all": [{"any": [TRUE, other]}, MISSING]})
    assert (result.value, result.missing) == (None, ("drill_burst",))


def test_the_deciding_leaf_is_told() -> None:
    assert [leaf.q for leaf in outcome({"all": [TRUE, FALSE]}).decided] == ["producing"]
    assert [leaf.q for leaf in outcome({"any": [FALSE, TRUE]}).decided] == ["work_on"]


def test_a_set_point_is_looked_up_by_kind_of_place() -> None:
    raw = {"q": "ch4_pct", "op": ">=", "v": "$setpoint.alarm_ge"}
    assert outcome(raw, {"ch4_pct": 0.5}, "coal_face_intake").value is True
    assert outcome(raw, {"ch4_pct": 0.5}, "coal_face").value is False
    unknown = outcome(raw, {"ch4_pct": 0.5})
    assert (unknown.value, unknown.missing) == (None, ("setpoint.alarm_ge",))


def test_a_limit_that_the_place_does_not_have_cannot_be_passed() -> None:
    assert outcome({"q": "ch4_pct", "op": ">=", "v": "$setpoint.cut_ge"}, {"ch4_pct": 9}, "main_return").value is False


def test_powered_work_proves_work_but_its_stop_proves_nothing() -> None:
    assert outcome(TRUE, {"powered_work_on": True}).value is True
    assert outcome(TRUE, {"powered_work_on": False}).value is None


def test_a_multiple_of_a_design_value() -> None:
    raw = {"q": "place_headcount", "op": ">", "v": "$site.headcount_limit", "times": 1.2}
    assert outcome(raw, {"place_headcount": 31, "headcount_limit": 25}).value is True
    assert outcome(raw, {"place_headcount": 30, "headcount_limit": 25}).value is False
    assert outcome(raw, {"place_headcount": 30}).missing == ("headcount_limit",)


def test_place_is_a_word_too() -> None:
    assert outcome({"place": ["coal_face"]}, {}, "coal_face").value is True
    assert outcome({"place": ["coal_face"]}, {}, "shearer").value is False
    assert outcome({"place": ["coal_face"]}, {}).missing == ("place",)


def test_a_duration_must_be_passed_not_reached() -> None:
    raw = {**TRUE, "for_s_gt": 60}
    assert outcome(raw, {"work_on": True, "held_s": 61}).value is True
    assert outcome(raw, {"work_on": True, "held_s": 60}).value is False
    assert outcome(raw, {"work_on": True}).missing == ("held_s",)
    assert outcome(raw, {"work_on": False}).value is False


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("ch4_pct", "1.2%", 1.2),
        ("ch4_pct", "1.2", 1.2),
        ("ch4_pct", True, None),
        ("ch4_pct", "high", None),
        ("days_since_cal", "16d", 16.0),
        ("work_on", "是", True),
        ("work_on", 0, False),
        ("work_on", "perhaps", None),
        ("element", "catalytic", "catalytic"),
        ("element", "催化", None),
        ("no_such_signal", 1, None),
    ],
)
def test_facts_are_read_as_their_signal_or_named_unreadable(name: str, raw: Any, value: Any) -> None:
    facts = StatedFacts({name: raw}, None, WORDS)
    seen = facts.read(name)
    assert (seen.value if seen else None) == value
    assert facts.unreadable == ([] if value is not None else [name])
