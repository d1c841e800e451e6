"""A command that was not carried out: the guard that said no, and why in words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Refusal:
    """`guard` is a stable name (`stale_version`, `rectifier_accepts`, …); `reason` is for people."""

    guard: str
    reason: str
