"""Statistics along an axis, against numbers worked out by hand, exact fractions and any order of the values.

Not here: what is done with them (test_treat, test_impute).
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index import statistics
from pipelines.index.statistics import (
    count,
    deviation,
    highest,
    kurtosis,
    lowest,
    mean,
    moments,
    quantile,
    skewness,
    total,
)

NAN = float("nan")
SIMPLE = [1.0, 2.0, 3.0, 4.0, 10.0]


def exact_moments(values: list[float]) -> tuple[float, float]:
    """G1 and G2 from exact fractions; only the last steps round."""
    x = [Fraction(value) for value in values if not math.isnan(value)]
    n = len(x)
    if n < 3 or min(x) == max(x):
        return NAN, NAN
    centre = sum(x) / n
    m2, m3, m4 = (sum((value - centre) ** power for value in x) / n for power in (2, 3, 4))
    g1 = float(m3) / float(m2) ** 1.5 if m3 else 0.0
    skew = g1 * math.sqrt(n * (n - 1)) / (n - 2)
    if n < 4:
        return skew, NAN
    return skew, float(Fraction(n - 1, (n - 2) * (n - 3)) * ((n + 1) * m4 / m2**2 - 3 * (n - 1)))


def panel(seed: int, shape: tuple[int, ...] = (7, 11, 5), missing: float = 0.2) -> np.ndarray:
    draw = np.random.default_rng(seed)
    values = draw.lognormal(sigma=1.5, size=shape) * 10.0 ** draw.integers(-3, 6, size=shape[-1])
    values[draw.random(shape) < missing] = NAN
    return values


def test_skewness_and_kurtosis_worked_out_by_hand():
    # deviations -3, -2, -1, 0, 6 from the mean 4: m2 = 10, m3 = 36, m4 = 278.8
    assert skewness(np.array(SIMPLE)) == pytest.approx(1.2 * math.sqrt(2), rel=1e-14)
    assert kurtosis(np.array(SIMPLE)) == pytest.approx(3.152, rel=1e-14)


def test_missing_values_are_skipped_and_the_axis_is_dropped():
    column = np.array([1.0, NAN, 2.0, 3.0, 4.0, NAN, 10.0])
    both = np.stack([column, column[::-1] * -5 + 3])
    np.testing.assert_allclose(skewness(both, axis=1), [1.2 * math.sqrt(2), -1.2 * math.sqrt(2)], rtol=1e-14)
    np.testing.assert_allclose(kurtosis(both.T, axis=0), [3.152, 3.152], rtol=1e-14)
    assert skewness(both[None, :, None, :], axis=3).shape == (1, 2, 1)


def test_too_few_or_equal_values_have_no_skewness_and_no_kurtosis():
    for values in ([], [NAN], [1.0, 2.0], [0.1] * 9, [NAN, 0.3, 0.3, 0.3, 0.3]):
        assert np.isnan(skewness(np.array(values, dtype=float)))
        assert np.isnan(kurtosis(np.array(values, dtype=float)))
    assert skewness(np.array([0.0, 0.0, 3.0])) == pytest.approx(math.sqrt(3), rel=1e-14)
    assert np.isnan(kurtosis(np.array([0.0, 0.0, 3.0])))


@pytest.mark.parametrize("level", [0.0, 1e6, -3e9])
@pytest.mark.parametrize("seed", range(4))
def test_skewness_and_kurtosis_equal_exact_fractions_at_any_level(seed, level):
    values = panel(seed) + level
    found = moments(values, axis=1)
    for period in range(values.shape[0]):
        for indicator in range(values.shape[2]):
            wanted = exact_moments(values[period, :, indicator].tolist())
            np.testing.assert_allclose(found.skewness[period, indicator], wanted[0], rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(found.kurtosis[period, indicator], wanted[1], rtol=1e-12, atol=1e-13)


def test_very_large_and_very_small_values_neither_overflow_nor_vanish():
    for factor in (1e300, 1e307, -1e307, 1e-300, 5e-324):
        found = skewness(np.array(SIMPLE) * factor)
        assert found == pytest.approx(math.copysign(1.2 * math.sqrt(2), factor), rel=1e-12)


def test_working_in_small_pieces_changes_nothing(monkeypatch):
    values = panel(3, (4, 50, 30))
    at_once = moments(values, axis=1)
    monkeypatch.setattr(statistics, "CACHED", 60)
    in_pieces = moments(values, axis=1)
    np.testing.assert_array_equal(at_once.skewness, in_pieces.skewness)
    np.testing.assert_array_equal(at_once.kurtosis, in_pieces.kurtosis)


def test_sum_mean_and_deviation_worked_out_by_hand():
    values = np.array([[1.0, NAN, 0.1], [2.0, NAN, 0.1], [6.0, NAN, NAN], [NAN, NAN, 0.1]])
    assert total(values).tolist() == [9.0, 0.0, pytest.approx(0.3, rel=1e-15)]
    np.testing.assert_array_equal(mean(values), [3.0, NAN, 0.1])
    np.testing.assert_allclose(deviation(values), [math.sqrt(7), NAN, 0.0], rtol=1e-15)
    np.testing.assert_allclose(deviation(values, ddof=0)[0], math.sqrt(14 / 3), rtol=1e-15)
    np.testing.assert_array_equal(deviation(values[:1].T, axis=0), [math.sqrt(2 * 0.45**2)])
    np.testing.assert_array_equal(count(values), [3, 0, 3])
    np.testing.assert_array_equal(lowest(values), [1.0, NAN, 0.1])
    np.testing.assert_array_equal(highest(values, axis=(0, 1)), 6.0)


def test_the_mean_of_equal_values_is_their_value():
    for n in range(1, 30):
        assert mean(np.full(n, 0.1)) == 0.1
        assert n == 1 or deviation(np.full(n, 0.1)) == 0.0


def test_a_sum_near_the_largest_double_does_not_overflow_on_the_way():
    assert total(np.array([1.5e308, -1.5e308, 1e308])) == 1e308


NUMBERS = st.one_of(st.just(NAN), st.floats(-1e9, 1e9), st.sampled_from([0.1, 0.2, 0.3, 1e-9]))


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_no_statistic_depends_on_the_order_of_the_values(values, random):
    shuffled = list(values)
    random.shuffle(shuffled)
    one, other = np.array(values), np.array(shuffled)
    for statistic in (total, mean, deviation, skewness, kurtosis, lambda x: quantile(x, 0.3)):
        np.testing.assert_array_equal(statistic(one), statistic(other))


@settings(deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=40))
def test_a_sum_is_what_exact_summation_gives(values):
    present = [value for value in values if not math.isnan(value)]
    largest = max(map(abs, present), default=0.0)
    assert total(np.array(values)) == pytest.approx(math.fsum(present), rel=1e-15, abs=1e-22 * largest)


def test_quantiles_of_type_seven_worked_out_by_hand():
    assert quantile(np.array([4.0, 1.0, NAN, 3.0, 2.0]), 0.25) == 1.75
    np.testing.assert_allclose(quantile(np.array([1.0, 2.0, 6.0]), [0.0, 0.05, 0.5, 1.0]), [1, 1.1, 2, 6], rtol=1e-15)
    assert np.isnan(quantile(np.array([NAN, NAN]), 0.5))
    assert np.isnan(quantile(np.empty((0, 2)), [0.1, 0.5, 0.9])).all()
    with pytest.raises(ValueError, match="from 0 to 1"):
        quantile(np.array([1.0]), [0.5, 5.0])


def test_quantiles_equal_a_plain_loop():
    values = panel(5)
    shares = (0.0, 0.05, 0.31, 0.5, 0.95, 1.0)
    found = quantile(values, shares, axis=1)
    assert found.shape == (6, 7, 5)
    for period in range(7):
        for indicator in range(5):
            x = sorted(v for v in values[period, :, indicator].tolist() if not math.isnan(v))
            for place, share in enumerate(shares):
                position = (len(x) - 1) * share
                below = int(position)
                above = min(below + 1, len(x) - 1)
                wanted = x[below] + (position - below) * (x[above] - x[below])
                assert found[place, period, indicator] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("factor", [1e-310, 1e-200, 1e200, 1e307])
def test_the_squares_of_a_deviation_neither_overflow_nor_vanish(factor):
    assert deviation(factor * np.array([1.0, 2.0, 3.0])) == pytest.approx(factor, rel=1e-12)


def test_the_sign_of_a_zero_does_not_depend_on_the_order_of_areas():
    for zeros in ([0.0, -0.0], [-0.0, 0.0]):
        assert all(math.copysign(1, float(each(np.array(zeros)))) == 1 for each in (lowest, highest))
