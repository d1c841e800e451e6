"""The catalogue as data: what is in force when, what references mean, and every way a file can be refused."""

import datetime as dt
import re
from pathlib import Path

import pytest
import yaml

from schemas.clauses import Clause
from schemas.conditions import WORDS, parse_condition
from schemas.criteria import FOLDER, CatalogueError, Standing, load_catalogue
from schemas.references import arabic, locator, plain
from schemas.vocabulary import vocabulary

BEFORE, AFTER = dt.date(2026, 6, 30), dt.date(2026, 7, 1)
CATALOGUE = load_catalogue()


def test_every_document_is_a_file_of_its_name() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(CATALOGUE.documents)
    for clause in CATALOGUE.clauses.values():
        assert clause.document_id in CATALOGUE.documents


def _article_key(parts: list[str]) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def test_entries_stand_in_article_order() -> None:
    for document_id in CATALOGUE.documents:
        places = [
            re.findall(r"\d+|[a-z]", locator(c.article))
            for c in CATALOGUE.clauses.values()
            if c.document_id == document_id and not c.article.startswith("2017 ed.")
        ]
        assert places == sorted(places, key=_article_key), document_id


def test_the_list_changes_at_midnight() -> None:
    before = {c.document_id for c in CATALOGUE.in_force("coal", BEFORE)}
    after = {c.document_id for c in CATALOGUE.in_force("煤矿", AFTER)}
    assert (before, after) == ({"MEM4"}, {"MEM21"})


def test_general_lists_come_only_when_asked_for() -> None:
    with_general = {c.document_id for c in CATALOGUE.in_force("coal", AFTER, general=True)}
    assert with_general == {"MEM21", "GB35181", "GB45067"}


def test_a_sub_industry_is_bound_by_its_own_and_by_the_general_entries_of_its_list() -> None:
    dust = {c.industry for c in CATALOGUE.in_force("industry-trade/dust", AFTER)}
    assert dust == {"industry-trade/dust"}
    assert len(CATALOGUE.in_force("工贸", AFTER)) == 65


def test_an_unknown_industry_is_bound_by_nothing() -> None:
    assert CATALOGUE.in_force("space travel", AFTER) == ()


@pytest.mark.parametrize(
    ("text", "day", "standing", "clause_id"),
    [
        ("COAL21-5-2", AFTER, Standing.VALID, "COAL21-5-2"),
        ("coal21-5-2 ", AFTER, Standing.VALID, "COAL21-5-2"),
        ("依据COAL21-5-2判定", AFTER, Standing.VALID, "COAL21-5-2"),
        ("COAL21-5-21", AFTER, Standing.UNKNOWN, None),
        ("煤矿重大事故隐患判定标准第五条第二项", AFTER, Standing.VALID, "COAL21-5-2"),
        ("《煤矿重大事故隐患判定标准》第五条第（二）项", BEFORE, Standing.VALID, "COAL4-5-2"),
        ("煤矿重大事故隐患判定标准(2026年修订)第十四条第六项", AFTER, Standing.VALID, "COAL21-14-6"),
        ("应急管理部令第21号 第5条(二)", AFTER, Standing.VALID, "COAL21-5-2"),
        ("应急管理部令第２１号第５条（２）", AFTER, Standing.VALID, "COAL21-5-2"),
        ("应急管理部令第21号 第5条(二)", BEFORE, Standing.NOT_YET, "COAL21-5-2"),
        ("应急管理部令第4号第八条第二项", AFTER, Standing.SUPERSEDED, "COAL4-8-2"),
        ("4号令第8条第2项", BEFORE, Standing.VALID, "COAL4-8-2"),
        ("MEM21 art. 5(2)", AFTER, Standing.VALID, "COAL21-5-2"),
        ("Order 21 article 14(6)", AFTER, Standing.VALID, "COAL21-14-6"),
        ("MEM21 5-2", AFTER, Standing.VALID, "COAL21-5-2"),
        ("第五条第二项", AFTER, Standing.VALID, "COAL21-5-2"),
        ("应急管理部令第21号第五条", AFTER, Standing.AMBIGUOUS, None),
        ("应急管理部令第21号第九十九条", AFTER, Standing.UNKNOWN, None),
        ("见附件", AFTER, Standing.UNKNOWN, None),
        ("矿安〔2022〕88号 第一部分第三十一项", AFTER, Standing.VALID, "NC-UG31"),
        ("矿安88号 UG31", AFTER, Standing.VALID, "NC-UG31"),
        ("AQ 3067-2026 5.4.2", dt.date(2026, 10, 1), Standing.VALID, "AQ3067-5.4.2"),
        ("AQ 3067-2026 5.4.2", AFTER, Standing.NOT_YET, "AQ3067-5.4.2"),
        ("GB 45067-2024 4.7d", AFTER, Standing.VALID, "SE-4.7d"),
        ("GB45067 4.7(d)", AFTER, Standing.VALID, "SE-4.7d"),
        ("应急管理部令第10号第十四条", AFTER, Standing.VALID, "GM-14"),
        ("安监总管三〔2017〕121号第十二项", AFTER, Standing.AMBIGUOUS, None),
    ],
)
def test_references_as_inspectors_write_them(
    text: str, day: dt.date, standing: Standing, clause_id: str | None
) -> None:
    citation = CATALOGUE.cite(text, "coal", day)
    assert (citation.standing, citation.clause and citation.clause.id) == (standing, clause_id)


