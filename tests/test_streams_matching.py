"""Sentences of inspectors against the lists in force: which clause, how sure, and why."""

import datetime as dt
from pathlib import Path

import pytest
import yaml

from schemas.criteria import load_catalogue
from schemas.terms import Verdict
from streams.calibration import calibration
from streams.matching import Answer, matcher
from streams.telling import told

CATALOGUE = load_catalogue()
LATE = dt.date(2026, 10, 8)


def judged(text: str, industry: str = "coal", place: str = "", day: dt.date = LATE) -> tuple[Answer, ...]:
    return matcher(CATALOGUE.in_force(industry, day, general=True), industry, CATALOGUE).judge(text, place)


def first(text: str, industry: str = "coal", day: dt.date = LATE) -> Answer:
    return judged(text, industry, day=day)[0]


def test_a_plain_sentence_is_major_with_candidates_in_order() -> None:
    answer = first("3305综采面甲烷1.4%，采煤机还在割煤")
    assert (answer.verdict, answer.clause and answer.clause.id) == (Verdict.MAJOR, "COAL21-5-2")
    scores = [score for _, score in answer.candidates]
    assert scores == sorted(scores, reverse=True) and scores[0] >= calibration().major


@pytest.mark.parametrize("number", ["0.9%", "9‰", "0.99%"])
def test_a_number_on_the_other_side_rules_the_clause_out_and_says_so(number: str) -> None:
    answers = judged(f"3305综采面甲烷{number}，采煤机还在割煤")
    assert answers[0].verdict is not Verdict.MAJOR
    zh, en = told(answers, CATALOGUE)
    assert "数值不在该条范围" in zh and "on the other side" in en


def test_a_number_that_is_needed_and_not_given_is_named() -> None:
    answer = first("3305综采面瓦斯超限，采煤机还在割煤，没有停电")
    assert answer.verdict is Verdict.NEEDS_REVIEW and answer.lacking


def test_what_was_put_right_is_no_hazard() -> None:
    assert first("主扇因故停运，已停电停产撤人").verdict in (Verdict.NONE, Verdict.GENERAL)


@pytest.mark.parametrize("text", ["灭火器压力不足两具", "牌板脱落", "操作台卫生差、工具乱放", "护栏油漆剥落锈蚀"])
@pytest.mark.parametrize("industry", ["coal", "chemical", "construction", "industry-trade"])
def test_ordinary_hazards_are_general_everywhere(text: str, industry: str) -> None:
    assert {a.verdict for a in judged(text, industry)} == {Verdict.GENERAL}


def test_the_issues_of_a_line_are_answered_each_for_itself() -> None:
    answers = judged("照明灯坏2盏；主扇没有备用，只有一台；3305面甲烷1.3%采煤机还在割煤")
    majors = {a.clause.id for a in answers if a.verdict is Verdict.MAJOR and a.clause}
    assert majors == {"COAL21-8-2", "COAL21-5-2"} and answers[-1].verdict is Verdict.GENERAL


def test_the_list_of_the_day_is_asked() -> None:
    text = "主扇没有备用，只有一台在转"
    assert first(text, day=dt.date(2026, 6, 30)).clause.id == "COAL4-8-2"  # type: ignore[union-attr]
    assert first(text, day=dt.date(2026, 7, 1)).clause.id == "COAL21-8-2"  # type: ignore[union-attr]


def test_a_clause_of_low_confidence_is_for_review_only() -> None:
    low = {c.id for c in CATALOGUE.clauses.values() if c.confidence == "low"}
    answers = [first(c.phrasings[0], c.industry) for c in CATALOGUE.clauses.values() if c.id in low and c.phrasings]
    assert answers and not any(a.verdict is Verdict.MAJOR and a.clause and a.clause.id in low for a in answers)


def test_words_nobody_knows_need_a_person() -> None:
    answer = first("zzz qqq")
    assert answer.verdict is Verdict.NEEDS_REVIEW and not answer.candidates


def test_the_same_words_give_the_same_answer() -> None:
    one, other = first("局扇单电源，无双风机"), first("局扇单电源，无双风机")
    assert one.named == other.named and one.score == other.score


def test_what_facts_refute_is_left_out() -> None:
    clauses = CATALOGUE.in_force("coal", LATE, general=True)
    answers = matcher(clauses, "coal", CATALOGUE).judge("主扇没有备用，只有一台", without={"COAL21-8-2"})
    assert all(clause_id != "COAL21-8-2" for a in answers for clause_id, _ in a.named)


