"""The lake as views of a Spark session, and the KPIs made there from what has landed on: no DuckDB on the way.

`raw_<table>` is a lake table's current version, every view of sql/ the translated query of its file. KPIs of the kinds
ON_SPARK need nothing else; the SQL of the others' facts is not translated, see docs/beyond-one-machine.md.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from schemas.kpis import parameters_of
from schemas.tables import TABLES
from schemas.terms import SHANGHAI
from schemas.workdays import load_holidays
from warehouse.kpi_files import KINDS
from warehouse.lake import LakeTable, Location
from warehouse.spark import SparkKpis, facts_view, together, translated, translated_parts
from warehouse.views import needed, query_of, raw_reads, view_names

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What the facts of a kind read. `sites` has the groups of a site.
ON_SPARK = {
    "hazards": ("hazard_events",),
    "clearance": ("hazard_events", "sites"),
    "alarms": ("alarm_events", "hazard_events", "sites"),
    "quality": ("quality_daily", "device_alarms", "inspection_findings", "commands", "dead_letters", "sites"),
}
_SITE_GROUPS = ("region", "city", "province", "industry", "enterprise_id")
_ROLL_UPS = (
    "CASE WHEN length(region) = 6 THEN left(region, 4) || '00' END AS city",
    "CASE WHEN length(region) = 6 THEN left(region, 2) || '0000' END AS province",
)
_TYPES: dict[pa.DataType, str] = {
    pa.string(): "STRING", pa.int64(): "BIGINT", pa.int32(): "INT", pa.int16(): "SMALLINT", pa.uint8(): "SMALLINT",
    pa.bool_(): "BOOLEAN", pa.float64(): "DOUBLE", pa.date32(): "DATE", pa.binary(): "BINARY",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
}  # fmt: skip


def open_lake(
    spark: "SparkSession", lake: Location, views: Iterable[str], as_of: dt.datetime | None = None
) -> None:  # fmt: skip
    """Make temporary views of `views` and all they read. `as_of` is the instant "now" is of, default now.

    `lake` as Spark's hosts see it; of an s3:// lake Spark reads s3a://.
    """
    wanted = needed(views)
    now = as_of or dt.datetime.now(SHANGHAI)
    for table in sorted({table for name in wanted for table in raw_reads(name)} & set(TABLES)):
        _raw(spark, lake, table)
    _reference(spark, now)
    for name in view_names():
        if name in wanted:
            spark.sql(translated(query_of(name), {})).createOrReplaceTempView(name)


class SparkLake(SparkKpis):
    """KPIs of the kinds ON_SPARK over the views that `open_lake` has made."""

    def facts(
        self, kind: str, as_of: dt.datetime, known_as_of: dt.datetime | None, groupings: Sequence[Sequence[str]]
    ) -> None:  # fmt: skip
        """Make the facts of `kind` that `rows` reads, once for every grouping."""
        if kind == "hazards":
            self.hazards(as_of, known_as_of, groupings)
            return
        text = (KINDS[kind] / "_facts.sql").read_text("utf-8")
        values = {"as_of": as_of, "known_as_of": known_as_of, "grace_days": parameters_of("K04b")["grace_days"]}
        facts = together([self._spark.sql(part) for part in translated_parts(text, values)])
        if "region" in facts.columns:
            facts = facts.selectExpr("*", *_ROLL_UPS)
        else:
            sites = self._spark.table("sites").select("site_id", *_SITE_GROUPS)
            facts = facts.join(sites, "site_id", "left")
        facts = facts.localCheckpoint()  # the plan down to the files is long, and every KPI would plan it anew
        grouped = together([self._grouped(facts, by) for by in groupings])
        grouped.createOrReplaceTempView(facts_view(kind))


def _raw(spark: "SparkSession", lake: Location, table: str) -> None:
    """`raw_<table>`, as warehouse.views.raw_view makes it: what the files lack is null."""
    fields = {field.name: _TYPES[field.type] for field in TABLES[table]}
    found = LakeTable.peek(lake, table)
    if found is None or not found[1]:
        frame = spark.createDataFrame([], ", ".join(f"`{name}` {kind}" for name, kind in fields.items()))
    else:
        files = [file.replace("s3://", "s3a://", 1) for file in found[1]]
        base = f"{lake}/{table}".replace("s3://", "s3a://", 1)
        frame = spark.read.option("basePath", base).option("mergeSchema", "true").parquet(*files)
    columns = [
        f"CAST({f'`{name}`' if name in frame.columns else 'NULL'} AS {kind}) AS `{name}`"
        for name, kind in fields.items()
    ]
    if "kafka_at" in fields and "recorded_at" not in fields:
        columns.append("CAST(kafka_at AS TIMESTAMP) AS recorded_at")
    frame.selectExpr(*columns).createOrReplaceTempView(f"raw_{table}")


def _reference(spark: "SparkSession", as_of: dt.datetime) -> None:
    days = [(day, said.workday, said.name, said.name_en) for day, said in load_holidays().items()]
    holidays = spark.createDataFrame(days, "day DATE, workday BOOLEAN, name STRING, name_en STRING")
    holidays.createOrReplaceTempView("raw_holidays")
    spark.sql(f"SELECT TIMESTAMP '{as_of.isoformat()}' AS as_of").createOrReplaceTempView("raw_as_of")
