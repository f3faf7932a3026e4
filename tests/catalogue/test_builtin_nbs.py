"""The built-in sources of the bureau's databases, of the page of 2019-10-17 and of single published figures.

Counts were taken from the files without the engine (areas times years, repeats and blanks by hand); the spot
values are copied from the files as a person sees them, converted to the indicator's unit.
Not here: how the engine reads (tests of pipelines.sources); the yearbook and the communique pages.
"""

from __future__ import annotations

import csv
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from pipelines.settings import BUILTIN
from pipelines.sources.read import Reading, read_snapshot
from warehouse.catalogue.indicator import fold_name
from warehouse.catalogue.load import Catalogue, load
from warehouse.catalogue.source import Bundled

# source: number of files, cells by outcome (value, missing) or, where excluded, by the code of the rule
COUNTS: dict[str, tuple[int, dict[str, int]]] = {
    "nbs_gdp": (6, {"value": 2666, "missing": 62}),
    "nbs_patent_applications": (1, {"value": 434, "missing": 31}),
    "nbs_patent_grants": (1, {"value": 434, "missing": 31}),
    "nbs_invention_patent_applications": (1, {"value": 434, "missing": 31}),
    "nbs_invention_patent_grants": (1, {"value": 434, "missing": 31}),
    "nbs_tech_contract_turnover": (1, {"value": 428, "missing": 37}),
    "nbs_public_expenditure": (1, {"value": 434, "missing": 31}),
    "nbs_fiscal_sci_tech": (1, {"value": 403, "missing": 62}),
    "nbs_beijing_fiscal": (1, {"value": 169, "missing": 20}),
    "nbs_resident_population": (1, {"value": 310}),
    "nbs_urban_unit_employment": (1, {"value": 527, "missing": 93}),
    "nbs_private_self_employment": (1, {"value": 434, "missing": 186}),
    "nbs_public_sector_professionals": (1, {"value": 186, "missing": 434}),
    "nbs_sample_survey": (1, {"value": 527, "missing": 93}),
    "nbs_rd_by_hand": (1, {"value": 198}),
    "nbs_rd_2024_by_hand": (1, {"value": 96, "estimate": 32, "column_unused": 32}),
    "nbs_rd_communique_2024": (1, {"value": 96}),
    "hgnd_gdp": (1, {"value": 46, "duplicate": 4, "indicator_unused": 100}),
    "hgnd_gdp_index": (1, {"value": 23, "duplicate": 2, "indicator_unused": 125}),
    "hgnd_population": (1, {"value": 23, "duplicate": 2, "indicator_unused": 100}),
    "hgnd_employment": (1, {"value": 23, "duplicate": 2, "indicator_unused": 75}),
    "hgnd_rd": (1, {"value": 183, "duplicate": 16, "indicator_unused": 420}),
    "hgnd_patents": (1, {"value": 115, "duplicate": 10, "indicator_unused": 494}),
    "hgnd_awards": (1, {"value": 40, "other_source": 2, "indicator_unused": 577}),
    "hgnd_awards_2020": (1, {"value": 2, "other_source": 40, "indicator_unused": 577}),
    "hgnd_technology_market": (1, {"value": 23, "duplicate": 4}),
    "page_2019": (
        1,
        {"value": 22, "not_a_level": 84, "not_exact": 13, "event_detail": 17, "about_the_list": 6},
    ),
    "published_official_table": (1, {"value": 13, "derived": 9, "other_source": 143}),
    "published_official_text": (1, {"value": 29, "derived": 9, "other_source": 127}),
    "published_official_press": (1, {"value": 77, "derived": 9, "other_source": 79}),
    "published_secondary": (1, {"value": 21, "derived": 9, "other_source": 135}),
    "published_seed": (1, {"value": 16, "derived": 9, "other_source": 140}),
}
PUBLISHED = [name for name in COUNTS if name.startswith("published_")]
GDP_2026_03 = "gdp_2006_2024_downloaded_2026-03_after_5th_census_gb18030.csv"
GDP_2026_05 = "gdp_2011_2025_downloaded_2026-05_after_5th_census_utf8bom_tabs.csv"

