"""What an issue's words, numbers and cues say of every clause that might be meant. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from schemas.clauses import Case, Clause
from schemas.criteria import Catalogue
from schemas.vocabulary import vocabulary
from streams.calibration import SURE, Calibration
from streams.lexicon import CUES, Folded, lexicon, terms
from streams.measured import Bound, Reading, Side, bound_of, excludes, held_against, stated
from streams.numbers import Number, numbers
from streams.polarity import Polarity, polarity
from streams.ranking import LIKE, Entry, Index, Likeness, Terms, entry_of

ORDINARY = Path(__file__).with_name("ordinary.yaml")
LOOKED_AT = 5  # candidates whose numbers and exemptions are read
FARTHEST_BEHIND = 6.0  # in log odds of the order; one that is farther behind the first could not be named anyway
_NEGATIONS = "未不非"
_NEAR = LIKE.index("near")
_READ = ("number_met", "number_missing", "number_broken", "exempt")  # of a candidate, by reading on
_OF_FIRST = ("bag", "near", "keys", "told", "number_met", "number_missing", "number_broken", "exempt", "other_list")


@dataclass(frozen=True)
class Prepared:
    """A clause with everything folded that a sentence is held against; `unread`: its limits without a number."""

    clause: Clause
    entry: Entry
    bounds: tuple[Bound, ...]
    unread: tuple[Reading, ...]
    exemptions: tuple[str, ...]
    mentions: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A clause that an issue may mean. `broken`: the number, `exemption`: the word that says it does not hold.

    `unsaid`: words of which the clause's matter has one, and the issue none.
    """

    prepared: Prepared
    features: dict[str, float]
    order: float
    readings: tuple[Reading, ...]
    broken: Reading | None
    exemption: str
    unsaid: tuple[str, ...] = ()

    @property
    def clause(self) -> Clause:
        return self.prepared.clause

    @property
    def excluded(self) -> bool:
        return self.broken is not None or bool(self.exemption) or bool(self.unsaid)

    @property
    def lacking(self) -> tuple[Bound, ...]:
        """Needed numbers that the issue does not give."""
        return tuple(r.bound for r in self.readings if r.bound.needed and r.side is Side.OPEN)


@dataclass(frozen=True)
class Issue:
    """One issue as it was read: candidates in order, and the features that tell how sure the first of them is."""

    text: str
    folded: Folded
    candidates: tuple[Candidate, ...]
    features: dict[str, float]
    cues: dict[str, int]
    ordinary: float

    @property
    def in_order(self) -> bool:
        """Whether the words say that the thing was put right or keeps its own norm, and nothing to the contrary."""
        within = self.features["within"] and not self.features["beyond"] and not self.features["number_met"]
        return bool(within or self.features["calm"])

    @property
    def may_be_major(self) -> bool:
        """Whether nothing but likeness stands between the first candidate and the verdict."""
        first = self.candidates[0]
        return not (first.excluded or first.lacking or self.doubtful or self.in_order)

    @property
    def doubtful(self) -> bool:
        """Whether the words are in doubt, other than in the doubt that is the first candidate's own matter."""
        if not self.cues["doubt"] or not self.candidates:
            return bool(self.cues["doubt"])
        own = self.candidates[0].prepared.entry.text
        return any(match.group() not in own for match in lexicon().cues["doubt"].finditer(self.folded.text))


def prepare(clause: Clause, kin: Sequence[Clause] = (), cases: Sequence[Case] | None = None) -> Prepared:
    """`clause` made ready, with what is said of its `kin`; with some of its `cases` only, it can be asked the rest."""
    fold = lexicon().fold
    bounds = tuple(bound_of(limit) for limit in clause.limits)
    words = dict.fromkeys(fold(word).text for word in clause.excludes if len(word) > 1)
    unread = tuple(Reading(bound, Side.OPEN) for bound in bounds)
    mentions = tuple(dict.fromkeys(fold(word).text for word in clause.mentions))
    return Prepared(clause, entry_of(clause, cases, kin), bounds, unread, tuple(words), mentions)


