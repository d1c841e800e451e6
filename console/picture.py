"""The board's picture in memory: what every topic says now. Pure: records go in, changed subjects come out.

Bounded: open alarms and hazards are held whole, normal alarms and closed hazards as their version alone beyond a cap,
events as the last few of each subject. What has left memory is in the warehouse.
"""

import datetime as dt
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from console.alarm_load import AlarmLoad
from schemas.alarms import AlarmRule, AlarmState
from schemas.criteria import Catalogue, CatalogueError, load_catalogue
from schemas.events import Event
from schemas.hazards import HazardStateRecord
from schemas.ids import alarm_id
from schemas.kpis import KpiRow
from schemas.model import Message, Refused
from schemas.registry import Place, Sensor, Site
from schemas.steps import Step
from schemas.terms import ProcessState, SignalCondition
from schemas.times import from_us, to_us
from schemas.topics import topics
from schemas.workers import Heartbeat
from streams.decode import Record
from streams.lifecycle import is_open
from streams.published import PublishedCatalogues
from streams.rules import default_rules, in_force

STATES = ("alarm.states", "hazard.states")
REGISTRY = ("registry.sites", "registry.places", "registry.sensors", "registry.rules")
EVENTS = ("alarm.events", "hazard.events", "criterion.verdicts")
WHOLE = (*STATES, *REGISTRY, "kpi.values")

EVENTS_PER_SUBJECT = 100
EVIDENCE_PER_SUBJECT = 30
EVIDENCE_KINDS = frozenset({"hazard_suspected", "evidence_completed", "evidence_added"})
SUBJECTS_WITH_EVENTS = 4_000
VERDICTS = 8_000
DONE_HAZARDS = 2_000
KPI_ROWS = 5_000


def built_in() -> Catalogue:
    """The package's catalogue, or an empty one if it does not load: a fault in the law book must not hide a hazard."""
    try:
        return load_catalogue()
    except CatalogueError:
        return Catalogue((), ())


def is_shown(state: AlarmState) -> bool:
    """Whether the alarm belongs on the board: not normal, or kept from the operator by an override."""
    return state.process_state is not ProcessState.NORMAL or bool(state.overrides)


def is_signal(state: AlarmState) -> bool:
    """Whether the record tells of a sensor's signal: never an alarm, never normal."""
    return state.rule_id == "signal"


def is_unseen(state: AlarmState) -> bool:
    """Whether a signal record has something to tell: the sensor cannot be seen, or something is suspected of it."""
    return state.signal is not SignalCondition.GOOD or bool(state.suspicions)


@dataclass
class Freshness:
    """How old the processing stream is, by the producer's clock: a recorded series has old events but a live stream."""

    stepped_at: dt.datetime | None = None  # newest record on processing.steps
    heard_at: dt.datetime | None = None  # newest step or heartbeat
    data_now: dt.datetime | None = None  # the newest step's `now`
    catalogue_version: str = ""  # under which the newest step judged

    def age_s(self, now: dt.datetime) -> float | None:
        """Seconds since the stream last said anything; None = it never has."""
        return None if self.heard_at is None else max(0.0, (now - self.heard_at).total_seconds())


@dataclass
class Recent:
    """The last events of a subject; evidence, which may come in hundreds, does not push out what people did."""

    acts: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_PER_SUBJECT))
    evidence: deque[Event] = field(default_factory=lambda: deque(maxlen=EVIDENCE_PER_SUBJECT))

    def take(self, event: Event) -> bool:
        """False if it is here already: the same event may be sent again."""
        kept = self.evidence if event.kind in EVIDENCE_KINDS else self.acts
        if any(event.event_id == other.event_id for other in kept):
            return False
        kept.append(event)
        return True


