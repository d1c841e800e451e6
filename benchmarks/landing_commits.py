"""`python -m benchmarks.landing_commits`: how long one commit takes, commit after commit, beside delta-rs's own.

Each commit is 1,000 readings on a local disk: Parquet, fsync, log, fsync. Compaction, checkpoints and vacuum run
all the while, as the hourly flow would, in another process. Then the same with `write_deltalake`, which syncs nothing.
Prints the median and the 99th percentile of every tenth of the run, in milliseconds of wall time, and CPU.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from benchmarks.landing_rows import readings
from warehouse.durable import fit, stored_schema
from warehouse.lake import LakeTable

_NAME = "log/telemetry.frames/0"
_UPKEEP = """
import sys, time
from pathlib import Path
from warehouse.lake import LakeTable
table = LakeTable.open(Path(sys.argv[1]), "readings")
while True:
    time.sleep(float(sys.argv[2]))
    table.compact(min_files=20)
    table.vacuum()
"""


def ours(folder: Path) -> Callable[[int, pa.Table], None]:
    table = LakeTable.open(folder, "readings")

    def commit(n: int, rows: pa.Table) -> None:
        table.append(rows, {_NAME: n}, {_NAME: n - 1 if n else None})

    return commit


def delta_rs(folder: Path) -> Callable[[int, pa.Table], None]:
    path = str(folder / "readings")
    schema = LakeTable.open(folder, "readings").schema
    table = DeltaTable(path)

    def commit(n: int, rows: pa.Table) -> None:
        plain = fit(rows, schema, "readings").cast(stored_schema(schema))
        marks = CommitProperties(app_transactions=[Transaction(_NAME, n)])
        write_deltalake(table, plain, mode="append", commit_properties=marks)

    return commit


def measure(make: Callable[[Path], Callable[[int, pa.Table], None]], commits: int, every_s: float) -> dict[str, object]:
    """Milliseconds per commit (`p50` and `p99` of every tenth), and CPU milliseconds per commit."""
    with tempfile.TemporaryDirectory(prefix="qingling-bench-") as name:
        commit = make(Path(name))
        batches = [readings(n * 1_000, 1_000) for n in range(50)]
        upkeep = subprocess.Popen([sys.executable, "-c", _UPKEEP, name, str(every_s)])
        taken, cpu = [], time.process_time()
        try:
            for n in range(commits):
                rows = batches[n % len(batches)]
                began = time.perf_counter()
                commit(n, rows)
                taken.append((time.perf_counter() - began) * 1e3)
        finally:
            upkeep.kill()
            upkeep.wait()
        cpu = time.process_time() - cpu
    tenths = np.array_split(np.array(taken), 10)
    return {
        "p50": [round(float(np.median(part)), 1) for part in tenths],
        "p99": [round(float(np.percentile(part, 99)), 1) for part in tenths],
        "p50_all": round(float(np.median(taken)), 1), "cpu_ms": round(cpu / commits * 1e3, 2),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing_commits", description=__doc__)
    parser.add_argument("--commits", type=int, default=2_000)
    parser.add_argument("--upkeep-every", type=float, default=5.0, help="seconds between compactions")
    parser.add_argument("--only", choices=["landing", "delta-rs"])
    chosen = parser.parse_args()
    contenders = {"landing": ours, "delta-rs": delta_rs}
    found = {
        name: measure(make, chosen.commits, chosen.upkeep_every)
        for name, make in contenders.items() if chosen.only in (None, name)
    }  # fmt: skip
    for name, result in found.items():
        print(
            f"{name:9} p50 {result['p50_all']} ms, by tenth {result['p50']}, "
            f"p99 {result['p99']}, {result['cpu_ms']} ms CPU"
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()
