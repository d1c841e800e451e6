"""What the stream no longer knows of a hazard closed long ago, and a command to reopen it has to say. Pure."""

from collections.abc import Mapping
from typing import Any

from schemas.hazards import HazardStateRecord


def with_what_is_known(kind: str, state: HazardStateRecord | None, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, for a reopening with clause, place and title of `state` unless it names them itself.

    A hazard closed within 180 days takes no notice of them; an older one reopens as a new hazard made of them.
    """
    if kind != "reopen" or state is None:
        return dict(data)
    known = {
        "criterion_id": state.criterion_id, "place_id": state.place_id, "place": state.registered.place,
        "title": state.registered.title,
    }  # fmt: skip
    return {name: value for name, value in known.items() if value} | dict(data)
