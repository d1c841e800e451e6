"""Brokers for the integration tests: the same body runs on the embedded broker and on Apache Kafka."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.broker import Broker, embedded
from streams.connect import ensure_topics, log_ids
from tests.kafka_lender import KafkaLender

ROOT = Path(__file__).parent.parent
JARS = Path(os.environ.get("QINGLING_KAFKA_JARS", ROOT / ".kafka" / "libs"))
SHARED = ROOT.parent / "shared"


def missing(part: str, remedy: str) -> None:
    """A part of the machine is not there: say so and skip; under CI that is a failure."""
    message = f"{part} is not there: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first, so that none of the test processes is left alone with them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("proof") is None)


@pytest.fixture(
    params=[pytest.param("embedded", marks=pytest.mark.embedded), pytest.param("kafka", marks=pytest.mark.kafka)]
)
def broker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka_lender: KafkaLender
) -> Iterator[Broker]:
    """An empty broker with all topics; QINGLING_KAFKA and QINGLING_DATA point to it and to a folder of the test's own.

    `broker.json` stands in the data folder's `run`, so processes know which of the two it is. The embedded broker is
    new for every test; Apache Kafka is lent, and its topics are new (so their ids are, too).
    """
    run = tmp_path / "data" / "run"
    if request.param == "kafka" and not list(JARS.glob("kafka-server-[0-9]*.jar")):
        missing("Apache Kafka", "run scripts/kafka_jars.sh")
    with embedded(run) if request.param == "embedded" else _lent(kafka_lender, run) as running:
        ensure_topics(running.servers)
        monkeypatch.setenv("QINGLING_KAFKA", running.servers)
        monkeypatch.setenv("QINGLING_DATA", str(tmp_path / "data"))
        yield running
        log_ids.cache_clear()


@pytest.fixture(scope="session")
def kafka_lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaLender]:
    """The Apache Kafka of this test process; it starts with the first test that borrows it."""
    lender = KafkaLender(tmp_path_factory.mktemp("kafka"), JARS)
    yield lender
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # clients left open would tell of one vain attempt a second
    lender.close()


@contextmanager
def _lent(lender: KafkaLender, run: Path) -> Iterator[Broker]:
    yield lender.borrow(run)
    lender.take_back()


@pytest.fixture(scope="session")
def real_series() -> Path:
    """The real longwall series (methane, air speed, production on/off; 19,096 rows of 30 s)."""
    path = SHARED / "data" / "coal_methane_emag" / "methane_30s.parquet"
    if not path.is_file():
        missing("the real longwall series", f"expected at {path}")
    return path


@pytest.fixture(scope="session")
def uplink_writer() -> Path:
    """The tool that writes the real series as MT/T 1201 files."""
    path = SHARED / "tools" / "to_mtt1201.py"
    if not path.is_file():
        missing("the MT/T 1201 writer", f"expected at {path}")
    return path


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    """An embedded broker with the topics, and its data folder as that of the settings."""
    with embedded(tmp_path / "data" / "run") as running:
        ensure_topics(running.servers)
        monkeypatch.setenv("QINGLING_DATA", str(tmp_path / "data"))
        yield running
        log_ids.cache_clear()
