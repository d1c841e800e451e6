"""`site.memory`: what the stream must remember of a site beside alarm and hazard states (docs/decisions/0014).

Three kinds of record, keyed so that compaction keeps the latest of each: the head of a site (what runs and stands
open), the list of its sensors, and pages with the latest reading of PAGE sensors each. A step writes the head if it
changed and the pages whose sensors were read. Read by the stream alone.
"""

from typing import Any

import orjson

from schemas.model import Message, Refused

PAGE = 512  # sensors


class Remembered(Message):
    """`step` orders the records of one key."""

    site_id: str
    step: int

    @property
    def key(self) -> str:
        return self.site_id


class SiteMemory(Remembered):
    """The head. `alarms`, `criteria`, `hazards` are opaque to everyone but the module that wrote them.

    `catalogue_version`: the catalogue under which the open spans of `criteria` began or went on.
    """

    alarms: dict[str, Any] = {}
    criteria: dict[str, Any] = {}
    hazards: dict[str, Any] = {}
    catalogue_version: str = ""

    def encode(self) -> bytes:
        """As Message.encode, without walking values that are JSON already."""
        return b'{"site_id":%b,"step":%d,%b' % (orjson.dumps(self.site_id), self.step, self.content()[1:])

    def content(self) -> bytes:
        """All but site and step: the head is written when this has changed."""
        return orjson.dumps({
            "alarms": self.alarms, "criteria": self.criteria, "hazards": self.hazards,
            "catalogue_version": self.catalogue_version,
        })  # fmt: skip


class SiteSensors(Remembered):
    """The sensors of a site in the order of its pages; pages that name another `layout` than its step are old."""

    sensors: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"{self.site_id}|sensors"


class SensorPage(Remembered):
    """Latest readings of sensors PAGE * page … of SiteSensors of step `layout`; `held` is written by streams/pages.py.

    `sources` are the logs (log_id/topic/partition) that the readings came from.
    """

    layout: int
    page: int
    sources: tuple[str, ...] = ()
    held: str

    @property
    def key(self) -> str:
        return f"{self.site_id}|page|{self.page}"

    def encode(self) -> bytes:
        return orjson.dumps({
            "site_id": self.site_id, "step": self.step, "layout": self.layout, "page": self.page,
            "sources": self.sources, "held": self.held,
        })  # fmt: skip


Memory = SiteMemory | SiteSensors | SensorPage


def parse_memory(raw: bytes) -> Memory:
    """A record of `site.memory`. Raises Refused."""
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refused("", f"not JSON: {error}") from None
    kind: type[Memory] = SiteMemory
    if isinstance(found, dict):
        kind = SensorPage if "page" in found else SiteSensors if "sensors" in found else SiteMemory
    return kind.parse(found)
