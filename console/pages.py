"""The pages people look at: the board, one hazard, and the small form that says who is acting."""

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from console.dossier import SPANS_SHOWN, told
from console.forms import MEASURES, offers
from console.identity import ROLES, make_actor
from console.office import office_of, page_id
from console.security import HEADERS, check_token
from console.standing import stands
from console.words import LANGUAGE_COOKIE, LANGUAGES, LOCALES, language_of, words
from schemas.model import Refused
from schemas.terms import SHANGHAI

YEAR_S = 365 * 86_400


async def board(request: Request) -> Response:
    return render(request, "board.html")


async def hazard(request: Request) -> Response:
    """One hazard: the clause and its version, why, evidence, deadlines, timeline, and what the actor may do."""
    office = office_of(request)
    hazard_id = request.path_params["hazard_id"]
    found = await office.dossier(hazard_id)
    if found is None:
        return render(request, "missing.html", 404, hazard_id=hazard_id)
    with office.live.reading():
        row = office.live.rows.hazard(found.state)
    actor = office.identity.actor(request) if office.writable else None
    return render(
        request, "hazard.html", d=found, row=row, state=found.state, offers=offers(found.state, actor),
        told=told, standing=stands(found.state, _now(request)), measures=MEASURES, spans=SPANS_SHOWN, now=_now(request),
    )  # fmt: skip


async def identity(request: Request) -> Response:
    """Take the demo identity a person chose. The Doors have checked origin; the token is checked here."""
    office = office_of(request)
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    given = {name: values[0].strip() for name, values in form.items()}
    wrong = check_token(office.identity, request, given.get("csrf"))
    if wrong:
        raise HTTPException(403, wrong[1])
    try:
        actor = make_actor(given.get("actor", ""), given.get("role", ""))
    except Refused as refused:
        raise HTTPException(422, str(refused)) from None
    answer = RedirectResponse(_inside(given.get("back", "/")), 303)
    office.identity.set_actor(answer, actor)
    return answer


def _inside(back: str) -> str:
    """`back` if it is a path of this board, else `/`: a form must not send anyone elsewhere."""
    parts = urlsplit(back)
    inside = not parts.scheme and not parts.netloc and back.startswith("/") and not back.startswith(("//", "/\\"))
    return back if inside else "/"


async def locale(request: Request) -> Response:
    name = request.path_params["language"]
    if name not in LANGUAGES:
        raise HTTPException(404)
    headers = {"cache-control": "no-cache"}
    return Response((LOCALES / f"{name}.json").read_bytes(), media_type="application/json", headers=headers)


def render(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page in the request's language, with the session that its CSRF token belongs to."""
    office = office_of(request)
    language = language_of(request)
    table = words(language)
    session = office.identity.session(request)
    back = request.url.path

    def t(key: str, **named: Any) -> str:
        text = table.get(key, key)
        for name, value in named.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    with office.live.reading() as picture:
        simulated = picture.simulated
    text = office.templates.get_template(template).render(
        t=t, known=table.__contains__, lang=language, other=next(each for each in LANGUAGES if each != language),
        csrf=office.identity.token(session), actor=office.identity.actor(request), roles=ROLES, back=back,
        writable=office.writable, version=office.version, simulated=simulated, when=when, day=day, lasted=lasted,
        request_id=page_id(request), **values,
    )  # fmt: skip
    answer = HTMLResponse(text, status, headers={"cache-control": "no-store"})
    office.identity.keep(answer, session)
    if request.query_params.get("lang") in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, samesite="strict", httponly=True)
    return answer


async def failed(request: Request, error: Exception) -> Response:
    """An error as a page in the reader's language, or as JSON for the API, with the request's id."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    reason = str(error.detail) if isinstance(error, HTTPException) else ""
    if request.url.path.startswith("/api/"):
        content = {"accepted": False, "guard": "http", "reason": reason or f"error, request {page_id(request)}"}
        answer: Response = JSONResponse(content, status)
    else:
        answer = render(request, "error.html", status, code=status, reason=reason)
    # an unforeseen error is answered outside the Doors
    answer.headers.update(HEADERS)
    return answer


def when(instant: dt.datetime | str | None) -> str:
    """`2026-11-23 14:02:11`, Asia/Shanghai."""
    if instant is None:
        return "–"
    value = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")


def day(instant: dt.datetime | None) -> str:
    """The day on which a deadline ends; 24:00 of a day is that day."""
    if instant is None:
        return "–"
    return (instant - dt.timedelta(microseconds=1)).astimezone(SHANGHAI).strftime("%Y-%m-%d")


def lasted(began: dt.datetime | None, ended: dt.datetime | None) -> str:
    """`h:mm:ss` between two instants; empty while either is unknown."""
    if began is None or ended is None:
        return ""
    seconds = int((ended - began).total_seconds())
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def _now(request: Request) -> dt.datetime:
    live = office_of(request).live
    with live.reading():
        return live.data_now(dt.datetime.now(dt.UTC))


ROUTES = [
    Route("/", board),
    Route("/hazards/{hazard_id}", hazard),
    Route("/identity", identity, methods=["POST"]),
    Route("/locales/{language}.json", locale),
]
