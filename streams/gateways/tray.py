"""A folder that a sender drops files into: what lies ready, and where it goes. Nothing is ever deleted or overwritten.

`done/` keeps what was taken, with a `.note` where something was odd; `failed/` keeps what was refused, each with its
`.reason`; `.qingling/` is the gateway's own.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

DONE, FAILED, OWN = "done", "failed", ".qingling"


class FolderBusyError(RuntimeError):
    """Another gateway works on this folder."""


@dataclass(frozen=True)
class Dropped:
    """A file of the folder with the size (bytes) and time of change (ns) it had when it was looked at."""

    path: Path
    size: int
    changed_ns: int

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> bytes | None:
        """Its bytes; None if it changed or went away meanwhile: its sender is still writing."""
        try:
            raw = self.path.read_bytes()
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        same = (stat.st_size, stat.st_mtime_ns, len(raw)) == (self.size, self.changed_ns, self.size)
        return raw if same else None


class Tray:
    """Raises NotADirectoryError if there is no such folder, FolderBusyError if another gateway holds it."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(f"{folder} is no folder")
        self.folder, self.done, self.failed, self.own = folder, folder / DONE, folder / FAILED, folder / OWN
        for path in (self.done, self.failed, self.own):
            path.mkdir(exist_ok=True)
        self._lock = _lock(self.own / "lock")

    def close(self) -> None:
        self._lock.close()

    def dropped(self) -> Iterator[Dropped]:
        """The .txt files of the folder itself; other names belong to a sender that has not finished, or to people."""
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.lower().endswith(".txt") and entry.is_file(follow_symlinks=False):
                    stat = entry.stat(follow_symlinks=False)
                    yield Dropped(Path(entry.path), stat.st_size, stat.st_mtime_ns)

    def keep(self, file: Dropped, note: str = "") -> str:
        """Move to done/, with a note if one is given; returns the name it has there."""
        target = _free(self.done / file.name)
        if note:
            target.with_name(target.name + ".note").write_text(note + "\n", "utf-8")
        file.path.rename(target)
        return target.name

    def refuse(self, file: Dropped, reason: str) -> str:
        """Move to failed/ with the reason beside it; returns the name it has there."""
        target = _free(self.failed / file.name)
        target.with_name(target.name + ".reason").write_text(reason + "\n", "utf-8")
        file.path.rename(target)
        return target.name


def _free(path: Path) -> Path:
    n, free = 0, path
    while free.exists():
        n += 1
        free = path.with_name(f"{path.name}.{n}")
    return free


def _lock(path: Path) -> IO[str]:
    handle = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise FolderBusyError(f"another gateway already works on {path.parent.parent}") from None
    return handle
