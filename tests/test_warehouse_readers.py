"""Readers in a loop while the lake is landed on, compacted, vacuumed and published: no error, no torn read."""

import os
import threading
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.lake_rows import readings
from warehouse.lake import LakeTable
from warehouse.publish import kept_files, publish, published
from warehouse.views import connect

ROUNDS = 100 if os.environ.get("QINGLING_PROOF") == "long" else 2
FRAMES = "log/telemetry.frames/0"
WHOLE = 'SELECT count(*), count(DISTINCT ("offset", row)), count(DISTINCT "offset") FROM raw.readings'


class Reader(threading.Thread):
    """Asks `open_()` for WHOLE again and again; a commit of 20 readings must show whole or not at all."""

    def __init__(self, open_) -> None:
        super().__init__(daemon=True)
        self.open_, self.halt = open_, threading.Event()
        self.seen: list[int] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.halt.wait(0.05):
            try:
                with self.open_() as con:
                    rows, keys, frames = con.execute(WHOLE).fetchone()
            except Exception as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
                continue
            if not rows == keys == frames * 20 or rows < max(self.seen, default=0):
                self.wrong.append(f"{rows} rows, {keys} keys, {frames} frames after {self.seen[-1:]}")
            self.seen.append(rows)


@pytest.mark.proof
@pytest.mark.timeout(3600 if ROUNDS > 2 else 240)
def test_readers_see_whole_commits_through_publishes_compactions_and_vacuums(tmp_path: Path) -> None:
    table = LakeTable.open(tmp_path / "lake", "readings")
    table.append(readings(0, 20), {FRAMES: 0}, {FRAMES: None})
    publish(tmp_path)
    readers = [
        Reader(lambda: connect(tmp_path, views=["readings"])),
        Reader(lambda: published(tmp_path)),
    ]
    for reader in readers:
        reader.start()
    offset = 0
    for _ in range(ROUNDS):
        for _ in range(4):
            offset += 1
            table.append(readings(offset, 20), {FRAMES: offset}, {FRAMES: offset - 1})
        publish(tmp_path)
        other = LakeTable.open(Settings(data=tmp_path).lake_location, "readings")
        assert other.compact(min_files=2).files_before
        other.checkpoint()
        other.vacuum(kept_files(tmp_path))
    for reader in readers:
        reader.halt.set()
        reader.join(60)
    assert [reader.wrong for reader in readers] == [[], []]
    assert all(len(set(reader.seen)) > 1 for reader in readers)
    with connect(tmp_path, views=["readings"]) as con:
        assert con.execute(WHOLE).fetchone() == ((offset + 1) * 20, (offset + 1) * 20, offset + 1)
