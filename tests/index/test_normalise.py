"""Every normalisation in every scope: numbers worked out by hand, a plain loop beside the engine, properties.

Not here: statistics over a scope (test_scope), the stages before and after (test_build).
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.normalise import Normalised, ParameterError, normalise
from pipelines.index.scope import Cells
from warehouse.catalogue.method import Method
from warehouse.errors import IndexhouseError

NAN = float("nan")
CELLS = Cells(("2010", "2011", "2012"), ("A", "B", "C"), "2010")
X = np.array([[1.0, 2.0, 5.0], [3.0, NAN, 4.0], [9.0, 2.0, 1.0]])

IN_2010 = {"over": "reference", "periods": ["2010"]}
A_AND_C_IN_2010 = {"over": "reference", "periods": ["2010"], "areas": ["A", "C"]}
ZERO_TO_TEN = {"over": "given", "values": {"min": 0, "max": 10}}


def step(how: object) -> Any:
    return Method.model_validate({"normalise": how}).normalise


def done(how: object, direction: int = 1, values: object = X, cells: Cells = CELLS, excluded: Any = None) -> Normalised:
    """One indicator, its values as (periods, areas)."""
    mask = None if excluded is None else np.array(excluded)[:, :, None]
    return normalise(np.array(values, float)[:, :, None], np.array([direction]), step(how), cells, mask)


def scores(how: object, direction: int = 1, values: object = X, **more: Any) -> np.ndarray:
    return done(how, direction, values, **more).scores[:, :, 0]


def notes(result: Normalised) -> dict[str, int]:
    return {text: int(mask.sum()) for text, mask in result.notes.items()}


def same(found: object, wanted: object) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(wanted, float), rtol=1e-14, atol=1e-14)


# Numbers worked out by hand


def test_none_leaves_the_values_whatever_the_direction():
    same(scores("none", -1), X)


def test_min_max_over_all_cells():
    same(scores("min_max"), [[0, 12.5, 50], [25, NAN, 37.5], [100, 12.5, 0]])
    same(scores({"method": "min_max", "lower": 1, "upper": 2}, -1)[0], [2, 1.875, 1.5])


def test_min_max_in_each_period():
    same(scores({"method": "min_max", "scope": "period"}), [[0, 25, 100], [0, NAN, 100], [100, 12.5, 0]])
    same(scores({"method": "min_max", "scope": "period"}, -1), [[100, 75, 0], [100, NAN, 0], [0, 87.5, 100]])


def test_min_max_frozen_on_a_reference_lets_later_values_leave_the_bounds():
    how = {"method": "min_max", "scope": A_AND_C_IN_2010}
    same(scores(how), [[0, 25, 100], [50, NAN, 75], [200, 25, 0]])
    same(scores(how, -1), [[100, 75, 0], [50, NAN, 25], [-100, 75, 100]])


def test_min_max_with_given_bounds():
    how = {"method": "min_max", "upper": 1, "scope": ZERO_TO_TEN}
    same(scores(how)[0], [0.1, 0.2, 0.5])
    same(scores(how, -1)[0], [0.9, 0.8, 0.5])


@pytest.mark.parametrize(("lower", "upper"), [(0.2, 0.9), (0.3, 0.9)])
def test_min_max_is_exactly_on_bounds_whose_difference_is_rounded(lower, upper):
    assert lower + (upper - lower) != upper
    for direction in (1, -1):
        found = scores({"method": "min_max", "lower": lower, "upper": upper}, direction)
        assert (np.nanmin(found), np.nanmax(found)) == (lower, upper)


V = [[0, 2, 4], [6, NAN, -2], [2, 2, 8]]


def test_z_score_uses_n_minus_one():
    sd = math.sqrt(71.5 / 7)
    same(scores("z_score", values=V)[0], [-2.75 / sd, -0.75 / sd, 1.25 / sd])
    how = {"method": "z_score", "mean": 100, "sd": 10, "scope": "period"}
    half, third = math.sqrt(1 / 2), math.sqrt(1 / 3)
    turned = [[-1, 0, 1], [half, NAN, -half], [-third, -third, 2 * third]]
    same(scores(how, values=V), 100 + 10 * np.array(turned))
    same(scores(how, -1, V), 100 - 10 * np.array(turned))


def test_z_score_of_a_reference_and_of_given_numbers():
    same(scores({"method": "z_score", "scope": IN_2010}, values=V), [[-1, 0, 1], [2, NAN, -2], [0, 0, 3]])
    how = {"method": "z_score", "scope": {"over": "given", "values": {"mean": 2, "sd": 4}}}
    same(scores(how, -1, V), [[0.5, 0, -0.5], [-1, NAN, 1], [0, 0, -1.5]])


def test_ranks_one_is_the_worst_and_ties_take_the_smallest():
    values = [[5.0, 5.0, 7.0], [NAN, 2.0, 1.0], [NAN, NAN, 1.0]]
    same(scores("rank", values=values), [[1, 1, 3], [NAN, 2, 1], [NAN, NAN, 1]])
    same(scores("rank", -1, values), [[2, 2, 1], [NAN, 1, 2], [NAN, NAN, 1]])
    same(scores("borda", -1, values), [[1, 1, 0], [NAN, 0, 1], [NAN, NAN, 0]])
    result = done("percentile_rank", values=values)
    same(result.scores[:, :, 0], [[0, 0, 1], [NAN, 1, 0], [NAN, NAN, NAN]])
    assert notes(result) == {"only one value to rank": 1}


def test_ranks_over_all_periods():
    values = [[5.0, 5.0, 7.0], [NAN, 2.0, 1.0], [NAN, NAN, 1.0]]
    same(scores({"method": "rank", "over": "all"}, values=values), [[4, 4, 6], [NAN, 3, 1], [NAN, NAN, 1]])
    how = {"method": "percentile_rank", "over": "all"}
    same(scores(how, -1, values), [[0.2, 0.2, 0], [NAN, 0.6, 0.8], [NAN, NAN, 0.8]])


def test_values_that_differ_beyond_twelve_digits_are_ties():
    same(scores("rank", values=[[0.3, 0.1 + 0.2, 0.4]] * 3)[0], [1, 1, 3])


def test_goalposts_are_given_on_the_natural_scale_and_turned_by_the_engine():
    how = {"method": "goalposts", "low": 1, "high": 5}
    same(scores(how), [[0, 25, 100], [50, NAN, 75], [100, 25, 0]])
    same(scores(how, -1), [[100, 75, 0], [50, NAN, 25], [0, 75, 100]])
    same(scores(how | {"cap": False})[2], [200, 25, 0])
    same(scores(how | {"cap": False, "scale": 1}, -1)[2], [-1, 0.75, 1])
    same(scores({"method": "scaled", "low": 1, "high": 5})[2], [200, 25, 0])


def test_the_worst_of_less_is_better_is_zero_and_not_minus_zero():
    for how in ({"method": "goalposts", "low": 1, "high": 9}, {"method": "distance_to_target", "target": 0}):
        assert not np.signbit(scores(how, -1)[2, 0])


def test_goalposts_of_logarithms():
    how = {"method": "goalposts", "low": 1, "high": 9, "log": True, "scale": 1}
    same(scores(how)[:, 0], [0, 0.5, 1])
    same(scores(how, -1)[:, 0], [1, 0.5, 0])
    result = done(how, values=[[0.0, -1.0, 3.0]] * 3)
    same(result.scores[0, :, 0], [NAN, NAN, 0.5])
    assert notes(result) == {"value is not above 0, so it has no logarithm": 6}


def test_distance_to_target_over_all_cells():
    how = {"method": "distance_to_target", "target": 6}
    same(scores(how), [[0, 0.2, 0.8], [0.4, NAN, 0.6], [1, 0.2, 0]])
    same(scores(how | {"cap": False})[2], [1.6, 0.2, 0])
    less = {"method": "distance_to_target", "target": 4, "cap": False}
    same(scores(less, -1), [[1.6, 1.4, 0.8], [1.2, NAN, 1], [0, 1.4, 1.6]])
    same(scores(less | {"cap": True}, -1), [[1, 1, 0.8], [1, NAN, 1], [0, 1, 1]])


def test_distance_to_target_in_the_other_scopes():
    how = {"method": "distance_to_target", "target": 6, "cap": False}
    same(scores(how | {"scope": "period"}), [[0, 0.2, 0.8], [0, NAN, 1 / 3], [1.6, 0.2, 0]])
    in_2011 = {"over": "reference", "periods": ["2011"]}
    same(scores(how | {"scope": in_2011})[0], [-2 / 3, -1 / 3, 2 / 3])
    same(scores(how | {"scope": ZERO_TO_TEN})[0], [1 / 6, 1 / 3, 5 / 6])
    same(scores(how | {"scope": ZERO_TO_TEN}, -1)[0], [9 / 4, 2, 5 / 4])


@pytest.mark.parametrize(("direction", "target"), [(1, 1), (1, 0), (-1, 9), (-1, 20)])
def test_a_target_on_or_beyond_the_worst_value_scores_one_when_capped_and_is_refused_when_not(direction, target):
    how = {"method": "distance_to_target", "target": target}
    same(scores(how, direction), np.where(np.isnan(X), NAN, 1.0))
    with pytest.raises(
        ParameterError, match=r"'target' .* is not better than the worst value .* 'cap: true'"
    ) as caught:
        scores(how | {"cap": False}, direction)
    assert isinstance(caught.value, IndexhouseError)
    assert caught.value.indicators == (0,)


def test_a_value_outside_the_scope_that_misses_such_a_target_does_not_score_one():
    in_2011 = {"over": "reference", "periods": ["2011"]}
    result = done({"method": "distance_to_target", "target": 2, "scope": in_2011})
    same(result.scores[:, :, 0], [[NAN, 1, 1], [1, NAN, 1], [1, 1, NAN]])
    assert notes(result) == {
        "the target is on or beyond the worst value of the scope, and the value has not reached it": 2
    }


def test_a_refused_parameter_says_which_indicators_it_does_not_work_for():
    values = np.stack([X, X + 10, X + 20], axis=2)
    how = step({"method": "distance_to_target", "target": 12, "cap": False})
    with pytest.raises(ParameterError) as caught:
        normalise(values, np.array([1, -1, 1]), how, CELLS)
    assert caught.value.indicators == (2,)


def test_distance_to_reference_over_all_cells():
    how = {"method": "distance_to_reference", "area": "C"}
    result = done(how)
    same(result.scores[:, :, 0], [[0, 0.25, 1], [2 / 3, NAN, 1], [NAN, NAN, NAN]])
    assert notes(result) == {"the reference area C is not better than the worst value": 3}
    same(scores(how, -1), [[2, 1.75, 1], [1.2, NAN, 1], [0, 0.875, 1]])


def test_distance_to_reference_in_the_other_scopes():
    how = {"method": "distance_to_reference", "area": "C"}
    same(scores(how | {"scope": "period"})[:2], [[0, 0.25, 1], [0, NAN, 1]])
    same(scores(how | {"scope": "period"}, -1)[2], [0, 0.875, 1])
    same(scores(how | {"scope": ZERO_TO_TEN}), [[0.2, 0.4, 1], [0.75, NAN, 1], [9, 2, 1]])
    in_2011 = {"over": "reference", "periods": ["2011"]}
    same(scores(how | {"scope": in_2011})[:2], [[-1, -0.5, 1], [0, NAN, 1]])
    assert np.isnan(scores(how | {"scope": in_2011})[2]).all()


def test_a_reference_area_without_a_value_and_an_unknown_one():
    result = done({"method": "distance_to_reference", "area": "B"})
    assert notes(result) == {"no value of the reference area B in the period": 2}
    with pytest.raises(ParameterError, match="'area': 'BB' is not an area of the index; "):
        scores({"method": "distance_to_reference", "area": "BB"})


def test_fraction_of_max_never_rewards_the_worst():
    same(scores("fraction_of_max"), X / 9)
    same(scores("fraction_of_max", -1), 1 / X)
    how = {"method": "fraction_of_max", "scope": "period"}
    same(scores(how), [[0.2, 0.4, 1], [0.75, NAN, 1], [1, 2 / 9, 1 / 9]])
    same(scores(how, -1), [[1, 0.5, 0.2], [1, NAN, 0.75], [1 / 9, 0.5, 1]])
    same(scores({"method": "fraction_of_max", "scope": IN_2010}), X / 5)
    given_scope = {"over": "given", "values": {"min": 0.5, "max": 10}}
    same(scores({"method": "fraction_of_max", "scope": given_scope}), X / 10)
    same(scores({"method": "fraction_of_max", "scope": given_scope}, -1), 0.5 / X)


def test_fraction_of_max_without_a_value_above_zero_has_no_score_and_a_note():
    below = done("fraction_of_max", values=[[-1, -2, 0]] * 3)
    assert notes(below) == {"fraction_of_max needs a maximum above 0": 9}
    less = done({"method": "fraction_of_max", "scope": "period"}, -1, [[1, 2, 4], [0, 1, 1], [2, 2, NAN]])
    same(less.scores[:, :, 0], [[1, 0.5, 0.25], [NAN, NAN, NAN], [1, 1, NAN]])
    assert notes(less) == {"fraction_of_max of less-is-better needs all values above 0": 3}
    later = done({"method": "fraction_of_max", "scope": IN_2010}, -1, [[1, 2, 4], [0, -1, 1], [2, 2, 2]])
    same(later.scores[1, :, 0], [NAN, NAN, 1])
    assert notes(later) == {"value is not above 0": 2}
    same(scores("fraction_of_max", values=[[-1, 0, 2]] * 3)[0], [-0.5, 0, 1])


@pytest.mark.parametrize(("direction", "values"), [(1, {"min": -2, "max": 0}), (-1, {"min": 0, "max": 5})])
def test_a_given_maximum_or_minimum_that_is_not_above_zero_is_refused(direction, values):
    how = {"method": "fraction_of_max", "scope": {"over": "given", "values": values}}
    with pytest.raises(ParameterError, match=r"'max' of 'scope\.values' .* above 0"):
        scores(how, direction)


def test_base_ratio_is_one_hundred_in_the_base_period_and_upside_down_for_less_is_better():
    same(scores("base_ratio"), [[100, 100, 100], [300, NAN, 80], [900, 100, 20]])
    same(scores({"method": "base_ratio", "value": 60}, -1)[:, 2], [60, 75, 300])
    same(scores({"method": "base_ratio", "period": "2012", "value": 1})[0], [1 / 9, 1, 5])


def test_base_ratio_without_a_base_has_no_score_and_says_so():
    values = [[NAN, 0.0, 1.0], [3.0, 3.0, 3.0], [1.0, 1.0, -1.0]]
    result = done("base_ratio", values=values)
    same(result.scores[:, :, 0], [[NAN, NAN, 100], [NAN, NAN, 300], [NAN, NAN, -100]])
    assert notes(result) == {
        "no value in the base period 2010": 2,
        "value of the base period 2010 is not above 0": 3,
    }
    assert notes(done("base_ratio", -1, values))["value is not above 0"] == 1
    absent = done({"method": "base_ratio", "period": "1999"})
    assert notes(absent) == {"no value in the base period 1999": 8}


def test_a_base_period_that_nobody_stated_is_refused():
    for how in ("base_ratio", "ampi"):
        with pytest.raises(
            ParameterError, match=rf"{how}: 'period'.* is missing; set it, or 'base_period' of the index"
        ):
            scores(how, cells=CELLS._replace(base_period=None))


def test_ampi_is_one_hundred_at_its_reference():
    how = {"method": "ampi", "reference": {"value": 5}}
    wanted = np.array([[70, 77.5, 100], [85, NAN, 92.5], [130, 77.5, 70]])
    same(scores(how), wanted)
    same(scores(how, -1), 200 - wanted)
    same(scores({"method": "ampi", "reference": {"area": "C"}}), wanted)
    same(scores({"method": "ampi", "reference": {"area": "A", "period": "2011"}}), wanted + 15)
    same(scores("ampi")[0], [70 + 7.5 * (1 + 4 / 3), 70 + 7.5 * (2 + 4 / 3), 70 + 7.5 * (5 + 4 / 3)])
    same(scores({"method": "ampi", "reference": {"period": "2011"}})[0], np.array([81.25, 88.75, 111.25]))


def test_ampi_in_the_other_scopes():
    how = {"method": "ampi", "reference": {"value": 5}}
    same(scores(how | {"scope": "period"}), [[40, 55, 100], [-20, NAN, 40], [130, 77.5, 70]])
    same(scores(how | {"scope": IN_2010}, -1)[2], [40, 145, 160])
    same(scores(how | {"scope": ZERO_TO_TEN})[0], [76, 82, 100])


def test_ampi_without_a_reference_value_has_no_score_and_says_so():
    assert notes(done({"method": "ampi", "reference": {"area": "B", "period": "2011"}})) == {
        "no value of the reference (B in 2011)": 8
    }
    assert notes(done({"method": "ampi", "reference": {"period": "1999"}})) == {
        "no value of the reference (mean of the areas in 1999)": 8
    }
    with pytest.raises(ParameterError, match="'area' of 'reference': 'D' is not an area of the index"):
        scores({"method": "ampi", "reference": {"area": "D"}})


# Conditions that fail, parameters, excluded cells


@pytest.mark.parametrize("how", ["min_max", "z_score", {"method": "ampi", "reference": {"value": 1}}])
@pytest.mark.parametrize("scope", ["all", "period", IN_2010])
def test_a_constant_indicator_has_no_score_and_a_note(how, scope):
    how = (how if isinstance(how, dict) else {"method": how}) | {"scope": scope}
    result = done(how, values=np.full((3, 3), 0.1))
    assert np.isnan(result.scores).all()
    assert notes(result) == {"constant indicator": 9}


def test_only_the_constant_period_is_lost():
    result = done({"method": "min_max", "scope": "period"}, values=[[1, 2, 3], [4, 4, 4], [NAN, NAN, NAN]])
    assert np.isnan(result.scores[:, 0, 0]).tolist() == [False, True, True]
    assert result.notes["constant indicator"][:, :, 0].tolist() == [[False] * 3, [True] * 3, [False] * 3]
    same(result.parameters["min"], [[1], [4], [NAN]])


@pytest.mark.parametrize(
    "how", ["min_max", "z_score", "fraction_of_max", {"method": "distance_to_target", "target": 50}, "ampi"]
)
def test_a_scope_without_values_is_too_little_to_scale_by(how):
    how = (how if isinstance(how, dict) else {"method": how}) | {"scope": {"over": "reference", "periods": ["1999"]}}
    assert notes(done(how)) == {"too few values to scale by": 8}


def test_one_value_has_no_standard_deviation():
    assert notes(done("z_score", values=[[NAN] * 3, [NAN, 5, NAN], [NAN] * 3])) == {"too few values to scale by": 1}


def test_parameters_hold_one_row_for_all_periods_or_one_a_period():
    same(done("min_max").parameters["max"], [[9]])
    same(done({"method": "min_max", "scope": "period"}).parameters["max"], [[5], [4], [9]])
    same(done({"method": "min_max", "scope": ZERO_TO_TEN}).parameters["max"], [[10]])
    assert sorted(done("z_score").parameters) == ["mean", "sd"]
    assert sorted(done({"method": "goalposts", "low": 1, "high": 2, "log": True}).parameters) == ["high", "low"]
    same(done({"method": "goalposts", "low": 1, "high": 2, "log": True}).parameters["low"], [[1]])
    same(done({"method": "distance_to_reference", "area": "B"}).parameters["reference"], [[2], [NAN], [2]])
    same(done("base_ratio").parameters["base_value C"], [[5]])
    same(done("ampi").parameters["reference"], [[8 / 3]])
    assert done("rank").parameters == {}


def test_excluded_cells_take_no_part_in_the_parameters_but_are_scored():
    without_nine = np.zeros((3, 3), dtype=bool)
    without_nine[2, 0] = True
    same(scores("min_max", excluded=without_nine), [[0, 25, 100], [50, NAN, 75], [200, 25, 0]])
    frozen = {"method": "min_max", "scope": {"over": "reference", "periods": ["2012"]}}
    same(scores(frozen, excluded=without_nine)[2], [800, 100, 0])
    same(done("z_score", excluded=without_nine).parameters["mean"], [[18 / 7]])
    without_first = np.zeros((3, 3), dtype=bool)
    without_first[0, 0] = True
    same(done("ampi", excluded=without_first).parameters["reference"], [[3.5]])
    same(scores("base_ratio", excluded=without_first)[:, 0], [100, 300, 900])
    same(scores("rank", excluded=without_first)[0], [1, 2, 3])


@pytest.mark.parametrize("how", ["min_max", "z_score", "ampi"])
def test_a_span_beyond_floating_point_is_a_missing_score_with_a_note(how):
    result = done(how, values=[[-1.7e308, 0.0, 1.7e308], [NAN, 1.0, 1.7e308], [1.0, 1.7e308, 1.7e308]])
    assert np.isnan(result.scores).all()
    assert notes(result) == {"the score is not a finite number": 8}
    assert not any(np.isinf(each).any() for each in result.parameters.values())


def test_a_score_that_overflows_is_missing_with_a_note():
    result = done("base_ratio", values=[[1e-300, 1.0, 1.0], [1e300, 1.0, 2.0], [1.0, 1.0, 1.0]])
    assert np.isnan(result.scores[1, 0, 0])
    assert notes(result) == {"the score is not a finite number": 1}


def test_z_scores_of_very_large_and_very_small_values():
    for factor in (1e250, 1e-250):
        same(scores("z_score", values=factor * np.array([[1.0, 2.0, 3.0]] * 3)[:1], cells=FLAT), [[-1, 0, 1]])


FLAT = Cells(("2010",), ("A", "B", "C"), "2010")


@pytest.mark.parametrize(
    "how", ["min_max", "z_score", "rank", "percentile_rank", "fraction_of_max", "base_ratio", "ampi"]
)
def test_a_panel_without_values_or_without_areas_has_no_scores_and_no_notes(how):
    assert notes(done(how, values=np.full((3, 3), NAN))) == {}
    nobody = Cells(CELLS.periods, (), "2010")
    assert scores(how, values=np.full((3, 0), NAN), cells=nobody).shape == (3, 0)


# A plain loop beside the engine


def in_scope(values: list[list[float]], how: Any, t: int, cells: Cells, excluded: Any) -> list[float]:
    """The present values that the parameters for period t rest on."""
    scope = how.scope
    return [
        values[s][a]
        for s in range(len(values))
        for a in range(len(values[0]))
        if not math.isnan(values[s][a])
        and not excluded[s][a]
        and (scope.over != "period" or s == t)
        and (scope.over != "reference" or not scope.periods or cells.periods[s] in scope.periods)
        and (scope.over != "reference" or not scope.areas or cells.areas[a] in scope.areas)
    ]


def plain(values: list[list[float]], d: int, how: Any, cells: Cells, excluded: Any) -> list[list[float]]:
    """The score of every cell, one after the other, NaN where there is none."""
    return [
        [NAN if math.isnan(x) else plain_cell(x, values, d, how, t, a, cells, excluded) for a, x in enumerate(row)]
        for t, row in enumerate(values)
    ]


def plain_cell(
    x: float, values: list[list[float]], d: int, how: Any, t: int, a: int, cells: Cells, excluded: Any
) -> float:
    if how.method == "none":
        return x
    if how.method in ("rank", "borda", "percentile_rank"):
        rows = [values[t]] if how.over == "period" else values
        others = [y for row in rows for y in row if not math.isnan(y)]
        below = sum(d * y < d * x for y in others)
        if how.method == "percentile_rank":
            return below / (len(others) - 1) if len(others) > 1 else NAN
        return below + (how.method == "rank")
    if how.method == "goalposts":
        low, high = how.low, how.high
        if how.log:
            if x <= 0:
                return NAN
            x, low, high = math.log(x), math.log(low), math.log(high)
        score = how.scale * ((x - low) if d > 0 else (high - x)) / (high - low)
        return min(max(score, 0.0), how.scale) if how.cap else score
    if how.method == "base_ratio":
        base = values[cells.periods.index(how.period or cells.base_period)][a]
        if not base > 0 or (d < 0 and x <= 0):
            return NAN
        return how.value * x / base if d > 0 else how.value * base / x
    if how.scope.over == "given":
        numbers = how.scope.values
    else:
        chosen = in_scope(values, how, t, cells, excluded)
        if len(chosen) < (2 if how.method == "z_score" else 1):
            return NAN
        numbers = {"min": min(chosen), "max": max(chosen)}
        if how.method == "z_score":
            numbers = {"mean": statistics.fmean(chosen), "sd": statistics.stdev(chosen)}
    if how.method == "z_score":
        return how.mean + d * how.sd * (x - numbers["mean"]) / numbers["sd"] if numbers["sd"] > 0 else NAN
    low, high = numbers["min"], numbers["max"]
    if how.method == "min_max":
        way = x - low if d > 0 else high - x
        return how.lower + (how.upper - how.lower) * way / (high - low) if high > low else NAN
    if how.method == "distance_to_target":
        if not (how.target > low if d > 0 else how.target < high):
            return 1.0 if d * x >= d * how.target else NAN
        score = (x - low) / (how.target - low) if d > 0 else (high - x) / (high - how.target)
        return min(score, 1.0) if how.cap else score
    if how.method == "distance_to_reference":
        ref = values[t][cells.areas.index(how.area)]
        if math.isnan(ref) or not (ref > low if d > 0 else ref < high):
            return NAN
        return 1 - (ref - x) / (ref - low) if d > 0 else 1 - (x - ref) / (high - ref)
    if how.method == "fraction_of_max":
        if d > 0:
            return x / high if high > 0 else NAN
        return low / x if low > 0 and x > 0 else NAN
    assert how.method == "ampi"
    ref = how.reference.value
    if ref is None:
        s = cells.periods.index(how.reference.period or cells.base_period)
        if how.reference.area is not None:
            ref = values[s][cells.areas.index(how.reference.area)]
        else:
            row = [y for y, out in zip(values[s], excluded[s], strict=True) if not math.isnan(y) and not out]
            ref = statistics.fmean(row) if row else NAN
    half = (high - low) / 2
    if math.isnan(ref) or half == 0:
        return NAN
    return 70 + 60 * (d * (x - ref) + half) / (2 * half)


PERIODS = ("2010", "2011", "2012", "2013")
AREAS = ("A", "B", "C", "D")
SCOPES: list[object] = [
    "all",
    "period",
    {"over": "reference", "periods": ["2011", "2012"]},
    {"over": "reference", "areas": ["A", "C", "D"]},
    {"over": "reference", "periods": ["2010"], "areas": ["B", "C"]},
]
GIVEN = {"over": "given", "values": {"min": 0.5, "max": 20}}
EVERY: list[dict[str, Any]] = [
    {"method": "none"},
    *({"method": each, "over": over} for each in ("rank", "borda", "percentile_rank") for over in ("period", "all")),
    {"method": "goalposts", "low": -3, "high": 5},
    {"method": "goalposts", "low": 1, "high": 5, "scale": 1, "log": True, "cap": False},
    {"method": "base_ratio"},
    {"method": "base_ratio", "period": "2012", "value": 60},
    *(
        {**how, "scope": scope}
        for scope in [*SCOPES, GIVEN]
        for how in (
            {"method": "min_max"},
            {"method": "min_max", "lower": 0.2, "upper": 0.9},
            {"method": "distance_to_target", "target": 3},
            {"method": "distance_to_reference", "area": "B"},
            {"method": "fraction_of_max"},
            {"method": "ampi"},
            {"method": "ampi", "reference": {"value": 2.5}},
            {"method": "ampi", "reference": {"area": "C", "period": "2012"}},
        )
    ),
    *(
        {"method": "z_score", "mean": 50, "sd": 10, "scope": scope}
        for scope in [*SCOPES, {"over": "given", "values": {"mean": 1, "sd": 2}}]
    ),
]
# quarters up to 12: differences are far above the rounding of a sum, ties, zeros and negative values are frequent
QUARTERS = st.one_of(st.just(NAN), st.integers(-8, 48).map(lambda n: n / 4), st.integers(1, 48).map(lambda n: n / 4))
ANY = st.one_of(st.just(NAN), st.floats(-1e6, 1e6))


@st.composite
def panels(draw: Any, numbers: Any = QUARTERS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, directions and excluded cells of one or two indicators."""
    k = draw(st.integers(1, 2))
    shape = (len(PERIODS), len(AREAS), k)
    n = math.prod(shape)
    values = np.array(draw(st.lists(numbers, min_size=n, max_size=n))).reshape(shape)
    directions = np.array(draw(st.lists(st.sampled_from([1, -1]), min_size=k, max_size=k)))
    out = draw(st.sets(st.integers(0, n - 1), max_size=4))
    return values, directions, np.isin(np.arange(n), list(out)).reshape(shape)


