"""When the flows run. `python -m pipelines.serve` serves all schedules; `--once publish,kpis` runs jobs now and ends.

`--once` needs no server and does not load Prefect: a temporary server would cost far more than the jobs.
"""

import argparse
import datetime as dt
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import orjson

from pipelines.compact import compact_lake
from pipelines.kpis import send_kpis
from pipelines.penalties import count_penalties
from pipelines.publish import publish_warehouse
from pipelines.retention import keep_retention
from pipelines.server import NoServer, await_server, environment
from schemas.settings import Settings

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

JOBS: dict[str, Callable[[Settings], dict[str, Any]]] = {
    "publish": publish_warehouse,
    "kpis": send_kpis,
    "penalties": count_penalties,
    "compact": compact_lake,
    "retention": keep_retention,
}
ZONE = "Asia/Shanghai"
_PUBLISH_EVERY_MIN, _KPIS_EVERY_MIN = 5, 10
# Registered and seen by the scheduler by then, also on a busy machine: what is past by then is not made up for.
_FIRST_PUBLISH_S, _FIRST_KPIS_S = 20, 40
_KPIS_AT = "20 0 * * *"  # the day's own run, when the day before is complete
_PENALTIES_AT = "5,35 * * * *"
_COMPACT_AT = "10 * * * *"
_RETENTION_AT = "40 3 * * *"


def run_once(names: list[str], settings: Settings) -> int:
    """Run the jobs in this process, in the order given; one JSON line each. 1 if any failed, the others still run."""
    failed = 0
    for name in names:
        began = time.monotonic()
        try:
            line: dict[str, Any] = {"job": name, "ok": True, **JOBS[name](settings)}
        except Exception as error:
            failed, line = 1, {"job": name, "ok": False, "error": f"{type(error).__name__}: {error}"}
        line["seconds"] = round(time.monotonic() - began, 2)
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()
    return failed


def serve_all(settings: Settings) -> None:
    """Serve every schedule until a signal comes; one run at a time, and no second one of a flow that still runs."""
    os.environ.update(environment(settings))
    os.environ["PREFECT_API_URL"] = await_server(settings)
    # read by Prefect when it is imported
    from prefect import serve
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.deployments.runner import EntrypointType
    from prefect.schedules import Cron, Interval

    from pipelines import flows

    def soon(seconds: float) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)

    def every(minutes: float, first_s: float) -> Any:
        return Interval(dt.timedelta(minutes=minutes), anchor_date=soon(first_s), timezone=ZONE)

    alone = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    schedules = {
        flows.warehouse_publish: [every(_PUBLISH_EVERY_MIN, _FIRST_PUBLISH_S)],
        flows.kpi_daily: [every(_KPIS_EVERY_MIN, _FIRST_KPIS_S), Cron(_KPIS_AT, timezone=ZONE)],
        flows.penalty_windows: [Cron(_PENALTIES_AT, timezone=ZONE)],
        flows.compact: [Cron(_COMPACT_AT, timezone=ZONE)],
        flows.retention: [Cron(_RETENTION_AT, timezone=ZONE)],
    }
    deployments = [
        flow.to_deployment(
            flow.name, schedules=when, concurrency_limit=alone, entrypoint_type=EntrypointType.MODULE_PATH,
            tags=["qingling"],
        )
        for flow, when in schedules.items()
    ]  # fmt: skip
    serve(*cast("list[RunnerDeployment]", deployments), limit=1, print_starting_message=False, pause_on_shutdown=False)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.serve", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--once", metavar="JOBS", help=f"run these now and end: {','.join(JOBS)}")
    asked = parser.parse_args(arguments)
    settings = Settings()
    if asked.once is None:
        try:
            serve_all(settings)
        except NoServer as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    names = [name.strip() for name in asked.once.split(",") if name.strip()]
    unknown = [name for name in names if name not in JOBS]
    if unknown or not names:
        parser.error(f"no job {', '.join(unknown) or asked.once!r}; there are {', '.join(JOBS)}")
    return run_once(names, settings)


if __name__ == "__main__":
    sys.exit(main())
