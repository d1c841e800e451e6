"""One site's hazards on the bench: a small catalogue, verdicts and commands with hand-cranked times."""

import datetime as dt
from typing import Any

from schemas.commands import Command
from schemas.criteria import Catalogue, Clause, Document
from schemas.events import Actor, Event
from schemas.hazards import Evidence, Finding, HazardStateRecord
from schemas.registry import Site
from schemas.terms import SHANGHAI, ClauseKind, Confidence, HazardSource, Role, Scope, Verdict
from streams.decode import Asked, Record
from streams.hazards import SiteHazards
from streams.judgement import Judgement
from streams.refusal import Refusal

SITE = Site(site_id="140402000123", name="示例煤矿", enterprise_id="E-1", region="140402", industry="coal")
FACE = "3301-face"
T0 = dt.datetime(2026, 7, 2, 8, 0, tzinfo=SHANGHAI)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)

WANG = Actor(id="wang", role=Role.SUPERVISOR)
ZHAO = Actor(id="zhao", role=Role.SUPERVISOR)
LI = Actor(id="li", role=Role.INSPECTOR)
SUN = Actor(id="sun", role=Role.RECTIFIER)
QIAN = Actor(id="qian", role=Role.OPERATOR)

PLAN: dict[str, Any] = {
    "due_at": "2026-08-01", "responsible_person": "孙主任", "responsible_unit": "通风科", "funds": 0,
    "measures": [{"kind": "technology", "text": "增设断电闭锁"}], "contingency_plan": "现场处置方案",
    "interim_control": "停止采煤机",
}  # fmt: skip


def document(id: str, first: dt.date, last: dt.date | None = None) -> Document:
    return Document(
        id=id, title_zh=id, title_en=id, number=id, industries=("coal",), effective_from=first, effective_to=last,
        confidence=Confidence.HIGH,
    )  # fmt: skip


def clause(id: str, document_id: str, **more: Any) -> Clause:
    given: dict[str, Any] = {
        "article": f"art. {id}", "title_zh": f"{id} 标题", "title_en": f"{id} title", "industry": "coal",
        "kind": ClauseKind.BOTH, "confidence": Confidence.HIGH, "scope": (Scope.PRODUCTION,),
    }  # fmt: skip
    return Clause(id=id, document_id=document_id, **(given | more))


OLD, NEW = document("OLD", dt.date(2021, 1, 1), dt.date(2026, 6, 30)), document("NEW", dt.date(2026, 7, 1))
GAS_OLD, GAS = clause("OLD-5-2", "OLD"), clause("NEW-5-2", "NEW", supersedes=("OLD-5-2",))
POWER, SURE = clause("NEW-5-4", "NEW"), clause("NEW-9-9", "NEW", auto_confirm=True)
CATALOGUE = Catalogue([OLD, NEW], [GAS_OLD, GAS, POWER, SURE])


def span(name: str, began: dt.datetime, ended: dt.datetime | None = None, peak: float = 1.2) -> Evidence:
    return Evidence(
        evidence_id=name, kind="span", began_at=began, ended_at=ended, peak=peak, signal="ch4_pct",
        coordinates=(f"log/telemetry.frames/0/{name}/0",),
    )  # fmt: skip


def sensed(
    evidence: Evidence, of: Clause = GAS, *, phase: str = "began", verdict: Verdict = Verdict.MAJOR,
    place_id: str = FACE, missing: tuple[str, ...] = (),
) -> Judgement:  # fmt: skip
    occurred_at = evidence.ended_at if phase == "ended" else evidence.began_at
    assert occurred_at is not None
    return Judgement(
        verdict=verdict, clause=of, site_id=SITE.site_id, place_id=place_id, place="3301综采工作面",
        evidence=(evidence,), missing=missing, candidates=(), why="met", why_zh="符合", occurred_at=occurred_at,
        phase=phase, catalogue_version=CATALOGUE.version,
    )  # fmt: skip


