"""The built-in sources of the yearbook and the communique, read from their real bytes.

Counts per source were taken from the sheets (rows with an area times value columns), the spot values from the
files as a person sees them, converted to the indicator's unit.
Not here: how the engine reads (tests of pipelines.sources); the other built-in sources.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.settings import BUILTIN
from pipelines.sources.read import Reading, read_snapshot
from warehouse.catalogue.load import Catalogue, load
from warehouse.catalogue.source import Bundled

# source: files, then cells by outcome: value, missing, excluded
COUNTS = {
    "yearbook_rd_personnel": (14, 2490, 0, 20),
    "yearbook_rd_expenditure": (14, 2459, 31, 20),
    "yearbook_rd_intensity": (6, 1856, 0, 0),
    "yearbook_patent_applications": (14, 1880, 0, 184),
    "yearbook_patent_grants": (14, 1880, 0, 184),
    "yearbook_patents_in_force": (14, 1880, 0, 184),
    "yearbook_international_papers": (13, 2455, 41, 18),
    "yearbook_hightech": (13, 1926, 5, 35),
    "yearbook_tech_outflow_contracts": (5, 1659, 33, 94),
    "yearbook_tech_outflow_value": (5, 1659, 33, 94),
    "yearbook_tech_inflow_contracts": (5, 1692, 0, 94),
    "yearbook_tech_inflow_value": (5, 1692, 0, 94),
    "yearbook_incubators": (2, 320, 0, 0),
    "yearbook_makerspaces": (2, 384, 0, 0),
    "yearbook_public_budget": (5, 3713, 162, 125),
    "communique_rd": (6, 384, 0, 0),
    "communique_rd_hand": (8, 448, 0, 64),
}

# By source: file, indicator, area, period, value in the indicator's unit, unit, place.
SPOTS = """
yearbook_rd_personnel
    raw-2010.xls rd_personnel_fte CN-BJ 2010 193718.4 person_years 1!C16
    raw-2010.xls rd_researchers_fte CN-BJ 2010 107217.5 person_years 1!D16
    raw-2019.xls rd_personnel_fte CN 2019 4800768 person_years 1!C7
    raw-2013.xls rd_personnel_fte_basic CN-BJ 2013 35933 person_years 1!E13
    raw-2023.xls rd_personnel_fte_applied CN-BJ 2023 115836 person_years 1!F12
    raw-2023.xls rd_personnel_fte_experimental CN-BJ 2023 194367 person_years 1!G12
yearbook_rd_expenditure
    raw-2010.xls rd_expenditure CN-BJ 2010 821.82342 cny_100m 1!C16
    raw-2012.xls rd_expenditure_enterprise CN-BJ 2012 368.6332 cny_100m 1!E12
    raw-2018.xls rd_expenditure CN-BJ 2018 1870.7701 cny_100m 1!C12
    raw-2018.xls rd_expenditure CN 2018 19677.9294 cny_100m 1!C7
    raw-2023.xls rd_expenditure_foreign CN-BJ 2023 26.8966 cny_100m 1!F12
    raw-2023.xls rd_expenditure_other CN-BJ 2023 208.9182 cny_100m 1!G12
    raw-2016.xls rd_expenditure_government CN-BJ 2016 802.6073 cny_100m 1!D12
yearbook_rd_intensity
    raw-2018.xls rd_intensity CN-BJ 2018 6.17 pct_gdp 1!J7
    raw-2019.xls rd_intensity CN-BJ 2018 5.65 pct_gdp 1!I7
    raw-2018.xls rd_intensity CN-BJ 2011 5.76 pct_gdp 1!C7
    raw-2022.xls rd_intensity CN-BJ 2020 6.44 pct_gdp 1!K7
    raw-2023.xls rd_intensity CN-BJ 2020 6.47 pct_gdp 1!K7
    raw-2020.xls rd_intensity CN-BJ 2018 5.650849030387241 pct_gdp Sheet1!I10
