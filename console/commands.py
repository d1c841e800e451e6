"""Asking the stream to do something, and hearing what it answered. Used by the board and by `qingling do`."""

import datetime as dt
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from kafka import KafkaProducer

from console.audit import Audit
from schemas.commands import COMMANDS, Command, CommandKind, CommandResult
from schemas.events import EVENT_DATA, Actor
from schemas.model import Refused
from schemas.topics import partition_of
from streams.connect import producer

ACK_S = 10.0
# The stream fills these from the target's state: a person does not type them.
FILLED_BY_STREAM = frozenset({"occurrence_id"})


class NotAllowed(Refused):
    """The actor's role may not give this command."""


def command_kind(name: str) -> CommandKind:
    """Raises Refused for a name the command table does not know."""
    try:
        return COMMANDS[name]
    except KeyError:
        raise Refused("kind", f"{name!r} is none of {', '.join(COMMANDS)}") from None


def make_command(
    kind: str, site_id: str, target_id: str, actor: Actor, *, data: Mapping[str, Any], seen_version: int | None,
    command_id: str | None = None, issued_at: dt.datetime | None = None, occurred_at: Any = None,
) -> Command:  # fmt: skip
    """A command whose role and data were checked against the table. Raises NotAllowed or Refused naming the field.

    `by` is the actor where the event wants one and nothing was said.
    """
    row = command_kind(kind)
    if actor.role not in row.roles:
        allowed = ", ".join(sorted(role.value for role in row.roles))
        raise NotAllowed("role", f"{kind} is for {allowed}, not for {actor.role.value}")
    model = EVENT_DATA[row.event]
    filled = dict(data)
    if "by" in model.model_fields and not filled.get("by"):
        filled["by"] = actor.id
    _check(model, filled)
    return Command.parse(
        {
            "command_id": command_id or str(uuid4()), "kind": kind, "site_id": site_id, "target_id": target_id,
            "seen_version": seen_version, "actor": actor.model_dump(mode="json"),
            "issued_at": issued_at or dt.datetime.now(dt.UTC), "occurred_at": occurred_at, "data": filled,
        }
    )  # fmt: skip


def _check(model: Any, data: dict[str, Any]) -> None:
    stand_in = {name: "-" for name in FILLED_BY_STREAM & set(model.model_fields) if name not in data}
    try:
        model.parse({**data, **stand_in})
    except Refused as refused:
        raise Refused(f"data.{refused.field}", refused.reason) from None


class Answers:
    """Who waits for which command. `offer` is called by the thread that follows `command.results`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Future[CommandResult]]] = {}

    def expect(self, command_id: str) -> "Future[CommandResult]":
        waiting: Future[CommandResult] = Future()
        with self._lock:
            self._waiting.setdefault(command_id, []).append(waiting)
        return waiting

    def offer(self, result: CommandResult) -> None:
        with self._lock:
            waiting = self._waiting.pop(result.command_id, [])
        for future in waiting:
            if not future.cancelled():
                future.set_result(result)

    def forget(self, command_id: str, waiting: "Future[CommandResult]") -> None:
        """Nobody waits any longer: a command that is never answered must not be remembered for ever."""
        with self._lock:
            left = [future for future in self._waiting.get(command_id, []) if future is not waiting]
            if left:
                self._waiting[command_id] = left
            else:
                self._waiting.pop(command_id, None)


class Desk:
    """Sends commands to the topic `commands`, each written to the audit before it leaves."""

    def __init__(self, servers: str, audit: Audit, answers: Answers) -> None:
        self._servers, self._audit, self._answers = servers, audit, answers
        self._producer: KafkaProducer | None = None
        self._lock = threading.Lock()

    def ask(self, command: Command, *, channel: str, ip: str = "", wait_s: float) -> CommandResult:
        """The stream's answer. Blocking. Raises TimeoutError if none comes: the command may still be carried out.

        Raises OSError if the audit cannot be written (then nothing was sent) and KafkaError if the broker is gone.
        """
        self._audit.append(
            actor=command.actor.id, role=command.actor.role.value, action=command.kind, target=command.target_id,
            site_id=command.site_id, seen_version=command.seen_version, command_id=command.command_id, channel=channel,
            ip=ip, data=command.data,
        )  # fmt: skip
        waiting = self._answers.expect(command.command_id)
        try:
            self._send(command)
            return waiting.result(wait_s)
        finally:
            self._answers.forget(command.command_id, waiting)

    def _send(self, command: Command) -> None:
        with self._lock:
            if self._producer is None:
                self._producer = producer(self._servers, linger_ms=0)
        key, partition = command.site_id.encode(), partition_of(command.site_id)
        self._producer.send("commands", command.encode(), key=key, partition=partition).get(ACK_S)

    def close(self) -> None:
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=5)
                self._producer = None
