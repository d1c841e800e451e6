"""One issue of a finding as it was read, and the clauses that it may mean. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.clauses import Case, Clause
from streams.lexicon import Folded, lexicon
from streams.measured import Bound, Reading, Side, bound_of
from streams.ranking import Entry, entry_of

CONTRASTED = 0.05  # likeness by which a contrast must be nearer than what meets the clause

Together = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Prepared:
    """A clause with everything folded that a sentence is held against; `unread`: its limits without a number.

    `exemptions` are words of which one is enough; one of `together` holds if of each of its groups a word is said.
    """

    clause: Clause
    entry: Entry
    bounds: tuple[Bound, ...]
    unread: tuple[Reading, ...]
    exemptions: tuple[str, ...]
    together: tuple[Together, ...]
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
    """One issue as it was read: candidates in order, and the features that tell how sure the first of them is.

    `rival`: the likeliest of the clauses that only another edition has.
    """

    text: str
    folded: Folded
    candidates: tuple[Candidate, ...]
    features: dict[str, float]
    cues: dict[str, int]
    ordinary: float
    rival: Candidate | None = None

    @property
    def in_order(self) -> bool:
        """Whether the words say that the thing was put right or keeps its own norm, and nothing to the contrary."""
        within = self.features["within"] and not self.features["beyond"] and not self.features["number_met"]
        calm = self.features["calm"] and (self.cues["cured"] or not self.features["number_met"])
        return bool(within or calm)

    @property
    def may_be_major(self) -> bool:
        """Whether nothing but likeness stands between the first candidate and the verdict."""
        first = self.candidates[0]
        if self.of_other_edition or self.contrasted:
            return False
        return not (first.excluded or first.lacking or self.doubtful or self.in_order)

    @property
    def contrasted(self) -> bool:
        """Whether the words are nearer to what is no hazard of the first candidate, and no number says otherwise."""
        features = self.candidates[0].features
        return not features["number_met"] and features["against"] >= features["near"] + CONTRASTED

    @property
    def of_other_edition(self) -> bool:
        """Whether the words mean a clause that only another edition has, rather than the first candidate."""
        return self.ahead >= 0.0

    @property
    def ahead(self) -> float:
        """By how much, in log odds of the order, a clause that only another edition has leads the first candidate."""
        if self.rival is None or not self.candidates:
            return -math.inf
        return self.rival.order - self.candidates[0].order

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
    alone = dict.fromkeys(fold(word).text for word in clause.excludes if len(word) > 1 and "+" not in word)
    together = tuple(_together(word) for word in clause.excludes if "+" in word)
    unread = tuple(Reading(bound, Side.OPEN) for bound in bounds)
    mentions = tuple(dict.fromkeys(fold(word).text for word in clause.mentions))
    return Prepared(clause, entry_of(clause, cases, kin), bounds, unread, tuple(alone), together, mentions)


def _together(word: str) -> Together:
    """`停产+通风|排水`, folded: 停产 and one of the others have to be said."""
    fold = lexicon().fold
    return tuple(tuple(fold(each).text for each in group.split("|")) for group in word.split("+"))
