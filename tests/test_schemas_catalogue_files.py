"""A catalogue file: every way it can be refused, and what its content decides."""

import datetime as dt
from pathlib import Path

import pytest
import yaml

from schemas.condition_reader import WORDS, parse_condition
from schemas.criteria import FOLDER, CatalogueError, load_catalogue
from schemas.vocabulary import vocabulary

CASE_TRUE = {"name": "at", "facts": {"ch4_pct": 1.0}, "expect": True}
CASE_FALSE = {"name": "below", "facts": {"ch4_pct": 0.99}, "expect": False}
CASE_MISSING = {"name": "unseen", "facts": {}, "expect": "missing"}
MEASURES = [{"kind": kind, "text": "措施"} for kind in ("people", "technology", "engineering", "management")]


def catalogue_file(folder: Path, name: str = "LIST.yaml", *, document: dict | None = None, **entry: object) -> Path:
    """A small valid file with one executable clause, changed by `document` and `entry`."""
    clause = {
        "id": "L-1",
        "article": "art. 1(1)",
        "title_zh": "超限作业",
        "title_en": "Work over the limit",
        "industry": "coal",
        "kind": "sensor",
        "confidence": "high",
        "rule": {"q": "ch4_pct", "op": ">=", "v": 1.0},
        "trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.0}],
        "places": ["coal_face"],
        "evidence_wanted": ["readings"],
        "deadline_days": 1,
        "measures": MEASURES,
        "cases": [CASE_TRUE, CASE_FALSE, CASE_MISSING],
    }
    head = {
        "id": Path(name).stem,
        "title_zh": "标准",
        "title_en": "List",
        "number": "1",
        "industries": ["coal"],
        "effective_from": dt.date(2024, 1, 1),
        "confidence": "high",
    }
    content = {"document": {**head, **(document or {})}, "clauses": [{**clause, **entry}]}
    path = folder / name
    path.write_text(yaml.safe_dump(content, allow_unicode=True), "utf-8")
    return path


def faults(folder: Path) -> list[str]:
    with pytest.raises(CatalogueError) as refused:
        load_catalogue(folder)
    return [str(fault) for fault in refused.value.faults]


def test_the_small_file_is_valid(tmp_path: Path) -> None:
    catalogue_file(tmp_path)
    assert list(load_catalogue(tmp_path).clauses) == ["L-1"]


WORK = {"q": "work_on", "op": "==", "v": True}
LONG = {"q": "ch4_pct", "op": ">=", "v": 1.0, "for_s_gt": 60}
SETPOINT = {"q": "ch4_pct", "op": ">=", "v": "$setpoint.alarm_ge"}
RATIO = {"q": "place_headcount", "op": ">", "v": "$site.headcount_limit", "times": 1.2}
SAID = {"name": "said", "text": "瓦斯超限作业", "expect": True}


def case(expect: object, **facts: object) -> dict:
    return {"name": "x", "facts": facts, "expect": expect}