def test_a_number_shared_by_two_lists_is_told_apart_by_industry() -> None:
    chemical = CATALOGUE.cite("121号文第十二项", "chemical", AFTER).clause
    fireworks = CATALOGUE.cite("121号文第十二项", "fireworks", AFTER).clause
    assert chemical and fireworks and (chemical.id, fireworks.id) == ("CHEM17-12", "FW-12")


def test_a_superseded_reference_names_what_took_its_place() -> None:
    citation = CATALOGUE.cite("应急管理部令第4号第八条第二项", "coal", AFTER)
    assert [c.id for c in citation.instead] == ["COAL21-8-2"]
    citation = CATALOGUE.cite("COAL4-5-2", "coal", AFTER)
    assert {"COAL21-5-2", "COAL21-5-4"} <= {c.id for c in citation.instead}


def test_an_early_reference_names_what_was_in_force() -> None:
    citation = CATALOGUE.cite("COAL21-14-6", "coal", BEFORE)
    assert [c.id for c in citation.instead] == ["COAL4-7-2"]


def test_a_new_edition_opens_no_twin_and_a_split_keeps_one_heir() -> None:
    assert CATALOGUE.root_of("COAL21-8-2") == "COAL4-8-2"
    assert CATALOGUE.root_of("COAL21-5-2") == "COAL4-5-2"
    assert CATALOGUE.root_of("COAL21-5-4") == "COAL21-5-4"
    assert CATALOGUE.root_of("COAL4-8-2") == "COAL4-8-2"
    assert CATALOGUE.root_of("no such clause") == "no such clause"


def test_no_two_clauses_of_one_list_share_a_root() -> None:
    for document_id in CATALOGUE.documents:
        roots = [CATALOGUE.root_of(c.id) for c in CATALOGUE.clauses.values() if c.document_id == document_id]
        assert len(roots) == len(set(roots)), document_id


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("第五条", "第5条"),
        ("第十条", "第10条"),
        ("第十四条", "第14条"),
        ("第二十条第十一项", "第20条第11项"),
        ("一百二十三", "123"),
    ],
)
def test_chinese_numerals(text: str, digits: str) -> None:
    assert arabic(text) == digits


def test_plain_is_half_width_and_without_marks() -> None:
    assert plain("《煤矿》 第（２）项") == "煤矿第(2)项"


# ---- what is refused


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
        "cases": [
            {"name": "at", "facts": {"ch4_pct": 1.0}, "expect": True},
            {"name": "below", "facts": {"ch4_pct": 0.99}, "expect": False},
        ],
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


CASE_TRUE = {"name": "at", "facts": {"ch4_pct": 1.0}, "expect": True}


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
        ({"trigger": [{"q": "co2_pct", "op": ">=", "v": 1.0}]}, "trigger[0]", "no comparison of the rule"),
        ({"places": ["moon"]}, "places", "unknown place 'moon'"),
        ({"places": []}, "places", "missing"),
        ({"industry": "space"}, "industry", "unknown industry"),
        ({"colour": "red"}, "colour", "Extra inputs"),
        ({"kind": "guess"}, "kind", "Input should be"),
        ({"title_zh": ""}, "title_zh", "at least 1"),
        ({"cases": []}, "cases", "no case that meets it"),
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
        ],
        "for_s_gt": 60,
    }
    node, problems = parse_condition(raw, vocabulary())
    assert node is not None and not problems
    assert set(WORDS) == {"q", "all", "any", "not", "place", "for_s_gt"}


def test_every_word_is_documented() -> None:
    page = (FOLDER.parents[1] / "docs" / "criteria.md").read_text("utf-8")
    for name, word in WORDS.items():
        assert f"| `{name}` | {word.zh} |" in page, name


def test_own_dates_go_before_the_document_s(tmp_path: Path) -> None:
    catalogue_file(tmp_path, effective_to=dt.date(2024, 3, 31))
    catalogue = load_catalogue(tmp_path)
    assert [c.id for c in catalogue.in_force("coal", dt.date(2024, 3, 31))] == ["L-1"]
    assert catalogue.in_force("coal", dt.date(2024, 4, 1)) == ()


def test_titles_and_citations_are_there_in_both_languages() -> None:
    clause = CATALOGUE.clauses["COAL21-5-2"]
    assert isinstance(clause, Clause)
    assert clause.article_zh == "第5条第2项"
    for each in CATALOGUE.clauses.values():
        assert any("\u4e00" <= char <= "\u9fff" for char in each.title_zh), each.id
        assert each.title_en.isascii(), each.id
