"""What an issue's words, numbers and cues say of every clause that might be meant. Pure."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from schemas.vocabulary import vocabulary
from streams.calibration import SURE, Calibration
from streams.issues import Candidate, Issue, Prepared, Together
from streams.lexicon import CUES, Folded, lexicon, terms
from streams.measured import Side, excludes, held_against, stated
from streams.numbers import Number, numbers
from streams.polarity import Polarity, polarity
from streams.ranking import LIKE, Index, Likeness, Terms
from streams.splitting import pieces

ORDINARY = Path(__file__).with_name("ordinary.yaml")
LOOKED_AT = 5  # candidates whose numbers and exemptions are read
NOTHING_UNDONE = 1.5  # log odds by which a clause may lead one of which what was done since undoes nothing
FARTHEST_BEHIND = 6.0  # in log odds of the order; one that is farther behind the first could not be named anyway
_NEGATIONS = "未不非"
_DENIED = re.compile(r"(?:[未不非]|[不未]是|不属于?|不算|不在|并非|未[^,已]{1,2})$")  # before what it denies
_ON = re.compile(r"但|可(?!能)|却|不过|就是|只是|试|仍|继续")  # goes on about the thing in the piece before
_NEAR = LIKE.index("near")
_AGREE = 2  # likenesses, of the bag and of the nearest sentence, that may each put the same clause first
_READ = ("number_met", "number_missing", "number_broken", "exempt")  # of a candidate, by reading on
_OF_FIRST = ("bag", "near", "keys", "told", "number_met", "number_missing", "number_broken", "exempt", "other_list")


@cache
def ordinary_sentences() -> tuple[str, ...]:
    """The ordinary hazards of ordinary.yaml."""
    raw = yaml.load(ORDINARY.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return tuple(each for group in raw.values() for each in group)


@cache
def _ordinary_terms(sentences: tuple[str, ...]) -> tuple[Terms, ...]:
    return tuple(terms(lexicon().fold(each)) for each in sentences)


class Field:
    """The clauses that a sentence is judged by: one industry on one day. `industry`: whose own list goes first.

    `foreign`: clauses that only another edition of the lists has. They are no candidates, but the words may mean them.
    """

    def __init__(
        self, clauses: Iterable[Prepared], industry: str, calibration: Calibration,
        ordinary: Sequence[str] | None = None, words: Polarity | None = None, foreign: Iterable[Prepared] = (),
    ) -> None:  # fmt: skip
        listed = tuple(clauses)
        self._own = len(listed)
        self._clauses = (*listed, *foreign)
        self._polarity = words or polarity()
        self._calibration = calibration
        known = _ordinary_terms(ordinary_sentences() if ordinary is None else tuple(ordinary))
        self._index = Index([each.entry for each in self._clauses], known)
        mine = set(vocabulary().industry_ids(industry)) or {industry}
        general = {i.id for i in vocabulary().industries.values() if i.general} - mine
        self._mine = {each.partition("/")[0] for each in mine}
        self._other = np.array([each.clause.industry in general for each in self._clauses], np.float64)
        self._weights = np.array([calibration.order[name] for name in LIKE])
        self._kinds = [each.clause.industry for each in self._clauses]
        self._told: dict[frozenset[str], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def _tells(self, told: frozenset[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Per clause: 1 of an industry that the words tell, -1 of another, else 0; and what it adds with its list."""
        found = self._told.get(told)
        if found is None:
            order = self._calibration.order
            tells = np.array([self._tell(kind, told) for kind in self._kinds])
            found = self._told[told] = (tells, order["other_list"] * self._other + order["told"] * tells)
        return found

    def _tell(self, kind: str, told: frozenset[str]) -> float:
        if not told:
            return 0.0
        head, _, part = kind.partition("/")
        known = vocabulary().industries.get(head)
        if kind in vocabulary().shared or (known and known.general):
            return 0.0
        if kind in told:
            return 1.0
        if head in self._mine:  # the industry is given: only words of another part of it speak against the clause
            return -1.0 if part and any(each.startswith(f"{head}/") for each in told) else 0.0
        return -1.0

    def read(
        self, text: str, place: Folded | None, without: frozenset[str] = frozenset(), told: frozenset[str] = frozenset()
    ) -> Issue:  # fmt: skip
        """`text` held against every clause but those of `without`; `told`: industries that its words tell."""
        folded = lexicon().fold(text)
        like = self._index.likeness(folded, place)
        found = numbers(folded.text)
        cues = {name: len(pattern.findall(folded.text)) for name, pattern in lexicon().cues.items()}
        spoken = _spoken_of(folded.text, cues)
        tells, fixed = self._tells(told)
        raw = self._weights @ like.rows
        raw += fixed
        first = _first_of(raw[: self._own])
        if self._own < len(raw):
            first = np.append(first, self._own + int(raw[self._own :].argmax()))
        candidates, rival = [], None
        columns = zip(first.tolist(), like.rows[:, first].T.tolist(), raw[first].tolist(), strict=True)
        for number, likes, sum_ in columns:
            prepared = self._clauses[number]
            if likes[_NEAR] <= 0.0 or prepared.clause.id in without:
                continue
            features = dict(zip(LIKE, likes, strict=True))
            features["other_list"], features["told"] = float(self._other[number]), float(tells[number])
            candidate = self._candidate(prepared, features, sum_, folded.text, found, spoken)
            if number < self._own:
                candidates.append(candidate)
            elif not candidate.excluded:
                rival = candidate
                like = replace(like, general=max(like.general, features["near"]))
        candidates.sort(key=lambda each: (-each.order, each.clause.id))
        if candidates and _calm(folded.text, cues):
            candidates = _that_it_happened(candidates)
        features = self._sure(candidates, folded.text, found, cues, like, rival)
        if candidates:
            nearest = [self._clauses[int(row[: self._own].argmax())] for row in like.rows[:_AGREE]]
            features["agreed"] = sum(each is candidates[0].prepared for each in nearest) / _AGREE
        return Issue(text, folded, tuple(candidates), features, cues, like.general, rival)

    def _candidate(
        self,
        prepared: Prepared,
        features: dict[str, float],
        likeness: float,
        text: str,
        found: Sequence[Number],
        spoken: str,
    ) -> Candidate:
        readings, broken = prepared.unread, None
        features["number_met"] = features["number_broken"] = 0.0
        if found and prepared.bounds:
            readings = held_against(prepared.bounds, text, found)
            broken = excludes(readings)
            features["number_met"] = float(any(r.side is Side.MET for r in readings))
            features["number_broken"] = float(broken is not None)
        features["number_missing"] = 0.0
        if readings:
            features["number_missing"] = float(any(r.bound.needed and r.side is Side.OPEN for r in readings))
        exemption = ""
        for word in prepared.exemptions:
            if word in text and _says(text, word):
                exemption = word
                break
        if prepared.together and not exemption:
            exemption = next(filter(None, (_all_said(text, each) for each in prepared.together)), "")
        unsaid = () if any(word in spoken for word in prepared.mentions) else prepared.mentions
        features["exempt"] = float(bool(exemption or unsaid))
        order = self._calibration.order
        place = likeness + sum([order[name] * features[name] for name in _READ if features[name]])
        return Candidate(prepared, features, place, readings, broken, exemption, unsaid)

    def _sure(
        self, candidates: Sequence[Candidate], text: str, found: Sequence[Number], cues: dict[str, int],
        like: Likeness, rival: Candidate | None,
    ) -> dict[str, float]:  # fmt: skip
        pairs = stated(text, found) if len(found) > 1 else ()
        features = dict.fromkeys(SURE, 0.0) | {
            "bias": 1.0, "known": like.known, "ordinary": like.general, "short": 1.0 / (1.0 + like.size / 40.0),
            "within": float(bool(pairs) and all(pair.within for pair in pairs)),
            "beyond": float(any(not pair.within for pair in pairs)),
            "calm": float(_calm(text, cues)),
        }  # fmt: skip
        features |= {name: min(cues[name], 2) / 2 for name in CUES}
        features["state"] = self._polarity.state(like.weights)
        if not candidates:
            return features
        first = candidates[0]
        if first.clause.regardless:
            features["calm"] = features["cured"] = 0.0
        rest = candidates[1].order if len(candidates) > 1 else 0.0
        rest = max(rest, rival.order) if rival else rest
        over = max((c.features["near"] for c in candidates if c.excluded), default=0.0)
        features |= {name: first.features[name] for name in _OF_FIRST}
        features["order"], features["margin"] = first.order, min(first.order - rest, 4.0)
        features["ordinary_gap"] = like.general - first.features["near"]
        features["passed_over"] = 0.0 if first.excluded else max(0.0, over - 0.7 * first.features["near"])
        bag = first.prepared.entry.bag
        features["cover"] = sum([w for term, w in like.weights.items() if term in bag]) / like.size
        features["alike"] = _alike(text, bag)
        features["meant"] = self._polarity.meant(like.weights, bag)
        features["contrast"] = first.features["against"] - first.features["near"]
        return features