yearbook_patent_applications
    raw-2010.xls patent_applications CN-BJ 2010 57296 patents 1!C15
    raw-2010.xls invention_patent_applications CN-BJ 2010 33466 patents 1!D15
    raw-2018.xls utility_model_applications CN-BJ 2018 70507 patents 1!E8
    raw-2023.xls design_applications CN-BJ 2023 23095 patents 1!F8
yearbook_patent_grants
    raw-2011.xls patent_grants CN-BJ 2011 40888 patents 1!C15
    raw-2018.xls invention_patent_grants CN-BJ 2018 46978 patents 1!D8
    raw-2016.xls utility_model_grants CN-BJ 2016 44710 patents 1!E12
    raw-2023.xls design_grants CN-BJ 2023 17197 patents 1!F8
yearbook_patents_in_force
    raw-2010.xls patents_in_force CN-BJ 2010 100623 patents 1!C15
    raw-2018.xls invention_patents_in_force CN-BJ 2018 241282 patents 1!D8
    raw-2016.xls utility_models_in_force CN-BJ 2016 203533 patents 1!E12
    raw-2023.xls designs_in_force CN-BJ 2023 127062 patents 1!F8
yearbook_international_papers
    raw-2010.xls sci_papers CN-BJ 2010 23307 papers 1!C9
    raw-2010.xls cpci_s_papers CN-BJ 2010 16307 papers 1!E9
    raw-2016.xls ei_papers CN-BJ 2016 37223 papers Sheet1!D9
    raw-2013.xls ei_papers_rank CN-TJ 2013 13 rank 1!G7
    raw-2022.xls sci_papers_rank CN-TJ 2022 14 rank 1!F7
    raw-2019.xls cpci_s_papers_rank CN-TJ 2019 10 rank Sheet1!H10
yearbook_hightech
    raw-2010.xls hightech_firms CN-BJ 2010 1103 firms 1!C18
    raw-2010.xls hightech_employees CN-BJ 2010 249889 persons 1!D18
    raw-2011.xls hightech_gross_output CN-BJ 2011 2897.6 cny_100m 1!E18
    raw-2010.xls hightech_revenue CN-BJ 2010 3333.8 cny_100m 1!F18
    raw-2010.xls hightech_profit CN-BJ 2010 182.2 cny_100m 1!G18
    raw-2012.xls hightech_profits_taxes CN-BJ 2012 320.4 cny_100m 1!F11
    raw-2010.xls hightech_exports CN-BJ 2010 1217 cny_100m 1!I18
    raw-2021.xls hightech_revenue CN-BJ 2021 10311.2193 cny_100m Sheet1!D18
    raw-2023.xls hightech_profit CN-BJ 2023 463 cny_100m 1!E9
yearbook_tech_outflow_contracts
    raw-type-amount-2020.xls tech_contracts_sold CN-BJ 2000 21270 contracts Sheet1!C14
    raw-type-amount-2022.xls tech_contracts_sold CN-BJ 2019 83171 contracts 1!J11
    raw-type-amount-2023.xls tech_contracts_sold CN-BJ 2023 106552 contracts 1!J11
yearbook_tech_outflow_value
    raw-type-funds-2022.xls tech_contract_turnover CN-BJ 2018 4957.8246 cny_100m 1!I11
    raw-type-funds-2021.xls tech_contract_turnover CN-BJ 2005 489.592195 cny_100m Sheet1!D14
    raw-type-funds-2023.xls tech_contract_turnover CN-BJ 2023 8536.9394 cny_100m 1!J11
yearbook_tech_inflow_contracts
    raw-type-amount-2021.xls tech_contracts_bought CN-BJ 2021 71405 contracts Sheet1!L14
    raw-type-amount-2022.xls tech_contracts_bought CN-BJ 2010 33370 contracts 1!E11
    raw-type-amount-2023.xls tech_contracts_bought CN-BJ 2015 50140 contracts 1!F11
