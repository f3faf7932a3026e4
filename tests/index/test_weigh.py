"""Weights of the children of a node, by hand, by plain loops and by NumPy's linear algebra.

Not here: weights spread over the children present (test_aggregate), benefit of the doubt (test_doubt).
"""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.index.principal import correlation, eigen, principal
from pipelines.index.scope import Cells
from pipelines.index.weigh import Weights, weigh
from warehouse.catalogue.method import Method
from warehouse.errors import IndexhouseError

NAN = float("nan")
RANDOM = np.random.default_rng(5)


def step(value: object) -> object:
    return Method.model_validate({"weighting": value}).weighting


def cells_of(scores: np.ndarray) -> Cells:
    periods, areas, _ = scores.shape
    return Cells([str(2000 + t) for t in range(periods)], [f"A{a}" for a in range(areas)])


def weights_of(scores: object, how: object, names: str = "", given_weights: object = None) -> Weights:
    array = np.asarray(scores, float)
    array = array if array.ndim == 3 else array[None]
    ids = tuple(names or "abcdefghijklmnopqrst"[: array.shape[2]])
    own = np.ones(len(ids)) if given_weights is None else np.asarray(given_weights, float)
    return weigh(array, step(how), cells_of(array), ids, own)


def found(scores: object, how: object, **more: object) -> list[float]:
    result = weights_of(scores, how, **more).weights
    assert result.shape[:2] == (1, 1)
    return result[0, 0].tolist()


def near(values: object) -> object:
    """Weights have 12 significant digits: half a unit of the last one, and what rounding does before it."""
    return pytest.approx(values, rel=6e-12, abs=1e-15)


# Given and equal


def test_given_weights_are_shares_of_their_sum():
    assert found([[1, 2, 3]], "given", given_weights=[2, 1, 1]) == [0.5, 0.25, 0.25]
    assert found([[1, 2, 3]], "given", given_weights=[20, 10, 10]) == [0.5, 0.25, 0.25]


def test_given_weights_that_are_all_zero_are_refused_by_name():
    with pytest.raises(IndexhouseError, match=r"'a', 'b' are all 0"):
        found([[1, 2]], "given", given_weights=[0, 0])


def test_equal_weights_ignore_the_given_ones():
    assert found([[1, 2, 3, 4]], "equal", given_weights=[5, 1, 1, 1]) == [0.25] * 4


# Entropy


def test_entropy_of_two_and_of_four_values():
    # with epsilon 1 the shares are 1/3 and 2/3 in a; 1/5, 1/5, 1/5 and 2/5 in b
    scores = [[[10, 7], [30, 7]], [[NAN, 7], [NAN, 9]]]
    a = (math.log(3) - 2 / 3 * math.log(2)) / math.log(2)
    b = (0.6 * math.log(5) + 0.4 * math.log(2.5)) / math.log(4)
    result = weights_of(scores, {"method": "entropy", "epsilon": 1})
    assert result.parameters["entropy"][0].tolist() == near([a, b])
    assert result.weights[0, 0].tolist() == near([(1 - a) / (2 - a - b), (1 - b) / (2 - a - b)])


def loop_entropy(columns: list[list[float]], epsilon: float) -> list[float]:
    raw = []
    for column in columns:
        x = [value for value in column if not math.isnan(value)]
        if len(x) < 2 or min(x) == max(x):
            raw.append(0.0)
            continue
        y = [(value - min(x)) / (max(x) - min(x)) + epsilon for value in x]
        raw.append(1 + math.fsum(v / math.fsum(y) * math.log(v / math.fsum(y)) for v in y) / math.log(len(y)))
    return shares(raw)


def loop_critic(columns: list[list[float]]) -> list[float]:
    unit = []
    for column in columns:
        x = [value for value in column if not math.isnan(value)]
        spread = (max(x) - min(x)) or 1.0
        unit.append([(value - min(x)) / spread for value in column])
    raw = []
    for i, mine in enumerate(unit):
        own = [value for value in mine if not math.isnan(value)]
        conflict = 0.0
        for j, other in enumerate(unit):
            pairs = [(a, b) for a, b in zip(mine, other, strict=True) if not math.isnan(a + b)]
            if i == j or len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
                continue
            conflict += 1 - statistics.correlation([a for a, _ in pairs], [b for _, b in pairs])
        raw.append(statistics.stdev(own) * conflict)
    return shares(raw)


