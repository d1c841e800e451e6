"""Registry tables: controls of risks, departments, matters, days."""

import pytest

from schemas.model import Refused
from schemas.registry import CalendarDay, Control, Department, Matter
from streams.gateways import registry_table
from streams.gateways.outbox import Outgoing
from streams.gateways.sheets import sheets_of
from streams.gateways.templates import every, template

NOW_US = 1_795_000_000_000_000


def sent(text: str, file: str = "a.csv") -> list[tuple[Outgoing, Refused | None]]:
    return list(registry_table.records_of(text.encode(), file, NOW_US))


def test_a_control_with_its_chain() -> None:
    rows = sent(
        "管控措施编号,场所编码,风险分析对象,风险分析单元,风险事件编号,风险事件,管控措施分类,管控措施,对应判定条款\n"
        "C-1,M1,采煤工作面,3301,R-1,瓦斯爆炸,技防,甲烷电闭锁,COAL21-5-2、COAL21-5-4\n"
        "C-2,M1,采煤工作面,3301,,瓦斯爆炸,技防,甲烷电闭锁,\n"
        "C-3,M1,采煤工作面,3301,R-1,瓦斯爆炸,神防,甲烷电闭锁,\n"
    )
    (record, none), (_, empty), (_, strange) = rows
    control = Control.parse(record.value)
    assert none is None and record.topic == "registry.controls" and record.key == "C-1"
    assert (control.risk_object, control.risk_unit, control.risk_event) == ("采煤工作面", "3301", "瓦斯爆炸")
    assert control.criterion_ids == ("COAL21-5-2", "COAL21-5-4") and control.kind == "technology"
    assert empty and empty.field == "risk_id" and strange and strange.field == "kind"
    assert dict(rows[1][0].headers)["line"] == b"3"


def test_departments_matters_and_days() -> None:
    ((department, _),) = sent(
        "部门编号,部门名称,行政区划代码,行业领域,生效日期\nD1,应急局,140402,coal、chemical,2024.1.1\n"
    )
    parsed = Department.parse(department.value)
    assert parsed.sectors == ("coal", "chemical") and str(parsed.valid_from) == "2024-01-01"
    ((matter, _),) = sent("事项编号,事项名称,牵头部门编号,配合部门编号\nX1,电动自行车,D1,D2、D3\n")
    assert Matter.parse(matter.value).cooperating_department_ids == ("D2", "D3")
    ((day, _),) = sent("日期,是否工作日,名称\n2026-10-10,是,补班\n")
    assert CalendarDay.parse(day.value).workday and day.key == "2026-10-10"


def test_a_template_has_every_table_and_each_is_recognised() -> None:
    sheets = sheets_of(template(), "t.xlsx")
    assert [sheet.name for sheet in sheets] == [kept.columns.zh for kept in every().values()]


def test_a_table_of_sensors_is_another_matter() -> None:
    assert not registry_table.fits(b"sensor_id,site_id\nS1,M1\n", "sensors.csv")
    with pytest.raises(Refused, match="fits no table"):
        sent("甲,乙\n1,2\n")
