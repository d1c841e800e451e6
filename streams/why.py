"""Saying why, in Chinese and English: which comparison held or failed, what could not be seen."""

from collections.abc import Iterable

from schemas.clauses import Clause, Document
from schemas.vocabulary import Signal, vocabulary
from streams.criteria import Leaf, Outcome

_SIGNS = {">=": "≥", "<=": "≤", "==": "=", "!=": "≠"}
_YES_ZH, _YES_EN = {True: "是", False: "否"}, {True: "yes", False: "no"}


def cited(clause: Clause, document: Document) -> tuple[str, str]:
    """(zh, en): document, number, article and title of a clause."""
    return (
        f"《{document.title_zh}》（{document.number}）{clause.article_zh}“{clause.title_zh}”",
        f"{document.id} {clause.article} “{clause.title_en}”",
    )


def named(signals: Iterable[str]) -> tuple[str, str]:
    """(zh, en): signals with their names in words."""
    words = [(name, vocabulary().signals.get(name)) for name in signals]
    return (
        "、".join(f"{signal.zh if signal else name}（{name}）" for name, signal in words),
        ", ".join(f"{signal.en if signal else name} ({name})" for name, signal in words),
    )


def shown(leaf: Leaf) -> tuple[str, str]:
    """(zh, en): one comparison with its figures."""
    signal = vocabulary().signals.get(leaf.q)
    zh, en = (signal.zh, signal.en) if signal else ("地点", "place")
    if leaf.op == "missing" and leaf.result is not None:
        return (f"{zh}：无数据", f"{en}: no data") if leaf.result else (f"{zh}：有数据", f"{en}: data comes in")
    if shared := vocabulary().signals.get(leaf.per):
        zh, en = f"{zh}（除以{shared.zh}）", f"{en} per {shared.en}"
        signal = None  # the quotient has no unit of its own here
    if leaf.value is None:
        return f"{zh}：未见", f"{en}: not seen"
    if isinstance(leaf.value, bool):
        return f"{zh}：{_YES_ZH[leaf.value]}", f"{en}: {_YES_EN[leaf.value]}"
    if leaf.limit is None:
        return (
            f"{zh} {_text(leaf.value, signal)}，无对照值",
            f"{en} {_text(leaf.value, signal)}, nothing to compare with",
        )
    sign = _SIGNS.get(leaf.op, leaf.op) if leaf.result else "✗ " + _SIGNS.get(leaf.op, leaf.op)
    compared = f"{_text(leaf.value, signal)} {sign} {_text(leaf.limit, signal)}"
    return f"{zh} {compared}", f"{en} {compared}"


def explained(outcome: Outcome) -> tuple[str, str]:
    """(zh, en): what decided, and what was missing."""
    pairs = [shown(leaf) for leaf in dict.fromkeys(outcome.decided)]
    zh, en = "；".join(z for z, _ in pairs), "; ".join(e for _, e in pairs)
    if outcome.missing:
        missing_zh, missing_en = named(outcome.missing)
        zh, en = f"{zh}；缺少：{missing_zh}", f"{en}; not seen: {missing_en}"
    return zh, en


def _text(value: object, signal: Signal | None) -> str:
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    unit = signal.unit if signal and signal.unit not in ("-", "site") else ""
    return f"{value:g}{' ' if unit and unit != '%' else ''}{unit}" if isinstance(value, float) else str(value)