def shares(raw: list[float]) -> list[float]:
    whole = math.fsum(raw)
    return [value / whole if whole else 1 / len(raw) for value in raw]


def with_gaps(periods: int, areas: int, children: int, share: float) -> np.ndarray:
    scores = RANDOM.normal(50, 20, (periods, areas, children)) * RANDOM.uniform(0.1, 10, children)
    scores[RANDOM.random(scores.shape) < share] = NAN
    return scores


@pytest.mark.parametrize("epsilon", [1e-4, 0.5])
def test_entropy_is_what_a_plain_loop_gives(epsilon):
    scores = with_gaps(3, 17, 5, 0.2)
    wanted = loop_entropy(scores.reshape(-1, 5).T.tolist(), epsilon)
    assert found(scores, {"method": "entropy", "epsilon": epsilon}) == near(wanted)


# CRITIC


def test_critic_of_three_children_in_conflict():
    # sd 0.5 each; r(a, b) = -1, r(a, c) = 0.5, r(b, c) = -0.5: conflicts 2.5, 3.5 and 2
    scores = [[0, 30, 5], [5, 20, 7], [10, 10, 6]]
    result = weights_of(scores, "critic")
    assert result.weights[0, 0].tolist() == near([2.5 / 8, 3.5 / 8, 2 / 8])
    assert result.parameters["score_sd"][0].tolist() == near([0.5] * 3)
    assert result.parameters["conflict"][0].tolist() == near([2.5, 3.5, 2])


def test_critic_is_what_a_plain_loop_gives():
    scores = with_gaps(2, 23, 6, 0.2)
    assert found(scores, "critic") == near(loop_critic(scores.reshape(-1, 6).T.tolist()))


def test_a_constant_sibling_changes_no_critic_weight():
    scores = with_gaps(1, 12, 3, 0.1)
    extended = np.concatenate([scores, np.full((1, 12, 1), 4.0)], axis=2)
    assert found(extended, "critic") == [*found(scores, "critic"), 0.0]


def test_children_in_no_conflict_count_the_same_if_they_vary():
    assert found([[1, 10, 3], [2, 20, 3], [4, 40, 3]], "critic") == [0.5, 0.5, 0.0]
    assert found([[1], [2]], "critic") == [1.0]
    # r of the two is 1 - 1e-16 in doubles; as noise it would give all weight to those who have most of it
    x = [8.6, 0.3, 7.3, 1.8, 8.6, 5.4]
    assert found([[value, 3 * value + 1] for value in x], "critic") == [0.5, 0.5]
    result = weights_of([[value, 3 * value + 1] for value in x], "critic")
    assert result.parameters["conflict"].tolist() == [[0, 0]]


# What has no information


@pytest.mark.parametrize("how", ["entropy", "critic", "pca"])
def test_children_that_are_all_constant_count_the_same(how):
    assert found([[1, 2], [1, 2], [1, 2]], how) == [0.5, 0.5]
    assert found(np.full((1, 3, 2), NAN), how) == [0.5, 0.5]


@pytest.mark.parametrize("how", ["entropy", "critic", "pca"])
def test_rounding_noise_is_no_variation(how):
    noise = [0.3, 0.1 + 0.2, 3 * 0.1]
    assert found([[1, noise[0]], [2, noise[1]], [4, noise[2]]], how) == [1.0, 0.0]


@pytest.mark.parametrize("how", ["entropy", "critic"])
def test_a_child_without_values_has_no_weight_and_no_parameter(how):
    result = weights_of([[1, NAN, 5], [2, NAN, 3], [4, NAN, 4]], how)
    assert result.weights[0, 0, 1] == 0
    assert all(np.isnan(values[0, 1]) and not np.isnan(values[0, 0]) for values in result.parameters.values())


# PCA


