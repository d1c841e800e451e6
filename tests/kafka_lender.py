"""One Apache Kafka for many tests: lent to one at a time, and emptied before the next gets it.

Starting a broker costs some four seconds of CPU, emptying one a tenth of that. A test whose processes still belong to a
consumer group when it ends, or that left the broker in no state to be asked, costs the next test a fresh broker.
"""

import json
import shutil
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.broker import Broker, apache_kafka

PATIENCE_S = 20


class KafkaLender:
    """`borrow` starts the broker if none runs; `take_back` empties it, `close` ends it."""

    def __init__(self, folder: Path, jars: Path) -> None:
        self.folder, self.jars = folder, jars
        self._broker: Broker | None = None
        self._running = ExitStack()
        self._started = 0

    def borrow(self, run: Path) -> Broker:
        """A Kafka without topics or groups. `run/broker.json` says so to the processes of the test."""
        if self._broker is None or not self._broker.alive():
            self.close()
            self._started += 1
            self._broker = self._running.enter_context(apache_kafka(self.folder / str(self._started), self.jars))
        run.mkdir(parents=True, exist_ok=True)
        (run / "broker.json").write_text(json.dumps(asdict(self._broker)), "utf-8")
        return self._broker

    def take_back(self) -> None:
        if self._broker is None:
            return
        try:
            if self._emptied(self._broker.servers):
                return
        except KafkaError:
            pass  # it does not answer as it should: the next test gets another
        self.close()

    def close(self) -> None:
        self._running.close()
        self._broker = None
        shutil.rmtree(self.folder / str(self._started), ignore_errors=True)

    def _emptied(self, servers: str) -> bool:
        admin = KafkaAdminClient(bootstrap_servers=servers)
        try:
            groups = [group["group_id"] for group in admin.list_groups()]
            if groups:
                if any(described["members"] for described in admin.describe_groups(groups).values()):
                    return False
                admin.delete_groups(groups)
            names = [name for name in admin.list_topics() if not name.startswith("__")]
            if names:
                admin.delete_topics(names)
            deadline = time.monotonic() + PATIENCE_S
            while any(not name.startswith("__") for name in admin.list_topics()):
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
        finally:
            admin.close()
        return True