# source, part of the file name, indicator, area, period, value in the indicator's unit, place
SPOTS = [
    ("nbs_gdp", "2018-12", "gdp", "CN-BJ", "2017", 28014.94, "B5"),
    ("nbs_gdp", "4th_census", "gdp", "CN-BJ", "2017", 29883.0, "分省年度数据!H2"),
    ("nbs_gdp", "2026-03", "gdp", "CN-BJ", "2017", 31325.9, "I5"),
    ("nbs_gdp", "2026-05", "gdp", "CN-BJ", "2017", 31325.9, "J4"),
    ("nbs_gdp", "mixed_vintage", "gdp", "CN-BJ", "2017", 28014.94, "分省年度数据!D5"),
    ("nbs_gdp", "mixed_vintage", "gdp", "CN-BJ", "2018", 33105.97, "分省年度数据!C5"),
    ("nbs_gdp", "2024-03", "gdp", "CN-XJ", "2022", 18042.7, "C32"),
    ("nbs_patent_applications", "", "patent_applications", "CN-BJ", "2018", 211212, "I4"),
    ("nbs_patent_grants", "", "patent_grants", "CN-BJ", "2018", 123496, "I4"),
    ("nbs_invention_patent_applications", "", "invention_patent_applications", "CN-TJ", "2024", 27037, "C5"),
    ("nbs_invention_patent_grants", "", "invention_patent_grants", "CN-BJ", "2018", 46978, "I4"),
    ("nbs_tech_contract_turnover", "", "tech_contract_turnover", "CN-BJ", "2018", 4957.82, "I4"),
    ("nbs_fiscal_sci_tech", "", "fiscal_sci_tech_expenditure", "CN-BJ", "2018", 425.87, "I4"),
    ("nbs_public_expenditure", "", "public_expenditure", "CN-BJ", "2018", 7471.43, "I4"),
    ("nbs_beijing_fiscal", "", "public_expenditure", "CN-BJ", "2018", 7471.43, "H4"),
    ("nbs_beijing_fiscal", "", "fiscal_housing_expenditure", "CN-BJ", "2016", 322.09, "J21"),
    ("nbs_resident_population", "", "resident_population", "CN-BJ", "2018", 2192, "H5"),
    ("nbs_sample_survey", "", "sample_survey_population", "CN-BJ", "2015", 335775, "L5"),
    ("nbs_urban_unit_employment", "", "urban_unit_employment", "CN-BJ", "2018", 819.3, "I5"),
    ("nbs_private_self_employment", "", "private_self_employment", "CN-BJ", "2018", 1202.4, "I5"),
    ("nbs_public_sector_professionals", "", "public_sector_professionals", "CN-BJ", "2011", 364568, "P5"),
    ("nbs_rd_by_hand", "", "rd_expenditure", "CN-BJ", "2018", 1870.8, "C3"),
    ("nbs_rd_2024_by_hand", "", "rd_intensity", "CN-BJ", "2024", 6.58, "D3"),
    ("nbs_rd_2024_by_hand", "", "rd_intensity", "CN-BJ", "2023", 6.22, "F3"),
    ("nbs_rd_communique_2024", "", "rd_expenditure", "CN-BJ", "2024", 3278.4, "line 807 expenditure"),
    ("nbs_rd_communique_2024", "", "rd_intensity", "CN", "2023", 2.58, "line 790 intensity_before"),
    ("hgnd_gdp", "", "gdp", "CN", "2018", 919281.13, None),
    ("hgnd_gdp", "", "gdp_per_capita", "CN", "2021", 81369.97, None),
    ("hgnd_gdp_index", "", "gdp_index_previous_year", "CN", "2022", 102.99, None),
    ("hgnd_population", "", "resident_population", "CN", "2018", 140541, None),
    ("hgnd_employment", "", "employed_persons", "CN", "2022", 73351, None),
    ("hgnd_rd", "", "rd_personnel_fte", "CN", "2018", 4381400, None),
    ("hgnd_rd", "", "rd_expenditure", "CN", "2018", 19677.93, None),
    ("hgnd_patents", "", "patent_applications_all_origins", "CN", "2018", 4323112, None),
    ("hgnd_patents", "", "hightech_product_exports", "CN", "2018", 7468.16, None),
    ("hgnd_awards", "", "national_st_progress_awards", "CN", "2018", 173, None),
    ("hgnd_technology_market", "", "tech_contract_turnover", "CN", "2018", 17697.42, None),
    ("page_2019", "", "rd_intensity", "CN-BJ", "2018", 6.17, "F003"),
    ("page_2019", "", "bjstic_index", "CN-BJ", "2018", 322.9, "F012"),
    ("page_2019", "", "national_st_awards_cumulative", "CN-BJ", "2014-01-01/P5Y", 372, "F051"),
    ("published_official_table", "", "pct_applications", "CN-BJ", "2018", 6527, None),
    ("published_official_table", "", "pct_applications", "CN-BJ", "2015-01-01/P8M", 2457, None),
    ("published_official_text", "", "rd_intensity", "CN", "2018", 2.19, None),
    ("published_official_press", "", "unicorns", "CN-BJ", "2018", 82, None),
]


