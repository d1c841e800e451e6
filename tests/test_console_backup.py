"""The lake, the audit trail and a lost broker: what `qingling backup` and `qingling restore` bring back."""

import json
import shutil
from pathlib import Path

import pytest

from console.summary import Landed
from streams.broker import embedded
from streams.connect import ensure_topics, log_ids, producer
from streams.reader import read_to_end
from tests.installation import installation

SITES = {f"s{n}": json.dumps({"site_id": f"s{n}", "industry": "coal"}).encode() for n in range(5)}


@pytest.mark.embedded
def test_after_disk_and_broker_are_lost_catalogue_registry_and_lake_come_back(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copy"
    with embedded(data / "run") as broker:
        ensure_topics(broker.servers)
        with installation(broker, data) as running:
            sender = producer(broker.servers)
            for key, value in [*SITES.items(), *SITES.items()]:
                sender.send("registry.sites", key=key.encode(), value=value)
            sender.send("inspection.findings", key=b"s0", value=b'{"finding_id": "f"}').get(30)
            sender.close()
            running.start("landing")
            landed = Landed(data, broker.servers)
            running.wait(lambda: landed.lag() == 0, 60)
            (data / "audit.jsonl").write_text('{"who": "somebody"}\n')
            told = json.loads(running.run("-m", "console.cli", "backup", str(copy), "--json"))
            assert told["tables"]["registry_sites"]["rows"] == 10
    log_ids.cache_clear()
    shutil.rmtree(data)
    with embedded(data / "run") as broker:
        ensure_topics(broker.servers)
        with installation(broker, data) as running:
            told = json.loads(running.run("-m", "console.cli", "restore", str(copy), "--topics", "--json"))
            assert told["verified"]["registry_sites"]["rows"] == 10
            assert told["topics"]["registry.sites"] == 5
            assert {r.key.decode(): r.value for r in read_to_end(broker.servers, ["registry.sites"])} == SITES
            assert running.query("select count(*) from inspection_findings") == [(1,)]
            assert (data / "audit.jsonl").read_text() == '{"who": "somebody"}\n'
            again = running.run("-m", "console.cli", "restore", "--topics", "--json", expect=1)
            assert "registry.sites hold records; nothing was sent" in again
            again = running.run("-m", "console.cli", "restore", str(copy), "--json", expect=1)
            assert "restore into an empty one" in again
            assert json.loads(running.run("-m", "console.cli", "restore", str(copy), "--mend", "--json")) == {
                "mended": []
            }
    log_ids.cache_clear()
