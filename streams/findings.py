"""What an inspector wrote, judged by the list in force on the day: reference first, then facts, then text. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache

from schemas.criteria import Catalogue, Citation, Clause, Standing
from schemas.hazards import Evidence, Finding
from schemas.ids import make_id
from schemas.references import plain
from schemas.registry import Place, Site
from schemas.terms import Verdict
from schemas.times import shanghai_day
from schemas.vocabulary import vocabulary
from streams.criteria import Outcome
from streams.decode import Found
from streams.judgement import Judgement, verdict_of
from streams.matching import Answer, matcher
from streams.stated_facts import HeldFacts, Said, not_met
from streams.telling import told
from streams.why import cited

CANDIDATES = 8  # named at most
LEAST_LIKELY = 0.05  # a cited clause that the words make less likely than this is not what they say
RIVAL = 0.4  # without an industry, a clause of another list this near to the first leaves it open whose it is
ORDINARY = 0.6  # likeness to an ordinary hazard from which the words plainly mean one


_STANDING = {
    Standing.SUPERSEDED: ("在检查之日已被新标准取代", "was no longer in force on the day of the finding"),
    Standing.NOT_YET: ("在检查之日尚未施行", "was not yet in force on the day of the finding"),
    Standing.AMBIGUOUS: ("未指明到具体条款", "names several clauses"),
    Standing.UNKNOWN: ("在标准中查不到", "names no clause of the catalogue"),
}


@lru_cache(maxsize=4096)
def _unknown_place(site_id: str, text: str) -> tuple[str, str]:
    """The words of a place as places are compared, and the id of a place that the registry does not know."""
    words = plain(text)
    return words, make_id("place", site_id, words)


class FindingJudge:
    """Judges findings of one site. The finding's own industry goes before the site's."""

    def __init__(self, site: Site, places: Mapping[str, Place], catalogue: Catalogue) -> None:
        self.site, self.catalogue = site, catalogue
        self._places: dict[str, Place] = {}
        for place in places.values():
            for name in (place.name, place.place_id, *place.aliases):
                if name:
                    self._places.setdefault(plain(name), place)

    def judge(self, item: Found) -> list[Judgement]:
        """One judgement, or one per clause that the facts meet."""
        finding = item.finding
        known, place_id = self._place(finding.place)
        day = shanghai_day(finding.found_at)
        evidence = Evidence(
            evidence_id=finding.finding_id, kind="finding", began_at=finding.found_at, text=finding.text,
            coordinates=(item.record.coordinate,),
        )  # fmt: skip
        return [
            Judgement(
                verdict=said.verdict, clause=said.clause, site_id=finding.site_id, place_id=place_id,
                place=known.name if known else finding.place, evidence=(evidence,), missing=said.missing,
                candidates=said.candidates, why=said.why, why_zh=said.why_zh, occurred_at=finding.found_at,
                phase="finding", finding=finding, catalogue_version=self.catalogue.version,
            )
            for said in self._say(finding, known, day)
        ]  # fmt: skip

    def _place(self, text: str) -> tuple[Place | None, str]:
        """The registry's place that `text` names (the longest name within it), else a stable id of the words."""
        words, unknown = _unknown_place(self.site.site_id, text)
        if not self._places:
            return None, unknown
        if words in self._places:
            place = self._places[words]
            return place, place.place_id
        within = [name for name in self._places if len(name) > 1 and name in words]
        if within:
            place = self._places[max(within, key=lambda name: (len(name), name))]
            return place, place.place_id
        return None, unknown

    def _industry(self, finding: Finding) -> str:
        return next((i for i in (finding.industry, self.site.industry) if vocabulary().industry_ids(i)), "")

    def _say(self, finding: Finding, place: Place | None, day: date) -> list[Said]:
        industry = self._industry(finding)
        if finding.criterion_ref and finding.criterion_ref.strip():
            return [self._by_reference(finding, industry, day)]
        clauses = self.catalogue.in_force(industry, day, general=True)
        refuted: dict[str, Outcome] = {}
        if not finding.facts:
            return self._by_text(finding, industry, clauses, refuted, day)
        facts = HeldFacts(finding, place, self.catalogue)
        if by_rule := facts.judge(clauses, refuted):
            return by_rule
        by_text = self._by_text(finding, industry, clauses, refuted, day)
        ordinary = None if _means_a_clause(by_text) else facts.level_met(industry)
        return [ordinary] if ordinary else by_text

    def _by_reference(self, finding: Finding, industry: str, day: date) -> Said:
        reference = finding.criterion_ref or ""
        citation = self.catalogue.cite(reference, industry, day)
        clauses = self.catalogue.in_force(industry, day, general=True)
        answers = matcher(clauses, industry, self.catalogue).judge(finding.text, finding.place)
        if citation.standing is Standing.VALID and citation.clause is not None:
            said = self._claimed(reference, citation.clause)
            return self._contradicted(said, answers, citation.clause) or said
        return self._questioned(reference, citation, day, answers)

    def _contradicted(self, said: Said, answers: Sequence[Answer], clause: Clause) -> Said | None:
        """A review where the words plainly say something else than the clause that is cited."""
        first = answers[0]
        likely = max((score for answer in answers for named, score in answer.named if named == clause.id), default=0.0)
        if likely >= LEAST_LIKELY or (first.verdict is not Verdict.MAJOR and first.issue.ordinary < ORDINARY):
            return None
        zh, en = told(answers, self.catalogue)
        cited_too = {"criterion_id": clause.id, "score": round(likely, 3)}
        candidates = _candidates(answers) if first.verdict is Verdict.MAJOR else ()
        return Said(
            Verdict.NEEDS_REVIEW, None, f"{said.why}, but the words say otherwise: {en}",
            f"{said.why_zh}，但文字所述不符：{zh}",
            candidates=(*(each for each in candidates if each["criterion_id"] != clause.id), cited_too),
        )  # fmt: skip

    def _claimed(self, reference: str, clause: Clause) -> Said:
        zh, en = cited(clause, self.catalogue.document_of(clause))
        if verdict_of(clause) is not Verdict.MAJOR:
            return Said(
                Verdict.NEEDS_REVIEW, clause, f"The inspector cites {en}; the entry is not confirmed, or on trial",
                f"检查人引用{zh}；目录中该条未经核实或在试行", candidates=({"criterion_id": clause.id, "score": 1.0},),
            )  # fmt: skip
        return Said(
            Verdict.MAJOR, clause, f"The inspector cites “{reference}”: {en}, in force on the day",
            f"检查人引用“{reference}”，即{zh}，当日有效",
        )  # fmt: skip

    def _questioned(self, reference: str, citation: Citation, day: date, answers: Sequence[Answer]) -> Said:
        """A reference to no clause in force: the words decide if they name one that binds instead, else a person."""
        zh, en = _STANDING[citation.standing]
        instead = citation.instead[:10]
        share = round(1 / len(citation.instead), 3) if citation.instead else 0.0  # each is as likely as the other
        by_text = {i: s for answer in answers if answer.verdict is Verdict.MAJOR for i, s in answer.named}
        if not instead:
            by_text = {i: s for answer in answers for i, s in answer.named} | by_text
        ids = {clause.id: max(share, by_text.get(clause.id, 0.0)) for clause in instead} or by_text
        ordered = sorted(ids.items(), key=lambda each: (-each[1], each[0] not in by_text))
        candidates = tuple({"criterion_id": i, "score": s} for i, s in ordered[:10])
        names, listed = "、".join(clause.id for clause in instead), ", ".join(clause.id for clause in instead)
        why = f"Reference “{reference}” {en} ({day})" + (f"; in force instead: {listed}" if listed else "")
        why_zh = f"引用“{reference}”{zh}（{day}）" + (f"；当日有效的对应条款：{names}" if names else "")
        first = answers[0]
        if first.verdict is Verdict.MAJOR and first.clause in instead:
            told_zh, told_en = told(answers, self.catalogue)
            return Said(
                Verdict.MAJOR, first.clause, f"{why}; the words tell which: {told_en}",
                f"{why_zh}；按文字判定：{told_zh}", candidates=candidates,
            )  # fmt: skip
        return Said(Verdict.NEEDS_REVIEW, None, why, why_zh, candidates=candidates)

    def _by_text(
        self, finding: Finding, industry: str, clauses: tuple[Clause, ...], refuted: dict[str, Outcome], day: date
    ) -> list[Said]:
        judge = matcher(clauses, industry, self.catalogue).judge
        answers = judge(finding.text, finding.place)
        if refuted:
            meant = answers[0].named[0][0] if answers[0].named else next(iter(refuted))
            if meant in refuted:
                return [not_met(self.catalogue, meant, refuted[meant])]
            answers = judge(finding.text, finding.place, refuted)
        if answers[0].verdict is not Verdict.MAJOR and not self._bound(industry, day):
            return [self._unbound(answers, industry, day)]
        if not industry:
            answers = tuple(_of_one_industry(answer) for answer in answers)
        zh, en = told(answers, self.catalogue)
        if not industry:
            stated = finding.industry or self.site.industry
            zh = f"行业{f'“{stated}”无法识别' if stated else '未给出'}，按当日全部有效清单比对；{zh}"
            en = (
                f"industry {f'“{stated}” not known' if stated else 'not given'}, held against every list in force; {en}"
            )
        candidates = _candidates(answers)
        majors: dict[str, Answer] = {}
        for answer in answers:
            if answer.verdict is Verdict.MAJOR and answer.clause is not None:
                majors.setdefault(answer.clause.id, answer)
        if not majors:
            return [Said(answers[0].verdict, answers[0].clause, en, zh, answers[0].lacking, candidates)]
        own = [_candidates([each]) for each in majors.values()]
        named = [candidates, *own[1:]]
        return [
            Said(Verdict.MAJOR, each.clause, en, zh, (), list_)
            for each, list_ in zip(majors.values(), named, strict=True)
        ]

    def _bound(self, industry: str, day: date) -> bool:
        """Whether a list of the industry itself binds on the day; a general verdict needs one to fall short of."""
        return not industry or bool(self.catalogue.in_force(industry, day))

    def _unbound(self, answers: Sequence[Answer], industry: str, day: date) -> Said:
        return Said(
            Verdict.NEEDS_REVIEW, None, f"No list of {industry} is in force on {day}; a person judges",
            f"{day}没有该行业有效的判定标准，待人工判定", candidates=_candidates(answers),
        )  # fmt: skip


