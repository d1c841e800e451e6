"""What every route needs, in one place on `app.state.office`: the live side, the desk, identity, settings."""

from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from console.commands import Desk
from console.dossier import Dossier, known_verdicts, make_dossier
from console.history import History, read_hazard
from console.identity import Identity
from console.live import Live
from schemas.events import Event
from schemas.hazards import HazardStateRecord
from schemas.settings import Settings

ANSWER_S = 10.0


@dataclass
class Office:
    """`writable` False: the board is for reading only. `version` changes with the package, so assets are not stale."""

    settings: Settings
    live: Live
    desk: Desk
    identity: Identity
    writable: bool
    version: str
    templates: Environment
    answer_s: float = ANSWER_S

    async def dossier(self, hazard_id: str) -> Dossier | None:
        """The dossier of a hazard, its past from the warehouse read in a thread; None if nobody knows it."""
        with self.live.reading() as picture:
            held = picture.hazards.get(hazard_id)
            recent = picture.events_of(hazard_id)
            verdicts = known_verdicts(picture, held)
            catalogue = picture.catalogue(_version(held, verdicts))
        # a hazard whose every event is in memory needs no warehouse
        history = History()
        if held is None or len(recent) < held.version or not verdicts:
            history = await run_in_threadpool(read_hazard, self.settings.data, hazard_id, held)
        return make_dossier(held, recent, verdicts, history, catalogue)


def _version(held: HazardStateRecord | None, verdicts: list[Event]) -> str | None:
    """The catalogue that judged the hazard, or so far only its evidence."""
    judged = held.catalogue_version if held else None
    return judged or next((verdict.data.get("catalogue_version") for verdict in verdicts), None)


def office_of(request: Request) -> Office:
    return request.app.state.office


def make_templates() -> Environment:
    return Environment(
        loader=PackageLoader("console"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def page_id(request: Request) -> str:
    """The request's id, as the header x-request-id says it."""
    state: dict[str, Any] = request.scope.get("state", {})
    return str(state.get("request_id", ""))
