"""Whatever dies, on Apache Kafka: nothing is lost, nothing doubled, and running it again gives the same bytes."""

import collections
import datetime as dt
import os
import signal
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.criteria import load_catalogue
from schemas.deadletters import DeadLetter
from schemas.steps import Step
from schemas.times import to_us
from schemas.topics import SITE_PARTITIONS, inputs
from streams.decode import Record
from streams.partition import PartitionState
from streams.reader import read_to_end
from streams.registry import REGISTRY_TOPICS, Registry
from streams.rerun import rerun
from streams.site import Context
from streams.worker import rows
from tests.crash_scene import Scene, scene
from tests.crash_traffic import POISON

LONG = os.environ.get("QINGLING_PROOF") == "long"
ROUNDS = int(os.environ.get("QINGLING_ROUNDS", 10 if LONG else 5))  # five faults each, one of every kind
SESSION_S = 6.0 if LONG else 3.0
OUTPUTS = ("alarm.events", "criterion.verdicts", "hazard.events", "alarm.states", "hazard.states", "site.memory",
           "command.results")  # fmt: skip


@pytest.mark.kafka
@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 900)  # a busy machine is no failure
def test_faults_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, SESSION_S) as it:
        for n in range(ROUNDS):
            one_round(it, n)
        it.drain()
        print(it.told())
        check(it)


def one_round(it: Scene, n: int) -> None:
    """A fault of each of the five kinds, of workers and landing by turns.

    `die_at` is two of them: SIGKILL at a random moment, and at a point of its work in the next life.
    """
    if LONG:
        it.kill(it.one() if n % 2 else "landing")
    if n % 2:
        it.die_at("landing", ("parquet", "landed")[n // 2 % 2])
    else:
        it.die_at(it.one(), ("written", "committing", "committed")[n // 2 % 3])
    it.rebalance("w2")
    it.freeze(it.one(), SESSION_S * 1.3)
    it.broker((signal.SIGKILL, signal.SIGTERM)[n % 2], away_s=30 if LONG and n == 3 else 0)


def check(it: Scene) -> None:
    servers = it.kafka.broker.servers
    log: dict[tuple[str, int], list[Record]] = collections.defaultdict(list)
    for record in read_to_end(servers, [*inputs(), *OUTPUTS, "processing.steps", "dead.letters"]):
        log[record.topic, record.partition].append(record)

    # nothing doubled, not even in the log: an event is committed with its step or not at all
    events = [orjson.loads(r.value) for p in range(SITE_PARTITIONS) for r in log["alarm.events", p]]
    ids = [event["event_id"] for event in events]
    assert len(ids) == len(set(ids))
    # nothing lost: the episodes of an oracle that was written apart from the engine
    assert paired(events) == {
        alarm: [(e.began_us, e.raised_us, e.returned_us) for e in expected]
        for alarm, expected in it.traffic.expected().items() if expected
    }  # fmt: skip
    assert len(ids) > 50
    # what is no frame is one letter each; processing and landing both refuse it, with the same id
    poison = [r.coordinate for p in range(SITE_PARTITIONS) for r in log["telemetry.frames", p] if r.value == POISON]
    assert {DeadLetter.decode(r.headers).cause for r in log["dead.letters", 0]} == set(poison) != set()
    assert it.running.query("select count(*) from dead_letters") == [(len(poison),)]
    # the views show each once
    assert sorted(row[0] for row in it.running.query("select event_id from alarm_events")) == sorted(ids)
    readings = sum(len(series) for series in it.traffic.sent.values())
    assert it.running.query("select count(*), count(distinct (sensor_id, occurred_at)) from readings") == [
        (readings, readings)
    ]
    # every command has one answer, however often it came
    answers = [orjson.loads(r.value) for p in range(SITE_PARTITIONS) for r in log["command.results", p]]
    by_command = collections.defaultdict(set)
    for answer in answers:
        by_command[answer["command_id"]].add(orjson.dumps({**answer, "step": 0}))
    asked = {orjson.loads(r.value)["command_id"] for p in range(SITE_PARTITIONS) for r in log["commands", p]}
    assert set(by_command) == asked and {len(given) for given in by_command.values()} == {1}
    # replay equals live, byte for byte
    for p in range(SITE_PARTITIONS):
        assert again(servers, log, p) == {topic: [r.value for r in log[topic, p]] for topic in OUTPUTS}


def paired(events: list[dict[str, Any]]) -> dict[str, list[tuple[int, int, int | None]]]:
    """By alarm: (began, raised, returned) of every episode, microseconds."""
    found: dict[str, list[tuple[int, int, int | None]]] = {}
    for event in events:
        spans = found.setdefault(event["subject_id"], [])
        if event["kind"] == "alarm_raised":
            spans.append((us(event["data"]["began_at"]), us(event["occurred_at"]), None))
        elif event["kind"] == "alarm_returned":
            spans[-1] = (*spans[-1][:2], us(event["occurred_at"]))
    return {alarm: spans for alarm, spans in found.items() if spans}


def us(text: str) -> int:
    return to_us(dt.datetime.fromisoformat(text))


def again(servers: str, log: dict[tuple[str, int], list[Record]], p: int) -> dict[str, list[bytes | None]]:
    """What comes out when the partition's steps are run again from its inputs."""
    registry = Registry()
    for record in read_to_end(servers, REGISTRY_TOPICS):
        registry.apply(record)
    steps = [Step.parse(record.value or b"") for record in log["processing.steps", p]]
    assert [step.step for step in steps] == list(range(len(steps)))
    assert [step.now for step in steps] == sorted(step.now for step in steps)  # though the workers' clocks differ
    read = {(record.topic, record.offset): record for topic in inputs() for record in log[topic, p]}
    found: dict[str, list[bytes | None]] = {topic: [] for topic in OUTPUTS}
    for step, out in rerun(steps, read, Context(registry, load_catalogue()), p):
        assert out.record is not None and out.record.absorbed == step.absorbed
        for part in rows(PartitionState(p), out):
            for topic, _, value, _, _ in part:
                if topic in found:
                    found[topic].append(value)
    return found