yearbook_tech_inflow_value
    raw-type-funds-2022.xls tech_contract_purchases CN-BJ 2022 4112.5042 cny_100m 1!M11
    raw-type-funds-2020.xls tech_contract_purchases CN-BJ 2000 103.1906 cny_100m Sheet1!C14
    raw-type-funds-2023.xls tech_contract_purchases CN-BJ 2020 3128.5506 cny_100m 1!G11
yearbook_incubators
    raw-2022.xls incubators CN-BJ 2022 272 institutions 1!C5
    raw-2023.xls incubator_resident_firms CN-BJ 2023 21201 firms 1!D5
    raw-2022.xls incubatees CN-BJ 2022 11544 firms 1!E5
    raw-2023.xls incubatee_employees CN-BJ 2023 142862 persons 1!F5
    raw-2022.xls incubatee_funding CN-BJ 2022 344.5442 cny_100m 1!G5
yearbook_makerspaces
    raw-2022.xls makerspaces CN-BJ 2022 233 institutions 1!C5
    raw-2023.xls makerspace_served_groups CN-BJ 2023 21562 items 1!D5
    raw-2022.xls makerspace_subsidy CN-BJ 2022 1.6227 cny_100m 1!E5
    raw-2023.xls makerspace_invested_groups CN-BJ 2023 698 items 1!F5
    raw-2023.xls makerspace_investment CN-BJ 2023 287.0313 cny_100m 1!G5
    raw-2022.xls makerspace_employment CN-BJ 2022 151457 persons 1!H5
yearbook_public_budget
    raw-2019.xls fiscal_sci_tech_expenditure CN-BJ 2019 433.42 cny_100m 1-2!I7
    raw-2019.xls fiscal_health_expenditure CN-BJ 2019 534.41 cny_100m 1-2!D45
    raw-2019.xls fiscal_aid_expenditure CN-BJ 2019 66.5 cny_100m 3!D6
    raw-2020.xls public_expenditure CN-BJ 2020 7116.18 cny_100m raw-2020-base!B5
    raw-2021.xls fiscal_education_expenditure CN-BJ 2021 1147.8293 cny_100m Sheet1!G9
    raw-2023.xls fiscal_emergency_expenditure CN-BJ 2023 207 cny_100m 3!H7
communique_rd
    2018.html rd_expenditure CN-BJ 2018 1870.8 cny_100m table 3!B4
    2018.html rd_intensity CN-BJ 2018 6.17 pct_gdp table 3!C4
    2018.html rd_intensity CN 2018 2.19 pct_gdp table 3!C3
    2020.html rd_intensity CN-BJ 2020 6.44 pct_gdp table 4!C3
    2021.html rd_expenditure CN-BJ 2021 2629.3 cny_100m table 3!B3
    2023.html rd_expenditure CN-BJ 2023 2947.1 cny_100m table 1!B3
communique_rd_hand
    raw-2011.xlsx rd_expenditure CN-BJ 2011 936.6 cny_100m Sheet 1!B3
    raw-2013.xlsx rd_intensity CN-BJ 2013 6.08 pct_gdp Sheet 1!C3
    raw-2017.xlsx rd_intensity CN-BJ 2017 5.64 pct_gdp Sheet 1!C3
