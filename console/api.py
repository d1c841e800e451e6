"""The board's JSON: the picture, hazards, KPIs, health, server-sent events, and commands."""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from kafka.errors import KafkaError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.answers import Json, refusal, words_of
from console.commands import NotAllowed, command_kind, make_command
from console.forms import offers
from console.office import Office, office_of
from console.reopening import with_what_is_known
from console.rows import SORTS
from console.security import check_token
from console.standing import ONLY, stands, stated
from schemas.alarms import AlarmState
from schemas.commands import CommandResult
from schemas.hazards import HazardStateRecord
from schemas.model import Refused
from schemas.terms import ProcessState

CAP = 500
MOST = 5_000
_WAITING = (ProcessState.UNACKNOWLEDGED.value, ProcessState.RETURNED_UNACKNOWLEDGED.value)
_SEARCHED = ("site", "site_en", "site_id", "sensor", "sensor_id", "place", "region")


def _wanted(request: Request) -> Callable[[dict[str, Any]], bool] | None:
    """The filter that the query asks for: priority, state, site, text.

    A state is a process state, or `annunciated` (no override keeps it from the operator), or `unack` (of those, what
    waits to be acknowledged).
    """
    query = request.query_params
    priority, state, site = query.get("priority"), query.get("state"), query.get("site")
    text = query.get("text", "").strip().lower()
    if not (priority or state or site or text):
        return None

    def wanted(row: dict[str, Any]) -> bool:
        return (
            (not priority or row["priority"] == priority)
            and (not state or _is_in(state, row))
            and (not site or row["site_id"] == site)
            and (not text or any(text in (row[name] or "").lower() for name in _SEARCHED))
        )

    return wanted


def _is_in(state: str, row: dict[str, Any]) -> bool:
    if state == "annunciated":
        return not row["overrides"]
    if state == "unack":
        return not row["overrides"] and row["state"] in _WAITING
    return bool(row["state"] == state)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "")
    return min(int(text), MOST) if text.isdigit() else CAP


def _sort(request: Request) -> str:
    sort = request.query_params.get("sort", "")
    return sort if sort in SORTS else SORTS[0]


async def board(request: Request) -> Response:
    """Everything the board's page shows, and the feed position to follow it from."""
    live = office_of(request).live
    with live.reading() as picture:
        alarms, matching = live.rows.alarms(sort=_sort(request), limit=CAP, wanted=_wanted(request))
        content = {
            "id": live.feed.position, "alarms": alarms, "matching": matching, "hazards": live.rows.hazards(limit=CAP),
            "kpis": live.rows.kpis(), "noted": live.rows.noted()[:CAP], "load": live.load(), "pulse": live.pulse(),
            "simulated": picture.simulated,
        }  # fmt: skip
    return Json(content)


async def alarms(request: Request) -> Response:
    live = office_of(request).live
    with live.reading():
        rows, matching = live.rows.alarms(sort=_sort(request), limit=_limit(request), wanted=_wanted(request))
    return Json({"alarms": rows, "matching": matching, "pulse": live.pulse()})


async def signals(request: Request) -> Response:
    """Sensors that cannot be seen, and those of which something is suspected."""
    live = office_of(request).live
    with live.reading():
        rows = live.rows.signals(limit=_limit(request))
    return Json({"signals": rows, "pulse": live.pulse()})


async def hazards(request: Request) -> Response:
    """Hazards as they stand now; `?only=` one of console.standing.ONLY, `?open=false` for the settled ones too."""
    live = office_of(request).live
    only, open_only = request.query_params.get("only", ""), request.query_params.get("open", "true") != "false"
    if only and only not in ONLY:
        return refusal(400, "only", f"{only!r} is none of {', '.join(ONLY)}")
    with live.reading():
        now = live.data_now(dt.datetime.now(dt.UTC))
        rows, matching = live.rows.hazards_at(now, only=only, open_only=open_only, limit=_limit(request))
    return Json({"hazards": rows, "matching": matching, "pulse": live.pulse()})


async def hazard(request: Request) -> Response:
    found = await office_of(request).dossier(request.path_params["hazard_id"])
    if found is None:
        return refusal(404, "not_found", f"no hazard {request.path_params['hazard_id']}")
    return Json(
        {
            "hazard": found.state.model_dump(mode="json"),
            "clause": found.clause and found.clause.model_dump(mode="json", exclude={"cases"}),
            "document": found.document and found.document.model_dump(mode="json"),
            "evidence": [piece.model_dump(mode="json") for piece in found.evidence],
            "verdicts": list(found.verdicts),
            "events": [event.model_dump(mode="json") for event in found.events],
            "from_memory": found.from_memory,
            "standing": stated(stands(found.state, _now(request))),
            "commands": _offered(request, found.state),
        }
    )


def _now(request: Request) -> dt.datetime:
    live = office_of(request).live
    with live.reading():
        return live.data_now(dt.datetime.now(dt.UTC))


