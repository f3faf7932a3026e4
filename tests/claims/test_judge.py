"""Judging statements: evidence of other sources only, two dates, missing inputs, what cannot be computed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pipelines.claims.evidence import preferred
from pipelines.claims.judge import CLAIM_SCHEMA, judge_publication
from warehouse.catalogue.base import IndexhouseError

if TYPE_CHECKING:
    from tests.claims.conftest import Small

EARLY, LATE = "2019-01-01", "2020-01-01"


def judged(small: Small, claim: dict[str, Any], rows: pl.DataFrame, **known: Any) -> dict[str, Any]:
    """The row of one statement."""
    page = small.publication({"F001": small.claim(**claim)})
    return judge_publication("page", page, rows, small.knowledge(**known)).row(0, named=True)


def checked(small: Small, claims: dict[str, Any], formula: str, rows: pl.DataFrame, **fields: Any) -> dict[str, Any]:
    """The row of one cross-check over statements."""
    cross = small.claim(indicator=None, formula=formula, **fields)
    page = small.publication({k: small.claim(**v) for k, v in claims.items()}, {"X01": cross})
    frame = judge_publication("page", page, rows, small.knowledge())
    return frame.filter(claim_id="X01").row(0, named=True)


def test_a_level_is_held_against_the_value_known_on_each_day(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "good", EARLY, 10.2, 1, "items"),
        ("x", "A1", "2018", "good", LATE, 12.0, 1, "items"),
    )
    row = judged(small, {}, rows)
    assert (row["verdict_as_published"], row["verdict_latest"]) == ("consistent", "inconsistent")
    assert row["is_vintage_dependent"]
    assert (row["computed_published_low"], row["computed_published_high"]) == (10.15, 10.25)
    assert "10.2 (good, known 2019-01-01)" in row["reason_en"] and "12.0 (good" in row["reason_en"]
    assert "10.2（good，2019-01-01起已知）" in row["reason_zh"]


@pytest.mark.parametrize("own", ["page", "echo"])
def test_the_page_never_confirms_itself(small: Small, own: str) -> None:
    rows = small.rows(("x", "A1", "2018", own, EARLY, 10.0, 0, "items"))
    row = judged(small, {}, rows)
    assert (row["verdict_as_published"], row["verdict_latest"]) == ("not_testable", "not_testable")
    assert row["computed_latest_low"] is None and not row["is_vintage_dependent"]
    assert "no other source holds x of A1 in 2018" in row["reason_en"]


def test_testable_on_one_day_only_is_not_vintage_dependent(small: Small) -> None:
    rows = small.rows(("x", "A1", "2018", "good", LATE, 99.0, 0, "items"))
    row = judged(small, {}, rows)
    assert (row["verdict_as_published"], row["verdict_latest"]) == ("not_testable", "inconsistent")
    assert not row["is_vintage_dependent"]


def test_every_missing_input_is_named(small: Small) -> None:
    rows = small.rows(("x", "A1", "2014", "good", EARLY, 1.0, 0, "items"))
    claim = {"measure": "total", "time_period": "2014-01-01/P3Y", "formula": "total(x) / at(x, 'A2')"}
    reason = judged(small, claim, rows)["reason_en"]
    for gap in ("x of A1 in 2015", "x of A1 in 2016", "x of A2 in 2014 to 2016"):
        assert gap in reason


def test_an_assumed_vintage_is_marked_as_hindsight(small: Small) -> None:
    rows = small.rows(("x", "A1", "2018", "good", EARLY, 10.0, 0, "items"), basis="assumed")
    row = judged(small, {}, rows)
    assert "hindsight" in row["reason_en"] and "事后所知" in row["reason_zh"]


def test_a_value_without_decimals_is_a_point(small: Small) -> None:
    row = judged(small, {}, small.rows(("x", "A1", "2018", "good", EARLY, 10.21, None, "items")))
    assert row["computed_latest_low"] == row["computed_latest_high"] == 10.21


def test_units_are_converted_on_both_sides(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "good", EARLY, 12.0, 1, "items_10k"),
        ("y", "A1", "2018", "good", EARLY, 400.0, None, "items_1k"),
    )
    factors = {"items_10k": 1e4, "items_1k": 1e3, "pct": 0.01}
    claim = {"measure": "share", "formula": "x / y", "stated_value": 30, "unit": "pct"}
    row = judged(small, claim, rows, factors=factors)
    assert (row["computed_latest_low"], row["computed_latest_high"]) == (29.875, 30.125)
    assert row["verdict_latest"] == "consistent"


@pytest.mark.parametrize(
    ("measure", "values", "stated", "unit", "verdict"),
    [
        ("multiple", (20.0, 46.0), 2.3, "one", "consistent"),
        ("multiple", (0.0, 46.0), 2.3, "one", "not_testable"),
        ("multiple", (-20.0, 46.0), 2.3, "one", "not_testable"),
        ("multiple", (20.0, -46.0), 2.3, "one", "not_testable"),
        ("cagr", (100.0, 146.41), 10.0, "pct", "consistent"),
        ("cagr", (-100.0, 146.41), 10.0, "pct", "not_testable"),
        ("growth_points", (-3.0, 7.0), 10, "items", "consistent"),
        ("direction", (3.0, 7.0), 1, "items", "consistent"),
        ("direction", (7.0, 3.0), 1, "items", "inconsistent"),
    ],
)
def test_growth_over_a_span_of_four_intervals(
    small: Small, measure: str, values: tuple[float, float], stated: float, unit: str, verdict: str
) -> None:
    rows = small.rows(
        ("x", "A1", "2014", "good", EARLY, values[0], None, "items"),
        ("x", "A1", "2018", "good", EARLY, values[1], None, "items"),
    )
    qualifier = "direction" if measure == "direction" else "exact"
    claim = {"measure": measure, "stated_value": stated, "unit": unit, "qualifier": qualifier}
    row = judged(small, {**claim, "time_period": "2014-01-01/P5Y"}, rows)
    assert row["verdict_latest"] == verdict


def test_a_ratio_over_zero_is_not_testable_and_says_so(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "good", EARLY, 1.0, None, "items"),
        ("x", "A2", "2018", "good", EARLY, 0.0, None, "items"),
    )
    row = judged(small, {"measure": "ratio", "comparator_area": "A2", "unit": "one"}, rows)
    assert row["verdict_latest"] == "not_testable"
    assert "the denominator may be zero" in row["reason_en"] and "分母可能为零" in row["reason_zh"]
    assert row["formula"] == "x / at(x, 'A2')"


def test_a_negative_denominator_turns_the_sign(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "good", EARLY, 4.0, None, "items"),
        ("x", "A2", "2018", "good", EARLY, -2.0, None, "items"),
    )
    row = judged(small, {"formula": "x / at(x, 'A2')", "stated_value": -2, "unit": "one"}, rows)
    assert row["verdict_latest"] == "consistent"


def test_a_rank_needs_every_area_of_its_group(small: Small) -> None:
    some = [("x", area, "2018", "good", EARLY, value, None, "items") for area, value in (("A1", 9.0), ("A2", 3.0))]
    claim = {"measure": "rank", "stated_value": 1, "unit": "rank"}
    row = judged(small, claim, small.rows(*some))
    assert row["verdict_latest"] == "not_testable"
    assert "x of all 3 areas in 2018 (2 have it)" in row["reason_en"]
    third = ("x", "A3", "2018", "good", EARLY, 5.0, None, "items")
    assert judged(small, claim, small.rows(*some, third))["verdict_latest"] == "consistent"
    highest = ("x", "A3", "2018", "good", EARLY, 9.5, None, "items")
    assert judged(small, claim, small.rows(*some, highest))["verdict_latest"] == "inconsistent"
    tied = ("x", "A3", "2018", "good", EARLY, 9.0, None, "items")
    assert judged(small, claim, small.rows(*some, tied))["verdict_latest"] == "consistent"


def test_an_observed_rank_is_not_rounded(small: Small) -> None:
    rows = small.rows(("x", "A1", "2018", "good", EARLY, 1.0, 0, "rank"))
    claim = {"measure": "rank", "formula": "x", "stated_value": 1, "unit": "rank"}
    assert judged(small, claim, rows)["verdict_latest"] == "consistent"


def test_derived_indicators_are_computed_from_their_formula(small: Small) -> None:
    rows = small.rows(
        ("a", "A1", "2018", "good", EARLY, 40.0, None, "items"),
        ("b", "A1", "2017", "good", EARLY, 4.0, None, "items"),
    )
    row = judged(small, {"unit": "one"}, rows, formulas={"x": "a / lag(b, 1)"})
    assert row["verdict_latest"] == "consistent"
    assert "a, A1 2018 = 40" in row["reason_en"] and "b, A1 2017 = 4" in row["reason_en"]


def test_a_formula_that_refers_to_itself_is_an_error(small: Small) -> None:
    with pytest.raises(IndexhouseError, match=r"claims/page.yml: F001: .*refers to itself"):
        judged(small, {}, small.rows(), formulas={"x": "y + 1", "y": "x + 1"})


def test_growth_over_a_day_is_an_error_that_names_the_statement(small: Small) -> None:
    claim = {"measure": "multiple", "time_period": "2019-10-17"}
    with pytest.raises(IndexhouseError, match=r"claims/page.yml: F001: time_period: '2019-10-17'"):
        judged(small, claim, small.rows())


def test_opposite_ends_decide_the_range_of_a_ratio_of_statements(small: Small) -> None:
    claims = {"F001": {"stated_value": 111.2}, "F002": {"stated_value": 48.2}}
    row = checked(small, claims, "F001 / F002", small.rows(), stated_value=2.3, unit="one")
    assert row["computed_latest_low"] == pytest.approx(111.15 / 48.25, rel=1e-11)
    assert row["computed_latest_high"] == pytest.approx(111.25 / 48.15, rel=1e-11)
    assert row["verdict_as_published"] == row["verdict_latest"] == "consistent"
    assert "the page's own F001, F002" in row["reason_en"]


def test_a_qualified_statement_enters_as_its_interval(small: Small) -> None:
    claims = {"F001": {"stated_value": 18, "qualifier": "over", "unit": "pct"}}
    fields = {"stated_value": 2, "qualifier": "near", "unit": "one", "time_period": "2014-01-01/P5Y"}
    row = checked(small, claims, "(1 + F001) ** years", small.rows(), **fields)
    assert row["computed_latest_low"] == pytest.approx(1.18**4, rel=1e-11)
    assert row["computed_latest_high"] == pytest.approx(1.216**4, rel=1e-11)
    assert row["verdict_latest"] == "compatible"


def test_a_share_that_no_whole_number_makes_is_inconsistent(small: Small) -> None:
    formula = "whole(whole(F001) * F002) / whole(F001)"
    for firms, verdict in ((26, "inconsistent"), (30, "consistent")):
        claims = {"F001": {"stated_value": firms}, "F002": {"stated_value": 90, "unit": "pct"}}
        row = checked(small, claims, formula, small.rows(), stated_value=90, unit="pct")
        assert row["verdict_latest"] == verdict
    assert row["computed_latest_low"] == 90


def test_over_reads_an_observation_as_a_lower_bound(small: Small) -> None:
    rows = small.rows(("w", "A1", "2018", "good", EARLY, 6000.0, None, "items"))
    row = checked(small, {"F001": {"stated_value": 172}}, "F001 / over(w)", rows, stated_value=2.83, unit="pct")
    assert row["verdict_latest"] == "compatible"
    assert row["computed_latest_high"] == pytest.approx(100 * 172.5 / 6000, rel=1e-11)


def test_infinite_ends_are_null_in_the_table(small: Small) -> None:
    rows = small.rows(("x", "A1", "2018", "good", EARLY, 30.0, None, "items"))
    row = judged(small, {"qualifier": "at_least"}, rows)
    assert (row["stated_low"], row["stated_high"]) == (10, None)
    assert row["verdict_latest"] == "consistent"


def test_a_release_older_than_the_page_uses_what_was_known_then(small: Small) -> None:
    rows = small.rows(("x", "A1", "2018", "good", EARLY, 10.0, 0, "items"))
    page = small.publication({"F001": small.claim()})
    known = small.knowledge()
    before = judge_publication("page", page, rows, known, date(2018, 12, 31)).row(0, named=True)
    after = judge_publication("page", page, rows, known, date(2019, 1, 1)).row(0, named=True)
    assert before["verdict_latest"] == before["verdict_as_published"] == "not_testable"
    assert after["verdict_latest"] == after["verdict_as_published"] == "consistent"


def test_the_table_has_the_columns_of_the_contract_in_key_order(small: Small) -> None:
    page = small.publication({"F002": small.claim(), "F001": small.claim()}, {"X01": small.claim(formula="F001")})
    frame = judge_publication("page", page, small.rows(), small.knowledge())
    assert dict(frame.schema) == CLAIM_SCHEMA
    assert frame["claim_id"].to_list() == ["F001", "F002", "X01"]


def test_preferred_takes_priority_then_the_newest_vintage_and_skips_what_was_withdrawn(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "fair", LATE, 1.0, 0, "items"),
        ("x", "A1", "2018", "good", EARLY, 2.0, 0, "items"),
        ("x", "A2", "2018", "fair", EARLY, 3.0, 0, "items"),
        ("x", "A2", "2018", "good", EARLY, 4.0, 0, "items"),
        ("x", "A2", "2018", "good", LATE, None, None, "items"),
    )
    priority: dict[tuple[str, str] | str, int] = {"good": 10, "fair": 20}

    def values(day: str | None, known: dict[tuple[str, str] | str, int], *out: str) -> list[tuple[str, float]]:
        as_of = date.fromisoformat(day) if day else None
        return list(preferred(rows, as_of, known, set(out)).select("ref_area", "obs_value").iter_rows())

    assert values(None, priority) == [("A1", 2.0), ("A2", 3.0)]
    assert values("2019-06-30", priority) == [("A1", 2.0), ("A2", 4.0)]
    assert values("2018-06-30", priority) == []
    assert values(None, priority, "good") == [("A1", 1.0), ("A2", 3.0)]
    assert values(None, {**priority, ("fair", "x"): 5}) == [("A1", 1.0), ("A2", 3.0)]


def test_sources_of_equal_priority_yield_to_the_newest_vintage_then_to_the_id(small: Small) -> None:
    first = ("x", "A1", "2018", "a", EARLY, 1.0, 0, "items")
    newer = ("x", "A1", "2018", "b", LATE, 2.0, 0, "items")
    same_day = ("x", "A1", "2018", "c", LATE, 3.0, 0, "items")
    for given, value in (((first, newer), 2.0), ((newer, first), 2.0), ((same_day, newer, first), 2.0)):
        assert preferred(small.rows(*given), None, {})["obs_value"].to_list() == [value]


def test_the_order_of_rows_changes_nothing(small: Small) -> None:
    rows = small.rows(
        ("x", "A1", "2018", "fair", EARLY, 1.0, 0, "items"),
        ("x", "A1", "2018", "good", LATE, 2.0, 0, "items"),
        ("x", "A1", "2018", "good", EARLY, 9.8, 1, "items"),
    )
    page, known = small.publication({"F001": small.claim()}), small.knowledge()
    first = judge_publication("page", page, rows, known)
    assert first.equals(judge_publication("page", page, rows.reverse(), known))