@cache
def catalogue() -> Catalogue:
    return load((BUILTIN,))


@cache
def bundle(source_id: str) -> tuple[Path, ...]:
    fetch = catalogue().sources[source_id].fetch
    if not isinstance(fetch, Bundled):
        return ()
    return tuple(path for pattern in fetch.files for path in sorted(BUILTIN.glob(pattern)))


@cache
def reading(source_id: str, part: str = "") -> Reading:
    """The one file of a source whose name holds `part`."""
    paths = [path for path in bundle(source_id) if part in path.name]
    assert len(paths) == 1, (source_id, part, paths)
    return read_snapshot(paths[0].read_bytes(), paths[0].name, catalogue().sources[source_id], catalogue())


@cache
def files(source_id: str) -> tuple[str, ...]:
    return tuple(path.name for path in bundle(source_id))


def values(source_id: str, part: str = "") -> pl.DataFrame:
    return reading(source_id, part).readings.filter(pl.col("outcome") == "value")


def one(source_id: str, part: str, indicator: str, area: str, period: str) -> dict[str, object]:
    rows = values(source_id, part).filter(
        (pl.col("indicator_id") == indicator) & (pl.col("ref_area") == area) & (pl.col("time_period") == period)
    )
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def raw_rows(name: str) -> list[dict[str, str]]:
    with (BUILTIN / "raw" / name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("source_id", COUNTS)
def test_every_cell_of_every_file_has_its_outcome(source_id: str) -> None:
    found: dict[str, int] = {}
    for name in files(source_id):
        result = reading(source_id, name)
        assert not result.rejections, (name, result.rejections)
        assert not result.warnings, (name, result.warnings)
        for row in result.readings.iter_rows(named=True):
            key = row["reason_code"] if row["outcome"] in ("excluded", "quarantined") else row["outcome"]
            found[key] = found.get(key, 0) + 1
    assert (len(files(source_id)), found) == COUNTS[source_id]


@pytest.mark.parametrize(("source_id", "part", "indicator", "area", "period", "value", "place"), SPOTS)
def test_spot_values_stand_where_a_person_finds_them(
    source_id: str, part: str, indicator: str, area: str, period: str, value: float, place: str | None
) -> None:
    row = one(source_id, part, indicator, area, period)
    assert row["obs_value"] == value
    assert place is None or row["locator"] == place


def test_all_files_of_the_bureau_are_read_by_some_source() -> None:
    read = {path for source_id in catalogue().sources for path in bundle(source_id)}
    for folder in ("nbs_exports", "nbs_national", "page_2019", "published_figures"):
        left = {p.name for p in (BUILTIN / "raw" / folder).iterdir() if p not in read}
        assert left == {"README.md"}, folder


def test_gdp_files_are_dated_by_their_download() -> None:
    downloads = [reading("nbs_gdp", name) for name in files("nbs_gdp")]
    assert {download.vintage for download in downloads} == {
        date(2018, 12, 31),
        date(2020, 12, 31),
        date(2024, 3, 31),
        date(2024, 12, 31),
        date(2026, 3, 31),
        date(2026, 5, 31),
    }
    assert {download.vintage_basis for download in downloads} == {"declared"}


def test_gdp_after_the_fifth_census_agrees_in_all_shared_cells() -> None:
    key = ["ref_area", "time_period"]
    shared = values("nbs_gdp", GDP_2026_03).join(values("nbs_gdp", GDP_2026_05), on=key, suffix="_later")
    assert shared.height == 31 * 14
    assert shared.filter(pl.col("obs_value") != pl.col("obs_value_later")).height == 0


def test_gdp_of_2020_restates_2018_and_2019_only() -> None:
    key = ["ref_area", "time_period"]
    older = values("nbs_gdp", "2018-12").select(*key, "obs_value")
    both = values("nbs_gdp", "mixed_vintage").join(older, on=key, suffix="_older")
    assert sorted(both["time_period"].unique()) == ["2015", "2016", "2017"]
    assert both.filter(pl.col("obs_value") != pl.col("obs_value_older")).height == 0


def test_beijing_totals_by_purpose_equal_those_of_the_export_by_province() -> None:
    shared = 0
    for source_id, indicator in (
        ("nbs_public_expenditure", "public_expenditure"),
        ("nbs_fiscal_sci_tech", "fiscal_sci_tech_expenditure"),
    ):
        rows = values("nbs_beijing_fiscal").filter(pl.col("indicator_id") == indicator)
        for row in rows.iter_rows(named=True):
            assert one(source_id, "", indicator, "CN-BJ", row["time_period"])["obs_value"] == row["obs_value"]
            shared += 1
    assert shared == 9 + 8


def test_the_sample_survey_is_never_the_population() -> None:
    assert set(values("nbs_sample_survey")["indicator_id"]) == {"sample_survey_population"}
    indicator = catalogue().indicators["sample_survey_population"]
    assert "NOT the population" in indicator.definition_en and "不是" in indicator.definition_zh
    for source_id in COUNTS:
        for name in files(source_id):
            people = values(source_id, name).filter(pl.col("indicator_id") == "resident_population")
            assert people.height == 0 or "sample_survey" not in name


def test_series_that_are_not_restated_were_known_to_the_index_of_2019() -> None:
    published = date(2019, 10, 17)
    known = {
        source_id: one(source_id, "", indicator, area, "2018")["vintage"] <= published  # type: ignore[operator]
        for source_id, indicator, area in (
            ("nbs_patent_applications", "patent_applications", "CN-BJ"),
            ("nbs_invention_patent_grants", "invention_patent_grants", "CN-BJ"),
            ("nbs_tech_contract_turnover", "tech_contract_turnover", "CN-BJ"),
            ("nbs_fiscal_sci_tech", "fiscal_sci_tech_expenditure", "CN-BJ"),
            ("nbs_rd_by_hand", "rd_expenditure", "CN-BJ"),
            ("hgnd_rd", "rd_expenditure", "CN"),
            ("hgnd_patents", "patent_applications_all_origins", "CN"),
            ("hgnd_awards", "national_st_progress_awards", "CN"),
            ("hgnd_technology_market", "tech_contract_turnover", "CN"),
            ("nbs_urban_unit_employment", "urban_unit_employment", "CN-BJ"),
        )
    }
    late = [source_id for source_id, is_known in known.items() if not is_known]
    assert late == ["nbs_urban_unit_employment"]


def test_typed_communiques_are_dated_by_their_publication() -> None:
    dates = values("nbs_rd_by_hand").group_by("time_period").agg(pl.col("vintage").unique())
    found = dict(dates.iter_rows())
    assert found["2018"] == [date(2019, 8, 30)] and found["2023"] == [date(2024, 10, 2)]
    assert sorted(found) == [str(year) for year in range(2017, 2024)]


@pytest.mark.parametrize(
    "source_id",
    ["nbs_resident_population", "hgnd_gdp", "hgnd_gdp_index", "hgnd_population", "hgnd_employment"],
)
def test_restated_series_without_a_date_count_from_retrieval(source_id: str) -> None:
    result = reading(source_id)
    assert result.vintage_basis == "retrieved"
    assert result.readings["vintage"].null_count() == result.readings.height
    assert result.vintage is not None and result.vintage.year == 2026


def test_communique_text_equals_the_table_typed_from_it() -> None:
    key = ["indicator_id", "ref_area", "time_period"]
    text, typed = values("nbs_rd_communique_2024"), values("nbs_rd_2024_by_hand")
    both = text.join(typed, on=key, suffix="_typed")
    assert both.height == 96
    assert both.filter(pl.col("obs_value") != pl.col("obs_value_typed")).height == 0
    assert reading("nbs_rd_communique_2024").vintage == date(2025, 9, 29)


def test_a_slip_in_the_typed_table_is_corrected_in_the_open() -> None:
    row = one("nbs_rd_by_hand", "", "rd_expenditure", "CN-GD", "2017")
    assert (row["obs_value"], row["raw_text"], row["is_corrected"]) == (2343.6, "2345.6", True)
    assert values("nbs_rd_by_hand").filter(pl.col("is_corrected")).height == 1


def test_page_observations_are_exact_levels_and_totals_under_their_statement() -> None:
    facts = {row["fact_id"]: row for row in raw_rows("page_2019/published_facts_2019.csv")}
    assert len(facts) == 142
    found = values("page_2019")
    assert found["locator"].n_unique() == found.height
    for row in found.iter_rows(named=True):
        fact = facts[row["locator"]]
        assert fact["measure"] in ("level", "count") and fact["qualifier"] in ("eq", "reach")
        assert (fact["indicator_id"], fact["ref_area"]) == (row["indicator_id"], row["ref_area"])
        assert float(fact["value"]) == row["obs_value"]
    assert reading("page_2019").vintage == date(2019, 10, 17)


def test_every_published_figure_belongs_to_one_source_or_is_derived() -> None:
    rows = raw_rows("published_figures/published_figures.csv")
    assert len(rows) == 165
    owner = {place: source_id for source_id in PUBLISHED for place in values(source_id)["locator"]}
    assert sum(values(source_id).height for source_id in PUBLISHED) == len(owner) == 156
    for row in rows:
        expected = None if row["confidence"] == "derived" else f"published_{row['confidence']}"
        assert owner.get(row["row_id"]) == expected, row


def test_published_figures_are_dated_one_by_one() -> None:
    rows = {row["row_id"]: row for row in raw_rows("published_figures/published_figures.csv")}
    for source_id in PUBLISHED:
        for row in values(source_id).iter_rows(named=True):
            assert str(row["vintage"]) == rows[row["locator"]]["published_on"]
    press = values("published_official_press").filter(
        (pl.col("indicator_id") == "rd_intensity") & (pl.col("ref_area") == "CN") & (pl.col("time_period") == "2014")
    )
    assert sorted(zip(press["vintage"], press["obs_value"], strict=True)) == [
        (date(2015, 12, 31), 2.05),
        (date(2016, 11, 12), 2.02),
    ]


def test_published_figures_that_define_otherwise_have_an_indicator_of_their_own() -> None:
    press = values("published_official_press")
    per_day = press.filter(pl.col("indicator_id").str.starts_with("new_tech_firms_per_day"))
    assert set(per_day["indicator_id"]) == {"new_tech_firms_per_day_commission"}
    assert press.filter(pl.col("indicator_id") == "zgc_total_revenue")["time_period"].to_list() == ["2018"]


def test_no_two_areas_share_a_spelling() -> None:
    owner: dict[str, str] = {}
    for area_id, area in catalogue().areas.items():
        for spelling in area.all_spellings(area_id):
            assert owner.setdefault(spelling, area_id) == area_id, spelling
    printed = {"全国": "CN", "National Total": "CN", "Middle Region": "CN-CENTRAL"}
    printed |= {"内 蒙 古": "CN-NM", "Xizang": "CN-XZ", "新疆维吾尔自治区": "CN-XJ"}
    assert {text: owner[fold_name(text)] for text in printed} == printed


def test_units_of_one_dimension_convert_and_others_do_not() -> None:
    units = catalogue().units
    bases = {unit_id: unit.base or unit_id for unit_id, unit in units.items()}
    assert bases["pct_gdp"] == bases["pct"] == "one"
    assert units["patents_per_10k"].factor == 1e-4
    assert units["patents_per_person"].per == ("patents", "persons")
    apart = ("patents", "papers", "firms", "contracts", "persons", "person_entries")
    assert len({bases[unit] for unit in apart}) == len(apart)
