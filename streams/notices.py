"""What the watch over signals notices, before it becomes an event of the sensor's signal record. Pure."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from schemas.times import from_us


@dataclass(frozen=True, slots=True)
class Notice:
    """`row` of the frame that showed it, -1 if a tick did; `change` is what the signal record remembers of it."""

    sensor_id: str | None  # None: the whole site
    kind: str
    at_us: int
    row: int
    data: dict[str, Any]
    change: dict[str, Any] = field(default_factory=dict)
    n: int = 0

    @property
    def at(self) -> dt.datetime:
        return from_us(self.at_us)


def suspicion(sensor_id: str, reason: str, at_us: int, row: int, since_us: int, **told: Any) -> Notice:
    """A `tamper_suspected` about a sensor's signal."""
    data = {"sensor_id": sensor_id, "reason": reason, "since": from_us(since_us), **told}
    return Notice(sensor_id, "tamper_suspected", at_us, row, data, {"suspicion": reason}, _NUMBER[reason])


# two suspicions of one row need two event ids
_NUMBER = {
    reason: n for n, reason in enumerate(("flat_line", "clipped", "calibration_long", "calibration_frequent"))
}  # fmt: skip