PANEL = Cells(PERIODS, AREAS, "2010")


@settings(deadline=None, max_examples=30)
@given(panels())
def test_a_plain_loop_gives_the_same_and_every_lost_value_has_one_note(panel):
    values, directions, excluded = panel
    for how in map(step, EVERY):
        result = normalise(values, directions, how, PANEL, excluded)
        for i, d in enumerate(directions):
            wanted = plain(values[:, :, i].tolist(), int(d), how, PANEL, excluded[:, :, i].tolist())
            np.testing.assert_allclose(result.scores[:, :, i], wanted, rtol=1e-12, atol=1e-12, err_msg=str(how))
        told = sum((mask.astype(int) for mask in result.notes.values()), np.zeros(values.shape, dtype=int))
        assert (told == (~np.isnan(values) & np.isnan(result.scores))).all(), how
        assert all(mask.any() for mask in result.notes.values())


@settings(deadline=None, max_examples=20)
@given(panels(ANY), st.permutations(range(len(AREAS))))
def test_the_order_of_areas_and_the_indicators_beside_change_no_bit(panel, order):
    values, directions, excluded = panel
    cells = PANEL._replace(areas=tuple(AREAS[a] for a in order))
    for how in map(step, EVERY):
        whole = normalise(values, directions, how, PANEL, excluded).scores
        turned = normalise(values[:, order], directions, how, cells, excluded[:, order]).scores
        np.testing.assert_array_equal(turned, whole[:, order])
        back = normalise(values[:, :, ::-1], directions[::-1], how, PANEL, excluded[:, :, ::-1]).scores
        np.testing.assert_array_equal(back, whole[:, :, ::-1])
        alone = normalise(values[:, :, :1], directions[:1], how, PANEL, excluded[:, :, :1]).scores
        np.testing.assert_array_equal(alone, whole[:, :, :1])


