"""What one processing worker holds and does between two batches: partitions, their states, steps. Knows no Faust.

Loading states, filling gaps and waiting for the registry block; the Faust app calls all of it in a thread.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kafka import TopicPartition

from schemas.criteria import Catalogue
from schemas.deadletters import DeadLetter
from schemas.frames import decode_frame
from schemas.model import Refused
from schemas.settings import Settings
from schemas.steps import Step
from schemas.times import from_us
from streams.admission import times_us
from streams.attention import Attention
from streams.connect import bootstrap_servers, log_ids
from streams.decode import Record
from streams.partition import PartitionState
from streams.published import TOPIC as CATALOGUE_TOPIC
from streams.published import PublishedCatalogues
from streams.reader import Tail, newest, read_range, read_to_end
from streams.rebuild import rebuild
from streams.registry import REGISTRY_TOPICS, Registry
from streams.site import Context
from streams.step import Emitted, run_step

log = logging.getLogger("qingling.processing")

STATE_TOPICS = ("alarm.states", "hazard.states", "site.memory", "command.results")
TAIL_WAIT_MS = 250  # of registry and catalogue: they change by the day
REGISTRY_WAIT_S = 10  # a frame's registry record is on its way; after this the frame is judged by what is known
SEEDING_WAIT_S = 120  # whoever seeds has died if it takes longer
_RECENT_STEPS = 200
_BEHIND_US = 5_000_000  # a clock that is farther behind than this is said so
LETTER_BYTES = 4 << 20  # a letter must pass where its record passed, with headers and uncompressed

Row = tuple[str, bytes | None, bytes | None, int | None, list[tuple[str, bytes]] | None]


class Worker:
    """State of the partitions owned now, and everything a step needs; the Faust app only feeds it."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.settings = settings
        self.servers = bootstrap_servers(settings)
        self.logs = log_ids(self.servers)
        self.published = PublishedCatalogues(catalogue)
        self.context = Context(Registry(), catalogue, self.published.known)
        self.states: dict[int, PartitionState] = {}
        self._letters: list[Row] = []
        self._stepped: dict[int, float] = {}  # partition → monotonic seconds of its last step or tick
        self._behind: set[int] = set()  # partitions whose last owner's clock was ahead of ours, and it was said
        self.learning = threading.Lock()  # the tail's thread and a step's thread both touch registry and catalogue
        self.tail = Tail(
            self.servers, (*REGISTRY_TOPICS, CATALOGUE_TOPIC), self._learn, self._settle, wait_ms=TAIL_WAIT_MS
        )
        self.tail.start()

    def _learn(self, record: Record) -> None:
        with self.learning:
            try:
                (self.published if record.topic == CATALOGUE_TOPIC else self.context.registry).apply(record)
            except Refused as refused:
                self._refuse(record, refused)

    def _settle(self) -> None:
        with self.learning:
            for record, refused in self.published.settle():
                self._refuse(record, refused)

    def _refuse(self, record: Record, refused: Refused) -> None:
        """What was held before stays. Every worker refuses with the same letter, so it is one letter."""
        name = (record.key or b"").decode("utf-8", "replace")
        log.warning("%s %s (%s) refused: %s", record.topic, name, record.coordinate, refused)
        letter = DeadLetter(
            source=record.topic, reason=refused.reason, cause=record.coordinate, refused_at_us=record.timestamp_us,
            field=refused.field, file=name, origin=record.topic,
        )  # fmt: skip
        self._letters.append(
            ("dead.letters", record.topic.encode(), record.value or b"", None, letter.headers(record.headers))
        )

    def take_letters(self) -> list[Row]:
        """Dead letters of registry and catalogue records refused since the last call."""
        with self.learning:
            taken, self._letters = self._letters, []
        return taken

    def _choose_catalogue(self, now_us: int) -> None:
        """The catalogue in effect at the step's now. Call under the lock."""
        chosen = self.published.at(from_us(now_us))
        if chosen.version != self.context.catalogue.version:
            log.info("catalogue %s judges instead of %s", chosen.version, self.context.catalogue.version)
        self.context.catalogue = chosen

    def load(
        self, numbers: Iterable[int], held: Mapping[int, PartitionState] | None = None
    ) -> dict[int, PartitionState]:
        """The states of partitions `numbers` as of their last complete step. Blocking.

        `held`: states that were ours before a rebalance. One whose last step is still the last in the log is what
        reading would give, and is kept: nobody else has stepped since.
        """
        self.tail.caught_up.wait(60)
        deadline = time.monotonic() + SEEDING_WAIT_S
        while self.settings.seeding.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        states = {number: PartitionState(number) for number in numbers}
        steps = [TopicPartition("processing.steps", number) for number in states]
        for record in newest(self.servers, steps, _RECENT_STEPS):
            states[record.partition].restore_step(record)
        kept = {n: it for n, it in (held or {}).items() if n in states and _same_step(it.record, states[n].record)}
        bare = [state for number, state in states.items() if number not in kept]
        topics = [TopicPartition(name, state.number) for name in STATE_TOPICS for state in bare]
        for record in read_to_end(self.servers, only=topics) if topics else ():
            states[record.partition].restore(record)
        self._rebuild_hazards([state for state in bare if state.completed and not state.stored_hazards])
        for number, state in kept.items():
            state.attention = Attention()  # while it was nobody's we were not watching
            states[number] = state
        for state in states.values():
            # what another log absorbed says nothing about this one: the topic was created anew
            state.absorbed = {t: r for t, r in state.absorbed.items() if r.log_id == self.logs[t]}
        self._stepped, self._behind = {}, set()
        return states

    def _rebuild_hazards(self, bare: Sequence[PartitionState]) -> None:
        """Steps were done and no hazard has a state: hazard.states was lost or created anew. Events tell them again."""
        events: dict[int, list[bytes]] = {state.number: [] for state in bare}
        wanted = [TopicPartition("hazard.events", number) for number in events]
        for record in read_to_end(self.servers, only=wanted) if wanted else ():
            events[record.partition].append(record.value or b"")
        for state in bare:
            for held in rebuild(events[state.number], state.data_now_us):
                state.stored_hazards.setdefault(held.site_id, {})[held.hazard_id] = held
            if state.stored_hazards:
                log.warning("partition %s: hazards rebuilt from %s events", state.number, len(events[state.number]))

    def contiguous(self, records: Sequence[Record]) -> list[Record]:
        """Without what is absorbed already, with what Faust jumped over read again. Blocking if there is a gap."""
        found: list[Record] = []
        for record in sorted(records, key=lambda r: (r.partition, r.topic, r.offset)):
            expected = self._expected(record.partition, record.topic, found)
            if record.offset < expected:
                continue
            if record.offset > expected:
                tp = TopicPartition(record.topic, record.partition)
                missed, begins = read_range(self.servers, tp, expected, record.offset)
                if begins > expected:
                    log.error("%s/%s: offsets %s to %s are lost", *tp, expected, begins - 1)
                if missed:
                    log.warning("%s/%s: read %s records again", *tp, len(missed))
                found += missed
            found.append(record)
        return found

    def _expected(self, partition: int, topic: str, found: Sequence[Record]) -> int:
        if found and found[-1].partition == partition and found[-1].topic == topic:
            return found[-1].offset + 1
        absorbed = self.states[partition].absorbed.get(topic)
        return absorbed.last + 1 if absorbed else 0

    def step(self, records: Sequence[Record]) -> list[tuple[PartitionState, Emitted]]:
        """One step per partition that has records. Blocking, pure but for reading gaps."""
        self._await_registry(records)
        by_partition: dict[int, list[Record]] = {}
        for record in self.contiguous(records):
            by_partition.setdefault(record.partition, []).append(record)
        return [self._run(self.states[number], mine) for number, mine in sorted(by_partition.items())]

    def tick(self, quiet_s: float) -> list[tuple[PartitionState, Emitted]]:
        """A step without input for every partition that had none for `quiet_s`; only those that changed something."""
        now = time.monotonic()
        due = [state for n, state in sorted(self.states.items()) if now - self._stepped.get(n, -1e9) >= quiet_s]
        done = [self._run(state, []) for state in due]
        return [(state, out) for state, out in done if not out.empty]

    def _run(self, state: PartitionState, records: Sequence[Record]) -> tuple[PartitionState, Emitted]:
        now_us = self.now_us(state, records)
        with self.learning:
            self._choose_catalogue(now_us)
            out = run_step(state, records, now_us, self.context)
        self._stepped[state.number] = time.monotonic()
        return state, out

    def now_us(self, state: PartitionState, records: Sequence[Record] = ()) -> int:
        """The step's `now`, never before that of the partition's last step: workers' clocks differ.

        It is the clock's, or that of the newest reading when a recorded series is replayed.
        """
        if self.settings.clock == "data":
            newest_read = max((newest_us(record) for record in records), default=0)
            state.data_now_us = max(state.data_now_us, newest_read)
            return state.data_now_us or wall_us()
        now = wall_us()
        if now + _BEHIND_US < state.data_now_us and state.number not in self._behind:
            self._behind.add(state.number)
            behind_s = (state.data_now_us - now) / 1e6
            log.warning("partition %s: this clock is %.0f s behind the last step; timers wait", state.number, behind_s)
        state.data_now_us = max(state.data_now_us, now)
        return state.data_now_us

    def _await_registry(self, records: Sequence[Record]) -> None:
        needed = max((registry_offset(record) for record in records), default=-1)
        deadline = time.monotonic() + REGISTRY_WAIT_S
        while self.context.registry.version < needed and time.monotonic() < deadline:
            time.sleep(0.01)


