"""Job `publish`: the warehouse built from the lake as it is now, checked, and swapped in.

`python -m pipelines.publish --accept CHECK` publishes once although that critical check fails; the file says so.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterable
from typing import Any

from pipelines.lineage import Dataset, Datasets, facet, lake_table, recorded
from schemas.settings import Settings
from warehouse.model import relation
from warehouse.publish import LINK, Stopped, manifest, publish, published
from warehouse.quality import told as quality_told


def _datasets(settings: Settings, _: dict[str, Any]) -> Datasets:
    """Lake tables in the versions read; tables of the file with their rows, their checks, and columns that are new."""
    kept = manifest(settings.data)
    inputs = [
        lake_table(settings, name, source["version"])
        for name, source in kept["tables"].items() if source["version"] is not None
    ]  # fmt: skip
    failed = {
        check["check_id"]: check for check in (quality_told(settings.warehouse) or [{"failed": []}])[-1]["failed"]
    }
    outputs = []
    described = _fields(settings)
    anew = _changed(settings, described)
    for name, fields in described.items():
        about = relation(name)
        assertions = [
            {"assertion": check_id.removeprefix(f"{name}."), "success": False}
            for check_id in failed if check_id.startswith(f"{name}.")
        ]  # fmt: skip
        facets: dict[str, Any] = {}
        if anew:
            facets["schema"] = facet("1-1-1/SchemaDatasetFacet", fields=fields)
            facets["documentation"] = facet("1-0-1/DocumentationDatasetFacet", description=f"{about.zh} | {about.en}")
        if assertions:
            facets["dataQualityAssertions"] = facet("1-0-1/DataQualityAssertionsDatasetFacet", assertions=assertions)
        rows = kept["rows"].get(name)
        run_facets = {} if rows is None else {
            "outputStatistics": facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=rows)
        }  # fmt: skip
        outputs.append(Dataset(_namespace(settings), name, facets, run_facets))
    return inputs, outputs


def _namespace(settings: Settings) -> str:
    """The place of the published file, the same for every build."""
    return f"file://{(settings.warehouse / LINK).absolute()}"


def _fields(settings: Settings) -> dict[str, list[dict[str, str]]]:
    """The columns of every table and view of the published file, as it explains them itself."""
    found: dict[str, list[dict[str, str]]] = {}
    with published(settings.data) as con:
        for name, column, kind, comment in con.execute(
            "SELECT table_name, column_name, data_type, coalesce(comment, '') FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index"
        ).fetchall():
            found.setdefault(name, []).append({"name": column, "type": kind, "description": comment})
    return found


def _changed(settings: Settings, described: dict[str, list[dict[str, str]]]) -> bool:
    """Whether columns or comments differ from those told last: they are told once, not with every build."""
    mark = hashlib.sha256(repr(described).encode()).hexdigest()
    known = settings.data / "lineage" / "columns.sha256"
    if known.exists() and known.read_text("utf-8") == mark:
        return False
    known.write_text(mark, "utf-8")
    return True


@recorded("warehouse-publish", _datasets)
def publish_warehouse(settings: Settings, accept: Iterable[str] = ()) -> dict[str, Any]:
    """`{build, path, rows, checks, warnings, carried}`; rows by table or view.

    Raises Stopped if a critical check fails that is not among `accept`: the last good file stays.
    """
    build = publish(settings.data, clock=settings.clock, accept=accept)
    return {
        "build": build.number, "path": str(build.path), "rows": build.rows, "checks": len(build.results),
        "warnings": [result.check.check_id for result in build.results if not result.passed],
        "carried": len(build.carried),
    }  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipelines.publish", description="publish the warehouse now")
    parser.add_argument(
        "--accept", metavar="CHECK", action="append", default=[], help="a check that may fail this once"
    )
    asked = parser.parse_args(arguments)
    try:
        done = publish_warehouse(Settings(), accept=asked.accept)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 4
    print(f"{done['path']}: {done['checks']} checks, {len(done['warnings'])} warnings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
