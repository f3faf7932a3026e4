"""Which cells a scope takes, and statistics over them that no order and no neighbour changes.

Not here: what the normalisations make of them (test_normalise).
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.scope import (
    Cells,
    count,
    deviation,
    extremes,
    highest,
    is_constant,
    is_per_period,
    lowest,
    mean,
    samples,
    scope_mask,
    total,
)
from warehouse.catalogue.method.normalise import MinMax

NAN = float("nan")
CELLS = Cells(("2010", "2011"), ("A", "B", "C"))
X = np.array([[[3.0], [NAN], [1.0]], [[7.0], [-2.0], [NAN]]])


def scope(value: object) -> Any:
    return MinMax.model_validate({"method": "min_max", "scope": value}).scope


PERIOD = scope("period")
C_IN_2010 = scope({"over": "reference", "periods": ["2010"], "areas": ["C", "B"]})


def ordered(*values: float) -> np.ndarray:
    """One block of one indicator."""
    return np.sort(np.array(values, float))[None, :, None]


def test_a_scope_takes_all_cells_or_those_of_its_periods_and_areas():
    assert scope_mask(scope("all"), CELLS).tolist() == [[True] * 3] * 2
    assert scope_mask(PERIOD, CELLS).tolist() == [[True] * 3] * 2
    assert scope_mask(C_IN_2010, CELLS).tolist() == [[False, True, True], [False] * 3]
    assert scope_mask(scope({"over": "reference", "areas": ["A"]}), CELLS).tolist() == [[True, False, False]] * 2
    assert [is_per_period(each) for each in (scope("all"), PERIOD, C_IN_2010)] == [False, True, False]


def test_samples_are_in_ascending_order_with_missing_last():
    np.testing.assert_array_equal(samples(X, scope("all"), CELLS)[:, :, 0], [[-2, 1, 3, 7, NAN, NAN]])
    np.testing.assert_array_equal(samples(X, PERIOD, CELLS)[:, :, 0], [[1, 3, NAN], [-2, 7, NAN]])
    np.testing.assert_array_equal(samples(X, C_IN_2010, CELLS)[:, :, 0], [[1, NAN]])


def test_excluded_cells_count_as_missing_in_every_scope():
    excluded = np.zeros(X.shape, dtype=bool)
    excluded[0, 2] = True
    np.testing.assert_array_equal(samples(X, scope("all"), CELLS, excluded)[0, :3, 0], [-2, 3, 7])
    np.testing.assert_array_equal(samples(X, PERIOD, CELLS, excluded)[0, :, 0], [3, NAN, NAN])
    low, high = extremes(X, C_IN_2010, CELLS, excluded)
    assert np.isnan(low).all() and np.isnan(high).all()


def test_a_reference_outside_the_panel_holds_no_value():
    nowhere = scope({"over": "reference", "periods": ["1999"]})
    none = samples(X, nowhere, CELLS)
    assert none.shape == (1, 0, 1)
    assert count(none).tolist() == [[0]] and total(none).tolist() == [[0.0]]
    for each in (lowest(none), highest(none), mean(none), deviation(none), *extremes(X, nowhere, CELLS)):
        assert np.isnan(each).tolist() == [[True]]


def test_statistics_of_a_few_values():
    block = ordered(2, 4, 4, 4, 5, 5, 7, 9, NAN, NAN)
    found = [each(block)[0, 0] for each in (count, total, lowest, highest, mean)]
    assert found == [8, 40, 2, 9, 5]
    assert deviation(block, ddof=0)[0, 0] == 2
    assert deviation(block)[0, 0] == pytest.approx(math.sqrt(32 / 7), rel=1e-15)
    assert deviation(block, centre=mean(block))[0, 0] == deviation(block)[0, 0]


def test_equal_values_are_constant_and_free_of_rounding_noise():
    block = ordered(0.1, 0.1, 0.1, NAN)
    assert is_constant(block)[0, 0]
    assert mean(block)[0, 0] == 0.1
    assert deviation(block)[0, 0] == 0
    assert not is_constant(ordered(NAN))[0, 0]


def test_a_deviation_needs_more_values_than_it_loses():
    assert np.isnan(deviation(ordered(5)))[0, 0]
    assert deviation(ordered(5), ddof=0)[0, 0] == 0
    assert np.isnan(deviation(ordered(NAN), ddof=0))[0, 0]


@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e200, 1e307])
def test_the_squares_of_a_deviation_neither_overflow_nor_vanish(factor):
    assert deviation(factor * ordered(1, 2, 3))[0, 0] == pytest.approx(factor, rel=1e-12)


def test_the_sign_of_a_zero_does_not_depend_on_the_order_of_areas():
    for zeros in ([0.0, -0.0], [-0.0, 0.0]):
        values = np.array(zeros).reshape(1, 2, 1)
        for each in (*extremes(values, None, CELLS), lowest(values), highest(values)):
            assert math.copysign(1, each[0, 0]) == 1


VALUES = st.lists(st.one_of(st.just(NAN), st.floats(-1e9, 1e9)), min_size=12, max_size=12)


@settings(deadline=None)
@given(VALUES, st.sampled_from(["all", "period", {"over": "reference", "areas": ["A", "C"]}]))
def test_extremes_are_the_ends_of_the_samples(values, over):
    x = np.array(values).reshape(2, 3, 2)
    block = samples(x, scope(over), CELLS)
    low, high = extremes(x, scope(over), CELLS)
    np.testing.assert_array_equal(low, lowest(block))
    np.testing.assert_array_equal(high, highest(block))


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=70))
def test_a_plain_loop_gives_the_same_statistics(values):
    block = ordered(*values)
    scale = max(map(abs, values))
    assert total(block)[0, 0] == pytest.approx(math.fsum(values), rel=1e-12, abs=1e-14 * scale * len(values))
    assert mean(block)[0, 0] == pytest.approx(statistics.fmean(values), rel=1e-12, abs=1e-14 * scale)
    assert deviation(block)[0, 0] == pytest.approx(statistics.stdev(values), rel=1e-12, abs=1e-14 * scale)


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40),
    st.integers(0, 9),
    st.integers(1, 9),
    st.sampled_from(["C", "F"]),
)
def test_neither_missing_cells_nor_indicators_beside_nor_the_layout_change_a_bit(values, missing, beside, layout):
    alone = ordered(*values)
    whole = np.full((1, len(values) + missing, beside), NAN)
    whole[:, : len(values)] = alone
    whole = np.asarray(whole, order=layout)
    for each in (total, mean, deviation):
        np.testing.assert_array_equal(each(whole), np.repeat(each(alone), beside, axis=1))
