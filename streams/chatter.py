"""Chattering and stale alarms: when an alarm tells more of its own setting than of the world. Pure.

Limits: three or more transitions (raises and returns) within a minute are chatter, longer than a day standing is stale,
as the KPI dictionary counts them (A4). An alarm chatters until it has kept still for QUIET_S (our own choice).
"""

import datetime as dt
from collections.abc import Sequence

from schemas.alarm_events import ChatterStarted

TRANSITIONS = 3
WINDOW_S = 60.0
QUIET_S = 600.0
STALE_S = 86_400.0
KEPT = TRANSITIONS  # how many of the last transitions an alarm's state must remember


def is_chatter(transitions: Sequence[dt.datetime]) -> ChatterStarted | None:
    """Whether the last transitions, oldest first, came within the window."""
    last = transitions[-TRANSITIONS:]
    if len(last) < TRANSITIONS or (last[-1] - last[0]).total_seconds() > WINDOW_S:
        return None
    return ChatterStarted(transitions=TRANSITIONS, window_s=WINDOW_S)
