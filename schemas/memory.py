"""`site.memory`: what the stream must remember of a site beside alarm and hazard states.

Latest value and time of every sensor, pending on/off delays, open criterion spans, ids already seen. Written in the same
step as the states; read by the stream alone (docs/decisions/0003).
"""

from typing import Any

from schemas.model import Message


class SiteMemory(Message):
    """`alarms` and `criteria` are opaque to everyone but the module that wrote them; `step` orders the records."""

    site_id: str
    step: int
    alarms: dict[str, Any] = {}
    criteria: dict[str, Any] = {}
    hazards: dict[str, Any] = {}
