"""A log that stays readable while a broker is away: a library's same complaint once in a while, not ten times a second.

Pure: time is the record's own.
"""

import logging

QUIET_S = 10.0


class Repeats(logging.Filter):
    """For a handler. Lets a line of a library through once in QUIET_S; then it says how many like it were left out.

    Lines are alike if logger and message template are. Lines of loggers that begin with `own` all pass.
    """

    def __init__(self, own: str) -> None:
        super().__init__()
        self._own = own
        self._passed: dict[tuple[str, str], tuple[float, int]] = {}  # (when one passed, how many were left out since)

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith(self._own):
            return True
        key = (record.name, str(record.msg))
        since, left_out = self._passed.get(key, (float("-inf"), 0))
        if record.created - since < QUIET_S:
            self._passed[key] = (since, left_out + 1)
            return False
        self._passed[key] = (record.created, 0)
        if left_out:
            record.msg = f"{record.msg} (and {left_out} times more in between)"
        return True
