"""Clauses ranked by likeness to a sentence: an inverted index over titles, keywords, phrasings and true cases. Pure.

Two likenesses per clause: BM25F over everything that is written of it, and the cosine with the nearest single sentence.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.clauses import Case, Clause
from streams.lexicon import Folded, lexicon, terms

K1, B = 1.4, 0.5
TITLE, KEYWORD, SENTENCE, LENT = 2.0, 2.0, 1.0, 0.5
PLACE = 0.35  # a word of the place tells less than one of the sentence
Terms = Mapping[str, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Entry:
    """What the index knows of one clause: folded sentences for the nearest one, the weighted bag and text of all.

    `against`: sentences near its subject that are no hazard of it.
    """

    sentences: tuple[Terms, ...]
    against: tuple[Terms, ...]
    bag: Terms
    keywords: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Likeness:
    """Per clause of the index: `bag`, `near` and `against` in 0..1, `keys` the weight of its telling keywords met.

    `general` is the likeness to the nearest ordinary hazard, 0..1; `known` the share of the sentence's weight that the
    index has words for; `size` the weight of the sentence's words.
    """

    bag: Floats
    near: Floats
    second: Floats
    against: Floats
    keys: Floats
    weights: Terms  # of the sentence's own words
    general: float
    known: float
    size: float


def entry_of(clause: Clause, cases: Sequence[Case] | None = None, kin: Sequence[Clause] = ()) -> Entry:
    """`clause` as the index sees it, with what is said of its `kin`; with some `cases` only it can be asked others."""
    fold = lexicon().fold
    named = fold(clause.title_zh)
    title = terms(named)
    keywords = [fold(word) for word in clause.keywords]
    folded = [fold(text) for text in _said(clause, clause.cases if cases is None else cases, met=True)]
    sentences = [terms(each) for each in folded]
    lent = [terms(fold(text)) for each in kin for text in (each.title_zh, *_said(each, each.cases, met=True))]
    against = [terms(fold(text)) for text in _said(clause, clause.cases if cases is None else cases, met=False)]
    bag: dict[str, float] = {}
    _add(bag, title, TITLE)
    for word in keywords:
        _add(bag, terms(word), KEYWORD)
    for sentence in sentences:
        _add(bag, sentence, SENTENCE)
    for sentence in lent:
        _add(bag, sentence, LENT)
    together: dict[str, float] = {}
    for word in keywords:
        _add(together, terms(word), 1.0)
    return Entry(
        (title, *sentences, *lent, together) if keywords else (title, *sentences, *lent), (*against, {}), bag,
        tuple(dict.fromkeys(word.text for word in keywords if len(word.text) > 1)),
        " ".join(each.text for each in (named, *keywords, *folded)),
    )  # fmt: skip


def _said(clause: Clause, cases: Sequence[Case], met: bool) -> list[str]:
    more = [case.text for case in cases if case.text is not None and case.expect is met]
    return [*(clause.phrasings if met else clause.contrasts), *more]


def _add(bag: dict[str, float], more: Terms, weight: float) -> None:
    for term, times in more.items():
        bag[term] = bag.get(term, 0.0) + weight * times


class Index:
    """An index of entries, with `ordinary` sentences that are hazards of no clause."""

    def __init__(self, entries: Sequence[Entry], ordinary: Sequence[Terms] = ()) -> None:
        count = len(entries)
        held: dict[str, int] = {}
        for entry in entries:
            for term in entry.bag:
                held[term] = held.get(term, 0) + 1
        against = [sentence for entry in entries for sentence in entry.against]
        for sentence in (*against, *ordinary):
            for term in sentence:
                held.setdefault(term, 1)
        self._weights = {t: math.log(1 + (count - n + 0.5) / (n + 0.5)) for t, n in held.items()}
        self._unseen = math.log(1 + (count + 0.5) / 0.5)
        sizes = [sum(entry.bag.values()) for entry in entries]
        mean = sum(sizes) / count if count else 1.0
        columns: dict[str, list[tuple[int, float]]] = {}
        for number, (entry, size) in enumerate(zip(entries, sizes, strict=True)):
            norm = K1 * (1 - B + B * size / mean)
            for term, times in entry.bag.items():
                columns.setdefault(term, []).append((number, times / (times + norm)))
        said = [sentence for entry in entries for sentence in entry.sentences]
        for column, sentence in enumerate((*said, *against, *ordinary), count):
            self._put(columns, column, sentence)
        self._count, self._against = count, count + len(said)
        self._ordinary = self._against + len(against)
        self._columns = self._ordinary + len(ordinary)
        self._sizes = np.array([len(entry.sentences) for entry in entries], np.intp)
        self._starts = np.cumsum(self._sizes) - self._sizes
        sizes_against = np.array([len(entry.against) for entry in entries], np.intp)
        self._starts_against = np.cumsum(sizes_against) - sizes_against
        self._postings = {
            term: (
                self._weights[term],
                np.array([c for c, _ in each], np.intp),
                np.array([v for _, v in each], np.float64),
            )
            for term, each in columns.items()
        }
        self._keywords: dict[str, list[tuple[str, int, float]]] = {}
        self._index_keywords(entries)

    def _put(self, columns: dict[str, list[tuple[int, float]]], column: int, sentence: Terms) -> None:
        length = math.sqrt(sum((self._weights[t] * n) ** 2 for t, n in sentence.items())) or 1.0
        for term, times in sentence.items():
            columns.setdefault(term, []).append((column, self._weights[term] * times / length))

    def _index_keywords(self, entries: Sequence[Entry]) -> None:
        owners: dict[str, list[int]] = {}
        for number, entry in enumerate(entries):
            for word in entry.keywords:
                owners.setdefault(word, []).append(number)
        for word, numbers in owners.items():
            weight = math.log(1 + len(entries) / len(numbers)) * min(len(word), 4) / 4
            for number in numbers:
                self._keywords.setdefault(word[:2], []).append((word, number, weight))

    def likeness(self, sentence: Folded, place: Folded | None = None) -> Likeness:
        """How like every clause is to `sentence`, said of `place`."""
        asked = terms(sentence)
        own: dict[str, float] = {}
        found: list[tuple[NDArray[np.intp], Floats]] = []
        weights: list[float] = []
        reach = known = squares = 0.0
        for term, times in asked.items():
            posting = self._postings.get(term)
            weight = own[term] = (self._unseen if posting is None else posting[0]) * times
            reach += weight
            squares += weight * weight
            if posting is not None:
                known += weight
                weights.append(weight)
                found.append(posting[1:])
        if not known:
            nothing = np.zeros(self._count)
            return Likeness(nothing, nothing, nothing, nothing, nothing, own, 0.0, 0.0, reach or 1.0)
        if place is not None:
            for term, times in terms(place).items():
                posting = self._postings.get(term)
                if posting is not None and term not in asked:
                    weights.append(posting[0] * times * PLACE)
                    found.append(posting[1:])
        whole = math.sqrt(squares)
        columns = np.concatenate([columns for columns, _ in found])
        values = np.concatenate([values for _, values in found])
        values *= np.repeat(np.array(weights), [len(columns) for columns, _ in found])
        sums = np.bincount(columns, values, self._columns)
        bag = sums[: self._count] / reach
        cosines = sums / whole
        sentences = cosines[self._count : self._against]
        near = np.maximum.reduceat(sentences, self._starts)
        rest = np.where(sentences == np.repeat(near, self._sizes), 0.0, sentences)
        second = np.maximum.reduceat(rest, self._starts)
        against = np.maximum.reduceat(cosines[self._against : self._ordinary], self._starts_against)
        ordinary = cosines[self._ordinary :]
        return Likeness(
            bag, near, second, against, self._keys(sentence.text), own, float(ordinary.max()) if len(ordinary) else 0.0,
            known / reach, reach,
        )  # fmt: skip

    def _keys(self, text: str) -> Floats:
        met = np.zeros(self._count)
        for start in range(len(text) - 1):
            for word, number, weight in self._keywords.get(text[start : start + 2], ()):
                if text.startswith(word, start):
                    met[number] += weight
        return met


def words_alike(sentence: Folded, entry: Entry) -> list[str]:
    """The words that a sentence shares with an entry, the longest first; none that is part of one named before."""
    shared = {t for t in terms(sentence) if t[0] != "_" and t in entry.bag}
    shared |= {word for word in entry.keywords if word in sentence.text}
    named: list[str] = []
    for word in sorted(shared, key=lambda each: (-len(each), each)):
        if not any(word in longer for longer in named):
            named.append(word)
    return named
