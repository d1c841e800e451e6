"""The bridge: single JSON readings of a third party become frames, each reading once, whatever dies in between."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

import orjson
import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.deadletters import DeadLetter
from schemas.frames import FrameHeader, decode_frame
from schemas.model import Refused
from schemas.terms import Quality
from schemas.topics import partition_of
from streams.connect import producer
from streams.decode import Record, decode
from streams.gateways.bridge_dialects import dialect_of, dialects
from streams.gateways.bridge_frames import FRAME_ROWS, Plan, Range, frames
from streams.gateways.bridge_readings import _at_once, one, read
from streams.gateways.bridge_records import Run, Runs
from streams.landing_columns import later_columns
from streams.landing_frames import sort_frames
from streams.reader import read_to_end

NOW_US = 1_795_400_000_000_000  # 2026-11-23 10:13:20 +08:00 and a bit
PARK = "park.readings"
CHEMICAL, NEUTRAL = dialects()["chemical"], dialects()["neutral"]


def reading(n: int = 0, site: str = "140401234", **more) -> dict:
    said = {"companyCode": site, "tagId": f"{site}G0001LT{n % 7:03d}", "value": n / 4, "unit": "m", "quality": 1}
    return said | {"alarm": "", "time": f"2026-11-23 10:{n // 60 % 13:02d}:{n % 60:02d}"} | more


def reading_of(n: int) -> dict:
    return reading(n, site=f"park-{n % 5}")


def message(n: int = 0, site: str = "140401234", **more) -> bytes:
    return orjson.dumps(reading(n, site, **more))


def rows(batch) -> list[tuple]:
    return [tuple(row.values()) for row in batch.to_pylist()]


def test_the_message_of_a_chemical_park_is_a_reading():
    said = b'{"companyCode":"140401234","tagId":"140401234G0001LT001","value":4.82,"unit":"m","quality":1,"alarm":"H",'
    found = read([said + b'"time":"2026-11-23 10:13:00"}'], CHEMICAL, NOW_US)
    ten_thirteen = 1_795_399_980_000_000
    assert rows(found.batch) == [("140401234", "140401234G0001LT001", ten_thirteen, 4.82, int(Quality.ALARM), "m")]
    assert found.refused == []


def test_the_neutral_message_is_a_reading():
    said = {"site_id": "x", "sensor_id": "x-1", "value": 7, "occurred_at": "2026-11-23T02:13:00.25Z", "quality": 4}
    found = read([orjson.dumps(said)], NEUTRAL, NOW_US)
    assert rows(found.batch) == [("x", "x-1", 1_795_399_980_250_000, 7.0, int(Quality.CALIBRATING), None)]


REFUSED = [
    (b"", ""), (b"not json", ""), (b"[1]", ""), (message() + message(), ""), (b"\xff\xfe{}", ""), (None, ""),
    (message(companyCode=None), "companyCode"), (message(companyCode=7), "companyCode"), (message(tagId=""), "tagId"),
    (message(value="4.8"), "value"), (message(value=True), "value"), (b'{"companyCode":"1","tagId":"2"}', "time"),
    (b'{"companyCode":"1","tagId":"2","time":"2026-11-23 10:00:00"}', "value"), (message(value=[1]), "value"),
    (message(time="yesterday"), "time"), (message(time=1_795_399_980), "time"), (message(time="1999-12-31"), "time"),
    (message(time="2026-11-23 10:25:00"), "time"), (message(quality=3), "quality"), (message(quality="1"), "quality"),
    (message(unit=1), "unit"), (message(alarm=False), "alarm"), (message()[:-1], ""), (b'{"a":' * 200_000, ""),
    (message(value=1).replace(b"1,", b"1e999,", 1), ""),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "field"), REFUSED)
def test_a_bad_message_is_refused_with_its_field_and_the_rest_goes_on(bad, field):
    with pytest.raises(Refused) as refused:
        one(bad, CHEMICAL, NOW_US)
    assert refused.value.field == field and refused.value.reason
    around = [message(n) for n in range(150)]
    found = read([*around[:90], bad, *around[90:]], CHEMICAL, NOW_US)
    assert [(number, why.field) for number, why in found.refused] == [(90, field)]
    assert rows(found.batch) == [one(each, CHEMICAL, NOW_US) for each in around]


def test_a_value_that_is_null_is_no_value_and_was_not_polled():
    found = read([message(1), message(value=None), message(value=None, quality=0)], CHEMICAL, NOW_US)
    assert [math.isnan(value) for value in found.batch.column("value").to_pylist()] == [False, True, True]
    assert found.batch.column("quality").to_pylist() == [0, Quality.NOT_POLLED, Quality.SENSOR_FAULT]


def test_messages_that_share_an_object_between_them_are_not_taken_for_two_readings():
    whole = message()
    for cut in range(1, len(whole)):
        assert len(read([whole[:cut], whole[cut:]], CHEMICAL, NOW_US).refused) == 2
    two = [b'{"a":[{}', b"{}]," + whole[1:], whole + b"\n" + whole]
    assert len(read(two, CHEMICAL, NOW_US).refused) == 3


ODD = [
    *(None, True, False, 0, 1, -9999, 2**53, 2**60, 0.5, 1e300, math.inf, "", "H", "\x00", "甲", "\n", [{}], {"a": 1}),
    *(
        "2026-11-23",
        "2026-11-23T10:00:00Z",
        "2026-11-23 10:00",
        "20261123",
        "1999-01-01",
        "2026-11-23 10:00:00.1234567",
    ),
]
pieces = st.one_of(
    st.builds(message, st.integers(0, 700)),
    st.builds(
        lambda n, more: message(n, **more),
        st.integers(0, 700),
        st.dictionaries(st.sampled_from([*reading(), "more"]), st.sampled_from(ODD), max_size=2),
    ),
    st.binary(max_size=12),
    st.builds(
        lambda n, at, new: message(n)[:at] + new + message(n)[at + 1 :],
        st.integers(0, 9),
        st.integers(0, 130),
        st.binary(min_size=1, max_size=2),
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(pieces, min_size=1, max_size=3))
def test_what_is_read_at_once_is_what_is_read_one_by_one(messages):
    batch = _at_once(messages, CHEMICAL, NOW_US)
    if batch is not None:
        assert rows(batch) == [one(each, CHEMICAL, NOW_US) for each in messages]


def test_times_as_numbers_and_quality_as_words_are_data():
    row = {"site": "s", "sensor": "p", "value": "v", "time": "ts", "clock": "ms",
           "quality": {"field": "q", "codes": {"GOOD": [], "BAD": ["sensor_fault"]}}}  # fmt: skip
    told = dialect_of("scada", row)
    said = [orjson.dumps({"s": "x", "p": "1", "v": 1, "ts": 1_795_399_980_250, "q": q}) for q in ("GOOD", "BAD", "?")]
    found = read(said, told, NOW_US)
    assert rows(found.batch) == [("x", "1", 1_795_399_980_250_000, 1.0, q, None) for q in (0, 128)]
    assert [(number, why.field) for number, why in found.refused] == [(2, "q")]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"site": None}, "site names no field"), ({"clock": "h"}, "clock 'h'"), ({"offset": "8"}, "does not match"),
     ({"quality": {"field": "q", "codes": {1: ["fine"]}}}, "FINE"), ({"sites": "x"}, "sites is no part")],
)  # fmt: skip
def test_a_dialect_that_is_wrong_says_where(change, words):
    row = {"site": "s", "sensor": "p", "value": "v", "time": "ts"} | change
    with pytest.raises(ValueError, match=f"dialect scada: .*{words}"):
        dialect_of("scada", row)


def test_a_range_gives_the_same_frames_whenever_it_is_made():
    said = [message(n, site=f"park-{n % 3}") for n in range(3 * FRAME_ROWS + 30)]
    span = Range("log", PARK, 1, 100, 100 + len(said))
    made = [list(frames(read(said, CHEMICAL, NOW_US).batch, span, "bridge", NOW_US, unit=True)) for _ in range(2)]
    assert made[0] == made[1]
    assert [header.site_id for header, _ in made[0]] == [f"park-{n}" for n in (0, 0, 1, 1, 2, 2)]
    assert len({header.frame_id for header, _ in made[0]}) == 6
    other = Range("log", PARK, 1, 100, 101 + len(said))
    assert {h.frame_id for h, _ in frames(read(said, CHEMICAL, NOW_US).batch, other, "b", 1, unit=True)}.isdisjoint(
        header.frame_id for header, _ in made[0]
    )
    batches = [decode_frame(raw, later_columns=True) for _, raw in made[0]]
    assert [batch.num_rows for batch in batches] == [FRAME_ROWS, 10] * 3
    assert batches[0].column("sensor_id").to_pylist()[:2] == ["park-0G0001LT000", "park-0G0001LT003"]
    assert set(batches[0].column("reported_unit").to_pylist()) == {"m"}


def test_processing_and_landing_take_its_frames_and_the_unit_lands_as_a_column():
    found = read([message(n) for n in range(20)], CHEMICAL, NOW_US)
    ((header, raw),) = frames(found.batch, Range("log", PARK, 0, 0, 20), "bridge", NOW_US, unit=True)
    record = Record("log", "telemetry.frames", 0, 0, b"140401234", raw, header.encode(), NOW_US)
    assert decode(record).batch.num_rows == 20
    landed = sort_frames([record])
    assert landed.refusals == []
    assert later_columns([landed.frames[0].batch])["reported_unit"].to_pylist() == ["m"] * 20


def test_a_plan_is_read_back_and_that_of_another_log_says_nothing():
    plan = Plan("log", 7, 12)
    assert Plan.of("log", 7, plan.metadata()) == plan
    assert Plan.of("another", 7, plan.metadata()) == Plan("another", 0, 0)
    assert Plan.of("log", 7, "") == Plan("log", 7, 7)


def record_batch(first: int, count: int, producer_id: int = -1) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 3, producer_id >= 0, producer_id, 0, 0, 1 << 20)
    for n in range(count):
        builder.append(n, 1_000 + first + n, None, b"%d" % (first + n), [])
    raw = builder.build()
    raw[:8] = first.to_bytes(8, "big")
    return bytes(raw)


def test_a_fetch_gives_columns_and_leaves_out_what_was_read_or_aborted():
    raw = record_batch(10, 5) + record_batch(15, 2, producer_id=7) + record_batch(17, 1)
    fetched = Runs(("t", 0), MemoryRecords(raw), [(7, 15)], 12, None, None, True, READ_COMMITTED)
    whole = Run()
    for run in fetched:
        whole.append(run)
    assert (whole.values, whole.offsets) == ([b"12", b"13", b"14", b"17"], [12, 13, 14, 17])
    assert whole.stamps == [1_012, 1_013, 1_014, 1_017]
    assert (fetched.next_fetch_offset, whole.before(14), whole.take(3).offset, len(whole)) == (18, 2, 14, 1)


SCRIPT = """
    import asyncio, os, signal, sys
    from streams.connect import GroupTimes
    from streams.gateways import bridge
    from streams.gateways.bridge_dialects import dialects

    die, left = sys.argv[3], [int(sys.argv[4])]
    def dies(_range):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    class Dying(bridge.Bridge):
        async def _deliver(self, messages):
            if die == "before" and messages:
                dies(None)
            await super()._deliver(messages)
    class Slow(Dying):
        async def _fetch(self):
            await asyncio.sleep(0.02)  # so that a fault finds ranges under way
            return await super()._fetch()
    async def main():
        times = GroupTimes(session_s=1.0, heartbeat_s=0.3)
        options = {"sent": dies} if die == "after" else {}
        kind = Slow if die == "slow" else Dying
        it = kind(sys.argv[1], sys.argv[2], dialects()["chemical"], times, range_records=40, **options)
        await it.run(once=die != "slow")
    asyncio.run(main())
