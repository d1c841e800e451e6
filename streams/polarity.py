"""Which words say that something is wrong, and which that it is in order, whatever the thing is. Fitted data. Pure.

polarity.yaml is written by benchmarks/fit_matcher.py: weights of a logistic model over the words and character pairs of
sentences that meet a clause (positive) and of sentences near its subject that do not (negative).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("polarity.yaml")
FULL = 4.0  # a sum this far from zero leaves no doubt


@dataclass(frozen=True)
class Polarity:
    """`weights` by term, > 0 for what is wrong; `bias` is what a sentence without a known word has."""

    weights: Mapping[str, float]
    bias: float

    def state(self, terms: Mapping[str, float]) -> float:
        """-1 (surely in order, or a trifle) .. 1 (surely a defect of the kind that lists name)."""
        found = self.weights
        total = self.bias + sum([found[term] for term in terms if term in found])
        return max(-1.0, min(1.0, total / FULL))

    def meant(self, terms: Mapping[str, float], bag: Mapping[str, float]) -> float:
        """Of what is wrong in `terms`, the share by weight that `bag` names too; a half where nothing is."""
        found, there, both = self.weights, 0.0, 0.0
        for term in terms:
            weight = found.get(term, 0.0)
            if weight > 0.0:
                there += weight
                if term in bag:
                    both += weight
        return both / there if there else 0.5


def read_polarity(path: Path) -> Polarity:
    """The weights in `path`. Raises ValueError naming a part that is missing or unknown."""
    raw: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
    if wrong := raw.keys() ^ {"bias", "weights"}:
        raise ValueError(f"{path.name}: {', '.join(sorted(wrong))}: unknown or missing")
    return Polarity({str(term): float(weight) for term, weight in raw["weights"].items()}, float(raw["bias"]))


@cache
def polarity() -> Polarity:
    """The weights of this installation."""
    return read_polarity(FILE)
