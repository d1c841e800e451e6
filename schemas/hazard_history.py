"""What the state of a hazard keeps of its past, so that any day can be asked about."""

from schemas.model import Message
from schemas.terms import Verdict
from schemas.times import Instant


class RecentEvent(Message):
    """What a person with an older version on the screen has not seen. `version` = the version it made."""

    version: int
    kind: str
    by: str
    occurred_at: Instant


class Judged(Message):
    """One judgement; the latest by `occurred_at` holds."""

    occurred_at: Instant
    verdict: Verdict
    criterion_id: str | None = None
    by: str = ""


class Due(Message):
    """One approved deadline; the first plan's is `due0`, the latest by `approved_at` is `due`."""

    due_at: Instant
    approved_at: Instant
    kind: str  # the event that set it: plan_approved or extension_decided


class Closing(Message):
    """One closing; it answers only the deadline of its own cycle."""

    cycle: int
    closed_at: Instant
    due: Instant | None = None
    by: str = ""
    reopened_at: Instant | None = None


class Told(Message):
    """Of one deadline: the due time that was told of, and how many of its reminders and escalations."""

    due_at: Instant
    steps: int