def _means_a_clause(said: Sequence[Said]) -> bool:
    """Whether the words mean a clause, or as likely do as not."""
    return any(
        each.verdict is Verdict.MAJOR
        or (each.verdict is Verdict.NEEDS_REVIEW and any(float(str(c["score"])) >= 0.5 for c in each.candidates))
        for each in said
    )


def _of_one_industry(answer: Answer) -> Answer:
    """`answer`, for a person to judge where another industry's list has nearly as likely a clause."""
    if answer.verdict is not Verdict.MAJOR or answer.clause is None:
        return answer
    industries, mine = vocabulary().industries, answer.clause.industry.partition("/")[0]
    for candidate, score in answer.candidates:
        head = candidate.clause.industry.partition("/")[0]
        if head != mine and not industries[head].general and score >= RIVAL * answer.score:
            return replace(answer, verdict=Verdict.NEEDS_REVIEW)
    return answer


def _candidates(answers: Sequence[Answer]) -> tuple[dict[str, object], ...]:
    """What the issues may mean: the first of every issue that binds, in order, then all others by their probability."""
    first = {a.named[0][0]: a.named[0][1] for a in answers if a.clause is not None and a.named}
    rest = sorted(((s, i) for a in answers for i, s in a.named if i not in first), key=lambda each: (-each[0], each[1]))
    found = dict(first)
    for score, clause_id in rest:
        found.setdefault(clause_id, score)
    return tuple({"criterion_id": i, "score": s} for i, s in list(found.items())[:CANDIDATES])