def _calm(text: str, cues: dict[str, int]) -> bool:
    """Whether something was done about it, or all is said to be as it should, and no work goes on.

    That one thing is in order says nothing of another one between other commas that has a defect.
    """
    if cues["working"] or not (cues["cured"] or cues["fine"]):
        return False
    if cues["cured"]:
        return True
    held = lexicon().cues
    return not any(
        held["defect"].search(piece) and not held["fine"].search(piece) and not held["general"].search(piece)
        for piece in pieces(text)
    )


def _spoken_of(text: str, cues: dict[str, int]) -> str:
    """`text` without the pieces that only say of a thing that it is in order, where another one has a defect."""
    held = pieces(text) if cues["fine"] and cues["defect"] else ()
    said = lexicon().cues
    wrong = [bool(said["defect"].search(each)) for each in held]
    if not any(wrong):
        return text
    return ",".join(
        each for each, defect, after in zip(held, wrong, (*held[1:], ""), strict=True)
        if defect or _ON.match(after) or not said["fine"].search(each)
    )  # fmt: skip


def _that_it_happened(candidates: list[Candidate]) -> list[Candidate]:
    """`candidates`, where all was done that could be: of two as likely, first the one of which that undoes nothing."""
    least = candidates[0].order - NOTHING_UNDONE
    held = [c for c in candidates if c.clause.regardless and c.order >= least and not c.excluded][:1]
    return [*held, *(c for c in candidates if c not in held)]