def test_pca_takes_loadings_not_squares():
    scores = with_gaps(2, 40, 4, 0) + 300 * RANDOM.normal(size=(2, 40, 1))
    rows = scores.reshape(-1, 4)
    values, vectors = np.linalg.eigh(np.corrcoef(rows.T))
    first = vectors[:, -1] * np.sign(vectors[:, -1].sum())
    result = weights_of(scores, "pca")
    assert result.parameters["loading"][0].tolist() == pytest.approx(first.tolist(), abs=1e-11)
    assert result.weights[0, 0].tolist() == pytest.approx((first / first.sum()).tolist(), abs=1e-11)
    assert result.parameters["explained_share"].tolist() == [[near(values[-1] / 4)]]


def test_pca_of_two_children_is_half_and_half_and_explains_the_mean_of_one_and_r():
    rows = [[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]]
    result = weights_of(rows, "pca")
    assert result.weights[0, 0].tolist() == near([0.5, 0.5])
    assert result.parameters["explained_share"].tolist() == [[near((1 + 0.5) / 2)]]


def test_pca_uses_complete_cells_only():
    scores = with_gaps(1, 40, 3, 0.1) + 300 * RANDOM.normal(size=(1, 40, 1))
    complete = scores[:, ~np.isnan(scores).any(axis=2)[0]]
    assert complete.shape[1] < 40
    assert found(scores, "pca") == found(complete, "pca")


AGAINST = [[1, 2, 9], [2, 1, 7], [3, 4, 8], [4, 3, 2], [5, 6, 1]]


def test_a_negative_loading_is_refused_by_name():
    with pytest.raises(IndexhouseError, match=r"the loading of 'c' is -0\.\d+, a weight is not negative; turn its"):
        found(AGAINST, "pca")
    with pytest.raises(IndexhouseError, match="in 2001"):
        weights_of([np.array(AGAINST)[:, [0, 1, 1]], AGAINST], {"method": "pca", "scope": "period"})


def test_a_negative_loading_can_count_as_zero():
    result = weights_of(AGAINST, {"method": "pca", "negative": "zero"})
    loading = result.parameters["loading"][0]
    assert loading[2] < 0 < loading[0]
    assert result.weights[0, 0].tolist() == near([*(loading[:2] / loading[:2].sum()), 0.0])


def test_two_opposite_children_are_told_apart_by_name_not_by_order():
    how = {"method": "pca", "negative": "zero"}
    assert found([[1, 9], [2, 5], [3, 1]], how, names="ab") == [1.0, 0.0]
    assert found([[1, 9], [2, 5], [3, 1]], how, names="ba") == [0.0, 1.0]


def test_a_constant_child_has_no_loading():
    result = weights_of([[1, 5, 2], [2, 5, 1], [3, 5, 3]], "pca")
    assert result.weights[0, 0].tolist() == near([0.5, 0.0, 0.5])
    assert np.isnan(result.parameters["loading"][0, 1])


def test_pca_without_two_complete_cells_names_the_child_with_gaps():
    with pytest.raises(IndexhouseError, match=r"fewer than two cells have all of them \('b' has the most gaps\)"):
        found([[1, NAN, 3], [2, NAN, 4], [3, 1, NAN]], "pca")


def test_pca_of_children_without_correlation_has_no_first_component():
    with pytest.raises(IndexhouseError, match="explain the same"):
        found([[0, 0], [0, 1], [1, 0], [1, 1]], "pca")


# Scope


@pytest.mark.parametrize("how", ["entropy", "critic", "pca"])
def test_in_the_scope_period_every_period_has_the_weights_of_its_own_panel(how):
    scores = with_gaps(3, 20, 3, 0.05) + 300 * RANDOM.normal(size=(3, 20, 1))
    result = weights_of(scores, {"method": how, "scope": "period"})
    assert result.weights.shape == (3, 1, 3)
    for t in range(3):
        alone = weights_of(scores[t], how)
        assert (result.weights[t] == alone.weights[0]).all()
        for name, values in alone.parameters.items():
            np.testing.assert_array_equal(result.parameters[name][t], values[0])


