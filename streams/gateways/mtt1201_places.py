"""Where a sensor is: the mine's location text as a place of the criteria vocabulary. Pure; rules in mtt1201.yaml."""

from dataclasses import dataclass
from functools import lru_cache

from streams.gateways.mtt1201 import dialect


@dataclass(frozen=True)
class Location:
    """`area` is the working face read together, empty if the text names none; `name` is without sensor marks."""

    text: str
    name: str
    kind: str
    area: str

    def place_id(self, site_id: str) -> str:
        """Two wordings of one road of one face (3301回风巷, 3301综采工作面回风流) are one place; else names decide."""
        if self.area and self.kind in dialect().one_per_area:
            return f"{site_id}-{self.area}-{self.kind}"
        return f"{site_id}-{self.name or self.kind}"


@lru_cache(maxsize=65536)
def locate(text: str) -> Location:
    """The place a location text means. Never fails: an unknown wording is an other workplace of its own."""
    facts = dialect()
    name = _bare(text)
    searched = text.replace(facts.same_place_separator, " ")
    kind = next((kind for pattern, kind, _ in facts.places if pattern.search(searched)), facts.default_place[0])
    found = next((match[1] for pattern in facts.areas if (match := pattern.search(name))), "")
    return Location(text, name, kind, found)


def _bare(text: str) -> str:
    """The first wording, without the sensor's own mark at its end."""
    facts = dialect()
    first = text.split(facts.same_place_separator)[0].strip()
    return facts.sensor_mark.sub("", first).strip() or first
