"""`python -m benchmarks.rebuild_hazards`: 1,000,000 hazards of 8 events each rebuilt from their log.

Partition after partition, as a worker would: the memory that counts is that of one. The log is made on the fly; what
making it costs is measured beside it and taken off. `--broker` sends part of it through a topic. Events per CPU second
hold on one machine at one moment; `decoding` (the same bytes through orjson alone, alternating) says how fast it is.
"""

import argparse
import datetime as dt
import json
import resource
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.events import Actor, Event
from schemas.hazards import HAZARD_EVENTS
from schemas.terms import Role
from schemas.times import to_us
from schemas.topics import SITE_PARTITIONS
from streams.broker import apache_kafka, embedded
from streams.hazard_store import HazardStore
from streams.rebuild import rebuild

ROOT = Path(__file__).parent.parent
NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
SPREAD_DAYS, LIFE_DAYS = 1_060, 35
OPEN_SHARE = 20  # one hazard in so many is still open
IN_FLIGHT = 5_000  # hazards whose events lie mixed in the log
PLAN = {
    "due_at": "2026-12-31", "responsible_person": "孙主任", "responsible_unit": "通风科", "funds": 120_000,
    "measures": [{"kind": "technology", "text": "增设断电闭锁"}], "contingency_plan": "现场处置方案",
    "interim_control": "停止采煤机",
}  # fmt: skip
EVIDENCE = [{"evidence_id": "e", "kind": "span", "peak": 1.2, "signal": "ch4_pct", "sensor_ids": ["T1"]}]
LIFE: list[tuple[str, dict[str, Any]]] = [
    ("hazard_registered", {"found_at": "2026-01-01", "source": "iot", "region": "140402", "industry": "coal",
                           "place_id": "3301-face", "title": "瓦斯超限作业", "root_criterion_id": "COAL4-5-2"}),
    ("hazard_suspected", {"criterion_id": "COAL21-5-2", "evidence": EVIDENCE}),
    ("hazard_judged", {"verdict": "major", "criterion_id": "COAL21-5-2", "document_id": "MEM21", "by": "li"}),
    ("plan_approved", PLAN),
    ("rectification_started", {"by": "sun"}),
    ("rectification_done", {"by": "sun", "evidence": ["照片"]}),
    ("acceptance_passed", {"by": "li", "evidence": ["验收表"]}),
    ("hazard_closed", {"by": "wang", "evidence": ["销号单"]}),
]  # fmt: skip
LAST_OF_OPEN = ("hazard_reported", {"to": "regulator"})


def templates(life: list[tuple[str, dict[str, Any]]]) -> list[tuple[bytes, ...]]:
    """Each event of a life as JSON, cut where the hazard's id, the event's id and its time go."""
    made = []
    for kind, data in life:
        event = Event(
            event_id="@EVENT", kind=kind, subject_id="@HAZARD", site_id="140402000123", occurred_at=NOW,
            recorded_at=NOW, actor=Actor(id="li", role=Role.INSPECTOR), causes=("log/commands/3/123456",),
            data=HAZARD_EVENTS[kind].parse(data).model_dump(mode="json"),
        )  # fmt: skip
        text = event.encode().replace(orjson.dumps(NOW.isoformat().replace("+00:00", "Z"))[1:-1], b"@TIME")
        assert text.count(b"@TIME") == 2, text
        made.append(
            tuple(text.replace(b"@EVENT", b"\0").replace(b"@HAZARD", b"\0").replace(b"@TIME", b"\0").split(b"\0"))
        )
    return made


