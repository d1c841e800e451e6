"""The whole road on the real longwall series, from uplink files to hazards in the lake, with and without kills."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.broker import Broker, apache_kafka
from streams.connect import ensure_topics, log_ids
from tests.conftest import JARS, missing
from tests.installation import Installation, installation

LONG = os.environ.get("QINGLING_PROOF") == "long"
ROWS = 19_096 if LONG else 1_800  # the short form has over-limit work and spans with production off too
KILLS = 20 if LONG else 3
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
@pytest.mark.proof
@pytest.mark.timeout(3600 if LONG else 240)
def test_kills_change_nothing(tmp_path: Path, uplink_writer: Path, real_series: Path) -> None:
    """Processing, landing and gateway each killed with SIGKILL in the middle: the same ids and counts as without."""
    quiet = run_of_the_road(tmp_path / "quiet", uplink_writer, kills=0)
    killed = run_of_the_road(tmp_path / "killed", uplink_writer, kills=KILLS)
    for name in VIEWS:
        assert killed[name] == quiet[name], name
        assert quiet[name], name


def run_of_the_road(base: Path, uplink_writer: Path, kills: int) -> dict[str, list[str]]:
    """The series through all three processes on an Apache Kafka of its own.

    The files arrive in `kills` + 1 parcels; while one is on its way, each process is killed at a moment of its own
    and started anew.
    """
    if not list(JARS.glob("kafka-server-[0-9]*.jar")):
        missing("Apache Kafka", "run scripts/kafka_jars.sh")
    written, folder, chance = base / "written", base / "uplink", random.Random(7)
    subprocess.run([sys.executable, str(uplink_writer), str(written), "--rows", str(ROWS)], check=True, timeout=60)
    folder.mkdir()
    files = sorted(written.glob("*.txt"), key=lambda path: path.name.split("_")[::-1][0])
    size = len(files) // (kills + 1) + 1
    with apache_kafka(base / "data" / "run", JARS) as broker:
        ensure_topics(broker.servers)
        with installation(broker, base / "data", QINGLING_CLOCK="data") as running:
            gateway = ["-m", "console.cli", "ingest", "mtt1201", str(folder)]
            running.start("processing")
            running.start("landing")
            running.start("gateway", *gateway)
            for first in range(0, len(files), size):
                for path in files[first : first + size]:
                    path.rename(folder / path.name)
                if first + size >= len(files):
                    break  # the last parcel arrives undisturbed
                for name in chance.sample(["gateway", "processing", "landing"], 3):
                    time.sleep(chance.uniform(0.2, 1.5))
                    running.kill_and_restart(name, *(gateway if name == "gateway" else ()))
            running.wait(lambda: not list(folder.glob("*.txt")), 120)
            running.signal("gateway", signal.SIGTERM)
            running.wait(running.drained, 120)
            found = everything(running)
    log_ids.cache_clear()
    return found
