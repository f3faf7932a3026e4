"""The workbook, read back with openpyxl and held against the release; text stays text; the same bytes every time.

Not here: what may not be passed on (test_redistribution).
"""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from pipelines.exporting import xlsx
from pipelines.exporting.excerpt import Excerpt, take

SHEETS = [
    "about 说明", "scores 得分", "ranks 排名", "weights 权重", "data 数据", "observations 观测值", "gaps 缺口",
    "parameters 参数", "method 方法", "sources 来源", "quality 质量", "columns 字段",
]  # fmt: skip


@pytest.fixture(scope="module")
def content(excerpt: Excerpt) -> bytes:
    return xlsx.write(excerpt)


@pytest.fixture(scope="module")
def book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def rows_of(book: openpyxl.Workbook, sheet: str) -> list[dict[str, Any]]:
    """Rows by the name of their column: the first line of each header."""
    page = next(page for page in book if page.title.startswith(sheet))
    lines = page.iter_rows(values_only=True)
    names = [str(header).split("\n")[0] for header in next(lines)]
    return [dict(zip(names, (_plain(value) for value in line), strict=True)) for line in lines]


def _plain(value: Any) -> Any:
    return value.date() if isinstance(value, datetime) else value or (value if value in (0, False) else None)


def picked(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def test_the_sheets_are_those_that_are_promised(book: openpyxl.Workbook) -> None:
    assert book.sheetnames == SHEETS


def test_scores_and_pillars_are_those_of_the_release(builtin, book: openpyxl.Workbook) -> None:
    names = ["edition_id", "ref_area", "area_name_zh", "time_period", "score", "score_rank", "change_abs",
             "knowledge_creation", "innovation_leadership"]  # fmt: skip
    expected = builtin.query(f"select {', '.join(names)} from scoreboard_beijing_innovation")
    assert picked(rows_of(book, "scores"), *names) == expected


def test_ranks_have_their_intervals_and_the_best_comes_first(builtin, regional: Excerpt) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx.write(regional)), read_only=True)
    rows = rows_of(book, "ranks")
    expected = builtin.query(
        """select s.node_id, s.ref_area, s.time_period, s.score_rank, s.score, r.p05, r.p50, r.p95
           from index_score s left join rank_interval r using (index_id, edition_id, node_id, ref_area, time_period)
           where s.index_id = 'china_regional_innovation' and s.edition_id = 'latest' and r.measure = 'rank'"""
    )
    names = ("node_id", "ref_area", "time_period", "score_rank", "score", "rank_p05", "rank_p50", "rank_p95")
    assert sorted(picked(rows, *names)) == sorted(expected)
    newest = [row for row in rows if row["node_id"] == "china_regional_innovation" and row["time_period"] == "2023"]
    assert [row["score_rank"] for row in newest] == sorted(row["score_rank"] for row in newest)
    assert newest[0]["area_name_zh"] == "北京"


def test_the_data_are_every_stage_with_the_cell_that_they_come_from(builtin, book: openpyxl.Workbook) -> None:
    names = ["edition_id", "node_id", "ref_area", "time_period", "raw", "imputed", "normalised", "is_imputed",
             "imputed_from", "source_id", "vintage", "locator"]  # fmt: skip
    expected = builtin.query(f"select {', '.join(names)} from index_input where index_id = 'beijing_innovation'")
    found = picked(rows_of(book, "data"), *names)
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert any(row[4] is None for row in found), "missing is an empty cell"
    assert any(isinstance(row[10], date) for row in found)


def test_weights_parameters_method_and_sources_are_there(builtin, book: openpyxl.Workbook, excerpt: Excerpt) -> None:
    names = ("edition_id", "node_id", "name_zh", "parent_id", "weight_effective", "ordinal")
    expected = builtin.query(
        f"""select {", ".join(names)} from index_node where index_id = 'beijing_innovation'
            order by edition_id, ordinal"""
    )
    assert picked(rows_of(book, "weights"), *names) == expected
    method = {row["edition_id"]: row for row in rows_of(book, "method")}
    assert set(method) == {"2019", "latest", "latest_geometric"}
    assert "几何平均" in method["latest_geometric"]["method_zh"]
    sources = rows_of(book, "sources")
    assert {row["source_id"] for row in sources} == set(excerpt.tables["source"]["source_id"])
    assert all(row["licence"] for row in sources)
    counts = {row["source_id"]: row["values_used"] for row in sources}
    assert sum(counts.values()) == excerpt.tables["index_input"]["source_id"].count()
    assert len(rows_of(book, "parameters")) == excerpt.tables["index_parameter"].height


def test_gaps_add_up(book: openpyxl.Workbook, excerpt: Excerpt) -> None:
    rows = rows_of(book, "gaps")
    assert sum(row["values_filled"] for row in rows) == excerpt.tables["index_input"]["is_imputed"].sum() > 0
    assert sum(row["values_missing"] for row in rows) == excerpt.tables["index_input"]["normalised"].null_count()


def test_every_column_of_every_sheet_is_explained(book: openpyxl.Workbook) -> None:
    explained = {(row["sheet"], row["column"]) for row in rows_of(book, "columns")}
    shown = {
        (page.title, str(cell.value).split("\n")[0])
        for page in book
        if page.title not in (SHEETS[0], SHEETS[-1])
        for cell in page[1]
    }
    assert explained == shown
    assert all(row["meaning_en"] and row["meaning_zh"] for row in rows_of(book, "columns"))