def _first_of(raw: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the highest LOOKED_AT of `raw` are, without those too far behind."""
    count = min(LOOKED_AT, len(raw))
    first = np.argpartition(raw, len(raw) - count)[-count:] if count < len(raw) else np.arange(len(raw))
    return first[raw[first] >= raw[first].max() - FARTHEST_BEHIND] if count else first


def _alike(text: str, bag: Terms) -> float:
    """Of the words of defect in `text`, the share that the entry uses too; a half if there are none."""
    found = [match.start() for match in lexicon().cues["defect"].finditer(text)]
    met = sum("_" + text[at : at + 2] in bag or "_" + text[at - 1 : at + 1] in bag for at in found)
    return met / len(found) if found else 0.5


def _all_said(text: str, together: Together) -> str:
    """What `text` says and does not deny of an exemption's words, one of each group; "" unless it does of all."""
    said = []
    for words in together:
        for word in words:
            if word in text and _says(text, word):
                said.append(word)
                break
        else:
            return ""
    return "、".join(said)


def _says(text: str, word: str) -> bool:
    """Whether `text` says `word` and does not deny it."""
    at = text.find(word)
    while at >= 0:
        if word[0] in _NEGATIONS or not _DENIED.search(text[max(0, at - 4) : at]):
            return True
        at = text.find(word, at + 1)
    return False


def likely(issue: Issue, calibration: Calibration) -> list[float]:
    """One probability per candidate: the first by calibration, the others by how far they are behind it."""
    if not issue.candidates:
        return []
    first = calibration.probability(issue.features)
    top = issue.candidates[0].order
    return [first * math.exp(min(0.0, each.order - top)) for each in issue.candidates]
