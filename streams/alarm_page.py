"""The page docs/alarm-life-cycle.md, made from the code it describes: `python -m streams.alarm_page` writes it."""

from pathlib import Path

from schemas.alarm_classes import alarm_classes
from schemas.commands import COMMANDS
from schemas.terms import ProcessState
from streams.alarm_guards import GUARDS
from streams.alarm_timers import TIMERS
from streams.alarmtable import ACTIVE, LATCHING, OVERRIDES, TRANSITIONS, Trigger

PAGE = Path(__file__).parent.parent / "docs" / "alarm-life-cycle.md"

STATES: dict[ProcessState, tuple[str, str, str]] = {
    ProcessState.NORMAL: ("A", "正常", "no condition, nothing to acknowledge"),
    ProcessState.UNACKNOWLEDGED: ("B", "未确认", "the condition stands, nobody has acknowledged it"),
    ProcessState.ACKNOWLEDGED: ("C", "已确认", "the condition stands, a person has seen it"),
    ProcessState.RETURNED_UNACKNOWLEDGED: ("D", "恢复未确认", "the condition has ended, nobody has acknowledged it"),
    ProcessState.LATCHED: ("", "锁存", "ended and acknowledged, but the rule latches: it waits for a reset"),
}
_TRIGGERS: dict[Trigger, str] = {
    Trigger.CONDITION_TRUE: "条件成立并持续",
    Trigger.CONDITION_FALSE: "条件解除并持续",
    Trigger.ACKNOWLEDGE: "确认",
    Trigger.UNACKNOWLEDGE: "撤销确认",
    Trigger.MORE_SEVERE: "升级",
    Trigger.LESS_SEVERE: "降级",
    Trigger.RE_ALARM: "再次报警",
    Trigger.NOT_ACKNOWLEDGED: "超时未确认",
    Trigger.RESET: "复位",
}
_HEAD = """# 报警的一生 · The life cycle of an alarm

<!-- Written by `python -m streams.alarm_page`; a test compares it with the code. Do not edit by hand. -->

States and letters follow ISA-18.2 / IEC 62682 (GB/T 41261); `streams/alarmtable.py` is the two tables below. What a
table does not name changes nothing and records nothing. 表中没有的，不改变状态，也不产生事件。

- The *process state* follows the condition and the operator. *Overrides* lie over it: they keep the alarm from the
  operator and change nothing underneath. A screen shows the strongest override, else the process state.
- `alarm_raised` opens a new occurrence, nothing else does: an escalation, a re-alarm and a new acknowledgement belong
  to the occurrence that stands. An *episode* is one raise-to-return span.
- Delays, limits and rates are decided by readings alone, silence and the timers below by the step's `now`. A timer
  happens at its due time, whoever notices that it has passed; so a restart or a late tick changes no event.
- A sensor that cannot be seen (`lost`, `ill`, `calibrating`) has a record of its own with rule id `signal`. It is
  never an alarm and never normal: it neither raises nor returns anything.
"""


def page() -> str:
    """The whole page as Markdown."""
    parts = [_HEAD, "## States · 状态\n", *_states(), "\n## Transitions · 状态转移\n", *_transitions()]
    parts += ["\n## Overrides · 抑制\n", *_overrides(), "\n## Timers · 计时\n", *_timers()]
    parts += ["\n## Commands · 指令\n", *_commands(), "\n## Guards · 约束\n", *_guards()]
    return "\n".join([*parts, "\n## Classes · 报警分类\n", *_classes()]) + "\n"


def _states() -> list[str]:
    head = ["| | state | 中文 | meaning | condition stands |", "| --- | --- | --- | --- | --- |"]
    return head + [
        f"| {letter} | `{state}` | {zh} | {en} | {'yes' if state in ACTIVE else 'no'} |"
        for state, (letter, zh, en) in STATES.items()
    ]


def _transitions() -> list[str]:
    lines = ["| from | what happens | | to | events |", "| --- | --- | --- | --- | --- |"]
    for table, note in ((TRANSITIONS, ""), (LATCHING, " (the rule latches)")):
        for (state, trigger), (to, kinds) in table.items():
            events = ", ".join(f"`{kind}`" for kind in kinds)
            lines.append(f"| `{state}` | {trigger}{note} | {_TRIGGERS[trigger]} | `{to}` | {events} |")
    return lines


def _overrides() -> list[str]:
    lines = [
        "| override | 中文 | begins with | set by | ends with | ended by |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return lines + [
        f"| `{which}` | {row.zh} | `{row.began}` | {row.set_by} | `{row.ended}` | {row.ended_by} |"
        for which, row in OVERRIDES.items()
    ]


def _timers() -> list[str]:
    lines = ["| timer | 中文 | due |", "| --- | --- | --- |"]
    return lines + [f"| `{name}` | {zh} | {due} |" for name, (_, _, due, zh) in TIMERS.items()]


def _commands() -> list[str]:
    rows = [
        f"| `{name}` | {kind.zh} | `{kind.event}` | {', '.join(sorted(kind.roles))} | {kind.en} |"
        for name, kind in COMMANDS.items()
        if kind.target == "alarm"
    ]
    return ["| command | 中文 | records | roles | meaning |", "| --- | --- | --- | --- | --- |", *rows]


def _guards() -> list[str]:
    lines = ["| guard | 中文 | meaning |", "| --- | --- | --- |"]
    return lines + [f"| `{name}` | {zh} | {en} |" for name, (zh, en) in GUARDS.items()]


def _classes() -> list[str]:
    """What `schemas/alarm_classes.yaml` defines."""
    lines = [
        "`schemas/alarm_classes.yaml`; the first that fits a sensor's signal, side and place. A site's rule may be",
        "stricter; a laxer one needs an `approval` in the rule, else it is refused and the class stays in force.\n",
        "| class | 中文 | limit | on / off delay s | priority | respond within s | action | basis |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in alarm_classes().classes:
        limit = each.limit or "the sensor's own"
        respond = "" if each.time_to_respond_s is None else f"{each.time_to_respond_s:g}"
        lines.append(
            f"| `{each.id}` | {each.zh} | {limit} | {each.on_delay_s:g} / {each.off_delay_s:g} | {each.priority} |"
            f" {respond} | {each.action_zh} {each.action_en} | {each.basis} |"
        )
    return lines


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
