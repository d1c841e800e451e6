"""The sensor rules: every one of the register is decided somewhere, or says which signal is missing."""

import operator
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.conditions import LookUp, leaves, signals_of
from schemas.criteria import Catalogue, CatalogueError, load_catalogue
from schemas.sensor_rules import FILE, sensor_rules, standings
from schemas.vocabulary import vocabulary
from streams.cases import run_levels
from streams.catalogue_check import warnings
from streams.criteria import StatedFacts, evaluate
from tests.conftest import SHARED, missing

CATALOGUE, WORDS = load_catalogue(), vocabulary()
STANDINGS = {each.rule.id: each for each in standings(CATALOGUE.clauses.values())}
DOMAIN = SHARED / "domain" / "criteria.yaml"
# In the facts these have figures that are no threshold of theirs: "no national numbers", a standard not read.
NO_FIGURE = {"SR-C17", "SR-T04", "SR-G06"}


@pytest.fixture(scope="module")
def facts() -> list[dict[str, Any]]:
    """The sensor rules of the domain's facts."""
    if not DOMAIN.exists():
        missing("domain/criteria.yaml", "the facts the catalogue was made from")
    found: list[dict[str, Any]] = yaml.load(DOMAIN.read_text("utf-8"), Loader=yaml.CSafeLoader)["sensor_rules"]
    return found


def test_every_rule_of_the_facts_is_here(facts: list[dict[str, Any]]) -> None:
    assert [rule["id"] for rule in facts] == list(sensor_rules())


def test_every_rule_with_an_expression_is_said_by_an_entry_that_asks_for_its_signals(
    facts: list[dict[str, Any]],
) -> None:
    written = [rule for rule in facts if "expr" in rule]
    assert len(written) == 22
    for rule in written:
        asked = set(re.findall(r"'q': '([^']+)'", str(rule["expr"])))
        entries = [CATALOGUE.clauses[name].condition for name in STANDINGS[rule["id"]].clauses]
        assert entries and any(asked <= signals_of(entry) for entry in entries if entry), rule["id"]


def said_by(expr: dict[str, Any], facts: dict[str, Any], place: str) -> bool:
    """The domain's own expression on complete facts: an evaluator that shares nothing with ours."""
    if "all" in expr or "any" in expr:
        word = "all" if "all" in expr else "any"
        parts = [said_by(part, facts, place) for part in expr[word]]
        held = all(parts) if word == "all" else any(parts)
        return held and facts["held_s"] > expr.get("for_s_gt", -1)
    limit = expr["v"]
    if isinstance(limit, str) and "$" in limit:
        factor, _, name = limit.rpartition("$")
        name = name.split(".", 1)[1] if not name.startswith("setpoint") else name
        found = next((s for s in WORDS.setpoints if place in s.places), None) if name.startswith("setpoint") else None
        value = getattr(found, name.split(".")[1]) if found else facts.get(name)
        if value is None:
            return False
        limit = round(float(factor.rstrip("*") or 1) * value, 9)
    compare: dict[str, Any] = {
        ">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le, "==": operator.eq,
        "in": lambda value, listed: value in listed,
    }  # fmt: skip
    return bool(compare[expr["op"]](facts[expr["q"]], limit))


def some_facts(chance: random.Random, names: set[str]) -> dict[str, Any]:
    """Complete facts, near the numbers that the rules know."""
    near = [0, 0.5, 0.74, 0.75, 1, 1.0, 1.2, 1.49, 1.5, 2, 3, 9, 10, 15, 16, 25, 30, 31, 183, 184, 300, 600]
    found: dict[str, Any] = {"held_s": chance.choice([0, 599, 600, 601, 9000])}
    for name in sorted(names):
        signal = WORDS.signals[name]
        pool = [True, False] if signal.type == "bool" else list(signal.values) if signal.type == "enum" else near
        found[name] = chance.choice(pool)
    return found


def test_our_rules_say_what_the_expressions_say(facts: list[dict[str, Any]]) -> None:
    """On complete random facts. An entry that says more than its row may be met by the rest of it, never by less."""
    chance, agreed = random.Random(1), 0
    for rule in (each for each in facts if "expr" in each):
        asked = set(re.findall(r"'q': '([^']+)'", str(rule["expr"])))
        asked |= set(re.findall(r"\$(?:site|design)\.(\w+)", str(rule["expr"])))
        for name in STANDINGS[rule["id"]].clauses:
            clause = CATALOGUE.clauses[name]
            condition = clause.condition
            assert condition is not None
            looked_up = {
                leaf.v.signal for leaf in leaves(condition) if isinstance(leaf.v, LookUp) and not leaf.v.by_place
            }
            more = signals_of(condition) | looked_up
            for _ in range(200):
                stated = some_facts(chance, asked | more)
                place = "coal_face"
                ours = evaluate(condition, StatedFacts(stated, place, WORDS)).value
                theirs = said_by(rule["expr"], stated, place)
                if more <= asked and clause.document_id != "MEM4":
                    assert ours is theirs, (rule["id"], name, stated)
                elif theirs:
                    assert ours is True, (rule["id"], name, stated)
                agreed += ours is True
    assert agreed > 500


