"""Growth, spans and comparisons, against numbers worked out by hand and a plain loop.

Not here: contributions to the change of an index (test_contribute).
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.compare import comparison
from pipelines.index.growth import growth, indicator_series, score_series
from pipelines.index.growth_span import growth_span
from warehouse.catalogue.indicator import Area, Indicator

AREAS = {
    "WORLD": Area(name_en="World", kind="world"),
    "CN": Area(name_en="China", kind="country", parent="WORLD"),
    "CN-BJ": Area(name_en="Beijing", kind="province", parent="CN"),
    "CN-SH": Area(name_en="Shanghai", kind="province", parent="CN"),
    "CN-GD": Area(name_en="Guangdong", kind="province", parent="CN"),
}
INDICATORS = {
    "gdp": Indicator(name_en="GDP", unit="cny", kind="flow"),
    "rate": Indicator(name_en="Rate", unit="pct", kind="ratio", direction=-1),
}


def observations(*rows: tuple[str, str, str, float | None]) -> pl.DataFrame:
    schema = {
        "indicator_id": pl.String,
        "ref_area": pl.String,
        "time_period": pl.String,
        "obs_value": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def series(**values: float | None) -> pl.DataFrame:
    """One yearly series: y2014=1.0, ..."""
    return indicator_series(observations(*(("gdp", "CN", year[1:], value) for year, value in values.items())))


def by_period(frame: pl.DataFrame, column: str = "time_period") -> dict[str, dict[str, object]]:
    return {row[column]: row for row in frame.iter_rows(named=True)}


def test_change_is_against_the_year_before():
    rows = by_period(growth(series(y2014=50.0, y2015=60.0)))
    assert rows["2015"]["previous_period"] == "2014"
    assert rows["2015"]["change_abs"] == 10.0
    assert rows["2015"]["change_pct"] == 20.0
    assert rows["2014"]["previous_value"] is None


def test_a_gap_is_never_bridged():
    rows = by_period(growth(series(y2014=50.0, y2015=None, y2016=60.0)))
    assert set(rows) == {"2014", "2016"}
    assert rows["2016"]["previous_period"] is None
    assert rows["2016"]["change_abs"] is None


@pytest.mark.parametrize("before", [0.0, -4.0])
def test_no_growth_rate_from_a_value_that_is_not_above_zero(before):
    row = by_period(growth(series(y2014=before, y2015=2.0)))["2015"]
    assert row["change_pct"] is None
    assert row["change_abs"] == 2.0 - before


def test_quarters_and_years_of_one_indicator_do_not_mix():
    frame = observations(("gdp", "CN", "2014-Q4", 5.0), ("gdp", "CN", "2015-Q1", 6.0), ("gdp", "CN", "2015", 20.0))
    rows = by_period(growth(indicator_series(frame)))
    assert rows["2015-Q1"]["previous_period"] == "2014-Q4"
    assert rows["2015"]["previous_period"] is None


def test_scores_of_all_nodes_are_series_of_their_index():
    scores = pl.DataFrame(
        {
            "index_id": ["x", "x"],
            "edition_id": ["latest", "latest"],
            "node_id": ["p", "p"],
            "ref_area": ["CN", "CN"],
            "time_period": ["2014", "2015"],
            "score": [10.0, 15.0],
        }
    )
    row = growth(score_series(scores)).row(1, named=True)
    assert (row["series_kind"], row["series_id"], row["node_id"], row["change_pct"]) == (
        "index",
        "x",
        "p",
        50.0,
    )


def span(frame: pl.DataFrame, start: str, end: str) -> dict[str, object]:
    rows = [r for r in frame.iter_rows(named=True) if (r["from_period"], r["to_period"]) == (start, end)]
    assert len(rows) == 1
    return rows[0]


def test_five_years_have_four_intervals():
    row = span(growth_span(series(y2014=48.2, y2018=111.2), [("2014", "2018")]), "2014", "2018")
    assert row["n_years"] == 4
    assert row["multiple"] == pytest.approx(111.2 / 48.2, rel=1e-11)
    assert row["cagr_pct"] == pytest.approx(100 * ((111.2 / 48.2) ** 0.25 - 1), rel=1e-11)
    assert row["change_per_interval"] == pytest.approx(15.75)
    assert row["trend_pct"] is None


def test_eight_quarters_are_two_years():
    frame = observations(("gdp", "CN", "2014-Q1", 100.0), ("gdp", "CN", "2016-Q1", 121.0))
    row = span(growth_span(indicator_series(frame)), "2014-Q1", "2016-Q1")
    assert row["n_years"] == 2
    assert row["cagr_pct"] == pytest.approx(10.0)


def test_trends_of_an_exact_exponential_and_an_exact_line():
    row = span(growth_span(series(y2014=1.0, y2015=2.0, y2016=4.0)), "2014", "2016")
    assert row["trend_pct"] == pytest.approx(100.0)
    row = span(growth_span(series(y2014=10.0, y2015=12.0, y2017=16.0)), "2014", "2017")
    assert row["linear_trend_pct"] == pytest.approx(20.0)


def test_ends_that_are_not_above_zero_have_no_rate_but_a_change():
    row = span(growth_span(series(y2014=-1.0, y2015=0.0, y2016=3.0)), "2014", "2016")
    assert [row[name] for name in ("multiple", "total_pct", "cagr_pct", "trend_pct")] == [None] * 4
    assert row["change_per_interval"] == 2.0


def test_the_spans_that_are_made():
    made = growth_span(
        series(**{f"y{year}": float(year) for year in range(2006, 2019)}),
        [("2014", "2018"), ("2001", "2018")],
        ["2010"],
    )
    assert set(made.select("from_period", "to_period").iter_rows()) == {
        ("2006", "2018"),
        ("2009", "2018"),
        ("2014", "2018"),
        ("2010", "2018"),
    }


def test_a_single_value_has_no_span():
    assert growth_span(series(y2014=1.0)).is_empty()
    assert growth_span(series()).is_empty()


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(2000, 2012), st.floats(0.1, 1e6), min_size=3, max_size=13))
def test_spans_agree_with_a_plain_loop(values):
    frame = growth_span(series(**{f"y{year}": value for year, value in values.items()}))
    for row in frame.iter_rows(named=True):
        first, last = int(row["from_period"]), int(row["to_period"])
        years = [year for year in sorted(values) if first <= year <= last]
        x = [float(year - first) for year in years]
        assert row["cagr_pct"] == pytest.approx(
            100 * ((values[last] / values[first]) ** (1 / (last - first)) - 1), rel=1e-9, abs=1e-9
        )
        if len(years) < 3:
            assert row["trend_pct"] is None
            continue
        slope, _ = np.polyfit(x, [math.log(values[year]) for year in years], 1)
        assert row["trend_pct"] == pytest.approx(100 * math.expm1(slope), rel=1e-6, abs=1e-6)


def test_order_of_rows_changes_nothing():
    frame = series(y2014=1.0, y2015=2.0, y2016=4.0, y2017=3.0)
    assert growth(frame).equals(growth(frame.reverse()))
    assert growth_span(frame).equals(growth_span(frame.reverse()))


# Comparisons


def compared() -> pl.DataFrame:
    return comparison(
        observations(
            ("gdp", "CN", "2018", 100.0),
            ("gdp", "CN-BJ", "2018", 20.0),
            ("gdp", "CN-SH", "2018", 30.0),
            ("gdp", "CN-GD", "2018", 30.0),
            ("rate", "CN", "2018", 2.0),
            ("rate", "CN-BJ", "2018", 5.0),
            ("rate", "CN-SH", "2018", 1.0),
            ("rate", "CN-GD", "2018", None),
        ),
        INDICATORS,
        AREAS,
    )


def cell(indicator: str, area: str, comparator: str) -> dict[str, object]:
    rows = compared().filter(indicator_id=indicator, ref_area=area, comparator_area=comparator)
    assert rows.height == 1
    return rows.row(0, named=True)


def test_share_and_multiple_of_the_nation():
    row = cell("gdp", "CN-BJ", "CN")
    assert (row["multiple"], row["share_pct"], row["comparator_value"]) == (0.2, 20.0, 100.0)
    assert cell("rate", "CN-BJ", "CN")["multiple"] == 2.5
    assert cell("rate", "CN-BJ", "CN")["share_pct"] is None


def test_provinces_are_ranked_among_the_provinces_of_their_country():
    row = cell("gdp", "CN-BJ", "CN")
    assert (row["rank_group"], row["score_rank"], row["areas_ranked"]) == ("province CN", 3, 3)
    assert (row["leader_area"], row["gap_to_leader"]) == ("CN-GD", 10.0)
    assert cell("gdp", "CN-SH", "CN")["score_rank"] == 1


def test_the_leader_is_a_comparator_of_the_others_but_not_of_itself():
    assert cell("gdp", "CN-BJ", "CN-GD")["multiple"] == pytest.approx(2 / 3)
    assert cell("gdp", "CN-BJ", "CN-GD")["share_pct"] is None
    assert compared().filter(ref_area="CN-GD", comparator_area="CN-GD").is_empty()


def test_less_is_better_turns_rank_and_gap():
    row = cell("rate", "CN-BJ", "CN")
    assert (row["score_rank"], row["leader_area"], row["gap_to_leader"]) == (2, "CN-SH", 4.0)


def test_an_area_without_comparator_keeps_its_rank_in_one_row():
    row = cell("gdp", "CN", "")
    assert (row["rank_group"], row["score_rank"], row["comparator_value"], row["multiple"]) == (
        "country",
        1,
        None,
        None,
    )