@pytest.mark.parametrize(
    ("entry", "field", "reason"),
    [
        ({"rule": {"q": "ch5_pct", "op": ">=", "v": 1.0}}, "rule.q", "unknown signal 'ch5_pct'"),
        ({"rule": {"q": "ch4_pct", "op": "=>", "v": 1.0}}, "rule.op", "is none of"),
        ({"rule": {"most": [{"q": "ch4_pct", "op": ">=", "v": 1.0}]}}, "rule.most", "unknown word"),
        ({"rule": {"all": [{"q": "ch4_pct", "op": ">=", "v": "1.0"}]}}, "rule.all[0].v", "a number"),
        ({"rule": {"q": "work_on", "op": ">=", "v": True}}, "rule.v", "yes/no"),
        ({"rule": {"q": "element", "op": "==", "v": "gold"}}, "rule.v", "catalytic, laser"),
        ({"rule": {"q": "weather_level", "op": "in", "v": ["pink"]}}, "rule.v", "blue"),
        ({"rule": {"q": "ch4_pct", "op": ">=", "v": "$setpoint.loud"}}, "rule.v", "unknown look-up"),
        ({"rule": {"q": "ch4_pct", "op": ">=", "v": 1.0, "for_s_gt": "long"}}, "rule.for_s_gt", "seconds"),
        ({"rule": {"place": ["moon"]}}, "rule.place", "unknown place 'moon'"),
        ({"rule": {"all": []}}, "rule.all", "at least one"),
        ({"rule": {"all": [1]}}, "rule.all[0]", "a mapping"),
        ({"rule": {"all": [], "any": []}}, "rule", "one head word"),
        ({"rule": {"not": {"q": "ch4_pct", "op": ">="}}}, "rule.not.v", "missing"),
        ({"rule": {"count": [WORK], "op": "in", "n": 1}}, "rule.op", "none of >="),
        ({"rule": {"count": [WORK], "op": ">=", "n": 2}}, "rule.n", "from 0 to the number of parts"),
        ({"rule": {"count": [], "op": ">=", "n": 0}}, "rule.count", "at least one"),
        ({"rule": {"missing": "ch5_pct"}}, "rule.missing", "unknown signal 'ch5_pct'"),
        ({"rule": {"missing": "ch4_pct", "op": "=="}}, "rule.op", "unknown word"),
        ({"rule": {"q": "ch4_pct", "per": "people", "op": ">", "v": 1}}, "rule.per", "unknown signal 'people'"),
        ({"rule": {"q": "ch4_pct", "per": "work_on", "op": ">", "v": 1}}, "rule.per", "can be divided"),
        ({"rule": {"q": "ch4_pct", "op": "in", "v": ["high"]}}, "rule.v", "a list of numbers"),
        ({"rule": {"q": "ch4_pct", "op": ">", "v": "$wind.mean"}}, "rule.v", "unknown look-up '$wind.mean'"),
        ({"trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.0, "at": ["moon"]}]}, "trigger[0].at", "none of the entry's"),
        ({"trigger": [{"q": "ch4_pct", "op": ">=", "v": 1.0, "at": []}]}, "trigger[0].at", "a list"),
        ({"trigger": [{**WORK, "for_s_gt": 5}]}, "trigger[0]", "one comparison"),
        ({"trigger": [{"q": "co2_pct", "op": ">=", "v": 1.0}]}, "trigger[0]", "no comparison of the rule"),
        ({"places": ["moon"]}, "places", "unknown place 'moon'"),
        ({"places": []}, "places", "missing"),
        ({"industry": "space"}, "industry", "unknown industry"),
        ({"colour": "red"}, "colour", "Extra inputs"),
        ({"kind": "guess"}, "kind", "Input should be"),
        ({"title_zh": ""}, "title_zh", "at least 1"),
        ({"cases": []}, "cases", "no case that meets it"),
        ({"cases": [CASE_TRUE, CASE_FALSE]}, "cases", "no case of facts that lacks a signal"),
        ({"cases": [SAID, CASE_FALSE, CASE_MISSING]}, "cases", "no case of facts that meets it"),
        ({"rule": None, "trigger": [], "cases": [SAID]}, "cases", "comes close and does not"),
        ({"rule": None, "trigger": [], "cases": [CASE_TRUE]}, "cases[0]", "facts need a rule"),
        ({"rule": None}, "trigger", "without a rule"),
        ({"rule": None, "trigger": [], "partial": True}, "partial", "without a rule"),
        ({"cases": [case(True, ch4_pct="1.0")]}, "cases[0].facts.ch4_pct", "no value of this signal"),
        ({"cases": [case(True, element="gold")]}, "cases[0].facts.element", "no value of this signal"),
        ({"cases": [{"name": "x", "series": [{"ch4_pct": 1}], "expect": True}]}, "cases[0].series", "at_s"),
        ({"rule": LONG, "cases": [case(True, ch4_pct=1.0, held_s=61)]}, "cases", "holds for no more than 60 s"),
        ({"rule": LONG, "cases": [case(False, ch4_pct=1.0, held_s=60)]}, "cases", "holds for more than 60 s"),
        (
            {"rule": SETPOINT, "cases": [{**CASE_TRUE, "place": "coal_face"}]},
            "cases",
            "below side of $setpoint.alarm_ge",
        ),
        ({"rule": RATIO, "cases": [case(False, place_headcount=30, headcount_limit=25)]}, "cases", "of 1.2 × $site"),
        ({"title_zh": "Work"}, "title_zh", "no Chinese"),
        ({"title_en": "超限"}, "title_en", "not English"),
        ({"scope": []}, "scope", "missing"),
        ({"evidence_wanted": []}, "evidence_wanted", "missing"),
        ({"deadline_days": None}, "deadline_days", "missing"),
        ({"measures": MEASURES[1:]}, "measures", "missing: people"),
        ({"sensor_rules": ["SR-X99"]}, "sensor_rules", "unknown sensor rule 'SR-X99'"),
        ({"rule": None, "trigger": [], "sensor_rules": ["SR-C03"]}, "sensor_rules", "without a rule"),
        ({"undecided": {"SR-X99": ["flat_line_min"]}}, "undecided.SR-X99", "unknown sensor rule"),
        ({"undecided": {"SR-C17": []}}, "undecided.SR-C17", "no signal is named"),
        ({"undecided": {"SR-C17": ["luck"]}}, "undecided.SR-C17", "'luck': unknown"),
        ({"undecided": {"SR-C17": ["ch4_pct"]}}, "undecided.SR-C17", "no longer missing"),
        ({"undecided": {"SR-C03": ["luck"]}, "sensor_rules": ["SR-C03"]}, "undecided.SR-C03", "the rule says it"),
        ({"cases": [CASE_TRUE]}, "cases", "comes close and does not"),
        ({"cases": [CASE_TRUE, {**CASE_TRUE, "expect": False}]}, "cases", "on the below side of 1"),
        ({"cases": [CASE_TRUE, {"name": "x", "facts": {"ch9": 1}, "expect": False}]}, "cases[1].facts.ch9", "unknown"),
        (
            {"cases": [CASE_TRUE, {"name": "x", "facts": {"ch4_pct": 0.5}, "expect": "maybe"}]},
            "cases[1].expect",
            "maybe",
        ),
        ({"cases": [CASE_TRUE, {"name": "x", "expect": False}]}, "cases[1]", "exactly one of"),
        (
            {"cases": [CASE_TRUE, {"name": "x", "place": "moon", "facts": {}, "expect": False}]},
            "cases[1].place",
            "moon",
        ),
        ({"supersedes": ["L-0"]}, "supersedes", "unknown clause 'L-0'"),
        ({"continues": True}, "continues", "without supersedes"),
        ({"unchanged": True}, "unchanged", "the one heir of one clause"),
    ],
)
def test_a_bad_entry_is_refused_with_file_entry_field_and_reason(
    tmp_path: Path, entry: dict, field: str, reason: str
) -> None:
    catalogue_file(tmp_path, **entry)
    found = faults(tmp_path)
    assert any(f.startswith(f"LIST.yaml L-1 {field}:") and reason in f for f in found), found


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    catalogue_file(tmp_path, industry="space", places=["moon"])
    catalogue_file(tmp_path, "OTHER.yaml", id="O-1", rule={"q": "x", "op": ">=", "v": 1})
    assert len({(f.split()[0], f.split()[2]) for f in faults(tmp_path)}) == 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [("a: [1", "not YAML"), ("- 1", "two keys"), ("document: {}\nclauses: {}", "a list"), ("\x00", "not YAML")],
)
def test_a_malformed_file_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "BAD.yaml").write_text(content, "utf-8")
    assert any(f.startswith("BAD.yaml") and reason in f for f in faults(tmp_path))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no catalogue file" in faults(tmp_path)[0]


