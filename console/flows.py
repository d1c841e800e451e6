"""How the demo runs the flows: Prefect's server and the schedules as processes, and once more at the end."""

import os
import subprocess
from pathlib import Path

from console.supervision import Program, Supervisor, python
from schemas.settings import Settings

_SERVER, _FLOWS = "prefect", "flows"


def programs() -> list[Program]:
    """Prefect's server on a free port, and the process that serves the schedules."""
    return [
        Program(_SERVER, python("-m", "pipelines.server")),
        Program(_FLOWS, python("-m", "pipelines.serve")),
    ]


def start(supervisor: Supervisor) -> None:
    for name in (_SERVER, _FLOWS):
        supervisor.start(name)


def stop(supervisor: Supervisor) -> None:
    for name in (_FLOWS, _SERVER):
        supervisor.stop(name)


def run_once(settings: Settings, environment: dict[str, str]) -> int:
    """Publish the warehouse and compute the KPIs in one process; its exit code."""
    log = Path(settings.run) / "flows-last.log"
    with log.open("ab") as out:
        return subprocess.run(
            python("-m", "pipelines.serve", "--once", "publish,kpis"), env={**os.environ, **environment}, stdout=out,
            stderr=out, stdin=subprocess.DEVNULL, check=False, timeout=300,
        ).returncode  # fmt: skip
