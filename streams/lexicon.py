"""Words of the trade: what means the same, and what tells the state of a thing. Source: lexicon.yaml. Pure.

Sentences of inspectors and entries of the catalogue go through the same folding, so crude folds do no harm as long as
they do not throw two clauses together.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import rjieba
import yaml

FILE = Path(__file__).with_name("lexicon.yaml")
CUES = ("defect", "working", "cured", "fine", "doubt", "general")
_RUN = re.compile(r"[a-z]{2,}|[\u4e00-\u9fff]+")


class LexiconError(ValueError):
    """lexicon.yaml is unusable; the message names the part and the word."""


@dataclass(frozen=True)
class Folded:
    """A sentence in the lexicon's forms, and the lexicon's words that were met in it, in order."""

    text: str
    words: tuple[str, ...]


class Lexicon:
    """Look-ups over lexicon.yaml. Raises LexiconError where a word has two canonical forms or a pattern is broken."""

    def __init__(
        self, synonyms: Mapping[str, list[str]], rewrites: list[tuple[str, str]], characters: Mapping[str, str],
        cues: Mapping[str, list[str]],
    ) -> None:  # fmt: skip
        self._canonical: dict[str, str] = {word: word for word in synonyms}
        for word, variants in synonyms.items():
            for variant in variants:
                if self._canonical.setdefault(variant, word) != word:
                    raise LexiconError(f"synonyms: {variant!r} stands for {word!r} and {self._canonical[variant]!r}")
        lengths: dict[str, set[int]] = {}
        for word in self._canonical:
            lengths.setdefault(word[0], set()).add(len(word))
        self._lengths = {first: sorted(each, reverse=True) for first, each in lengths.items()}
        self._rewrites = [(_compiled("rewrites", pattern), into) for pattern, into in rewrites]
        self._characters = str.maketrans(dict(characters))
        if missing := [name for name in CUES if not cues.get(name)]:
            raise LexiconError(f"cues: {', '.join(missing)} missing")
        self.cues = {name: _compiled(f"cues.{name}", "|".join(cues[name])) for name in CUES}

    def fold(self, text: str) -> Folded:
        """`text` half-width, lower case, every known word in its canonical form."""
        text = unicodedata.normalize("NFKC", text).lower().translate(self._characters)
        out: list[str] = []
        words: list[str] = []
        at = kept = 0
        while at < len(text):
            length = self._length_at(text, at)
            if not length:
                at += 1
                continue
            canonical = self._canonical[text[at : at + length]]
            out += (text[kept:at], canonical)
            if len(canonical) > 1:
                words.append(canonical)
            at = kept = at + length
        out.append(text[kept:])
        folded = "".join(out)
        for pattern, into in self._rewrites:
            folded = pattern.sub(into, folded)
        return Folded(folded, tuple(words))

    def _length_at(self, text: str, at: int) -> int:
        for length in self._lengths.get(text[at], ()):
            word = text[at : at + length]
            if word in self._canonical and not (word.isascii() and _cuts_a_word(text, at, at + length)):
                return length
        return 0


def _cuts_a_word(text: str, start: int, end: int) -> bool:
    """Whether latin letters or digits go on beside the span: `co` is no word of `co2`."""
    before = text[start - 1] if start else ""
    after = text[end] if end < len(text) else ""
    return (before.isascii() and before.isalpha()) or (after.isascii() and after.isalnum())


@lru_cache(maxsize=4096)
def terms(folded: Folded) -> Mapping[str, float]:
    """The words and character pairs of a sentence with how often they occur; a pair counts half. Only to be read."""
    found: dict[str, float] = {}
    for word in folded.words:
        found[word] = found.get(word, 0.0) + 1.0
    for run in _RUN.findall(folded.text):
        if run[0] < "\u4e00":
            found[run] = found.get(run, 0.0) + 1.0
            continue
        for word in rjieba.cut(run):
            if len(word) > 1:
                found[word] = found.get(word, 0.0) + 1.0
        for start in range(len(run) - 1):
            pair = "_" + run[start : start + 2]
            found[pair] = found.get(pair, 0.0) + 0.5
    return found


def _compiled(part: str, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise LexiconError(f"{part}: {pattern!r}: {error}") from None


def read_lexicon(path: Path) -> Lexicon:
    """The lexicon in `path`. Raises LexiconError naming the part and the word."""
    raw: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    unknown = raw.keys() ^ {"synonyms", "rewrites", "characters", "cues"}
    if unknown:
        raise LexiconError(f"{path.name}: {', '.join(sorted(unknown))}: unknown or missing part")
    return Lexicon(raw["synonyms"], [(a, b) for a, b in raw["rewrites"]], raw["characters"], raw["cues"])


@cache
def lexicon() -> Lexicon:
    """The lexicon of this installation."""
    return read_lexicon(FILE)
