"""How a worker ends that cannot go on; whoever supervises it starts it anew."""

import logging
import os
import threading
from typing import NoReturn

log = logging.getLogger("qingling")

EXIT = 3  # what a worker returns that ended for a reason of its own


def end(why: str) -> NoReturn:
    """At once. What it was doing is in the log or not, whole steps and whole commits: its successor goes on there."""
    log.error("%s: ending, to be started anew", why)
    os._exit(EXIT)


def end_within(seconds: float) -> None:
    """At the latest then. Faust is about to stop, in order if it can: a stop that hangs must not keep the partitions.

    One that comes in the middle of a rebalance was seen to hang: Faust's consumer thread waits for the main thread,
    which no longer listens.
    """
    last = threading.Timer(seconds, end, [f"still not stopped after {seconds:.0f} s"])
    last.daemon = True
    last.start()
