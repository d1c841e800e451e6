"""The jobs as Prefect flows. The settings come from the environment, as everywhere."""

from typing import Any

from prefect import flow

from pipelines.compact import compact_lake
from pipelines.kpis import send_kpis
from pipelines.penalties import count_penalties
from pipelines.publish import publish_warehouse
from pipelines.retention import keep_retention
from schemas.settings import Settings


@flow(name="warehouse-publish", retries=1, retry_delay_seconds=10, persist_result=False)
def warehouse_publish() -> dict[str, Any]:
    """发布数据仓库 Build warehouse.duckdb from the lake and swap it in."""
    return publish_warehouse(Settings())


@flow(name="kpi-daily", retries=3, retry_delay_seconds=30, persist_result=False)
def kpi_daily() -> dict[str, Any]:
    """计算指标 Compute all KPIs as of today and of the milestones; send them to kpi.values."""
    return send_kpis(Settings())


@flow(name="penalty-windows", retries=2, retry_delay_seconds=30, persist_result=False)
def penalty_windows() -> dict[str, Any]:
    """行政处罚累计 Count penalties for major hazards per enterprise; warn before the law's limit is reached."""
    return count_penalties(Settings())


@flow(name="compact", retries=1, retry_delay_seconds=60, persist_result=False)
def compact() -> dict[str, Any]:
    """整理数据湖 Merge small files, checkpoint, delete what nobody can need."""
    return compact_lake(Settings())


@flow(name="retention", retries=1, retry_delay_seconds=60, persist_result=False)
def retention() -> dict[str, Any]:
    """到期数据降采样 Downsample and let go of days that are older than retention.yaml keeps them."""
    return keep_retention(Settings())
