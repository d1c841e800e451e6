"""The facts that a finding states, held against the rules of the catalogue and the levels of the sensor rules. Pure."""

from dataclasses import dataclass

from schemas.criteria import Catalogue, Clause, concerns
from schemas.hazards import Finding
from schemas.registry import Place
from schemas.sensor_rules import sensor_rules
from schemas.terms import Verdict
from schemas.vocabulary import vocabulary
from streams.criteria import Outcome, StatedFacts, evaluate
from streams.judgement import verdict_by_rule
from streams.why import cited, explained, named


@dataclass(frozen=True)
class Said:
    """A verdict before it is dressed as a Judgement."""

    verdict: Verdict
    clause: Clause | None
    why: str
    why_zh: str
    missing: tuple[str, ...] = ()
    candidates: tuple[dict[str, object], ...] = ()


class HeldFacts:
    """One finding's facts. The kind of place is the registry's, else what the finding's own words say."""

    def __init__(self, finding: Finding, place: Place | None, catalogue: Catalogue) -> None:
        words = vocabulary()
        registered = place.kind if place and place.kind != "other_workplace" else None
        self.kind = registered or words.place_kind(finding.place or finding.text)
        self.facts = StatedFacts(finding.facts, self.kind, words)
        self.catalogue, self._stated = catalogue, finding.facts.keys()
        self._telling = {name for name in self._stated if name in words.signals and not words.signals[name].context}

    def judge(self, clauses: tuple[Clause, ...], refuted: dict[str, Outcome]) -> list[Said]:
        """Clauses that the facts meet; else the one that lacks least; what the facts refute goes into `refuted`."""
        undecided: list[tuple[bool, int, Clause, Outcome]] = []
        met: list[tuple[Clause, Outcome]] = []
        certain = False  # whether a clause that the facts are about was decided
        for clause in clauses:
            condition = clause.condition_about(self._telling)
            if condition is None or not clause.signals & self._stated:
                continue
            if self.kind and clause.places and not clause.reads_at(self.kind):
                continue
            outcome = evaluate(condition, self.facts)
            spoken_of = bool(clause.signals & self._telling)
            if outcome.value is True:
                met.append((clause, outcome))
            elif outcome.value is False:
                certain |= spoken_of
                if not clause.partial:
                    refuted[clause.id] = outcome
            else:
                undecided.append((not spoken_of, len(outcome.missing), clause, outcome))
        if met and self.kind is None and not _at_one_place([clause for clause, _ in met]):
            return [self._elsewhere([clause for clause, _ in met])]
        if certain:  # what the facts only touch by what goes on around it (work, people, production) is not in question
            undecided = [each for each in undecided if not each[0]]
        if met or not undecided:
            return [self._met(clause, outcome) for clause, outcome in met]
        undecided.sort(key=lambda each: each[:2])
        return [self._lacking([(clause, outcome) for _, _, clause, outcome in undecided])]

    def level_met(self, industry: str) -> Said | None:
        """The highest level of a sensor rule that the facts reach at this kind of place: ordinary, never major."""
        wanted = set(vocabulary().industry_ids(industry)) if industry else None
        for row in sensor_rules().values():
            if self.kind not in row.places or not concerns(row.industry, wanted, True):
                continue
            for level in reversed(row.levels):
                outcome = evaluate(level.condition, self.facts) if level.condition else Outcome(None)
                if outcome.value is True:
                    zh, en = explained(outcome)
                    return Said(
                        Verdict.GENERAL, None,
                        f"{row.id}: {level.en} ({row.basis}), no major hazard by itself: {en}",
                        f"{row.id}：{level.zh}（{row.basis}），本身不构成重大事故隐患：{zh}",
                    )  # fmt: skip
        return None

    def _met(self, clause: Clause, outcome: Outcome) -> Said:
        zh, en = cited(clause, self.catalogue.document_of(clause))
        seen_zh, seen_en = explained(outcome)
        return Said(
            verdict_by_rule(clause), clause, f"{en} is met: {seen_en}", f"符合{zh}：{seen_zh}", missing=outcome.missing
        )

    def _elsewhere(self, clauses: list[Clause]) -> Said:
        ids = [clause.id for clause in clauses]
        candidates = tuple({"criterion_id": each, "score": round(1 / len(ids), 3)} for each in ids)
        return Said(
            Verdict.NEEDS_REVIEW, None,
            f"The facts meet {', '.join(ids)}, which bind different kinds of place; the place is not known",
            f"所列事实分别符合{'、'.join(ids)}，适用地点不同，地点类型不明", missing=("place",), candidates=candidates,
        )  # fmt: skip

    def _lacking(self, undecided: list[tuple[Clause, Outcome]]) -> Said:
        clause, outcome = undecided[0]
        zh, en = cited(clause, self.catalogue.document_of(clause))
        missing_zh, missing_en = named(outcome.missing)
        unreadable = self.facts.unreadable
        unread = f"; not readable: {', '.join(unreadable)}" if unreadable else ""
        unread_zh = f"；无法识读：{'、'.join(unreadable)}" if unreadable else ""
        return Said(
            Verdict.CANNOT_EVALUATE, clause, f"{en} cannot be evaluated, not stated: {missing_en}{unread}",
            f"{zh}无法判定，缺少：{missing_zh}{unread_zh}", missing=outcome.missing,
            candidates=tuple({"criterion_id": c.id, "score": self._stated_share(c)} for c, _ in undecided[:5]),
        )  # fmt: skip

    def _stated_share(self, clause: Clause) -> float:
        """How much of what the rule asks for is stated, 0..1."""
        asked = [self.facts.read(name) is not None for name in clause.signals]
        return round(sum(asked) / len(asked), 3) if asked else 0.0


def not_met(catalogue: Catalogue, clause_id: str, outcome: Outcome) -> Said:
    """What the facts refute although the words mean it."""
    clause = catalogue.clauses[clause_id]
    zh, en = cited(clause, catalogue.document_of(clause))
    seen_zh, seen_en = explained(outcome)
    return Said(Verdict.NONE, clause, f"{en} is not met: {seen_en}", f"不符合{zh}：{seen_zh}")


def _at_one_place(clauses: list[Clause]) -> bool:
    """Whether there is a kind of place that all of them bind."""
    bound = [set(clause.places) for clause in clauses if clause.places]
    return not bound or bool(set.intersection(*bound))
