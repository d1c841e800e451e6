"""The catalogue as data: what is in force when, and what references mean."""

import datetime as dt
import re

import pytest

from schemas.clauses import Clause
from schemas.criteria import FOLDER, Standing, load_catalogue
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
    shared = {f"industry-trade/{part}" for part in ("general", "dust", "ammonia", "confined space")}
    assert dust == shared
    metals = {c.industry for c in CATALOGUE.in_force("工贸/冶金", AFTER)}
    assert metals == {*shared, "industry-trade/metallurgy"}
    assert len(CATALOGUE.in_force("工贸", AFTER)) == 65


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("煤炭开采", ("coal",)),
        ("非煤矿山", ("noncoal-underground", "noncoal-openpit", "tailings")),
        ("钢铁企业", ("industry-trade/metallurgy",)),
        ("工贸/粉尘涉爆", ("industry-trade/dust",)),
        ("industry-trade/dust", ("industry-trade/dust",)),
        ("space travel", ()),
    ],
)
def test_an_industry_is_known_by_the_longest_name_within_the_words(name: str, ids: tuple[str, ...]) -> None:
    assert vocabulary().industry_ids(name) == ids


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


def test_sentences_are_shared_with_a_heir_that_asks_for_the_same_alone() -> None:
    def kin(clause_id: str) -> list[str]:
        return [each.id for each in CATALOGUE.kin(CATALOGUE.clauses[clause_id])]

    assert (kin("COAL4-8-2"), kin("COAL21-8-2")) == (["COAL21-8-2"], ["COAL4-8-2"])
    assert kin("COAL4-18-7") == kin("COAL21-20-7") == []  # overloading the cage is no limb of the heir
    assert kin("COAL4-5-2") == kin("COAL21-5-2") == []  # split


def test_a_clause_without_a_heir_lapses_when_the_new_edition_binds() -> None:
    old, new = (CATALOGUE.in_force("coal", day) for day in (dt.date(2026, 6, 30), dt.date(2026, 7, 1)))
    lapsed = {clause.id for clause in CATALOGUE.lapsed(new)}
    assert {"COAL4-4-2", "COAL4-6-7"} <= lapsed and not lapsed & {"COAL4-18-7", "COAL4-8-2"}
    assert CATALOGUE.lapsed(old) == ()
    # AQ 3067 names no heirs: nobody can tell what lapsed
    assert CATALOGUE.lapsed(CATALOGUE.in_force("chemical", dt.date(2026, 10, 1))) == ()


def test_what_the_next_edition_adds_is_known_before_it_binds() -> None:
    old, new = (CATALOGUE.in_force("coal", day) for day in (dt.date(2026, 6, 30), dt.date(2026, 7, 1)))
    to_come = {clause.id for clause in CATALOGUE.to_come(old)}
    assert {"COAL21-7-3", "COAL21-20-18"} <= to_come and "COAL21-8-2" not in to_come
    assert CATALOGUE.to_come(new) == ()
    assert CATALOGUE.to_come(CATALOGUE.in_force("chemical", dt.date(2026, 8, 1))) == ()  # AQ 3067 names no heirs
    assert {clause.id for clause in CATALOGUE.foreign(old)} == to_come


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


def test_titles_and_citations_are_there_in_both_languages() -> None:
    clause = CATALOGUE.clauses["COAL21-5-2"]
    assert isinstance(clause, Clause)
    assert clause.article_zh == "第5条第2项"
    for each in CATALOGUE.clauses.values():
        assert any("\u4e00" <= char <= "\u9fff" for char in each.title_zh), each.id
        assert each.title_en.isascii(), each.id
