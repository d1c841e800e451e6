"""The board's JSON about one alarm, and about the alarm load."""

import datetime as dt

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.alarm_forms import alarm_offers
from console.answers import Json, refusal
from console.office import office_of

EVENTS_SHOWN = 30
RULE = {"class_id", "basis", "consequence_zh", "consequence_en", "action_zh", "action_en", "time_to_respond_s"}


async def alarm(request: Request) -> Response:
    """One alarm: its row, what the caller may command now, and its last events; also one that is normal again."""
    office, alarm_id = office_of(request), request.path_params["alarm_id"]
    with office.live.reading() as picture:
        state = picture.alarms.get(alarm_id) or picture.signals.get(alarm_id)
        row = office.live.rows.alarm_named(alarm_id, state or picture.load.last_raise(alarm_id))
        rule = picture.rule_of(state) if state else None
        events = picture.events_of(alarm_id)
    if row is None:
        return refusal(404, "not_found", f"no alarm {alarm_id} on the board")
    actor = office.identity.actor(request) if office.writable else None
    at = dt.datetime.now(dt.UTC)
    offered = alarm_offers(state, actor, at, rule) if state else []
    return Json(
        {
            "alarm": row, "at": at.isoformat(), "on_board": state is not None,
            "actor": actor and actor.model_dump(mode="json"),
            "rule": rule and rule.model_dump(mode="json", include=RULE),
            "commands": [offer.said() for offer in offered],
            "events": [event.model_dump(mode="json") for event in events[-EVENTS_SHOWN:]],
        }
    )  # fmt: skip


async def load(request: Request) -> Response:
    """Alarm floods that stand, and the day's alarm KPIs so far beside their limits."""
    return Json(office_of(request).live.load())


ROUTES = [
    Route("/api/alarms/{alarm_id}", alarm),
    Route("/api/load", load),
]
