"""`worker.heartbeats`: a worker says that it lives, also when nothing comes in.

A step that read nothing leaves no record, so silence of the stream and death of the stream look alike without this.
"""

from schemas.model import Message
from schemas.times import Instant


class Heartbeat(Message):
    """`worker` is host and process; `partitions` those of the site-keyed topics it owns now."""

    worker: str
    app: str
    at: Instant
    partitions: tuple[int, ...] = ()
