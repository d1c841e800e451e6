"""`python -m tests.dying_landing MOMENT N`: a landing worker, or a compaction, that kills itself with SIGKILL.

It dies at the N-th time it comes to MOMENT:
  mid-parquet     a data file is half written
  before-commit   data files are on the disk, the commit is written beside the log, not linked
  after-commit    the commit is in the log, nobody has been told
  compaction      (compacting in a loop instead of landing) the merged file is written, not committed
  committed       (the same) the merge is committed, the loop has not come round
  never           it lives
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import warehouse.durable as durable
from warehouse import deltalog


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(call: Callable[..., Any], at: int, *, after: bool, counts: Callable[..., bool]) -> Callable[..., Any]:
    met = 0

    def wrapped(*arguments: Any, **options: Any) -> Any:
        nonlocal met
        met += counts(*arguments)
        if met >= at and not after:
            die()
        result = call(*arguments, **options)
        if met >= at and after:
            die()
        return result

    return wrapped


def half(path: Path, rows: Any, *_: Any, **__: Any) -> Any:
    content = durable.parquet(rows)
    (path / "part-half-written.zstd.parquet").write_bytes(content[: content.size // 2].to_pybytes())
    die()


def compact_for_ever(lake: Path) -> None:
    from warehouse.lake import LakeTable

    while True:
        for name in ("readings", "alarm_events", "inspection_findings"):
            if LakeTable.exists(lake, name):
                table = LakeTable.open(lake, name)
                table.compact(min_files=2)
                table.vacuum()
        time.sleep(0.1)


def main(moment: str, at: int) -> None:
    in_commit = {"before-commit": False, "after-commit": True, "compaction": False, "committed": True}
    if moment in in_commit:
        merging = moment in ("compaction", "committed")

        def counts(_log: Path, _version: int, lines: list[Any]) -> bool:
            return any("remove" in line for line in lines) if merging else any("txn" in line for line in lines)

        if moment == "before-commit":
            os.link = dying(os.link, at, after=False, counts=lambda *_: True)
        else:
            deltalog.put = dying(deltalog.put, at, after=in_commit[moment], counts=counts)
    if moment == "mid-parquet":
        import warehouse.local as local

        whole, met = local.write_file, [0]

        def write(*arguments: Any, **options: Any) -> Any:
            met[0] += 1
            return (half if met[0] >= at else whole)(*arguments, **options)

        local.write_file = write
    if moment in ("compaction", "committed"):
        from schemas.settings import Settings

        compact_for_ever(Settings().lake)
    else:
        from streams.landing import main as land

        land()


if __name__ == "__main__":
    where, times = sys.argv[1:3]
    sys.argv = sys.argv[:1]  # Faust reads the rest
    main(where, int(times))
