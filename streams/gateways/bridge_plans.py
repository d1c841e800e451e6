"""Where it is written what of a party's topic is sent and which range comes next: at the broker, with the group.

The range's end is the metadata of the committed offset: one request, and the broker refuses it from a member whose
partitions another has. A broker that keeps no metadata (the embedded one) keeps it as the offset of a second group.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from streams.gateways.bridge_frames import Plan


class Plans:
    """Reads and writes Plans for `consumer`, a member of `group`, of partitions whose log is `log_id`."""

    def __init__(self, servers: str, group: str, log_id: str, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._servers, self._group, self._log_id, self._consumer = servers, group, log_id, consumer
        self._keeps_metadata: bool | None = None
        self._fenced: Any = None
        self._ends: aiokafka.AIOKafkaConsumer | None = None

    async def read(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Plan]:
        """Those of `partitions` of which something was ever written. Raises KafkaError."""
        wanted = list(partitions)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            said = await admin.list_consumer_group_offsets(self._group, partitions=wanted)
            bare = [tp for tp, it in said.items() if it.offset >= 0 and not it.metadata]
            ends = await admin.list_consumer_group_offsets(f"{self._group}-ends", partitions=bare) if bare else {}
        finally:
            await admin.close()
        found = {}
        for tp, it in said.items():
            if tp in ends:
                found[tp] = Plan(self._log_id, it.offset, max(it.offset, ends[tp].offset))
            elif it.offset >= 0:
                found[tp] = Plan.of(self._log_id, it.offset, it.metadata)
        return found

    async def write(self, plans: Mapping[TopicPartition, Plan]) -> None:
        """On return they stand. Raises CommitFailedError if a partition is another's now, KafkaError."""
        self._fence()
        await self._consumer.commit({tp: (plan.done, plan.metadata()) for tp, plan in plans.items()})
        if self._keeps_metadata is None:
            self._keeps_metadata = await self._kept(next(iter(plans)))
        if not self._keeps_metadata:
            ends = await self._second_group(plans)
            await ends.commit({tp: plan.upto for tp, plan in plans.items()})

    def _fence(self) -> None:
        """A member that was expelled has no generation until it has joined again; aiokafka then commits as one that is
        in no group, and a group without members takes that. So it is refused where the request is made."""
        coordinator = self._consumer._coordinator
        if coordinator is self._fenced:
            return
        commit = coordinator._do_commit_offsets

        async def fenced(assignment: Any, offsets: Any) -> None:
            if coordinator.generation < 0:
                raise CommitFailedError("expelled from the group")
            await commit(assignment, offsets)

        coordinator._do_commit_offsets = fenced
        self._fenced = coordinator

    async def _kept(self, tp: TopicPartition) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        try:
            return bool((await admin.list_consumer_group_offsets(self._group, partitions=[tp]))[tp].metadata)
        finally:
            await admin.close()

    async def _second_group(self, plans: Mapping[TopicPartition, Plan]) -> aiokafka.AIOKafkaConsumer:
        """A client that only commits: it has no members, and fetches nothing."""
        if self._ends is None:
            self._ends = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self._servers, group_id=f"{self._group}-ends", enable_auto_commit=False
            )
            await self._ends.start()
        if set(plans) - self._ends.assignment():
            self._ends.assign([*self._ends.assignment(), *plans])
            self._ends.pause(*self._ends.assignment())
        return self._ends

    async def close(self) -> None:
        if self._ends is not None:
            await self._ends.stop()
