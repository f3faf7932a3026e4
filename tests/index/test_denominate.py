"""Values divided by the size of their area.

Not here: which denominator belongs to which cell, with its lag (test_build).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.denominate import denominate

NAN = float("nan")


def test_a_zero_or_missing_denominator_gives_a_missing_value_and_is_flagged():
    values, lost = denominate(np.array([10.0, 10.0, 10.0, NAN]), np.array([4.0, 0.0, NAN, 0.0]), 2.0)
    np.testing.assert_array_equal(values, [5.0, NAN, NAN, NAN])
    assert lost.tolist() == [False, True, True, False]


def test_patents_per_ten_thousand_residents():
    values, lost = denominate(np.array([[340.0, 0.0]]), np.array([[1_700_000.0, 2.0]]), 10_000.0)
    np.testing.assert_allclose(values, [[2.0, 0.0]], rtol=1e-15)
    assert not lost.any()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.one_of(st.floats(0.01, 1e6), st.sampled_from([0.0, NAN]))), min_size=1),
    st.sampled_from([1.0, 100.0, 1e4]),
)
def test_the_quotient_equals_a_plain_loop(pairs, scale):
    values, divisors = (np.array(part) for part in zip(*pairs, strict=True))
    found, lost = denominate(values, divisors, scale)
    for place, (x, d) in enumerate(pairs):
        if d == 0 or math.isnan(d):
            assert np.isnan(found[place])
            assert lost[place]
        else:
            assert found[place] == pytest.approx(x / (d / scale), rel=1e-12)
            assert not lost[place]
