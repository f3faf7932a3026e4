"""Benefit of the doubt, by hand and against the dual program solved on its own.

Not here: means with the same weights for all areas (test_aggregate).
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from pipelines.index.doubt import NEGATIVE, NO_SHARE, RAISED, Doubt, benefit_of_the_doubt
from pipelines.index.scope import Cells
from warehouse.catalogue.method import Method
from warehouse.errors import IndexhouseError

BETTER_LIFE = Path(__file__).parents[1] / "replications" / "compind" / "raw" / "input_bli_2017.csv"
NAN = float("nan")
NAMES = tuple("abcdefghijklmnopqrst")


def doubt(scores: object, names: str = "", **more: object) -> Doubt:
    array = np.asarray(scores, float)
    array = array if array.ndim > 2 else array[None]
    step = Method.model_validate({"aggregate": {"method": "benefit_of_the_doubt", **more}}).aggregate
    return benefit_of_the_doubt(array, step, tuple(names or NAMES[: array.shape[-1]]))


def dual_score(rows: np.ndarray, area: int, low: np.ndarray, high: np.ndarray) -> float:
    """The score of one area as the smallest sum of prices of the areas, weights never appearing.

    Prices q of areas, a and b of lower and upper share bounds, all from 0 up: minimise sum q subject to
    sum_k q_k y_kc - y_c (a_c - sum a low) + y_c (b_c - sum b high) >= y_c for each child c, y the area's own values.
    """
    own = rows[area]
    areas, children = rows.shape
    left = np.zeros((children, areas + 2 * children))
    left[:, :areas] = rows.T
    for c in range(children):
        left[c, areas : areas + children] = own[c] * low
        left[c, areas + c] -= own[c]
        left[c, areas + children :] = -own[c] * high
        left[c, areas + children + c] += own[c]
    cost = np.r_[np.ones(areas), np.zeros(2 * children)]
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, A_ub=-left, b_ub=-own, bounds=(0, None), method="highs-ipm", options=options)
    assert found.status == 0, found.message
    return float(found.fun)


def dual_scores(rows: np.ndarray, low: float = 0.0, high: float = 1.0) -> list[float]:
    bounds = np.full(rows.shape[1], low), np.full(rows.shape[1], high)
    return [dual_score(rows, area, *bounds) for area in range(len(rows))]


def check(rows: np.ndarray, found: Doubt, low: float, high: float) -> None:
    """The weights of every area give its score, let no area exceed 1 and keep to the bounds."""
    for area, weights in enumerate(found.weights[0]):
        assert (weights >= 0).all()
        own = weights * rows[area]
        assert own.sum() == pytest.approx(found.scores[0, area], rel=1e-10)
        assert (rows * weights).sum(axis=1).max() <= 1 + 1e-10
        assert (own >= (low - 1e-9) * own.sum()).all()
        assert (own <= (high + 1e-9) * own.sum()).all()


# By hand


def test_the_best_weights_of_three_areas():
    # A and B are best at something; C reaches half of what the line between them has in its direction
    found = doubt([[4, 2], [2, 4], [1.5, 1.5]])
    assert found.scores.tolist() == [[1, 1, 0.5]]
    assert found.weights[0, 2].tolist() == pytest.approx([1 / 6, 1 / 6], rel=1e-11)


def test_shares_within_bounds():
    # C relative to A: 2/1, 1/2 and to B: 1/1, 4/2; the smallest t with 2p + q/2 <= t, p + 2q <= t, p + q = 1
    # is 1.4 at p = 0.6; a share of a of at least 0.8 makes it 1.7, of at most 0.5 makes it 1.5
    rows = [[2, 1], [1, 4], [1, 2]]
    assert doubt(rows).scores[0, 2] == pytest.approx(1 / 1.4, rel=1e-11)
    assert doubt(rows, bounds={"a": [0.8, 1]}).scores[0, 2] == pytest.approx(1 / 1.7, rel=1e-11)
    found = doubt(rows, bounds={"a": [0, 0.5]})
    assert found.scores[0, 2] == pytest.approx(1 / 1.5, rel=1e-11)
    assert found.weights[0, 2].tolist() == pytest.approx([0.5 / 1.5, 0.5 / 1.5 / 2], rel=1e-11)


def test_bounds_that_leave_no_choice_fix_the_shares():
    # A against B: 0.5/2 + 0.5 * 4 = 2.25; B against A: 0.5 * 2 + 0.5/4 = 1.125; C against B: 0.5 + 0.5 * 2 = 1.5
    rows = np.array([[2, 1], [1, 4], [1, 2]])
    found = doubt(rows, low=0.5, high=0.5)
    assert found.scores[0].tolist() == pytest.approx([1 / 2.25, 1 / 1.125, 1 / 1.5], rel=1e-11)
    own = found.weights[0] * rows
    np.testing.assert_allclose(own[:, 0], own[:, 1], rtol=1e-11)


def test_one_child_is_measured_by_the_best_area():
    assert doubt([[2], [8], [4]]).scores.tolist() == [[0.25, 1, 0.5]]
    assert doubt([[[2], [8]], [[4], [5]]]).scores.tolist() == [[0.25, 1], [0.8, 1]]
    assert doubt([[[2], [8]], [[4], [5]]], over="all").scores.tolist() == [[0.25, 1], [0.5, 0.625]]


def test_a_single_area_has_the_score_one():
    assert doubt([[3, 5]]).scores.tolist() == [[1]]


# What is missing, zero or negative


def test_a_missing_child_takes_no_part():
    found = doubt([[4, 2], [2, NAN], [1, 4]])
    # B has only a, in which A is the best; its missing b limits nobody
    assert found.scores[0].tolist() == [1, 0.5, 1]
    assert found.weights[0, 1].tolist() == [0.25, 0]
    assert math.isnan(doubt([[4, 2], [NAN, NAN]]).scores[0, 1])
    assert doubt([[4, 2], [NAN, NAN]]).weights[0, 1].tolist() == [0, 0]


def test_upper_bounds_are_raised_where_those_of_the_children_present_leave_no_room():
    rows = [[4, 2, 5], [2, 4, NAN], [1, 3, 4]]
    found = doubt(rows, high=0.4)
    assert found.notes[RAISED].tolist() == [[False, True, False]]
    np.testing.assert_allclose(found.weights[0, 1] * [2, 4, 0] / found.scores[0, 1], [0.5, 0.5, 0], rtol=1e-11)
    assert not doubt(rows, high=0.5).notes[RAISED].any()


def test_lower_bounds_of_the_children_present_stay():
    found = doubt([[4, 2, 5], [2, 4, NAN], [1, 3, 4]], low=0.2)
    own = found.weights[0, 1] * [2, 4, 0]
    # B is measured in a and b alone: A there is 2 and 1/2 of it, C 1/2 and 3/4
    assert found.scores[0, 1] == 1
    assert own[2] == 0
    assert (own[:2] >= 0.2 * own.sum() * (1 - 1e-11)).all()


def test_a_zero_is_no_obstacle_unless_a_share_of_it_is_asked_for():
    rows = [[4, 0], [2, 4]]
    assert doubt(rows).scores.tolist() == [[1, 1]]
    for more in ({"low": 0.1}, {"high": 0.6}):
        found = doubt(rows, **more)
        assert found.scores[0, 0] == 0
        assert found.weights[0, 0].tolist() == [0, 0]
        assert found.notes[NO_SHARE].tolist() == [[True, False]]


def test_an_area_of_zeros_has_the_score_zero_and_limits_nobody():
    found = doubt([[0, 0], [2, 4], [1, 2]], low=0.1)
    assert found.scores.tolist() == [[0, 1, 0.5]]
    assert not any(mask.any() for mask in found.notes.values())
    assert doubt([[0, 0]]).scores.tolist() == [[0]]


def test_an_area_with_a_child_below_zero_has_no_score_and_a_note_and_limits_nobody():
    rows = [[8, -1], [4, 2], [2, 4]]
    found = doubt(rows)
    assert math.isnan(found.scores[0, 0])
    assert found.notes[NEGATIVE].tolist() == [[True, False, False]]
    assert found.scores[0, 1:].tolist() == doubt(rows[1:]).scores[0].tolist()


def test_rounding_noise_above_zero_counts_as_zero():
    noise = doubt([[4, 1e-16, 2], [2, 4, 1], [3, 3, 3]], low=0.05)
    assert noise.scores[0, 0] == 0
    assert noise.notes[NO_SHARE][0, 0]
    exact = doubt([[4, 0, 2], [2, 4, 1], [3, 3, 3]])
    assert doubt([[4, 1e-16, 2], [2, 4, 1], [3, 3, 3]]).scores.tolist() == exact.scores.tolist()


# Bounds that cannot be kept


def test_lower_bounds_that_sum_above_one_are_refused_by_name():
    message = r"'a', 'b', 'c': the lower share bounds sum to 1\.1, above 1; lower them, first that of 'b' \(0\.5\)"
    with pytest.raises(IndexhouseError, match=message):
        doubt([[1, 2, 3]], low=0.3, bounds={"b": [0.5, 1]})


def test_upper_bounds_that_sum_below_one_are_refused_by_name():
    message = r"the upper share bounds sum to 0\.9, below 1; raise them, first that of 'a' \(0\.1\)"
    with pytest.raises(IndexhouseError, match=message):
        doubt([[1, 2, 3]], high=0.4, bounds={"a": [0, 0.1]})


def test_bounds_that_sum_to_one_exactly_are_kept_in_spite_of_rounding():
    # twenty times 1/20 is a little above 1 in doubles, seven times 1/7 a little below
    for children, key in ((20, "low"), (7, "high")):
        rows = np.random.default_rng(1).uniform(1, 9, (4, children))
        own = doubt(rows, **{key: 1 / children}).weights[0] * rows
        np.testing.assert_allclose(own, np.repeat(own[:, :1], children, axis=1), rtol=1e-9)


def test_a_cell_without_a_solution_is_named(monkeypatch):
    monkeypatch.setattr("pipelines.index.doubt._shares", lambda *_: None)
    with pytest.raises(IndexhouseError, match="area 1 of period 1"):
        doubt([[1, 2], [2, 1]])
    step = Method.model_validate({"aggregate": {"method": "benefit_of_the_doubt"}}).aggregate
    scores = np.array([[[NAN, NAN], [NAN, NAN]], [[NAN, NAN], [1.0, 2.0]]])
    with pytest.raises(IndexhouseError, match="CN-TJ in 2019"):
        benefit_of_the_doubt(scores, step, ("a", "b"), Cells(("2018", "2019"), ("CN-BJ", "CN-TJ")))


# The dual program says the same


BOUNDS = [{}, {"low": 0.05}, {"high": 0.3}, {"low": 0.02, "high": 0.2}]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_better_life_topics(bounds):
    with BETTER_LIFE.open(encoding="utf-8") as file:
        rows = np.array([[float(x) for x in row[1:]] for row in list(csv.reader(file))[1:]])
    assert rows.shape == (35, 11)
    found = doubt(rows, **bounds)
    low, high = bounds.get("low", 0.0), bounds.get("high", 1.0)
    np.testing.assert_allclose(found.scores[0], dual_scores(rows, low, high), rtol=1e-9)
    check(rows, found, low, high)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 6), st.sampled_from(BOUNDS), st.booleans())
def test_random_panels(seed, areas, children, bounds, is_wide):
    random = np.random.default_rng(seed)
    rows = 10 ** random.uniform(-2, 2, (areas, children)) if is_wide else random.uniform(1, 10, (areas, children))
    low, high = bounds.get("low", 0.0), max(bounds.get("high", 1.0), 1.2 / children if children > 1 else 1.0)
    found = doubt(rows, low=low, high=high)
    np.testing.assert_allclose(found.scores[0], dual_scores(rows, low, high), rtol=1e-8)
    assert found.scores.max() <= 1
    check(rows, found, low, high)


def test_a_child_that_is_missing_for_one_area_leaves_it_the_program_of_the_others():
    rows = np.random.default_rng(2).uniform(1, 10, (9, 4))
    rows[3, 1] = NAN
    found = doubt(rows, high=0.6)
    filled = np.where(np.isnan(rows), 0.0, rows)
    assert found.scores[0, 3] == pytest.approx(dual_scores(np.delete(filled, 1, axis=1), high=0.6)[3], rel=1e-9)
    bounds = np.zeros(4), np.full(4, 0.6)
    for area in (0, 1, 2, 4):
        assert found.scores[0, area] == pytest.approx(dual_score(filled, area, *bounds), rel=1e-9)


# Properties


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from(BOUNDS[:3]))
def test_neither_order_nor_unit_changes_anything(seed, bounds):
    random = np.random.default_rng(seed)
    rows = np.rint(random.uniform(0, 12, (8, 4)))
    rows[random.random(rows.shape) < 0.1] = NAN
    found = doubt(rows, "abcd", **bounds)
    areas, children = random.permutation(8), random.permutation(4)
    turned = doubt(rows[areas][:, children], "".join("abcd"[c] for c in children), **bounds)
    np.testing.assert_array_equal(turned.scores, found.scores[:, areas])
    np.testing.assert_array_equal(turned.weights, found.weights[:, areas][..., children])
    scaled = doubt(rows * [1, 10, 0.25, 7], "abcd", **bounds)
    np.testing.assert_allclose(scaled.scores, found.scores, rtol=1e-10)


def test_an_area_that_another_exceeds_in_everything_changes_no_weight():
    rows = np.random.default_rng(3).uniform(1, 10, (6, 3))
    more = np.concatenate([rows, 0.9 * rows[:2]])
    found, extended = doubt(rows, high=0.5), doubt(more, high=0.5)
    np.testing.assert_array_equal(extended.scores[:, :6], found.scores)
    np.testing.assert_array_equal(extended.weights[:, :6], found.weights)


def test_runs_in_front_are_pooled_one_by_one():
    scores = np.random.default_rng(4).uniform(1, 10, (2, 3, 4, 3))
    for over in ("period", "all"):
        found = doubt(scores, over=over)
        assert found.scores.shape == (2, 3, 4)
        assert found.notes[NEGATIVE].shape == (2, 3, 4)
        for run in range(2):
            np.testing.assert_array_equal(found.scores[run], doubt(scores[run], over=over).scores)
            np.testing.assert_array_equal(found.weights[run], doubt(scores[run], over=over).weights)
