"""`python -m tests.faulty processing|landing`: a worker that kills itself at a point of its work, for the proofs.

`QINGLING_FAULT=POINT:N`: SIGKILL when the point is passed for the Nth time.
Points of a step: `written` (all records of the transaction acknowledged, commit not asked for), `committing` (commit
asked for, answer not awaited), `committed` (committed, inputs not acknowledged).
Points of landing: `parquet` (file written, not in the Delta log), `landed` (in the Delta log, not acknowledged).
Errors instead of SIGKILL: `refused` (the broker takes a step not), `registry` (a definition breaks whoever reads it).
`QINGLING_CLOCK_SKEW_S`: how far this worker's clock is ahead. `QINGLING_SESSION_S`: the group's session.
The product itself knows nothing of any of these.
"""

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.settings import Settings
from streams.decode import Record

POINTS = ("written", "committing", "committed", "refused", "parquet", "landed", "registry")


def dying() -> Callable[[str], None]:
    """A function to call at every point by its name; at the pass that was asked for it does not return."""
    wanted, _, count = os.environ.get("QINGLING_FAULT", "").partition(":")
    passes = itertools.count(1)

    def pass_(name: str) -> None:
        if name == wanted and next(passes) == int(count):
            if name in ("refused", "registry"):
                raise KafkaError(f"injected: {name}")
            os.kill(os.getpid(), signal.SIGKILL)

    assert not wanted or wanted in POINTS, wanted
    return pass_


def in_processing(pass_: Callable[[str], None]) -> None:
    from streams.registry import Registry
    from streams.transactions import Ordered, Transactions

    for writer in (Ordered, Transactions):
        writer.write = refusing(writer.write, pass_)  # type: ignore[method-assign]
    apply = Registry.apply

    def applying(self: Registry, record: Record) -> None:
        pass_("registry")
        apply(self, record)

    Registry.apply = applying  # type: ignore[method-assign]
    commit = AIOKafkaProducer.commit_transaction

    async def watched(self: AIOKafkaProducer) -> None:
        pass_("written")
        asking = asyncio.ensure_future(commit(self))
        await asyncio.sleep(0)
        await asyncio.sleep(0.002)  # the request leaves
        pass_("committing")
        await asking
        pass_("committed")

    AIOKafkaProducer.commit_transaction = watched


def refusing(write: Callable[..., Any], pass_: Callable[[str], None]) -> Callable[..., Any]:
    async def written(*args: Any) -> None:
        pass_("refused")
        await write(*args)

    return written


def in_landing(pass_: Callable[[str], None]) -> None:
    from streams.landing_batch import Lander
    from warehouse import deltalog

    put, land = deltalog.put, Lander.land

    def putting(*commit: Any) -> bool:
        pass_("parquet")
        return put(*commit)

    def landing(self: Any, records: Any) -> None:
        land(self, records)
        pass_("landed")

    deltalog.put, Lander.land = putting, landing  # type: ignore[method-assign]


def main(what: str) -> None:
    from streams import connect, worker

    pass_ = dying()
    if session := float(os.environ.get("QINGLING_SESSION_S", "0")):
        connect.KAFKA_TIMES = connect.GroupTimes(session, session / 4)
    if skew := int(os.environ.get("QINGLING_CLOCK_SKEW_S", "0")):
        true = worker.wall_us
        worker.wall_us = lambda: true() + skew * 1_000_000
    if what == "processing":
        from streams import processing

        in_processing(pass_)
        processing.main(Settings())
    else:
        from streams import landing

        in_landing(pass_)
        landing.main()


if __name__ == "__main__":
    main(sys.argv[1])
