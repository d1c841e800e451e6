"""Everything a worker remembers of one site: alarms, criteria and hazards under one registry and catalogue. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from schemas.alarms import AlarmState
from schemas.criteria import Catalogue
from schemas.memory import Memory, SiteMemory
from streams.admission import Gate, Refusals, split_absurd
from streams.alarms import SiteAlarms
from streams.classify import Judgement, SiteCriteria
from streams.decode import Frame
from streams.hazard_store import Held
from streams.hazards import SiteHazards
from streams.pages import SitePages, StoredMemory
from streams.registry import Registry
from streams.regular import Layouts


@dataclass
class Context:
    """What the registry and the catalogue say at the step; `known` finds an earlier catalogue by its version."""

    registry: Registry
    catalogue: Catalogue
    known: Callable[[str], Catalogue | None] = field(default=lambda _: None)


class SiteProcess:
    """Everything remembered of one site."""

    def __init__(
        self, site_id: str, context: Context, alarms: Iterable[AlarmState] = (),
        hazards: Iterable[Held] = (), stored: StoredMemory | None = None,
    ) -> None:  # fmt: skip
        registry, site, sensors = context.registry, context.registry.sites[site_id], context.registry.sensors[site_id]
        stored = stored or StoredMemory()
        head = stored.head or SiteMemory(site_id=site_id, step=0)
        heard, readings = stored.readings()
        # what is open goes on under the catalogue it began under, to be ended by `configure` if that is gone
        catalogue = context.known(head.catalogue_version) or context.catalogue
        self.site_id = site_id
        self.alarms = SiteAlarms(site_id, registry.alarm_rules(site_id), sensors, alarms, heard | head.alarms)
        self.criteria = SiteCriteria(site, registry.places[site_id], sensors, catalogue, readings | head.criteria)
        self.hazards = SiteHazards(site, catalogue, hazards, head.hazards or None, registry.surroundings)
        self._configured = (registry.revision[site_id], catalogue.version)
        self._ended: list[Judgement] = []
        self._content = stored.head.content() if stored.head else b""
        self._touched: set[int] = set()
        self._pages = SitePages(site_id, sorted(sensors), stored.layout(sorted(sensors)))
        self._gate = Gate(site_id, sensors)
        self._layouts = Layouts()

    def configure(self, context: Context) -> None:
        """Take what the registry and catalogue say now, if it changed; `take_ended` has the spans that this ends."""
        registry, now = context.registry, (context.registry.revision[self.site_id], context.catalogue.version)
        if now == self._configured:
            return
        sensors = registry.sensors[self.site_id]
        self._touched.update(self.alarms.columns.take_touched())
        if sorted(sensors) != list(self._pages.sensor_ids):
            self._pages = SitePages(self.site_id, sorted(sensors), None)
        self._gate = Gate(self.site_id, sensors)
        self._layouts = Layouts()  # what they hold is of the sensors so far
        self.alarms.configure(registry.alarm_rules(self.site_id), sensors)
        self._ended += self.criteria.configure(registry.places[self.site_id], sensors, context.catalogue)
        self.hazards.configure(registry.sites[self.site_id], context.catalogue)
        self._configured = now

    def admit(self, frame: Frame, now_us: int, refused: Refusals) -> Frame:
        """`frame` without readings dated absurdly, of unknown sensors or in another unit; they go to `refused`."""
        regular = self._layouts.recognise(frame.batch)
        if regular is not None:
            frame = replace(frame, regular=regular)
        frame, absurd = split_absurd(frame, now_us)
        frame, strangers = self._gate.split_unknown(frame, now_us)
        frame, foreign = self._gate.split_units(frame, now_us)
        refused += absurd + strangers + foreign
        return frame

    def take_ended(self) -> list[Judgement]:
        """The ends of spans whose clause the catalogue no longer has, since the last call."""
        taken, self._ended = self._ended, []
        return taken

    def take_memory(self, step: int) -> list[Memory]:
        """What must be written of what is remembered: changed pages, and the head if it changed since last written."""
        self._touched.update(self.alarms.columns.take_touched())
        touched, self._touched = sorted(self._touched), set()
        written: list[Memory] = []
        written += self._pages.written(step, touched, self.alarms.columns, self.criteria.signals)
        head = SiteMemory(
            site_id=self.site_id, step=step, alarms=self.alarms.memory(last_times=False),
            criteria=self.criteria.memory(readings=False), hazards=self.hazards.memory(),
            catalogue_version=self._configured[1],
        )  # fmt: skip
        if (content := head.content()) != self._content:
            self._content = content
            written.append(head)
        return written
