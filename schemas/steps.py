"""`processing.steps`: what one step read, when, and with which versions. The truth about what was absorbed."""

from schemas.model import Message
from schemas.times import Instant


class Range(Message):
    """Offsets [first, last] of one input topic, both inclusive."""

    log_id: str
    first: int
    last: int


class Step(Message):
    """`ranges` by topic holds only what this step read; `absorbed` the last offset of every input so far."""

    step: int
    partition: int
    now: Instant
    ranges: dict[str, Range] = {}
    absorbed: dict[str, Range] = {}
    registry_version: int = -1
    catalogue_version: str = ""
    watched_since: Instant | None = None  # when this worker took the partition over: what it may say about silence
