"""t_yhzlxx 隐患治理信息表: the hazard as enterprises and bureaus exchange it, and its mapping to and from ours. Pure.

Field names and codes are those of the public double-prevention uplink (domain facts, b.6). What it cannot say of ours
(reports, supervision, extensions, clause, cycles) travels in `qlExt`, which other receivers ignore.
"""

import datetime as dt
from typing import Any

from pydantic import Field

from schemas.hazards import Finding, HazardStateRecord
from schemas.ledger import LedgerEntry
from schemas.model import Message, Refused
from schemas.registry import Site
from schemas.terms import SHANGHAI, HazardSource, HazardState, MeasureKind, Verdict
from schemas.times import MICROSECOND, day_end

GENERAL, MAJOR = "0", "1"  # dangerLevel
AT_ONCE, BY_A_DAY = "0", "1"  # dangerManageType 即查即改, 限期整改
IN_HAND, TO_ACCEPT, ACCEPTED = "0", "1", "9"  # dangerState 整改中, 待验收, 已验收
_STATES = {
    HazardState.PENDING_ACCEPTANCE: TO_ACCEPT, HazardState.ACCEPTED: ACCEPTED, HazardState.CLOSED: ACCEPTED,
}  # fmt: skip
_KINDS = {
    MeasureKind.PEOPLE: "1",
    MeasureKind.TECHNOLOGY: "2",
    MeasureKind.ENGINEERING: "2",
    MeasureKind.MANAGEMENT: "3",
}
_SOURCES = {
    HazardSource.SELF: "企业自查", HazardSource.WORKER: "员工举报", HazardSource.DEPARTMENT: "部门检查",
    HazardSource.REPORT: "群众举报", HazardSource.IOT: "监测预警", HazardSource.ACCIDENT: "事故调查",
}  # fmt: skip
_FAILURES = {"missing": "管控措施缺失", "not_executed": "管控措施执行不到位"}
_NOT_EXCHANGED = frozenset({HazardState.SUSPECTED, HazardState.REFUTED, HazardState.VOIDED, HazardState.MERGED})
_STAMP = "%Y-%m-%d %H:%M:%S"


class ExchangeHazard(Message):
    """One record of t_yhzlxx. Codes are text; times `YYYY-MM-DD hh:mm:ss`, Asia/Shanghai; `cost` in 10,000 yuan."""

    id: str = Field(min_length=32, max_length=36)
    tyshxydm: str = Field(default="", max_length=18)
    companyCode: str = Field(default="", max_length=9)  # noqa: N815 - the exchange's own names
    dangerName: str = Field(min_length=1, max_length=300)  # noqa: N815
    hazardCode: str = ""  # noqa: N815
    riskMeasureId: str = ""  # noqa: N815
    recordId: str = ""  # noqa: N815
    dangerLevel: str = Field(pattern="^[01]$")  # noqa: N815
    registTime: str  # noqa: N815
    registrant: str = ""
    dangerSrc: str = ""  # noqa: N815
    dangerManageType: str = Field(pattern="^[01]$")  # noqa: N815
    hazardDangerType: str = Field(default="8", pattern="^[1-8]$")  # noqa: N815
    dangerDesc: str = ""  # noqa: N815
    dangerReason: str = ""  # noqa: N815
    controlMeasures: str = ""  # noqa: N815
    cost: float | None = Field(default=None, ge=0)
    liablePerson: str = ""  # noqa: N815
    dangerManageDeadline: str = ""  # noqa: N815
    checkAcceptPerson: str = ""  # noqa: N815
    checkAcceptTime: str = ""  # noqa: N815
    checkAcceptComment: str = ""  # noqa: N815
    dangerState: str = Field(pattern="^[019]$")  # noqa: N815
    managementClassification: str = Field(default="3", pattern="^[123]$")  # noqa: N815
    occurrenceLink: str = ""  # noqa: N815
    qlExt: dict[str, Any] = Field(default_factory=dict)  # noqa: N815


FIELDS: tuple[str, ...] = tuple(ExchangeHazard.model_fields)


def is_exchanged(state: HazardStateRecord) -> bool:
    """Whether the exchange knows such a hazard: not while it is a suspicion, nor once it is refuted, void or merged."""
    return state.state not in _NOT_EXCHANGED


