"""What both Faust apps share: assignment by a leader who sees a broker that has only just come back, and the end of a
worker that reads nothing."""

import subprocess
import sys
from collections.abc import Iterable

from schemas.settings import Settings
from schemas.topics import SITE_PARTITIONS
from streams.broker import Broker
from streams.departure import EXIT
from streams.faustapp import KnownTopics, faust_app


class Metadata:
    """What a leader knows of the cluster: the partitions of some topics."""

    def __init__(self, **topics: int) -> None:
        self._topics = {name.replace("_", "."): count for name, count in topics.items()}

    def partitions_for_topic(self, name: str) -> set[int] | None:
        return set(range(self._topics[name])) if name in self._topics else None


def assigned(cluster: Metadata, names: Iterable[str], members: Iterable[str]) -> dict[str, list[int]]:
    """Topic -> all partitions of it that the members get."""
    assignor = faust_app("assigning", "127.0.0.1:1", Settings()).assignor
    assert isinstance(assignor, KnownTopics)
    metadata = {member: assignor.metadata(set(names)) for member in members}
    found: dict[str, list[int]] = {}
    for each in assignor.assign(cluster, metadata).values():
        for topic, partitions in each.assignment:
            found.setdefault(topic, []).extend(partitions)
    return {topic: sorted(partitions) for topic, partitions in found.items()}


def test_topics_that_the_broker_does_not_name_yet_are_assigned_whole() -> None:
    every = list(range(SITE_PARTITIONS))
    inputs = ("telemetry.frames", "device.alarms")
    assert assigned(Metadata(), inputs, ("a", "b")) == dict.fromkeys(inputs, every)
    assert assigned(Metadata(telemetry_frames=SITE_PARTITIONS), inputs, ("a", "b")) == dict.fromkeys(inputs, every)


def test_what_the_broker_says_goes_first_and_strange_topics_are_left_out() -> None:
    assert assigned(Metadata(device_alarms=3), ("device.alarms", "nobody.knows"), ("a",)) == {
        "device.alarms": [0, 1, 2]
    }


STOPS_READING = """
import asyncio, sys
from schemas.settings import Settings
from streams.faustapp import end_without_flow, faust_app, prepare, raw_channel, run_worker

app = faust_app("idle", sys.argv[1], Settings())

@app.agent(raw_channel(app, ["commands"]))
async def hear(stream):
    async for _ in stream:
        pass

@app.task
async def once():
    while not app.consumer.flow_active:
        await asyncio.sleep(0.05)
    print("reads", flush=True)
    await asyncio.sleep(3)  # longer than the limit
    print("stops", flush=True)
    app.consumer.stop_flow()

prepare()
end_without_flow(app, 2)
run_worker(app)
"""


def test_a_worker_whose_flow_stays_off_ends_and_one_that_reads_does_not(ground: Broker) -> None:
    worker = subprocess.run(
        [sys.executable, "-c", STOPS_READING, ground.servers], capture_output=True, text=True, timeout=60, check=False
    )
    assert worker.returncode == EXIT, worker.stderr[-2000:]
    assert [word for word in worker.stdout.split() if word in ("reads", "stops")] == ["reads", "stops"]
    assert "nothing is read for 2 s" in worker.stderr
