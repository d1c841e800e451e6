"""Numbers with their units read out of a folded sentence, Chinese numerals and comparators included. Pure.

numbers("供风量860m3/min,不足需风量1250m3/min") -> 860 flow, 1250 flow marked `reference`
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("units.yaml")
_NORM_NEAR = 15  # characters between a number and the norm that leaves its unit out
STRICTLY = 1e-6  # 不足1% is less than 1
# A unit that is the head of another word is none there: 1190台阶, 两成品库.
_GOES_ON = {"台": "(?![阶账])", "成": "(?![品立员本果功分形套型熟都为])"}
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "俩": 2, "仨": 3, "半": 0.5}
_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_ARABIC = r"\d+(?:,\d{3})*(?:[.点]\d+)?(?:[×x*]10\^?\d+)?"
_CHINESE = r"[零一二两三四五六七八九十百千俩仨半][零一二两三四五六七八九十百千万]*"
_LESS = (
    r"不足|不到|不满|低于|小于|少于|未达|未到|未满|只有|仅有?|<|以下|以内|不超过?|不大于|不高于|不多于|至多|最多|≤|<="
)
_MORE = r"超过|大于|高于|多于|超|>|以上|不小于|不低于|不少于|至少|≥|>=|起码|将近|达到?"
_STRICT_LESS = ("不足", "不到", "不满", "低于", "小于", "少于", "未达", "未到", "未满", "<", "以下")
_STRICT_MORE = ("超过", "大于", "高于", "多于", "超", ">", "以上")
# What stands before the number of a design, a norm or an allowance, not of the thing itself.
_REFERENCE = re.compile(
    r"(?:设计|图上|核定|核载|规定|要求|应|限员|限量|限|定员|定量|定(?!位)额?的?|标准|允许|额定|临界值?|临界|需风量|需|要|须|最小|最低|最大|最多|控制值?|规程|许可|备案|报警值|断电值|门槛|不大于|不超过?"
    r"|不小于|不低于|不少于|不高于|≤|≥|规范|能力)[^\d,;。]{0,6}$"
)
_CEILING = re.compile(r"不大于|不超过?|不高于|不多于|≤|<=|限|允许|最高|最大|至多|核载|定员")
_FLOOR = re.compile(r"不小于|不低于|不少于|≥|>=|至少|需|最小|最低")


@dataclass(frozen=True)
class Number:
    """`value` in the first unit of `dimension`; `dimension` "" for a number without a unit.

    `least`, `most`: what the words say of the true value ("超过10天": more than ten). `reference`: a design value, a
    norm or an allowance; `ceiling` True if it must not be passed, False if it must be reached, None if nobody says.
    """

    value: float
    dimension: str
    start: int
    end: int
    text: str
    least: float
    most: float
    reference: bool = False
    ceiling: bool | None = None


@cache
def units() -> dict[str, tuple[str, float]]:
    """Unit -> (dimension, factor)."""
    raw = yaml.load(FILE.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return {unit: (name, float(factor)) for name, members in raw.items() for unit, factor in members.items()}


@cache
def _pattern() -> re.Pattern[str]:
    names = sorted(units(), key=len, reverse=True)
    bound = "|".join(
        re.escape(n) + ("(?![a-z])" if n[-1].isascii() and n[-1].isalpha() else _GOES_ON.get(n, "")) for n in names
    )
    return re.compile(
        rf"(?P<before>{_MORE}|{_LESS})?(?:约|近|大概|为|了)?"
        rf"(?:(?P<low>{_ARABIC})(?:{bound})?[-~—至到](?={_ARABIC}))?"
        rf"(?:(?P<arabic>{_ARABIC})|(?P<spoken>{_CHINESE}点[零一二三四五六七八九]+)|(?P<chinese>{_CHINESE}))"
        rf"(?P<some>多|来|几|余)? ?(?P<unit>{bound})?"
        rf"(?P<half>(?<=[米年天月成])半|(?<=[米成])[一二三四五六七八九](?![天夜个台]))?"
        rf"(?P<after>以上|以下|以内|多)?"
    )


def numbers(text: str) -> tuple[Number, ...]:
    """Every number of `text` (folded), in order. A Chinese numeral counts only with a unit or a spoken point."""
    if not _MAY.search(text):
        return ()
    found: list[Number] = []
    for match in _pattern().finditer(text):
        number = _read(match, text, found)
        if number is not None:
            found.append(number)
    return tuple(found)


_MEASURED_NEXT = re.compile(r",[^\d,;。]{1,8}\d+(?:\.\d+)?(?:m3|立方|方)")
_MEASURED = re.compile(r"(?:实[测供际配]|测[得出]|测下来|只有|仅有?|才|[供配给])[^\d,;。]{0,3}$")
_MAY = re.compile(r"\d|[一二两三四五六七八九十百半俩仨]")


def _read(match: re.Match[str], text: str, earlier: list[Number]) -> Number | None:
    unit = match["unit"]
    if match["chinese"] and not unit:
        return None
    start = match.start("low") if match["low"] else match.start("arabic")
    if start < 0:
        start = max(match.start("spoken"), match.start("chinese"))
    if not unit and _is_a_name(text, start, match.end()):
        beside = _is_a_norm(text, start, match.end(), earlier) or _is_measured(text, start, match.end(), earlier)
        if not beside:
            return None
    if unit == "年" and match["arabic"] and len(match["arabic"]) == 4:
        return None  # 2024年 is a date
    value = _arabic(match["arabic"]) if match["arabic"] else _chinese(match["spoken"] or match["chinese"])
    dimension, factor = units()[unit] if unit else ("", 1.0)
    low = _arabic(match["low"]) if match["low"] else value
    if match["half"] and unit:  # 一米二, 两个月半, 一成三
        value = low = value + (0.5 if match["half"] == "半" else _DIGITS[match["half"]] / 10)
    value, low = value * factor, low * factor
    said = match["before"] or match["after"] or ""
    least, most = low, value
    if said in _STRICT_LESS:
        least, most = float("-inf"), value * (1 - STRICTLY)
    elif said in _STRICT_MORE or match["after"] == "多" or match["some"]:
        most = float("inf")
    before = text[max(0, start - 12) : start]
    compared = said in _STRICT_LESS or said in _STRICT_MORE
    reference = bool(_REFERENCE.search(before)) or (
        compared and any(n.dimension == dimension and not n.reference for n in earlier[-2:])
    )
    ceiling = True if _CEILING.search(before[-8:]) else False if _FLOOR.search(before[-8:]) else None
    shown = text[start : match.end()].strip()
    return Number(value, dimension, start, match.end(), shown, least, most, reference, ceiling if reference else None)


def _is_a_name(text: str, start: int, end: int) -> bool:
    """Whether a number without a unit is part of a name or a date: 3301面, 2#, -230中段, A116, 1—10月."""
    before, after = text[start - 1 : start], text[end : end + 1]
    whole = text[start:end]
    if before.isascii() and (before.isalpha() or before in "-+#(" or before == "."):
        return True
    return after in ("#", "号", ":", "-", "楼") or ("." not in whole and len(whole) >= 4)