def test_every_rule_whose_threshold_is_a_number_is_executable(facts: list[dict[str, Any]]) -> None:
    for rule in facts:
        if re.search(r"\d", str(rule["threshold"])) and rule["id"] not in NO_FIGURE:
            assert STANDINGS[rule["id"]].executable, rule["id"]


def test_an_undecided_rule_names_what_is_missing() -> None:
    undecided = {name for name, each in STANDINGS.items() if not each.executable}
    assert undecided == NO_FIGURE
    for name in undecided:
        assert STANDINGS[name].undecided and all(STANDINGS[name].undecided.values())


def test_every_row_is_of_an_industry_that_a_list_binds() -> None:
    bound = {clause.industry for clause in CATALOGUE.clauses.values()} | set(vocabulary().industries)
    assert {rule.industry for rule in sensor_rules().values()} <= bound


def test_nothing_is_wanted_that_no_entry_asks_for() -> None:
    asked = {n for each in STANDINGS.values() for names in each.undecided.values() for n in names}
    assert asked == set(vocabulary().wanted)


def test_every_case_of_every_level_holds() -> None:
    results = list(run_levels())
    assert len(results) > 100
    assert [(name, case.name) for name, case, outcome in results
            if ("missing" if outcome.value is None else outcome.value) != case.expect] == []  # fmt: skip


def test_a_rule_that_nobody_accounts_for_is_a_warning() -> None:
    clause = CATALOGUE.clauses["COAL21-14-7"]
    without = dict(CATALOGUE.clauses) | {clause.id: clause.model_copy(update={"undecided": {}})}
    other = Catalogue(CATALOGUE.documents.values(), without.values(), "other")
    found = warnings(other, tuple(standings(other.clauses.values())))
    assert [(w.entry, w.reason) for w in found] == [("SR-C17", "no entry says it, and none names what is missing")]


ROW = {
    "id": "SR-X01", "industry": "coal", "zh": "超限", "en": "over", "basis": "memory", "places": ["coal_face"],
    "levels": [{
        "zh": "报警", "en": "alarm", "rule": {"q": "co_ppm", "op": ">=", "v": 24},
        "cases": [
            {"name": "at", "facts": {"co_ppm": 24}, "expect": True},
            {"name": "below", "facts": {"co_ppm": 23}, "expect": False},
            {"name": "unseen", "facts": {}, "expect": "missing"},
        ],
    }],
}  # fmt: skip
LEVEL = ROW["levels"][0]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"industry": "space"}, "industry", "unknown industry"),
        ({"places": ["moon"]}, "places", "unknown place"),
        ({"places": []}, "places", "levels need the kinds of place"),
        ({"basis": ""}, "basis", "missing"),
        ({"id": "C01"}, "id", "should match pattern"),
        ({"colour": "red"}, "colour", "Extra inputs"),
        ({"levels": [{**LEVEL, "rule": {"q": "co", "op": ">", "v": 1}}]}, "levels[0].rule.q", "unknown signal 'co'"),
        ({"levels": [{**LEVEL, "cases": LEVEL["cases"][:1]}]}, "levels[0].cases", "comes close and does not"),
        ({"levels": [{**LEVEL, "cases": LEVEL["cases"][:2]}]}, "levels[0].cases", "lacks a signal"),
    ],
)
def test_a_bad_row_is_refused_by_entry_and_field(tmp_path: Path, change: Any, field: str, reason: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"rules": [{**ROW, **change}]}, allow_unicode=True), "utf-8")
    with pytest.raises(CatalogueError) as refused:
        sensor_rules(path)
    assert any(fault.field == field and reason in fault.reason for fault in refused.value.faults), refused.value


def test_a_file_that_cannot_be_read_or_repeats_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [", "utf-8")
    with pytest.raises(CatalogueError, match="not YAML"):
        sensor_rules(path)
    twice = tmp_path / "twice.yaml"
    twice.write_text(yaml.safe_dump({"rules": [ROW, ROW]}, allow_unicode=True), "utf-8")
    with pytest.raises(CatalogueError, match="SR-X01 id: duplicate"):
        sensor_rules(twice)
    assert FILE.exists()