@pytest.mark.parametrize("text", ["", "。", "，；、", "1.", "①②③", "9" * 400, "瓦斯" * 500, "(((", "\x00", "一、二、"])
def test_nothing_written_breaks_the_judge(text: str) -> None:
    for answer in judged(text):
        assert all(told([answer], CATALOGUE)), "every answer says why, in both languages"


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("集团给矿井下达的年度生产计划超过核定能力", "COAL4-4-2"),
        ("突出矿井大巷还在用架线电机车拉煤", "COAL4-6-7"),
        ("罐笼核定18人，现场清点23人，超员提人", "COAL4-18-7"),
        ("掘进头风电闭锁失效，停风以后不断电", "COAL4-8-8"),
        ("兼并重组后采矿许可证没有变更，矿井照常生产", "COAL4-17-3"),
    ],
)
def test_what_only_the_earlier_edition_names_is_major_up_to_its_last_day(text: str, clause: str) -> None:
    before, after = (first(text, day=day) for day in (dt.date(2026, 6, 30), dt.date(2026, 7, 1)))
    assert (before.verdict, before.clause and before.clause.id) == (Verdict.MAJOR, clause)
    assert after.verdict is not Verdict.MAJOR


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("地面瓦斯抽采泵站没有备用泵，只有一台", "COAL21-7-3"),
        ("掘进迎头空顶作业，没打临时支护就进人打眼", "COAL21-20-16"),
        ("猴车全程急停拉线失灵，还在运人", "COAL21-20-8"),
        ("井下电焊没有审批没有措施", "COAL21-20-15"),
        ("露天矿剥离工程包给两家单位", "COAL21-20-1"),
        ("锂电池机车在大巷里充电，没进充电硐室", "COAL21-20-18"),
        ("擅自启封井下永久密闭，没有批准", "COAL21-8-17"),
    ],
)
def test_what_only_the_later_edition_names_is_not_major_before_its_first_day(text: str, clause: str) -> None:
    before, after = (first(text, day=day) for day in (dt.date(2026, 6, 30), dt.date(2026, 7, 1)))
    assert (after.verdict, after.clause and after.clause.id) == (Verdict.MAJOR, clause)
    assert before.verdict is not Verdict.MAJOR
    assert before.issue.rival is not None and before.issue.rival.clause.id == clause


@pytest.mark.parametrize(
    ("text", "edition"),
    [
        ("井下调度电话打不通，三天没修", "MEM4"),
        ("入井的胶带没有安全标志", "MEM4"),
        ("低瓦斯矿掘进头催化探头二十天没标校", "MEM4"),
        ("剥离台阶高三十米，设计十四米", "MEM4"),
        ("单月原煤产量占全年核定能力的12%", "MEM21"),
        ("掘进头的风电闭锁坏了，局扇停了掘进机还有电", "MEM21"),
        ("皮带跑偏、打滑保护甩掉照样开", "MEM21"),
        ("采煤面当班人数正好是限员的1.2倍", "MEM21"),
    ],
)
def test_a_limb_that_only_the_other_edition_has_is_no_major_hazard(text: str, edition: str) -> None:
    day = dt.date(2026, 6, 30) if edition == "MEM4" else dt.date(2026, 7, 1)
    assert first(text, day=day).verdict is not Verdict.MAJOR


LIMBS = yaml.safe_load((Path(__file__).parent / "findings" / "limbs.yaml").read_text("utf-8"))
CHANGES = {"coal": dt.date(2026, 7, 1), "chemical": dt.date(2026, 9, 30)}


@pytest.mark.parametrize("industry", LIMBS)
def test_each_limb_is_answered_from_the_list_that_has_it(industry: str) -> None:
    changed = CHANGES.get(industry)  # a list that has one edition alone is asked once
    days = (changed - dt.timedelta(days=1), changed) if changed else (LATE,)
    wrong = []
    for text, *expected in LIMBS[industry]:
        for day, clause in zip(days, expected, strict=True):
            answer = first(text, industry, day)
            ranked = answer.candidates[0][0].clause.id if answer.candidates else ""
            if (answer.verdict is Verdict.MAJOR) if clause == "general" else clause not in (None, ranked):
                wrong.append((text, day, clause, answer.verdict, ranked))
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "上山头瓦斯3.3%连着顶了14分钟，抽采没跟上；期间断了电、人全撤出来了",
        "采面着火，停产撤人后打墙把面封了，没人受伤",
    ],
)
def test_where_that_it_happened_is_enough_nothing_done_since_undoes_it(text: str) -> None:
    assert first(text).clause is not None and first(text).clause.regardless  # type: ignore[union-attr]


def test_an_exemption_that_is_denied_exempts_nothing() -> None:
    met, exempt = first("采面限员20人，现场35人，不是交接班"), first("采面限员20人，交接班时现场35人")
    assert (met.verdict, exempt.verdict is Verdict.MAJOR) == (Verdict.MAJOR, False)