def log_of(partition: int, hazards: int) -> Iterator[bytes]:
    """The events of a partition, `IN_FLIGHT` lives mixed, the oldest found three years before NOW."""
    closed, opened = templates(LIFE), templates([*LIFE[:-1], LAST_OF_OPEN])
    flight: deque[tuple[int, int]] = deque()
    begun = 0
    while flight or begun < hazards:
        while len(flight) < IN_FLIGHT and begun < hazards:
            flight.append((begun, 0))
            begun += 1
        number, step = flight.popleft()
        life = opened if number % OPEN_SHARE == 0 else closed
        found = NOW - SPREAD_DAYS * DAY * (hazards - number) / hazards
        when = (found + step * LIFE_DAYS / 8 * DAY).isoformat(timespec="seconds").encode()
        a, b, c, d, e = life[step]
        hazard = b"%08x-0000-5000-8000-%012x" % (partition, number)
        yield a + b"%08x-%04x-5000-8000-%012x" % (partition, step, number) + b + hazard + c + when + d + when + e
        if step + 1 < len(life):
            flight.append((number, step + 1))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mb() -> float:
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * resource.getpagesize() / 1e6


def fold(hazards: int) -> dict[str, Any]:
    """All partitions, one after the other; CPU of making the log taken off."""
    each = hazards // SITE_PARTITIONS
    kept: dict[str, int] = {}
    spent = making = decoding = 0.0
    size, before, most = 0, memory_mb(), 0.0
    for partition in range(SITE_PARTITIONS):
        began = cpu()
        size += sum(len(raw) for raw in log_of(partition, each))
        made = cpu()
        for raw in log_of(partition, each):
            orjson.loads(raw)
        decoded = cpu()
        store = HazardStore()
        store.load(rebuild(log_of(partition, each), to_us(NOW)))
        spent += cpu() - decoded - (made - began)
        making, decoding = making + made - began, decoding + decoded - made - (made - began)
        most = max(most, memory_mb() - before)
        for name, count in store.counts().items():
            kept[name] = kept.get(name, 0) + count
        print(f"partition {partition}: {each * 8 * (partition + 1) / spent:,.0f} events per CPU second", flush=True)
    events = each * SITE_PARTITIONS * 8
    return {
        "hazards": each * SITE_PARTITIONS, "events": events, "bytes_per_event": round(size / events),
        "cpu_s": round(spent, 1), "events_per_cpu_s": round(events / spent),
        "times_decoding": round(spent / decoding, 1), "most_mb_of_a_partition": round(most), "in_memory": kept,
    }  # fmt: skip


def through_a_topic(servers: str, hazards: int) -> dict[str, Any]:
    """One partition written to hazard.events, read whole by the workers' own reader, and folded."""
    from kafka import TopicPartition

    from streams.connect import ensure_topics, producer
    from streams.reader import read_to_end

    ensure_topics(servers)
    sender = producer(servers, linger_ms=20)
    for n, raw in enumerate(log_of(0, hazards)):
        sender.send("hazard.events", value=raw, partition=0)
        if n % 20_000 == 0:
            sender.flush()
    sender.flush()
    sender.close()
    began, wall = cpu(), time.monotonic()
    log = read_to_end(servers, only=[TopicPartition("hazard.events", 0)])
    held = rebuild((record.value or b"" for record in log), to_us(NOW))
    spent, seconds, events = cpu() - began, time.monotonic() - wall, hazards * 8
    if len(held) != hazards:
        raise SystemExit(f"{hazards} hazards were written and {len(held)} came back")
    return {
        "events": events, "cpu_s": round(spent, 1), "events_per_cpu_s": round(events / spent),
        "events_per_s": round(events / seconds),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rebuild_hazards")
    parser.add_argument("--hazards", type=int, default=1_000_000)
    parser.add_argument("--broker", choices=["none", "embedded", "kafka"], default="none")
    parser.add_argument("--in-topic", type=int, default=50_000, help="hazards that go through the broker")
    asked = parser.parse_args()
    result: dict[str, Any] = {"folded": fold(asked.hazards)} if asked.hazards else {}
    if asked.broker != "none":
        with tempfile.TemporaryDirectory(prefix="qingling-bench-") as folder:
            run = Path(folder)
            start = embedded(run) if asked.broker == "embedded" else apache_kafka(run, ROOT / ".kafka" / "libs")
            with start as broker:
                result["through_a_topic"] = through_a_topic(broker.servers, asked.in_topic)
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
