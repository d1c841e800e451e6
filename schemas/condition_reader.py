"""Reading a condition from its YAML: every word of the closed vocabulary, and every mistake named by its field."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from schemas.conditions import (
    BY_PLACE,
    OPS,
    All,
    AnyOf,
    Compare,
    Condition,
    CountOf,
    HeldFor,
    LookUp,
    Lost,
    Not,
    PlaceIs,
    Problem,
    Value,
)
from schemas.vocabulary import Vocabulary


class _Parser:
    """Collects every problem of one condition instead of stopping at the first."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.problems: list[Problem] = []

    def refuse(self, field: str, reason: str) -> None:
        self.problems.append(Problem(field, reason))

    def condition(self, raw: Any, field: str) -> Condition | None:
        if not isinstance(raw, dict):
            self.refuse(field, f"a condition is a mapping, not {type(raw).__name__}")
            return None
        heads = [key for key in raw if key in WORDS and key != "for_s_gt"]
        strangers = [
            str(key) for key in raw if key not in WORDS and key not in _COMPANIONS.get(heads[0] if heads else "", ())
        ]
        if strangers:
            self.refuse(f"{field}.{strangers[0]}", f"unknown word; the vocabulary has {', '.join(WORDS)}")
            return None
        if len(heads) != 1:
            self.refuse(field, f"one head word is needed, found {len(heads)}")
            return None
        node = WORDS[heads[0]].parse(self, raw, field)
        if "for_s_gt" not in raw or node is None:
            return node
        seconds = raw["for_s_gt"]
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
            self.refuse(f"{field}.for_s_gt", f"seconds, not {seconds!r}")
            return None
        return HeldFor(node, float(seconds))

    def parts(self, raw: dict[str, Any], word: str, field: str) -> tuple[Condition, ...] | None:
        listed = raw[word]
        if not isinstance(listed, list) or not listed:
            self.refuse(f"{field}.{word}", "a list of at least one condition")
            return None
        found = [self.condition(each, f"{field}.{word}[{i}]") for i, each in enumerate(listed)]
        return None if None in found else tuple(each for each in found if each is not None)

    def all_of(self, raw: dict[str, Any], field: str) -> Condition | None:
        parts = self.parts(raw, "all", field)
        return None if parts is None else All(parts)

    def any_of(self, raw: dict[str, Any], field: str) -> Condition | None:
        parts = self.parts(raw, "any", field)
        return None if parts is None else AnyOf(parts)

    def negation(self, raw: dict[str, Any], field: str) -> Condition | None:
        part = self.condition(raw["not"], f"{field}.not")
        return None if part is None else Not(part)

    def place(self, raw: dict[str, Any], field: str) -> Condition | None:
        kinds = raw["place"]
        if not isinstance(kinds, list) or not kinds:
            self.refuse(f"{field}.place", "a list of kinds of place")
            return None
        for kind in kinds:
            if kind not in self.words.places:
                self.refuse(f"{field}.place", f"unknown place {kind!r}")
        return PlaceIs(tuple(map(str, kinds)))

    def count(self, raw: dict[str, Any], field: str) -> Condition | None:
        before = len(self.problems)
        parts = self.parts(raw, "count", field)
        op, n = raw.get("op"), raw.get("n")
        if op not in _COUNT_OPS:
            self.refuse(f"{field}.op", f"{op!r} is none of {' '.join(_COUNT_OPS)}")
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= len(parts or ()):
            self.refuse(f"{field}.n", f"a whole number from 0 to the number of parts, not {n!r}")
        if parts is None or op is None or n is None or len(self.problems) > before:
            return None
        return CountOf(parts, op, n)

    def lost(self, raw: dict[str, Any], field: str) -> Condition | None:
        signal = raw["missing"]
        if not isinstance(signal, str) or signal not in self.words.signals:
            self.refuse(f"{field}.missing", f"unknown signal {signal!r}")
            return None
        return Lost(signal)

    def compare(self, raw: dict[str, Any], field: str) -> Condition | None:
        before = len(self.problems)
        signal = self.words.signals.get(raw["q"]) if isinstance(raw["q"], str) else None
        if signal is None:
            self.refuse(f"{field}.q", f"unknown signal {raw['q']!r}")
        if raw.get("op") not in OPS:
            self.refuse(f"{field}.op", f"{raw.get('op')!r} is none of {' '.join(OPS)}")
        if "v" not in raw:
            self.refuse(f"{field}.v", "missing")
        per = self.divisor(raw, signal.type if signal else "number", field)
        if len(self.problems) > before or signal is None:
            return None
        value = self.value(raw, signal.type, signal.values, field)
        return None if value is None else Compare(signal.name, raw["op"], value, per)

    def divisor(self, raw: dict[str, Any], type_: str, field: str) -> str:
        if "per" not in raw:
            return ""
        known = self.words.signals.get(raw["per"]) if isinstance(raw["per"], str) else None
        if known is None:
            self.refuse(f"{field}.per", f"unknown signal {raw['per']!r}")
        elif {known.type, type_} - {"number", "count"}:
            self.refuse(f"{field}.per", "only numbers and counts can be divided")
        return str(raw["per"])

    def value(self, raw: dict[str, Any], type_: str, values: tuple[str, ...], field: str) -> Value | LookUp | None:
        v, op = raw["v"], raw["op"]
        field = f"{field}.v"
        if isinstance(v, str) and v.startswith("$"):
            return self.lookup(v, raw.get("times", 1.0), type_, field)
        if "times" in raw:
            self.refuse(field, "`times` needs a look-up ($…)")
        elif (op == "in") != isinstance(v, list):
            self.refuse(field, "`in` takes a list, and only `in` does")
        elif isinstance(v, list) and type_ in ("number", "count") and v:
            if not any(isinstance(each, bool) or not isinstance(each, (int, float)) for each in v):
                return tuple(map(float, v))
            self.refuse(field, f"a list of numbers, not {v!r}")
        elif isinstance(v, list):
            if type_ != "enum" or (unknown := [each for each in v if each not in values]):
                self.refuse(
                    field,
                    f"{unknown if type_ == 'enum' else v} not among {', '.join(values) or 'the values of an enum'}",
                )
            else:
                return tuple(v)
        elif type_ == "bool" and not (isinstance(v, bool) and op in ("==", "!=")):
            self.refuse(field, f"a yes/no signal is compared with == or != to true or false, not {op} {v!r}")
        elif type_ == "enum" and not (v in values and op in ("==", "!=")):
            self.refuse(field, f"{v!r} with {op}: one of {', '.join(values)} with == or !=")
        elif type_ in ("number", "count") and (isinstance(v, bool) or not isinstance(v, (int, float))):
            self.refuse(field, f"a number, not {v!r}")
        else:
            return v if isinstance(v, (bool, str)) else float(v)
        return None

    def lookup(self, text: str, times: Any, type_: str, field: str) -> LookUp | None:
        source, _, name = text[1:].partition(".")
        known = LookUp(source, name).signal
        if source not in (*BY_PLACE, "site", "design") or known not in self.words.signals:
            self.refuse(field, f"unknown look-up {text!r}")
        elif type_ not in ("number", "count") or isinstance(times, bool) or not isinstance(times, (int, float)):
            self.refuse(field, f"{text} gives a number; `times` is a number")
        else:
            return LookUp(source, name, float(times))
        return None


