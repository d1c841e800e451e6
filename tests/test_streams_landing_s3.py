"""A landing worker whose lake lies on S3-compatible storage that refuses for a while."""

import time
from pathlib import Path

import pytest

import warehouse
from streams.broker import Broker
from streams.connect import log_ids
from streams.lag import true_ends
from tests.local_s3 import LocalS3
from tests.test_streams_landing import ROWS, Feed, workers
from warehouse.lake import LakeTable


def wait(storage: LocalS3, broker: Broker, log: Path, patience_s: float = 90) -> None:
    """Until all frames and findings have landed."""
    deadline = time.monotonic() + patience_s
    names = {"telemetry.frames": "readings", "inspection.findings": "inspection_findings"}
    logs, ends = log_ids(broker.servers), true_ends(broker.servers, names)
    for topic, name in names.items():
        while True:
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            if LakeTable.exists(storage.lake, name):
                done = LakeTable.open(storage.lake, name).landed(logs[topic], topic)
                if all(done.get(tp.partition, -1) >= end - 1 for tp, end in ends.items() if tp.topic == topic):
                    break
            time.sleep(0.5)


@pytest.mark.parametrize("broker", [pytest.param("embedded", marks=pytest.mark.embedded)], indirect=True)
def test_it_waits_for_the_storage_and_lands_every_row_once(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, log = LocalS3(), tmp_path / "landing.log"
    try:
        for name, value in {**storage.environment, "QINGLING_LAKE_URL": storage.lake}.items():
            monkeypatch.setenv(name, value)
        feed = Feed(broker.servers)
        with workers(tmp_path) as start:
            start()
            feed.send(20)
            wait(storage, broker, log)
            storage.refuse()
            feed.send(20)
            deadline = time.monotonic() + 60
            while "waits: table readings takes no rows" not in log.read_text() and time.monotonic() < deadline:
                time.sleep(0.2)
            storage.answer()
            feed.send(20)
            wait(storage, broker, log)
        assert "telemetry.frames waits: table readings takes no rows" in log.read_text()
        with warehouse.connect(tmp_path / "data") as lake:
            found = lake.execute('select count(*), count(distinct ("partition", "offset", row)) from raw.readings')
            assert found.fetchone() == (60 * ROWS, 60 * ROWS)
            assert lake.execute("select count(distinct finding_id) from inspection_findings").fetchone() == (
                feed.findings,
            )
    finally:
        storage.stop()