"""


def readings_sent(servers: str) -> tuple[Counter, int]:
    """(sensor, value) of every distinct frame, and how many frames were there again, byte for byte."""
    seen: dict[str, bytes] = {}
    found, count = Counter(), 0
    for record in read_to_end(servers, ["telemetry.frames"]):
        header = FrameHeader.decode(record.headers)
        assert record.partition == partition_of(header.site_id)
        assert seen.setdefault(header.frame_id, record.value) == record.value
        count += 1
    for raw in seen.values():
        batch = decode_frame(raw)
        found.update(zip(batch["sensor_id"].to_pylist(), batch["value"].to_pylist(), strict=True))
    return found, count - len(seen)


def bridge(servers: str, die: str = "never", after: int = 0) -> int:
    """A bridge in a process of its own; `die`: before or after the acknowledgement of its (after+1)th range."""
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), servers, PARK, die, str(after)]
    return subprocess.run(command, timeout=60).returncode


def test_a_bridge_that_dies_before_or_after_sending_doubles_and_loses_nothing(broker):
    admin = KafkaAdminClient(bootstrap_servers=broker.servers)
    admin.create_topics([NewTopic(PARK, num_partitions=2, replication_factor=1)])
    admin.close()
    sender = producer(broker.servers)
    said = [message(n, site=f"park-{n % 5}") for n in range(600)]
    said[77] = b"no reading"

    def send(part: list[bytes]) -> None:
        for at, each in enumerate(part):
            sender.send(PARK, each, partition=at % 2)
        sender.flush()

    send(said[:95])
    assert bridge(broker.servers, "after") == -signal.SIGKILL  # acknowledged, not committed
    send(said[95:300])  # more stands there now: without the plan the range would end elsewhere
    assert bridge(broker.servers, "before", 2) == -signal.SIGKILL  # planned, not sent
    send(said[300:])
    command = [sys.executable, "-m", "console.cli", "ingest", "bridge", PARK, "--dialect", "chemical", "--once"]
    ended = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    assert ended.returncode in (0, 5), ended.stderr
    sender.close(timeout=5)

    found, repeated = readings_sent(broker.servers)
    assert repeated > 0  # it was sent again, under the same ids
    assert found == Counter((r["tagId"], r["value"]) for r in map(json.loads, said[:77] + said[78:]))
    letters = list(read_to_end(broker.servers, ["dead.letters"]))
    told = {DeadLetter.decode(letter.headers).letter_id: letter for letter in letters}
    assert [letter.value for letter in told.values()] == [b"no reading"]
    cause = DeadLetter.decode(letters[0].headers).cause
    assert cause.endswith(f"/{PARK}/1/38") and DeadLetter.decode(letters[0].headers).source == PARK

    again = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    assert json.loads(again.stdout) == {"readings": 0, "frames": 0, "dead_letters": 0}, again.stderr


@pytest.mark.proof
@pytest.mark.parametrize("broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_two_bridges_that_are_killed_and_frozen_at_random_double_and_lose_nothing(broker):
    faults = 40 if os.environ.get("QINGLING_PROOF") == "long" else 4
    admin = KafkaAdminClient(bootstrap_servers=broker.servers)
    admin.create_topics([NewTopic(PARK, num_partitions=4, replication_factor=1)])
    admin.close()
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), broker.servers, PARK, "slow", "0"]
    sender, dice, sent = producer(broker.servers), random.Random(20261128), 0
    members = [subprocess.Popen(command) for _ in range(2)]

    def traffic(seconds: float) -> int:
        count, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(30):
                sender.send(PARK, message(sent + count, site=f"park-{(sent + count) % 5}"), partition=count % 4)
                count += 1
            time.sleep(0.02)
        return count

    try:
        sent += traffic(3)
        for fault in range(faults):
            which = dice.randrange(2)
            if fault % 2:
                members[which].send_signal(signal.SIGSTOP)
                sent += traffic(2 + dice.random())  # longer than its session
                members[which].send_signal(signal.SIGCONT)
            else:
                members[which].kill()
                members[which].wait()
                members[which] = subprocess.Popen(command)
            sent += traffic(1 + 2 * dice.random())
        sender.flush()
    finally:
        for member in members:
            member.kill()
            member.wait()
        sender.close(timeout=5)
    assert bridge(broker.servers) == 0
    found, _ = readings_sent(broker.servers)
    assert found == Counter((r["tagId"], r["value"]) for r in map(reading_of, range(sent)))
