"""Filling missing values: numbers worked out by hand, a plain loop beside the engine, properties.

Not here: several steps tried in turn, and what a release says of filled cells (test_build).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.impute import Filled, impute
from pipelines.index.scope import Cells
from warehouse.catalogue.method import Method

NAN = float("nan")
GROUPS = {"method": "cross_section", "within": "group"}
HOW: list[Any] = [
    "none",
    "carry",
    {"method": "carry", "max_age": 2},
    {"method": "carry", "direction": "back"},
    {"method": "carry", "direction": "both"},
    {"method": "carry", "direction": "both", "max_age": 1},
    "linear",
    {"method": "linear", "ends": "hold"},
    "cross_section",
    {"method": "cross_section", "statistic": "median"},
    GROUPS,
    GROUPS | {"statistic": "median"},
    "row_mean",
    {"method": "constant", "value": -3.5},
]


def filled(
    values: object,
    how: object,
    groups: Sequence[int] | None = None,
    directions: Sequence[int] | None = None,
    parents: Sequence[int] | None = None,
) -> Filled:
    x = np.array(values, dtype=float)
    (step,) = Method.model_validate({"impute": how}).impute
    cells = Cells([str(2000 + t) for t in range(len(x))], [f"A{a}" for a in range(x.shape[1])], None, groups)
    ones = [1] * x.shape[2]
    return impute(x, step, cells, np.array(directions or ones), np.array(parents or ones))


def column(*values: float) -> np.ndarray:
    """One area and one indicator over time."""
    return np.array(values, float)[:, None, None]


def row(*values: float) -> np.ndarray:
    """One period and one indicator over areas."""
    return np.array(values, float)[None, :, None]


def noted(found: Filled) -> dict[str, list[int]]:
    """Flat positions of the cells of each note."""
    return {text: np.flatnonzero(mask).tolist() for text, mask in found.notes.items()}


@pytest.mark.parametrize(
    ("how", "given_values", "wanted"),
    [
        ("none", (NAN, 2, NAN), (NAN, 2, NAN)),
        ({"method": "carry"}, (NAN, 2, NAN, NAN, 5), (NAN, 2, 2, 2, 5)),
        ({"method": "carry", "max_age": 1}, (NAN, 2, NAN, NAN, 5), (NAN, 2, 2, NAN, 5)),
        ({"method": "carry", "direction": "back"}, (NAN, 2, NAN, NAN, 5), (2, 2, 5, 5, 5)),
        ({"method": "carry", "direction": "both"}, (NAN, 2, NAN, NAN, 5), (2, 2, 2, 2, 5)),
        ({"method": "carry", "direction": "both", "max_age": 1}, (NAN, 2, NAN, NAN, 5), (2, 2, 2, 5, 5)),
        ("linear", (NAN, 2, NAN, NAN, 5, NAN), (NAN, 2, 3, 4, 5, NAN)),
        ({"method": "linear", "ends": "hold"}, (NAN, 2, NAN, 5, NAN, NAN), (2, 2, 3.5, 5, 5, 5)),
        ({"method": "linear", "ends": "hold"}, (NAN, NAN), (NAN, NAN)),
        ({"method": "constant", "value": 0}, (NAN, 2), (0, 2)),
    ],
)
def test_filling_in_time(how, given_values, wanted):
    np.testing.assert_array_equal(filled(column(*given_values), how).values, column(*wanted))


def test_filling_from_the_other_areas_of_the_period():
    values = np.array([[1.0, 2.0, 6.0, NAN], [NAN, NAN, NAN, NAN], [1.0, NAN, 4.0, NAN]])[:, :, None]
    mean = filled(values, "cross_section")
    median = filled(values, {"method": "cross_section", "statistic": "median"})
    np.testing.assert_array_equal(mean.values[:, :, 0], [[1, 2, 6, 3], [NAN] * 4, [1, 2.5, 4, 2.5]])
    np.testing.assert_array_equal(median.values[:, :, 0], [[1, 2, 6, 2], [NAN] * 4, [1, 2.5, 4, 2.5]])
    assert noted(mean) == {"mean of the areas in the period": [3, 9, 11]}
    assert noted(median) == {"median of the areas in the period": [3, 9, 11]}


def test_filling_from_the_group_leaves_an_area_without_one_and_a_group_without_a_value_missing():
    values = row(1, 5, NAN, NAN, NAN, 40, NAN)
    found = filled(values, GROUPS, groups=[3, 3, 3, 0, 0, 7, -1])
    np.testing.assert_array_equal(found.values, row(1, 5, 3, NAN, NAN, 40, NAN))
    assert noted(found) == {
        "mean of the areas of its group in the period": [2],
        "its group has no value in the period": [3, 4],
        "its area is in no group": [6],
    }
    assert found.before[0, :, 0].tolist() == [-1, -1, 0, -1, -1, -1, -1]
    assert noted(filled(values, GROUPS)) == {"its area is in no group": [2, 3, 4, 6]}


def test_the_row_mean_is_the_mean_score_of_the_siblings_on_the_indicators_own_scale():
    # 0 to 10, 100 to 300 (less is better), 0 to 1, and a fourth in another pillar
    values = [[[0, 300, 0.0, 7], [10, 100, 1.0, 9]], [[4, NAN, 1.0, 8], [NAN, 150, NAN, 7]]]
    found = filled(values, "row_mean", directions=[1, -1, 1, 1], parents=[5, 5, 5, 2])
    # siblings of the first gap score 0.4 and 1, of the others 0.75
    np.testing.assert_allclose(found.values[1], [[4, 300 - 0.7 * 200, 1, 8], [7.5, 150, 0.75, 7]], rtol=1e-14)
    assert noted(found) == {"mean of the indicators beside it": [9, 12, 14]}
    assert found.before[1].tolist() == found.after[1].tolist() == [[-1, 1, -1, -1], [1, -1, 1, -1]]


def test_the_row_mean_leaves_a_constant_indicator_and_one_without_siblings_missing():
    values = [[[1, 5, NAN, 1], [3, NAN, 5, 2], [NAN, 5, NAN, NAN], [2, 5, 5, NAN]]]
    found = filled(values, "row_mean", parents=[1, 1, 1, 2])
    np.testing.assert_array_equal(found.values, np.array(values, float))
    assert noted(found) == {
        "no two different values to compare it with the indicators beside it": [2, 5, 10],
        "no indicator beside it has a value": [8, 11, 15],
    }


def test_a_filled_cell_knows_the_periods_it_comes_from_and_how():
    found = filled(column(NAN, 1, NAN, NAN, 4, NAN), {"method": "linear", "ends": "hold"})
    assert found.before[:, 0, 0].tolist() == [-1, -1, 1, 1, -1, 4]
    assert found.after[:, 0, 0].tolist() == [1, -1, 4, 4, -1, -1]
    assert noted(found) == {
        "linear between its neighbours in time": [2, 3],
        "carried forward": [5],
        "carried back": [0],
    }
    found = filled(column(NAN, 1, NAN, NAN, 4), {"method": "carry", "direction": "both", "max_age": 1})
    assert found.before[:, 0, 0].tolist() == [-1, -1, 1, -1, -1]
    assert found.after[:, 0, 0].tolist() == [1, -1, -1, 4, -1]
    assert noted(found) == {"carried forward": [2], "carried back": [0, 3]}
    found = filled(column(NAN, 1), {"method": "constant", "value": 2})
    assert found.before.max() == found.after.max() == -1
    assert noted(found) == {"set to the given value": [0]}


def test_some_indicators_of_a_result_keep_their_places_and_notes():
    found = filled([[[1, NAN, 3], [2, 5, NAN]]], "cross_section").only(np.array([2, 0]))
    np.testing.assert_array_equal(found.values, [[[3, 1], [3, 2]]])
    assert found.before.tolist() == found.after.tolist() == [[[-1, -1], [0, -1]]]
    assert noted(found) == {"mean of the areas in the period": [2]}


# A plain loop that fills one cell


def plain(x: np.ndarray, t: int, a: int, i: int, step: Any, groups: list[int], directions: Any, parents: Any) -> float:
    """The value that the missing cell (t, a, i) gets."""
    periods, areas, indicators = x.shape
    line = x[:, a, i].tolist()
    before = next((s for s in range(t - 1, -1, -1) if not math.isnan(line[s])), None)
    after = next((s for s in range(t + 1, periods) if not math.isnan(line[s])), None)
    if step.method == "none":
        return NAN
    if step.method == "constant":
        return step.value
    if step.method == "carry":
        is_near = {s: s is not None and (step.max_age is None or abs(t - s) <= step.max_age) for s in (before, after)}
        if step.direction in ("forward", "both") and is_near[before]:
            return line[before]
        return line[after] if step.direction in ("back", "both") and is_near[after] else NAN
    if step.method == "linear":
        if before is not None and after is not None:
            return line[before] + (line[after] - line[before]) * (t - before) / (after - before)
        ends = before if before is not None else after
        return line[ends] if ends is not None and step.ends == "hold" else NAN
    if step.method == "cross_section":
        near = [b for b in range(areas) if step.within == "all" or (groups[b] == groups[a] >= 0)]
        present = [x[t, b, i] for b in near if not math.isnan(x[t, b, i])]
        if not present:
            return NAN
        return math.fsum(present) / len(present) if step.statistic == "mean" else statistics.median(present)

    def score(j: int, value: float) -> float:
        known = [v for v in x[:, :, j].ravel().tolist() if not math.isnan(v)]
        if not known or min(known) == max(known):
            return NAN
        low, high = min(known), max(known)
        return (value - low) / (high - low) if directions[j] > 0 else (high - value) / (high - low)

    scores = [score(j, x[t, a, j]) for j in range(indicators) if parents[j] == parents[i]]
    scores = [s for s in scores if not math.isnan(s)]
    known = [v for v in x[:, :, i].ravel().tolist() if not math.isnan(v)]
    if not scores or not known or min(known) == max(known):
        return NAN
    mean, low, high = math.fsum(scores) / len(scores), min(known), max(known)
    return low + mean * (high - low) if directions[i] > 0 else high - mean * (high - low)


@pytest.mark.parametrize("how", HOW, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_every_step_equals_a_plain_loop(how, seed):
    draw = np.random.default_rng(seed)
    x = draw.lognormal(sigma=2, size=(6, 9, 7))
    x[draw.random(x.shape) < (0.2, 0.5, 0.85)[seed]] = NAN
    x[:, :, 3] = np.where(np.isnan(x[:, :, 3]), NAN, 0.1)
    groups = draw.integers(-1, 3, size=9).tolist()
    directions, parents = draw.choice([-1, 1], size=7), draw.integers(0, 3, size=7)
    found = filled(x, how, groups, directions.tolist(), parents.tolist())
    (step,) = Method.model_validate({"impute": how}).impute
    wanted = x.copy()
    for t, a, i in np.argwhere(np.isnan(x)):
        wanted[t, a, i] = plain(x, t, a, i, step, groups, directions, parents)
    np.testing.assert_allclose(found.values, wanted, rtol=1e-12)


# Properties

CELL = st.one_of(st.just(NAN), st.floats(-1e6, 1e6), st.sampled_from([0.1, 0.2, 0.3]))
PANELS = st.lists(CELL, min_size=36, max_size=36).map(lambda cells: np.array(cells).reshape(3, 4, 3))


@settings(deadline=None)
@given(PANELS, st.sampled_from(HOW))
def test_filling_never_touches_a_present_value_and_notes_what_it_fills(values, how):
    found = filled(values, how, [0, 1, 0, -1], [1, -1, 1], [0, 0, 0])
    present = ~np.isnan(values)
    assert (found.values[present] == values[present]).all()
    was_filled = ~present & ~np.isnan(found.values)
    is_timed = (found.before >= 0) | (found.after >= 0)
    assert not (is_timed & ~was_filled).any()
    told = np.zeros(values.shape, dtype=int)
    for mask in found.notes.values():
        assert mask.any()
        told += mask
    assert (told[was_filled] == 1).all()
    assert not told[present].any()


@settings(deadline=None)
@given(PANELS, st.sampled_from(HOW), st.permutations(range(4)), st.permutations(range(3)))
def test_the_order_of_areas_and_indicators_changes_nothing(values, how, areas, indicators):
    groups, directions, parents = np.array([0, 1, 0, 0]), np.array([1, -1, 1]), np.array([4, 4, 4])
    found = filled(values, how, groups.tolist(), directions.tolist(), parents.tolist())
    other = filled(
        values[:, areas][:, :, indicators],
        how,
        groups[areas].tolist(),
        directions[indicators].tolist(),
        parents[indicators].tolist(),
    )
    np.testing.assert_array_equal(other.values, found.values[:, areas][:, :, indicators])
    np.testing.assert_array_equal(other.before, found.before[:, areas][:, :, indicators])
    assert other.notes.keys() == found.notes.keys()
    for text, mask in found.notes.items():
        np.testing.assert_array_equal(other.notes[text], mask[:, areas][:, :, indicators])


@settings(deadline=None)
@given(PANELS)
def test_a_period_looks_only_at_itself_in_the_cross_section(values):
    for how in ("cross_section", GROUPS):
        found = filled(values, how, [0, 1, 0, 1])
        for period in range(3):
            alone = filled(values[period : period + 1], how, [0, 1, 0, 1])
            np.testing.assert_array_equal(alone.values[0], found.values[period])