def found(
    finding_id: str, found_at: dt.datetime, of: Clause | None = GAS, *, verdict: Verdict = Verdict.MAJOR,
    place_id: str = FACE, **more: Any,
) -> Judgement:  # fmt: skip
    given: dict[str, Any] = {"received_at": found_at, "text": "回风流瓦斯超限仍作业", "source": HazardSource.WORKER}
    finding = Finding(finding_id=finding_id, site_id=SITE.site_id, found_at=found_at, **(given | more))
    evidence = Evidence(evidence_id=finding_id, kind="finding", began_at=found_at, text=finding.text)
    return Judgement(
        verdict=verdict, clause=of, site_id=SITE.site_id, place_id=place_id, place="3301综采工作面",
        evidence=(evidence,), missing=(), candidates=(), why="cited", why_zh="引用", occurred_at=found_at,
        phase="finding", finding=finding, catalogue_version=CATALOGUE.version,
    )  # fmt: skip


def asked(
    command_id: str, kind: str, target: str, actor: Actor, when: dt.datetime, data: dict[str, Any] | None = None,
    *, site_id: str = SITE.site_id, **more: Any,
) -> Asked:  # fmt: skip
    command = Command(
        command_id=command_id, kind=kind, site_id=site_id, target_id=target, actor=actor, issued_at=when,
        data=data or {}, **more,
    )  # fmt: skip
    return Asked(Record("log", "commands", 0, 0, site_id.encode(), command.encode()), command)


class Bench:
    """One site; `now` moves on an hour with every input, so a story needs no times."""

    def __init__(self, catalogue: Catalogue = CATALOGUE, now: dt.datetime = T0) -> None:
        self.hazards = SiteHazards(SITE, catalogue)
        self.now = now
        self.events: list[Event] = []
        self.asked = 0

    def sees(self, judgement: Judgement) -> list[str]:
        """Kinds of the events that the verdict caused."""
        cause = f"{judgement.evidence[0].evidence_id}/{judgement.phase}"
        events = self.hazards.on_judgement(judgement, judgement.occurred_at, ("log/in/0/0",), cause)
        self.now = max(self.now, judgement.occurred_at) + HOUR
        self.events += events
        return [event.kind for event in events]

    def does(self, actor: Actor, kind: str, data: dict[str, Any] | None = None, **more: Any) -> str:
        """Command on the latest hazard: the state it leads to, or `!guard`. The last refusal is kept."""
        self.asked += 1
        self.now += HOUR
        target = more.pop("target", None) or self.latest.hazard_id
        when = more.pop("when", self.now)
        outcome = self.hazards.on_command(asked(f"c{self.asked}", kind, target, actor, when, data, **more))
        if isinstance(outcome, Refusal):
            self.refusal = outcome
            return f"!{outcome.guard}"
        self.events += outcome
        return self.state(target).state

    def state(self, hazard_id: str) -> HazardStateRecord:
        state = self.hazards.get(hazard_id)
        assert state is not None
        return state

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys(event.subject_id for event in self.events))

    @property
    def latest(self) -> HazardStateRecord:
        return self.state(self.ids[-1])

    def reborn(self, catalogue: Catalogue = CATALOGUE) -> None:
        """The worker died: what it knew comes back from the state topic."""
        states = [self.state(each).encode() for each in self.ids]
        self.hazards = SiteHazards(SITE, catalogue, map(HazardStateRecord.parse, states), self.hazards.memory())


def suspected() -> Bench:
    bench = Bench()
    bench.sees(sensed(span("s1", T0)))
    return bench


def judged() -> Bench:
    bench = suspected()
    assert bench.does(LI, "judge", {"verdict": "major"}) == "judged_major"
    return bench


def planned() -> Bench:
    bench = judged()
    assert bench.does(WANG, "plan", PLAN) == "planned"
    return bench


def accepted() -> Bench:
    bench = planned()
    bench.does(SUN, "start")
    bench.does(SUN, "rectify", {"evidence": ["照片"]})
    assert bench.does(LI, "accept", {"evidence": ["验收表"]}) == "accepted"
    return bench


def closed() -> Bench:
    bench = accepted()
    assert bench.does(WANG, "close", {"evidence": ["销号单"]}) == "closed"
    return bench
