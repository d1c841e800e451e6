"""`site.memory`: what the stream must remember of a site beside alarm and hazard states.

Latest value and time of every sensor, pending on/off delays, open criterion spans, ids already seen. Written in the
same step as the states; read by the stream alone (docs/decisions/0003).
"""

from typing import Any

import orjson

from schemas.model import Message


class SiteMemory(Message):
    """`alarms` and `criteria` are opaque to everyone but the module that wrote them; `step` orders the records.

    `catalogue_version`: the catalogue under which the open spans of `criteria` began or went on.
    """

    site_id: str
    step: int
    alarms: dict[str, Any] = {}
    criteria: dict[str, Any] = {}
    hazards: dict[str, Any] = {}
    catalogue_version: str = ""

    def encode(self) -> bytes:
        """As Message.encode, without walking thousands of values that are JSON already."""
        return orjson.dumps(
            {
                "site_id": self.site_id,
                "step": self.step,
                "alarms": self.alarms,
                "criteria": self.criteria,
                "hazards": self.hazards,
                "catalogue_version": self.catalogue_version,
            }
        )
