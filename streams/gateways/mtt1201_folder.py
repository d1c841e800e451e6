"""The gateway of a folder of MT/T 1201 files: every file is sent, acknowledged, and only then moved to done/.

A gateway killed between the two sends the file again under the same frame ids. Many files are sent before one wait, so
a backlog goes through at the broker's pace, not at that of one round trip per file.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaError

from schemas.model import Refused
from streams.gateways.ledger import Done, Ledger
from streams.gateways.mtt1201 import DEFINITIONS, FileName
from streams.gateways.mtt1201_parcel import Parcel, parcel_of, refused_file
from streams.gateways.mtt1201_text import is_complete
from streams.gateways.outbox import Outbox, Outgoing
from streams.gateways.tally import Tally
from streams.gateways.tray import Dropped, Tray

FILES_PER_WAIT = 400
LOOK_EVERY_S = 1.0
PATIENCE_S = 60.0  # with a broker that does not acknowledge
WAIT_FOR_END_S = 600.0  # a file without its end mark is given up after this
_RANK = {DEFINITIONS: 0}
log = structlog.get_logger("gateway.mtt1201")


def _unwatched(done: int, total: int) -> None:
    """Nobody looks at the progress."""


@dataclass(frozen=True)
class _Taken:
    """A file whose records are on their way. `refused` says why it goes to failed/ instead of done/; `counts` names the
    fields of the tally it adds to once it has gone."""

    file: Dropped
    name: FileName | None
    sha256: str
    counts: tuple[str, ...] = ()
    note: str = ""
    refused: str = ""
    parcel: Parcel | None = None


class FolderGateway:
    """`log_id` is that of the broker's registry.sensors: offsets of another log mean nothing."""

    def __init__(
        self, tray: Tray, outbox: Outbox, log_id: str, *, wait_for_end_s: float = WAIT_FOR_END_S,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.tally = Tally()
        self.heard = time.monotonic()  # when the broker last acknowledged everything
        self._tray, self._outbox, self._log_id = tray, outbox, log_id
        self._wait_for_end_s, self._clock = wait_for_end_s, clock
        self._ledger = Ledger(tray.own / "seen.db", tray.done)

    def close(self) -> None:
        self._ledger.close()

    def sweep(self, stop: threading.Event | None = None, progress: Callable[[int, int], None] = _unwatched) -> int:
        """Take everything that lies ready, oldest first; returns how many files left the folder.

        `progress(done, total)` is called after every wait. Raises KafkaError if the broker does not acknowledge: the
        files then stay where they are.
        """
        files = self._in_order()
        self.tally.waiting = 0
        gone = 0
        for at in range(0, len(files), FILES_PER_WAIT):
            if stop is not None and stop.is_set():
                break
            try:
                taken = [t for file, name in files[at : at + FILES_PER_WAIT] if (t := self._take(file, name))]
                self._outbox.settle()
            except KafkaError:
                self._ledger.recall()
                raise
            self.heard = time.monotonic()
            self._move(taken)
            gone += len(taken)
            progress(min(at + FILES_PER_WAIT, len(files)), len(files))
        return gone

    def _in_order(self) -> list[tuple[Dropped, FileName | Refused]]:
        """By the time in the name; a mine that was never defined has its first definitions put before everything."""
        named: list[tuple[Dropped, FileName | Refused]] = []
        first: dict[str, FileName] = {}
        for file in self._tray.dropped():
            try:
                name = FileName.parse(file.name)
            except Refused as error:
                named.append((file, error))
                continue
            named.append((file, name))
            if name.type == DEFINITIONS and not self._ledger.knows_mine(name.mine, DEFINITIONS):
                first[name.mine] = min(first.get(name.mine, name), name, key=lambda n: (n.written_at, n.name))
        opening = {name.name for name in first.values()}

        def place(entry: tuple[Dropped, FileName | Refused]) -> tuple[bool, float, int, str]:
            file, name = entry
            if isinstance(name, Refused):
                return True, 0.0, 0, file.name
            return file.name not in opening, name.written_at.timestamp(), _RANK.get(name.type, 1), file.name

        return sorted(named, key=place)

    def _take(self, file: Dropped, name: FileName | Refused) -> _Taken | None:
        """Send what `file` says; None if it has to wait."""
        now = self._clock()
        raw = file.read()
        if raw is None:
            self.tally.waiting += 1
            return None
        sha256 = hashlib.sha256(raw).hexdigest()
        if isinstance(name, Refused):
            return self._refuse(file, None, raw, sha256, name)
        if not is_complete(raw):
            if now - file.changed_ns / 1e9 <= self._wait_for_end_s:
                self.tally.waiting += 1
                return None
            waited = Refused("end mark", f"|| is still missing {self._wait_for_end_s:g} s after the last change")
            return self._refuse(file, name, raw, sha256, waited)
        if self._ledger.has(sha256):
            note = "重复文件，未再发送 duplicate: these bytes were sent before"
            return _Taken(file, name, sha256, ("duplicates",), note)
        if not name.used:
            return _Taken(file, name, sha256, ("unused",), f"未使用的类型 type {name.type} is not used: archived")
        return self._send(file, name, raw, sha256, int(now * 1e6))

    def _send(self, file: Dropped, name: FileName, raw: bytes, sha256: str, now_us: int) -> _Taken:
        stale = self._ledger.is_stale(name)
        if stale and name.type == DEFINITIONS:
            note = "定义已过时，未发送 stale: newer definitions of this mine hold"
            return _Taken(file, name, sha256, ("stale",), note)
        try:
            parcel = parcel_of(name, raw, now_us, self._registry_offset, stale=stale)
        except Refused as error:
            return self._refuse(file, name, raw, sha256, error)
        self._ledger.under_way(sha256, name)
        if name.type == DEFINITIONS:
            self._define(parcel)
        else:
            self._put(parcel.messages)
        self._put(parcel.letters)
        if not stale:
            return _Taken(file, name, sha256, parcel=parcel)
        return _Taken(file, name, sha256, ("stale",), "较早的文件，仅入历史 stale: history only", parcel=parcel)

    def _put(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            self._outbox.put(message)

    def _registry_offset(self, mine: str) -> int:
        return self._ledger.registry_offset(mine, self._log_id)

    def _define(self, parcel: Parcel) -> None:
        """Sites and places, then sensors, each acknowledged: frames of later files rely on that offset."""
        for part in (parcel.first, parcel.messages):
            self._put(part)
            offsets = self._outbox.settle()
        if "registry.sensors" in offsets:
            self._ledger.set_registry_offset(parcel.mine, self._log_id, offsets["registry.sensors"])

    def _refuse(self, file: Dropped, name: FileName | None, raw: bytes, sha256: str, error: Refused) -> _Taken:
        self._outbox.put(refused_file(file.name, raw, error, int(self._clock() * 1e6)))
        why = f"拒收 refused\n文件 file: {file.name}\n字段 field: {error.field}\n原因 reason: {error.reason}"
        return _Taken(file, name, sha256, ("refused_files", "dead_letters"), refused=why)

    def _move(self, taken: list[_Taken]) -> None:
        """Everything of `taken` is acknowledged: out of the folder with it, and counted."""
        rows = []
        for one in taken:
            self.tally.count(one.counts, one.parcel)
            if one.refused or one.name is None:
                self._tray.refuse(one.file, one.refused)
                log.warning("file refused", file=one.file.name, reason=one.refused.splitlines()[-1])
                continue
            kept = self._tray.keep(one.file, one.note)
            rows.append(Done(kept, one.sha256, one.name.mine, one.name.type, one.name.written_at.isoformat()))
            if one.parcel and one.parcel.letters:
                log.warning("records refused", file=one.file.name, records=len(one.parcel.letters))
            if one.note:
                log.info("file kept aside", file=one.file.name, note=one.note)
        self._ledger.add(rows)


def run(
    folder: Path, producer: KafkaProducer, log_id: str, *, once: bool, stop: threading.Event | None = None,
    wait_for_end_s: float = WAIT_FOR_END_S, patience_s: float = PATIENCE_S,
    progress: Callable[[int, int], None] = _unwatched,
) -> Tally:  # fmt: skip
    """Serve `folder` until it is empty (`once`) or `stop` is set; returns what went through.

    A broker that does not acknowledge is waited for, and the files wait with it; with `once` not longer than
    `patience_s`, then KafkaError. Raises NotADirectoryError, tray.FolderBusyError.
    """
    stop = stop or threading.Event()
    tray = Tray(folder)
    gateway = FolderGateway(tray, Outbox(producer), log_id, wait_for_end_s=wait_for_end_s)
    try:
        while True:
            try:
                gone = gateway.sweep(stop, progress)
            except KafkaError as error:
                if once and time.monotonic() - gateway.heard > patience_s:
                    raise
                log.error("broker does not acknowledge, files wait", error=str(error))
                if stop.wait(LOOK_EVERY_S):
                    return gateway.tally
                continue
            if stop.is_set() or (once and not gone):
                return gateway.tally
            if not gone:
                stop.wait(LOOK_EVERY_S)
    finally:
        gateway.close()
        tray.close()