"""


KINDS = {
    "patent_applications": (
        "invention_patent_applications",
        "utility_model_applications",
        "design_applications",
    ),
    "patent_grants": ("invention_patent_grants", "utility_model_grants", "design_grants"),
    "patents_in_force": ("invention_patents_in_force", "utility_models_in_force", "designs_in_force"),
}
Files = dict[tuple[str, str], Reading]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load((BUILTIN,))


@pytest.fixture(scope="module")
def files(catalogue: Catalogue) -> Files:
    return {
        (source, path.name): read_snapshot(path.read_bytes(), path.name, catalogue.sources[source], catalogue)
        for source in COUNTS
        for path in _bundled(catalogue, source)
    }


@pytest.fixture(scope="module")
def cells(files: Files) -> pl.DataFrame:
    return pl.concat(
        reading.readings.with_columns(source=pl.lit(source), file=pl.lit(name))
        for (source, name), reading in files.items()
    )


@pytest.fixture(scope="module")
def provinces(catalogue: Catalogue) -> set[str]:
    return {area_id for area_id, area in catalogue.areas.items() if area.kind == "province"}


def _spots() -> list[tuple[str, ...]]:
    spots, source = [], ""
    for line in SPOTS.strip().splitlines():
        if line.startswith(" "):
            spots.append((source, *line.split(maxsplit=6)))
        else:
            source = line
    return spots


def _bundled(catalogue: Catalogue, source: str) -> Iterator[Path]:
    fetch = catalogue.sources[source].fetch
    assert isinstance(fetch, Bundled)
    for pattern in fetch.files:
        yield from sorted(BUILTIN.glob(pattern))


def _values(cells: pl.DataFrame, source: str) -> dict[tuple[str, str, str], float]:
    """Values of one source by area, period and indicator; of several vintages the one of the last file."""
    rows = cells.filter(source=source, outcome="value").sort("file")
    return {row[:3]: row[3] for row in rows.select("ref_area", "time_period", "indicator_id", "obs_value").iter_rows()}


def test_every_bundled_file_belongs_to_one_source(catalogue: Catalogue) -> None:
    taken = [path for source in COUNTS for path in _bundled(catalogue, source)]
    groups = ("china_st_yearbook", "nbs_rd_bulletin")
    there = {path for group in groups for path in (BUILTIN / "raw" / group).rglob("*.*") if path.suffix != ".md"}
    assert len(taken) == len(set(taken)) == 145
    assert set(taken) == there


def test_no_file_is_rejected_and_none_needs_a_look(files: Files) -> None:
    said = {key: (reading.rejections, reading.warnings) for key, reading in files.items()}
    assert {key: texts for key, texts in said.items() if texts != ((), ())} == {}


@pytest.mark.parametrize("source", COUNTS)
def test_cells_add_up_by_outcome(cells: pl.DataFrame, source: str) -> None:
    mine = cells.filter(source=source)
    counts = dict(mine["outcome"].value_counts().iter_rows())
    got = (
        mine["file"].n_unique(),
        counts.get("value", 0),
        counts.get("missing", 0),
        counts.get("excluded", 0),
    )
    assert got == COUNTS[source]
    assert counts.get("quarantined", 0) == 0


@pytest.mark.parametrize("spot", _spots(), ids="-".join)
def test_a_cell_is_what_a_person_reads(cells: pl.DataFrame, spot: tuple[str, ...]) -> None:
    source, file, indicator, area, period, value, unit, place = spot
    row = cells.filter(source=source, file=file, indicator_id=indicator, ref_area=area, time_period=period, freq="A")
    assert row.select("outcome", "unit_id", "locator").rows() == [("value", unit, place)]
    assert row["obs_value"][0] == pytest.approx(float(value), rel=1e-12)


def test_every_source_has_three_spots() -> None:
    counted = Counter(spot[0] for spot in _spots())
    assert set(counted) == set(COUNTS)
    assert min(counted.values()) >= 3


def test_every_province_and_the_nation_stand_in_every_file(cells: pl.DataFrame, provinces: set[str]) -> None:
    assert len(provinces) == 31
    found = cells.filter(pl.col("outcome").is_in(["value", "missing"]) | (pl.col("reason_code") == "wrong_year"))
    for (source, file), rows in found.group_by("source", "file"):
        wanted = provinces if source == "yearbook_public_budget" else provinces | {"CN"}
        assert wanted <= set(rows["ref_area"]), (source, file)


def test_missing_cells_are_blank_in_the_file(cells: pl.DataFrame) -> None:
    assert set(cells.filter(outcome="missing")["raw_text"]) == {""}
    blank = cells.filter(outcome="missing", source="yearbook_international_papers")
    assert set(blank["ref_area"]) == {"CN", "CN-XZ"}


def test_excluded_cells_say_why_in_both_languages(cells: pl.DataFrame) -> None:
    excluded = cells.filter(outcome="excluded")
    counts = dict(excluded["reason_code"].value_counts().iter_rows())
    assert counts == {
        "old_region_division": 16 * 3 + 20 * 2 + 35,
        "outside_areas": 168 * 3 + 18 + 94 * 4,
        "sum_of_regions": 125,
        "wrong_year": 64,
    }
    assert excluded.filter((pl.col("reason_en") == "") | (pl.col("reason_zh") == "")).height == 0


def test_statistical_regions_are_loaded_from_2012_on(cells: pl.DataFrame) -> None:
    regions = cells.filter(
        pl.col("ref_area").is_in(["CN-EAST", "CN-CENTRAL", "CN-WEST", "CN-NORTHEAST"]), outcome="value"
    )
    yearly = regions.filter(~pl.col("source").str.starts_with("yearbook_tech"))
    old = set(yearly.filter(pl.col("time_period") < "2012")["ref_area"])
    assert old == {"CN-WEST"}
    assert yearly.filter(pl.col("time_period") >= "2012")["ref_area"].n_unique() == 4


def test_two_scanning_slips_are_corrected_in_the_open(files: Files, cells: pl.DataFrame) -> None:
    corrected = cells.filter("is_corrected").sort("source")
    assert corrected.select("source", "file", "ref_area", "indicator_id", "raw_text", "obs_value").rows() == [
        ("yearbook_patent_applications", "raw-2019.xls", "CN-JL", "design_applications", "", 2503.0),
        (
            "yearbook_rd_expenditure",
            "raw-2012.xls",
            "CN-BJ",
            "rd_expenditure_enterprise",
            "368633!",
            368.6332,
        ),
    ]
    states = [row[1] for reading in files.values() for row in reading.corrections.iter_rows()]
    assert states == ["matched", "matched"]


def test_misread_names_of_areas_are_understood(cells: pl.DataFrame) -> None:
    slips = [
        ("yearbook_patent_applications", "raw-2014.xls", "CN-JX", "1!C25"),
        ("yearbook_patents_in_force", "raw-2015.xls", "CN-JX", "1!C25"),
        ("yearbook_patent_grants", "raw-2012.xls", "CN-SX", "1!C15"),
        ("yearbook_patent_grants", "raw-2012.xls", "CN-XZ", "1!C37"),
        ("yearbook_patents_in_force", "raw-2014.xls", "CN-EAST", "1!C8"),
        ("yearbook_patents_in_force", "raw-2014.xls", "CN-ZJ", "1!C22"),
        ("yearbook_patents_in_force", "raw-2014.xls", "CN-XZ", "1!C37"),
        ("yearbook_rd_personnel", "raw-2013.xls", "CN-NM", "1!C17"),
    ]
    for source, file, area, place in slips:
        assert cells.filter(source=source, file=file, locator=place)["ref_area"].to_list() == [area]


@pytest.mark.parametrize("total", KINDS)
def test_kinds_of_patents_add_up_to_the_total(cells: pl.DataFrame, total: str) -> None:
    values = _values(cells, f"yearbook_{total}")
    totals = [key for key in values if key[2] == total]
    assert len(totals) == COUNTS[f"yearbook_{total}"][1] / 4
    for area, period, _ in totals:
        assert sum(values[area, period, kind] for kind in KINDS[total]) == values[area, period, total], (
            area,
            period,
        )


def test_sources_of_funds_add_up_to_the_expenditure(cells: pl.DataFrame) -> None:
    values = _values(cells, "yearbook_rd_expenditure")
    parts = ("government", "enterprise", "foreign", "other")
    off = {}
    for area, period, indicator in values:
        if indicator != "rd_expenditure":
            continue
        total = sum(values.get((area, period, f"rd_expenditure_{part}"), 0.0) for part in parts)
        if abs(total - values[area, period, indicator]) > 0.003:
            off[area, period] = round(total - values[area, period, indicator], 4)
    # Printed so: Zhejiang 2015 is 123 (10 000 yuan) short, and with it the east and the nation.
    assert off == {("CN-ZJ", "2015"): 0.0123, ("CN-EAST", "2015"): 0.0123, ("CN", "2015"): 0.0123}


def test_provinces_add_up_to_the_nation(cells: pl.DataFrame, provinces: set[str]) -> None:
    for source, indicator, slack in (
        ("yearbook_rd_personnel", "rd_personnel_fte", 60),
        ("yearbook_rd_expenditure", "rd_expenditure", 0.01),
        ("yearbook_hightech", "hightech_firms", 0),
        ("yearbook_incubators", "incubatee_funding", 0.001),
    ):
        values = _values(cells, source)
        periods = {key[1] for key in values}
        for period in periods:
            total = sum(values.get((area, period, indicator), 0.0) for area in provinces)
            assert total == pytest.approx(values["CN", period, indicator], abs=slack + 1e-9), (
                indicator,
                period,
            )


def test_vintages_follow_the_publication_rules(files: Files) -> None:
    dates = {key: (reading.vintage, reading.vintage_basis) for key, reading in files.items()}
    assert dates["yearbook_rd_expenditure", "raw-2018.xls"] == (date(2019, 12, 31), "assumed")
    assert dates["yearbook_rd_intensity", "raw-2023.xls"] == (date(2024, 12, 31), "assumed")
    assert dates["yearbook_tech_outflow_value", "raw-type-funds-2019.xls"] == (date(2020, 12, 31), "assumed")
    assert dates["communique_rd_hand", "raw-2017.xlsx"] == (date(2018, 10, 31), "assumed")
    assert [dates["communique_rd", f"{year}.html"] for year in range(2018, 2024)] == [
        (date(2019, 8, 30), "declared"),
        (date(2020, 8, 27), "declared"),
        (date(2021, 9, 22), "declared"),
        (date(2022, 8, 31), "declared"),
        (date(2023, 9, 18), "declared"),
        (date(2024, 10, 2), "declared"),
    ]


def test_no_two_files_of_a_source_have_one_vintage(files: Files) -> None:
    dates = Counter((source, reading.vintage) for (source, _), reading in files.items())
    assert max(dates.values()) == 1


def test_the_typed_table_named_2018_is_that_of_2019(cells: pl.DataFrame) -> None:
    typed = cells.filter(source="communique_rd_hand", file="raw-2018.xlsx").select(
        "ref_area", "indicator_id", "raw_text"
    )
    assert set(cells.filter(source="communique_rd_hand", file="raw-2018.xlsx")["reason_code"]) == {"wrong_year"}
    page = _values(cells, "communique_rd")
    for area, indicator, text in typed.iter_rows():
        assert page[area, "2019", indicator] == float(text)


def test_the_page_and_the_yearbook_agree_on_expenditure(cells: pl.DataFrame) -> None:
    page, yearbook = _values(cells, "communique_rd"), _values(cells, "yearbook_rd_expenditure")
    pairs = [(value, yearbook[key]) for key, value in page.items() if key[2] == "rd_expenditure"]
    assert len(pairs) == 6 * 32
    assert max(abs(shown - exact) for shown, exact in pairs) <= 0.0501


def test_a_printed_number_keeps_its_digits(cells: pl.DataFrame) -> None:
    def decimals(source: str, file: str, place: str) -> int | None:
        return cells.filter(source=source, file=file, locator=place)["decimals"][0]

    assert decimals("communique_rd", "2018.html", "table 3!B4") == 1
    assert decimals("yearbook_rd_intensity", "raw-2018.xls", "1!J7") == 2
    assert decimals("yearbook_rd_expenditure", "raw-2018.xls", "1!C12") == 4


def test_indicators_of_these_sources_are_described_in_both_languages(catalogue: Catalogue, cells: pl.DataFrame) -> None:
    used = {name for name in cells["indicator_id"].unique() if name}
    assert len(used) == 76
    for name in sorted(used):
        indicator = catalogue.indicators[name]
        assert indicator.definition_en and indicator.definition_zh, name
        assert indicator.name_zh != indicator.name_en, name
        assert indicator.plausible.min is not None and indicator.plausible.max is not None, name
