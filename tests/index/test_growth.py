"""Growth, spans and comparisons, against numbers worked out by hand and a plain loop.

Not here: contributions to the change of an index (test_contribute).
"""

from __future__ import annotations

import math

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


def slope(x: list[float], y: list[float]) -> float:
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    above = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / math.fsum((a - mean_x) ** 2 for a in x)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(2000, 2012), st.floats(-50, 1e6), min_size=2, max_size=13))
def test_spans_agree_with_a_plain_loop(values):
    frame = growth_span(series(**{f"y{year}": value for year, value in values.items()}), [("2003", "2008")], ["2005"])
    for row in frame.iter_rows(named=True):
        first, last = int(row["from_period"]), int(row["to_period"])
        years = [year for year in sorted(values) if first <= year <= last]
        n = last - first
        x, y = [float(year - first) for year in years], [values[year] for year in years]
        assert (row["n_years"], row["start_value"]) == (n, pytest.approx(y[0], rel=1e-11))
        assert row["change_per_interval"] == pytest.approx((y[-1] - y[0]) / n, rel=1e-11)
        is_positive = y[0] > 0 and y[-1] > 0
        ratio = y[-1] / y[0] if is_positive else None
        assert row["multiple"] == (pytest.approx(ratio, rel=1e-11) if is_positive and math.isfinite(ratio) else None)
        if row["cagr_pct"] is not None:
            assert row["cagr_pct"] == pytest.approx(100 * (ratio ** (1 / n) - 1), rel=1e-9, abs=1e-9)
        assert (row["trend_pct"] is None) == (len(y) < 3 or min(y) <= 0)
        if row["trend_pct"] is not None:
            wanted = 100 * math.expm1(slope(x, [math.log(each) for each in y]))
            assert row["trend_pct"] == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        if len(y) >= 3:
            linear = slope(x, y)
            fitted = math.fsum(y) / len(y) - linear * math.fsum(x) / len(x)
            if fitted > 1e-3 * max(map(abs, y)):
                assert row["linear_trend_pct"] == pytest.approx(100 * linear / fitted, rel=1e-9, abs=1e-9)
            assert fitted > -1e-9 * max(map(abs, y)) or row["linear_trend_pct"] is None


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["gdp", "rate"]), st.sampled_from(["CN", "CN-BJ"]), st.integers(0, 11)),
        st.one_of(st.none(), st.floats(-5, 1e6)),
        max_size=30,
    )
)
def test_growth_agrees_with_a_plain_loop(values):
    """Years and quarters of several series, with gaps; numbers 0 to 5 are years, 6 to 11 quarters."""
    names = [
        "2013",
        "2014",
        "2015",
        "2016",
        "2017",
        "2018",
        "2014-Q3",
        "2014-Q4",
        "2015-Q1",
        "2015-Q2",
        "2015-Q3",
        "2015-Q4",
    ]
    rows = [(indicator, area, names[place], value) for (indicator, area, place), value in values.items()]
    frame = growth(indicator_series(observations(*rows)))
    keys = [(row["series_id"], row["ref_area"], row["time_period"]) for row in frame.iter_rows(named=True)]
    assert keys == sorted((indicator, area, name) for indicator, area, name, value in rows if value is not None)
    for row in frame.iter_rows(named=True):
        place = names.index(row["time_period"])
        before = values.get((row["series_id"], row["ref_area"], place - 1)) if place not in (0, 6) else None
        if before is None:
            assert [row[name] for name in ("previous_period", "previous_value", "change_abs", "change_pct")] == [
                None
            ] * 4
            continue
        assert (row["previous_period"], row["previous_value"]) == (names[place - 1], before)
        assert row["change_abs"] == pytest.approx(row["obs_value"] - before, rel=1e-11)
        wanted = 100 * (row["obs_value"] / before - 1) if before > 0 else math.inf
        assert row["change_pct"] == (pytest.approx(wanted, rel=1e-11) if math.isfinite(wanted) else None)


def test_a_trend_is_taken_over_the_years_that_are_stated():
    # Flat until 2014, then doubling: the years before and after the span do not count.
    values = (
        {f"y{year}": 5.0 for year in range(2008, 2014)} | {f"y{2014 + i}": 2.0**i for i in range(5)} | {"y2019": 1.0}
    )
    row = span(growth_span(series(**values), [("2014", "2018")]), "2014", "2018")
    assert (row["n_years"], row["trend_pct"]) == (4, pytest.approx(100.0, rel=1e-11))


def test_a_trend_over_a_gap_stays_on_the_years():
    row = span(growth_span(series(y2010=1.0, y2011=2.0, y2014=16.0)), "2010", "2014")
    assert (row["n_years"], row["cagr_pct"], row["trend_pct"]) == (4, pytest.approx(100), pytest.approx(100))


def test_a_trend_of_quarters_is_per_year():
    rows = [("gdp", "CN", f"{2014 + i // 4}-Q{i % 4 + 1}", 2.0 ** (i / 4)) for i in range(9)]
    row = span(growth_span(indicator_series(observations(*rows))), "2014-Q1", "2016-Q1")
    assert (row["n_years"], row["trend_pct"]) == (2, pytest.approx(100.0, rel=1e-11))


def test_falling_series_fall():
    row = span(growth_span(series(y2014=8.0, y2015=4.0, y2016=2.0)), "2014", "2016")
    assert [row[name] for name in ("cagr_pct", "trend_pct")] == [pytest.approx(-50.0)] * 2
    assert row["linear_trend_pct"] < 0
    assert row["change_per_interval"] == -3.0
    # A line that is below 0 at its start has no rate: its sign would say the opposite.
    row = span(growth_span(series(y2014=-4.0, y2015=-2.0, y2016=-1.0)), "2014", "2016")
    assert row["linear_trend_pct"] is None


def test_growth_from_next_to_nothing_is_missing_and_never_infinite():
    row = by_period(growth(series(y2014=1e-300, y2015=1e300)))["2015"]
    assert (row["change_pct"], row["change_abs"]) == (None, 1e300)
    row = span(growth_span(series(y2014=1e-300, y2015=1e300)), "2014", "2015")
    assert (row["multiple"], row["cagr_pct"], row["change_per_interval"]) == (None, None, 1e300)


def test_years_and_quarters_of_one_series_are_sorted_by_the_key():
    periods = ["2015", "2014-Q4", "2014", "2015-Q1"]
    frame = indicator_series(observations(*(("gdp", "CN", period, 1.0) for period in periods)))
    assert growth(frame)["time_period"].to_list() == sorted(periods)
    spans = growth_span(frame)
    assert list(spans.select("from_period", "to_period").iter_rows()) == [("2014", "2015"), ("2014-Q4", "2015-Q1")]


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