@cache
def ordinary_sentences() -> tuple[str, ...]:
    """The ordinary hazards of ordinary.yaml."""
    raw = yaml.load(ORDINARY.read_text("utf-8"), Loader=yaml.CSafeLoader)
    return tuple(each for group in raw.values() for each in group)


def lapsed_sentences(catalogue: Catalogue, clauses: Sequence[Clause]) -> tuple[str, ...]:
    """What met clauses that lapsed when the lists of `clauses` came: no list in force names it."""
    return tuple(
        text
        for clause in catalogue.lapsed(clauses)
        for text in (*clause.phrasings, *(case.text for case in clause.cases if case.text and case.expect is True))
    )


@cache
def _ordinary_terms(sentences: tuple[str, ...]) -> tuple[Terms, ...]:
    return tuple(terms(lexicon().fold(each)) for each in sentences)


class Field:
    """The clauses that a sentence is judged by: one industry on one day. `industry`: whose own list goes first."""

    def __init__(
        self, clauses: Iterable[Prepared], industry: str, calibration: Calibration,
        ordinary: Sequence[str] | None = None, words: Polarity | None = None,
    ) -> None:  # fmt: skip
        self._clauses = tuple(clauses)
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
        tells, fixed = self._tells(told)
        raw = self._weights @ like.rows
        raw += fixed
        count = min(LOOKED_AT, len(raw))
        first = np.argpartition(raw, len(raw) - count)[-count:] if count < len(raw) else np.arange(len(raw))
        first = first[raw[first] >= raw[first].max() - FARTHEST_BEHIND] if count else first
        candidates = []
        columns = zip(first.tolist(), like.rows[:, first].T.tolist(), raw[first].tolist(), strict=True)
        for number, likes, sum_ in columns:
            prepared = self._clauses[number]
            if likes[_NEAR] <= 0.0 or prepared.clause.id in without:
                continue
            features = dict(zip(LIKE, likes, strict=True))
            features["other_list"], features["told"] = float(self._other[number]), float(tells[number])
            candidates.append(self._candidate(prepared, features, sum_, folded.text, found))
        candidates.sort(key=lambda each: (-each.order, each.clause.id))
        features = self._sure(candidates, folded.text, found, cues, like)
        return Issue(text, folded, tuple(candidates), features, cues, like.general)

    def _candidate(
        self, prepared: Prepared, features: dict[str, float], likeness: float, text: str, found: Sequence[Number]
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
        unsaid = () if any(word in text for word in prepared.mentions) else prepared.mentions
        features["exempt"] = float(bool(exemption or unsaid))
        order = self._calibration.order
        place = likeness + sum([order[name] * features[name] for name in _READ if features[name]])
        return Candidate(prepared, features, place, readings, broken, exemption, unsaid)

    def _sure(
        self, candidates: Sequence[Candidate], text: str, found: Sequence[Number], cues: dict[str, int], like: Likeness
    ) -> dict[str, float]:  # fmt: skip
        pairs = stated(text, found) if len(found) > 1 else ()
        features = dict.fromkeys(SURE, 0.0) | {
            "bias": 1.0, "known": like.known, "ordinary": like.general, "short": 1.0 / (1.0 + like.size / 40.0),
            "within": float(bool(pairs) and all(pair.within for pair in pairs)),
            "beyond": float(any(not pair.within for pair in pairs)),
            "calm": float(bool(cues["cured"]) and not cues["working"]),
        }  # fmt: skip
        features |= {name: min(cues[name], 2) / 2 for name in CUES}
        features["state"] = self._polarity.state(like.weights)
        if not candidates:
            return features
        first = candidates[0]
        rest = candidates[1].order if len(candidates) > 1 else 0.0
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


def _alike(text: str, bag: Terms) -> float:
    """Of the words of defect in `text`, the share that the entry uses too; a half if there are none."""
    found = [match.start() for match in lexicon().cues["defect"].finditer(text)]
    met = sum("_" + text[at : at + 2] in bag or "_" + text[at - 1 : at + 1] in bag for at in found)
    return met / len(found) if found else 0.5


def _says(text: str, word: str) -> bool:
    """Whether `text` says `word` and does not deny it."""
    at = text.find(word)
    while at >= 0:
        if word[0] in _NEGATIONS or not at or text[at - 1] not in _NEGATIONS:
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
