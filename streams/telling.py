"""Saying why a text was judged so, in Chinese and English: which words, which numbers, which exclusion held. Pure."""

from collections.abc import Sequence

from schemas.criteria import Catalogue
from schemas.terms import Verdict
from streams.issues import Candidate, Issue
from streams.matching import Answer
from streams.measured import Side
from streams.ranking import words_alike
from streams.why import cited

WORDS = 5  # words named
OTHERS = 2  # further candidates named

_VERDICT = {
    Verdict.MAJOR: ("符合", "matches"),
    Verdict.NEEDS_REVIEW: ("可能符合，待人工判定", "may match, for a person to judge"),
    Verdict.GENERAL: ("一般隐患", "an ordinary hazard"),
    Verdict.NONE: ("未见隐患", "no hazard"),
}


def told(answers: Sequence[Answer], catalogue: Catalogue) -> tuple[str, str]:
    """(zh, en) of a line: every issue with its verdict, numbered where there are several."""
    pairs = [_issue(answer, catalogue) for answer in answers]
    if len(pairs) == 1:
        return pairs[0]
    zh = "；".join(f"（{n}）“{a.issue.text}”：{z}" for n, (a, (z, _)) in enumerate(zip(answers, pairs, strict=True), 1))
    en = "; ".join(f"({n}) “{a.issue.text}”: {e}" for n, (a, (_, e)) in enumerate(zip(answers, pairs, strict=True), 1))
    return zh, en


def _issue(answer: Answer, catalogue: Catalogue) -> tuple[str, str]:
    first = answer.candidates[0][0] if answer.candidates else None
    verdict_zh, verdict_en = _VERDICT[answer.verdict]
    if first is None:
        return _nothing(answer, verdict_zh, verdict_en)
    zh, en = cited(first.clause, catalogue.document_of(first.clause))
    seen_zh, seen_en = _seen(first, answer.issue)
    if answer.verdict in (Verdict.GENERAL, Verdict.NONE):
        zh = f"{verdict_zh}：最接近{zh}，但可能性仅{answer.score:.2f}"
        en = f"{verdict_en}: nearest is {en}, at {answer.score:.2f} only"
    else:
        zh, en = f"{verdict_zh}{zh}（{answer.score:.2f}）", f"{verdict_en} {en} ({answer.score:.2f})"
    lacking_zh = f"；缺少：{'、'.join(answer.lacking)}" if answer.lacking else ""
    lacking_en = f"; not stated: {', '.join(answer.lacking)}" if answer.lacking else ""
    others = [f"{c.clause.id} {c.clause.title_zh} {score:.2f}" for c, score in answer.candidates[1 : 1 + OTHERS]]
    more_zh = f"；其次：{'、'.join(others)}" if others else ""
    more_en = f"; then {', '.join(others)}" if others else ""
    return f"{zh}：{seen_zh}{lacking_zh}{more_zh}", f"{en}: {seen_en}{lacking_en}{more_en}"


def _nothing(answer: Answer, verdict_zh: str, verdict_en: str) -> tuple[str, str]:
    if answer.verdict is Verdict.NEEDS_REVIEW:
        return "当日有效的条款中没有与文字相近的，待人工判定", "No clause in force resembles the text"
    return (
        f"{verdict_zh}：与各条款均不相近；{_cues(answer.issue, zh=True)}",
        f"{verdict_en}: like no clause; {_cues(answer.issue, zh=False)}",
    )


def _seen(first: Candidate, issue: Issue) -> tuple[str, str]:
    zh: list[str] = []
    en: list[str] = []
    words = words_alike(issue.folded, first.prepared.entry)[:WORDS]
    if words:
        zh.append(f"词语 {' '.join(words)}")
        en.append(f"words {' '.join(words)}")
    numbers = [r.shown for r in first.readings if r.side is not Side.OPEN and r is not first.broken]
    if numbers:
        zh.append(f"数值 {'，'.join(numbers)}")
        en.append(f"numbers {', '.join(numbers)}")
    if first.broken is not None:
        zh.append(f"数值不在该条范围：{first.broken.shown}")
        en.append(f"the number is on the other side: {first.broken.shown}")
    if first.exemption:
        zh.append(f"排除：{first.exemption}")
        en.append(f"excluded by “{first.exemption}”")
    if first.unsaid:
        zh.append(f"未提及 {'、'.join(first.unsaid)}")
        en.append(f"says nothing of {', '.join(first.unsaid)}")
    if issue.rival is not None and issue.of_other_edition:
        zh.append(f"更像另一版标准才有的 {issue.rival.clause.id} {issue.rival.clause.title_zh}")
        en.append(f"more like {issue.rival.clause.id} {issue.rival.clause.title_en}, which another edition alone has")
    zh.append(_cues(issue, zh=True))
    en.append(_cues(issue, zh=False))
    return "；".join(filter(None, zh)), "; ".join(filter(None, en))


_CUES = {
    "doubt": ("文字有不确定之处", "the words are in doubt"),
    "cured": ("文字称已处置或正常", "said to be put right or in order"),
    "fine": ("文字称有合规之处", "something is said to be as it should"),
    "within": ("数值在所述限值内", "within the limit it states"),
    "general": ("含一般隐患用语", "words of ordinary hazards"),
}


def _cues(issue: Issue, zh: bool) -> str:
    held = [_CUES[name][0 if zh else 1] for name in _CUES if issue.features[name]]
    return ("，" if zh else ", ").join(held)