# Properties


def mirrored(how: dict[str, Any]) -> dict[str, Any]:
    """The same step for -x: numbers on the natural scale change their sign and, as ends, their places."""
    turned = dict(how)
    if "low" in how:
        turned |= {"low": -how["high"], "high": -how["low"]}
    if "target" in how:
        turned |= {"target": -how["target"]}
    if isinstance(how.get("scope"), dict) and "values" in how["scope"]:
        ends = how["scope"]["values"]
        if "min" in ends:
            ends = {"min": -ends["max"], "max": -ends["min"]}
        else:
            ends = {"mean": -ends["mean"], "sd": ends["sd"]}
        turned |= {"scope": {"over": "given", "values": ends}}
    return turned


TURNABLE = [
    how
    for how in EVERY
    if how["method"]
    in ("min_max", "z_score", "goalposts", "distance_to_target", "distance_to_reference", "rank", "percentile_rank")
    and not how.get("log")
]


@settings(deadline=None, max_examples=20)
@given(panels())
def test_less_is_better_is_more_is_better_of_the_mirrored_values(panel):
    values, directions, excluded = panel
    for how in TURNABLE:
        here = normalise(values, directions, step(how), PANEL, excluded).scores
        there = normalise(-values, -directions, step(mirrored(how)), PANEL, excluded).scores
        np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-12, err_msg=str(how))


