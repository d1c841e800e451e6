"""Coefficients of the matcher: how candidates are ordered, and how sure the first one is. Fitted, kept as data. Pure.

calibration.yaml is written by benchmarks/fit_matcher.py; a coefficient for a feature that is not known here is refused.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("calibration.yaml")
# What orders candidates of one sentence.
ORDER = (
    "bag", "near", "second", "against", "keys", "number_met", "number_missing", "number_broken", "exempt", "other_list",
    "told",
)  # fmt: skip
# What tells whether the first candidate is right and the hazard there.
SURE = (
    "bias", "order", "margin", "agreed", "bag", "near", "cover", "alike", "known", "ordinary", "ordinary_gap", "keys",
    "number_met", "number_missing", "number_broken", "exempt", "passed_over", "within", "beyond", "other_list",
    "told", "state", "meant", "contrast", "against", "defect",
    "working", "cured", "fine", "calm", "doubt", "general", "short",
)  # fmt: skip


@dataclass(frozen=True)
class Calibration:
    """`order`, `sure`: coefficients by feature. From `major` on a finding is major, below `review` of no clause."""

    order: Mapping[str, float]
    sure: Mapping[str, float]
    major: float
    review: float

    def probability(self, features: Mapping[str, float]) -> float:
        """That the first candidate is right and its hazard there, 0..1."""
        total = sum([weight * features[name] for name, weight in self.sure.items()])
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def read_calibration(path: Path) -> Calibration:
    """The coefficients in `path`. Raises ValueError naming a feature that is missing or unknown."""
    raw: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    for part, names in (("order", ORDER), ("sure", SURE)):
        if wrong := set(raw[part]) ^ set(names):
            raise ValueError(f"{path.name}: {part}: {', '.join(sorted(wrong))}: unknown or missing")
    return Calibration(raw["order"], raw["sure"], float(raw["major"]), float(raw["review"]))


@cache
def calibration() -> Calibration:
    """The coefficients of this installation."""
    return read_calibration(FILE)
