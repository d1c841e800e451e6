"""Who asked for what: one JSON line per action, on disk before the action leaves, each chained to the one before."""

import datetime as dt
import fcntl
import hashlib
import os
from pathlib import Path
from typing import Any

import orjson

_TAIL = 1 << 16


class Audit:
    """Append-only `audit.jsonl`. Board and command line may append at once; a file lock keeps the chain whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, **fields: Any) -> dict[str, Any]:
        """Write one entry and return it. On disk (fsync) when this returns; raises OSError if it cannot be."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last = _last_line(file)
            entry = {
                "seq": last.get("seq", 0) + 1, "at": dt.datetime.now(dt.UTC).isoformat(), **fields,
                "prev_hash": last.get("hash", ""),
            }  # fmt: skip
            entry["hash"] = _hash(entry)
            file.write(orjson.dumps(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return entry


def first_break(path: Path) -> int | None:
    """The line (from 1) at which the chain does not hold, or None: an entry changed, removed or put in later."""
    previous = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = orjson.loads(line)
            except orjson.JSONDecodeError:
                return number
            if entry.get("seq") != number or entry.get("prev_hash") != previous or entry.get("hash") != _hash(entry):
                return number
            previous = entry["hash"]
    return None


def _hash(entry: dict[str, Any]) -> str:
    body = {key: value for key, value in entry.items() if key != "hash"}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _last_line(file: Any) -> dict[str, Any]:
    """The last whole entry. A line torn by a crash stays where it is: `first_break` names it."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return {}
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.write(b"\n")
    span = _TAIL
    while True:
        file.seek(max(0, end - span))
        for line in reversed(file.read().splitlines()):
            try:
                return dict(orjson.loads(line))
            except orjson.JSONDecodeError:
                continue
        if span >= end:
            return {}
        span *= 4
