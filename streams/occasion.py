"""What all events of one input share: when, recorded when, caused by what."""

import datetime as dt
from typing import Any

from schemas.events import SYSTEM, Actor, Event
from schemas.model import Message


class Occasion:
    """Makes the events of one input; the n-th of a kind about a hazard has an id of its own."""

    def __init__(
        self, site_id: str, occurred_at: dt.datetime, recorded_at: dt.datetime, causes: tuple[str, ...], cause: str,
        *, imported: bool = False,
    ) -> None:  # fmt: skip
        self.shared: dict[str, Any] = {
            "cause": cause, "occurred_at": occurred_at, "recorded_at": recorded_at, "causes": causes,
        }  # fmt: skip
        self.site_id, self.occurred_at, self.imported = site_id, occurred_at, imported
        self.recorded_at, self.causes, self.cause = recorded_at, causes, cause
        self._numbers: dict[tuple[str, str, str], int] = {}

    def occur(self, when: dt.datetime) -> None:
        """The input's events happened at `when`."""
        self.shared["occurred_at"] = self.occurred_at = when

    def event(
        self, kind: str, subject: str, data: Message, actor: Actor = SYSTEM, **instead: Any
    ) -> Event:  # fmt: skip
        """`instead`: a `cause` or `occurred_at` of the event's own."""
        shared = self.shared | instead
        numbered = (subject, kind, shared["cause"])
        n = self._numbers.get(numbered, 0)
        self._numbers[numbered] = n + 1
        event = Event.of(kind, subject, self.site_id, data, n=n, actor=actor, **shared)
        return event.model_copy(update={"imported": True}) if self.imported else event
