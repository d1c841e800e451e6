"""A mine of one face for the board's tests: registry, readings and findings sent to a real broker."""

import datetime as dt
import itertools
from typing import Any

from schemas.frames import FrameHeader, encode_frame, make_batch
from schemas.hazards import Finding
from schemas.ids import alarm_id, frame_id
from schemas.model import Message
from schemas.registry import Place, Sensor, Site
from schemas.steps import Step
from schemas.times import to_us
from schemas.topics import partition_of, topics
from streams.connect import producer

SITE, PLACE, CH4, SHEARER = "140402000123", "140402000123-3301", "140402000123MN01", "140402000123KT01"
ALARM = alarm_id(SITE, CH4, "ch4_pct.high")
START = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)


class SmallMine:
    """Sends what a gateway would send. `registry_offset` of a frame makes the stream wait for the definitions.

    `since`: the moment of the first reading; each is received as it is taken.
    """

    def __init__(self, servers: str, *, simulated: bool = False, since: dt.datetime = START) -> None:
        self._producer = producer(servers, linger_ms=0)
        self._frames, self._since = 0, since
        self._findings = itertools.count(1)
        site = Site(
            site_id=SITE,
            name="长平煤矿",
            name_en="Changping Mine",
            region="140402",
            industry="coal",
            simulated=simulated,
        )
        self.send("registry.sites", SITE, site)
        self.send(
            "registry.places",
            PLACE,
            Place(place_id=PLACE, site_id=SITE, name="3301综采面", kind="coal_face", area="3301"),
        )
        methane = Sensor(
            sensor_id=CH4, site_id=SITE, place_id=PLACE, name="3301甲烷T1", quantity="甲烷", signal="ch4_pct",
            unit="%CH4", alarm_high=1.0,
        )  # fmt: skip
        self.send("registry.sensors", CH4, methane)
        shearer = Sensor(sensor_id=SHEARER, site_id=SITE, place_id=PLACE, name="采煤机开停", signal="powered_work_on")
        self._defined = self.send("registry.sensors", SHEARER, shearer)

    def send(self, topic: str, key: str, message: Message | bytes, headers: Any = None) -> int:
        """Send and wait; returns the record's offset."""
        whole = topics()[topic].partitions == 1
        value = message if isinstance(message, bytes) else message.encode()
        partition = 0 if whole else partition_of(SITE)
        sent = self._producer.send(topic, key=key.encode(), value=value, headers=headers, partition=partition)
        return int(sent.get(10).offset)

    def readings(self, *methane: float, working: bool = False) -> None:
        """One frame per value, 30 s apart, going on from the last one."""
        for value in methane:
            at = to_us(self._since + dt.timedelta(seconds=30 * self._frames))
            self._frames += 1
            batch = make_batch([CH4, SHEARER], [at, at], [value, float(working)], [0, 0])
            header = FrameHeader(SITE, frame_id(SITE, f"{self._frames}", 0), "test", at, self._defined)
            self.send("telemetry.frames", SITE, encode_frame(batch), header.encode())

    def finding(self, text: str, **more: Any) -> Finding:
        found = Finding(
            finding_id=f"finding-{next(self._findings)}", site_id=SITE, region="140402", industry="coal",
            found_at=START, received_at=START + dt.timedelta(minutes=5), inspector="李军", text=text,
            place="3301综采面", **more,
        )  # fmt: skip
        self.send("inspection.findings", SITE, found)
        return found

    def step(self, number: int = 1) -> None:
        """A step record, as a living stream writes them."""
        self.send("processing.steps", "0", Step(step=number, partition=partition_of(SITE), now=START))

    def close(self) -> None:
        self._producer.close(timeout=5)