@settings(deadline=None)
@given(panels(ANY), st.sampled_from(["all", "period"]))
def test_turning_the_direction_mirrors_the_scores(panel, scope):
    values, directions, _ = panel
    for how, total in (({"method": "min_max", "lower": 20, "upper": 70}, 90), ({"method": "z_score", "mean": 3}, 6)):
        each = step({**how, "scope": scope})
        more = normalise(values, directions, each, PANEL).scores
        less = normalise(values, -directions, each, PANEL).scores
        np.testing.assert_allclose(less, total - more, rtol=0, atol=1e-11)


@settings(deadline=None)
@given(
    panels(st.one_of(st.just(NAN), st.floats(-1e300, 1e300), st.integers(-3, 3).map(float))),
    st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)).map(sorted).filter(lambda ends: ends[0] < ends[1]),
    st.sampled_from(["all", "period"]),
)
def test_own_sample_min_max_touches_both_bounds_and_never_leaves_them(panel, ends, scope):
    values, directions, _ = panel
    lower, upper = ends
    how = {"method": "min_max", "lower": lower, "upper": upper, "scope": scope}
    found = normalise(values, directions, step(how), PANEL).scores
    for i in range(values.shape[2]):
        for row in found[:, :, i] if scope == "period" else [found[:, :, i]]:
            if not np.isnan(row).all():
                assert (np.nanmin(row), np.nanmax(row)) == (lower, upper)