def _offered(request: Request, state: HazardStateRecord) -> list[dict[str, Any]]:
    """What the caller may command now: the kind, its fields, and the guard that would refuse it as things stand."""
    return [
        {
            "kind": offer.kind, "zh": offer.title("zh"), "en": offer.title("en"), "guard": offer.guard or None,
            "fields": [
                {"name": f.name, "kind": f.kind, "required": f.required, "options": f.options} for f in offer.fields
            ],
        }
        for offer in offers(state, office_of(request).identity.actor(request))
    ]  # fmt: skip


async def kpis(request: Request) -> Response:
    live = office_of(request).live
    with live.reading():
        rows = [row.model_dump(mode="json") for row in live.rows.kpi_rows()]
    return Json({"kpis": rows})


async def health(request: Request) -> Response:
    """Whether the board may be believed. 503 while it may not: silence is never "OK"."""
    office = office_of(request)
    pulse = office.live.pulse()
    with office.live.reading() as picture:
        refused = picture.refused
    content = {
        **pulse, "version": office.version, "writable": office.writable, "broker_error": office.live.tail.error,
        "refused_records": refused, "feed": office.live.feed.position, "resets": office.live.feed.resets,
    }  # fmt: skip
    return Json(content, 503 if pulse["stale"] else 200)


async def livez(_: Request) -> Response:
    return Json({"live": True})


async def readyz(request: Request) -> Response:
    """Ready once the topics have been read to their end and the broker answers; a quiet stream does not matter here."""
    tail = office_of(request).live.tail
    ready = tail.caught_up.is_set() and tail.error is None
    return Json(
        {"ready": ready, "caught_up": tail.caught_up.is_set(), "broker": tail.error or "ok"}, 200 if ready else 503
    )


async def events(request: Request) -> Response:
    """Server-sent events after `Last-Event-ID` (a line that broke) or `?after=` (a picture just read)."""
    feed = office_of(request).live.feed
    after = request.headers.get("last-event-id") or request.query_params.get("after")

    async def lines() -> AsyncIterator[ServerSentEvent]:
        async for message in feed.follow(after):
            yield ServerSentEvent(message.data, id=message.id, event=message.event, retry=2_000)

    return EventSourceResponse(lines(), ping=0, send_timeout=20)


async def command(request: Request) -> Response:
    """Carry one command to the stream and say what it answered.

    200 accepted · 409 refused by a guard · 400/403/404/422 not sent · 504 no answer in time, it may still be done.
    """
    office = office_of(request)
    wrong = check_token(office.identity, request, request.headers.get("x-csrf-token"))
    if wrong:
        return refusal(403, *wrong)
    actor = office.identity.actor(request)
    if actor is None:
        return refusal(401, "actor", "choose who you are first")
    try:
        body = orjson.loads(await request.body())
        asked = dict(body)
        kind, target = str(asked["kind"]), str(asked["target_id"])
        held = await _held(office, command_kind(kind).target, target)
    except (orjson.JSONDecodeError, TypeError, ValueError, KeyError) as error:
        return refusal(400, "bad_request", f"a JSON object with kind and target_id is wanted: {error}")
    if held is None:
        return refusal(404, "not_found", f"no {command_kind(kind).target} {target} on the board")
    hazard = held if isinstance(held, HazardStateRecord) else None
    data = with_what_is_known(kind, hazard, asked.get("data") or {})
    try:
        made = make_command(
            kind, held.site_id, target, actor, data=data, seen_version=asked.get("seen_version"),
            command_id=asked.get("command_id"), occurred_at=asked.get("occurred_at"),
        )  # fmt: skip
    except NotAllowed as refused:
        return refusal(403, "role", refused.reason)
    except Refused as refused:
        return refusal(422, "bad_data", f"{refused.field}: {refused.reason}")
    ip = request.client.host if request.client else ""
    try:
        answer = await run_in_threadpool(office.desk.ask, made, channel="board", ip=ip, wait_s=office.answer_s)
    except TimeoutError:
        return refusal(504, "no_answer", f"no answer in {office.answer_s:g} s; it may still be carried out")
    except (OSError, KafkaError) as error:
        return refusal(503, "not_sent", f"not sent: {error}")
    return _answered(answer)


def _answered(answer: CommandResult) -> Json:
    content = answer.model_dump(mode="json") | {"words": words_of(answer.guard)}
    return Json(content, 200 if answer.accepted else 409)


async def _held(office: Office, what: str, target: str) -> AlarmState | HazardStateRecord | None:
    """What the board knows of the target; a hazard closed long ago stands in the warehouse alone."""
    with office.live.reading() as picture:
        if what == "alarm":
            return picture.alarms.get(target) or picture.signals.get(target)
        hazard = picture.hazards.get(target)
    if hazard is None and (found := await office.dossier(target)) is not None:
        hazard = found.state
    return hazard


ROUTES = [
    Route("/api/board", board),
    Route("/api/alarms", alarms),
    Route("/api/signals", signals),
    Route("/api/hazards", hazards),
    Route("/api/hazards/{hazard_id}", hazard),
    Route("/api/kpis", kpis),
    Route("/api/health", health),
    Route("/api/commands", command, methods=["POST"]),
    Route("/events", events),
    Route("/livez", livez),
    Route("/readyz", readyz),
]
