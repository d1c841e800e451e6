"""What all events of one input share: when, recorded when, caused by what."""

import datetime as dt
from typing import Any

from schemas.events import SYSTEM, Actor, Event
from schemas.model import Message


class Told:
    """Makes the events of one input; the n-th of a kind about a hazard has an id of its own."""

    def __init__(
        self, site_id: str, occurred_at: dt.datetime, recorded_at: dt.datetime, causes: tuple[str, ...], cause: str,
        *, imported: bool = False,
    ) -> None:  # fmt: skip
        self.shared: dict[str, Any] = {
            "cause": cause, "occurred_at": occurred_at, "recorded_at": recorded_at, "causes": causes,
        }  # fmt: skip
        self.site_id, self.occurred_at, self.imported = site_id, occurred_at, imported
        self._numbers: dict[tuple[str, str], int] = {}

    def occur(self, when: dt.datetime) -> None:
        """The input's events happened at `when`."""
        self.shared["occurred_at"] = self.occurred_at = when

    def event(
        self, kind: str, subject: str, data: Message, actor: Actor = SYSTEM, *, occurred_at: dt.datetime | None = None
    ) -> Event:  # fmt: skip
        n = self._numbers.get((subject, kind), 0)
        self._numbers[subject, kind] = n + 1
        shared = self.shared if occurred_at is None else self.shared | {"occurred_at": occurred_at}
        event = Event.of(kind, subject, self.site_id, data, n=n, actor=actor, **shared)
        return event.model_copy(update={"imported": True}) if self.imported else event