def of_state(state: HazardStateRecord, site: Site | None = None) -> ExchangeHazard:
    """The exchange record of a hazard's latest state; in a later cycle, `recordId` holds the hazard's first id."""
    found, plan = state.registered, state.plan
    measures = plan.measures if plan else ()
    words = "；".join(measure.text for measure in measures)
    name = found.title or found.place or state.criterion_id or state.hazard_id
    return ExchangeHazard(
        id=_cycle_id(state), tyshxydm=_code(found.enterprise_id or (site.enterprise_id if site else "") or ""),
        dangerName=name[:300], hazardCode=found.risk_id or "", riskMeasureId=found.control_id or "",
        recordId=state.hazard_id if state.cycle > 1 else "",
        dangerLevel=MAJOR if state.verdict is Verdict.MAJOR else GENERAL, registTime=_stamp(found.found_at),
        registrant=_registrant(state), dangerSrc=_SOURCES[found.source],
        dangerManageType=BY_A_DAY if state.due else AT_ONCE, dangerDesc=_described(state),
        dangerReason=_FAILURES.get(found.control_failure or "", ""),
        controlMeasures=words, cost=None if plan is None or plan.funds is None else round(plan.funds / 10_000, 4),
        liablePerson=(plan.responsible_person if plan else "") or state.responsible_person,
        dangerManageDeadline=_stamp(state.due), checkAcceptPerson=state.accepted_by or "",
        checkAcceptTime=_stamp(state.accepted_at), dangerState=_STATES.get(state.state, IN_HAND),
        managementClassification=_KINDS[measures[0].kind] if measures else "3", occurrenceLink=found.place,
        qlExt={
            "hazard_id": state.hazard_id, "site_id": state.site_id, "state": state.state, "cycle": state.cycle,
            "criterion_id": state.criterion_id, "document_id": state.document_id, "region": found.region,
            "industry": found.industry, "closed_at": _stamp(state.closed_at),
            "rectified_at": _stamp(state.rectified_at),
            "reported_to": list(state.reported_to), "supervised": state.supervised,
            "contingency_plan": plan.contingency_plan if plan else "", "interim_control": state.interim_control,
        },
    )  # fmt: skip


def finding_of(record: ExchangeHazard, site: Site, received_at: dt.datetime) -> Finding:
    """The exchange record as a finding with its life, to be brought in like a row of a ledger. Raises Refused."""
    ext = record.qlExt
    entry = LedgerEntry(
        level=Verdict.MAJOR if record.dangerLevel == MAJOR else Verdict.GENERAL, measures=record.controlMeasures,
        funds=None if record.cost is None else record.cost * 10_000, responsible_person=record.liablePerson,
        contingency_plan=str(ext.get("contingency_plan", "")), interim_control=str(ext.get("interim_control", "")),
        due_at=_deadline(record.dangerManageDeadline),
        rectified_at=_instant(str(ext.get("rectified_at", "")), "qlExt.rectified_at"),
        accepted_at=_instant(record.checkAcceptTime, "checkAcceptTime"), accepted_by=record.checkAcceptPerson,
        closed_at=_instant(str(ext.get("closed_at", "")), "qlExt.closed_at"),
    )  # fmt: skip
    known = {text: source for source, text in _SOURCES.items()}
    found_at = _instant(record.registTime, "registTime")
    if found_at is None:
        raise Refused("registTime", "is empty")
    return Finding(
        finding_id=record.id, site_id=site.site_id, enterprise_id=record.tyshxydm or site.enterprise_id,
        region=site.region, industry=site.industry, found_at=found_at, received_at=received_at,
        source=known.get(record.dangerSrc, HazardSource.SELF), inspector=record.registrant,
        criterion_ref=str(ext.get("criterion_id") or "") or None, text=record.dangerDesc or record.dangerName,
        place=record.occurrenceLink, deadline=entry.due_at, imported=True, ledger=entry,
    )  # fmt: skip


def _cycle_id(state: HazardStateRecord) -> str:
    return state.hazard_id if state.cycle == 1 else state.hazard_id.replace("-", "")[:30] + f"{state.cycle:02d}"


def _code(text: str) -> str:
    return text if len(text) <= 18 else ""


def _registrant(state: HazardStateRecord) -> str:
    return str((state.registered.model_extra or {}).get("inspector", ""))


def _described(state: HazardStateRecord) -> str:
    """What the inspector wrote, else the title: never longer than a field of the exchange holds."""
    text = next((evidence.text for evidence in state.evidence if evidence.text), "")
    return (text or state.registered.title)[:1000]


def _stamp(when: dt.datetime | None) -> str:
    return when.astimezone(SHANGHAI).strftime(_STAMP) if when else ""


def _deadline(text: str) -> dt.datetime | None:
    """The last second of a day stands for its end: the exchange knows no part of a second."""
    due_at = _instant(text, "dangerManageDeadline")
    return day_end(due_at.date()) - MICROSECOND if due_at and text.endswith("23:59:59") else due_at


def _instant(text: str, field: str) -> dt.datetime | None:
    if not text:
        return None
    try:
        return dt.datetime.strptime(text, _STAMP).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise Refused(field, f"{text!r} is not YYYY-MM-DD hh:mm:ss") from None
