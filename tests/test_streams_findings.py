"""What inspectors write, judged by the list of the day: reference, facts, text, place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.hazards import Finding
from schemas.terms import Verdict
from schemas.vocabulary import vocabulary
from streams.classify import Judgement
from streams.decode import Found, Record
from tests.coal_face import CATALOGUE, S, criteria

SITE = criteria()


def finding(**more: Any) -> Found:
    content = {
        "finding_id": "F-1", "site_id": S, "industry": "coal", "found_at": "2026-07-01T08:00:00+08:00",
        "received_at": "2026-07-01T09:00:00+08:00", "text": "现场检查发现问题", "place": "3301综采工作面", **more,
    }  # fmt: skip
    return Found(Record("log", "inspection.findings", 0, 7, None, None), Finding.parse(content))


def judged(**more: Any) -> Judgement:
    (found,) = criteria().on_finding(finding(**more))
    return found


EVE = "2026-06-30T23:59:00+08:00"


def test_a_valid_reference_is_the_inspector_s_claim() -> None:
    judgement = judged(criterion_ref="煤矿重大事故隐患判定标准第八条第二项")
    assert (judgement.verdict, judgement.clause.id, judgement.phase) == (Verdict.MAJOR, "COAL21-8-2", "finding")
    assert judgement.evidence[0].evidence_id == "F-1" and judgement.place_id == "face"
    assert "COAL21" not in judgement.why_zh and "应急管理部令第21号" in judgement.why_zh


def test_the_same_words_the_day_before_mean_the_earlier_list() -> None:
    judgement = judged(criterion_ref="煤矿重大事故隐患判定标准第八条第二项", found_at=EVE)
    assert (judgement.clause.id, judgement.clause.document_id) == ("COAL4-8-2", "MEM4")


def test_a_superseded_reference_needs_review_and_names_the_successor() -> None:
    judgement = judged(criterion_ref="应急管理部令第4号第八条第二项")
    assert judgement.verdict is Verdict.NEEDS_REVIEW and judgement.clause is None
    assert [c["criterion_id"] for c in judgement.candidates] == ["COAL21-8-2"]
    assert "no longer in force" in judgement.why and "被新标准取代" in judgement.why_zh


def test_a_reference_to_a_list_not_yet_in_force_needs_review() -> None:
    judgement = judged(criterion_ref="应急管理部令第21号第十四条第六项", found_at=EVE)
    assert judgement.verdict is Verdict.NEEDS_REVIEW
    assert [c["criterion_id"] for c in judgement.candidates] == ["COAL4-7-2"]


def test_a_reference_nobody_knows_needs_review() -> None:
    assert judged(criterion_ref="见附件三").verdict is Verdict.NEEDS_REVIEW


def test_a_low_confidence_clause_can_only_be_reviewed() -> None:
    low = next(c for c in CATALOGUE.clauses.values() if c.confidence == "low")
    judgement = judged(criterion_ref=low.id, industry=low.industry)
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NEEDS_REVIEW, low.id)


def test_facts_that_meet_a_rule_are_major_under_the_list_of_the_day() -> None:
    facts = {"element": "catalytic", "days_since_cal": 16}
    assert judged(facts=facts).clause.id == "COAL21-14-6"
    assert judged(facts=facts, found_at=EVE).clause.id == "COAL4-7-2"
    assert judged(facts=facts).verdict is Verdict.MAJOR


def test_facts_on_the_right_side_of_the_limit_are_no_hazard_of_that_clause() -> None:
    judgement = judged(facts={"element": "catalytic", "days_since_cal": 15}, text="qqq")
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NONE, "COAL21-14-6")


def test_a_missing_fact_is_named() -> None:
    judgement = judged(facts={"days_since_cal": 40}, text="瓦斯传感器40天未调校")
    assert (judgement.verdict, judgement.missing) == (Verdict.CANNOT_EVALUATE, ("element",))
    assert judgement.candidates[0]["criterion_id"] == "COAL21-14-6"


def test_facts_may_meet_several_clauses() -> None:
    found = criteria().on_finding(finding(facts={"ch4_pct": 1.6, "powered_work_on": True}))
    assert [j.clause.id for j in found] == ["COAL21-5-2", "COAL21-5-4"]


def test_facts_at_a_known_place_are_judged_by_the_rules_of_that_kind_of_place() -> None:
    found = criteria().on_finding(finding(facts={"ch4_pct": 1.6, "work_on": True}, place="3301回风巷"))
    assert [j.clause.id for j in found] == ["COAL21-5-1"]


def test_the_words_of_a_place_tell_its_kind_where_the_registry_does_not() -> None:
    facts = {"ch4_pct": 1.2, "work_on": True, "powered_work_on": True}
    for place, clause_ids in (("3305综放工作面", ["COAL21-5-2"]), ("3305工作面回风顺槽", ["COAL21-5-1"])):
        assert [j.clause.id for j in criteria().on_finding(finding(facts=facts, place=place))] == clause_ids


def test_facts_that_fit_clauses_of_different_places_need_review() -> None:
    judgement = judged(facts={"ch4_pct": 1.2, "powered_work_on": True}, place="某处")
    assert (judgement.verdict, judgement.missing) == (Verdict.NEEDS_REVIEW, ("place",))
    assert {"COAL21-5-1", "COAL21-5-2"} <= {c["criterion_id"] for c in judgement.candidates}


def test_words_like_a_clause_that_the_facts_refute_are_no_hazard() -> None:
    judgement = judged(facts={"element": "catalytic", "days_since_cal": 12}, text="瓦斯传感器已12天未调校")
    assert (judgement.verdict, judgement.clause.id) == (Verdict.NONE, "COAL21-14-6")


def test_an_unreadable_fact_is_missing_and_said() -> None:
    judgement = judged(facts={"element": "催化", "days_since_cal": 40})
    assert judgement.verdict is Verdict.CANNOT_EVALUATE and "element" in judgement.why


def test_text_that_plainly_means_a_clause_is_major_with_ranked_candidates() -> None:
    judgement = judged(text="矿井主扇只有一台，没有备用主要通风机")
    assert (judgement.verdict, judgement.clause.id) == (Verdict.MAJOR, "COAL21-8-2")
    assert "主要通风机" in judgement.why_zh and "COAL21-8-2" not in judgement.why_zh.split("；其次")[0]
    scores = [c["score"] for c in judgement.candidates]
    assert judgement.candidates[0]["criterion_id"] == "COAL21-8-2" and scores == sorted(scores, reverse=True)


def test_text_like_nothing_needs_review_without_candidates() -> None:
    judgement = judged(text="zzz qqq")
    assert (judgement.verdict, judgement.candidates) == (Verdict.NEEDS_REVIEW, ())


@pytest.mark.parametrize(
    ("place", "place_id"),
    [
        ("3301综采工作面", "face"),
        ("３３０１ 综采工作面", "face"),
        ("3301工作面机尾", "face"),
        ("3301回风巷口", "return"),
    ],
)
def test_a_place_is_found_by_name_or_alias(place: str, place_id: str) -> None:
    assert judged(place=place).place_id == place_id


def test_an_unknown_place_has_a_stable_id_of_its_words() -> None:
    one, two, other = (judged(place=text) for text in ("西翼 变电所", "西翼变电所", "东翼变电所"))
    assert one.place_id == two.place_id != other.place_id and one.place == "西翼 变电所"


def test_a_finding_without_industry_takes_the_site_s() -> None:
    assert judged(industry="", criterion_ref="第八条第二项").clause.id == "COAL21-8-2"


LOOSE = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(
    reference=st.none()
    | st.text()
    | st.from_regex(r"(MEM21|令第21号|)第?[0-9一二三十]{0,12}条?第?[(（]?[0-9二]{0,9}项?"),
    facts=st.dictionaries(st.sampled_from([*vocabulary().signals, "x"]), LOOSE, max_size=4),
    text=st.text(min_size=1),
    place=st.text(),
    industry=st.text() | st.sampled_from(["coal", "工贸", "noncoal"]),
)
@settings(max_examples=150, deadline=None)
def test_nothing_an_inspector_writes_breaks_the_judge(
    reference: Any, facts: Any, text: str, place: str, industry: str
) -> None:
    found = SITE.on_finding(finding(criterion_ref=reference, facts=facts, text=text, place=place, industry=industry))
    assert found and all(j.why and j.why_zh and j.catalogue_version == CATALOGUE.version for j in found)
