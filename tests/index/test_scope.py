"""Which cells a scope takes, and statistics over them that no order and no neighbour changes.

Not here: what the normalisations make of them (test_normalise).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.index.scope import Cells, is_per_period, scope_cells, scope_mask
from pipelines.index.statistics import deviation, highest, lowest, mean
from warehouse.catalogue.method.normalise import MinMax

NAN = float("nan")
CELLS = Cells(("2010", "2011"), ("A", "B", "C"))
X = np.array([[[3.0], [NAN], [1.0]], [[7.0], [-2.0], [NAN]]])


def scope(value: object) -> Any:
    return MinMax.model_validate({"method": "min_max", "scope": value}).scope


PERIOD = scope("period")
C_IN_2010 = scope({"over": "reference", "periods": ["2010"], "areas": ["C", "B"]})


def test_a_scope_takes_all_cells_or_those_of_its_periods_and_areas():
    assert scope_mask(scope("all"), CELLS).tolist() == [[True] * 3] * 2
    assert scope_mask(PERIOD, CELLS).tolist() == [[True] * 3] * 2
    assert scope_mask(C_IN_2010, CELLS).tolist() == [[False, True, True], [False] * 3]
    assert scope_mask(scope({"over": "reference", "areas": ["A"]}), CELLS).tolist() == [[True, False, False]] * 2
    assert [is_per_period(each) for each in (scope("all"), PERIOD, C_IN_2010)] == [False, True, False]


def test_cells_of_a_scope_come_in_blocks_in_the_order_of_the_panel():
    np.testing.assert_array_equal(scope_cells(X, scope("all"), CELLS)[:, :, 0], [[3, NAN, 1, 7, -2, NAN]])
    np.testing.assert_array_equal(scope_cells(X, PERIOD, CELLS)[:, :, 0], [[3, NAN, 1], [7, -2, NAN]])
    np.testing.assert_array_equal(scope_cells(X, C_IN_2010, CELLS)[:, :, 0], [[NAN, 1]])


def test_excluded_cells_count_as_missing_in_every_scope():
    excluded = np.zeros(X.shape, dtype=bool)
    excluded[0, 2] = True
    np.testing.assert_array_equal(scope_cells(X, scope("all"), CELLS, excluded)[0, :, 0], [3, NAN, NAN, 7, -2, NAN])
    np.testing.assert_array_equal(scope_cells(X, PERIOD, CELLS, excluded)[0, :, 0], [3, NAN, NAN])
    assert np.isnan(scope_cells(X, C_IN_2010, CELLS, excluded)).all()


def test_a_reference_outside_the_panel_holds_no_value():
    none = scope_cells(X, scope({"over": "reference", "periods": ["1999"]}), CELLS)
    assert none.shape == (1, 0, 1)
    for statistic in (lowest, highest, mean, deviation):
        assert np.isnan(statistic(none, 1)).tolist() == [[True]]
