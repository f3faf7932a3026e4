"""What a provider may change from one file to the next has one stated outcome each."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date

import openpyxl
import polars as pl
import pytest

from pipelines.sources.read import read_snapshot

GOOD = "数据库：分省年度数据\n单位：亿元\n地区,2018年,2017年\n北京市,30320.0,28014.94\n天津市,18809.6,18549.19\n"
COLUMNS = {
    "area": {"column": "地区"},
    "period": "2018",
    "unit": {"title": r"单位：(\S+)"},
    "columns": [
        {"indicator": "rd_expenditure", "header": "经费", "unit": "cny_100m"},
        {"indicator": "rd_intensity", "header": "强度", "unit": "pct", "optional": True},
    ],
}
TABLE = "单位：亿元\n地区,经费,强度\n北京市,1870.8,6.17\n天津市,492.4,2.62\n"


def _codes(reading):
    return [problem.code for problem in reading.rejections]


def _values(reading):
    rows = reading.readings.filter(pl.col("outcome") == "value").sort("ref_area", "time_period")
    return dict(zip(zip(rows["ref_area"], rows["time_period"], strict=True), rows["obs_value"], strict=True))


@pytest.mark.parametrize(
    "changed",
    [
        "\ufeff" + GOOD,
        "\n\n" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", ",\t"),
        GOOD.replace("北京市", " 北\u3000京\u00a0市 "),
        GOOD.replace("地区,2018年,2017年", "地区,2017年,2018年")
        .replace("30320.0,28014.94", "28014.94,30320.0")
        .replace("18809.6,18549.19", "18549.19,18809.6"),
        GOOD + "注：1.初步核算数\n",
        '"地区","2018年","2017年"\n北京市,30320.0,28014.94\n"天津市",18809.6,"18549.19"\n',
    ],
    ids=["bom", "header moved", "crlf", "tabs", "blanks", "reordered", "footer", "quoted"],
)
def test_changes_of_form_leave_the_values_alone(changed, read_text):
    layout = {
        "header": {"find": "^地区"},
        "footer": ["^注"],
        "area": {"column": "地区"},
        "period": {"header": r"(\d{4})年"},
        "indicator": "gdp",
    }
    reading = read_text(changed, layout=layout)
    assert not reading.rejections
    assert _values(reading) == _values(read_text(GOOD)) and len(_values(reading)) == 4


@pytest.mark.parametrize("note", ["Source: the provider", "SOURCE: the provider", "ｓｏｕｒｃｅ：the provider"])
@pytest.mark.parametrize("pattern", ["^source", "^Source"])
def test_a_footer_is_found_in_whatever_case_it_is_printed(note, pattern, read_text):
    layout = {
        "header": {"find": "^地区"},
        "footer": [pattern],
        "area": {"column": "地区"},
        "period": {"header": r"(\d{4})年"},
        "indicator": "gdp",
        "unit": "cny_100m",
    }
    reading = read_text(f"{GOOD}{note},1,2\n", layout=layout)
    assert not reading.rejections
    assert reading.readings.height == 4 and set(reading.readings["outcome"]) == {"value"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ("", "empty_file"),
        (" \r\n\t", "empty_file"),
        (TABLE.replace("经费", "支出"), "column_missing"),
        (TABLE.replace("地区", "省份"), "header_not_found"),
        (TABLE.splitlines()[0] + "\n" + TABLE.splitlines()[1] + "\n", "no_rows"),
        (TABLE.replace("亿元", "万元"), "unit_changed"),
        (TABLE.replace("单位：亿元\n", ""), "title_not_found"),
        (TABLE.replace("地区,经费,强度", "地区,经费,经费"), "column_ambiguous"),
        ('单位：亿元\n地区,经费\n"北京市,1\n', "unreadable"),
        (TABLE.replace("1870.8,6.17", ",").replace("492.4,2.62", ","), "no_values"),
        (TABLE.replace("1870.8", "1870；8").replace("492.4", "x"), None),
        (TABLE.replace("北京市", "北金市").replace("天津市", "天律市"), "too_many_rejects"),
    ],
)
def test_a_file_that_breaks_its_contract_is_rejected_whole(changed, code, read_text):
    reading = read_text(changed, layout=COLUMNS | {"header": {"find": "^地区"}})
    assert _codes(reading) == ([code] if code else [])
    if code:
        assert reading.rejections[0].reason_en and reading.rejections[0].reason_zh


def test_wrong_encoding_names_position_and_remedy(read_text):
    reading = read_text(GOOD.encode("gb18030"))
    assert _codes(reading) == ["wrong_encoding"]
    assert "position 0" in reading.rejections[0].reason_en and "gb18030" in reading.rejections[0].reason_en
    other = read_text(GOOD, read={"format": "csv", "encoding": "gb18030"})
    assert _codes(other) == ["wrong_encoding"] and "utf-8-sig" in other.rejections[0].reason_en


def test_unknown_value_column_is_excluded_with_a_warning(read_text):
    reading = read_text(TABLE.replace("强度\n", "强度,增速\n").replace("6.17", "6.17,9.1"), layout=COLUMNS)
    extra = reading.readings.filter(pl.col("reason_code") == "column_unknown")
    assert extra["outcome"].to_list() == ["excluded", "excluded"]
    assert [w.code for w in reading.warnings] == ["column_unknown"]
    assert not reading.rejections and reading.readings.height == 6


def test_optional_column_may_be_absent_and_returns_no_cells(read_text):
    reading = read_text("单位：亿元\n地区,经费\n北京市,1870.8\n", layout=COLUMNS)
    assert not reading.rejections and reading.readings["indicator_id"].to_list() == ["rd_expenditure"]


def test_decimal_comma_never_becomes_another_number(read_text):
    changed = GOOD.replace("30320.0", '"30320,0"').replace("18809.6", '"18809,6"')
    plain = read_text(changed)
    assert plain.readings.filter(pl.col("time_period") == "2018")["reason_code"].to_list() == ["not_a_number"] * 2
    grouped = read_text(changed, marks={"group": ","})
    assert grouped.readings.filter(pl.col("time_period") == "2018")["outcome"].to_list() == ["quarantined"] * 2
    declared = read_text(
        changed.replace("28014.94", '"28.014,94"').replace("18549.19", '"18549,19"'),
        marks={"decimal": ",", "group": "."},
    )
    assert _values(declared) == _values(read_text(GOOD))


def test_outcomes_of_single_cells(read_text):
    text = (
        "地区,2018年,2017年,2016年\n北京市,..,abc,1e400\n火星,1,,2\n天津市,-5,１２.5,7\n天津市,-5,12.5,8\n,3,,\n,,,\n"
    )
    reading = read_text(text, max_quarantined_pct=100)
    rows = reading.readings.select("locator", "outcome", "reason_code").sort("locator").rows()
    assert rows == [
        ("B2", "missing", "missing"),
        ("B3", "quarantined", "unknown_area"),
        ("B4", "quarantined", "out_of_range"),
        ("B5", "quarantined", "out_of_range"),
        ("B6", "quarantined", "unknown_area"),
        ("C2", "quarantined", "not_a_number"),
        ("C3", "excluded", "missing"),
        ("C4", "value", ""),
        ("C5", "excluded", "duplicate"),
        ("C6", "excluded", "missing"),
        ("D2", "quarantined", "not_a_number"),
        ("D3", "quarantined", "unknown_area"),
        ("D4", "quarantined", "conflicting_duplicate"),
        ("D5", "quarantined", "conflicting_duplicate"),
        ("D6", "excluded", "missing"),
    ]
    reasons = reading.readings.filter(pl.col("locator") == "B3")
    assert "火星" in reasons["reason_en"][0] and "火星" in reasons["reason_zh"][0]


def test_status_suffix_is_kept_beside_the_number(read_text):
    reading = read_text("地区,2018\n北京市,30320.0p\n天津市,: e\n", marks={"status": {"p": "P", "e": "E"}})
    rows = reading.readings.sort("locator").select("obs_value", "decimals", "obs_status", "outcome").rows()
    assert rows == [(30320.0, 1, "P", "value"), (None, None, "E", "missing")]


LONG = {
    "area": {"column": "area"},
    "period": {"column": "year"},
    "indicator": {"column": "what"},
    "value": "n",
    "unit": {"column": "unit", "values": {"per head": "persons"}},
    "unused_columns": ["kind"],
}


def test_printed_units_of_rows_are_converted_or_quarantined(read_text):
    text = (
        "area,year,what,n,unit,kind\n北京,2018,population,1.5,万人,a\n北京,2017,population,2.5,dozens,a\n"
        "北京,2016,population,3,亿元,a\n北京,2015,population,4,miles,a\n北京,2014,patents_in_force,5,件,a\n"
        "北京,2013,gdp,6,,derived\n北京,2012,population,7,PER HEAD,a\n"
    )
    reading = read_text(
        text, layout=LONG, exclude=[{"code": "derived", "why_en": "computed", "where": {"kind": "deriv.*"}}]
    )
    rows = reading.readings.select("obs_value", "decimals", "outcome", "reason_code").rows()
    assert rows == [
        (15000.0, -3, "value", ""),
        (30.0, None, "value", ""),
        (None, None, "quarantined", "unit_mismatch"),
        (None, None, "quarantined", "unit_mismatch"),
        (5.0, 0, "value", ""),
        (None, None, "excluded", "derived"),
        (7.0, 0, "value", ""),
    ]


def test_values_dated_by_a_column_do_not_collide(read_text):
    layout = {k: v for k, v in LONG.items() if k != "unit"} | {"vintage": {"column": "unit"}}
    text = "area,year,what,n,unit,kind\n" + "".join(
        f"北京,2018,gdp,{n},{day},a\n" for n, day in ((1, "2019-02"), (2, "2020-03-01"), (3, "soon"))
    )
    reading = read_text(text, layout=layout)
    rows = reading.readings.select("obs_value", "vintage", "vintage_basis", "reason_code").rows()
    assert rows[:2] == [
        (1.0, date(2019, 2, 28), "declared", ""),
        (2.0, date(2020, 3, 1), "declared", ""),
    ]
    assert rows[2][3] == "unknown_vintage"
    layout = layout | {"vintage_basis": {"column": "kind", "values": {"a": "assumed"}}}
    assert read_text(text, layout=layout).readings["vintage_basis"].unique().to_list() == ["assumed"]


def test_correction_ends_with_its_vintage_and_reports_other_text(read_text):
    rule = {"indicator": "gdp", "ref_area": "CN-BJ", "time_period": "2018", "expect": "30320.0", "value": 1}
    rules = [rule | {"why_en": "x"}]
    assert _values(read_text(GOOD, corrections=rules))[("CN-BJ", "2018")] == 1.0
    fixed = read_text(GOOD.replace("30320.0", "30320.1"), corrections=rules)
    assert fixed.corrections["state"].to_list() == ["other"]
    assert _values(fixed)[("CN-BJ", "2018")] == 30320.1
    ended = read_text(GOOD, corrections=[rules[0] | {"until": "2019"}], vintage={"declared": "2019-12-31"})
    assert ended.corrections["state"].to_list() == ["ended"]
    blank = read_text(GOOD.replace("30320.0", ""), corrections=[rules[0] | {"expect": "", "value": 2.5}])
    row = blank.readings.filter(pl.col("is_corrected")).row(0, named=True)
    assert (row["obs_value"], row["decimals"], row["outcome"]) == (2.5, 1, "value")


def test_two_declared_dates_of_one_file_are_refused(read_text):
    fields = {"vintage": {"file": r"(\d{4}-\d{2})"}}
    note = {"match": "*.csv", "vintage": "2020-01-31"}
    assert _codes(read_text(GOOD, "gdp_2019-03.csv", files=[note], **fields)) == ["vintage_conflict"]
    assert read_text(GOOD, "gdp_2020-01.csv", files=[note], **fields).vintage == date(2020, 1, 31)
    assert _codes(read_text(GOOD, "gdp.csv", **fields)) == ["vintage_missing"]


def test_no_vintage_is_later_than_the_retrieval(read_text):
    reading = read_text(GOOD, vintage={"assumed": {"lag_months": 600}})
    assert (reading.vintage, reading.vintage_basis) == (date(2026, 6, 30), "assumed")


def test_notes_of_a_file_change_its_reading(read_text):
    text = GOOD.replace(",", ";").encode("gb18030")
    note = {"match": "old*", "read": {"encoding": "gb18030", "delimiter": ";"}, "layout": {"header": {"row": 3}}}
    assert _values(read_text(text, "old.csv", files=[note])) == _values(read_text(GOOD))


def _workbook(rows, **properties):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_retyped_cells_of_a_workbook_keep_their_value(read_text):
    rows = [[None, None, None], [None, "地区", "2018年"], [None, "北京市", 30320.5], [None, "天津市", "18809.60"]]
    reading = read_text(_workbook(rows), read={"format": "excel"})
    assert reading.readings.select("obs_value", "decimals", "locator").rows() == [
        (30320.5, None, "Sheet!C3"),
        (18809.6, 2, "Sheet!C4"),
    ]


@pytest.mark.parametrize("cut", [0.2, 0.6, 0.95])
def test_truncated_workbooks_and_gzip_are_unreadable(cut, sample, read_text):
    for content in (sample("hand-2018.xlsx"), sample("papers-2013.xls")):
        reading = read_text(content[: int(len(content) * cut)], read={"format": "excel"})
        assert _codes(reading) in (["unreadable"], ["header_not_found"])
    packed = gzip.compress((GOOD * 200).encode())
    assert _codes(read_text(packed[: int(len(packed) * cut)])) == ["unreadable"]


def test_gzip_is_unpacked(read_text):
    assert _values(read_text(gzip.compress(GOOD.encode()))) == _values(read_text(GOOD))


def test_bombs_are_refused_before_a_parser_sees_them(read_text):
    assert _codes(read_text(gzip.compress(b"0" * 300_000_000, 9))) == ["too_large"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<c>" * 50_000_000)
    assert _codes(read_text(out.getvalue(), read={"format": "excel"})) == ["too_large"]
    lying = bytearray(out.getvalue())
    central = lying.rindex(b"PK\x01\x02")
    lying[central + 24 : central + 28] = (10).to_bytes(4, "little")
    assert _codes(read_text(bytes(lying), read={"format": "excel"})) == ["too_large"]


def test_two_far_cells_do_not_make_a_huge_sheet(read_text):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "地区", 1
    out = io.BytesIO()
    book.save(out)
    assert _codes(read_text(out.getvalue(), read={"format": "excel"})) == ["too_large"]


def _old_workbook(row, column):
    import xlwt

    book = xlwt.Workbook()
    sheet = book.add_sheet("s")
    for place, text in (((0, 0), "地区"), ((0, 1), "2018年"), ((1, 0), "北京市"), ((row, column), "30320.0")):
        sheet.write(*place, text)
    for filler in range(60):
        sheet.write(2 + filler, 3, f"note {filler}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_chain_of_sectors_without_end_is_unreadable(read_text):
    good = _old_workbook(1, 1)
    assert _values(read_text(good, read={"format": "excel"})) == {("CN-BJ", "2018"): 30320.0}
    fat = int.from_bytes(good[76:80], "little") * 512 + 512
    chain = bytearray(good)
    chain[fat : fat + 4] = (0).to_bytes(4, "little")
    reading = read_text(bytes(chain), read={"format": "excel"})
    assert _codes(reading) == ["unreadable"] and "no end" in reading.rejections[0].reason_en
    huge = bytearray(good)
    huge[44:48] = (2**31).to_bytes(4, "little")
    assert _codes(read_text(bytes(huge), read={"format": "excel"})) == ["unreadable"]


def test_declared_dimensions_of_an_old_workbook_are_bounded(read_text):
    good = bytearray(_old_workbook(1, 1))
    mark = b"\x00\x02\x0e\x00"
    at = good.index(mark) + 4
    good[at : at + 12] = (0).to_bytes(4, "little") + (65536).to_bytes(4, "little") + b"\x00\x00\xff\xff"
    assert _codes(read_text(bytes(good), read={"format": "excel"})) == ["too_large"]


@pytest.mark.parametrize(
    "payload",
    [
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><table><tr><td>地区</td><td>2018年</td></tr>'
        "<tr><td>北京市</td><td>&x;</td></tr></table>",
        "<!DOCTYPE r ["
        + '<!ENTITY a "1111111111">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefg", "bcdefgh", strict=True))
        + "]><table><tr><td>地区</td><td>2018年</td></tr><tr><td>北京市</td><td>&h;</td></tr></table>",
    ],
)
def test_entities_of_a_page_are_not_resolved(payload, read_text):
    reading = read_text(payload, read={"format": "html"}, max_quarantined_pct=100)
    assert reading.readings["outcome"].to_list() in ([], ["quarantined"], ["missing"])
    assert all(len(text) < 100 for text in reading.readings["raw_text"])


def test_spans_of_a_page_are_expanded(read_text):
    page = (
        "<table><tr><th rowspan=2>地&nbsp;区</th><th colspan=2>年</th></tr><tr><th>2018</th><th>2017</th></tr>"
        "<tr><td>北<span>\u3000京</span></td><td>1</td><td>2</td></tr></table>"
    )
    layout = {
        "header": {"find": "^地区"},
        "area": {"column": "地区"},
        "period": {"header": r"(\d{4})"},
        "indicator": "gdp",
    }
    reading = read_text(page * 2, read={"format": "html"}, layout=layout)
    assert _values(reading) == {("CN-BJ", "2018"): 1.0, ("CN-BJ", "2017"): 2.0}
    assert reading.readings["locator"].sort().to_list() == ["table 1!B3", "table 1!C3"]


def test_text_pattern_gives_rows_and_lines(read_text):
    source = {
        "read": {"format": "text", "pattern": r"(?m)^(?P<area>\S+) (?P<spent>[\d.]+)$"},
        "layout": {
            "area": {"column": "area"},
            "period": "2024",
            "columns": [{"indicator": "rd_expenditure", "header": "spent"}],
        },
    }
    reading = read_text("title\n\n北京 3278.4\nelse\n天津 620.6\n", **source)
    assert reading.readings.select("ref_area", "obs_value", "locator").rows() == [
        ("CN-BJ", 3278.4, "line 3 spent"),
        ("CN-01", 620.6, "line 5 spent"),
    ]
    assert _codes(read_text("nothing here", **source)) == ["header_not_found"]


def test_a_note_that_does_not_fit_names_the_key(read_text):
    from warehouse.catalogue.base import CatalogueError

    with pytest.raises(CatalogueError, match="format"):
        read_text(GOOD, files=[{"match": "*", "read": {"format": "pdf"}}])


def test_reading_twice_gives_the_same_frame(sample, make_source, catalogue):
    source = make_source(
        read={"format": "csv"},
        layout={"header": {"rows": 0}, "area": "CN", "period": {"column": 1}, "indicator": "gdp", "value": 4},
        max_quarantined_pct=100,
    )
    first, second = (read_snapshot(sample("a0301.csv"), "a", source, catalogue) for _ in range(2))
    assert first.readings.equals(second.readings)


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\x7f", "\x9f", "\ufffe", "&#1;", "&#0;"])
def test_a_control_character_in_a_page_is_a_blank(character: str, sample, make_source, catalogue) -> None:
    page = sample("bulletin-2018.html").decode("utf-8-sig").replace("</script>", f"</script>{character}", 2)
    source = make_source(
        read={"format": "html"},
        layout={"area": 1, "period": {"value": "2018"}, "columns": [{"indicator": "rd_expenditure", "position": 2}]},
    )
    reading = read_snapshot(page.encode(), "2018.html", source, catalogue)
    assert not [problem for problem in reading.rejections if problem.code == "unreadable"]


def test_two_spellings_of_one_area_are_one_key(make_source, catalogue) -> None:
    layout = {
        "area": {"column": "area"},
        "period": {"column": "year"},
        "indicator": "gdp",
        "value": "gdp",
        "unit": "cny",
    }
    source = make_source(read={"format": "csv"}, layout=layout)
    text = "area,year,gdp\n北京,2018,1\n北京市,2018,2\n天津,2018年,3\n天津市,2018,3\n"
    readings = read_snapshot(text.encode(), "gdp.csv", source, catalogue).readings
    assert readings["outcome"].to_list() == ["quarantined", "quarantined", "value", "excluded"]
    assert readings["reason_code"].to_list() == ["conflicting_duplicate", "conflicting_duplicate", "", "duplicate"]


CONSTANTS = "地区,2018年,2017年,2016年\n北京市,0,3.5,4.1\n天津市,0,0.0,\n上海市,0,..,..\n重庆市,0,0,0\n江苏省,0,0,无\n"
RULE = {"value": 0, "why_en": "0 is no figure"}


def _constants(reading):
    rows = reading.readings.filter(pl.col("reason_code") == "constant_missing")
    assert set(rows["outcome"]) <= {"missing"} and rows["obs_value"].is_null().all()
    return sorted(rows["locator"])


def test_a_number_in_every_period_of_an_area_is_missing_where_a_rule_says_so(read_text):
    reading = read_text(CONSTANTS, max_quarantined_pct=100, marks={"missing": ["", ".."], "constant_missing": [RULE]})
    # One period is too few to tell (上海), another number or text in any period keeps the others (北京, 江苏).
    assert _constants(reading) == ["B3", "B5", "C3", "C5", "D5"]
    reasons = reading.readings.filter(pl.col("locator") == "B5")
    assert reasons["reason_en"][0].endswith(": 0 is no figure") and "缺失" in reasons["reason_zh"][0]
    assert dict(reading.readings["outcome"].value_counts().iter_rows()) == {"value": 6, "missing": 8, "quarantined": 1}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"except_areas": ["天津市"]}, ["B5", "C5", "D5"]),
        ({"except_areas": ["重庆市", "CN-01"]}, []),
        ({"min_periods": 3}, ["B5", "C5", "D5"]),
        ({"min_periods": 1}, ["B3", "B4", "B5", "C3", "C5", "D5"]),
        ({"indicators": ["population"]}, []),
        ({"indicators": ["gdp", "population"]}, ["B3", "B5", "C3", "C5", "D5"]),
        ({"value": 0.1}, []),
    ],
)
def test_a_rule_for_constant_numbers_reaches_as_far_as_it_says(changes, found, read_text):
    marks = {"missing": ["", ".."], "constant_missing": [RULE | changes]}
    assert _constants(read_text(CONSTANTS, max_quarantined_pct=100, marks=marks)) == found


def test_corrected_and_excluded_cells_do_not_make_a_number_constant(read_text):
    corrected = {
        "indicator": "gdp", "ref_area": "CN-BJ", "time_period": "2018", "expect": "0", "value": 2, "why_en": "slip"
    }  # fmt: skip
    text = "地区,2018年,2017年\n北京市,0,0\n天津市,1,0\n"
    marks = {"constant_missing": [RULE | {"min_periods": 1}]}
    assert _constants(read_text(text, marks=marks, corrections=[corrected])) == []
    excluded = {"code": "later", "why_en": "later", "periods": ["2018"]}
    assert _constants(read_text(text, marks=marks, exclude=[excluded])) == ["C2", "C3"]
