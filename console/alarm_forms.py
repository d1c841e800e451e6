"""What a person fills in for each command on an alarm, and which commands its state and the person's role allow.

No rule is written here: every command is tried on a copy of the alarm by the engine's own `carry_out`, and what that
refuses is not offered. The stream decides again, on the alarm as it is by then.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from console.forms import Field
from schemas.alarm_classes import alarm_classes
from schemas.alarms import AlarmRule, AlarmState
from schemas.commands import COMMANDS, Command
from schemas.events import Actor
from streams.alarm_commands import carry_out
from streams.alarm_guards import GUARDS
from streams.alarmlife import Alarm, Origin
from streams.refusal import Refusal

# `approval` and `one_shot` are asked for only where the engine would have them.
FORMS: dict[str, tuple[Field, ...]] = {
    "acknowledge": (Field("comment", "area"),),
    "unacknowledge": (Field("reason", "area", True),),
    "shelve": (
        Field("until", "instant", True), Field("reason", "area", True), Field("one_shot", "check"),
        Field("comment", "area"),
    ),
    "unshelve": (Field("reason", "area"),),
    "suppress": (Field("reason", "area", True), Field("approval")),
    "unsuppress": (Field("reason", "area"),),
    "out_of_service": (
        Field("work_order", "text", True), Field("due_at", "instant", True), Field("reason", "area"), Field("approval"),
    ),
    "return_to_service": (Field("checked", "area", True), Field("reason", "area")),
    "reset": (Field("comment", "area"),),
    "assign_alarm": (Field("assignee", "text", True), Field("comment", "area")),
    "comment": (Field("comment", "area", True),),
}  # fmt: skip
SHELF_CHOICES_S = (600, 1800, 3600, 7200, 14400, 28800, 86400)
SERVICE_CHOICES_S = (86_400, 3 * 86_400, 7 * 86_400)
_SOON = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class AlarmOffer:
    """A command that the role may give. `guard`: why the engine would refuse it now, if it would.

    `latest`, `choices_s`: the end of a shelf or of a service may be at most so late, and what is usual.
    """

    kind: str
    fields: tuple[Field, ...]
    guard: str = ""
    latest: dt.datetime | None = None
    choices_s: tuple[int, ...] = ()

    def said(self) -> dict[str, Any]:
        """As JSON, with the words of command and guard in both languages."""
        row, why = COMMANDS[self.kind], GUARDS.get(self.guard, ("", ""))
        return {
            "kind": self.kind, "zh": row.zh, "en": row.en, "guard": self.guard or None, "why_zh": why[0],
            "why_en": why[1], "latest": self.latest and self.latest.isoformat(), "choices_s": list(self.choices_s),
            "fields": [
                {"name": f.name, "kind": f.kind, "required": f.required, "options": f.options} for f in self.fields
            ],
        }  # fmt: skip


def alarm_offers(
    state: AlarmState, actor: Actor | None, at: dt.datetime, rule: AlarmRule | None = None
) -> list[AlarmOffer]:
    """The commands on the alarm as it stands at `at`, in the table's order; none without an actor.

    `rule`: its definition, where there is one; what may become P1 is not taken from the operator as easily.
    """
    if actor is None:
        return []
    kinds = [kind for kind, row in COMMANDS.items() if row.target == "alarm" and actor.role in row.roles]
    return [_offer(kind, _Ask(state, actor, at, rule)) for kind in kinds]


@dataclass(frozen=True)
class _Ask:
    state: AlarmState
    actor: Actor
    at: dt.datetime
    rule: AlarmRule | None

    def tried(self, kind: str, data: dict[str, Any]) -> str:
        """The guard that refuses the command on a copy of the alarm; empty if it would be carried out."""
        state = self.state
        began = {"occurrence_id": state.occurrence_id or "-", "began_at": state.began_at or state.changed_at}
        copy = Alarm(
            state.alarm_id, state.site_id, state.rule_id, state.sensor_id, state.area_code, state.unit, self.rule,
            state=state.model_copy(update=began),
        )  # fmt: skip
        command = Command(
            command_id="-", kind=kind, site_id=state.site_id, target_id=state.alarm_id, seen_version=state.version,
            actor=self.actor, issued_at=self.at, data=data,
        )  # fmt: skip
        outcome = carry_out(copy, command, Origin("-", (), self.at, self.actor))
        return outcome.guard if isinstance(outcome, Refusal) else ""


def _offer(kind: str, ask: _Ask) -> AlarmOffer:
    given = _plausible(kind, ask.at)
    fields, guard = list(FORMS[kind]), ask.tried(kind, given)
    if not guard and kind == "shelve" and ask.tried(kind, given | {"one_shot": True}):
        fields = [field for field in fields if field.name != "one_shot"]
    if "approval" in given:  # asked for only where the engine would refuse without
        needed = ask.tried(kind, given | {"approval": ""}) == "p1_approval"
        fields = [f for f in fields if f.name != "approval"] + ([Field("approval", "text", True)] if needed else [])
    latest: dt.datetime | None = None
    choices: tuple[int, ...] = SERVICE_CHOICES_S if kind == "out_of_service" else ()
    if kind == "shelve":
        longest = alarm_classes().longest_shelf(ask.state.priority)
        latest, choices = ask.at + longest, tuple(s for s in SHELF_CHOICES_S if s <= longest.total_seconds())
    return AlarmOffer(kind, tuple(fields), guard, latest, choices)


def _plausible(kind: str, at: dt.datetime) -> dict[str, Any]:
    """Data that no guard minds: what is left to refuse lies in the alarm or in the role."""
    stated: dict[str, dict[str, Any]] = {
        "shelve": {"until": at + _SOON, "reason": "-"},
        "suppress": {"reason": "-", "approval": "-"},
        "out_of_service": {"work_order": "-", "due_at": at + _SOON, "approval": "-"},
        "return_to_service": {"checked": "-"},
        "unacknowledge": {"reason": "-"},
        "assign_alarm": {"assignee": "-"},
    }
    return stated.get(kind, {})
