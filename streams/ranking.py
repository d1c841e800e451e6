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
LIKE = ("bag", "near", "second", "against", "keys")
ALIKE = 1 - 1e-9  # a sentence as near as the nearest says the same, it is no second one
HALF_MET = 1.5  # weight of keywords that counts a half
Terms = Mapping[str, float]
Floats = NDArray[np.float64]
Columns = NDArray[np.intp]


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
    """`rows` of LIKE per clause: `bag`, `near`, `second` (nearest) and `against` in 0..1, `keys` of its keywords.

    `general` is the likeness to the nearest ordinary hazard, 0..1; `known` the share of the sentence's weight that the
    index has words for; `size` the weight of the sentence's words.
    """

    rows: Floats  # one row each of LIKE, one column per clause
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
        self._postings: dict[str, tuple[float, Columns, Floats]] = {}
        for term, each in columns.items():
            at = np.array([c for c, _ in each], np.intp)
            values = np.array([v for _, v in each], np.float64)
            self._postings[term] = (self._weights[term], at, values * (self._weights[term] * usual(term)))
        self._placed: dict[str, Floats] = {}
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
        columns: list[Columns] = []
        values: list[Floats] = []
        reach = known = squares = 0.0
        get = self._postings.get
        for term, times in asked.items():
            posting = get(term)
            if posting is None:
                weight = own[term] = self._unseen * times
            else:
                weight = own[term] = posting[0] * times
                known += weight
                columns.append(posting[1])
                often = times / usual(term)
                values.append(posting[2] if often == 1.0 else posting[2] * often)
            reach += weight
            squares += weight * weight
        if not known:
            return Likeness(np.zeros((len(LIKE), self._count)), own, 0.0, 0.0, reach or 1.0)
        if place is not None:
            for term, times in terms(place).items():
                posting = get(term)
                if posting is not None and term not in asked:
                    columns.append(posting[1])
                    values.append(self._at_place(term, posting[2], times / usual(term)))
        sums = np.bincount(np.concatenate(columns), np.concatenate(values), self._columns)
        rows = np.empty((len(LIKE), self._count))
        bag, near, second, against, keys = rows
        np.divide(sums[: self._count], reach, out=bag)
        sentences = sums[self._count : self._against]
        np.maximum.reduceat(sentences, self._starts, out=near)
        sentences[sentences >= np.repeat(near * ALIKE, self._sizes)] = 0.0
        np.maximum.reduceat(sentences, self._starts, out=second)
        np.maximum.reduceat(sums[self._against : self._ordinary], self._starts_against, out=against)
        rows[1:4] /= math.sqrt(squares)
        self._count_keys(sentence.text, keys)
        ordinary = sums[self._ordinary :]
        general = float(ordinary.max()) / math.sqrt(squares) if len(ordinary) else 0.0
        return Likeness(rows, own, general, known / reach, reach)

    def _at_place(self, term: str, values: Floats, often: float) -> Floats:
        if often != 1.0:
            return values * (PLACE * often)
        held = self._placed.get(term)
        if held is None:
            held = self._placed[term] = values * PLACE
        return held

    def _count_keys(self, text: str, keys: Floats) -> None:
        """The weight of every clause's keywords that `text` says, as met / (met + HALF_MET), into `keys`."""
        met: dict[int, float] = {}
        get = self._keywords.get
        for start in range(len(text) - 1):
            for word, number, weight in get(text[start : start + 2], ()):
                if len(word) == 2 or text.startswith(word, start):
                    met[number] = met.get(number, 0.0) + weight
        keys.fill(0.0)
        for number, weight in met.items():
            keys[number] = weight / (weight + HALF_MET)


def usual(term: str) -> float:
    """How much a term counts that a sentence says once: a pair of characters counts half."""
    return 0.5 if term[0] == "_" else 1.0


def words_alike(sentence: Folded, entry: Entry) -> list[str]:
    """The words that a sentence shares with an entry, the longest first; none that is part of one named before."""
    shared = {t for t in terms(sentence) if t[0] != "_" and t in entry.bag}
    shared |= {word for word in entry.keywords if word in sentence.text}
    named: list[str] = []
    for word in sorted(shared, key=lambda each: (-len(each), each)):
        if not any(word in longer for longer in named):
            named.append(word)
    return named
