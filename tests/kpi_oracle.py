"""KPIs by brute force in plain Python, hazard by hazard. Reads nothing of the product."""

from collections import defaultdict
from datetime import date, datetime, timedelta, timezone

CN = timezone(timedelta(hours=8))
KPIS = (
    "K01", "K02", "K03a", "K03b", "K04a", "K04b", "K05", "K06a", "K06b", "K07", "K09", "K11b",
    "K12b", "K13", "K14a", "K18a", "K18c", "K21b",
)  # fmt: skip
COUNTS = ("K02", "K03a", "K03b", "K07", "K18c")
GRACE = 30
REBOUND_DAYS = 6  # of the lives drawn by the test; the product's own number is a parameter
LEADING = ("responsibility_assigned", "hazard_transferred", "blind_spot_raised")
ROOT = {"technology", "engineering"}
OUT = ("hazard_voided", "hazard_merged", "hazard_downgraded")


def when(text):
    return datetime.fromisoformat(text)


def cn_date(text):
    return date.fromisoformat(text) if len(text) == 10 else when(text).astimezone(CN).date()


def oracle(events, as_of, known, span, by):
    """(kpi, *group) → (num, den, value, excluded)"""
    first = {}
    for event in sorted(events, key=lambda e: when(e["recorded_at"])):  # stable: of equals the one that came first
        first.setdefault(event["event_id"], event)
    lives = defaultdict(list)
    for event in first.values():
        if known is None or cn_date(event["recorded_at"]) <= known:
            lives[event["subject_id"]].append(event)
    start, end = span or (date(as_of.year, 1, 1), as_of + timedelta(days=1))
    if (start, end) == (date(as_of.year, 1, 1), date(as_of.year + 1, 1, 1)):
        end = as_of + timedelta(days=1)
    sums = defaultdict(lambda: defaultdict(lambda: [0, 0, 0]))
    if not by:
        sums[()]["K05"]
    told = [one for life in lives.values() if (one := hazard(life, as_of, start, end)) is not None]
    for one in told:
        one["K12b"] = rebound(one, told, start, end)
    final = (as_of - (end - timedelta(days=1))).days >= REBOUND_DAYS
    for one in told:
        codes = one.pop("group")
        one.pop("cycles")
        group = tuple(codes[name] for name in by)
        for kpi, counts in one.items():
            for i, n in enumerate(counts):
                sums[group][kpi][i] += n
    result = {}
    for group, figures in sums.items():
        for kpi in KPIS:
            num, den, excluded = figures[kpi]
            if kpi in ("K04a", "K04b"):  # `num` counts what stands in the way
                result[kpi, *group] = (int(num == 0), 1, int(num == 0), excluded)
            elif kpi == "K12b" and not final:
                result[kpi, *group] = (None, den, None, excluded)
            elif kpi in COUNTS:
                result[kpi, *group] = (num, None, num, excluded)
            else:
                result[kpi, *group] = (num, den, num / den if den else None, excluded)
    return result


def rebound(one, told, start, end):
    """(came back, closed, lost) of one hazard: each closing of the window against what happened after it."""
    mine, soon = one["cycles"], timedelta(days=REBOUND_DAYS)
    closed = came_back = False
    for closing, reopening in mine["closings"]:
        if not start <= closing.astimezone(CN).date() < end:
            continue
        closed = True
        found_again = [
            other["cycles"]["found"] for other in told
            if other is not one and other["cycles"]["major"] and other["cycles"]["site"] == mine["site"]
            and any(a is not None and a == b for a, b in zip(other["cycles"]["clause"], mine["clause"], strict=True))
        ]  # fmt: skip
        came_back |= any(closing < moment <= closing + soon for moment in found_again)
        came_back |= reopening is not None and reopening - closing <= soon
    return came_back, closed, mine["lost"]


def overdue_at(due, day):
    return due is not None and day > due


