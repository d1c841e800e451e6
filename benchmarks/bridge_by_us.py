"""`python -m benchmarks.bridge_by_us SERVERS TOPIC`: the bridge itself, as `qingling ingest bridge` runs it."""

import json
import sys
import time

import uvloop

from streams.connect import KAFKA_TIMES
from streams.gateways.bridge import serve
from streams.gateways.bridge_dialects import dialects


def run(servers: str, topic: str) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    sent = uvloop.run(serve(servers, topic, dialects()["chemical"], KAFKA_TIMES, once=True))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"readings": sent.readings, "frames": sent.frames, "seconds": seconds, "cpu_s": cpu}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2])))
