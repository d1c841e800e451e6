"""A backup of the lake: every table's current files and the end of its log, copied and named with their sha256.

The backup is itself a lake (any Delta reader opens its tables), with a manifest beside it. Parquet files never change
under a name, so a second backup to the same folder copies only what is new. The lake is written on meanwhile: each
table is copied as of one version, and a table of a later version is one that has landed more, never less.
"""

import datetime as dt
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from deltalake import DeltaTable
from pyarrow import fs

from schemas.tables import TABLES
from warehouse import deltalog, upkeep
from warehouse.lake import LakeTable, Location, is_remote

MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_ATTEMPTS = 3


class BadBackup(RuntimeError):
    """The folder holds no whole backup, or not what its manifest says; names the file."""


@dataclass
class Copied:
    """One table of a backup: its version, rows, and per relative path `{size, sha256}`; `new` files were copied."""

    version: int
    rows: int
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    new: int = 0


def storage_of(lake: Location, name: str) -> fs.FileSystem:
    """The folder of one table as a file system, wherever the lake is."""
    if is_remote(lake):
        from warehouse.remote import storage

        return fs.SubTreeFileSystem(f"{str(lake).rstrip('/')}/{name}".removeprefix("s3://"), storage())
    return fs.SubTreeFileSystem(str((Path(lake) / name).absolute()), fs.LocalFileSystem())


def backup(lake: Location, target: Path, others: Mapping[str, Path] | None = None) -> dict[str, Copied]:
    """Copy every table of `lake`, and `others` (name → file), to the folder `target`; the tables by name.

    Raises OSError; then the last whole backup in `target` still stands. What no manifest names is deleted at the end.
    """
    target.mkdir(parents=True, exist_ok=True)
    known = _manifest(target)["tables"] if (target / MANIFEST).exists() else {}
    done: dict[str, Copied] = {}
    for name in TABLES:
        if LakeTable.exists(lake, name):
            done[name] = _copy_table(lake, name, target, known.get(name, {}).get("files", {}))
    kept = {name: _copy_file(path, target / "others" / name) for name, path in (others or {}).items() if path.exists()}
    tables = {name: {"version": c.version, "rows": c.rows, "files": c.files} for name, c in done.items()}
    content = {"made_at": dt.datetime.now(dt.UTC), "tables": tables, "others": kept}
    _write_whole(target / MANIFEST, orjson.dumps(content, option=orjson.OPT_INDENT_2))
    for name, copied in done.items():
        for file in [file for file in (target / "lake" / name).rglob("*") if file.is_file()]:
            if file.relative_to(target / "lake" / name).as_posix() not in copied.files:
                file.unlink()
    return done


def _copy_table(lake: Location, name: str, target: Path, known: Mapping[str, dict[str, Any]]) -> Copied:
    for attempt in range(_ATTEMPTS):
        try:
            return _copy_version(lake, name, target / "lake" / name, known)
        except FileNotFoundError:  # compacted and vacuumed while it was copied
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _copy_version(lake: Location, name: str, target: Path, known: Mapping[str, dict[str, Any]]) -> Copied:
    source, table = storage_of(lake, name), LakeTable.open(lake, name)
    table.checkpoint()
    delta = table.delta()
    since = _checkpointed(source)
    files = upkeep.active(delta)
    copied = Copied(delta.version(), sum(file.rows for file in files))
    for path in (*(file.path for file in files), *_log_files(source, since, copied.version)):
        there = target / path
        if (
            path in known
            and path.endswith(".parquet")
            and there.exists()
            and there.stat().st_size == known[path]["size"]
        ):
            copied.files[path] = known[path]
        else:
            copied.files[path] = _copy_file(source.open_input_stream(path), there)
            copied.new += 1
    return copied


def _checkpointed(source: fs.FileSystem) -> int:
    with source.open_input_stream("_delta_log/_last_checkpoint") as hint:
        return int(orjson.loads(hint.read())["version"])


def _log_files(source: fs.FileSystem, since: int, version: int) -> Iterator[str]:
    """The checkpoint, the hint that names it, and the commits from it to `version`."""
    for info in source.get_file_info(fs.FileSelector("_delta_log")):
        if info.base_name.startswith(f"{since:020d}.checkpoint"):
            yield f"_delta_log/{info.base_name}"
    yield from (f"_delta_log/{number:020d}.json" for number in range(since, version + 1))
    yield "_delta_log/_last_checkpoint"


