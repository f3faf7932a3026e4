"""Which areas stay in an index: shares by hand, a plain loop, areas named by hand.

Not here: what the screened-out areas are listed as (test_build).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.scope import Cells
from pipelines.index.screen import Screened, screen
from warehouse.catalogue.method.prepare import Screen

NAN = float("nan")
CELLS = Cells(("2010", "2011"), ("A", "B", "C"))
# two periods, three areas, four indicators
X = np.array(
    [
        [[1.0, 0.0, 2.0, NAN], [1.0, 1.0, 1.0, 1.0], [NAN, NAN, NAN, NAN]],
        [[0.0, 0.0, NAN, NAN], [1.0, 1.0, 1.0, 0.0], [NAN, NAN, NAN, 5.0]],
    ]
)


def screened(values: np.ndarray = X, cells: Cells = CELLS, **how: Any) -> Screened:
    return screen(values, Screen(**how), cells)


def test_shares_over_all_periods_together():
    found = screened()
    np.testing.assert_array_equal(found.availability, [[5 / 8, 1, 1 / 8]] * 2)
    np.testing.assert_array_equal(found.non_zero, [[2 / 5, 7 / 8, 1]] * 2)
    assert found.kept.all()


def test_shares_period_by_period_and_none_of_no_values_is_zero():
    found = screened(over="period")
    np.testing.assert_array_equal(found.availability, [[3 / 4, 1, 0], [1 / 2, 1, 1 / 4]])
    np.testing.assert_array_equal(found.non_zero, [[2 / 3, 1, 0], [0, 3 / 4, 1]])


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ({"availability": 0.625}, [[1, 1, 0], [1, 1, 0]]),
        ({"availability": 0.63}, [[0, 1, 0], [0, 1, 0]]),
        ({"non_zero": 0.5}, [[0, 1, 1], [0, 1, 1]]),
        ({"availability": 0.7, "over": "period"}, [[1, 1, 0], [0, 1, 0]]),
        ({"non_zero": 0.01, "over": "period"}, [[1, 1, 0], [0, 1, 1]]),
        ({"availability": 0.7, "keep": ["C"], "drop": ["B"]}, [[0, 0, 1], [0, 0, 1]]),
        ({"keep": ["A"], "drop": ["C"]}, [[1, 1, 0], [1, 1, 0]]),
    ],
)
def test_an_area_stays_when_both_shares_reach_their_thresholds_or_it_is_named(how, kept):
    assert screened(**how).kept.astype(int).tolist() == kept


def test_a_share_equal_to_the_threshold_passes_whatever_the_last_bit_is():
    for possible in range(1, 60):
        for present in range(possible + 1):
            row = np.where(np.arange(possible) < present, 1.0, NAN)[None, None, :]
            threshold = sum([1 / possible] * present)  # drifts by rounding
            assert screened(row, Cells(("2010",), ("A",)), availability=min(threshold, 1.0)).kept.all()


def test_an_index_without_indicators_has_shares_of_zero():
    found = screened(np.empty((2, 3, 0)), availability=0.1)
    assert not found.kept.any()
    np.testing.assert_array_equal(found.availability, np.zeros((2, 3)))


CELL = st.one_of(st.just(NAN), st.just(0.0), st.floats(-5, 5))


@settings(deadline=None)
@given(
    st.lists(CELL, min_size=24, max_size=24), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.permutations(range(3))
)
def test_shares_equal_a_plain_loop_and_ignore_the_order_of_areas(cells, threshold, order):
    values = np.array(cells).reshape(2, 3, 4)
    for over in ("all", "period"):
        found = screened(values, availability=threshold, non_zero=threshold, over=over)
        for period in range(2):
            for area in range(3):
                rows = values[:, area] if over == "all" else values[period : period + 1, area]
                present = [v for row in rows.tolist() for v in row if not math.isnan(v)]
                non_zero = [v for v in present if v != 0]
                availability = len(present) / rows.size
                share = len(non_zero) / len(present) if present else 0.0
                assert found.availability[period, area] == pytest.approx(availability, rel=1e-12)
                assert found.non_zero[period, area] == pytest.approx(share, rel=1e-12)
                assert found.kept[period, area] == (availability >= threshold and share >= threshold)
        other = screened(values[:, order], availability=threshold, non_zero=threshold, over=over)
        np.testing.assert_array_equal(other.kept, found.kept[:, order])