@pytest.mark.parametrize("how", ["entropy", "critic", "pca"])
def test_under_a_reference_later_periods_change_no_weight(how):
    scores = with_gaps(3, 20, 3, 0.05) + 300 * RANDOM.normal(size=(3, 20, 1))
    frozen = {"method": how, "scope": {"over": "reference", "periods": ["2000"]}}
    assert found(scores, frozen) == found(scores[:1], how)
    some = {"method": how, "scope": {"over": "reference", "areas": ["A0", "A1", "A2", "A3", "A4"]}}
    assert found(scores, some) == found(scores[:, :5], how)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["entropy", "critic", "pca"]))
def test_neither_the_order_of_areas_nor_that_of_children_nor_the_scale_of_a_child_changes_a_weight(seed, how):
    random = np.random.default_rng(seed)
    scores = random.normal(size=(2, 9, 4)) + 3 * random.normal(size=(2, 9, 1))
    scores[random.random(scores.shape) < 0.05] = NAN
    chosen = {"method": how, "negative": "zero"} if how == "pca" else how
    wanted = np.array(found(scores, chosen, names="abcd"))
    assert wanted.sum() == pytest.approx(1, abs=1e-11)
    assert (wanted >= 0).all()
    areas, children = random.permutation(9), random.permutation(4)
    assert found(scores[:, areas], chosen, names="abcd") == wanted.tolist()
    turned = found(scores[:, :, children], chosen, names="".join("abcd"[c] for c in children))
    np.testing.assert_allclose(turned, wanted[children], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found(scores * [1, 10, 0.1, 3] + 7, chosen), wanted, rtol=1e-9, atol=1e-10)


# AHP


def ahp(pairs: dict[str, dict[str, float]], names: str = "abc", **more: object) -> Weights:
    return weights_of(np.ones((1, 2, len(names))), {"method": "ahp", "pairs": pairs, **more}, names=names)


def test_consistent_comparisons_give_their_ratios_and_a_ratio_of_zero():
    result = ahp({"a": {"b": 2}, "c": {"a": 1 / 6, "b": 1 / 3}})
    assert result.weights[0, 0].tolist() == near([0.6, 0.3, 0.1])
    assert result.parameters["consistency_ratio"].tolist() == [[0.0]]
    assert result.parameters["principal_eigenvalue"].tolist() == [[3.0]]


def test_the_textbook_matrix_of_three_fives():
    # 3, 5 and 3: eigenvalue 3.0385, weights 0.637, 0.258 and 0.105, ratio 0.0385/2/0.58
    result = ahp({"a": {"b": 3, "c": 5}, "b": {"c": 3}})
    matrix = np.array([[1, 3, 5], [1 / 3, 1, 3], [1 / 5, 1 / 3, 1]])
    values, vectors = np.linalg.eig(matrix)
    largest = int(values.real.argmax())
    wanted = np.abs(vectors[:, largest].real) / np.abs(vectors[:, largest].real).sum()
    assert [round(w, 3) for w in result.weights[0, 0].tolist()] == [0.637, 0.258, 0.105]
    assert result.weights[0, 0].tolist() == near(wanted.tolist())
    ratio = (values.real[largest] - 3) / 2 / 0.58
    assert result.parameters["consistency_ratio"].item() == pytest.approx(ratio, rel=1e-10)


def test_two_items_are_always_consistent():
    result = ahp({"b": {"a": 4}}, names="ab")
    assert result.weights[0, 0].tolist() == near([0.2, 0.8])
    assert result.parameters["consistency_ratio"].item() == 0


def test_inconsistent_comparisons_are_refused_with_their_ratio():
    circle = {"a": {"b": 3}, "b": {"c": 3}, "c": {"a": 3}}
    # a circle of threes: all weights 1/3, eigenvalue 1 + 3 + 1/3
    with pytest.raises(IndexhouseError, match=r"consistency ratio is 1\.149, above 0\.1; revise the comparisons"):
        ahp(circle)
    assert ahp(circle, max_ratio=2).weights[0, 0].tolist() == near([1 / 3] * 3)


def test_the_message_names_the_comparison_that_is_furthest_off():
    pairs = {"a": {"b": 2, "c": 4, "d": 8}, "b": {"c": 2, "d": 1 / 9}, "c": {"d": 2}}
    with pytest.raises(IndexhouseError, match=r"first 'b' against 'd' \(0\.111, the weights say"):
        ahp(pairs, names="abcd")