def restore(source: Path, lake: Location, others: Mapping[str, Path] | None = None) -> dict[str, Copied]:
    """Bring back every table of the backup `source` to a `lake` that has none of them, and verify what came back.

    Files go first and the logs last, so a restore that dies leaves no table that looks whole. Raises BadBackup,
    OSError.
    """
    manifest = _manifest(source)
    present = [name for name in manifest["tables"] if LakeTable.exists(lake, name)]
    if present:
        raise BadBackup(f"the lake {lake} has tables already ({', '.join(present)}): restore into an empty one")
    done: dict[str, Copied] = {}
    for name, described in manifest["tables"].items():
        target = storage_of(lake, name)
        ordered = sorted(described["files"], key=lambda path: (path.startswith("_delta_log"), "last" in path, path))
        for path in ordered:
            _bring(source / "lake" / name / path, target, path, described["files"][path]["sha256"])
        done[name] = _verified(lake, name, described)
    for name, described in manifest["others"].items():
        if others and name in others and not others[name].exists():
            found = _copy_file(source / "others" / name, others[name])
            _same(found["sha256"], described["sha256"], others[name])
    return done


def mend(source: Path, lake: Location) -> list[str]:
    """Bring back data files of the lake that are gone or differ from the backup; the paths that were brought back."""
    mended = []
    for name, described in _manifest(source)["tables"].items():
        if not LakeTable.exists(lake, name):
            continue
        target = storage_of(lake, name)
        for file in LakeTable.open(lake, name).files():
            held = described["files"].get(file.path)
            if held and _digest_or_none(target, file.path) != held["sha256"]:
                _bring(source / "lake" / name / file.path, target, file.path, held["sha256"])
                mended.append(f"{name}/{file.path}")
    return mended


def _verified(lake: Location, name: str, described: Mapping[str, Any]) -> Copied:
    """The table as it reads now; raises BadBackup if it is not what was backed up."""
    where = f"{str(lake).rstrip('/')}/{name}" if is_remote(lake) else str(Path(lake) / name)
    table = DeltaTable(where)
    rows = sum(file.rows for file in upkeep.active(table))
    counted = table.to_pyarrow_dataset().count_rows()
    if not (table.version() == described["version"] and rows == counted == described["rows"]):
        raise BadBackup(
            f"table {name}: version {table.version()} with {counted} rows came back, "
            f"{described['version']} with {described['rows']} were backed up"
        )
    return Copied(table.version(), counted, described["files"], len(described["files"]))


def _bring(file: Path, target: fs.FileSystem, path: str, sha256: str) -> None:
    if not file.exists():
        raise BadBackup(f"{file} is not in the backup, its manifest names it")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    _same(found, sha256, file)
    local = isinstance(target.base_fs, fs.LocalFileSystem)
    if local:
        whole = Path(target.base_path) / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(whole, file.read_bytes())
    else:
        with target.open_output_stream(path) as out:
            out.write(file.read_bytes())


def _same(found: str, wanted: str, file: Path) -> None:
    if found != wanted:
        raise BadBackup(f"{file} is not what was backed up: sha256 {found}, the manifest says {wanted}")


def _digest_or_none(target: fs.FileSystem, path: str) -> str | None:
    try:
        with target.open_input_stream(path) as stream:
            return hashlib.sha256(stream.read()).hexdigest()
    except OSError:
        return None


def _copy_file(source: Any, target: Path) -> dict[str, Any]:
    """Copy a stream or a file durably; its size and sha256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    part = target.with_name(f".{target.name}.part")
    with source.open("rb") if isinstance(source, Path) else source as stream, part.open("wb") as out:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    part.replace(target)
    deltalog.sync(target.parent)
    return {"size": size, "sha256": digest.hexdigest()}


def _write_whole(target: Path, content: bytes) -> None:
    part = target.with_name(f".{target.name}.part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(target)
    deltalog.sync(target.parent)


def _manifest(source: Path) -> dict[str, Any]:
    try:
        found = orjson.loads((source / MANIFEST).read_bytes())
        found["tables"], found["others"]
    except (OSError, ValueError, KeyError) as error:
        raise BadBackup(f"{source / MANIFEST}: no backup ({type(error).__name__}: {error})") from None
    return dict(found)
