"""`python -m benchmarks.bridge_by_quix SERVERS TOPIC READINGS`: the same with Quix Streams, each message on its own.

Its documented shape: a JSON topic, a function per message that maps the fields, and a batching sink whose write at a
checkpoint makes the frames and waits for their acknowledgement. Prints one JSON object.
"""

import datetime as dt
import json
import sys
import time
import uuid
from typing import Any

from confluent_kafka import Producer
from quixstreams import Application
from quixstreams.sinks.base import BatchingSink, SinkBatch

from benchmarks.bridge_by_hand import AT_ONCE
from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.ids import frame_id
from schemas.terms import SHANGHAI
from schemas.times import to_us
from schemas.topics import partition_of


class Frames(BatchingSink):
    """One frame per site of each checkpoint's batch."""

    def __init__(self, servers: str) -> None:
        super().__init__()
        self.producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 0})
        self.frames = self.readings = 0
        self.began = self.cpu = 0.0

    def write(self, batch: SinkBatch) -> None:
        sites: dict[str, list[Any]] = {}
        for item in batch:
            sites.setdefault(item.value["site_id"], []).append(item)
        for site, items in sites.items():
            rows = [item.value for item in items]
            frame = encode_frame(
                make_batch(*([row[name] for row in rows] for name in ("sensor_id", "at_us", "value", "quality")))
            )
            identity = frame_id(site, f"{batch.partition}/{batch.start_offset}", 0)
            header = FrameHeader(site, identity, "quix", max(item.timestamp for item in items) * 1000)
            self.producer.produce(
                "telemetry.frames", frame, site.encode(), partition=partition_of(site), headers=header.encode()
            )
            self.frames += 1
            self.readings += len(rows)
        if self.producer.flush():
            raise SystemExit("not everything was acknowledged")

    def reading(self, said: dict[str, Any]) -> dict[str, Any]:
        """What a message says; the clock starts with the first one."""
        if not self.began:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        return {
            "site_id": said["companyCode"], "sensor_id": said["tagId"], "value": said["value"],
            "at_us": to_us(dt.datetime.fromisoformat(said["time"]).replace(tzinfo=SHANGHAI)),
            "quality": (0 if said["quality"] == 1 else 128) | (said["alarm"] != ""), "unit": said["unit"],
        }  # fmt: skip


def run(servers: str, topic: str, readings: int) -> dict[str, float]:
    app = Application(
        servers, consumer_group=f"bridge-by-quix-{uuid.uuid4()}", auto_offset_reset="earliest", loglevel="ERROR",
        commit_every=AT_ONCE, commit_interval=5.0, auto_create_topics=False, use_changelog_topics=False,
        consumer_extra_config={"session.timeout.ms": 6_000, "heartbeat.interval.ms": 2_000},
    )  # fmt: skip
    sink = Frames(servers)
    stream = app.dataframe(app.topic(topic, value_deserializer="json", key_deserializer="bytes"))
    stream.apply(sink.reading).sink(sink)
    app.run(count=readings, timeout=60)
    seconds, cpu = time.perf_counter() - sink.began, time.process_time() - sink.cpu
    return {"readings": sink.readings, "frames": sink.frames, "seconds": seconds, "cpu_s": cpu}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
