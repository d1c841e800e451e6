"""`python -m benchmarks.landing_growth --millions 20`: land, compact and ask, beside plain Parquet files by day.

Simulated readings (2,000 sensors, every 10 s) are landed in batches, compacted as the hourly flow does it for closed
days, and asked three questions, each `--rounds` times in turn with the same questions over the same rows in plain
Parquet files that DuckDB wrote by day. Landing and compaction run in child processes whose largest memory is reported.
"""

import argparse
import datetime as dt
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.landing_rows import START_US, readings
from schemas.times import from_us, shanghai_day
from warehouse.lake import LakeTable
from warehouse.views import connect

BATCH = 250_000
DAY = shanghai_day(from_us(START_US))
QUESTIONS = {
    "count per site and hour": "select site_id, epoch_us(occurred_at) // 3600000000 as hour, count(*) from {}"
    " group by all",
    "last value per sensor": "select sensor_id, arg_max(value, occurred_at) from {} group by all",
    "one sensor, one day": "select occurred_at, value from {} where sensor_id = 'site-007-CH4-00007'"
    f" and site_id = 'site-007' and day = DATE '{DAY}' order by occurred_at",
}


def land(folder: Path, count: int) -> None:
    table, name = LakeTable.open(folder / "lake", "readings"), "simulated/telemetry.frames/0"
    last = None
    for first in range(0, count, BATCH):
        rows = readings(first, min(BATCH, count - first))
        end = rows["offset"][-1].as_py()
        table.append(rows, {name: end}, {name: last})
        last = end


def compact(folder: Path, _count: int) -> None:
    table = LakeTable.open(folder / "lake", "readings")
    table.compact(closed_before=dt.date(2100, 1, 1))
    table.checkpoint()
    table.vacuum(retention_hours=0)


def step(name: str, folder: Path, count: int) -> dict[str, float]:
    """One step in a child process: seconds, CPU seconds, and its largest memory in MB."""
    command = [sys.executable, "-m", "benchmarks.landing_growth", "--step", name, "--folder", str(folder)]
    done = subprocess.run([*command, "--count", str(count)], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_step(name: str, folder: Path, count: int) -> None:
    began = time.perf_counter()
    {"land": land, "compact": compact}[name](folder, count)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "seconds": round(time.perf_counter() - began, 1), "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "rss_mb": largest_memory_mb(),
    }))  # fmt: skip


def largest_memory_mb() -> int:
    """Of this process since it began (Linux). `ru_maxrss` would count the parent's as well: it outlives exec."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def ask(folder: Path, rounds: int, plain: bool) -> dict[str, dict[str, float]]:
    """Milliseconds (median, wall) and CPU milliseconds of every question, over the lake and over plain files."""
    with connect(folder, views=["readings"]) as lake:
        lake.execute("SET threads = 2")
        sources = {"lake": "readings"}
        if plain:
            files = LakeTable.open(folder / "lake", "readings").file_uris()
            where = folder / "plain"
            everything = f"from read_parquet({files}, hive_partitioning = true, union_by_name = true)"
            lake.execute(
                f"COPY (SELECT * {everything} ORDER BY occurred_at) TO '{where}' (FORMAT parquet, PARTITION_BY (day))"
            )
            sources["plain"] = f"read_parquet('{where}/**/*.parquet', hive_partitioning = true)"
        taken: dict[str, dict[str, list[tuple[float, float]]]] = {q: {s: [] for s in sources} for q in QUESTIONS}
        answers: dict[str, set[int]] = {q: set() for q in QUESTIONS}
        for _ in range(rounds):
            for question, sql in QUESTIONS.items():
                for source, relation in sources.items():
                    cpu, began = time.process_time(), time.perf_counter()
                    found_rows = lake.sql(sql.format(relation)).to_arrow_table()
                    spent = (time.perf_counter() - began, time.process_time() - cpu)
                    taken[question][source].append(spent)
                    rows = zip(*(column.to_pylist() for column in found_rows.columns), strict=True)
                    answers[question].add(hash(tuple(sorted(rows))))
    assert all(len(different) == 1 for different in answers.values()), "lake and plain files differ"
    return {
        question: {
            f"{source}_{what}": round(statistics.median(spent[i] for spent in found) * 1e3, 1)
            for source, found in by_source.items() for i, what in enumerate(("ms", "cpu_ms"))
        }
        for question, by_source in taken.items()
    }  # fmt: skip


def measure(millions: float, rounds: int, base: Path | None = None) -> dict[str, object]:
    count = int(millions * 1e6)
    folder = Path(tempfile.mkdtemp(prefix="qingling-bench-", dir=base))
    try:
        found: dict[str, object] = {"millions": millions, "land": step("land", folder, count)}
        table = LakeTable.open(folder / "lake", "readings")
        found["files_landed"] = len(table.file_uris())
        found["compact"] = step("compact", folder, count)
        files = table.files()
        found |= {"files": len(files), "mb": round(sum(file.size for file in files) / 1e6, 1)}
        if sum(file.rows for file in files) != count:
            raise AssertionError("rows were lost or doubled")
        return found | {"questions": ask(folder, rounds, plain=millions <= 20)}
    finally:
        shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing_growth", description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[2, 20])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--base", type=Path, help="where the temporary lakes lie")
    for hidden in ("--step", "--folder", "--count"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.step:
        run_step(chosen.step, Path(chosen.folder), int(chosen.count))
        return
    for millions in chosen.millions:
        found = measure(millions, chosen.rounds, chosen.base)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
