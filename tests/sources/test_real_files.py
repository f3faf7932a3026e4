"""Real files of the providers are read to the figures that they print."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pipelines.sources.read import read_snapshot

YEARBOOK = {"read": {"format": "excel"}, "vintage": {"assumed": {"lag_months": 12}}}
HEAD = {"header": {"find": "^地区"}, "area": {"column": "地区"}}


def _value(reading, indicator, area, period):
    rows = reading.readings.filter(
        (pl.col("indicator_id") == indicator)
        & (pl.col("ref_area") == area)
        & (pl.col("time_period") == period)
        & (pl.col("outcome") == "value")
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def _counts(reading):
    return {
        (outcome, code): count
        for outcome, code, count in reading.readings.group_by("outcome", "reason_code").len().iter_rows()
    }


def test_encrypted_workbook_with_merged_two_level_header(sample, make_source, catalogue):
    source = make_source(
        **YEARBOOK,
        layout=HEAD
        | {
            "period": {"file": r"(\d{4})\.xls"},
            "unit": {"header": r"\((篇)\)"},
            "columns": [
                {"indicator": "sci_papers", "header": "篇数.*sci"},
                {"indicator": "ei_papers", "header": "篇数.*ei"},
            ],
            "unused_columns": ["位次", "cpci"],
        },
    )
    reading = read_snapshot(sample("papers-2013.xls"), "papers-2013.xls", source, catalogue)
    assert not reading.rejections and not reading.warnings
    row = _value(reading, "sci_papers", "CN-BJ", "2013")
    assert (row["obs_value"], row["decimals"], row["locator"]) == (35284.0, 0, "1!C6")
    assert _value(reading, "ei_papers", "CN", "2013")["obs_value"] == 153717
    assert (reading.vintage, reading.vintage_basis) == (date(2014, 12, 31), "assumed")
    assert _counts(reading) == {
        ("value", ""): 64,
        ("quarantined", "unknown_area"): 2,
        ("excluded", "column_unused"): 132,
    }


def test_running_page_header_above_the_title_is_no_header(sample, make_source, catalogue):
    source = make_source(
        **YEARBOOK,
        exclude=[{"code": "outside", "why_en": "no area of ours", "areas": ["其他", "香港", "澳门", "台湾"]}],
        layout=HEAD
        | {
            "period": {"title": r"[（(](\d{4})\s*年"},
            "unit": {"title": r"单位[：:]\s*(\S+)"},
            "columns": [
                {"indicator": "patents_in_force", "header": "合计"},
                {"indicator": "invention_patents", "header": "发明"},
            ],
            "unused_columns": ["实用新型", "外观设计"],
        },
    )
    reading = read_snapshot(sample("patents_in_force-2013.xls"), "x.xls", source, catalogue)
    assert _value(reading, "invention_patents", "CN-BJ", "2013")["obs_value"] == 85434
    assert _value(reading, "patents_in_force", "CN-BJ", "2013")["unit_id"] == "patents"
    assert ("excluded", "outside") in _counts(reading)
    assert not reading.readings["reason_code"].is_in(["unknown_area"]).any()


def test_stated_slip_is_put_right_and_converted_exactly(sample, make_source, catalogue):
    source = make_source(
        **YEARBOOK,
        corrections=[
            {
                "indicator": "rd_expenditure_enterprise",
                "ref_area": "CN-BJ",
                "time_period": "2012",
                "expect": "368633!",
                "value": 3686332,
                "why_en": "the total less the others",
            }
        ],
        layout=HEAD
        | {
            "period": {"title": r"(\d{4})\s*年"},
            "unit": {"title": r"单位[：:]\s*(\S+)"},
            "columns": [
                {"indicator": "rd_expenditure", "header": "total"},
                {"indicator": "rd_expenditure_enterprise", "header": "企业资金"},
            ],
            "unused_columns": ["资金"],
        },
    )
    reading = read_snapshot(sample("rd_expenditure-2012.xls"), "x.xls", source, catalogue)
    row = _value(reading, "rd_expenditure_enterprise", "CN-BJ", "2012")
    assert (row["obs_value"], row["decimals"], row["is_corrected"]) == (368.6332, 4, True)
    assert row["raw_text"] == "368633!"
    assert reading.corrections.row(0) == (0, "matched", "368633!", "1!E12")
    assert _value(reading, "rd_expenditure", "CN-BJ", "2012")["obs_value"] == 1063.364


def test_stacked_half_tables_on_two_sheets(sample, make_source, catalogue):
    source = make_source(
        vintage={"declared": "2020-12"},
        read={"format": "excel", "sheets": ["1-2", "3"]},
        layout=HEAD
        | {
            "header": {"find": "^地区", "repeat": True},
            "period": {"title": r"(\d{4})\s*年"},
            "unit": {"title": r"单位[：:]\s*(\S+)"},
            "columns": [
                {"indicator": "budget", "header": "公共预算支出"},
                {"indicator": "budget_science", "header": "科学技术"},
            ],
            "unused_columns": ["支出"],
        },
    )
    reading = read_snapshot(sample("public_budget-2019.xls"), "x.xls", source, catalogue)
    assert _value(reading, "budget", "CN-BJ", "2019")["locator"] == "1-2!C7"
    assert _value(reading, "budget_science", "CN-BJ", "2019")["obs_value"] == 433.42
    assert _counts(reading) == {("value", ""): 64, ("excluded", "column_unused"): 736}
    third = reading.readings.filter(pl.col("locator").str.starts_with("3!"))
    assert third.height == 32 * 9
    assert reading.vintage == date(2020, 12, 31)


def test_gb18030_export_with_crlf_preamble_and_footer(sample, make_source, catalogue):
    source = make_source(
        read={"format": "csv", "encoding": "gb18030"},
        vintage={"file": r"downloaded_(\d{4}-\d{2})"},
        layout=HEAD
        | {
            "footer": ["^注", "^数据来源"],
            "period": {"header": r"(\d{4})年"},
            "indicator": "gdp",
            "unit": {"title": r"\((\S+?)\)"},
        },
    )
    name = "gdp_1993_2017_downloaded_2018-12_gb18030.csv"
    reading = read_snapshot(sample(name), name, source, catalogue)
    row = _value(reading, "gdp", "CN-BJ", "2017")
    assert (row["obs_value"], row["decimals"], row["locator"]) == (28014.94, 2, "B5")
    assert _counts(reading) == {("value", ""): 31 * 25}
    assert (reading.vintage, reading.vintage_basis) == (date(2018, 12, 31), "declared")


def test_tabs_before_commas_and_a_date_for_each_value(sample, make_source, catalogue):
    source = make_source(
        read={"format": "csv"},
        vintage={"assumed": {"lag_months": 9, "per": "observation"}},
        layout=HEAD | {"footer": ["^注", "^数据来源"], "period": {"header": r"(\d{4})年"}, "indicator": "gdp"},
    )
    reading = read_snapshot(sample("technology_market.csv"), "x.csv", source, catalogue)
    row = _value(reading, "gdp", "CN-BJ", "2018")
    assert (row["obs_value"], row["vintage"], row["vintage_basis"]) == (4957.82, date(2019, 9, 30), "assumed")
    assert (reading.vintage, reading.vintage_basis) == (date(2026, 6, 30), "retrieved")
    assert sum(_counts(reading).values()) == 31 * 15


def test_headerless_long_file_with_repeated_rows(sample, make_source, catalogue):
    source = make_source(
        read={"format": "csv"},
        layout={
            "header": {"rows": 0},
            "area": "CN",
            "period": {"column": 1},
            "indicator": {"column": 3, "values": {"A030101": "population"}, "unused": ".*"},
            "value": 4,
            "unit": "persons_10k",
        },
    )
    content = sample("a0301.csv")
    reading = read_snapshot(content, "a0301.csv", source, catalogue)
    row = _value(reading, "population", "CN", "2000")
    assert (row["obs_value"], row["decimals"], row["locator"]) == (1267430000.0, -2, "D1")
    assert _counts(reading) == {
        ("value", ""): 23,
        ("excluded", "duplicate"): 2,
        ("excluded", "indicator_unused"): 100,
    }
    assert reading.readings.height == len(content.splitlines())


@pytest.mark.parametrize(
    ("year", "beijing", "place"), [(2018, (1870.8, 6.17), "table 3!B4"), (2021, (2629.3, 6.53), "table 3!B3")]
)
def test_province_table_of_a_communique_page(year, beijing, place, sample, make_source, catalogue):
    source = make_source(
        read={"format": "html", "table": "地区.*R&D经费"},
        vintage={"title": r"20\d\d[-/]\d\d[-/]\d\d(?= \d\d:\d\d)"},
        files=[{"match": "bulletin-2018.html", "vintage": "2019-08-30"}],
        layout=HEAD
        | {
            "header": {"find": "^地区$"},
            "period": {"file": r"(\d{4})"},
            "columns": [
                {"indicator": "rd_expenditure", "header": r"经费（亿元）"},
                {"indicator": "rd_intensity", "header": "强度"},
            ],
        },
    )
    name = f"bulletin-{year}.html"
    reading = read_snapshot(sample(name), name, source, catalogue)
    assert not reading.rejections
    spent = _value(reading, "rd_expenditure", "CN-BJ", str(year))
    assert (spent["obs_value"], spent["decimals"], spent["locator"]) == (beijing[0], 1, place)
    assert _value(reading, "rd_intensity", "CN-BJ", str(year))["obs_value"] == beijing[1]
    assert _counts(reading) == {("value", ""): 64}
    assert reading.vintage == {2018: date(2019, 8, 30), 2021: date(2022, 8, 31)}[year]


def test_numbers_in_number_cells_have_no_known_decimals(sample, make_source, catalogue):
    source = make_source(
        read={"format": "excel"},
        layout={
            "area": {"column": "地区"},
            "period": {"file": r"(\d{4})"},
            "columns": [
                {"indicator": "rd_expenditure", "header": "经费"},
                {"indicator": "rd_intensity", "header": "强度"},
            ],
        },
    )
    reading = read_snapshot(sample("hand-2018.xlsx"), "hand-2018.xlsx", source, catalogue)
    row = _value(reading, "rd_expenditure", "CN-01", "2018")
    assert (row["obs_value"], row["decimals"], row["raw_text"]) == (463.0, None, "463")
    assert _counts(reading) == {("value", ""): 64}
