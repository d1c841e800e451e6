"""`python -m pipelines.simulate`: a simulated province feeds the topics until it is told to stop.

The registry goes first, lively sites before the others; then live frames, alarms of the sites' own systems and
findings, second by second, and beside them, a slice per second, three years of imported hazard history. Deterministic
but for the clock: the same seed gives the same sites, the same history, the same sequence of happenings.
"""

import argparse
import datetime as dt
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator

import numpy as np
import structlog

from pipelines.happenings import SYSTEM, Happenings, Links
from pipelines.past import history
from pipelines.province import SITES, Province, SimulatedSite, make_province
from pipelines.signals import Readings, Signals
from schemas.criteria import load_catalogue
from schemas.events import Event
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.settings import Settings
from schemas.topics import partition_of
from streams.connect import bootstrap_servers, ensure_topics, producer
from streams.gateways.outbox import Outbox, Outgoing, to_site
from streams.gateways.registry import record_of
from streams.lifecycle import apply
from streams.reader import read_to_end

TICK_S = 1.0
REGISTRY_SHARE, HISTORY_SHARE = 0.3, 0.2  # of a tick, while there is something left to send
FRAMES_HELD = 60  # by a gateway whose link is down; older ones are lost, as in a real one
log = structlog.get_logger("simulator")


class Simulator:
    """`seconds` since the start are the simulation's own clock; readings are dated with the wall clock."""

    def __init__(self, province: Province, outbox: Outbox, pace: float) -> None:
        self._province, self._outbox, self._pace = province, outbox, pace
        self._signals, self._happenings, self._links = Signals(province), Happenings(province), Links({})
        self._held: dict[str, deque[Outgoing]] = defaultdict(lambda: deque(maxlen=FRAMES_HELD))
        self._ids = [[each.sensor.sensor_id for each in site.sensors] for site in province.sites]
        ends = np.cumsum([len(ids) for ids in self._ids])
        self._cuts = [slice(end - len(ids), end) for ids, end in zip(self._ids, ends.tolist(), strict=True)]
        # by site: the registry.sensors offset its frames rely on
        self._relies_on: dict[str, int] = {}
        order = sorted(range(len(province.sites)), key=lambda i: not province.sites[i].lively)
        self._unregistered = deque(order)
        self.frames = self.readings = 0

    @property
    def complete(self) -> bool:
        """Whether every site is in the registry."""
        return not self._unregistered

    def register(self, until: float) -> None:
        """Site after site, the lively ones first, until the monotonic clock says `until`; all acknowledged.

        Sites and places go before the sensors that stand in them. A site sends nothing before it is registered.
        """
        if len(self._unregistered) == len(self._province.sites):
            for department in self._province.departments:
                self._outbox.put(record_of("department", department))
            for matter in self._province.matters:
                self._outbox.put(record_of("matter", matter))
        taken: list[int] = []
        while self._unregistered and (not taken or time.monotonic() < until):
            taken.append(self._unregistered.popleft())
            site = self._province.sites[taken[-1]]
            self._outbox.put(record_of("site", site.site))
            for place in site.places:
                self._outbox.put(record_of("place", place))
            for rule in self._province.rules(site):
                self._outbox.put(record_of("rule", rule))
        self._outbox.settle()
        for i in taken:
            for each in self._province.sites[i].sensors:
                self._outbox.put(record_of("sensor", each.sensor))
        offset = self._outbox.settle()["registry.sensors"]
        self._relies_on |= {self._province.sites[i].site.site_id: offset for i in taken}

    def tick(self, number: int, now_us: int) -> None:
        """Second `number`: lively sites send every second, the others every other one."""
        readings = self._signals.step(TICK_S, self._pace)
        self._links.drop(self._happenings.drops(TICK_S, self._pace), number * TICK_S)
        for site_id in self._links.back(number * TICK_S):
            self._catch_up(site_id)
        for i, site in enumerate(self._province.sites):
            if site.site.site_id in self._relies_on and (site.lively or (i + number) % 2 == 0):
                self._send(i, site, readings, now_us)
        for alarm in self._happenings.alarms(now_us, TICK_S, self._pace):
            if alarm.site_id in self._relies_on:
                self._outbox.put(to_site("device.alarms", alarm.site_id, alarm.encode()))
        for finding in self._happenings.findings(now_us, TICK_S, self._pace):
            if finding.site_id in self._relies_on:
                self._outbox.put(to_site("inspection.findings", finding.site_id, finding.encode()))

    def _send(self, i: int, site: SimulatedSite, readings: Readings, now_us: int) -> None:
        cut, site_id, down = self._cuts[i], site.site.site_id, self._links.down(site.site.site_id)
        times = np.full(len(self._ids[i]), now_us, "int64")
        batch = make_batch(self._ids[i], times, readings.values[cut], readings.quality[cut])
        header = FrameHeader(
            site_id, frame_id(site_id, f"{SYSTEM}/{self._province.seed}/{now_us}", 0),
            f"{SYSTEM}.held" if down else SYSTEM, now_us, self._relies_on[site_id],
        )  # fmt: skip
        frame = to_site("telemetry.frames", site_id, encode_frame(batch), header.encode())
        if down:
            self._held[site_id].append(frame)
            return
        self._outbox.put(frame)
        self.frames += 1
        self.readings += batch.num_rows

    def _catch_up(self, site_id: str) -> None:
        """What was held while the link was down comes late, in its own order."""
        for frame in self._held.pop(site_id, ()):
            self._outbox.put(frame)
            self.frames += 1