@settings(deadline=None)
@given(panels(ANY))
def test_capped_goalposts_fractions_of_ranks_and_capped_targets_stay_in_bounds(panel):
    values, directions, _ = panel
    for how, top in (
        ({"method": "goalposts", "low": -0.1, "high": 0.3, "scale": 7.3}, 7.3),
        ({"method": "percentile_rank"}, 1.0),
        ({"method": "distance_to_target", "target": 0.3}, 1.0),
    ):
        found = normalise(values, directions, step(how), PANEL).scores
        assert ((found >= 0) & (found <= top) | np.isnan(found)).all()


FROZEN = [
    how
    for how in EVERY
    if how["method"] in ("goalposts", "base_ratio")
    or how.get("over") == "period"
    or how.get("scope") == "period"
    or (isinstance(how.get("scope"), dict) and (how["scope"]["over"] == "given" or how["scope"].get("periods")))
]


@settings(deadline=None, max_examples=20)
@given(panels(ANY))
def test_a_new_year_changes_no_earlier_score_under_frozen_parameters(panel):
    values, directions, excluded = panel
    earlier = PANEL._replace(periods=PERIODS[:3])
    for how in map(step, FROZEN):
        before = normalise(values[:3], directions, how, earlier, excluded[:3]).scores
        after = normalise(values, directions, how, PANEL, excluded).scores
        np.testing.assert_array_equal(after[:3], before)
