import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.deadletters import DeadLetter
from schemas.frames import FrameHeader, decode_frame
from schemas.registry import Sensor
from schemas.topics import partition_of
from streams.connect import log_ids, producer
from streams.gateways import mtt1201_folder
from streams.gateways.tray import FolderBusyError, Tray
from streams.reader import read_to_end

MINE, OTHER = "140402000123", "140521000456"


def record(mine: str, text: str, time: str) -> str:
    return f"{mine}01MN0001A023;甲烷;3301回风巷T2;{text};%CH4;0;2026-07-02 {time}"


def put(folder, kind: str, clock: str, *records: str, mine: str = MINE, end: str = "~||", tail: str = ""):
    time = f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    path = folder / f"{mine}_{kind}_20260702{clock}{tail}.txt"
    path.write_text("~".join([f"{mine};示例煤矿;2026-07-02 {time}", *records]) + end, "utf-8")
    return path


def put_values(folder, clock: str, text: str = "0.5", **more):
    time = f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"
    return put(folder, "CDSS", clock, record(more.get("mine", MINE), text, time), **more)


def put_definitions(folder, clock: str, limit: str = "1.0", mine: str = MINE):
    point = (
        f"{mine}01MN0001A023;{mine}01;01;0001;MN;%CH4;4;0;{limit};{limit};;;;;;;;;3301回风巷T2;;;;;2026-07-02 00:00:00"
    )
    return put(folder, "CDDY", clock, point, mine=mine)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "uplink"
    path.mkdir()
    return path


@pytest.fixture
def serve(broker, folder):
    sender = producer(broker.servers)

    def once(**options):
        return mtt1201_folder.run(folder, sender, log_ids(broker.servers)["registry.sensors"], once=True, **options)

    yield once
    sender.close(timeout=5)


def frames(broker):
    return [
        (FrameHeader.decode(r.headers), decode_frame(r.value), r)
        for r in read_to_end(broker.servers, ["telemetry.frames"])
    ]


def letters(broker):
    return [(DeadLetter.decode(r.headers), r.value) for r in read_to_end(broker.servers, ["dead.letters"])]


def test_a_backlog_goes_through_in_the_order_of_its_names(broker, folder, serve):
    for minute in reversed(range(10)):
        put_values(folder, f"10{minute:02d}00", f"0.{minute}")
    put_definitions(folder, "100500")
    put_values(folder, "100030", mine=OTHER)
    tally = serve()
    assert (tally.files, tally.frames, tally.readings, tally.sensors, tally.dead_letters) == (12, 11, 11, 1, 0)
    assert not list(folder.glob("*.txt"))
    assert len(list((folder / "done").glob("*.txt"))) == 12
    sent = frames(broker)
    assert [batch.column(2)[0].as_py() for header, batch, _ in sent if header.site_id == MINE] == [
        n / 10 for n in range(10)
    ]
    assert all(r.partition == partition_of(header.site_id) for header, _, r in sent)
    [sensor] = list(read_to_end(broker.servers, ["registry.sensors"]))
    assert Sensor.parse(sensor.value).alarm_high == 1.0
    assert {header.site_id: header.registry_offset for header, _, _ in sent} == {MINE: sensor.offset, OTHER: -1}


def test_a_half_written_file_waits_and_goes_when_it_is_whole(broker, folder, serve):
    path = put_values(folder, "100000", end="~")
    put_values(folder, "100030")
    tally = serve()
    assert (tally.files, tally.waiting) == (1, 1)
    assert path.exists()
    with path.open("a") as file:
        file.write("||")
    tally = serve()
    assert (tally.files, tally.readings, tally.waiting) == (1, 1, 0)


def test_a_file_that_never_gets_its_end_is_refused_after_the_wait(broker, folder, serve):
    path = put_values(folder, "100000", end="~")
    long_ago = time.time() - 601
    os.utime(path, (long_ago, long_ago))
    tally = serve()
    assert (tally.refused_files, tally.dead_letters, tally.waiting) == (1, 1, 0)
    assert (folder / "failed" / path.name).exists()
    assert "end mark" in (folder / "failed" / f"{path.name}.reason").read_text("utf-8")


def test_the_same_bytes_are_sent_once_whatever_the_gateway_forgot(broker, folder, serve):
    first = put_values(folder, "100000")
    raw = first.read_bytes()
    serve()
    for forget in (False, True):
        if forget:
            for path in (folder / ".qingling").glob("seen.db*"):
                path.unlink()
        first.write_bytes(raw)
        tally = serve()
        assert (tally.duplicates, tally.frames) == (1, 0)
    assert len(frames(broker)) == 1
    kept = sorted(path.name for path in (folder / "done").iterdir())
    assert len(kept) == 5
    assert (folder / "done" / f"{first.name}.1.note").exists()


def test_an_older_file_is_history_and_older_definitions_change_nothing(broker, folder, serve):
    put_definitions(folder, "100000", "0.8")
    put_values(folder, "100100")
    serve()
    put_definitions(folder, "090000", "1.0")
    late = put_values(folder, "100030")
    tally = serve()
    assert (tally.stale, tally.frames, tally.sensors) == (2, 1, 0)
    assert [header.source for header, _, _ in frames(broker)] == ["mtt1201", "mtt1201.stale"]
    assert [Sensor.parse(r.value).alarm_high for r in read_to_end(broker.servers, ["registry.sensors"])] == [0.8]
    assert "stale" in (folder / "done" / f"{late.name}.note").read_text("utf-8")


