"""Server-sent events with replay: what the browser missed while its line was down is sent again, in order.

Ids are `boot:seq`: `boot` is new with every start of the board, `seq` counts its messages. A client that comes back
with an id of this boot that the ring still covers gets what followed it; any other gets `reset` and reads the picture
anew. One client that does not keep up loses its queue and gets `reset`; it never slows the others down.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

HEARTBEAT_S = 5.0
RING = 2_000
QUEUE = 500


@dataclass(frozen=True)
class FeedMessage:
    """One server-sent event; `data` is JSON text."""

    id: str
    event: str
    data: str


class Subscriber:
    """One open line. Belongs to the event loop; not thread-safe."""

    def __init__(self, size: int) -> None:
        self.queue: deque[FeedMessage] = deque()
        self.overflowed = False
        self._size = size
        self._ready = asyncio.Event()

    def put(self, message: FeedMessage) -> None:
        if len(self.queue) >= self._size:
            self.queue.clear()
            self.overflowed = True
        if not self.overflowed:
            self.queue.append(message)
        self._ready.set()

    async def wait(self) -> None:
        await self._ready.wait()
        self._ready.clear()


class Feed:
    """All open lines and the ring of what was sent last. Every method belongs to the event loop."""

    def __init__(self, *, ring: int = RING, queue: int = QUEUE, boot: str | None = None) -> None:
        self.boot = boot or secrets.token_hex(4)
        self._seq = 0
        self._ring: deque[FeedMessage] = deque(maxlen=ring)
        self._queue = queue
        self._lines: set[Subscriber] = set()
        self.resets = 0

    @property
    def position(self) -> str:
        """The id of the newest message: a picture read now continues after it."""
        return f"{self.boot}:{self._seq}"

    @property
    def lines(self) -> int:
        return len(self._lines)

    def publish(self, event: str, data: Any) -> FeedMessage:
        """Send `data` (JSON-able) to every line."""
        self._seq += 1
        message = FeedMessage(self.position, event, orjson.dumps(data).decode())
        self._ring.append(message)
        for line in self._lines:
            line.put(message)
        return message

    def missed(self, after: str | None) -> list[FeedMessage] | None:
        """What followed the id `after`; None if that cannot be told and the client must read the picture anew."""
        if not after:
            return []
        boot, _, text = after.partition(":")
        if boot != self.boot or not text.isdigit() or int(text) > self._seq:
            return None
        behind = self._seq - int(text)
        if behind > len(self._ring):
            return None
        return list(self._ring)[len(self._ring) - behind :]

    async def follow(self, after: str | None = None) -> AsyncIterator[FeedMessage]:
        """Messages after the id `after`, then each as it comes, for as long as the caller listens."""
        line = Subscriber(self._queue)
        self._lines.add(line)
        try:
            replay = self.missed(after)
            if replay is None:
                yield self._reset()
            else:
                for message in replay:
                    yield message
            while True:
                await line.wait()
                if line.overflowed:
                    line.overflowed = False
                    yield self._reset()
                while line.queue and not line.overflowed:
                    yield line.queue.popleft()
        finally:
            self._lines.discard(line)

    def _reset(self) -> FeedMessage:
        self.resets += 1
        return FeedMessage(self.position, "reset", "{}")
