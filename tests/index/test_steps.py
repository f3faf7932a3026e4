"""Single stages on small arrays, against numbers worked out by hand.

Not here: the whole chain (test_build), the tree (test_score).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.index.period import label, numbered_periods, ordinal, period_frame, sequence, shift_years
from pipelines.index.rank import rank_descending
from warehouse.catalogue.method import Method
from warehouse.rounding import round_significant

NAN = float("nan")


def step(key: str, value: object) -> object:
    return getattr(Method.model_validate({key: value}), key)


def same(found: object, wanted: object) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=1e-14, atol=1e-14)


# Periods


@pytest.mark.parametrize(
    ("period", "number"),
    [
        ("2018", ("A", 2018)),
        ("2018-Q3", ("Q", 8074)),
        ("2018-05", ("M", 24220)),
        ("1970-01-01", ("D", 719163)),
    ],
)
def test_a_period_and_its_number_are_inverse(period, number):
    assert ordinal(period) == number
    assert label(*number) == period


def test_a_span_is_no_point_of_a_series_but_has_a_first_day():
    assert ordinal("2014-01-01/P5Y") is None
    assert numbered_periods(["2014-01-01/P5Y", "2014"])["time_period"].to_list() == ["2014"]
    row = period_frame(["2014-01-01/P5Y"]).row(0, named=True)
    assert (str(row["period_start"]), row["period_year"]) == ("2014-01-01", 2014)


def test_sequences_and_shifts_keep_the_frequency():
    assert sequence("2018-Q3", "2019-Q2") == ("2018-Q3", "2018-Q4", "2019-Q1", "2019-Q2")
    assert sequence("2018-11", "2019-01") == ("2018-11", "2018-12", "2019-01")
    assert shift_years("2018-Q3", -2) == "2016-Q3"
    assert sequence("2019", "2018") == ()
    with pytest.raises(ValueError, match="one frequency"):
        sequence("2018", "2019-Q1")


# Rounding and ranks


@given(st.floats(min_value=-1e300, max_value=1e300).filter(lambda x: x == 0 or abs(x) > 1e-280))
def test_rounding_to_twelve_digits_is_what_printing_twelve_digits_gives(value):
    found = float(round_significant(np.array(value)))
    assert found == pytest.approx(float(f"{value:.12g}"), rel=2e-12)
    assert float(round_significant(np.array(found))) == pytest.approx(found, rel=1e-15)


def test_rounding_makes_noise_in_the_last_bits_disappear():
    assert len({float(x) for x in round_significant(np.array([0.3, 0.1 + 0.2, 3 * 0.1]))}) == 1
    assert np.isnan(round_significant(np.array([NAN]))).all()


def test_ties_share_the_smallest_rank_and_missing_is_not_ranked():
    ranks, counted = rank_descending(np.array([[5.0, 7.0, NAN, 7.0, 1.0]]))
    assert ranks.tolist() == [[3, 1, 0, 1, 4]]
    assert counted.tolist() == [4]
