"""What a folder gateway remembers between runs, in `<folder>/.qingling/seen.db`: which files it has done.

`done/` is the truth: a file that lies there and is not in the ledger (the gateway died right after moving it) is taken
in at the start, so a lost ledger builds itself again.
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.model import Refused
from streams.gateways.mtt1201 import FileName

NOTE = ".note"
_COPY = re.compile(r"\.\d+$")  # done/ keeps a second file of one name as `name.1`


@dataclass(frozen=True)
class Done:
    """A file in done/: its name there, the hash of its bytes, and what its name said."""

    name: str
    sha256: str
    mine: str
    type: str
    written_at: str


class Ledger:
    """Not for two processes at once: the folder's lock sees to that."""

    def __init__(self, path: Path, done: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute(
            "create table if not exists done"
            " (name text primary key, sha256 text, mine text, type text, written_at text)"
        )
        self._db.execute("create table if not exists registry (mine text primary key, log_id text, offset integer)")
        self._take_in(done)
        self.recall()

    def recall(self) -> None:
        """Forget what was under way: only what `add` made last counts."""
        self._seen: set[str] = {row[0] for row in self._db.execute("select sha256 from done")}
        self._newest: dict[tuple[str, str], str] = {
            (mine, kind): newest
            for mine, kind, newest in self._db.execute("select mine, type, max(written_at) from done group by 1, 2")
        }

    def has(self, sha256: str) -> bool:
        return sha256 in self._seen

    def knows_mine(self, mine: str, definitions: str) -> bool:
        """Whether a file of type `definitions` of this mine was ever done."""
        return (mine, definitions) in self._newest

    def is_stale(self, name: FileName) -> bool:
        """Whether a newer file of this mine and type was done or is under way."""
        return name.written_at.isoformat() < self._newest.get((name.mine, name.type), "")

    def under_way(self, sha256: str, name: FileName) -> None:
        """From now on the same bytes are a duplicate and an older file is stale; `add` makes it last."""
        self._seen.add(sha256)
        key = (name.mine, name.type)
        self._newest[key] = max(self._newest.get(key, ""), name.written_at.isoformat())

    def add(self, files: Iterable[Done]) -> None:
        """All of `files`, or none of them."""
        self._db.execute("begin")
        self._db.executemany(
            "insert or replace into done values (?, ?, ?, ?, ?)",
            [(row.name, row.sha256, row.mine, row.type, row.written_at) for row in files],
        )
        self._db.execute("commit")

    def registry_offset(self, mine: str, log_id: str) -> int:
        """The highest registry.sensors offset of the mine's definitions; -1 if another log (broker) holds them."""
        row = self._db.execute("select log_id, offset from registry where mine = ?", (mine,)).fetchone()
        return int(row[1]) if row and row[0] == log_id else -1

    def set_registry_offset(self, mine: str, log_id: str, offset: int) -> None:
        self._db.execute("insert or replace into registry values (?, ?, ?)", (mine, log_id, offset))

    def close(self) -> None:
        self._db.close()

    def _take_in(self, done: Path) -> None:
        known = {row[0] for row in self._db.execute("select name from done")}
        strangers = (path for path in done.iterdir() if path.suffix != NOTE and path.name not in known)
        self.add(row for path in strangers if (row := _row_of(path)) is not None)


def _row_of(path: Path) -> Done | None:
    try:
        name = FileName.parse(_COPY.sub("", path.name))
    except Refused:
        return None
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Done(path.name, sha256, name.mine, name.type, name.written_at.isoformat())
