"""What went through a folder gateway, as its summary says it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from streams.gateways.mtt1201_parcel import Parcel


@dataclass
class Tally:
    """Since the start. `files` have left the folder; `waiting` ones still lie there half-written."""

    files: int = 0
    frames: int = 0
    readings: int = 0
    device_alarms: int = 0
    sensors: int = 0
    dead_letters: int = 0
    refused_files: int = 0
    duplicates: int = 0
    stale: int = 0
    unused: int = 0
    waiting: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)

    def count(self, names: Iterable[str], parcel: Parcel | None) -> None:
        """One file more: one in each of the fields `names`, and what its parcel held."""
        self.files += 1
        for name in names:
            setattr(self, name, getattr(self, name) + 1)
        if parcel is not None:
            self.frames += parcel.frames
            self.readings += parcel.readings
            self.device_alarms += parcel.device_alarms
            self.sensors += parcel.sensors
            self.dead_letters += len(parcel.letters)