def _same_step(held: Step | None, logged: Step | None) -> bool:
    return held is not None and logged is not None and held.encode() == logged.encode()


def wall_us() -> int:
    return time.time_ns() // 1000


def registry_offset(record: Record) -> int:
    """The registry.sensors offset a frame relies on; -1 if it names none."""
    for name, value in record.headers:
        if name == "registry_offset" and value.lstrip(b"-").isdigit():
            return int(value)
    return -1


def newest_us(record: Record) -> int:
    """The newest event time in a frame, microseconds; what `now` follows when a recorded series is replayed."""
    if record.topic != "telemetry.frames" or record.value is None:
        return 0
    try:
        times = times_us(decode_frame(record.value))
    except Refused:
        return 0
    return int(times.max()) if len(times) else 0


def rows(state: PartitionState, out: Emitted) -> tuple[list[Row], list[Row], list[Row]]:
    """What a step writes: (events and dead letters), (states), (answers and the step record); all to its partition."""
    p = state.number
    events: list[Row] = [(e.topic, e.site_id.encode(), e.encode(), p, None) for e in out.events]
    for refusal, record in out.refused:
        raw, letter = record.value or b"", refusal
        if len(raw) > LETTER_BYTES:
            reason = f"{letter.reason} (the first {LETTER_BYTES} of {len(raw)} bytes; all of it at {record.coordinate})"
            raw, letter = raw[:LETTER_BYTES], replace(letter, reason=reason)
        events.append(("dead.letters", letter.source.encode(), raw, None, letter.headers(record.headers)))
    states: list[Row] = [("alarm.states", s.alarm_id.encode(), s.encode(), p, None) for s in out.alarm_states]
    states += [("hazard.states", s.hazard_id.encode(), s.encode(), p, None) for s in out.hazard_states]
    states += [("site.memory", m.key.encode(), m.encode(), p, None) for m in out.memories]
    last: list[Row] = [("command.results", r.command_id.encode(), r.encode(), p, None) for r in out.results]
    if out.record is not None:
        last.append(("processing.steps", str(p).encode(), out.record.encode(), p, None))
    return events, states, last
