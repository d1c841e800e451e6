"""Ledgers of the past: every row is brought in or refused with a reason, whatever the table looks like."""

import csv
import datetime as dt
import io

import pytest
import xlsxwriter

from schemas.model import Refused
from schemas.registry import Site
from schemas.table_columns import measure_kind, table
from schemas.terms import SHANGHAI, MeasureKind, Verdict
from streams.gateways.ledger_file import LedgerFile, outgoing, read_ledger
from streams.gateways.sheets import sheets_of
from streams.gateways.site_names import SiteBook
from streams.gateways.table_header import propose
from streams.gateways.table_values import instant, yuan
from tests.messy_ledger import workbook

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
SITES = [
    Site(site_id="M1", name="晋安煤业有限公司", enterprise_id="91140000MADEMO001X", region="140402", industry="coal"),
    Site(site_id="C1", name="示例化工有限公司", region="140402", industry="chemical"),
]


def book(**options: object) -> SiteBook:
    return SiteBook(SITES, now=NOW, **options)  # type: ignore[arg-type]


def read(raw: bytes, file: str = "台账.xlsx", **options: object) -> LedgerFile:
    return read_ledger(raw, file, NOW, book(), **options)  # type: ignore[arg-type]


def day(*ymd: int) -> dt.datetime:
    return dt.datetime(*ymd, tzinfo=SHANGHAI)  # type: ignore[arg-type, misc]


@pytest.fixture(scope="module")
def messy() -> LedgerFile:
    return read(workbook())


def test_every_row_is_brought_in_or_refused(messy: LedgerFile) -> None:
    assert len(messy.rows) == 15 == len(messy.accepted) + len(messy.refused)
    assert [row.number for row in messy.accepted] == [5, 6, 7, 8, 9]
    assert {row.number: row.refused.field for _, row in messy.refused if row.refused} == {
        10: "found_at", 11: "found_at", 12: "enterprise", 13: "closed_at", 14: "rectified_at", 15: "level", 16: "",
        17: "funds", 18: "", 20: "",
    }  # fmt: skip
    assert list(messy.passed_over) == ["填表说明"]


def test_a_header_of_two_rows_below_a_banner_is_found(messy: LedgerFile) -> None:
    layout = messy.layouts[0]
    assert layout.first_row == 5
    assert {name: column.index for name, column in layout.columns.items()} == {
        "serial": 0, "enterprise": 1, "found_at": 2, "place": 3, "text": 4, "level": 5, "criterion_ref": 6,
        "measures": 7, "funds": 8, "responsible_person": 9, "due_at": 10, "rectified_at": 11, "closed_at": 12,
        "note": 13,
    }  # fmt: skip


def test_dates_words_and_money_are_read_as_they_are_meant(messy: LedgerFile) -> None:
    first, second, third, fourth, fifth = (row.finding for row in messy.accepted)
    assert first and first.ledger and first.found_at == day(2024, 3, 5) and first.site_id == "M1"
    assert first.ledger.level is Verdict.MAJOR and first.ledger.funds == 15_000
    assert first.ledger.due_at == day(2024, 3, 21) - dt.timedelta(microseconds=1)
    assert (first.ledger.rectified_at, first.ledger.closed_at) == (day(2024, 3, 18), day(2024, 3, 19))
    assert second and second.ledger and second.site_id == "M1" and second.ledger.funds == 20_000
    assert second.ledger.closed_at == day(2024, 3, 21)  # 已销号, and the day is that of the rectification
    assert any("closed_at" in note for note in second.ledger.notes)
    assert third and third.ledger and third.ledger.level is Verdict.GENERAL and third.ledger.due_at is None
    assert third.ledger.funds is None and third.ledger.rectified_at == day(2024, 3, 7) and not third.ledger.closed_at
    assert fourth and fourth.ledger and fourth.found_at == day(2024, 3, 12) and fourth.ledger.closed_at is None
    assert fourth.ledger.due_at == day(2024, 5, 1) - dt.timedelta(microseconds=1)
    assert fifth and fifth.ledger and fifth.ledger.due_at == day(2024, 1, 16) - dt.timedelta(microseconds=1)


def test_read_again_the_findings_keep_their_ids(messy: LedgerFile) -> None:
    again = read(workbook(), "台账 副本.xlsx")
    ids = [row.finding.finding_id for row in messy.accepted if row.finding]
    assert ids == [row.finding.finding_id for row in again.accepted if row.finding] and len(set(ids)) == 5


def test_the_rejects_can_be_mended_and_read_again(messy: LedgerFile) -> None:
    rows = list(csv.DictReader(io.StringIO(messy.rejects().decode("utf-8-sig"), newline="")))
    assert len(rows) == 10 and all(row["拒收原因 reason"] for row in rows)
    mended = [row for row in rows if row["行号 row number"] == "10"]
    mended[0]["检查日期"] = "2024.4.1"
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(mended[0]))
    writer.writeheader()
    writer.writerows(mended)
    again = read(out.getvalue().encode("gb18030"), "台账.rejects.csv")
    assert [row.finding.text for row in again.accepted if row.finding] == ["防火堤有裂缝"] and not again.refused


