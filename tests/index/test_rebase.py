"""Rebasing and splicing of finished series: by hand, against plain loops, and what they must leave as it is.

Not here: base periods of chains (test_index_number), the YAML around them (test_build).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.rebase import rebase, splice

NAN = float("nan")


def column(*values: float) -> np.ndarray:
    """One area."""
    return np.array(values, dtype=float)[:, None]


def test_rebasing_multiplies_the_whole_series():
    found = rebase(column(50, 80, NAN, 20), 1, 60.0)
    assert found.factor.tolist() == [0.75]
    np.testing.assert_array_equal(found.scores, column(37.5, 60, NAN, 15))


@pytest.mark.parametrize("value", [NAN, 0.0, -5.0])
def test_without_a_value_above_zero_in_the_period_the_area_is_missing(value):
    series = np.array([[1.0, 1.0], [value, 2.0], [3.0, 3.0]])
    found = rebase(series, 1)
    assert np.isnan(found.scores[:, 0]).all()
    assert np.isnan(found.factor[0])
    assert found.scores[:, 1].tolist() == [50, 100, 150]


@pytest.mark.parametrize("position", [None, -1])
def test_a_period_that_does_not_exist_leaves_everything_missing(position):
    assert np.isnan(rebase(column(1, 2), position).scores).all()


def test_splicing_on_one_period_takes_the_ratio():
    # The old framework ends with 150 where the new one begins with 100.
    found = splice(column(NAN, NAN, 100, 110), column(120, 130, 150, NAN), [2])
    assert found.factor.tolist() == [1.5]
    assert found.scores[:, 0] == pytest.approx([120, 130, 150, 165])
    assert found.is_old[:, 0].tolist() == [True, True, False, False]


def test_splicing_on_several_periods_takes_the_ratio_of_the_means():
    # (10 + 30)/(4 + 6) = 4; the mean of the ratios 2.5 and 5 would be 3.75.
    found = splice(column(4, 6, 7), column(10, 30, 1), [1, 0])
    assert found.factor.tolist() == [4]
    assert found.scores[:, 0].tolist() == [16, 24, 28]
    assert not found.is_old.any()


def test_an_area_uses_the_overlap_periods_in_which_it_has_both():
    new = np.array([[4.0, 4.0], [6.0, NAN], [7.0, 7.0]])
    old = np.array([[NAN, 10.0], [30.0, 30.0], [1.0, 1.0]])
    found = splice(new, old, [0, 1])
    assert found.factor.tolist() == [5, 2.5]
    # The old score stands where the new framework has none; the new one where the old has none.
    assert found.scores.tolist() == [[20, 10], [30, 30], [35, 17.5]]
    assert found.is_old.tolist() == [[False, False], [False, True], [False, False]]


def test_the_new_framework_stands_before_the_overlap_where_the_old_one_is_silent():
    found = splice(column(4, 6, 7), column(NAN, 30, 35), [1])
    assert found.scores[:, 0].tolist() == [20, 30, 35]
    assert not found.is_old.any()


@pytest.mark.parametrize(
    ("new", "old", "positions"),
    [((NAN, 5), (1, NAN), [0, 1]), ((0, 5), (1, 1), [0]), ((2, 5), (-1, 1), [0]), ((2, 5), (1, NAN), [])],
)
def test_without_a_common_level_above_zero_only_the_old_scores_stand(new, old, positions):
    found = splice(column(*new), column(*old), positions)
    assert np.isnan(found.factor).all()
    np.testing.assert_array_equal(found.scores, np.where(found.is_old, column(*old), NAN))


score = st.one_of(st.just(NAN), st.floats(0.1, 1000))


@st.composite
def two_series(draw):
    periods, areas = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    cells = st.lists(score, min_size=periods * areas, max_size=periods * areas)
    new, old = (np.array(draw(cells)).reshape(periods, areas) for _ in range(2))
    return new, old, draw(st.lists(st.integers(0, periods - 1), max_size=3))


@settings(deadline=None)
@given(two_series(), st.floats(1, 200))
def test_rebasing_agrees_with_a_plain_loop_and_can_be_undone(case, value):
    series, _, positions = case
    for position in positions:
        found = rebase(series, position, value)
        for area in range(series.shape[1]):
            base = series[position, area]
            wanted = [x * value / base if base > 0 else NAN for x in series[:, area]]
            np.testing.assert_allclose(found.scores[:, area], wanted, rtol=1e-12)
        assert (found.scores[position][~np.isnan(series[position])] == value).all()
        for other in positions:
            back = rebase(rebase(series, other, 100.0).scores, position, value).scores
            both = ~np.isnan(back)
            np.testing.assert_allclose(back[both], found.scores[both], rtol=1e-12)


@settings(deadline=None)
@given(two_series())
def test_splicing_agrees_with_a_plain_loop(case):
    new, old, positions = case
    found = splice(new, old, positions)
    for area in range(new.shape[1]):
        common = [t for t in sorted(set(positions)) if new[t, area] == new[t, area] and old[t, area] == old[t, area]]
        mean_old = sum(old[t, area] for t in common) / len(common) if common else NAN
        factor = mean_old / (sum(new[t, area] for t in common) / len(common)) if common else NAN
        np.testing.assert_allclose(found.factor[area], factor, rtol=1e-12)
        for t in range(len(new)):
            takes_old = (not positions or t < min(positions) or np.isnan(new[t, area])) and old[t, area] == old[t, area]
            assert found.is_old[t, area] == takes_old
            np.testing.assert_allclose(
                found.scores[t, area], old[t, area] if takes_old else new[t, area] * factor, rtol=1e-12
            )


@settings(deadline=None)
@given(two_series())
def test_the_level_of_the_new_framework_does_not_matter_to_a_splice(case):
    new, old, positions = case
    np.testing.assert_allclose(splice(7 * new, old, positions).scores, splice(new, old, positions).scores, rtol=1e-12)
