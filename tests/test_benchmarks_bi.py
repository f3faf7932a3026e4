"""The BI benchmark measures what it says: the documented queries, a 95th percentile, a ratio, targets that can fail.

Not here: the figures (`make bench ARGS='--only bi'`); the same queries in other clients (tests/bi).
"""

from __future__ import annotations

import pytest

from benchmarks import bi_cases, report
from benchmarks.bi import LIMIT_MS, LargeRelease, Query
from benchmarks.synthetic import Shape

BUSY, QUIET = 1e3, 0.0


def release(p95: float, size: int = 300) -> LargeRelease:
    query = Query("trend", "filters", [1.0] * 57 + [p95] * 3 + [p95], 14)
    return LargeRelease({"observation": 7}, size, 100, 1.0, 1.0, 1.0, 100.0, [query])


def test_ten_queries_are_measured_and_each_says_whether_it_filters_or_scans() -> None:
    found = bi_cases.queries()
    assert len(found) == 10
    assert {kind for kind, _ in found.values()} == set(LIMIT_MS)


@pytest.mark.parametrize(("ms", "expected"), [([5.0], 5.0), (list(range(1, 101)), 95), (list(range(1, 21)), 19)])
def test_the_percentile_is_reached_by_nineteen_of_twenty_rounds(ms: list[float], expected: float) -> None:
    assert Query("trend", "filters", ms, 1).p95 == expected


@pytest.mark.parametrize(
    ("p95", "load", "verdict"),
    [(39.0, QUIET, "| met |"), (41.0, QUIET, "| **not met** |"), (41.0, BUSY, "| unclear: noise |")],
)
def test_a_target_is_met_or_not_and_unclear_only_beside_other_work(p95: float, load: float, verdict: str) -> None:
    assert verdict in "\n".join(report.bi_tables(release(p95), load))


@pytest.mark.parametrize(("size", "verdict"), [(400, "4.00 x; target 4 x: met"), (401, "4 x: **not met**")])
def test_the_size_is_held_against_parquet(size: int, verdict: str) -> None:
    assert verdict in "\n".join(report.bi_tables(release(1.0, size), QUIET))


def test_made_up_rows_have_one_row_per_key_and_growth_that_fits_their_values() -> None:
    shape = Shape(3, 2, 4)
    observed = bi_cases.observations(shape)
    assert observed.select("indicator_id", "ref_area", "time_period").is_unique().all()
    assert observed.height == shape.cells
    growth = bi_cases.growth(shape)
    assert growth["previous_value"].null_count() == 3 * 2
    changed = growth.drop_nulls("previous_value")
    assert (changed["obs_value"] - changed["previous_value"] == changed["change_abs"]).all()
    assert observed["locator"].n_unique() == 3


def test_the_readme_has_a_place_for_the_figures() -> None:
    text = report.README.read_text("utf-8")
    for name, command in report.PARTS.items():
        assert f"<!-- {name}: begin ({command}) -->" in text
        assert f"<!-- {name}: end -->" in text