def test_headers_stay_in_view_and_say_the_column_in_chinese_too(book: openpyxl.Workbook) -> None:
    for page in list(book)[1:]:
        assert page.freeze_panes and page.freeze_panes.endswith("2"), page.title
        assert all("\n" in cell.value for cell in page[1]), page.title
        assert page.auto_filter.ref
    assert book["scores 得分"]["F1"].value == "score\n得分"


def test_columns_are_wide_enough_for_chinese(book: openpyxl.Workbook) -> None:
    page = book["weights 权重"]
    names = [str(cell.value).split("\n")[0] for cell in page[1]]
    letter = openpyxl.utils.get_column_letter(names.index("name_zh") + 1)
    longest = max((str(cell.value) for cell in page[letter][1:]), key=len)
    assert len(longest) >= 20 and page.column_dimensions[letter].width >= 2 * sum(map(_is_wide, longest))


def _is_wide(mark: str) -> bool:
    return mark > "\u2e80"


def test_numbers_are_numbers_with_a_format(book: openpyxl.Workbook) -> None:
    cell = book["scores 得分"]["F2"]
    assert isinstance(cell.value, (int, float)) and cell.number_format == "0.0"
    weights = book["weights 权重"]
    share = next(c for c in weights[3] if str(weights.cell(1, c.column).value).startswith("weight_effective"))
    assert share.value == 0.2 and share.number_format == "0.0%"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "#,##0"), (31325.9, "#,##0.0"), (12345.0, "#,##0"), (6.17, "0.00"), (0.0123, "0.0000"), (-2e-7, "0.00E+00")],
)
def test_a_number_shows_the_digits_that_matter(value: float, shown: str) -> None:
    assert xlsx._magnitude(value) == shown


def test_the_cover_says_what_it_is(book: openpyxl.Workbook, excerpt: Excerpt) -> None:
    text = "\n".join(str(cell) for line in book["about 说明"].iter_rows(values_only=True) for cell in line if cell)
    for part in (excerpt.release_id, "2026-05-31", "Beijing 北京 401.8 (+30.8)", "never zero", "引用", "scores 得分"):
        assert part in text, part


def test_the_same_release_gives_the_same_bytes_and_no_other_time(content: bytes, excerpt: Excerpt) -> None:
    assert xlsx.write(excerpt) == content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {item.date_time[:3] for item in archive.infolist()} == {(1980, 1, 1)}
        core = archive.read("docProps/core.xml").decode()
    times = re.findall(r"W3CDTF\">([^<]+)<", core)
    assert times == [f"{excerpt.data_vintage}T00:00:00Z"] * 2, "created and modified"


def test_text_is_never_run_and_hostile_names_do_no_harm(changed, manifest) -> None:
    names = {
        "knowledge_creation": '=HYPERLINK("http://x","y")', "innovation_economy": "@SUM(A1)",
        "innovation_talent": "北京\x0b\x1b[31m", "innovation_ecosystem": "</t><x>&'\"", "rd_intensity": "_x0041_",
        "sci_papers": "http://example.org/", "patent_grants": "0012", "rd_expenditure": "-1.5",
    }  # fmt: skip
    updates = [
        "update index_node set name_zh = '{}' where node_id = '{}'".format(name.replace("'", "''"), node)
        for node, name in names.items()
    ]
    long = "update source set citation = repeat('长', 40000) where source_id = 'derived'"
    content = xlsx.write(take(changed(*updates, long), "beijing_innovation", "latest", manifest))
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert all(cell.data_type != "f" for page in book for line in page.iter_rows() for cell in line)
    assert all(cell.hyperlink is None for page in book for line in page.iter_rows() for cell in line)
    found = {row["node_id"]: row["name_zh"] for row in rows_of(book, "weights")}
    assert found["knowledge_creation"] == "'" + names["knowledge_creation"]
    assert found["innovation_economy"] == "'@SUM(A1)" and found["rd_expenditure"] == "'-1.5"
    assert found["innovation_talent"] == "北京\ufffd\ufffd[31m"
    assert found["innovation_ecosystem"] == names["innovation_ecosystem"]
    assert found["sci_papers"] == "http://example.org/" and found["patent_grants"] == "0012"
    (cited,) = (row["citation"] for row in rows_of(book, "sources") if row["source_id"] == "derived")
    assert len(cited) == 32767 and cited.endswith("[cut]")


def test_more_rows_than_a_sheet_holds_go_on_in_a_second_one(excerpt: Excerpt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "MAX_ROWS", 401)
    book = openpyxl.load_workbook(io.BytesIO(xlsx.write(excerpt)), read_only=True)
    parts = [name for name in book.sheetnames if name.startswith("data")]
    assert parts == ["data 数据", "data 数据 2"]
    rows = [row for name in parts for row in rows_of(book, name)]
    assert len(rows) == excerpt.tables["index_input"].height == 592


def test_a_small_workbook_and_a_large_one_are_the_same_to_a_reader(
    excerpt: Excerpt, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "_MANY_CELLS", 0)
    large = openpyxl.load_workbook(io.BytesIO(xlsx.write(excerpt)), read_only=True)
    small = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    for name in SHEETS:
        first, second = (list(each[name].iter_rows(values_only=True)) for each in (large, small))
        assert first == second, name
