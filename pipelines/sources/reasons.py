"""Every reason why a cell or a file is not loaded: code, English and Chinese text, and the rejection of a
file.

Not here: the reasons of a source's own exclusions, which stand in its YAML.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from warehouse.catalogue.base import IndexhouseError


class Reason(NamedTuple):
    en: str
    zh: str


REASONS: dict[str, Reason] = {
    # cells
    "missing": Reason("no value is printed", "未公布数值"),
    "constant_missing": Reason(
        "the same number in every period stands for a missing value", "各期均为同一数值，表示缺失"
    ),
    "duplicate": Reason(
        "the same key stands in the file before, with the same value", "同一键值在文件中已出现，数值相同"
    ),
    "conflicting_duplicate": Reason("the same key stands in the file with another value", "同一键值在文件中有不同数值"),
    "unknown_area": Reason("the area is not in the catalogue", "地区未在目录中声明"),
    "unknown_period": Reason("the period cannot be read", "无法识别时期"),
    "unknown_indicator": Reason("the indicator is not mapped", "指标未映射"),
    "unknown_vintage": Reason("the date of the value cannot be read", "无法识别数据日期"),
    "not_a_number": Reason("text stands where a number is expected", "应为数字的单元格中是文本"),
    "out_of_range": Reason("the value is outside of the indicator's plausible range", "数值超出指标的合理范围"),
    "unit_mismatch": Reason(
        "the unit is unknown or of another dimension than the indicator's", "单位未知或与指标单位量纲不同"
    ),
    "column_unknown": Reason("the catalogue does not know this column", "目录未声明该列"),
    "column_unused": Reason("the column is not used", "该列不使用"),
    "area_unused": Reason("the area is not used", "该地区不使用"),
    "period_unused": Reason("the period is not used", "该时期不使用"),
    "indicator_unused": Reason("the indicator is not used", "该指标不使用"),
    "superseded": Reason("a later file of the same date shows another value", "同日后续文件给出了不同数值"),
    # files
    "empty_file": Reason("the file is empty", "文件为空"),
    "too_large": Reason("the file is larger than what is read safely", "文件超出安全读取的大小"),
    "unreadable": Reason("the file cannot be read", "文件无法读取"),
    "wrong_encoding": Reason("the file is not in the declared encoding", "文件编码与声明不符"),
    "sheet_missing": Reason("a declared sheet is not in the workbook", "工作簿中没有声明的工作表"),
    "table_missing": Reason("the declared table is not on the page", "页面中没有声明的表格"),
    "header_not_found": Reason("the header of the table is not found", "未找到表头"),
    "title_not_found": Reason(
        "what should stand in the title or the file name is not there", "标题或文件名中没有所需内容"
    ),
    "column_missing": Reason("an expected column is missing", "缺少所需的列"),
    "column_ambiguous": Reason("several columns answer to one description", "多个列符合同一描述"),
    "unit_changed": Reason("the printed unit is not the declared one", "印出的单位与声明不符"),
    "no_rows": Reason("the table has no data rows", "表中没有数据行"),
    "no_values": Reason("the table holds no value at all", "表中没有任何数值"),
    "vintage_missing": Reason("the date of publication is not found", "未找到发布日期"),
    "vintage_conflict": Reason("the file has two declared dates of publication", "文件有两个不同的声明发布日期"),
    "too_many_rejects": Reason("too many cells of the file are rejected", "文件中被拒绝的单元格过多"),
    "volume_drop": Reason("the file has far fewer rows than the one before", "文件行数比上一期大幅减少"),
    "too_few_areas": Reason("the file has fewer areas than required", "文件中的地区数少于要求"),
    "fetch_failed": Reason(
        "the file could not be fetched; the last good one stands in", "文件获取失败，沿用上一份有效文件"
    ),
    "failed_check": Reason("the file fails a check of the first border", "文件未通过入库检验"),
    # warnings
    "unknown_status": Reason("a status mark is not declared", "状态标记未声明"),
}


@dataclass(frozen=True)
class Problem:
    """One reason applied to a file: code, full text in both languages, place ('' is the whole file)."""

    code: str
    reason_en: str
    reason_zh: str
    locator: str = ""


def explain(code: str, detail: str = "", detail_zh: str | None = None) -> Reason:
    """Return the texts of a code with the particular case added."""
    reason = REASONS[code]
    if not detail:
        return reason
    return Reason(f"{reason.en}: {detail}", f"{reason.zh}：{detail if detail_zh is None else detail_zh}")


def problem(code: str, detail: str = "", detail_zh: str | None = None, locator: str = "") -> Problem:
    """Make a problem of a file from its code and the particular case."""
    text = explain(code, detail, detail_zh)
    return Problem(code, text.en, text.zh, locator)


class RejectedFileError(IndexhouseError):
    """A whole file cannot be used; carries the problem that goes into quarantine."""

    def __init__(self, code: str, detail: str = "", detail_zh: str | None = None, locator: str = "") -> None:
        self.problem = problem(code, detail, detail_zh, locator)
        super().__init__(self.problem.reason_en)

    @property
    def code(self) -> str:
        return self.problem.code
