"""Conditions on one line."""

from typing import Any

import pytest

from schemas.condition_reader import parse_condition
from schemas.conditions import leaves
from schemas.criteria import load_catalogue
from schemas.spelling import spelled
from schemas.vocabulary import vocabulary

GAS = {"q": "ch4_pct", "op": ">=", "v": 1.5}
WORK = {"q": "work_on", "op": "==", "v": True}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (GAS, "ch4_pct ≥ 1.5"),
        (WORK, "work_on"),
        ({"q": "work_on", "op": "!=", "v": True}, "not work_on"),
        ({"q": "work_on", "op": "==", "v": False}, "not work_on"),
        ({"all": [GAS, {"any": [WORK, {"q": "zone_headcount", "op": ">", "v": 0}]}]},
         "ch4_pct ≥ 1.5 and (work_on or zone_headcount > 0)"),
        ({"any": [{**GAS, "for_s_gt": 600}, {"not": {"all": [GAS, WORK]}}]},
         "(ch4_pct ≥ 1.5 for > 600 s) or not (ch4_pct ≥ 1.5 and work_on)"),
        ({"q": "ch4_pct", "op": ">=", "v": "$setpoint.cut_ge"}, "ch4_pct ≥ setpoint.cut_ge"),
        ({"q": "place_headcount", "op": ">", "v": "$site.headcount_limit", "times": 1.2},
         "place_headcount > 1.2 × headcount_limit"),
        ({"q": "air_m3_min", "per": "place_headcount", "op": "<", "v": 4}, "air_m3_min / place_headcount < 4"),
        ({"q": "gas_grade", "op": "in", "v": ["high", "outburst"]}, "gas_grade in high/outburst"),
        ({"count": [GAS, WORK], "op": "<", "n": 2}, "< 2 of (ch4_pct ≥ 1.5; work_on)"),
        ({"missing": "co_ppm"}, "co_ppm missing"),
        ({"place": ["coal_face", "heading_face"]}, "at coal_face/heading_face"),
    ],
)  # fmt: skip
def test_every_word(raw: dict[str, Any], text: str) -> None:
    node, problems = parse_condition(raw, vocabulary())
    assert node is not None and not problems
    assert spelled(node) == text


def test_every_rule_of_the_catalogue_names_all_it_compares() -> None:
    for clause in load_catalogue().clauses.values():
        if clause.condition is not None:
            text = spelled(clause.condition)
            assert all(leaf.q in text for leaf in leaves(clause.condition)), clause.id
            assert text.count("(") == text.count(")")