@dataclass(frozen=True)
class Word:
    """A word of the vocabulary: how it is parsed and what it means."""

    parse: Callable[[_Parser, dict[str, Any], str], Condition | None]
    zh: str
    en: str


WORDS: dict[str, Word] = {
    "q": Word(_Parser.compare, "某信号与限值比较", "a signal compared with a value (op, v, times, per)"),
    "all": Word(_Parser.all_of, "全部成立", "every part holds"),
    "any": Word(_Parser.any_of, "任一成立", "at least one part holds"),
    "not": Word(_Parser.negation, "不成立", "the part does not hold"),
    "count": Word(_Parser.count, "所列各项中成立的个数", "how many of the listed parts hold, compared with n (op, n)"),
    "missing": Word(_Parser.lost, "应有而看不到的信号", "a signal that is expected here and cannot be seen"),
    "place": Word(_Parser.place, "地点类型属于所列", "the kind of place is one of those listed"),
    "for_s_gt": Word(lambda *_: None, "不间断持续超过若干秒", "beside a word: without a break for more than so many s"),
}  # fmt: skip
_COMPANIONS = {"q": ("op", "v", "times", "per"), "count": ("op", "n")}
_COUNT_OPS = (">=", ">", "<=", "<", "==")


def parse_condition(raw: Any, words: Vocabulary, field: str = "rule") -> tuple[Condition | None, list[Problem]]:
    """The condition of `raw`, or None with every problem found in it."""
    parser = _Parser(words)
    node = parser.condition(raw, field)
    return (None if parser.problems else node), parser.problems
