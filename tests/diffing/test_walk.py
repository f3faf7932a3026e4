"""The split by changing one thing after the other: sums, small worked cases, missing scores."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.diffing.walk import walk

WEIGHTS = st.lists(st.floats(-10, 10), min_size=1, max_size=5)


def test_things_that_add_up_get_what_they_add() -> None:
    effects = np.array([1.5, -2.0, 0.25])
    found = walk(lambda done: np.array([[10.0 + effects[list(done)].sum()]]), 3)
    assert found[:, 0, 0].tolist() == [1.5, -2.0, 0.25]


def test_what_two_do_together_is_shared_in_halves() -> None:
    found = walk(lambda done: np.array([[3.0 * done[0] + 5.0 * (done[0] and done[1])]]), 2)
    assert found[:, 0, 0].tolist() == [5.5, 2.5]


@given(WEIGHTS, st.data())
def test_up_to_pairs_it_is_the_mean_over_all_orders(single: list[float], data: st.DataObject) -> None:
    n = len(single)
    pairs = {pair: data.draw(st.floats(-10, 10)) for pair in combinations(range(n), 2)}

    def value(done: Sequence[bool]) -> float:
        alone = sum(each for each, is_done in zip(single, done, strict=True) if is_done)
        return alone + sum(each for (i, j), each in pairs.items() if done[i] and done[j])

    found = walk(lambda done: np.array([[value(done)]]), n)[:, 0, 0]
    expected = np.zeros(n)
    orders = list(permutations(range(n)))
    for order in orders:
        done = [False] * n
        for thing in order:
            before = value(done)
            done[thing] = True
            expected[thing] += (value(done) - before) / len(orders)
    assert np.allclose(found, expected, atol=1e-9)


@given(st.integers(1, 5), st.data())
def test_the_terms_sum_to_the_change_of_whatever_function(n: int, data: st.DataObject) -> None:
    drawn = {mask: data.draw(st.floats(-1e3, 1e3)) for mask in range(1 << n)}

    def state(done: Sequence[bool]) -> np.ndarray:
        return np.array([[drawn[sum(1 << i for i, is_done in enumerate(done) if is_done)]]])

    found = walk(state, n)
    assert found.sum() == pytest.approx(drawn[(1 << n) - 1] - drawn[0], abs=1e-9)


def test_a_state_without_a_score_counts_as_the_middle_and_an_end_without_one_leaves_nothing() -> None:
    values = {(False, False): (0.0, 1.0), (True, False): (np.nan, np.nan), (False, True): (3.0, 3.0),
              (True, True): (10.0, np.nan)}  # fmt: skip
    found = walk(lambda done: np.array([values[tuple(done)]]), 2)
    assert found[:, 0, 0].tolist() == [(5.0 + 7.0) / 2, (5.0 + 3.0) / 2]
    assert np.isnan(found[:, 0, 1]).all()
