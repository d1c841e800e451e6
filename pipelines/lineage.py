"""OpenLineage run events of the jobs, one JSON object per line in `<data>/lineage/openlineage.ndjson`.

Plain JSON by the public specification (2-0-2), written by us: any collector that reads OpenLineage takes the lines as
they are. A job says START, then COMPLETE with what it read and wrote, or FAIL with why.
"""

import datetime as dt
import functools
import os
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec
from uuid import uuid4

import orjson

from schemas.settings import Settings

PRODUCER = "https://qingling.invalid/pipelines/lineage"  # a name, not an address: .invalid never resolves
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_KEEP_BYTES = 32 << 20  # then the file is put aside as .1, and the one before is let go

P = ParamSpec("P")


@dataclass(frozen=True)
class Dataset:
    """One lake table, topic or table of the warehouse. `facets` describe it, `run_facets` what this run did with it."""

    namespace: str
    name: str
    facets: dict[str, Any] = field(default_factory=dict)
    run_facets: dict[str, Any] = field(default_factory=dict)


Datasets = tuple[list[Dataset], list[Dataset]]  # read, written


def recorded(
    job: str, told: Callable[[Settings, dict[str, Any]], Datasets]
) -> Callable[[Callable[Concatenate[Settings, P], dict[str, Any]]], Callable[Concatenate[Settings, P], dict[str, Any]]]:
    """Wrap a job `(settings, …) -> result` so that every run of it is told. `told` names what a run read and wrote.

    A lineage that cannot be written never fails the job.
    """

    def wrap(
        work: Callable[Concatenate[Settings, P], dict[str, Any]],
    ) -> Callable[Concatenate[Settings, P], dict[str, Any]]:
        @functools.wraps(work)
        def run(settings: Settings, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
            run_id = str(uuid4())
            emit(settings, event("START", run_id, job))
            try:
                result = work(settings, *args, **kwargs)
            except BaseException as error:
                emit(settings, event("FAIL", run_id, job, error=error))
                raise
            try:
                datasets = told(settings, result)
            except Exception:
                datasets = ([], [])
            emit(settings, event("COMPLETE", run_id, job, *datasets))
            return result

        return run

    return wrap


def event(
    kind: str, run_id: str, job: str, inputs: Iterable[Dataset] = (), outputs: Iterable[Dataset] = (),
    error: BaseException | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One run event. `kind` is START, COMPLETE or FAIL."""
    run_facets = {}
    if error is not None:
        run_facets["errorMessage"] = facet(
            "1-0-1/ErrorMessageRunFacet", message=f"{type(error).__name__}: {error}", programmingLanguage="python",
            stackTrace="".join(traceback.format_exception(error)),
        )  # fmt: skip
    return {
        "eventType": kind,
        "eventTime": dt.datetime.now(dt.UTC).isoformat(),
        "run": {"runId": run_id, "facets": run_facets},
        "job": {
            "namespace": "qingling", "name": job,
            "facets": {"jobType": facet(
                "2-0-3/JobTypeJobFacet", processingType="BATCH", integration="QINGLING", jobType="FLOW"
            )},
        },
        "inputs": [_named(each, "inputFacets") for each in inputs],
        "outputs": [_named(each, "outputFacets") for each in outputs],
        "producer": PRODUCER,
        "schemaURL": SPEC,
    }  # fmt: skip


def facet(schema: str, **values: Any) -> dict[str, Any]:
    """A facet of the specification: `schema` is its version and name, as in `1-0-1/ErrorMessageRunFacet`."""
    version, name = schema.split("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{version}/{name}.json#/$defs/{name}", **values}


def lake_table(settings: Settings, name: str, version: int | None = None) -> Dataset:
    """A table of the lake, by its place; with the version that was read."""
    facets = {} if version is None else {
        "version": facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=str(version))
    }  # fmt: skip
    if settings.lake_url:
        bucket, _, prefix = settings.lake_url.removeprefix("s3://").rstrip("/").partition("/")
        return Dataset(f"s3://{bucket}", f"{prefix}/{name}".lstrip("/"), facets)
    return Dataset(f"file://{settings.lake.absolute()}", name, facets)


def topic(settings: Settings, name: str, rows: int | None = None) -> Dataset:
    """A Kafka topic; with how many records a run sent to it."""
    run_facets = {} if rows is None else {
        "outputStatistics": facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=rows)
    }  # fmt: skip
    return Dataset(f"kafka://{settings.kafka}", name, run_facets=run_facets)


def emit(settings: Settings, told: dict[str, Any]) -> None:
    """Append an event; one write, so that lines of several processes never mix."""
    path = settings.data / "lineage" / "openlineage.ndjson"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _KEEP_BYTES:
            path.replace(path.with_suffix(".ndjson.1"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, orjson.dumps(told) + b"\n")
        finally:
            os.close(handle)
    except OSError:
        return


def _named(each: Dataset, run_key: str) -> dict[str, Any]:
    said: dict[str, Any] = {"namespace": each.namespace, "name": each.name, "facets": each.facets}
    return said | ({run_key: each.run_facets} if each.run_facets else {})
