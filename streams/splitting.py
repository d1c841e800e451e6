"""One line of a ledger often holds several issues: where it is cut, and what each part says. Pure."""

import re

MOST = 12  # parts of one line that are judged by themselves
LEAST = 2  # characters of a part that can say anything
# ①②, 1. 2、 (1) 一、 1# at the head of an issue; a number that goes on (1.5%, 1#主扇) is none
_ORDINAL = (
    r"[①-⑳]|[⑴-⒇]|[(（]\s*(?:\d{1,2}|[一二三四五六七八九十]{1,2})\s*[)）]|(?<![\da-zA-Z.第])\d{1,2}\s*[、.．)）](?!\d)"
    r"|(?<![\u4e00-\u9fff])[一二三四五六七八九十]{1,2}、|(?:第?[一二三四五六七八九]是)|其[一二三四]是?[,，、:：]?"
)
_CUT = re.compile(rf"[;；。\n\r]+|(?:{_ORDINAL})")
_NEW_ISSUE = re.compile(r"[,，](?=(?:而且|并且|同时|另外|另|此外|还有|以及))")
_OPENING = re.compile(
    r"^(?:现场|本次)?(?:检查|排查|抽查|巡查)?(?:中)?(?:发现|存在|主要)(?:以下|如下)?(?:问题|隐患)?[:：]"
)
# What kind of mine it is: no issue, but said of every other part of the line.
_OF_ALL = re.compile(
    r"(?:本矿|该矿|我矿|矿井|煤层|本层)?(?:不是|不属|是|为|属于?|非)?(?:[高低]瓦斯|(?:煤与瓦斯)?突出|冲击(?:地压)?|基建|建设|在建|露天"
    r"|(?:容易)?自燃|不易自燃|衰老|水文地质(?:条件)?(?:简单|中等|复杂|极复杂)(?:类型)?)(?:的)?(?:煤矿|矿井|煤层|矿|井)"
)
# What goes on about the issue before it: what was done meanwhile or since, what of it is in order.
_GOES_ON = re.compile(
    r"(?:期间|其间|当时|随后|随即|之后|(?:发现|超限|事|报警|检查)后|但|不过|只是|倒是|好在|现已|目前已|当班已|均已"
    r"|已(?:经)?(?:断电|停|撤|处理|整改|更换|修复|恢复|封闭)|电(?:断|停|切)了|人(?:员)?(?:都|全|也|已)*撤)"
)
_COMMA = re.compile(r"[,，、]")


def parts(text: str) -> tuple[str, ...]:
    """The issues of a line where its signs part them; the line itself if it holds one."""
    cut = _OPENING.sub("", text.strip())
    found = [each.strip(" ,，、:：") for piece in _CUT.split(cut) for each in _NEW_ISSUE.split(piece)]
    found = [each for each in found if len(each) >= LEAST]
    found = _joined(found)
    kinds = [each for each in found if _OF_ALL.fullmatch(each)]
    if kinds:
        found = ["，".join([*kinds, each]) for each in found if each not in kinds]
    return tuple(found[:MOST]) if len(found) > 1 else (text,)


def _joined(found: list[str]) -> list[str]:
    """What only goes on about the part before is put back to it."""
    joined: list[str] = []
    for each in found:
        if joined and _GOES_ON.match(each):
            joined[-1] = f"{joined[-1]}，{each}"
        else:
            joined.append(each)
    return joined


def pieces(part: str) -> tuple[str, ...]:
    """The pieces of an issue between commas: each may be an issue of its own, or belong to the next."""
    found = tuple(each.strip() for each in _COMMA.split(part) if len(each.strip()) >= LEAST)
    return found if len(found) > 1 else ()
