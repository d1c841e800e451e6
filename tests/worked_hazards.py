"""The eight worked hazards of the KPI vectors as stories; `python -m tests.worked_hazards` writes the vectors file."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.commands import COMMANDS
from schemas.events import SYSTEM, Actor, Event
from schemas.hazards import HAZARD_EVENTS, Evidence, HazardRegistered, HazardSuspected
from schemas.ids import hazard_id
from schemas.terms import SHANGHAI, HazardSource, Role

VECTORS = Path(__file__).parent / "vectors" / "a4_hazard_events.jsonl"
CATALOGUE_VERSION = "worked"
SUPERVISOR = Actor(id="wang", role=Role.SUPERVISOR, department_id="D-1404")
HEAD = Actor(id="zhao", role=Role.SUPERVISOR, department_id="D-14")
INSPECTOR = Actor(id="li", role=Role.INSPECTOR, department_id="D-1404")
RECTIFIER = Actor(id="sun", role=Role.RECTIFIER)


@dataclass(frozen=True)
class Worked:
    """One line of the table: who, where, when found, and the commands sent, each (when, kind, actor, data)."""

    name: str
    site_id: str
    enterprise_id: str
    region: str
    industry: str
    criterion_id: str
    document_id: str
    source: HazardSource
    found: str
    title: str
    commands: list[tuple[str, str, Actor, dict[str, Any]]] = field(default_factory=list)

    @property
    def found_at(self) -> dt.datetime:
        return at(self.found)

    @property
    def finding_id(self) -> str:
        return f"{self.name}-finding"

    @property
    def place(self) -> str:
        return f"{self.name}号地点"

    @property
    def place_id(self) -> str:
        return f"{self.site_id}-P1"

    @property
    def hazard_id(self) -> str:
        return hazard_id(self.criterion_id, self.site_id, self.place_id, self.found_at)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def plan(due: str, *kinds: str, funds: float = 120_000) -> dict[str, Any]:
    return {
        "due_at": due, "responsible_person": "孙主任", "responsible_unit": "机电科", "funds": funds,
        "measures": [{"kind": kind, "text": f"{kind} 措施"} for kind in kinds],
        "contingency_plan": "现场处置方案", "interim_control": "撤人、断电、设警戒",
    }  # fmt: skip


def cycle(started: str, done: str, accepted: str, closed: str) -> list[tuple[str, str, Actor, dict[str, Any]]]:
    return [
        (started, "start", RECTIFIER, {}),
        (done, "rectify", RECTIFIER, {"evidence": ["整改照片"]}),
        (accepted, "accept", INSPECTOR, {"evidence": ["验收表"]}),
        (closed, "close", SUPERVISOR, {"evidence": ["销号单"]}),
    ]


def judged(when: str) -> list[tuple[str, str, Actor, dict[str, Any]]]:
    return [(when, "judge", INSPECTOR, {"verdict": "major", "reason": "现场核实"})]


def reported(regulator: str, congress: str) -> list[tuple[str, str, Actor, dict[str, Any]]]:
    return [
        (regulator, "report", SUPERVISOR, {"to": "regulator"}),
        (congress, "report", SUPERVISOR, {"to": "workers_congress"}),
    ]


def assigned(when: str, department: str) -> list[tuple[str, str, Actor, dict[str, Any]]]:
    return [(when, "assign", HEAD, {"lead_department_id": department})]


WORKED = [
    Worked(
        "H1", "140402000123", "E-1404-01", "140402", "coal", "COAL4-8-1", "MEM4", HazardSource.DEPARTMENT,
        "2023-06-01T09:00", "瓦斯抽采系统不完善",
        judged("2023-06-01T10:00") + reported("2023-06-01T12:00", "2023-06-02T09:00")
        + assigned("2023-06-02T10:00", "D-1404")
        + [
            ("2023-06-05T10:00", "plan", SUPERVISOR, plan("2023-12-31", "engineering", "people")),
            ("2023-12-10T10:00", "extend", RECTIFIER,
             {"new_due_at": "2024-06-30", "reason": "设备到货延迟", "interim_control": "限产"}),
            ("2023-12-20T10:00", "decide_extension", HEAD, {"approved": True, "new_due_at": "2024-06-30"}),
        ]
        + cycle("2023-07-01T08:00", "2024-06-18T17:00", "2024-06-19T10:00", "2024-06-20T15:00"),
    ),
    Worked(
        "H2", "140402000124", "E-1404-02", "140402", "coal", "COAL4-9-1", "MEM4", HazardSource.SELF,
        "2023-11-20T09:00", "水害探查不到位",
        judged("2023-11-20T10:00") + reported("2023-11-20T16:00", "2023-11-22T09:00")
        + assigned("2023-11-21T10:00", "D-1404")
        + [("2023-11-24T10:00", "plan", SUPERVISOR, plan("2024-03-31", "technology"))]
        + cycle("2023-12-01T08:00", "2024-04-08T17:00", "2024-04-09T10:00", "2024-04-10T15:00"),
    ),
    Worked(
        "H3", "140581000031", "E-1405-01", "140581", "coal", "COAL4-13-1", "MEM4", HazardSource.REPORT,
        "2022-05-05T09:00", "淘汰设备仍在使用",
        judged("2022-05-05T11:00") + assigned("2022-05-07T10:00", "D-1405")
        + [
            ("2022-05-10T10:00", "plan", SUPERVISOR, plan("2024-10-31", "engineering", "technology", "management")),
            ("2024-09-30T10:00", "plan", SUPERVISOR, plan("2025-02-28", "engineering", "technology", funds=0)),
        ]
        + cycle("2022-06-01T08:00", "2025-02-13T17:00", "2025-02-14T10:00", "2025-02-15T15:00"),
    ),
    Worked(
        "H4", "140121000045", "E-1401-01", "140121", "chemical", "CHEM17-4", "AJ121C", HazardSource.DEPARTMENT,
        "2023-12-31T23:30", "自动化控制未投用",
        judged("2023-12-31T23:45") + reported("2024-01-01T09:00", "2024-01-02T09:00")
        + [("2024-01-05T10:00", "plan", SUPERVISOR, plan("2024-02-28", "technology"))]
        + cycle("2024-01-08T08:00", "2024-02-18T17:00", "2024-02-19T10:00", "2024-02-20T15:00")
        + [("2024-11-05T10:00", "reopen", INSPECTOR, {"reason": "复查发现联锁再次摘除"})],
    ),
    Worked(
        "H5", "140121000046", "E-1401-02", "140121", "town-gas", "GAS-4-1", "JCG4", HazardSource.WORKER,
        "2024-03-10T09:00", "经营许可缺失",
        judged("2024-03-10T10:00") + reported("2024-03-10T14:00", "2024-03-12T09:00")
        + assigned("2024-03-12T10:00", "D-1401")
        + [("2024-03-15T10:00", "plan", SUPERVISOR, plan("2024-06-10", "management", "people"))]
        + cycle("2024-03-20T08:00", "2024-05-30T17:00", "2024-05-31T10:00", "2024-06-01T15:00"),
    ),
    Worked(
        "H6", "140802000007", "E-1408-01", "140802", "chemical", "CHEM17-2", "AJ121C", HazardSource.ACCIDENT,
        "2024-09-01T09:00", "特种作业人员无证上岗",
        [
            *judged("2024-09-01T10:00"),
            ("2024-09-05T10:00", "plan", SUPERVISOR, plan("2024-12-01", "people")),
            ("2024-09-10T08:00", "start", RECTIFIER, {}),
        ],
    ),
    Worked(
        "H7", "140402000123", "E-1404-01", "140402", "coal", "COAL4-5-2", "MEM4", HazardSource.IOT,
        "2025-04-01T09:00", "瓦斯超限作业",
        judged("2025-04-01T09:30") + reported("2025-04-01T10:00", "2025-04-01T18:00")
        + assigned("2025-04-01T11:00", "D-1404")
        + [("2025-04-02T10:00", "plan", SUPERVISOR, plan("2025-05-01", "technology", "management"))]
        + cycle("2025-04-03T08:00", "2025-04-26T17:00", "2025-04-27T10:00", "2025-04-28T15:00"),
    ),
    Worked(
        "H8", "140581000032", "E-1405-02", "140581", "coal", "COAL4-4-2", "MEM4", HazardSource.DEPARTMENT,
        "2025-12-20T09:00", "超能力组织生产",
        judged("2025-12-20T10:00") + reported("2025-12-20T11:00", "2025-12-21T09:00")
        + assigned("2025-12-20T12:00", "D-1405")
        + [("2025-12-22T10:00", "plan", SUPERVISOR, plan("2026-01-31", "management"))]
        + cycle("2025-12-25T08:00", "2026-01-28T17:00", "2026-01-29T10:00", "2026-01-30T15:00"),
    ),
]  # fmt: skip


def registration(worked: Worked) -> list[Event]:
    evidence = Evidence(
        evidence_id=worked.finding_id, kind="finding", began_at=worked.found_at, text=worked.title,
        coordinates=(f"worked/{worked.name}",),
    )  # fmt: skip
    registered = HazardRegistered(
        found_at=worked.found_at, source=worked.source, enterprise_id=worked.enterprise_id, region=worked.region,
        industry=worked.industry, place_id=worked.place_id, place=worked.place, title=worked.title,
        root_criterion_id=worked.criterion_id,
    )  # fmt: skip
    suspected = HazardSuspected(criterion_id=worked.criterion_id, evidence=(evidence,))
    return [
        Event.of(
            kind, worked.hazard_id, worked.site_id, data, cause=worked.finding_id, occurred_at=worked.found_at,
            recorded_at=worked.found_at, causes=(f"worked/{worked.name}",), actor=SYSTEM,
        )
        for kind, data in (("hazard_registered", registered), ("hazard_suspected", suspected))
    ]  # fmt: skip


def story_events(worked: Worked) -> list[Event]:
    events = registration(worked)
    for n, (when, kind, actor, data) in enumerate(sorted(worked.commands, key=lambda line: line[0])):
        event_kind = COMMANDS[kind].event
        if kind == "judge":
            data = data | {
                "criterion_id": worked.criterion_id, "document_id": worked.document_id,
                "catalogue_version": CATALOGUE_VERSION, "evidence": [worked.finding_id],
            }  # fmt: skip
        model = HAZARD_EVENTS[event_kind]
        known = {"by": actor.id} if "by" in model.model_fields else {}
        command_id = f"{worked.name}-{n:02d}-{kind}"
        events.append(
            Event.of(
                event_kind, worked.hazard_id, worked.site_id, model.parse(known | data), cause=command_id,
                occurred_at=at(when), recorded_at=at(when), causes=(command_id,), actor=actor,
            )
        )  # fmt: skip
    return events


def write_vectors() -> None:
    events = [event for worked in WORKED for event in story_events(worked)]
    events.sort(key=lambda event: event.recorded_at)
    VECTORS.write_bytes(b"".join(event.encode() + b"\n" for event in events))


if __name__ == "__main__":
    write_vectors()
