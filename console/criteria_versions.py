"""`qingling criteria publish`, `published`, `withdraw`: catalogue versions on the topic; and comparing two of them."""

import datetime as dt
import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from console.audit import Audit
from console.criteria import FOUND, WRONG_USE, Json, loaded, written
from console.criteria_check import say_faults
from console.ingest import connected
from schemas.criteria import FOLDER, Catalogue
from schemas.settings import Settings
from schemas.terms import SHANGHAI
from schemas.times import bare_date, day_start
from streams.catalogue_check import checked
from streams.published import Edition, PublishedCatalogues
from streams.publishing import read_published, send_catalogue, version_record, withdraw

_out = Console(highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
Actor = Annotated[str, typer.Option(help="who publishes; default: the name of the system's user")]


def publish(
    folder: Annotated[
        Path, typer.Option("--folder", "--catalogue", help="folder of catalogue files", show_default=False)
    ] = FOLDER,
    effective_at: Annotated[
        str, typer.Option(help="from when it judges: a time with offset, or a day (00:00 in Shanghai). Default: now")
    ] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """发布判定标准目录 Check a catalogue and put it on the topic; workers switch at its time without a restart.

    Exit 4 names every fault and failed case, and nothing is sent.
    """
    now = dt.datetime.now(dt.UTC)
    begins = _instant(effective_at) if effective_at else now
    catalogue = loaded(folder)
    found = checked(catalogue)
    if not found.sound:
        say_faults(found)
        raise typer.Exit(FOUND)
    by = actor or getpass.getuser()
    version = version_record(catalogue, begins, now, by)
    with connected() as (servers, sender):
        published, _ = read_published(servers, catalogue)
        before = published.edition_at(begins)
        _audit("publish_catalogue", by, version.version, effective_at=begins.isoformat())
        send_catalogue(sender, catalogue, version)
    changes = list(changes_between(before.catalogue, catalogue)) if before else []
    row = {
        "version": version.version, "effective_at": begins.astimezone(SHANGHAI).isoformat(), "by": by,
        "documents": len(version.documents), "clauses": version.clauses,
        "instead_of": before.published.version if before else None, "changed_clauses": len(changes),
    }  # fmt: skip
    if as_json:
        written([row])
        return
    instead = f", instead of {row['instead_of']} ({len(changes)} clauses differ)" if before else ""
    _out.print(
        f"[bold]{row['version']}[/bold] 已发布 published: {row['documents']} documents, {row['clauses']} clauses; "
        f"自 {row['effective_at']} 起施行 judges from then{instead}"
    )


def list_published(as_json: Json = False) -> None:
    """已发布的目录版本 The published versions, in the order they take effect, and which one judges now."""
    with connected() as (servers, _):
        published, refused = read_published(servers)
    now = published.edition_at(dt.datetime.now(dt.UTC))
    rows = [_summary(edition, now) for edition in published.editions]
    if as_json:
        written(rows)
    else:
        table = Table("版本 version", "施行 effective", "发布 published", "由 by", "文件 documents", "条款 clauses", "")
        for row in rows:
            mark = "现行 judges now" if row["in_effect"] else ""
            times = (row["effective_at"], row["published_at"])
            table.add_row(row["version"], *times, row["by"], str(row["documents"]), str(row["clauses"]), mark)
        _out.print(table)
        if now is None:
            _out.print(f"现行：内置目录 {published.built_in.version} · the built-in catalogue judges now")
    for error in refused:
        _err.print(f"{error}")
    if refused:
        raise typer.Exit(FOUND)


def take_back(version: str, actor: Actor = "", as_json: Json = False) -> None:
    """撤回一个已发布版本 Withdraw a published version; what judged before it judges again."""
    with connected() as (servers, sender):
        published, _ = read_published(servers)
        edition = find_edition(published, version)
        name = edition.published.version
        _audit("withdraw_catalogue", actor or getpass.getuser(), name)
        withdraw(sender, name)
    if as_json:
        written([{"version": name, "withdrawn": True}])
    else:
        _out.print(f"{name} 已撤回 withdrawn")


def find_edition(published: PublishedCatalogues, version: str) -> Edition:
    """The one complete version whose id begins with `version`; exit 2 if there is none, or several."""
    found = [each for each in published.editions if version and each.published.version.startswith(version)]
    if len(found) != 1:
        known = ", ".join(each.published.version for each in published.editions) or "none"
        _err.print(f"{version}: {'ambiguous' if found else 'no published version'}; published: {known}")
        raise typer.Exit(WRONG_USE)
    return found[0]


def resolve(name: str) -> Catalogue:
    """A catalogue by folder, `built-in`, or published version. Exit 4 or 2 if it cannot be had."""
    if Path(name).is_dir():
        return loaded(Path(name))
    built_in = loaded(FOLDER)
    if name == "built-in" or (len(name) >= 6 and built_in.version.startswith(name)):
        return built_in
    with connected() as (servers, _):
        published, _ = read_published(servers, built_in)
    return find_edition(published, name).catalogue


def changes_between(old: Catalogue, new: Catalogue) -> Iterator[dict[str, Any]]:
    """What differs between two versions of the catalogue: clauses and document heads, with the fields that differ."""
    for what, before, after in (
        ("document", old.documents, new.documents), ("clause", old.clauses, new.clauses),
    ):  # fmt: skip
        for name in (*after, *(name for name in before if name not in after)):
            one, other = before.get(name), after.get(name)
            if one == other:
                continue
            shown = other or one
            fields = [] if one is None or other is None else _differing(one, other)
            change = "added" if one is None else "dropped" if other is None else "changed"
            yield {
                "change": change, "what": what, "id": name, "fields": fields,
                "title_zh": getattr(shown, "title_zh", ""), "title_en": getattr(shown, "title_en", ""),
            }  # fmt: skip


def _differing(one: Any, other: Any) -> list[str]:
    return [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]


def _summary(edition: Edition, now: Edition | None) -> dict[str, Any]:
    said = edition.published
    return {
        "version": said.version, "effective_at": said.effective_at.astimezone(SHANGHAI).isoformat(timespec="seconds"),
        "published_at": said.published_at.astimezone(SHANGHAI).isoformat(timespec="seconds"), "by": said.by,
        "documents": len(said.documents), "clauses": said.clauses, "in_effect": edition is now,
    }  # fmt: skip


def _instant(text: str) -> dt.datetime:
    day = bare_date(text)
    if day is not None:
        return day_start(day)
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        _err.print(f"--effective-at: {text!r} is no day (2026-12-01) and no time with offset")
        raise typer.Exit(WRONG_USE) from None
    if instant.tzinfo is None:
        _err.print(f"--effective-at: {text!r} has no offset (like +08:00)")
        raise typer.Exit(WRONG_USE)
    return instant


def _audit(action: str, by: str, target: str, **more: Any) -> None:
    Audit(Settings().data / "audit.jsonl").append(
        actor=by, role="admin", action=action, target=target, channel="command line", **more
    )