def test_what_is_sent_holds_every_row_once(messy: LedgerFile) -> None:
    sent = list(outgoing(messy, book(), NOW))
    assert [record.topic for record in sent].count("inspection.findings") == len(messy.accepted)
    letters = [dict(record.headers) for record in sent if record.topic == "dead.letters"]
    assert len({letter["letter_id"] for letter in letters}) == len(messy.refused)
    assert letters[0]["file"].decode() == "台账.xlsx#台账" and letters[0]["line"] == b"10"
    assert "防火堤有裂缝".encode() in next(r.value for r in sent if r.topic == "dead.letters")


def test_an_english_csv_needs_nothing_said() -> None:
    header = b"\xef\xbb\xbfSite ID,Date found,Location,Hazard,Level,Due date,Date closed\n"
    raw = header + b"M1,2024-05-01,face,No methane sensor,major,2024-05-10,2024-05-09\n"
    found = read(raw, "ledger.csv")
    assert [row.finding.site_id for row in found.accepted if row.finding] == ["M1"] and not found.refused


def test_a_column_may_be_named_by_a_person() -> None:
    raw = "矿,哪天,啥事\nM1,2024-05-01,风门损坏\n".encode()
    with pytest.raises(Refused, match="the titles are: 矿, 哪天, 啥事"):
        read(raw, "x.csv")
    found = read(raw, "x.csv", said={"site_id": "矿", "found_at": "哪天", "text": "啥事"})
    assert [row.finding.text for row in found.accepted if row.finding] == ["风门损坏"]
    with pytest.raises(Refused, match="no column is called"):
        read("单位,检查日期,隐患内容\n".encode(), "x.csv", said={"place": "哪里"})
    with pytest.raises(Refused, match="no field of this table"):
        read(raw, "x.csv", said={"colour": "矿"})


@pytest.mark.parametrize("raw", [b"PK\x03\x04junk", b"", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_what_is_no_workbook_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        read(raw)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Refused, match="neither UTF-8"):
        read(b"\xff\x00\x81\xff", "x.csv")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024.3.5", day(2024, 3, 5)), ("2024-03-05", day(2024, 3, 5)), ("24/3/5", day(2024, 3, 5)),
        ("２０２４年３月５日", day(2024, 3, 5)), ("20240305", day(2024, 3, 5)), (45356.0, day(2024, 3, 5)),
        ("45356", day(2024, 3, 5)), ("2024年3月5日14时30分", day(2024, 3, 5, 14, 30)),
        ("2024-03-05 14:30:15", day(2024, 3, 5, 14, 30, 15)), (dt.date(2024, 3, 5), day(2024, 3, 5)),
        (day(2024, 3, 5, 8).replace(tzinfo=None), day(2024, 3, 5, 8)), ("2024 年 3 月 5 日", day(2024, 3, 5)),
    ],
)  # fmt: skip
def test_a_day_in_many_styles(cell: object, expected: dt.datetime) -> None:
    assert instant(cell, "found_at") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["2024.2.30", "2024.13.1", "昨天", "3月5日", "2024年3月", "1899-01-01", "0", "99999"])
def test_what_is_no_day_is_refused(cell: str) -> None:
    with pytest.raises(Refused, match="found_at"):
        instant(cell, "found_at")


def test_money_needs_one_number() -> None:
    assert (
        yuan("1,200元", "funds") == 1200
        and yuan("3.5万", "funds") == 35_000
        and yuan(2.0, "funds", "资金(万元)") == 20_000
    )
    assert yuan("/", "funds") is None
    with pytest.raises(Refused):
        yuan("-5", "funds")


def test_a_name_is_found_in_the_forms_people_write() -> None:
    sites = book()
    assert sites.find("", "", "晋安煤业").site_id == "M1"
    assert sites.find("", "", "示例化工（集团）有限公司").site_id == "C1"
    assert sites.find("", "91140000MADEMO001X", "").site_id == "M1"
    with pytest.raises(Refused, match="相近 near: 晋安煤业有限公司"):
        sites.find("", "", "晋安煤矿有限公司")
    fresh = book(register=True)
    new = fresh.find("", "", "新设矿业有限公司")
    assert fresh.find("", "", "新设矿业").site_id == new.site_id and list(fresh.registered) == [new.site_id]


def test_a_hundred_headers_do_not_hide_the_table() -> None:
    out = io.BytesIO()
    workbook_ = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = workbook_.add_worksheet()
    sheet.write_row(5, 3, ["被检查单位", "部位", "存在的主要问题", "排查时间", "整改时限", "复查情况"])
    sheet.write_row(6, 3, ["M1", "泵房", "泵房积水", "2024.5.1", "2024.5.3", "复查合格"])
    workbook_.close()
    layout = propose(sheets_of(out.getvalue(), "a.xlsx")[0], table("hazard_ledger"))
    assert layout.header_rows == (6, 6) and set(layout.columns) == {
        "enterprise", "place", "text", "found_at", "due_at", "status",
    }  # fmt: skip


def test_measures_are_told_apart_by_their_words() -> None:
    assert measure_kind("更换甲烷传感器并接入监控系统") is MeasureKind.TECHNOLOGY
    assert measure_kind("组织全员培训") is MeasureKind.PEOPLE
    assert measure_kind("修订制度") is MeasureKind.MANAGEMENT
