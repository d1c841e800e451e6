"""The whole road on the real longwall series, from uplink files to hazards in the lake, with and without kills."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.broker import Broker
from tests.installation import Installation, installation

ROWS = 1_200  # the short form; 7,200 readings with over-limit work and spans with production off
VIEWS = {
    "readings": "select site_id || sensor_id || epoch_us(occurred_at) || '=' || value || '/' || quality from readings",
    "alarm events": "select event_id from alarm_events",
    "verdicts": "select event_id from criterion_verdicts",
    "hazard events": "select event_id from hazard_events",
    "hazards": "select distinct subject_id from hazard_events",
}


@pytest.fixture
def uplink(tmp_path: Path, uplink_writer: Path, real_series: Path) -> Path:
    folder = tmp_path / "uplink"
    subprocess.run([sys.executable, str(uplink_writer), str(folder), "--rows", str(ROWS)], check=True, timeout=60)
    return folder


def everything(running: Installation) -> dict[str, list[str]]:
    return {name: sorted(row[0] for row in running.query(sql)) for name, sql in VIEWS.items()}


def ingest(folder: Path) -> list[str]:
    return ["-m", "console.cli", "ingest", "mtt1201", str(folder), "--once", "--json"]


def test_the_real_series_lands_and_opens_the_hazards_it_should(broker: Broker, tmp_path: Path, uplink: Path) -> None:
    data = tmp_path / "data"
    with installation(broker, data, QINGLING_CLOCK="data") as running:
        running.start("processing")
        running.start("landing")
        running.run(*ingest(uplink))
        running.wait(running.drained, 90)
        assert running.query("select count(*) from readings") == [(ROWS * 6,)]
        assert running.query("select count(*) from dead_letters") == [(0,)]
        assert running.query("select count(*) from raw.readings") == [(ROWS * 6,)]
        opened = running.query(
            "select distinct json_extract_string(data, '$.criterion_id') from hazard_events"
            " where kind = 'hazard_suspected'"
        )
        assert {row[0] for row in opened} == {"COAL21-5-2", "COAL21-5-4"}
        assert not list((uplink).glob("*.txt"))


@pytest.mark.kafka
def test_kills_change_nothing(
    tmp_path: Path, uplink_writer: Path, real_series: Path, request: pytest.FixtureRequest
) -> None:
    """Processing, landing and gateway each killed with SIGKILL in the middle: the same ids and counts as without."""
    quiet = request.getfixturevalue("one_run")(kills=0)
    killed = request.getfixturevalue("one_run")(kills=4)
    for name in VIEWS:
        assert killed[name] == quiet[name], name
        assert quiet[name]


@pytest.fixture
def one_run(tmp_path: Path, uplink_writer: Path, real_series: Path):  # type: ignore[no-untyped-def]
    from streams.broker import apache_kafka
    from streams.connect import ensure_topics, log_ids
    from tests.conftest import JARS, missing

    if not list(JARS.glob("kafka-server-[0-9]*.jar")):
        missing("Apache Kafka", "run scripts/kafka_jars.sh")

    def run(kills: int) -> dict[str, list[str]]:
        base = tmp_path / f"kills-{kills}"
        folder = base / "uplink"
        subprocess.run([sys.executable, str(uplink_writer), str(folder), "--rows", str(ROWS)], check=True, timeout=60)
        chance = random.Random(7)
        with apache_kafka(base / "data" / "run", JARS) as broker:
            ensure_topics(broker.servers)
            with installation(broker, base / "data", QINGLING_CLOCK="data") as running:
                running.start("processing")
                running.start("landing")
                running.start("gateway", *ingest(folder))
                for _ in range(kills):
                    time.sleep(chance.uniform(0.3, 2.5))  # anywhere in start-up or in the middle of the work
                    for name in ("gateway", "processing", "landing"):
                        if running.processes[name].poll() is None:
                            running.kill_and_restart(name, *(ingest(folder) if name == "gateway" else ()))
                running.wait(lambda: running.processes["gateway"].poll() == 0, 120)
                running.wait(running.drained, 120)
                found = everything(running)
        log_ids.cache_clear()
        return found

    return run
