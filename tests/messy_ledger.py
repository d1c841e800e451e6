"""A ledger as offices keep them, with what goes wrong in real ones; made up from first to last."""

import datetime as dt
import io

import xlsxwriter

TITLE = "示例县2024年重大事故隐患排查治理台账（模拟）"


def workbook() -> bytes:
    """Sheet 台账: a banner, a header of two merged rows, 13 rows of data, two that sign; and a sheet of notes."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy/m/d"})
    notes = book.add_worksheet("填表说明")
    notes.write(0, 0, "请逐项填写，不得漏项。")
    sheet = book.add_worksheet("台账")
    sheet.merge_range(0, 0, 0, 13, TITLE)
    sheet.write(1, 0, "填报单位：示例县应急管理局")
    for column, title in enumerate(["序号", "企业名称", "检查日期", "隐患地点", "隐患内容", "隐患等级", "判定依据"]):
        sheet.merge_range(2, column, 3, column, title)
    sheet.merge_range(2, 7, 2, 12, "整改情况")
    below = ["整改措施", "资金\n（万元）", "责任人", "整改期限", "完成时间", "销号时间"]
    for column, title in enumerate(below, 7):
        sheet.write(3, column, title)
    sheet.merge_range(2, 13, 3, 13, "备 注")
    rows: list[list[object]] = [
        # closed, dates in four styles
        [1, "晋安煤业有限公司", dt.date(2024, 3, 5), "3301回风巷", "T2甲烷传感器未接入断电控制", "重大", "",
         "更换传感器", 1.5,
         "甲某", "2024.3.20", "2024年3月18日", "2024-03-19", ""],
        # company merged with the row above; a short date after the year is known; a word where the closing date stands
        [2, "", "2024/3/6", "主井", "瓦斯抽采泵房无人值守", "重大隐患", "", "派人值守", "2万元",
         "乙某", "3月25日前", "2024.3.21",
         "已销号", ""],
        [3, "晋安煤业", "20240307", "井底车场", "消防沙箱沙量不足", "一般", "", "补足", "/",
         "丙某", "立行立改", "2024.3.7", "—", ""],
        # open
        [4, "示例化工公司", 45363.0, "罐区", "可燃气体报警器停用", "重大事故隐患", "",
         "恢复", "0.3", "丁某", "2024年4月底",
         "待整改", "待整改", ""],
        # found in December, due in January without a year
        [5, "示例化工公司", "2023-12-20", "配电室", "配电室门窗破损", "一般隐患", "", "修复", "",
         "丁某", "1月15日", "", "未销号", ""],
        # refused: no date of finding, a day that is none, unknown company, closed without any date, before it was found
        [6, "示例化工公司", "", "罐区", "防火堤有裂缝", "一般", "", "", "", "", "", "", "", ""],
        [7, "示例化工公司", "2024.2.30", "罐区", "静电跨接线脱落", "一般", "", "", "", "", "", "", "", ""],
        [8, "无名矿业有限公司", "2024.4.1", "井口", "入井检身制度不落实", "一般", "", "", "", "", "", "", "", ""],
        [9, "示例化工公司", "2024.4.2", "泵房", "泵房无操作规程", "一般", "", "", "", "", "", "", "已销号", ""],
        [10, "示例化工公司", "2024.4.3", "泵房", "压力表超期未检", "一般", "", "", "", "", "", "2024.4.1", "", ""],
        # refused: neither major nor general; the same hazard again; money that is none
        [11, "示例化工公司", "2024.4.4", "泵房", "联轴器防护罩缺失", "特急", "", "", "", "", "", "", "", ""],
        [12, "示例化工公司", 45363.0, "罐区", "可燃气体报警器停用", "重大事故隐患", "",
         "恢复", "0.3", "丁某", "2024年4月底", "",
         "", ""],
        [13, "示例化工公司", "2024.4.5", "泵房", "安全阀铅封损坏", "一般", "", "", "若干", "", "", "", "", ""],
    ]  # fmt: skip
    for number, row in enumerate(rows, 4):
        for column, value in enumerate(row):
            if isinstance(value, dt.date):
                sheet.write_datetime(number, column, dt.datetime.combine(value, dt.time()), day)
            elif value != "":
                sheet.write(number, column, value)
    sheet.merge_range(4, 1, 5, 1, "晋安煤业有限公司")
    last = 4 + len(rows)
    sheet.write(last, 0, "合计")
    sheet.write(last, 4, "13条")
    sheet.write(last + 2, 0, "填表人：某某")
    book.close()
    return out.getvalue()
