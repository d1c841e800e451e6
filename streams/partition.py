"""What a worker holds of one partition: its sites, and what the state topics told of them before. Pure."""

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from schemas.alarms import AlarmState
from schemas.commands import CommandResult
from schemas.memory import Memory, parse_memory
from schemas.steps import Range, Step
from schemas.times import to_us
from streams.attention import Attention
from streams.decode import Record
from streams.hazard_store import Held, read_held
from streams.pages import StoredMemory
from streams.site import Context, SiteProcess


class _Numbered(Protocol):
    @property
    def step(self) -> int: ...


Stepped = TypeVar("Stepped", bound=_Numbered)


@dataclass
class PartitionState:
    """What a worker holds of one partition. Sites are built from `stored` when their first input comes."""

    number: int
    step: int = 0
    absorbed: dict[str, Range] = field(default_factory=dict)
    sites: dict[str, SiteProcess] = field(default_factory=dict)
    stored_alarms: dict[str, dict[str, AlarmState]] = field(default_factory=dict)
    stored_hazards: dict[str, dict[str, Held]] = field(default_factory=dict)
    stored_memories: dict[str, StoredMemory] = field(default_factory=dict)
    answers: dict[str, CommandResult] = field(default_factory=dict)
    data_now_us: int = 0
    attention: Attention = field(default_factory=Attention)
    completed: int | None = None  # the last step that has a step record; None: none stands in this log yet
    record: Step | None = None  # that step record

    def restore(self, record: Record) -> None:
        """Take one record of a state topic, in log order.

        A record of an older step than the one held is a stale worker's; a record of a step that has no step record was
        never completed: its inputs come again, and must meet the state they met before.
        """
        if record.value is None:
            return
        match record.topic:
            case "alarm.states":
                alarm = AlarmState.parse(record.value)
                self._hold(self.stored_alarms.setdefault(alarm.site_id, {}), alarm.alarm_id, alarm)
            case "hazard.states":
                hazard = read_held(record.value, self.data_now_us)
                self._hold(self.stored_hazards.setdefault(hazard.site_id, {}), hazard.hazard_id, hazard)
            case "site.memory":
                self._remember(parse_memory(record.value))
            case "command.results":
                answer = CommandResult.parse(record.value)
                self._hold(self.answers, answer.command_id, answer)

    def _remember(self, memory: Memory) -> None:
        stored = self.stored_memories.get(memory.site_id) or StoredMemory()
        self._hold(stored.records, memory.key, memory)
        if stored.records:
            self.stored_memories[memory.site_id] = stored

    def _hold(self, held: dict[str, Stepped], key: str, record: Stepped) -> None:
        complete = self.completed
        if complete is not None and record.step > complete:
            return
        if key not in held or held[key].step <= record.step:
            held[key] = record
        self.step = max(self.step, record.step)

    def restore_step(self, record: Record) -> None:
        """Take one record of processing.steps; call before any `restore`."""
        if record.value is None:
            return
        step = Step.parse(record.value)
        if self.completed is None or step.step >= self.completed:
            self.completed, self.step, self.record = step.step, step.step, step
            self.absorbed, self.data_now_us = dict(step.absorbed), to_us(step.now)

    def site(self, site_id: str, context: Context) -> SiteProcess | None:
        """The site's process, configured as the registry says now; None if the registry does not know the site."""
        if site_id not in context.registry.sites:
            return None
        process = self.sites.get(site_id)
        if process is None:
            process = self.sites[site_id] = SiteProcess(
                site_id, context, self.stored_alarms.pop(site_id, {}).values(),
                self.stored_hazards.pop(site_id, {}).values(), self.stored_memories.pop(site_id, None),
            )  # fmt: skip
        process.configure(context)
        return process

    def wake(self, context: Context) -> list[SiteProcess]:
        """Every site of the partition that the registry knows, those restored and not heard since among them."""
        stored = {*self.stored_alarms, *self.stored_hazards, *self.stored_memories}
        for site_id in sorted(stored & context.registry.sites.keys()):
            self.site(site_id, context)
        return [self.sites[site_id] for site_id in sorted(self.sites)]
