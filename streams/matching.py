"""The text of a finding judged: which clause it means, how sure that is, and why. Pure.

Every issue of a line is held against the clauses in force (streams.candidates) and answered for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from schemas.clauses import Clause
from schemas.criteria import Catalogue
from schemas.terms import Verdict
from schemas.vocabulary import vocabulary
from streams.calibration import calibration
from streams.candidates import Field, likely
from streams.issues import Candidate, Issue, Prepared, prepare
from streams.judgement import verdict_of
from streams.lexicon import Folded, lexicon
from streams.splitting import parts, pieces

MOST = 5  # candidates named
MOST_FIELDS = 256
LEAST_SCORE = 0.01
CERTAIN = 0.9  # from here on a person looks at words that say both that it is there and that it is in order
CLEARLY = 1.0  # log odds by which a clause that another edition alone has must lead to make an ordinary hazard
ORDINARY = 0.5  # likeness to an ordinary hazard that makes one without a word of defect


@dataclass(frozen=True)
class Answer:
    """What one issue is. `candidates` with their probability, best first; `clause` of the verdict, None for general."""

    issue: Issue
    verdict: Verdict
    clause: Clause | None
    score: float
    candidates: tuple[tuple[Candidate, float], ...]
    lacking: tuple[str, ...] = ()

    @property
    def named(self) -> list[tuple[str, float]]:
        return [(each.clause.id, round(score, 3)) for each, score in self.candidates]


_BINDS = tuple(Verdict)  # what binds most comes first


class Matcher:
    """Judges sentences by the clauses of one industry on one day, `catalogue` telling what other editions say.

    Words that rather mean a clause which only an earlier or a later edition has are no major hazard. Without an
    industry, lists that never had it are asked as well, so nothing is taken to belong to another day.
    """

    def __init__(self, clauses: Sequence[Clause], industry: str, catalogue: Catalogue) -> None:
        self._calibration = calibration()
        prepared = [_prepared(each, catalogue.kin(each)) for each in clauses]
        foreign = [_prepared(each, ()) for each in catalogue.foreign(clauses)] if industry else ()
        self._field = Field(prepared, industry, self._calibration, foreign=foreign)

    def judge(self, text: str, place: str = "", without: Iterable[str] = ()) -> tuple[Answer, ...]:
        """One answer per issue of `text`, the one that binds most first. `without`: clauses that facts refute."""
        refuted = frozenset(without)
        where = _folded(place) if place else None
        told = vocabulary().told_by(text + place)
        answers = [self._answer(part, where, refuted, told) for part in parts(text)]
        if len(answers) == 1 and (found := self._by_pieces(answers[0], where, refuted, told)):
            answers = found
        if len(answers) > 1:
            answers.sort(key=lambda each: (_BINDS.index(each.verdict), -each.score))
        return tuple(answers)

    def _by_pieces(
        self, whole: Answer, where: Folded | None, refuted: frozenset[str], told: frozenset[str]
    ) -> list[Answer]:
        """The answers of the pieces between commas, if ordinary hazards and others are strung together there."""
        cues = whole.issue.cues
        held = pieces(whole.issue.text) if cues["general"] and not (cues["cured"] or cues["fine"]) else ()
        if not held:
            return []
        found = [self._answer(piece, where, refuted, told) for piece in held]
        majors = [each for each in found if each.verdict is Verdict.MAJOR and each.score >= whole.score]
        return found if any(each.issue.cues["defect"] for each in majors) else []

    def _answer(self, part: str, where: Folded | None, refuted: frozenset[str], told: frozenset[str]) -> Answer:
        issue = self._field.read(part, where, refuted, told)
        scores = likely(issue, self._calibration)
        ranked = [(c, s) for c, s in zip(issue.candidates, scores, strict=True) if s >= LEAST_SCORE][:MOST]
        score = scores[0] if scores else 0.0
        first = issue.candidates[0] if issue.candidates else None
        verdict = self._verdict(issue, first, score)
        lacking = tuple(bound.words[0] for bound in first.lacking) if first and verdict is Verdict.NEEDS_REVIEW else ()
        clause = first.clause if first and verdict in (Verdict.MAJOR, Verdict.NEEDS_REVIEW) else None
        if not ranked and first and verdict is not Verdict.GENERAL:
            ranked = [(first, score)]
        return Answer(issue, verdict, clause, score, tuple(ranked), lacking)

    def _verdict(self, issue: Issue, first: Candidate | None, score: float) -> Verdict:
        if first is None and not issue.ordinary:
            return Verdict.NEEDS_REVIEW
        calm = issue.in_order and score < CERTAIN
        if issue.ahead >= CLEARLY and not issue.in_order:
            return Verdict.GENERAL
        if first is not None and not first.excluded and not calm and score >= self._calibration.review:
            sure = score >= self._calibration.major and issue.may_be_major
            return verdict_of(first.clause) if sure else Verdict.NEEDS_REVIEW
        excluded = first is not None and first.excluded
        if (excluded or issue.in_order or issue.cues["cured"] or issue.cues["fine"]) and not issue.cues["general"]:
            return Verdict.NONE
        defect = issue.cues["defect"] or issue.cues["general"] or issue.ordinary >= ORDINARY
        return Verdict.GENERAL if defect else Verdict.NEEDS_REVIEW


@lru_cache(maxsize=4096)
def _folded(place: str) -> Folded:
    return lexicon().fold(place)


_clauses: dict[int, tuple[Prepared, tuple[Clause, ...]]] = {}
_made: dict[tuple[int, str], tuple[Sequence[Clause], Matcher]] = {}


def _prepared(clause: Clause, kin: tuple[Clause, ...]) -> Prepared:
    held = _clauses.get(id(clause))
    if held is None or held[0].clause is not clause or held[1] != kin:
        held = _clauses[id(clause)] = (prepare(clause, kin), kin)
    return held[0]


def matcher(clauses: Sequence[Clause], industry: str, catalogue: Catalogue) -> Matcher:
    """The matcher of `clauses`, made once for each list that the catalogue hands out."""
    key = (id(clauses), industry)
    held = _made.get(key)
    if held is None or held[0] is not clauses:
        if len(_made) >= MOST_FIELDS:
            _made.clear()
            _clauses.clear()
        held = _made[key] = (clauses, Matcher(clauses, industry, catalogue))
    return held[1]
