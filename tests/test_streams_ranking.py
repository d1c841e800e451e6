"""The index against the formulas it stands for, worked out one clause and one sentence at a time."""

import datetime as dt
import math

import numpy as np
import pytest

from benchmarks.score_findings import labelled
from schemas.criteria import load_catalogue
from streams.candidates import ordinary_sentences
from streams.issues import prepare
from streams.lexicon import Folded, lexicon, terms
from streams.ranking import HALF_MET, K1, LIKE, PLACE, B, Entry, Index, Terms

CATALOGUE = load_catalogue()
DAY = dt.date(2026, 12, 1)


class Oracle:
    """BM25F, cosines and keywords by definition: loops over every clause and every sentence."""

    def __init__(self, entries: list[Entry], ordinary: list[Terms]) -> None:
        self.entries, self.ordinary, count = entries, ordinary, len(entries)
        known = {term for e in entries for s in (e.bag, *e.against) for term in s} | {t for s in ordinary for t in s}
        held = {term: sum(term in e.bag for e in entries) or 1 for term in known}
        self.weight = {t: math.log(1 + (count - n + 0.5) / (n + 0.5)) for t, n in held.items()}
        self.unseen = math.log(1 + (count + 0.5) / 0.5)
        self.mean = sum(sum(e.bag.values()) for e in entries) / count
        self.owners = {word: sum(word in e.keywords for e in entries) for e in entries for word in e.keywords}

    def asked(self, sentence: Folded, place: Folded | None) -> tuple[dict[str, float], float, float]:
        """Weights of the words of sentence and place; reach and length are those of the sentence alone."""
        own = {term: self.weight.get(term, self.unseen) * times for term, times in terms(sentence).items()}
        reach, length = sum(own.values()), math.sqrt(sum(w * w for w in own.values()))
        for term, times in (terms(place) if place else {}).items():
            if term not in own and term in self.weight:
                own[term] = self.weight[term] * times * PLACE
        return own, reach, length

    def cosine(self, own: dict[str, float], length: float, said: Terms) -> float:
        norm = math.sqrt(sum((self.weight[t] * n) ** 2 for t, n in said.items())) or 1.0
        return sum(own.get(t, 0.0) * self.weight[t] * n / norm for t, n in said.items()) / length

    def rows(self, sentence: Folded, place: Folded | None) -> tuple[list[list[float]], float]:
        own, reach, length = self.asked(sentence, place)
        found = []
        for entry in self.entries:
            norm = K1 * (1 - B + B * sum(entry.bag.values()) / self.mean)
            bag = sum(w * entry.bag[t] / (entry.bag[t] + norm) for t, w in own.items() if t in entry.bag) / reach
            near = sorted((self.cosine(own, length, each) for each in entry.sentences), reverse=True)
            second = next((value for value in near if value < near[0] * (1 - 1e-9)), 0.0)
            against = max(self.cosine(own, length, each) for each in entry.against)
            met = sum(
                math.log(1 + len(self.entries) / self.owners[word]) * min(len(word), 4) / 4 * said
                for word in entry.keywords
                if (said := sum(sentence.text.startswith(word, at) for at in range(len(sentence.text))))
            )
            found.append([bag, near[0], second, against, met / (met + HALF_MET)])
        return found, max(self.cosine(own, length, each) for each in self.ordinary)


@pytest.mark.parametrize("industry", ["coal", "fireworks"])
def test_the_index_gives_what_its_formulas_give(industry: str) -> None:
    clauses = CATALOGUE.in_force(industry, DAY, general=True)
    entries = [prepare(clause, CATALOGUE.kin(clause)).entry for clause in clauses]
    ordinary = [terms(lexicon().fold(each)) for each in ordinary_sentences()]
    index, oracle = Index(entries, ordinary), Oracle(entries, ordinary)
    asked = [label for label in labelled("tune") if label["industry"] == industry and not label.get("facts")][:60:20]
    assert len(asked) >= 2
    for label in asked:
        sentence = lexicon().fold(label["text"])
        place = lexicon().fold(label["place"]) if label["place"] else None
        like = index.likeness(sentence, place)
        rows, general = oracle.rows(sentence, place)
        for name, got, wanted in zip(LIKE, like.rows, np.array(rows).T, strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-9, err_msg=f"{name}: {label['text']}")
        assert like.general == pytest.approx(general, abs=1e-9)


def test_a_sentence_of_unknown_words_is_like_nothing() -> None:
    like = Index([prepare(CATALOGUE.clauses["COAL21-5-2"]).entry]).likeness(lexicon().fold("zz qq"))
    assert like.known == like.general == 0.0 and not like.rows.any()