@dataclass
class Picture:
    """Not thread-safe: whoever writes and reads from two threads holds one lock around both (live.Live)."""

    alarms: dict[str, AlarmState] = field(default_factory=dict)
    signals: dict[str, AlarmState] = field(default_factory=dict)  # sensors that cannot be seen or are suspected
    hazards: dict[str, HazardStateRecord] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    sensors: dict[str, Sensor] = field(default_factory=dict)
    rules: dict[str, dict[str, AlarmRule]] = field(default_factory=dict)  # the sites' own, by sensor and rule id
    kpis: OrderedDict[tuple[str, tuple[tuple[str, str], ...]], KpiRow] = field(default_factory=OrderedDict)
    events: OrderedDict[str, Recent] = field(default_factory=OrderedDict)
    verdicts: OrderedDict[str, Event] = field(default_factory=OrderedDict)  # by the evidence they judge
    load: AlarmLoad = field(default_factory=AlarmLoad)
    fresh: Freshness = field(default_factory=Freshness)
    published: PublishedCatalogues = field(default_factory=lambda: PublishedCatalogues(built_in()))
    refused: int = 0
    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    _done: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def apply(self, topic: str, value: bytes | None, timestamp_us: int) -> tuple[str, str] | None:
        """Take one record in. Returns (what, id) of the subject that changed on screen, or None.

        A record that does not fit its model is counted in `refused` and otherwise left alone: the stream's own dead
        letters tell of it.
        """
        model = topics()[topic].model
        if value is None or model is None:
            return None
        try:
            message = model.parse(value)
        except Refused:
            self.refused += 1
            return None
        match message:
            case Step():
                self._stepped(message, from_us(timestamp_us))
                return None
            case Heartbeat():
                if message.partitions:  # a worker that owns nothing processes nothing
                    self._heard(from_us(timestamp_us))
                return None
            case AlarmState():
                what = "signal" if is_signal(message) else "alarm"
                return (what, message.alarm_id) if self._take_alarm(message) else None
            case HazardStateRecord():
                return ("hazard", message.hazard_id) if self._take_hazard(message) else None
            case Event():
                self.load.take(message)
                return ("event", message.subject_id) if self._take_event(message) else None
            case KpiRow():
                return ("kpi", message.kpi_id) if self._take_kpi(message) else None
            case _:
                return self._take_registry(message)

    def take_catalogue(self, record: Record) -> None:
        """Take one record of `criteria.catalogue`; what is refused is counted, the last good version stays."""
        try:
            self.published.apply(record)
        except Refused:
            self.refused += 1

    def catalogue(self, version: str | None = None) -> Catalogue:
        """The catalogue of `version`; if nobody published that, the one in effect at the newest step."""
        known = self.published.known(version) if version else None
        if known is not None or self.fresh.data_now is None:
            return known or self.published.built_in
        return self.published.at(self.fresh.data_now)

    def _newer(self, subject: str, step: int, version: int) -> bool:
        """Whether (step, version) is above what is held: a stale worker's late write must not turn time back."""
        held = self._seen.get(subject)
        if held is not None and (step, version) <= held:
            return False
        self._seen[subject] = (step, version)
        return True

    def _take_alarm(self, state: AlarmState) -> bool:
        if not self._newer(state.alarm_id, state.step, state.version):
            return False
        held, shown = (self.signals, is_unseen(state)) if is_signal(state) else (self.alarms, is_shown(state))
        if shown:
            held[state.alarm_id] = state
        else:
            held.pop(state.alarm_id, None)
        return True

    def signal_of(self, site_id: str, sensor_id: str | None) -> AlarmState | None:
        """What is to be told of a sensor's signal, or of its whole site's; None: it can be seen."""
        own = self.signals.get(alarm_id(site_id, sensor_id or "", "signal"))
        return own or self.signals.get(alarm_id(site_id, "", "signal"))

    def rule_of(self, state: AlarmState) -> AlarmRule | None:
        """The alarm's definition in force, as the stream makes it of class and registry; None: it has none."""
        sensor = self.sensors.get(state.sensor_id or "")
        if sensor is None:
            return None
        known, _ = in_force(default_rules([sensor], self.places), self.rules.get(sensor.sensor_id, {}).values())
        return next((rule for rule in known if rule.rule_id == state.rule_id), None)

    def _take_hazard(self, state: HazardStateRecord) -> bool:
        if not self._newer(state.hazard_id, state.step, state.version):
            return False
        self.hazards[state.hazard_id] = state
        self._done.pop(state.hazard_id, None)
        if not is_open(state):
            self._done[state.hazard_id] = None
            while len(self._done) > DONE_HAZARDS:
                self.hazards.pop(self._done.popitem(last=False)[0], None)
        return True

    def _take_event(self, event: Event) -> bool:
        if event.kind == "verdict_given":
            return self._take_verdict(event)
        new = self.events.setdefault(event.subject_id, Recent()).take(event)
        self.events.move_to_end(event.subject_id)
        while len(self.events) > SUBJECTS_WITH_EVENTS:
            self.events.popitem(last=False)
        return new

    def _take_verdict(self, event: Event) -> bool:
        for evidence_id in event.data.get("evidence_ids", ()):
            self.verdicts[evidence_id] = event
            self.verdicts.move_to_end(evidence_id)
        while len(self.verdicts) > VERDICTS:
            self.verdicts.popitem(last=False)
        return False

    def _take_kpi(self, row: KpiRow) -> bool:
        key = (row.kpi_id, tuple(sorted(row.group.items())))
        held = self.kpis.get(key)
        if held is not None and row.as_of < held.as_of:
            return False
        self.kpis[key] = row
        self.kpis.move_to_end(key)
        while len(self.kpis) > KPI_ROWS:
            self.kpis.popitem(last=False)
        return True

    def _take_registry(self, message: Message) -> tuple[str, str]:
        match message:
            case Site():
                self.sites[message.site_id] = message
                self.load.watch.sites = len(self.sites)
            case Place():
                self.places[message.place_id] = message
            case Sensor():
                self.sensors[message.sensor_id] = message
            case AlarmRule():
                self.rules.setdefault(message.sensor_id, {})[message.rule_id] = message
        return ("registry", "")

    def _stepped(self, step: Step, at: dt.datetime) -> None:
        self._heard(at)
        fresh = self.fresh
        fresh.stepped_at = max(at, fresh.stepped_at or at)
        if fresh.data_now is None or step.now >= fresh.data_now:
            fresh.data_now, fresh.catalogue_version = step.now, step.catalogue_version or fresh.catalogue_version
            if to_us(step.now):  # 0: a step that has read nothing with a time yet
                self.load.pass_to(step.now)

    def _heard(self, at: dt.datetime) -> None:
        self.fresh.heard_at = max(at, self.fresh.heard_at or at)

    def events_of(self, subject: str) -> list[Event]:
        """Events in memory of an alarm or hazard, in the order they became known."""
        recent = self.events.get(subject, Recent())
        return sorted((*recent.acts, *recent.evidence), key=lambda event: (event.recorded_at, event.occurred_at))

    def version_of(self, subject: str) -> int | None:
        """The version on screen of an alarm or hazard, also when it is normal or closed and no longer held whole."""
        held = self._seen.get(subject)
        return None if held is None else held[1]

    @property
    def simulated(self) -> bool:
        return any(site.simulated for site in self.sites.values())
