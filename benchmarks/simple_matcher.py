"""Text of a finding against clauses: word overlap weighted as BM25 does, scaled to 0..1 by the best a text could reach.

A ranking for a person to choose from, never a verdict: no score is high enough to judge by.
"""

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import rjieba

from schemas.clauses import Clause

K1, B = 1.2, 0.6
MOST_INDEXES = 256
TOLD = 4  # words named in a why
# Below this share of what the text could reach, the likeness is chance (two common words).
LEAST_SCORE = 0.08
_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?|[\u4e00-\u9fff]+")


@dataclass(frozen=True)
class Candidate:
    clause: Clause
    score: float
    words: tuple[str, ...]  # the words of the text that were found, the most telling first


def words_of(text: str) -> list[str]:
    """Words and Chinese character pairs of `text`, half-width and lower case. Numbers are no words."""
    found: list[str] = []
    for run in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if run[0].isdigit():
            continue
        if not "\u4e00" <= run[0] <= "\u9fff":
            found.append(run)
            continue
        found += [word for word in rjieba.cut(run) if len(word) > 1]
        found += [run[i : i + 2] for i in range(len(run) - 1)]
    return found


class Matcher:
    """An index of clauses. A title counts three times; only Chinese words make a clause long."""

    def __init__(self, clauses: Sequence[Clause]) -> None:
        self._clauses = clauses
        self._texts = [Counter(_clause_words(clause)) for clause in clauses]
        lengths = [sum(n for word, n in text.items() if not word.isascii()) for text in self._texts]
        mean = sum(lengths) / len(lengths) if lengths else 1.0
        self._norms = [K1 * (1 - B + B * length / mean) for length in lengths]
        seen = Counter(word for text in self._texts for word in text)
        self._weights = {w: math.log(1 + (len(clauses) - n + 0.5) / (n + 0.5)) for w, n in seen.items()}
        self._unseen = math.log(1 + (len(clauses) + 0.5) / 0.5)
        self._holders: dict[str, list[int]] = {}
        for number, text in enumerate(self._texts):
            for word in text:
                self._holders.setdefault(word, []).append(number)

    def rank(self, text: str, most: int = 5) -> list[Candidate]:
        """At most `most` clauses with a score of at least LEAST_SCORE, best first."""
        asked = set(words_of(text))
        best = sum(self._weights.get(word, self._unseen) for word in asked) * (K1 + 1)
        scores: dict[int, float] = defaultdict(float)
        for word in asked:
            for number in self._holders.get(word, ()):
                times = self._texts[number][word]
                scores[number] += self._weights[word] * times * (K1 + 1) / (times + self._norms[number])
        ranked = sorted(scores.items(), key=lambda each: (-each[1], each[0]))[:most]
        return [
            Candidate(self._clauses[n], round(score / best, 3), self._telling(asked, n))
            for n, score in ranked
            if score / best >= LEAST_SCORE
        ]

    def _telling(self, asked: set[str], number: int) -> tuple[str, ...]:
        shared = sorted(asked & self._texts[number].keys(), key=lambda word: (-self._weights[word], -len(word), word))
        told: list[str] = []
        for word in shared:  # a pair that crosses two words already told says nothing more
            if len(told) < TOLD and not any(word in longer for longer in told):
                told.append(word)
        return tuple(told)


@lru_cache(maxsize=4096)
def _words_of_entry(
    title_zh: str, keywords: tuple[str, ...], title_en: str, conditions: tuple[str, ...]
) -> tuple[str, ...]:
    title = words_of(title_zh)
    return (*title, *title, *title, *words_of(" ".join((*keywords, title_en, *conditions))))


def _clause_words(clause: Clause) -> tuple[str, ...]:
    return _words_of_entry(clause.title_zh, clause.keywords, clause.title_en, clause.conditions)


_made: dict[int, tuple[tuple[Clause, ...], Matcher]] = {}


def matcher(clauses: tuple[Clause, ...]) -> Matcher:
    """The index of `clauses`, made once for each list that the catalogue hands out."""
    held = _made.get(id(clauses))
    if held is None or held[0] is not clauses:
        if len(_made) >= MOST_INDEXES:
            _made.clear()
        held = _made[id(clauses)] = (clauses, Matcher(clauses))
    return held[1]
