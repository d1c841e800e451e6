"""The SQL files of the KPIs, by what they are counted over. A new KPI is a new file, nothing else."""

from functools import cache

from schemas.model import Refused
from warehouse.views import SQL

# What a KPI is counted over: events of hazards, units and their days, the lists of the published catalogue, the plan's
# own tables, what sites sent, or events of alarms.
_KINDS = ("clearance", "lists", "programme", "quality", "alarms")
KINDS = {"hazards": SQL / "kpis", **{kind: SQL / "kpis" / kind for kind in _KINDS}}


@cache
def kpi_ids(kind: str = "") -> tuple[str, ...]:
    """The KPIs that have an SQL file, in the order of their ids; those of one kind of KINDS, or all."""
    folders = [KINDS[kind]] if kind else KINDS.values()
    return tuple(sorted(f.stem for folder in folders for f in folder.glob("*.sql") if not f.stem.startswith("_")))


def kpi_ids_of_events() -> tuple[str, ...]:
    """The KPIs that hazard events alone suffice for."""
    return tuple(sorted((*kpi_ids("hazards"), *kpi_ids("clearance"))))


@cache
def kpi_sql(kpi_id: str) -> str:
    """The query of one KPI. Raises Refused if it has none."""
    for folder in KINDS.values():
        if kpi_id in kpi_ids() and (folder / f"{kpi_id}.sql").is_file():
            return (folder / f"{kpi_id}.sql").read_text("utf-8")
    raise Refused("kpi_id", f"{kpi_id} has no query; there are {', '.join(kpi_ids())}")


def kind_of(kpi_id: str) -> str:
    """The kind of KINDS that has the query of a KPI. Raises Refused if none has."""
    kpi_sql(kpi_id)
    return next(kind for kind in KINDS if kpi_id in kpi_ids(kind))
