"""References as inspectors write them: `煤矿重大事故隐患判定标准第五条第二项`, `部令第21号5条2项`, `MEM21 art. 5(2)`.

Only reading: which document and which place in it the words name. Whether that list binds is the catalogue's to say.
"""

import re
import unicodedata
from dataclasses import dataclass

from schemas.clauses import Document

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_NUMERAL = re.compile(r"[零〇一二两三四五六七八九十百]+")
_SECTIONS = {"ug": "1", "op": "2", "tp": "3"}  # 地下矿山, 露天矿山, 尾矿库 of the non-coal list
# From the most telling form to the least; every form gives one or two numbers of a locator.
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"第?(\d+)条[,、]?(?:的)?第?\(?(\d+)\)?(?:项|款|种|目)?",
        r"第?(\d+)条",
        r"art(?:icle)?s?\.? ?(\d+)[\(.\-](?:item)?(\d+)\)?",
        r"art(?:icle)?s?\.? ?(\d+)",
        r"第?(\d+)(?:部分|章|节|section)[,、]?第?\(?(\d+)\)?(?:项|条)?",
        r"section ?(\d+) ?item ?(\d+)",
        r"(ug|op|tp)(\d+)",
        r"(?<![\d.])(\d+(?:\.\d+)+)\(?([a-z])?\)?",
        r"(?<!\d)(\d+)(?:\(|-)(\d+)\)?",
        r"(?:第|item ?|\()(\d+)(?:项|\)|$)?",
    )
)


@dataclass(frozen=True)
class Reference:
    """`documents`: ids that the words name (several editions if only the shared title is written); `locator`: `5.2`.

    `exact`: one edition is named by number or year, not by the title that editions share.
    """

    documents: tuple[str, ...]
    exact: bool
    locator: str


def plain(text: str) -> str:
    """Half-width, lower case, without needless spaces, quotes and title marks: what references are compared in."""
    text = unicodedata.normalize("NFKC", text).lower()
    text = re.sub(r"[《》〈〉\"'“”‘’]", "", text.translate({0x3014: "(", 0x3015: ")", 0x5B: "(", 0x5D: ")"}))
    # a space stays only where it keeps two numbers or words apart
    return re.sub(r"(?<![a-z0-9])\s+|\s+(?![a-z0-9])", "", re.sub(r"\s+", " ", text))


def arabic(text: str) -> str:
    """Chinese numerals up to 999 as digits: `第十三条` becomes `第13条`."""

    def value(match: re.Match[str]) -> str:
        total = digit = 0
        for char in match.group():
            if char in "十百":
                total += (digit or 1) * (10 if char == "十" else 100)
                digit = 0
            else:
                digit = _DIGITS[char]
        return str(total + digit)

    return _NUMERAL.sub(value, text)


def locator(article: str) -> str:
    """The key of an article: `art. 5(2)` is `5.2`, `section 1 item 13` is `1.13`, `4.7d` is `4.7d`."""
    last = article.split("GB 35181-2017 ")[-1].removeprefix("2017 ed. ")
    return ".".join(re.findall(r"\d+[a-z]?", last))


class ReferenceReader:
    """Reads references against a set of documents."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        exact = {(plain(name), d.id) for d in documents for name in (d.id, d.number, *d.aliases) if name}
        family = {(plain(d.family or d.title_zh), d.id) for d in documents}
        # the longest name first: 第121号 must not be read as 第21号, nor a title as its beginning
        self._exact = sorted(exact, key=lambda each: (-len(each[0]), each))
        self._family = sorted(family, key=lambda each: (-len(each[0]), each))

    def read(self, text: str) -> Reference | None:
        """What `text` refers to; None if it names neither a document nor a place in one."""
        words = plain(text)
        documents, rest, exact = self._documents(words)
        place = _place(arabic(rest), bool(documents))
        if not documents and not place:
            return None
        return Reference(documents, exact, place)

    def _documents(self, words: str) -> tuple[tuple[str, ...], str, bool]:
        for names, exact in ((self._exact, True), (self._family, False)):
            for name, _ in names:
                at = _find(words, name)
                if at >= 0:
                    ids = tuple(sorted(document_id for each, document_id in names if each == name))
                    rest = words[:at] + " " + words[at + len(name) :]
                    return ids, _without_families(rest, self._family), exact and len(ids) == 1
        return (), words, False


def _without_families(rest: str, family: list[tuple[str, str]]) -> str:
    for name, _ in family:
        rest = rest.replace(name, " ")
    return rest


def _find(words: str, name: str) -> int:
    """Where `name` stands in `words` without cutting a number in two; -1 if nowhere."""
    head = r"(?<!\d)" if name[0].isdigit() else ""
    head = r"(?<![a-z])" if name[0].isascii() and name[0].isalpha() else head
    tail = r"(?!\d)" if name[-1].isdigit() else ""
    match = re.search(head + re.escape(name) + tail, words)
    return match.start() if match else -1


def _place(rest: str, document_known: bool) -> str:
    forms = _FORMS if document_known else _FORMS[:4]
    for form in forms:
        match = form.search(rest)
        if match:
            parts = [part for part in match.groups() if part]
            if parts[0] in _SECTIONS:
                parts[0] = _SECTIONS[parts[0]]
            letter = len(parts) == 2 and parts[1].isalpha()
            return "".join(parts) if letter else ".".join(parts)
    return ""