def test_a_pair_that_is_not_compared_is_named():
    with pytest.raises(IndexhouseError, match="'a' and 'c' are not compared; add the pair"):
        ahp({"a": {"b": 2}, "b": {"c": 2}})


def test_other_children_in_the_table_do_not_matter_nor_does_the_order():
    pairs = {"a": {"b": 2, "c": 6, "z": 9}, "c": {"b": 1 / 3}, "y": {"z": 2}}
    assert ahp(pairs).weights[0, 0].tolist() == near([0.6, 0.3, 0.1])
    assert ahp(pairs, names="cab").weights[0, 0].tolist() == near([0.1, 0.6, 0.3])


def test_where_a_pair_is_given_both_ways_the_larger_number_counts():
    for pairs in ({"a": {"b": 3}, "b": {"a": 0.3333333}}, {"b": {"a": 3}, "a": {"b": 0.3333333}}):
        assert sorted(ahp(pairs, names="ab").weights[0, 0].tolist()) == near([0.25, 0.75])


def test_more_items_than_saaty_has_a_random_index_for_are_refused():
    names = "abcdefghijklmnop"
    pairs = {one: {other: 1.0 for other in names if other > one} for one in names}
    with pytest.raises(IndexhouseError, match="no random index for 16 items"):
        ahp(pairs, names=names)
    assert ahp(pairs, names=names[:15]).weights[0, 0].tolist() == near([1 / 15] * 15)


# The linear algebra beneath


def test_correlations_are_those_of_a_plain_loop_pair_by_pair():
    rows = with_gaps(1, 30, 5, 0.3)[0]
    result = correlation(rows)
    for i in range(5):
        for j in range(5):
            both = rows[~np.isnan(rows[:, i] + rows[:, j])]
            wanted = statistics.correlation(both[:, i].tolist(), both[:, j].tolist())
            assert result[i, j] == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_complete_rows_only():
    rows = with_gaps(1, 60, 4, 0.1)[0]
    complete = rows[~np.isnan(rows).any(axis=1)]
    np.testing.assert_allclose(correlation(rows, "complete"), np.corrcoef(complete.T), rtol=1e-12)


def test_no_correlation_exists_of_a_constant_or_of_one_row():
    rows = np.array([[1.0, 0.1, 3.0], [2.0, 0.1, NAN], [4.0, 0.1, NAN]])
    assert np.isnan(correlation(rows)[1]).all()
    assert np.isnan(correlation(rows)[:, 2]).all()
    assert np.isnan(correlation(rows[:1])).all()
    assert correlation(np.empty((0, 2))).shape == (2, 2)


@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_correlations_of_very_small_and_very_large_numbers(factor):
    rows = RANDOM.normal(size=(20, 3))
    np.testing.assert_allclose(correlation(rows * factor), np.corrcoef(rows.T), rtol=1e-11)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_eigenvalues_and_vectors_take_the_matrix_apart(seed, k):
    random = np.random.default_rng(seed)
    half = random.normal(size=(k, k))
    matrix = half + half.T
    found_values, vectors = eigen(matrix)
    assert (np.diff(found_values) <= 0).all()
    np.testing.assert_allclose(found_values, np.linalg.eigvalsh(matrix)[::-1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(vectors @ np.diag(found_values) @ vectors.T, matrix, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(k), atol=1e-13)
    assert (vectors.sum(axis=0) > -1e-12).all()


def test_a_matrix_that_is_already_diagonal_keeps_its_values():
    values, vectors = eigen(np.diag([1.0, 5.0, 3.0]))
    assert values.tolist() == [5, 3, 1]
    assert vectors.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_power_iteration_finds_the_largest_eigenvalue():
    matrix = RANDOM.uniform(0.1, 9, (6, 6))
    value, vector = principal(matrix)
    assert value == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), rel=1e-13)
    np.testing.assert_allclose(matrix @ vector, value * vector, rtol=1e-13)
    assert vector.sum() == pytest.approx(1, abs=1e-15)
