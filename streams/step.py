"""One processing step, pure: inputs of one partition in, everything to be written out. Never reads the clock.

Order within a step: (topic rank, offset). Per input: alarms, then criteria, then hazards (design §4).
"""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from schemas.alarms import AlarmState
from schemas.commands import COMMANDS, Command, CommandResult
from schemas.deadletters import DeadLetter
from schemas.events import Event, VerdictGiven
from schemas.hazards import HazardStateRecord
from schemas.ids import verdict_id
from schemas.memory import Memory
from schemas.model import Refused
from schemas.steps import Range, Step
from schemas.times import from_us, to_us
from schemas.topics import topics
from streams.admission import letter
from streams.classify import Judgement
from streams.decode import Asked, Found, Frame, Input, Record, Upstream, decode_each, received_at_us, site_of
from streams.partition import PartitionState
from streams.refusal import Refusal
from streams.site import Context, SiteProcess

log = logging.getLogger("qingling.step")


@dataclass
class Emitted:
    """Everything one step writes, in the order it must be written: events, states, answers, then the step record."""

    events: list[Event] = field(default_factory=list)
    alarm_states: list[AlarmState] = field(default_factory=list)
    hazard_states: list[HazardStateRecord] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    results: list[CommandResult] = field(default_factory=list)
    refused: list[tuple[DeadLetter, Record]] = field(default_factory=list)
    record: Step | None = None

    @property
    def empty(self) -> bool:
        return self.record is None


def run_step(state: PartitionState, records: Sequence[Record], now_us: int, context: Context) -> Emitted:
    """Absorb `records` (one partition, contiguous per topic, nothing absorbed before) at the step's `now`.

    Then every site's timers are asked what is due. Without records that is all (a tick); a tick that changed nothing
    is empty, has no step record and leaves no trace.
    """
    out = Emitted()
    number = state.step + 1
    now = from_us(now_us)
    watched_since = from_us(state.attention.begin(now_us))
    newest_us = 0
    touched: dict[str, SiteProcess] = {}
    for record, item in decode_each(sorted(records, key=lambda r: (topics()[r.topic].rank or 0, r.offset))):
        if isinstance(item, Refused):
            out.refused.append((letter(record, item, now_us), record))
            continue
        if isinstance(item, Frame | Upstream):  # what people send says nothing about what of the site still waits
            newest_us = max(newest_us, received_at_us(item))
        site_id = site_of(item)
        process = state.site(site_id, context)
        if process is None:
            _unknown_site(item, site_id, now, state, out)
            continue
        touched[site_id] = process
        process.hazards.age(now_us)
        try:
            _judged(process, process.take_ended(), item, out)
            _absorb(process, item, now, state, context, out)
        except Refused as refused:
            out.refused.append((letter(record, refused, now_us, site_id), record))
        except Exception as error:
            # An input that breaks a rule of ours must not stop the stream: it is kept, named and shown.
            log.exception("input %s was not absorbed", record.coordinate)
            broken = Refused("", f"not absorbed: {type(error).__name__}: {error}")
            out.refused.append((letter(record, broken, now_us, site_id), record))
    if newest_us:
        state.attention.read(now_us, newest_us)
    caught_up = not records and state.attention.caught_up(now_us)
    for process in state.wake(context):
        if _tick(process, now_us, state.attention.due_by(now_us), out, caught_up=caught_up):
            touched[process.site_id] = process
    if not records and not touched:
        return out
    for process in touched.values():
        out.alarm_states += process.alarms.take_changed(number)
        out.hazard_states += process.hazards.take_changed(number)
        out.memories += process.take_memory(number)
    out.record = _step_record(state, records, number, now, context).model_copy(update={"watched_since": watched_since})
    state.step, state.completed, state.record, state.absorbed = number, number, out.record, dict(out.record.absorbed)
    return out


def _tick(process: SiteProcess, now_us: int, due_us: int, out: Emitted, *, caught_up: bool) -> bool:
    """What is due by `now_us`, of alarms by `due_us`; whether anything was. Timers name their own due time, so it
    matters not who asks when.

    A timer that breaks must not stop the stream, as an input must not; it is asked again at the next step.
    """
    before = len(out.events)
    alarms, hazards = partial(process.alarms.on_tick, caught_up=caught_up), process.hazards.on_tick
    for timers_of, until_us in ((alarms, due_us), (hazards, now_us)):
        try:
            out.events += timers_of(until_us)
        except Exception:
            log.exception("timers of site %s", process.site_id)
    return len(out.events) > before


def _unknown_site(item: Input, site_id: str, now: dt.datetime, state: PartitionState, out: Emitted) -> None:
    refused = Refused("site_id", f"site {site_id} is not in the registry")
    out.refused.append((letter(item.record, refused, to_us(now), site_id), item.record))
    if isinstance(item, Asked) and item.command.command_id not in state.answers:
        _answer(item.command, Refusal("unknown_site", refused.reason), now, state, out)


