"""Single stages on small arrays, against numbers worked out by hand.

Not here: the whole chain (test_build), the tree (test_score).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.index.aggregate import aggregate, spread_weights
from pipelines.index.denominate import denominate
from pipelines.index.impute import impute
from pipelines.index.normalise import Cells, normalise
from pipelines.index.period import label, numbered_periods, ordinal, period_frame, sequence, shift_years
from pipelines.index.rank import rank_descending
from warehouse.catalogue.method import Method
from warehouse.rounding import round_significant

NAN = float("nan")
CELLS = Cells(("2010", "2011", "2012"), ("A", "B", "C"), "2010")


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


# Denominate


def test_a_zero_or_missing_denominator_gives_a_missing_value_and_is_flagged():
    values, lost = denominate(np.array([10.0, 10.0, 10.0, NAN]), np.array([4.0, 0.0, NAN, 0.0]), 2.0)
    same(values, [5.0, NAN, NAN, NAN])
    assert lost.tolist() == [False, True, True, False]


# Impute


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


@pytest.mark.parametrize(
    ("how", "given_values", "wanted"),
    [
        ("none", (NAN, 2, NAN), (NAN, 2, NAN)),
        ({"method": "carry"}, (NAN, 2, NAN, NAN, 5), (NAN, 2, 2, 2, 5)),
        ({"method": "carry", "max_age": 1}, (NAN, 2, NAN, NAN, 5), (NAN, 2, 2, NAN, 5)),
        ({"method": "carry", "direction": "back"}, (NAN, 2, NAN, NAN, 5), (2, 2, 5, 5, 5)),
        ({"method": "carry", "direction": "both", "max_age": 1}, (NAN, 2, NAN, NAN, 5), (2, 2, 2, 5, 5)),
        ("linear", (NAN, 2, NAN, NAN, 5, NAN), (NAN, 2, 3, 4, 5, NAN)),
        ({"method": "linear", "ends": "hold"}, (NAN, 2, NAN, 5, NAN, NAN), (2, 2, 3.5, 5, 5, 5)),
        ({"method": "constant", "value": 0}, (NAN, 2), (0, 2)),
        ({"method": "linear", "ends": "hold"}, (NAN, NAN), (NAN, NAN)),
    ],
)
def test_filling_in_time(how, given_values, wanted):
    (each,) = step("impute", how)
    same(impute(column(*given_values), each).values, column(*wanted))


def test_filling_from_the_other_areas_of_the_period():
    values = np.array([[1.0, 2.0, 6.0, NAN], [NAN, NAN, NAN, NAN], [1.0, NAN, 4.0, NAN]])
    (mean,) = step("impute", {"method": "cross_section"})
    (median,) = step("impute", {"method": "cross_section", "statistic": "median"})
    same(impute(values, mean).values, [[1, 2, 6, 3], [NAN] * 4, [1, 2.5, 4, 2.5]])
    same(impute(values, median).values, [[1, 2, 6, 2], [NAN] * 4, [1, 2.5, 4, 2.5]])


def test_a_filled_cell_knows_the_periods_it_comes_from():
    (linear,) = step("impute", "linear")
    filled = impute(column(1, NAN, NAN, 4), linear)
    assert filled.before[:, 0].tolist() == [-1, 0, 0, -1]
    assert filled.after[:, 0].tolist() == [-1, 3, 3, -1]


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e6, 1e6)), min_size=1, max_size=12))
def test_filling_never_touches_a_present_value(values):
    for how in ("linear", "carry", {"method": "carry", "direction": "both", "max_age": 2}, "cross_section"):
        (each,) = step("impute", how)
        before = column(*values)
        after = impute(before, each).values
        present = ~np.isnan(before)
        assert (after[present] == before[present]).all()


# Normalise

X = np.array([[1.0, 2.0, 5.0], [3.0, NAN, 4.0], [9.0, 2.0, 1.0]])


def scores(how: object, direction: int = 1, values: np.ndarray = X) -> np.ndarray:
    return normalise(values, direction, step("normalise", how), CELLS).scores


def test_min_max_over_all_cells():
    same(scores({"method": "min_max"}), [[0, 12.5, 50], [25, NAN, 37.5], [100, 12.5, 0]])
    same(scores({"method": "min_max", "lower": 1, "upper": 2}, -1)[0], [2, 1.875, 1.5])


def test_min_max_in_each_period():
    same(scores({"method": "min_max", "scope": "period"}), [[0, 25, 100], [0, NAN, 100], [100, 12.5, 0]])


def test_min_max_frozen_on_a_reference_lets_later_values_leave_the_bounds():
    how = {"method": "min_max", "scope": {"over": "reference", "periods": ["2010"], "areas": ["A", "C"]}}
    same(scores(how), [[0, 25, 100], [50, NAN, 75], [200, 25, 0]])


def test_min_max_with_given_bounds():
    how = {"method": "min_max", "upper": 1, "scope": {"over": "given", "values": {"min": 0, "max": 10}}}
    same(scores(how)[0], [0.1, 0.2, 0.5])
    same(scores(how, -1)[0], [0.9, 0.8, 0.5])


def test_z_score_uses_n_minus_one():
    values = np.array([[2.0, 4.0, 6.0]] * 3)
    how = {"method": "z_score", "mean": 100, "sd": 10, "scope": "period"}
    same(scores(how, values=values)[0], [90, 100, 110])
    same(scores(how, -1, values)[0], [110, 100, 90])


def test_base_ratio_is_one_hundred_in_the_base_period_and_upside_down_for_less_is_better():
    same(scores("base_ratio"), [[100, 100, 100], [300, NAN, 80], [900, 100, 20]])
    same(scores({"method": "base_ratio", "value": 60}, -1)[:, 2], [60, 75, 300])


def test_base_ratio_without_a_base_has_no_score_and_says_so():
    values = np.array([[NAN, 0.0, 1.0], [3.0, 3.0, 3.0], [1.0, 1.0, 1.0]])
    done = normalise(values, 1, step("normalise", "base_ratio"), CELLS)
    same(done.scores[1], [NAN, NAN, 300])
    assert {text: int(mask.sum()) for text, mask in done.notes.items() if mask.any()} == {
        "no value in the base period 2010": 2,
        "value of the base period 2010 is not above 0": 3,
    }


def test_goalposts_are_given_on_the_natural_scale_and_turned_by_the_engine():
    how = {"method": "goalposts", "low": 1, "high": 5}
    same(scores(how)[:, 0], [0, 50, 100])
    same(scores(how, -1)[:, 0], [100, 50, 0])
    same(scores(how | {"cap": False})[:, 0], [0, 50, 200])
    same(scores(how | {"log": True, "high": 9})[:, 0], [0, 50, 100])


def test_ranks_one_is_the_worst_and_ties_take_the_smallest():
    values = np.array([[5.0, 5.0, 7.0], [NAN, 2.0, 1.0], [NAN, NAN, 1.0]])
    same(scores("rank", values=values), [[1, 1, 3], [NAN, 2, 1], [NAN, NAN, 1]])
    same(scores("borda", -1, values), [[1, 1, 0], [NAN, 0, 1], [NAN, NAN, 0]])
    same(scores("percentile_rank", values=values), [[0, 0, 1], [NAN, 1, 0], [NAN, NAN, NAN]])


@pytest.mark.parametrize("how", ["min_max", "z_score"])
def test_a_constant_indicator_has_no_score_and_a_note(how):
    done = normalise(np.full((3, 3), 0.1), 1, step("normalise", how), CELLS)
    assert np.isnan(done.scores).all()
    assert done.notes["constant indicator"].all()


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e6, 1e6)), min_size=9, max_size=9))
def test_turning_the_direction_mirrors_the_scores(values):
    x = np.array(values).reshape(3, 3)
    np.testing.assert_allclose(scores("min_max", -1, x), 100 - scores("min_max", 1, x), rtol=0, atol=1e-11)
    np.testing.assert_allclose(scores("z_score", -1, x), -scores("z_score", 1, x), rtol=1e-12)


# Aggregate


def mean(values: list[float], weights: list[float], how: object) -> float:
    return float(aggregate(np.array(values), np.array(weights), step("aggregate", how)))


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("arithmetic", 0.2 * 1 + 0.3 * 4 + 0.5 * 16),
        ("geometric", math.exp(0.3 * math.log(4) + 0.5 * math.log(16))),
        (
            {"method": "geometric", "floor": 2},
            math.exp(0.2 * math.log(2) + 0.3 * math.log(4) + 0.5 * math.log(16)),
        ),
        ("harmonic", 1 / (0.2 / 1 + 0.3 / 4 + 0.5 / 16)),
        ({"method": "power_mean", "p": 2}, math.sqrt(0.2 + 0.3 * 16 + 0.5 * 256)),
        ({"method": "power_mean", "p": -1}, 1 / (0.2 / 1 + 0.3 / 4 + 0.5 / 16)),
        ("median", 10.0),
        ("min", 1.0),
    ],
)
def test_means_of_three_children(how, wanted):
    assert mean([1.0, 4.0, 16.0], [2.0, 3.0, 5.0], how) == pytest.approx(wanted, rel=1e-14)


def test_the_weight_of_a_missing_child_is_spread_over_those_present():
    same(spread_weights(np.array([1.0, NAN, 3.0]), np.array([1.0, 2.0, 3.0])), [0.25, 0, 0.75])
    assert mean([1.0, NAN, 3.0], [1.0, 2.0, 3.0], "arithmetic") == 2.5
    assert math.isnan(mean([NAN, NAN, 3.0], [1.0, 2.0, 0.0], "arithmetic"))


def test_the_weighted_median_takes_the_smallest_with_half_the_weight_below():
    assert mean([3.0, 1.0, 2.0], [1.0, 1.0, 1.0], "median") == 2.0
    assert mean([3.0, 1.0], [3.0, 1.0], "median") == 3.0
    assert mean([3.0, 1.0], [1.0, 1.0], "median") == 2.0


@pytest.mark.parametrize("how", ["geometric", "harmonic", {"method": "power_mean", "p": -2}])
def test_a_child_that_is_not_above_zero_has_no_such_mean(how):
    assert math.isnan(mean([0.0, 4.0], [1.0, 1.0], how))
    assert not math.isnan(mean([0.0, 4.0], [0.0, 1.0], how))


FAMILY = ["arithmetic", "geometric", "harmonic", {"method": "power_mean", "p": 3}, "median", "min"]


@given(
    st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 10)), min_size=1, max_size=6),
    st.sampled_from(FAMILY),
    st.floats(0.1, 100),
)
def test_weights_times_a_factor_and_a_child_without_weight_change_nothing(children, how, other):
    values, weights = (list(part) for part in zip(*children, strict=True))
    plain = mean(values, weights, how)
    assert mean(values, [10 * w for w in weights], how) == pytest.approx(plain, rel=1e-12)
    assert mean([*values, other], [*weights, 0.0], how) == pytest.approx(plain, rel=1e-12)
    assert min(values) - 1e-9 <= plain <= max(values) + 1e-9