def _is_a_norm(text: str, start: int, end: int, earlier: list[Number]) -> bool:
    """Whether a long number without a unit is its neighbour's norm: 测风840m3/min,规程要1050; 需风1400,测得1090方."""
    return (
        end - start == 4
        and text[end : end + 1] in (",", ";", "。", "")
        and bool(_REFERENCE.search(text[max(0, start - 12) : start]))
        and (
            any(each.dimension and start - each.end <= _NORM_NEAR for each in earlier[-1:])
            or bool(_MEASURED_NEXT.match(text, end))
        )
    )


def _is_measured(text: str, start: int, end: int, earlier: list[Number]) -> bool:
    """Whether a long number without a unit is what was measured of the norm before it: 需风1400m3/min,实测1120."""
    return (
        end - start == 4
        and text[end : end + 1] in (",", ";", "。", "")
        and bool(_MEASURED.search(text[max(0, start - 8) : start]))
        and any(n.dimension and n.reference and start - n.end <= _NORM_NEAR for n in earlier[-1:])
    )


def _arabic(text: str) -> float:
    text = text.replace(",", "").replace("点", ".")
    for sign in "×x*":
        if sign in text:
            head, power = text.split(sign)
            return float(head) * 10.0 ** float(power.removeprefix("10").removeprefix("^"))
    return float(text)


def _chinese(text: str) -> float:
    """十二, 一百五, 三点五, 二十来, 半 as a number."""
    if "点" in text:
        whole, part = text.split("点")
        return _chinese(whole) + float("0." + "".join(str(_DIGITS[c]) for c in part))
    total, held = 0.0, 0.0
    for character in text:
        if character in _POWERS:
            total += (held or 1.0) * _POWERS[character]
            held = 0.0
        else:
            held = held * 10 + _DIGITS[character] if held and character != "半" else held + _DIGITS[character]
    return total + held
