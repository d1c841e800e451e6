"""Penalties for major hazards counted per enterprise: how near it is to closure by law (Work Safety Law art. 113)."""

from pydantic import Field

from schemas.model import Message


class PenaltyWindow(Message):
    """`programme.events`, about an enterprise: with its latest penalty it has `count` of `limit` in `days` days."""

    enterprise_id: str = Field(min_length=1)
    region: str = ""
    days: int = Field(gt=0)
    limit: int = Field(gt=0)
    count: int = Field(gt=0)
    penalty_event_ids: tuple[str, ...]
    hazard_ids: tuple[str, ...] = ()
    site_ids: tuple[str, ...] = ()
    rules_version: str = ""


PENALTY_EVENTS: dict[str, type[Message]] = {
    "penalty_window_neared": PenaltyWindow,  # one more penalty in the window and closure is to be proposed
    "penalty_window_reached": PenaltyWindow,
}