def hazard(life, as_of, start, end):
    registration = next((e for e in life if e["kind"] == "hazard_registered"), None)
    order = {id(e): n for n, e in enumerate(life)}
    past = sorted(
        (e for e in life if cn_date(e["occurred_at"]) <= as_of),
        key=lambda e: (when(e["occurred_at"]), when(e["recorded_at"]), order[id(e)]),
    )
    if not past:
        return None  # nothing has happened yet
    found = registration and cn_date(registration["data"]["found_at"])
    judgements = [e["data"]["verdict"] for e in past if e["kind"] == "hazard_judged"]
    major = bool(judgements) and judgements[-1] == "major" and not any(e["kind"] in OUT for e in past)
    is_found = found is not None and found <= as_of
    if not (is_found or major):
        return None

    closings = [when(e["occurred_at"]) for e in past if e["kind"] == "hazard_closed"]
    reopenings = [when(e["occurred_at"]) for e in past if e["kind"] == "hazard_reopened"]
    is_open = is_found and not any(not any(r > c for r in reopenings) for c in closings)

    # a cycle starts at the first reopening after a closing; walk the closings to find where cycles begin
    begins, last = [], None
    while True:
        ahead = [c for c in closings if last is None or c >= last]
        after = [r for r in reopenings if ahead and r > min(ahead)]
        if not after:
            break
        last = min(after)
        begins.append(last)

    def cycle(moment):
        return sum(b <= moment for b in begins)

    dated = [
        e for e in past
        if e["kind"] == "plan_approved" or (e["kind"] == "extension_decided" and e["data"]["approved"])
    ]  # fmt: skip
    deadlines = [
        (when(e["occurred_at"]), cn_date(e["data"].get("due_at") or e["data"].get("new_due_at"))) for e in dated
    ]
    approved, due = deadlines[-1] if deadlines else (None, None)
    on_time = due is not None and any(
        cycle(c) == cycle(approved) and c.astimezone(CN).date() <= due for c in closings
    )  # fmt: skip

    first_due = next((day for (at, day), e in zip(deadlines, dated, strict=True) if e["kind"] == "plan_approved"), None)
    in_force = min(
        (c for c in closings if cycle(c) == len(begins)), default=None
    )  # fmt: skip
    falls_first = major and first_due is not None and start <= first_due < end
    by_first = in_force is not None and not is_open and in_force.astimezone(CN).date() <= (first_due or date.min)
    in_window = found is not None and start <= found < end and found <= as_of
    new = major and in_window and found >= date(2024, 1, 1)
    ended = major and in_force is not None and start <= in_force.astimezone(CN).date() < end
    plan = next((e["data"] for e in reversed(past) if e["kind"] == "plan_approved"), {})
    five = (
        due is not None
        and all(plan.get(name) for name in ("responsible_person", "responsible_unit", "measures", "contingency_plan"))
        and plan.get("funds") is not None
    )
    bare = not any(e["data"].get("text") or e["data"].get("interim_control") for e in past
                   if e["kind"] in ("interim_control_set", "plan_approved"))  # fmt: skip
    running = [e["kind"] for e in past if e["kind"].startswith("production_")]
    bare = bare and running[-1:] != ["production_stopped"]
    back = bool(begins) and as_of - max(reopenings).astimezone(CN).date() > timedelta(days=GRACE)
    standing = major and is_open

    judged = [e["data"].get("criterion_id") for e in past if e["kind"] == "hazard_judged"]
    cycles = []
    for n in range(len(begins) + 1):
        of_cycle = [c for c in closings if cycle(c) == n]
        if of_cycle:
            cycles.append((min(of_cycle), begins[n] if n < len(begins) else None))
    orders = []
    for n, e in enumerate(past):
        if major and e["kind"] == "supervision_ordered":
            lifts = [when(x["occurred_at"]) for x in past[n:] if x["kind"] == "supervision_lifted"]
            day = cn_date(e["data"]["due_at"]) if e["data"].get("due_at") else None
            mine = day is not None and start <= day < end
            orders.append((mine and bool(lifts) and lifts[0].astimezone(CN).date() <= day, mine, day is None))
    checks = {}
    for e in past:
        if e["kind"] == "similar_check_opened":
            checks.setdefault(e["data"]["similar_site_id"], False)
        elif e["kind"] == "similar_check_done":
            checks[e["data"]["similar_site_id"]] = True
    leading = [e["kind"] for e in past if e["kind"] in LEADING]
    blind = bool(leading) and leading[-1] == "blind_spot_raised"
    led = any(kind != "blind_spot_raised" for kind in leading) and not blind
    plans = [e["data"] for e in past if e["kind"] == "plan_approved"]
    kinds = {measure["kind"] for measure in (plans[-1].get("measures", ()) if plans else ())}
    cleared = major and is_found and not is_open
    stock = major and is_found and found <= date(2023, 12, 31)
    falls = major and due is not None and start <= due < end
    overdue = major and is_open and due is not None and as_of > due
    lost = int(major and found is None)
    data = registration["data"] if registration else {"region": "", "industry": "", "source": ""}
    return {
        "group": {"region": data["region"], "city": data["region"][:4] + "00" if data["region"] else "",
                  "industry": data["industry"]},
        "cycles": {
            "closings": cycles if major and is_found else [], "major": major and is_found, "lost": lost,
            "found": registration and when(registration["data"]["found_at"]),
            "site": registration and registration["site_id"],
            "clause": (judged[-1] if judged else None, registration and data.get("root_criterion_id")),
        },
        "K11b": [sum(order[i] for order in orders) for i in range(3)],
        "K13": (sum(checks.values()), len(checks), not checks) if cleared else (0, 0, 0),
        "K01": (stock and not is_open, stock, lost),
        "K02": (stock and is_open, 0, lost),
        "K03a": (new, 0, lost),
        "K03b": (new - ended, 0, lost),
        "K04a": (standing, 0, lost),
        "K04b": (standing and (overdue_at(due, as_of) or bare or back or not five), 0, lost),
        "K06b": (falls_first and by_first, falls_first, major and first_due is None),
        "K09": (standing and five, standing, lost),
        "K14a": (major and in_window and data["source"] in ("self", "worker", "iot"), major and in_window, lost),
        "K05": (major and is_found and not is_open, major and is_found, lost),
        "K06a": (falls and on_time, falls, major and due is None),
        "K18a": (major and is_found and led, major and is_found, 0),
        "K18c": (is_found and is_open and blind and (not judgements or judgements[-1] != "none"), 0, 0),
        "K21b": (cleared and bool(kinds & ROOT), cleared and bool(plans), cleared and not plans),
        "K07": (overdue, 0, major and is_open and due is None),
    }  # fmt: skip