def _absorb(
    process: SiteProcess, item: Input, now: dt.datetime, state: PartitionState, context: Context, out: Emitted
) -> None:
    match item:
        case Frame():
            frame = process.admit(item, to_us(now), out.refused)
            if frame.batch.num_rows:
                out.events += process.alarms.on_frame(frame)
                _judged(process, process.criteria.on_frame(frame), frame, out)
        case Upstream(alarm=alarm):
            if alarm.sensor_id and alarm.sensor_id not in context.registry.sensors[process.site_id]:
                raise Refused("sensor_id", f"sensor {alarm.sensor_id} unknown at site {process.site_id}")
            out.events += process.alarms.on_upstream(item)
            _judged(process, process.criteria.on_upstream(item), item, out)
        case Found():
            _judged(process, process.criteria.on_finding(item), item, out)
        case Asked(command=command) if command.command_id in state.answers:
            out.results.append(state.answers[command.command_id])  # asked twice: the first answer again
        case Asked(command=command):
            _answer(command, _carry_out(process, item), now, state, out)


def _judged(process: SiteProcess, judgements: list[Judgement], item: Input, out: Emitted) -> None:
    """Every judgement is a verdict event; those that concern a hazard become hazard events."""
    recorded_at = from_us(received_at_us(item))
    for n, judgement in enumerate(judgements):
        clause, evidence = judgement.clause, judgement.evidence
        ids = tuple(e.evidence_id for e in evidence) or (item.record.coordinate,)
        causes = tuple(c for e in evidence for c in e.coordinates) or (item.record.coordinate,)
        cause = f"{ids[0]}/{judgement.phase}"
        subject = verdict_id(clause.id if clause else "", judgement.catalogue_version, ids)
        verdict = VerdictGiven(
            verdict=judgement.verdict, criterion_id=clause.id if clause else None,
            article=clause.article if clause else "", document_id=clause.document_id if clause else None,
            catalogue_version=judgement.catalogue_version, place_id=judgement.place_id, evidence_ids=ids,
            evidence=tuple(e.model_dump(mode="json") for e in evidence), missing=judgement.missing,
            candidates=judgement.candidates, why=judgement.why, why_zh=judgement.why_zh,
        )  # fmt: skip
        out.events.append(
            Event.of(
                "verdict_given", subject, process.site_id, verdict, cause=cause, n=n, occurred_at=judgement.occurred_at,
                recorded_at=recorded_at, causes=causes,
            )
        )  # fmt: skip
        out.events += process.hazards.on_judgement(judgement, recorded_at, causes, cause)


def _carry_out(process: SiteProcess, item: Asked) -> list[Event] | Refusal:
    command = item.command
    kind = COMMANDS.get(command.kind)
    if kind is None:
        return Refusal("unknown_kind", f"no command is called {command.kind}")
    if command.actor.role not in kind.roles:
        return Refusal("role", f"{command.kind} is not for the role {command.actor.role}")
    if kind.target == "alarm" and process.alarms.has_alarm(command.target_id):
        return process.alarms.on_command(item)
    if kind.target == "hazard" and process.hazards.has_hazard(command.target_id):
        return process.hazards.on_command(item)
    return Refusal("not_found", f"no {kind.target} {command.target_id} at site {process.site_id}")


def _answer(
    command: Command, outcome: list[Event] | Refusal, now: dt.datetime, state: PartitionState, out: Emitted
) -> None:
    refused = outcome if isinstance(outcome, Refusal) else None
    events = [] if isinstance(outcome, Refusal) else outcome
    out.events += events
    answer = CommandResult(
        command_id=command.command_id, accepted=refused is None, event_ids=tuple(e.event_id for e in events),
        guard=refused.guard if refused else None, reason=refused.reason if refused else "",
        site_id=command.site_id, target_id=command.target_id, answered_at=now, step=state.step + 1,
    )  # fmt: skip
    state.answers[command.command_id] = answer
    out.results.append(answer)


def _step_record(
    state: PartitionState, records: Sequence[Record], number: int, now: dt.datetime, context: Context
) -> Step:
    ranges: dict[str, Range] = {}
    for record in records:
        seen = ranges.get(record.topic)
        low = record.offset if seen is None else min(seen.first, record.offset)
        high = record.offset if seen is None else max(seen.last, record.offset)
        ranges[record.topic] = Range(log_id=record.log_id, first=low, last=high)
    return Step(
        step=number, partition=state.number, now=now, ranges=ranges, absorbed={**state.absorbed, **ranges},
        registry_version=context.registry.version, catalogue_version=context.catalogue.version,
    )  # fmt: skip
