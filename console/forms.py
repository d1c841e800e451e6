"""What a person fills in for each command on a hazard, and which commands its state and the person's role allow."""

from dataclasses import dataclass

from schemas.commands import COMMANDS
from schemas.events import Actor
from schemas.hazards import HazardStateRecord
from schemas.terms import MeasureKind
from streams.guard_words import GUARDS
from streams.transitions import is_legal, row_of


@dataclass(frozen=True)
class Field:
    """`kind`: text, area, date, number, select (of `options`), lines (one item each), measures (a text per kind)."""

    name: str
    kind: str = "text"
    required: bool = False
    options: tuple[str, ...] = ()


_REASON = (Field("reason", "area", True),)
FORMS: dict[str, tuple[Field, ...]] = {
    "judge": (Field("verdict", "select", True, ("major", "general", "none")), Field("reason", "area")),
    "cause": (
        Field("control_failure", "select", True, ("missing", "not_executed")), Field("control_id"), Field("risk_id"),
        Field("reason", "area"),
    ),
    "report": (Field("to", "select", True, ("regulator", "workers_congress")),),
    "assign": (Field("lead_department_id", "text", True), Field("responsible_person")),
    "interim": (Field("text", "area", True),),
    "plan": (
        Field("due_at", "date", True), Field("responsible_person", "text", True),
        Field("responsible_unit", "text", True), Field("measures", "measures", True), Field("funds", "number", True),
        Field("contingency_plan", "area", True), Field("interim_control", "area", True),
    ),
    "start": (),
    "rectify": (Field("evidence", "lines"),),
    "accept": (Field("evidence", "lines", True), Field("reason", "area")),
    "reject": (Field("reason", "area", True),),
    "close": (Field("evidence", "lines", True),),
    "reopen": _REASON,
    "extend": (Field("new_due_at", "date", True), *_REASON, Field("interim_control", "area", True)),
    "decide_extension": (Field("approved", "select", True, ("true", "false")), Field("new_due_at", "date")),
    "supervise": (Field("level"), Field("due_at", "date")),
    "lift_supervision": (Field("reason", "area"),),
    "stop": (Field("reason", "area"),),
    "request_resume": (Field("evidence", "lines"),),
    "resume": (Field("reason", "area"),),
    "check_similar": (Field("similar_site_id", "text", True), Field("hits", "number", True), Field("reason", "area")),
    "penalize": (Field("kind", "text", True), Field("amount", "number"), Field("article"), Field("reason", "area")),
    "downgrade": _REASON,
    "void": _REASON,
    "merge": (Field("into", "text", True), *_REASON),
    "transfer": (Field("to_department_id", "text", True), *_REASON),
}  # fmt: skip
MEASURES = tuple(MeasureKind)


@dataclass(frozen=True)
class Offer:
    """A command the page offers. `guard` names why it would be refused now; such a one is shown, but not open."""

    kind: str
    fields: tuple[Field, ...]
    guard: str = ""

    def title(self, language: str) -> str:
        row = COMMANDS[self.kind]
        return row.zh if language == "zh" else row.en

    def why_not(self, language: str) -> str:
        words = GUARDS.get(self.guard)
        return "" if words is None else words.zh if language == "zh" else words.en


def offers(state: HazardStateRecord, actor: Actor | None) -> list[Offer]:
    """Commands the actor's role may give on the hazard as it stands, in the table's order; the stream decides."""
    if actor is None:
        return []
    return [
        Offer(kind, FORMS[kind], _guard(state, kind, actor))
        for kind, row in COMMANDS.items()
        if row.target == "hazard" and actor.role in row.roles and _legal(state, kind)
    ]


def _legal(state: HazardStateRecord, kind: str) -> bool:
    event = COMMANDS[kind].event
    verdicts = ("major", "general", "none") if kind == "judge" else (None,)
    return any(is_legal(state.state, row_of(event, verdict)) for verdict in verdicts)


def _guard(state: HazardStateRecord, kind: str, actor: Actor) -> str:
    rectified = actor.id in state.rectifiers
    barred = {
        "accept": ("rectifier_accepts", rectified),
        "close": ("rectifier_closes" if rectified else "resume_missing", rectified or state.stopped),
        "extend": ("no_due", state.due is None),
        "decide_extension": ("no_extension_pending", state.extension is None),
        "supervise": (
            "already_supervised" if state.supervised else "not_supervisable",
            state.supervised or state.verdict != "major",
        ),
        "lift_supervision": ("not_supervised", not state.supervised),
        "stop": ("already_stopped", state.stopped),
        "request_resume": ("not_stopped", not state.stopped),
        "resume": ("not_stopped", not state.stopped),
        "check_similar": ("similar_check", not state.similar_open),
        "downgrade": ("not_major", state.verdict != "major"),
    }
    guard, applies = barred.get(kind, ("", False))
    return guard if applies else ""
