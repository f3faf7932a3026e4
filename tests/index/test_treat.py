"""Outliers tested, winsorised, transformed, cut: numbers by hand, a plain loop beside the engine, properties.

Not here: skewness and kurtosis themselves (test_statistics), what normalising makes of excluded cells (test_normalise).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.scope import Cells
from pipelines.index.treat import (
    Treated,
    boxcox,
    log_ct,
    log_ct_orig,
    log_ct_plus,
    log_gii,
    square_root,
    treat,
    winsorise,
)
from warehouse.catalogue.method import Method
from warehouse.rounding import round_significant

NAN = float("nan")
LN = math.log
WINSORISE = {"method": "winsorise"}


def step(how: object) -> Any:
    return Method.model_validate({"treat": how}).treat


def treated(values: object, how: object, directions: list[int] | None = None) -> Treated:
    """Values (periods, areas, indicators)."""
    x = np.array(values, dtype=float)
    cells = Cells([str(2000 + t) for t in range(len(x))], [f"A{a}" for a in range(x.shape[1])])
    return treat(x, step(how), cells, np.array(directions or [1] * x.shape[2]))


def one(values: object, how: object, direction: int = 1) -> Treated:
    """One period and one indicator over areas."""
    return treated(np.array(values, float)[None, :, None], how, [direction])


def noted(found: Treated) -> dict[str, list[int]]:
    """Flat positions of the cells of each note."""
    return {text: np.flatnonzero(mask).tolist() for text, mask in found.notes.items()}


def numbers(found: Treated) -> dict[str, float]:
    """The parameters of the only indicator, those that there are."""
    return {name: float(each[0, 0]) for name, each in found.parameters.items() if not np.isnan(each[0, 0])}


# Elementary functions


def test_logarithms_worked_out_by_hand():
    x = np.array([2.0, NAN, 4.0, 12.0])  # m = 2, M = 12, R = 10
    for found, wanted in (
        (log_ct(x), [LN(0.1), NAN, LN(2.1), LN(10.1)]),
        (log_ct_orig(x), [0.0, NAN, LN(3), LN(11)]),
        (log_ct_plus(x, 0.3), [LN(0.1), NAN, LN(2.1), LN(10.1)]),
        (log_ct_plus(x, -0.3), [-LN(10.1), NAN, -LN(8.1), -LN(0.1)]),
        (log_gii(x), [0.0, NAN, LN(3.2), LN(12)]),
        (log_gii(x, -1), [-LN(12), NAN, -LN(9.8), 0.0]),
        (boxcox(x, 2.0), [0.0, NAN, 4.0, 60.0]),
        (boxcox(x, 0.0), [0.0, NAN, LN(3), LN(11)]),
        (boxcox(x, -1.0), [0.0, NAN, 2 / 3, 10 / 11]),
        (square_root(np.array([4.0, NAN, -1.0, 0.0])), [2.0, NAN, NAN, 0.0]),
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=1e-15)


def test_transforms_of_equal_values_are_defined_or_leave_them():
    x = np.array([7.0, 7.0, NAN])
    for found in (log_ct(x), log_ct_plus(x, 1.0), log_ct_plus(x, -1.0), log_gii(x), log_gii(x, -1)):
        np.testing.assert_array_equal(found, x)
    for found in (log_ct_orig(x), boxcox(x, 0.0), boxcox(x, 3.0)):
        np.testing.assert_array_equal(found, [0.0, 0.0, NAN])
    np.testing.assert_array_equal(log_ct(np.array([NAN, NAN])), [NAN, NAN])


def test_log_gii_needs_a_value_above_one_or_it_would_turn_the_order_around():
    x = np.array([0.2, 0.5, 1.0])
    np.testing.assert_array_equal(log_gii(x), x)
    np.testing.assert_array_equal(log_gii(x, -1), x)


def test_many_series_are_transformed_each_by_itself():
    x = np.array([[2.0, 4.0, 12.0], [0.0, 1.0, 2.0]])
    np.testing.assert_array_equal(log_ct(x), [log_ct(x[0]), log_ct(x[1])])
    both = log_ct_plus(x, np.array([[1.0], [-1.0]]))
    np.testing.assert_array_equal(both, [log_ct_plus(x[0], 1.0), log_ct_plus(x[1], -1.0)])
    both = log_gii(x, np.array([[1], [-1]]))
    np.testing.assert_array_equal(both, [log_gii(x[0], 1), log_gii(x[1], -1)])


def test_winsorising_moves_the_outlier_to_the_next_value_on_its_side():
    low_to_high = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, NAN, 100])
    found = winsorise(low_to_high)
    np.testing.assert_array_equal(found.values, [1, 2, 3, 4, 5, 6, 7, 8, NAN, 8])
    assert np.flatnonzero(found.moved).tolist() == [9]
    np.testing.assert_array_equal(winsorise(-low_to_high).values, [-1, -2, -3, -4, -5, -6, -7, -8, NAN, -8])
    assert low_to_high[9] == 100


def test_winsorising_decides_the_side_anew_each_time():
    values = [-200.0, *range(1, 21), 400.0]
    assert winsorise(np.array(values), winmax=1).values[[0, -1]].tolist() == [-200, 20]
    assert winsorise(np.array(values)).values[[0, -1]].tolist() == [1, 20]


def test_ties_move_together_and_may_exceed_the_limit():
    values = np.array([*range(1, 41), 400.0, 400.0])
    found = winsorise(values, winmax=1)
    assert found.values[-3:].tolist() == [40, 40, 40]
    assert found.moved.sum() == 2


def test_points_already_moved_count_once():
    values = np.array([*range(1, 31), 200.0, 300.0, 400.0])
    steps = [winsorise(values, winmax=most) for most in range(5)]
    assert [int(each.moved.sum()) for each in steps] == [0, 1, 2, 3, 3]
    assert steps[2].values[-3:].tolist() == [200, 200, 200]
    assert steps[4].values[-3:].tolist() == [30, 30, 30]


def test_winsorising_never_makes_all_values_equal_however_many_points_are_allowed():
    values = np.array([0.0] * 20 + [1.0])
    assert plain_fails(values.tolist(), step(WINSORISE))
    np.testing.assert_array_equal(winsorise(values, winmax=1000).values, values)
    found = winsorise(np.array([0.0] * 20 + [5.0, 9.0]), winmax=1000)
    np.testing.assert_array_equal(found.values, [0.0] * 20 + [5.0, 5.0])


@pytest.mark.parametrize("values", [[], [NAN], [1.0], [1.0, 1.0, 100.0], [3.0] * 9])
def test_fewer_than_four_or_equal_values_pass_the_test(values):
    x = np.array(values, dtype=float)
    np.testing.assert_array_equal(winsorise(x, skew=0.0, kurtosis=-9.0).values, x)


# The stage

OUTLIER = [1.0, 2, 3, 4, 5, 6, 7, 8, NAN, 100]
HEAVY = [*map(float, range(1, 41)), 300.0, 500.0, 900.0]  # one point moved is not enough


def test_an_indicator_that_passes_stays_as_it_is_and_its_test_is_reported():
    values = [1.0, 2, 3, 4, 10, NAN]
    for how in (WINSORISE, "log_ct", WINSORISE | {"then": "sqrt"}):
        found = one(values, how)
        np.testing.assert_array_equal(found.values[0, :, 0], values)
        assert not found.is_treated.any()
        assert found.excluded is None
        assert noted(found) == {}
        reported = numbers(found)
        assert reported.pop("winsorised", 0.0) == 0.0
        assert reported == pytest.approx({"skewness": 1.2 * math.sqrt(2), "kurtosis": 3.152}, rel=1e-13)


def test_what_was_winsorised_is_flagged_noted_and_counted():
    found = one(OUTLIER, WINSORISE)
    np.testing.assert_array_equal(found.values[0, :, 0], [*OUTLIER[:-1], 8])
    assert np.flatnonzero(found.is_treated).tolist() == [9]
    assert noted(found) == {"winsorised": [9]}
    reported = numbers(found)
    assert reported["winsorised"] == 1
    assert reported["skewness"] > 2
    # 1 to 8 and another 8: deviations from 44/9
    assert reported["skewness_treated"] == pytest.approx(plain_moments([1, 2, 3, 4, 5, 6, 7, 8, 8])[0], rel=1e-12)


def test_what_is_still_an_outlier_goes_to_the_second_treatment_on_its_original_values():
    how = WINSORISE | {"winmax": 1, "then": "log_ct_orig"}
    found = one(HEAVY, how)
    np.testing.assert_allclose(found.values[0, :, 0], [LN(x) for x in HEAVY], rtol=1e-14)
    assert numbers(found)["winsorised"] == 1
    assert found.is_treated.all()
    assert noted(found) == {
        "winsorised 1 points and still an outlier": list(range(43)),
        "transformed by log_ct_orig": list(range(43)),
    }


def test_the_second_treatment_may_take_the_winsorised_values():
    how = WINSORISE | {"winmax": 1, "then": "log_ct_orig", "then_on": "winsorised"}
    found = one(HEAVY, how)
    np.testing.assert_allclose(found.values[0, -3:, 0], [LN(300), LN(500), LN(500)], rtol=1e-14)
    assert noted(found)["winsorised"] == [42]


def test_what_no_treatment_mends_says_so():
    binary = [0.0] * 20 + [1.0]
    found = one(binary, WINSORISE)
    np.testing.assert_array_equal(found.values[0, :, 0], binary)
    assert noted(found) == {"winsorised 0 points and still an outlier": list(range(21))}
    found = one(binary, WINSORISE | {"then": "log_gii"})
    assert not found.is_treated.any()
    assert set(noted(found)) == {
        "winsorised 0 points and still an outlier",
        "log_gii changes nothing: no value above 1",
        "log_gii and still an outlier",
    }
    found = one([7.0] * 5 + [NAN], {"method": "log_ct", "when": "always"})
    assert noted(found) == {"log_ct changes nothing: constant": [0, 1, 2, 3, 4]}


def test_a_transform_applies_to_outliers_only_or_always():
    values = np.stack([OUTLIER, [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]], axis=-1)[None]
    some = treated(values, "log_ct_orig")
    every = treated(values, {"method": "log_ct_orig", "when": "always"})
    np.testing.assert_array_equal(some.values[0, :, 1], values[0, :, 1])
    np.testing.assert_allclose(every.values, np.log(values), rtol=1e-14)
    np.testing.assert_array_equal(some.values[0, :, 0], every.values[0, :, 0])
    assert np.isnan(some.parameters["skewness_treated"][0]).tolist() == [False, True]
    # ln 1 = 0 is a change, a missing value is none
    assert some.is_treated[0, :, 0].tolist() == [True] * 8 + [False, True]


def test_the_square_root_of_a_negative_value_is_lost_and_noted():
    found = one([-1.0, 0.0, 1.0, 4.0], {"method": "sqrt", "when": "always"})
    np.testing.assert_array_equal(found.values[0, :, 0], [NAN, 0, 1, 2])
    assert noted(found) == {"square root of a negative value": [0], "transformed by sqrt": [3]}
    assert found.is_treated[0, :, 0].tolist() == [True, False, False, True]


def test_a_number_too_large_for_a_transform_is_lost_and_noted():
    found = one([0.0, 1.0, 1e200], {"method": "boxcox", "boxcox_lambda": 2, "when": "always"})
    np.testing.assert_array_equal(found.values[0, :, 0], [0, 1.5, NAN])
    assert noted(found)["boxcox is too large a number"] == [2]


def test_log_gii_follows_the_direction_of_each_indicator():
    values = np.stack([HEAVY, HEAVY], axis=-1)[None]
    found = treated(values, "log_gii", [1, -1])
    np.testing.assert_array_equal(found.values[0, :, 0], log_gii(np.array(HEAVY), 1))
    np.testing.assert_array_equal(found.values[0, :, 1], log_gii(np.array(HEAVY), -1))


def test_each_period_is_tested_and_treated_by_itself():
    calm = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    found = treated(np.array([calm, OUTLIER])[:, :, None], WINSORISE | {"over": "period"})
    np.testing.assert_array_equal(found.values[:, :, 0], [calm, [*OUTLIER[:-1], 8]])
    assert found.parameters["winsorised"].tolist() == [[0], [1]]
    assert {each.shape for each in found.parameters.values()} == {(2, 1)}
    together = treated(np.array([calm, OUTLIER])[:, :, None], WINSORISE)
    assert together.values[1, 9, 0] == 10
    assert {each.shape for each in together.parameters.values()} == {(1, 1)}


def test_limits_of_standard_deviations_exclude_or_cut():
    values = [0.0, 0, 0, 0, 0, 0, 0, 8, NAN]  # mean 1, sd sqrt(8)
    upper = 1 + 2 * math.sqrt(8)
    found = one(values, {"method": "sd_limits", "k": 2})
    np.testing.assert_array_equal(found.values[0, :, 0], values)
    assert np.flatnonzero(found.excluded).tolist() == [7]
    assert not found.is_treated.any()
    assert numbers(found) == pytest.approx({"lower_limit": 2 - upper, "upper_limit": upper}, rel=1e-14)
    assert noted(found) == {"beyond mean +/- 2 standard deviations: not in the parameters": [7]}
    found = one(values, {"method": "sd_limits", "k": 2, "exclude": False, "clip": True})
    assert found.values[0, 7, 0] == pytest.approx(upper, rel=1e-14)
    assert found.excluded is None
    assert np.flatnonzero(found.is_treated).tolist() == [7]
    assert noted(found) == {"beyond mean +/- 2 standard deviations: cut": [7]}


def test_limits_of_equal_values_exclude_none():
    found = treated([[[0.1], [0.1], [0.1]], [[5.0], [NAN], [NAN]]], {"method": "sd_limits", "k": 1, "over": "period"})
    assert not found.excluded.any()
    np.testing.assert_array_equal(found.parameters["upper_limit"], [[0.1], [NAN]])


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 3), (2, 3, 0), (1, 1, 1)])
@pytest.mark.parametrize("over", ["all", "period"])
def test_an_empty_panel_and_one_of_a_single_cell_pass(shape, over):
    for how in (WINSORISE | {"then": "log_ct"}, {"method": "log_gii", "when": "always"}, {"method": "sd_limits"}):
        assert treated(np.ones(shape), how | {"over": over}).values.shape == shape


def test_no_treatment_does_nothing():
    found = one(OUTLIER, "none")
    np.testing.assert_array_equal(found.values[0, :, 0], OUTLIER)
    assert (found.parameters, found.notes, found.excluded) == ({}, {}, None)


# A plain loop that treats one series


def plain_moments(values: list[float]) -> tuple[float, float]:
    """G1 and G2, NaN where there are none."""
    n = len(values)
    if n < 3 or min(values) == max(values):
        return NAN, NAN
    centre = math.fsum(values) / n
    m2, m3, m4 = (math.fsum((x - centre) ** power for x in values) / n for power in (2, 3, 4))
    skew = math.sqrt(n * (n - 1)) / (n - 2) * m3 / m2**1.5
    return skew, (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * m4 / m2**2 - 3 * (n - 1)) if n > 3 else NAN


def plain_fails(values: list[float], how: Any) -> bool:
    skew, kurt = plain_moments(values)
    return abs(skew) >= how.skew and kurt >= how.kurtosis


def plain_winsorised(values: list[float], how: Any) -> tuple[list[float], int]:
    x, moved = list(values), set()
    while plain_fails(x, how) and len(moved) < how.winmax and len(set(x)) > 2:
        side = max if plain_moments(x)[0] > 0 else min
        end = side(x)
        following = side(value for value in x if value != end)
        for place, value in enumerate(x):
            if value == end:
                x[place] = following
                moved.add(place)
    return x, len(moved)


def plain_transformed(x: list[float], name: str, exponent: float | None, direction: int) -> list[float]:
    low, high = min(x), max(x)
    span = high - low
    if name == "log_ct_orig":
        return [LN(v - low + 1) for v in x]
    if name == "boxcox":
        return [LN(v - low + 1) if exponent == 0 else ((v - low + 1) ** exponent - 1) / exponent for v in x]
    if name == "sqrt":
        return [NAN if v < 0 else math.sqrt(v) for v in x]
    if span == 0 or (name == "log_gii" and high <= 1):
        return x
    if name == "log_gii" and direction > 0:
        return [LN((high - 1) * (v - low) / span + 1) for v in x]
    if name == "log_gii":
        return [-LN((high - 1) * (high - v) / span + 1) for v in x]
    if name == "log_ct_plus" and plain_moments(x)[0] < 0:
        return [-LN(high - v + 0.01 * span) for v in x]
    return [LN(v - low + 0.01 * span) for v in x]


def plain(x: list[float], how: Any, direction: int) -> tuple[list[float], float]:
    """Treated values and the number of points winsorised."""
    if how.method == "none" or len(x) == 0:
        return x, 0
    if how.method == "sd_limits":
        mean = math.fsum(x) / len(x)
        sd = math.sqrt(math.fsum((v - mean) ** 2 for v in x) / (len(x) - 1)) if len(x) > 1 else NAN
        if how.clip and len(x) > 1:
            return [max(mean - how.k * sd, min(mean + how.k * sd, v)) for v in x], 0
        return x, 0
    if how.method != "winsorise":
        applies = how.when == "always" or plain_fails(x, how)
        return (plain_transformed(x, how.method, how.boxcox_lambda, direction) if applies else x), 0
    new, points = plain_winsorised(x, how)
    if plain_fails(new, how) and how.then is not None:
        base = x if how.then_on == "original" else new
        return plain_transformed(base, how.then, how.boxcox_lambda, direction), points
    return new, points


TRANSFORMS: list[dict[str, Any]] = [
    {"method": "log_ct"},
    {"method": "log_ct_orig"},
    {"method": "log_ct_plus"},
    {"method": "log_gii"},
    {"method": "boxcox", "boxcox_lambda": 0},
    {"method": "boxcox", "boxcox_lambda": -0.4},
    {"method": "sqrt"},
]
THENS: list[dict[str, Any]] = [
    {"then": each["method"]} | {key: value for key, value in each.items() if key != "method"} for each in TRANSFORMS
]
HOW: list[dict[str, Any]] = [
    WINSORISE,
    WINSORISE | {"winmax": 100, "skew": 1.0, "kurtosis": 1.0},
    *(WINSORISE | {"winmax": 2, "then_on": on} | then for then in THENS for on in ("original", "winsorised")),
    *TRANSFORMS,
    *(each | {"when": "always"} for each in TRANSFORMS),
    {"method": "sd_limits", "k": 1.5, "clip": True},
]


@pytest.mark.parametrize("over", ["all", "period"])
@pytest.mark.parametrize("how", HOW, ids=str)
def test_every_treatment_equals_a_plain_loop(how, over):
    draw = np.random.default_rng(7)
    x = draw.normal(size=(4, 30, 9))
    x[:, :, 1] = draw.lognormal(sigma=2, size=(4, 30))
    x[:, :, 2] = 9 - draw.lognormal(sigma=2, size=(4, 30))
    x[:, :, 3] = np.round(draw.lognormal(sigma=1.2, size=(4, 30)))  # ties
    x[:, :, 4] = 0.1
    x[:, :, 5] = draw.random((4, 30)) < 0.04
    x[:, :, 6] = draw.standard_t(1.5, size=(4, 30)) * 1e6
    x[draw.random(x.shape) < 0.15] = NAN
    x[:, :, 7] = NAN
    x[:, 3:, 8] = NAN
    directions = [1, 1, -1, -1, 1, 1, 1, 1, -1]
    how = step(how | {"over": over})
    found = treat(x, how, Cells(list("abcd"), [str(a) for a in range(30)]), np.array(directions))
    for block in [slice(0, 4)] if over == "all" else [slice(t, t + 1) for t in range(4)]:
        for i in range(9):
            before, after = x[block, :, i].ravel(), found.values[block, :, i].ravel()
            present = ~np.isnan(before)
            wanted, points = plain(before[present].tolist(), how, directions[i])
            np.testing.assert_allclose(after[present], wanted, rtol=1e-12, atol=1e-14)
            assert np.isnan(after[~present]).all()
            if "winsorised" in found.parameters:
                assert found.parameters["winsorised"][block.start, i] == points
            if how.method != "sd_limits":
                skew, kurt = plain_moments(before[present].tolist())
                np.testing.assert_allclose(found.parameters["skewness"][block.start, i], skew, rtol=1e-12, atol=1e-14)
                np.testing.assert_allclose(found.parameters["kurtosis"][block.start, i], kurt, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(found.is_treated, ~np.isnan(x) & (found.values != x))


# Properties

CELL = st.one_of(st.just(NAN), st.floats(-100, 100), st.floats(-1, 1), st.sampled_from([0.0, 1.0, 5.0, 1e6, -1e6]))
PANELS = st.lists(CELL, min_size=48, max_size=48).map(lambda cells: np.array(cells).reshape(2, 12, 2))
ALL = [each | {"over": over} for each in HOW for over in ("all", "period")]


@settings(deadline=None)
@given(PANELS, st.sampled_from(ALL), st.permutations(range(12)), st.booleans())
def test_the_order_of_areas_and_indicators_changes_nothing(values, how, areas, is_turned):
    columns = [1, 0] if is_turned else [0, 1]
    directions = [1, -1]
    found = treated(values, how, directions)
    other = treated(values[:, areas][:, :, columns], how, [directions[i] for i in columns])
    np.testing.assert_array_equal(other.values, found.values[:, areas][:, :, columns])
    assert other.parameters.keys() == found.parameters.keys()
    for name, each in found.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], each[:, columns])
    for text, mask in found.notes.items():
        np.testing.assert_array_equal(other.notes[text], mask[:, areas][:, :, columns])


@settings(deadline=None)
@given(PANELS, st.sampled_from(ALL))
def test_a_treatment_keeps_the_order_of_the_values(values, how):
    found = treated(values, how, [1, -1])
    for block in [slice(0, 2)] if how["over"] == "all" else [slice(0, 1), slice(1, 2)]:
        for i in range(2):
            before, after = values[block, :, i].ravel(), round_significant(found.values[block, :, i].ravel())
            has_both = ~np.isnan(before) & ~np.isnan(after)
            order = np.argsort(before[has_both], kind="stable")
            assert (np.diff(after[has_both][order]) >= 0).all()


@settings(deadline=None)
@given(PANELS, st.sampled_from(ALL))
def test_every_value_that_is_lost_has_a_note_and_so_has_every_change(values, how):
    found = treated(values, how, [1, -1])
    told = np.zeros(values.shape, dtype=bool)
    for mask in found.notes.values():
        assert mask.any()
        assert not np.isnan(values[mask]).any()
        told |= mask
    assert told[found.is_treated].all()
    assert np.isfinite(found.values[~np.isnan(values) & ~found.is_treated]).all()


@settings(deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 50.0, -50.0, 1e4]), min_size=4, max_size=25), st.integers(0, 60))
def test_winsorising_keeps_within_the_values_and_two_of_them_apart(values, winmax):
    x = np.array(values)
    found = winsorise(x, winmax=winmax, skew=0.0, kurtosis=-9.0)
    assert set(found.values.tolist()) <= set(values)
    assert len(set(values)) == 1 or len(set(found.values.tolist())) >= 2
    np.testing.assert_array_equal(found.values[~found.moved], x[~found.moved])
    assert (found.values != x)[found.moved].all()
