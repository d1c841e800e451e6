"""The commit log of a Delta table on a local disk: `_delta_log/<version>.json`, one JSON action per line.

A commit is written and fsynced beside the log, then hard-linked to its name: it appears whole or not at all, only one
writer gets a version, and the cost does not grow with the table (docs/decisions/0006). delta-rs reads the same files
and writes them the same way, so both may write one table.
"""

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

Action = dict[str, Any]


class TornLog(RuntimeError):
    """A commit before the newest one cannot be read: what follows rests on it, so no repair is safe."""


def sync(path: Path) -> None:
    """fsync of a file's bytes or of a folder's entries."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def commit_path(log: Path, version: int) -> Path:
    return log / f"{version:020d}.json"


def versions(log: Path) -> list[int]:
    """The versions whose JSON stands in the log, ascending."""
    if not log.is_dir():
        return []
    return sorted(int(p.stem) for p in log.glob("*.json") if len(p.stem) == 20 and p.stem.isdigit())


def actions(log: Path, version: int) -> list[Action]:
    """The actions of one commit. Raises FileNotFoundError, or ValueError if it is torn."""
    raw = commit_path(log, version).read_bytes()
    found = [orjson.loads(line) for line in raw.splitlines() if line.strip()]
    if not found or not raw.endswith((b"}", b"\n")):
        raise ValueError(f"commit {version} is empty or cut off")
    return found


def checkpointed(log: Path) -> int:
    """The version that `_last_checkpoint` names, -1 if there is none."""
    try:
        return int(orjson.loads((log / "_last_checkpoint").read_bytes())["version"])
    except (OSError, ValueError, KeyError):
        return -1


def put(log: Path, version: int, lines: Iterable[Action]) -> bool:
    """Commit `lines` as `version`, durably. False if somebody else has that version already."""
    staging = log.parent / "_staging"
    staging.mkdir(exist_ok=True)
    staged = staging / f"{version}-{uuid.uuid4().hex}.json"
    try:
        with staged.open("xb") as file:
            file.write(b"\n".join(orjson.dumps(line) for line in lines) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(staged, commit_path(log, version))
        except FileExistsError:
            return False
        sync(log)
        return True
    finally:
        staged.unlink(missing_ok=True)


def commit_info(operation: str, read_version: int, *, blind: bool, **parameters: str) -> Action:
    return {
        "commitInfo": {
            "timestamp": now_ms(), "operation": operation, "operationParameters": parameters,
            "readVersion": read_version, "isBlindAppend": blind, "engineInfo": "qingling",
        }
    }  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def repair(path: Path) -> list[Path]:
    """Set aside what a power cut can leave behind: a torn newest commit, an unreadable checkpoint.

    Nothing is deleted: the files go to `<path>/_torn/`. The offsets of a torn commit go with it, so its rows are landed
    again. Raises TornLog if a torn commit is followed by a whole one.
    """
    log = path / "_delta_log"
    aside = list(_torn_checkpoints(log))
    since = -1 if aside else checkpointed(log)  # what a good checkpoint covers is not read again
    present = [version for version in versions(log) if version > since]
    torn = [version for version in present if _is_torn(log, version)]
    if torn and torn != present[-len(torn) :]:
        raise TornLog(
            f"{commit_path(log, torn[0])} cannot be read, but newer commits rest on it; restore it from a backup"
        )
    moved = [_set_aside(path, file) for file in [*aside, *(commit_path(log, version) for version in torn)]]
    if moved:
        sync(log)
    return moved


def _is_torn(log: Path, version: int) -> bool:
    try:
        actions(log, version)
    except FileNotFoundError:
        return False
    except ValueError:
        return True
    return False


def _torn_checkpoints(log: Path) -> Iterator[Path]:
    if not log.is_dir():
        return
    broken = [file for file in log.glob("*.checkpoint*.parquet") if not _is_parquet(file)]
    yield from broken
    hint = log / "_last_checkpoint"
    if hint.exists() and (broken or checkpointed(log) < 0):
        yield hint


def _is_parquet(file: Path) -> bool:
    try:
        pq.ParquetFile(file).close()
    except (pa.ArrowException, OSError):
        return False
    return True


def _set_aside(path: Path, file: Path) -> Path:
    folder = path / "_torn"
    folder.mkdir(exist_ok=True)
    target = folder / f"{file.name}.{time.time_ns()}"
    file.rename(target)
    sync(folder)
    return target
