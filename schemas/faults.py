"""What is wrong with data that people write: the catalogue and the sensor rules. Named by file, entry and field."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One thing wrong: `schemas/catalogue/MEM21.yaml COAL21-5-2 rule.all[0].q: unknown signal 'ch5'`."""

    file: str
    entry: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{' '.join(part for part in (self.file, self.entry, self.field) if part)}: {self.reason}"


class CatalogueError(ValueError):
    """A catalogue that cannot be used; `faults` names everything, not the first thing only."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))