def test_a_duplicate_id_is_refused(tmp_path: Path) -> None:
    catalogue_file(tmp_path, "A.yaml")
    catalogue_file(tmp_path, "B.yaml")
    assert "B.yaml L-1 id: duplicate, already in A.yaml" in faults(tmp_path)


def test_overlapping_validity_is_refused(tmp_path: Path) -> None:
    catalogue_file(tmp_path, "A.yaml", id="A-1", document={"effective_to": dt.date(2024, 6, 30)})
    later = {"replaces": "A", "effective_from": dt.date(2024, 6, 30)}
    catalogue_file(tmp_path, "B.yaml", id="B-1", supersedes=["A-1"], document=later)
    found = faults(tmp_path)
    assert any(f.startswith("B.yaml document effective_from: overlapping validity") for f in found)
    assert any(f.startswith("B.yaml B-1 supersedes: overlapping validity") for f in found)


def test_a_replaced_list_that_never_ends_is_refused(tmp_path: Path) -> None:
    catalogue_file(tmp_path, "A.yaml", id="A-1")
    catalogue_file(tmp_path, "B.yaml", id="B-1", document={"replaces": "A", "effective_from": dt.date(2025, 1, 1)})
    assert any("A is in force until for ever" in f for f in faults(tmp_path))


def test_the_version_follows_the_content_not_the_layout(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder in (one, two, three):
        folder.mkdir()
    path = catalogue_file(one)
    (two / path.name).write_text("# a comment\n" + path.read_text("utf-8"), "utf-8")
    catalogue_file(three, title_zh="超限继续作业")
    assert load_catalogue(one).version == load_catalogue(two).version != load_catalogue(three).version


def test_every_word_of_the_vocabulary_parses() -> None:
    raw = {
        "all": [
            {"any": [{"q": "ch4_pct", "op": ">=", "v": "$setpoint.cut_ge"}, {"q": "work_on", "op": "==", "v": True}]},
            {"not": {"place": ["coal_face"]}},
            {
                "count": [{"missing": "co_ppm"}, {"q": "air_m3_min", "per": "place_headcount", "op": "<", "v": 4}],
                "op": ">=",
                "n": 1,
            },
            {"q": "wind_mps", "op": "<=", "v": "$wind.max"},
        ],
        "for_s_gt": 60,
    }
    node, problems = parse_condition(raw, vocabulary())
    assert node is not None and not problems
    assert set(WORDS) == {"q", "all", "any", "not", "count", "missing", "place", "for_s_gt"}


def test_every_word_is_documented() -> None:
    page = (FOLDER.parents[1] / "docs" / "criteria.md").read_text("utf-8")
    for name, word in WORDS.items():
        assert f"| `{name}` | {word.zh} |" in page, name


def test_own_dates_go_before_the_document_s(tmp_path: Path) -> None:
    catalogue_file(tmp_path, effective_to=dt.date(2024, 3, 31))
    catalogue = load_catalogue(tmp_path)
    assert [c.id for c in catalogue.in_force("coal", dt.date(2024, 3, 31))] == ["L-1"]
    assert catalogue.in_force("coal", dt.date(2024, 4, 1)) == ()
