"""What is said of a file that cannot be used, or of one row of it: file, line, field and reason."""

from dataclasses import dataclass
from pathlib import Path


class FileError(ValueError):
    """A file that cannot be used at all. The text names file, line (0: none), field and reason."""

    def __init__(self, path: Path, line: int, field_: str, reason: str) -> None:
        super().__init__(": ".join(part for part in (f"{path}:{line}" if line else str(path), field_, reason) if part))


@dataclass(frozen=True)
class RefusedRow:
    """A row that was left out. `line` is the line of a text file, the row of a Parquet file (1 = first).

    `rows` > 1: this is the first of so many that share the reason.
    """

    path: Path
    line: int
    field: str
    reason: str
    rows: int = 1

    def __str__(self) -> str:
        more = f" ({self.rows} rows)" if self.rows > 1 else ""
        return f"{self.path}:{self.line}: {self.field}: {self.reason}{more}"