def test_what_is_not_used_is_archived_and_what_is_no_uplink_file_is_refused(broker, folder, serve):
    put(folder, "TJSJ", "100000", "x")
    put(folder, "QQQQ", "100000", "x")
    (folder / "hello.txt").write_text("hello||")
    (folder / "140402000123_CDSS_20260702100000.txt.part").write_text("still coming")
    tally = serve()
    assert (tally.files, tally.unused, tally.refused_files, tally.frames) == (3, 2, 1, 0)
    assert {path.name for path in (folder / "failed").iterdir()} == {"hello.txt", "hello.txt.reason"}
    assert [path.name for path in folder.glob("*.part")] == ["140402000123_CDSS_20260702100000.txt.part"]


def test_bad_records_become_dead_letters_and_the_rest_is_sent(broker, folder, serve):
    good = [record(MINE, f"0.{n}", "10:00:00") for n in range(5)]
    path = put(folder, "CDSS", "100000", *good, record(MINE, "n/a", "10:00:00"))
    tally = serve()
    assert (tally.readings, tally.dead_letters, tally.refused_files) == (5, 1, 0)
    [(letter, raw)] = letters(broker)
    assert (letter.file, letter.line, letter.field, letter.site_id) == (path.name, 7, "value", MINE)
    assert "n/a" in letter.reason
    assert raw.decode() == record(MINE, "n/a", "10:00:00")


def test_an_untrustworthy_file_is_refused_whole_with_one_dead_letter(broker, folder, serve):
    bad = put(folder, "CDSS", "100000", record(MINE, "0.5", "10:00:00"), record(MINE, "x", "10:00:00"))
    ahead = folder / f"{MINE}_CDSS_20991231235959.txt"
    ahead.write_text(f"{MINE};示例煤矿;2099-12-31 23:59:59~{record(MINE, '0.5', '10:00:00')}~||", "utf-8")
    tally = serve()
    assert (tally.frames, tally.refused_files, tally.dead_letters) == (0, 2, 2)
    assert {letter.file: letter.field for letter, _ in letters(broker)} == {
        bad.name: "value",
        ahead.name: "header time",
    }
    assert "record 3" in (folder / "failed" / f"{bad.name}.reason").read_text("utf-8")


def test_killed_between_the_acknowledgement_and_the_rename_it_sends_the_same_frames_again(broker, folder, serve):
    for minute in range(20):
        put_values(folder, f"10{minute:02d}00")
    put_definitions(folder, "095900")
    dying = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from streams.connect import log_ids, producer
        from streams.gateways import mtt1201_folder, tray
        kept, moved = tray.Tray.keep, []
        def keep(self, file, note=""):
            if len(moved) == 7:
                os.kill(os.getpid(), signal.SIGKILL)
            moved.append(file)
            return kept(self, file, note)
        tray.Tray.keep = keep
        servers = {broker.servers!r}
        mtt1201_folder.run(Path({str(folder)!r}), producer(servers), log_ids(servers)["registry.sensors"], once=True)
        """
    )
    died = subprocess.run([sys.executable, "-c", dying], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL
    assert len(list((folder / "done").glob("*.txt"))) == 7
    first = [header.frame_id for header, _, _ in frames(broker)]
    assert len(set(first)) == 20
    tally = serve()
    assert (tally.files, tally.duplicates) == (14, 0)
    again = [header.frame_id for header, _, _ in frames(broker)]
    assert set(again) == set(first)
    assert max(Counter(again).values()) == 2
    assert not list(folder.glob("*.txt"))


def test_what_the_broker_does_not_acknowledge_stays_in_the_folder(broker, folder):
    path = put_values(folder, "100000")
    sender = KafkaProducer(
        bootstrap_servers=broker.servers, acks="all", enable_idempotence=False, retries=0, max_block_ms=1500,
        request_timeout_ms=1000, delivery_timeout_ms=1500,
    )  # fmt: skip
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        with pytest.raises(KafkaError):
            mtt1201_folder.run(folder, sender, "a log", once=True, patience_s=0)
        assert path.exists()
        assert not list((folder / "done").iterdir())
    finally:
        os.kill(broker.pid, signal.SIGCONT)
        sender.close(timeout=2)
    with producer(broker.servers) as healthy:
        tally = mtt1201_folder.run(folder, healthy, "a log", once=True)
    assert (tally.frames, tally.duplicates) == (1, 0)


def test_a_watched_folder_takes_what_comes_later_and_stops_when_told(broker, folder):
    stop, seen = threading.Event(), threading.Event()
    result = []

    def watch():
        with producer(broker.servers) as sender:
            result.append(
                mtt1201_folder.run(folder, sender, "a log", once=False, stop=stop, progress=lambda *_: seen.set())
            )  # fmt: skip

    watcher = threading.Thread(target=watch)
    watcher.start()
    put_values(folder, "100000")
    assert seen.wait(30)
    stop.set()
    watcher.join(30)
    assert not watcher.is_alive()
    assert result[0].frames == 1


def test_one_gateway_per_folder(tmp_path):
    first = Tray(tmp_path)
    with pytest.raises(FolderBusyError):
        Tray(tmp_path)
    first.close()
    Tray(tmp_path).close()
    with pytest.raises(NotADirectoryError):
        Tray(tmp_path / "nowhere")
