import json
import subprocess
import sys
from dataclasses import replace

import pytest

from schemas.deadletters import DeadLetter
from schemas.frames import FrameHeader, decode_frame, encode_frame, make_batch
from schemas.hazards import Finding
from streams.connect import producer
from streams.gateways.outbox import Outbox, Outgoing
from streams.reader import read_to_end

GOOD = {
    "finding_id": "F-1", "site_id": "140402000123", "found_at": "2026-07-20T09:30:00+08:00",
    "text": "甲烷传感器超期未调校",
}  # fmt: skip


def qingling(app: str, *words: str) -> subprocess.CompletedProcess:
    code = f"from console.{app} import app; app()"
    return subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)


def test_findings_are_sent_and_refused_lines_named(broker, tmp_path):
    path = tmp_path / "findings.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n{{\n", "utf-8")
    done = qingling("ingest", "findings", path, "--json")
    assert done.returncode == 5
    assert json.loads(done.stdout) == {"findings": 1, "dead_letters": 1}
    assert "findings.jsonl:2" in done.stderr
    [sent] = read_to_end(broker.servers, ["inspection.findings"])
    assert Finding.parse(sent.value).finding_id == "F-1"


def test_a_folder_of_uplink_files_ends_with_a_summary(broker, tmp_path):
    folder = tmp_path / "uplink"
    folder.mkdir()
    mine = "140402000123"
    record = f"{mine}01MN0001A023;甲烷;3301回风巷T2;0.5;%CH4;0;2026-07-02 10:00:00"
    (folder / f"{mine}_CDSS_20260702100000.txt").write_text(f"{mine};示例煤矿;2026-07-02 10:00:00~{record}~||", "utf-8")
    done = qingling("ingest", "mtt1201", folder, "--once", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["files"], summary["readings"], summary["dead_letters"], summary["waiting"]) == (1, 1, 0, 0)
    (folder / "strange.txt").write_text("||")
    done = qingling("ingest", "mtt1201", folder, "--once", "--json")
    assert (done.returncode, json.loads(done.stdout)["refused_files"]) == (5, 1)
    assert "file refused" in done.stderr


def test_registry_lines_and_tables_are_sent(broker, tmp_path):
    lines, table = tmp_path / "r.jsonl", tmp_path / "s.csv"
    lines.write_text(json.dumps({"kind": "site", "site_id": "S"}), "utf-8")
    table.write_text("sensor_id,site_id,location\nT,S,罐区\n", "utf-8")
    assert qingling("ingest", "registry", lines).returncode == 0
    done = qingling("ingest", "registry", table, "--json")
    assert json.loads(done.stdout) == {"records": 3, "dead_letters": 0}
    assert {r.key for r in read_to_end(broker.servers, ["registry.sensors"])} == {b"T"}


@pytest.mark.parametrize("command", [("mtt1201", "nowhere"), ("findings", "nowhere.jsonl")])
def test_what_is_not_there_is_wrong_use(broker, command, tmp_path):
    done = qingling("ingest", command[0], tmp_path / command[1])
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_without_a_broker_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("QINGLING_DATA", str(tmp_path))
    monkeypatch.setenv("QINGLING_KAFKA", "embedded")
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(GOOD))
    done = qingling("ingest", "findings", path)
    assert done.returncode == 1
    assert "no embedded broker" in done.stderr


def test_a_refused_finding_is_listed_and_not_sent_while_it_does_not_fit(broker, tmp_path):
    path = tmp_path / "findings.jsonl"
    path.write_text(json.dumps(GOOD | {"text": ""}), "utf-8")
    qingling("ingest", "findings", path)
    [row] = json.loads(qingling("dead", "list", "--json").stdout)
    assert (row["source"], row["file"], row["line"], row["field"]) == ("findings", "findings.jsonl", 1, "text")
    still = qingling("dead", "resubmit", row["letter_id"])
    assert still.returncode == 5
    assert list(read_to_end(broker.servers, ["inspection.findings"])) == []


def test_refused_readings_go_again_under_an_id_of_their_own(broker):
    site, sensor = "140402000123", "A1"
    raw = encode_frame(make_batch([sensor], [1_782_900_000_000_000], [0.5], [0]))
    header = FrameHeader(site, "the frame they were cut from", "mtt1201", 1_782_900_000_000_000)
    letter = DeadLetter(
        source="telemetry.frames", reason="unknown", cause="log/telemetry.frames/0/0",
        refused_at_us=1_782_900_000_000_000,        origin="telemetry.frames", site_id=site,
    )  # fmt: skip
    nowhere = replace(letter, origin="mtt1201", cause="sha/3")
    with producer(broker.servers) as sender:
        outbox = Outbox(sender)
        for one in (letter, letter, nowhere):
            outbox.put(Outgoing("dead.letters", one.source, raw, one.headers(header.encode())))
        outbox.settle()
    done = qingling("dead", "resubmit", "--all", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 5
    assert said["resubmitted"] == [letter.letter_id]
    assert [kept["letter_id"] for kept in said["kept"]] == [nowhere.letter_id]
    assert json.loads(qingling("dead", "resubmit", "--all", "--json").stdout)["resubmitted"] == []
    [sent] = read_to_end(broker.servers, ["telemetry.frames"])
    again = FrameHeader.decode(sent.headers)
    assert (again.site_id, again.source) == (site, "mtt1201")
    assert again.frame_id != header.frame_id
    assert dict(sent.headers)["resubmitted_of"].decode() == letter.letter_id
    assert decode_frame(sent.value).num_rows == 1
    assert [row["resubmitted"] for row in json.loads(qingling("dead", "list", "--json").stdout)] == [True, False]


def test_one_id_or_all(broker):
    assert qingling("dead", "resubmit").returncode == 2
    assert qingling("dead", "resubmit", "no-such-letter").returncode == 2
