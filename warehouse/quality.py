"""What the checks said of each build, kept beside the builds: also of those that were not published.

One JSON line per build in `quality.jsonl`; the next build shows them as the table quality_history.
"""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from schemas.tables import STAMP
from warehouse.checks import CRITICAL, Result

_KEPT = 2_000  # builds; a week of one every five minutes
_LOG = "quality.jsonl"
_ROW = pa.schema(
    [
        ("build", pa.int64()), ("checked_at", STAMP), ("published", pa.bool_()), ("checks", pa.int64()),
        ("check_id", pa.string()), ("severity", pa.string()), ("bad", pa.int64()), ("found", pa.string()),
    ]
)  # fmt: skip


def keep_results(
    folder: Path, build: int, checked_at: dt.datetime, results: Iterable[Result], *, published: bool
) -> None:  # fmt: skip
    """Append what the checks said of a build to the log below `folder`."""
    every = list(results)
    failed = [
        {"check_id": each.check.check_id, "severity": each.check.severity, "bad": each.bad, "found": each.found,
         "zh": each.check.zh, "en": each.check.en, "accepted": each.accepted}
        for each in every if not each.passed
    ]  # fmt: skip
    line = orjson.dumps(
        {"build": build, "checked_at": checked_at, "published": published, "checks": len(every), "failed": failed}
    )
    path = folder / _LOG
    lines = path.read_bytes().splitlines() if path.exists() else []
    if len(lines) >= _KEPT * 2:
        fresh = path.with_suffix(".new")
        fresh.write_bytes(b"\n".join([*lines[-_KEPT:], line]) + b"\n")
        fresh.replace(path)
    else:
        with path.open("ab") as out:
            out.write(line + b"\n")


def told(folder: Path) -> list[dict[str, Any]]:
    """What was said of each build, oldest first; a line torn by a crash is left out."""
    path = folder / _LOG
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found


def last_results(folder: Path) -> pa.Table:
    """The log as rows of the table quality_history."""
    rows = [
        {**{name: build[name] for name in ("build", "published", "checks")},
         "checked_at": dt.datetime.fromisoformat(build["checked_at"]),
         **{name: failed.get(name) for name in ("check_id", "severity", "bad", "found")}}
        for build in told(folder)[-_KEPT:] for failed in build["failed"] or [{}]
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, _ROW)


def state(folder: Path) -> dict[str, Any] | None:
    """Of the last build: `build, checked_at, published, checks, stopped_by, warnings`; None before the first."""
    builds = told(folder)
    if not builds:
        return None
    last = builds[-1]
    stopped = [each for each in last["failed"] if each["severity"] == CRITICAL and not each["accepted"]]
    return {
        **{name: last[name] for name in ("build", "checked_at", "published", "checks")},
        "stopped_by": stopped, "warnings": [each for each in last["failed"] if each not in stopped],
    }  # fmt: skip
