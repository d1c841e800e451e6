"""`python -m benchmarks.step_writes`: what it costs on Apache Kafka to write a step as one transaction.

Against the order without transactions (events, states, then answers and record, each waited for), alternating in the
same run. Latency is from the beginning of the write to the event in the hands of a reader of what is committed.
"""

import argparse
import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import aiokafka
import numpy as np
from kafka import TopicPartition

from schemas.topics import SITE_PARTITIONS
from streams.broker import apache_kafka
from streams.connect import consumer, ensure_topics
from streams.transactions import Ordered, Parts, Transactions, Writer
from streams.worker import Row

JARS = Path(__file__).parent.parent / ".kafka" / "libs"
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def step(name: str, partition: int) -> Parts:
    """Two events, three states and a memory, the step record: what a busy step of a small site writes."""

    def row(topic: str, size: int) -> Row:
        return (topic, b"site", name.encode() + b" " * size, partition, None)

    states = [*[row("alarm.states", 700)] * 3, row("site.memory", 4_000)]
    return [[row("alarm.events", 600)] * 2, states, [row("processing.steps", 400)]]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_S


class Reader(threading.Thread):
    """When each step's event was first read, by its name."""

    def __init__(self, servers: str) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self._reader = consumer(servers, fetch_max_wait_ms=250)
        self._reader.assign([TopicPartition("alarm.events", p) for p in range(SITE_PARTITIONS)])

    def run(self) -> None:
        while True:
            for messages in self._reader.poll(timeout_ms=500).values():
                for message in messages:
                    self.seen.setdefault(message.value.decode().strip(), time.perf_counter())


async def measure(
    servers: str, broker: int, rounds: int, steps: int, gap_s: float
) -> dict[str, dict[str, list[float]]]:
    producer = aiokafka.AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", linger_ms=0, compression_type="lz4", max_batch_size=1 << 20
    )
    await producer.start()

    async def send_all(rows: Sequence[Row]) -> None:
        acks = [await producer.send(topic, value, key, p) for topic, key, value, p, _ in rows]
        await asyncio.gather(*acks)

    transactions = Transactions(servers, "bench")
    await transactions.take(range(SITE_PARTITIONS))
    writers: dict[str, Writer] = {"ordered": Ordered(send_all), "transaction": transactions}
    reader = Reader(servers)
    reader.start()
    found: dict[str, dict[str, list[float]]] = {
        name: {"write": [], "readable": [], "client": [], "broker": []} for name in writers
    }
    for turn in range(rounds + 1):
        for name, writer in writers.items():
            mine, his = time.process_time(), cpu_s(broker)
            begun: dict[str, float] = {}
            took: list[float] = []

            async def one(n: int, p: int, name: str = name, turn: int = turn, writer: Writer = writer) -> None:
                label = f"{name}/{turn}/{n}/{p}"
                begun[label] = start = time.perf_counter()  # noqa: B023
                await writer.write(p, step(label, p))
                took.append(time.perf_counter() - start)  # noqa: B023

            for n in range(steps):
                await asyncio.gather(*(one(n, p) for p in range(SITE_PARTITIONS)))
                await asyncio.sleep(gap_s)
            while any(label not in reader.seen for label in begun):
                await asyncio.sleep(0.02)
            if turn:  # the first is for warming up
                row = found[name]
                row["write"] += took
                row["readable"] += [reader.seen[label] - at for label, at in begun.items()]
                row["client"].append((time.process_time() - mine) / len(begun))
                row["broker"].append((cpu_s(broker) - his) / len(begun))
    await transactions.close()
    await producer.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_writes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=30, help="per round, on every partition")
    parser.add_argument("--gap-ms", type=float, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qingling-bench-") as folder, apache_kafka(Path(folder), JARS) as broker:
        ensure_topics(broker.servers)
        found = asyncio.run(measure(broker.servers, broker.pid, chosen.rounds, chosen.steps, chosen.gap_ms / 1000))
    print("ms per step     write p50   p95   readable p50   p95   CPU of the worker   of the broker")
    for name, row in found.items():
        write, readable = (np.percentile(row[what], [50, 95]) * 1000 for what in ("write", "readable"))
        client, broker_ms = (np.mean(row[what]) * 1000 for what in ("client", "broker"))
        print(
            f"{name:12} {write[0]:12.1f} {write[1]:5.1f} {readable[0]:14.1f} {readable[1]:5.1f}"
            f" {client:19.2f} {broker_ms:15.2f}"
        )


if __name__ == "__main__":
    main()
