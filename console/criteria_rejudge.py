"""`qingling criteria rejudge`: landed evidence under another catalogue, and on request the judgements it calls for."""

import datetime as dt
import getpass
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from console.commands import make_command
from console.criteria import FAILED, WRONG_USE, Json, written
from console.criteria_versions import resolve
from console.do import ask
from console.ingest import connected
from console.landed_frames import LandedFrames
from schemas.criteria import FOLDER, Catalogue, load_catalogue
from schemas.events import Actor
from schemas.hazards import Finding, HazardStateRecord
from schemas.ids import make_id
from schemas.registry import Place, Sensor, Site
from schemas.settings import Settings
from schemas.tables import TABLES
from schemas.terms import Role, Verdict
from schemas.times import bare_date, day_end, day_start
from streams.publishing import read_published
from streams.rejudge import Changed, SiteEvidence, as_if_in_force, changes

if TYPE_CHECKING:
    import duckdb

_out = Console(highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
_FINAL = (Verdict.MAJOR, Verdict.GENERAL, Verdict.NONE)


def rejudge(
    to: Annotated[str, typer.Option("--to", help="catalogue to judge by: folder, published version, or built-in")],
    document: Annotated[str, typer.Option(help="as if this list had been in force on every day, e.g. MEM21")] = "",
    from_date: Annotated[str, typer.Option("--from", help="evidence from this day on (Shanghai)")] = "",
    to_date: Annotated[str, typer.Option("--to-date", help="evidence up to the end of this day")] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="send the judgements; the old ones stay in the history")
    ] = False,
    actor: Annotated[str, typer.Option(help="who judges; default: the name of the system's user")] = "",
    as_json: Json = False,
) -> None:
    """换版重判 Hazards whose class would change under another catalogue: a what-if over what has landed.

    With --apply each change that is a final verdict is sent as a judgement, which the stream accepts or refuses; that
    needs the catalogue to be the one in effect. Exit 1 if a judgement was refused.
    """
    import warehouse

    span = _span(from_date, to_date)
    new, old = resolve(to), _in_effect()
    if apply and (document or new.version != old.version):
        _err.print(f"--apply judges by the catalogue in effect ({old.version}), without --document: publish it first")
        raise typer.Exit(WRONG_USE)
    if document:
        if document not in new.documents:
            _err.print(f"--document: no document {document}; there are {', '.join(new.documents)}")
            raise typer.Exit(WRONG_USE)
        new = as_if_in_force(new, document)
    found: list[Changed] = []
    with warehouse.connect(Settings().data) as lake:
        for evidence, hazards in _sites(lake, *span):
            # applied, the judgements on record are what is compared with: each hazard's own catalogue
            before = _earlier(hazards, old) if apply else old
            found += changes(evidence, hazards, before, new)
    rows = [_row(change, new) for change in found]
    refused = _send(found, rows, new, actor or getpass.getuser()) if apply else 0
    if as_json:
        written(rows)
    else:
        _show(rows, old, new)
    if refused:
        raise typer.Exit(FAILED)


def _in_effect() -> Catalogue:
    with connected() as (servers, _):
        published, _ = read_published(servers, load_catalogue(FOLDER))
    return published.at(dt.datetime.now(dt.UTC))


def _earlier(hazards: list[HazardStateRecord], present: Catalogue) -> Catalogue:
    """The newest catalogue, other than the present one, by which these hazards were judged or opened."""
    with connected() as (servers, _):
        published, _ = read_published(servers, load_catalogue(FOLDER))
    judged = {hazard.catalogue_version for hazard in hazards}
    earlier = [e.catalogue for e in published.editions if e.published.version != present.version]
    named = [catalogue for catalogue in earlier if catalogue.version in judged]
    return (named or earlier or [published.built_in])[-1]


def _span(first: str, last: str) -> tuple[dt.datetime, dt.datetime]:
    days = [bare_date(text) if text else None for text in (first, last)]
    for name, text, day in (("--from", first, days[0]), ("--to-date", last, days[1])):
        if text and day is None:
            _err.print(f"{name}: {text!r} is no day (YYYY-MM-DD)")
            raise typer.Exit(WRONG_USE)
    return day_start(days[0] or dt.date(2000, 1, 1)), day_end(days[1] or dt.date(2099, 12, 31))


