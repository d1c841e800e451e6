"""What a ledger of the past says of a hazard beyond the finding itself; it travels with the finding."""

from pydantic import Field

from schemas.model import Message
from schemas.terms import Verdict
from schemas.times import DueInstant, Instant


class LedgerEntry(Message):
    """One row of an imported ledger. `level` is the ledger's own claim; None leaves the judgement to the criteria.

    `funds` in yuan. `file`, `sheet`, `row` (from 1) and `sha256` of the file say where it was read.
    """

    level: Verdict | None = None
    measures: str = ""
    funds: float | None = Field(default=None, ge=0)
    responsible_person: str = ""
    responsible_unit: str = ""
    contingency_plan: str = ""
    interim_control: str = ""
    due_at: DueInstant | None = None
    rectified_at: Instant | None = None
    accepted_at: Instant | None = None
    accepted_by: str = ""
    closed_at: Instant | None = None
    closed_by: str = ""
    supervised: str = ""
    status: str = ""
    file: str = ""
    sheet: str = ""
    row: int = 0
    sha256: str = ""
    notes: tuple[str, ...] = ()  # what the import filled in or read from elsewhere in the row