def tell_history(lives: Iterator[list[Event]], known: set[str], outbox: Outbox, until: float) -> tuple[int, bool]:
    """Send lives until the monotonic clock says `until`; how many were sent, and whether there are more.

    A hazard that the broker already knows has an owner: its past was told, and its state is the stream's.
    """
    told = 0
    while time.monotonic() < until:
        events = next(lives, None)
        if events is None:
            return told, False
        if not events or events[0].subject_id in known:
            continue
        state = None
        for event in events:
            state = apply(state, event)
            outbox.put(to_site(event.topic, event.site_id, event.encode()))
        if state is not None:
            outbox.put(Outgoing("hazard.states", state.hazard_id, state.encode(), (), partition_of(state.site_id)))
        told += 1
    return told, True


def run(
    settings: Settings, seed: int, sites: int, pace: float, *, past: bool, live: bool, stop: threading.Event
) -> None:
    """Feed the broker until `stop`; with `live` False only tell the history. Raises NotConnected, KafkaError."""
    servers = bootstrap_servers(settings)
    ensure_topics(servers)
    now = dt.datetime.now(dt.UTC)
    province = make_province(seed, time.time_ns() // 1000, sites)
    sender = producer(servers, linger_ms=20)
    outbox = Outbox(sender)
    simulator = Simulator(province, outbox, pace)
    lives: Iterator[list[Event]] = iter(())
    known: set[str] = set()
    if past:
        known = {(record.key or b"").decode() for record in read_to_end(servers, ["hazard.states"])}
        lives = history(province, load_catalogue(), now)
    telling, told, number, due = past, 0, 0, time.monotonic()
    while not stop.is_set() and (live or telling):
        if live and not simulator.complete:
            simulator.register(time.monotonic() + REGISTRY_SHARE * TICK_S)
            if simulator.complete:
                log.info("registry sent", sites=len(province.sites), sensors=sum(1 for _ in province.sensors()))
        if live:
            simulator.tick(number, time.time_ns() // 1000)
        if telling and (simulator.complete or not live):
            share = HISTORY_SHARE if live else 1
            more, telling = tell_history(lives, known, outbox, time.monotonic() + TICK_S * share)
            told += more
            if not telling:
                log.info("history told", hazards=told)
        outbox.settle()
        number += 1
        due = max(due + TICK_S, time.monotonic() - TICK_S)
        if live:
            stop.wait(max(0.0, due - time.monotonic()))
    sender.close(timeout=1)
    log.info("simulator ends", frames=simulator.frames, hazards=told)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m pipelines.simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sites", type=int, default=SITES)
    parser.add_argument("--speed", type=float, default=1.0, help="how many times as often something happens")
    parser.add_argument("--history", action=argparse.BooleanOptionalAction, default=True, help="three years of hazards")
    parser.add_argument(
        "--live", action=argparse.BooleanOptionalAction, default=True, help="registry, and readings from now on"
    )
    chosen = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(Settings(), chosen.seed, chosen.sites, chosen.speed, past=chosen.history, live=chosen.live, stop=stop)


if __name__ == "__main__":
    main()