def _sites(
    lake: "duckdb.DuckDBPyConnection", first: dt.datetime, beyond: dt.datetime
) -> Iterator[tuple[SiteEvidence, list[HazardStateRecord]]]:
    """What landed in the span of every site, with its hazards found in it."""
    places, sensors = defaultdict[str, dict[str, Place]](dict), defaultdict[str, dict[str, Sensor]](dict)
    for (value,) in lake.execute("SELECT value FROM places").fetchall():
        place = Place.parse(value)
        places[place.site_id][place.place_id] = place
    for (value,) in lake.execute("SELECT value FROM sensors").fetchall():
        sensor = Sensor.parse(value)
        sensors[sensor.site_id][sensor.sensor_id] = sensor
    hazards = defaultdict[str, list[HazardStateRecord]](list)
    for (value,) in lake.execute("SELECT value FROM hazard_states ORDER BY hazard_id").fetchall():
        state = HazardStateRecord.parse(value)
        if first <= state.found_at < beyond:
            hazards[state.site_id].append(state)
    for (value,) in lake.execute("SELECT value FROM sites ORDER BY site_id").fetchall():
        site = Site.parse(value)
        name = site.site_id
        yield SiteEvidence(
            site, places[name], sensors[name], tuple(_findings(lake, name, first, beyond)),
            LandedFrames(lake, name, sensors[name], first, beyond),
        ), hazards[name]  # fmt: skip


def _findings(
    lake: "duckdb.DuckDBPyConnection", site_id: str, first: dt.datetime, beyond: dt.datetime
) -> Iterator[Finding]:
    # a field that has no column of its own landed in `extra`
    names = [name for name in TABLES["inspection_findings"].names if name in Finding.model_fields]
    names = [name for name in names if name not in ("deadline", "status")]
    asked = f"""SELECT extra, {", ".join(names)} FROM inspection_findings
        WHERE site_id = ? AND found_at >= ? AND found_at < ? ORDER BY found_at, finding_id"""  # noqa: S608
    for extra, *row in lake.execute(asked, [site_id, first, beyond]).fetchall():
        said = {name: value for name, value in zip(names, row, strict=True) if value is not None}
        if isinstance(said.get("facts"), str):
            said["facts"] = orjson.loads(said["facts"])
        yield Finding.parse((orjson.loads(extra) if extra else {}) | said)


def _row(change: Changed, new: Catalogue) -> dict[str, Any]:
    said, hazard = change.said, change.hazard
    return {
        "hazard_id": hazard.hazard_id if hazard else None, "site_id": change.site_id, "place_id": change.place_id,
        "found_at": str(hazard.found_at) if hazard else str(said.began_at if said else ""),
        "judged": change.judged.value if change.judged else None, "was": change.was.value,
        "would_be": change.would.value, "criterion_id": said.criterion_id if said else None,
        "document_id": said.document_id if said else None, "catalogue_version": new.version,
        "evidence_ids": list(change.evidence_ids), "why": said.why if said else "",
        "why_zh": said.why_zh if said else "",
    }  # fmt: skip


def _send(found: list[Changed], rows: list[dict[str, Any]], new: Catalogue, by: str) -> int:
    """One judgement per hazard whose new class is final; the answer goes into its row. Returns the number refused."""
    refused, settings = 0, Settings()
    who = Actor(id=by, role=Role.SUPERVISOR)
    with connected() as (servers, _):
        for change, row in zip(found, rows, strict=True):
            hazard = change.hazard
            if hazard is None or change.would not in _FINAL:
                row["answer"] = "needs a person"
                continue
            data = {
                "verdict": change.would.value, "catalogue_version": new.version,
                "criterion_id": row["criterion_id"] or hazard.criterion_id,
                "evidence": row["evidence_ids"] or [piece.evidence_id for piece in hazard.evidence],
                "reason": row["why_zh"] or f"目录 {new.version} 下不再符合 not met under catalogue {new.version}",
            }  # fmt: skip
            command_id = make_id("rejudge", hazard.hazard_id, hazard.version, new.version, change.would.value)
            command = make_command(
                "judge", hazard.site_id, hazard.hazard_id, who, data=data, seen_version=hazard.version,
                command_id=command_id,
            )  # fmt: skip
            try:
                answer = ask(settings, servers, command)
                row["answer"] = "accepted" if answer.accepted else f"{answer.guard}: {answer.reason}"
            except TimeoutError:
                row["answer"] = "no answer"
            refused += row["answer"] != "accepted"
    return refused


def _show(rows: list[dict[str, Any]], old: Catalogue, new: Catalogue) -> None:
    table = Table(title=f"{old.version} → {new.version}: {len(rows)}")
    for heading in (
        "隐患 hazard",
        "地点 place",
        "判定 judged",
        "原 was",
        "将为 would be",
        "条款 clause",
        "答复 answer",
    ):
        table.add_column(heading, overflow="fold")
    for row in rows:
        name = row["hazard_id"][:8] if row["hazard_id"] else "新 new"
        cells = (name, row["place_id"], row["judged"] or "-", row["was"], row["would_be"], row["criterion_id"] or "-")
        table.add_row(*cells, row.get("answer", ""))
    _out.print(table)
