"""Correlations, alpha and components of the parts of an index, against plain loops and SciPy.

Not here: eigenvalues and Pearson's matrix on their own (test_principal), tables and warnings (test_build).
"""

from __future__ import annotations

import math
import warnings
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.cohere import cohere, components, cronbach_alpha, kendall, spearman
from pipelines.index.tree import Tree
from warehouse.catalogue.method.robustness import Coherence

NAN = float("nan")
PARENT = {"p": "index", "q": "index", "a": "p", "b": "p", "c": "p", "d": "q", "e": "q"}
TREE = Tree("index", PARENT, dict.fromkeys(["index", *PARENT], 1.0), ("index", *PARENT))
LIMITS = Coherence()


def panel(seed=0, n=12, holes=0.15):
    rng = np.random.default_rng(seed)
    common = rng.normal(50, 10, n)
    scores = {node: common + rng.normal(0, 8, n) for node in ("index", *PARENT)}
    for node in PARENT:
        scores[node][rng.random(n) < holes] = NAN
    return scores


def rows_of(scores, limits=LIMITS, weights=None):
    found = cohere(TREE, scores, limits, weights or {leaf: TREE.effective[leaf] for leaf in TREE.leaves})
    rows = {(row.node_id, row.other_node_id, row.measure): row for row in found}
    assert len(rows) == len(found)
    return rows


def plain_pearson(x, y):
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if not math.isnan(a + b)]
    if len(pairs) < 2:
        return NAN
    n = len(pairs)
    mx, my = math.fsum(a for a, _ in pairs) / n, math.fsum(b for _, b in pairs) / n
    below = math.fsum((a - mx) ** 2 for a, _ in pairs) * math.fsum((b - my) ** 2 for _, b in pairs)
    return math.fsum((a - mx) * (b - my) for a, b in pairs) / math.sqrt(below) if below > 0 else NAN


def plain_spearman(x, y):
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if not math.isnan(a + b)]

    def ranks(values):
        return [sum(o < v for o in values) + (sum(o == v for o in values) + 1) / 2 for v in values]

    return plain_pearson(*(ranks([pair[side] for pair in pairs]) for side in (0, 1)))


def plain_kendall(x, y):
    pairs = [(float(a), float(b)) for a, b in zip(x, y, strict=True) if not math.isnan(a + b)]
    signs = [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in combinations(pairs, 2)]
    below = sum(s != 0 for s, _ in signs) * sum(t != 0 for _, t in signs)
    return sum(s * t for s, t in signs) / math.sqrt(below) if below else NAN


def plain_alpha(columns):
    def covariance(x, y):
        pairs = [(a, b) for a, b in zip(x, y, strict=True) if not math.isnan(a + b)]
        mx, my = (math.fsum(pair[i] for pair in pairs) / len(pairs) for i in (0, 1))
        return math.fsum((a - mx) * (b - my) for a, b in pairs) / (len(pairs) - 1)

    k = len(columns)
    cov = [[covariance(x, y) for y in columns] for x in columns]
    off = [cov[i][j] for i in range(k) for j in range(k) if i != j]
    return k * k * (math.fsum(off) / len(off)) / math.fsum(value for row in cov for value in row)


def same(found, wanted):
    found, wanted = (NAN if each is None else each for each in (found, wanted))
    assert found == pytest.approx(wanted, rel=1e-11, abs=1e-12, nan_ok=True)


SERIES = st.lists(
    st.tuples(st.sampled_from([NAN, 1.0, 2.0, 2.5, 7.0, -3.0]), st.sampled_from([NAN, 0.0, 1.0, 4.0, 5.0])), max_size=25
)


@given(SERIES)
@settings(deadline=None)
def test_rank_correlations_are_those_of_plain_loops(pairs):
    x, y = np.array(pairs, dtype=float).reshape(-1, 2).T
    same(spearman(x[:, None], y[:, None])[0], plain_spearman(x, y))
    same(kendall(x[:, None], y[:, None])[0], plain_kendall(x, y))


@pytest.mark.parametrize("n", [2, 3, 64, 65, 400])
def test_rank_correlations_are_those_of_scipy(n):
    from scipy.stats import kendalltau, spearmanr

    rng = np.random.default_rng(n)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 9, n)])
    y = np.column_stack([x[:, 0] + rng.normal(size=n), rng.integers(0, 5, n) - x[:, 1]])
    for i in range(2):
        same(spearman(x, y)[i], spearmanr(x[:, i], y[:, i]).statistic)
        same(kendall(x, y)[i], kendalltau(x[:, i], y[:, i]).statistic)


def test_tau_b_counts_ties_in_one_series_only():
    # concordant (1,2), (1,3), tied in x (2,3): 2/sqrt(2 * 3)
    same(kendall(np.array([[1.0], [2], [2]]), np.array([[1.0], [2], [3]]))[0], 2 / math.sqrt(6))
    same(kendall(np.array([[1.0], [2], [3]]), np.array([[3.0], [2], [1]]))[0], -1.0)


def test_every_correlation_of_an_index_is_that_of_a_plain_loop():
    from scipy.stats import pearsonr

    scores = panel()
    rows = rows_of(scores)
    for node, parent in PARENT.items():
        same(rows[node, parent, "pearson"].measure_value, plain_pearson(scores[node], scores[parent]))
        same(rows[node, parent, "spearman"].measure_value, plain_spearman(scores[node], scores[parent]))
        same(rows[node, parent, "kendall"].measure_value, plain_kendall(scores[node], scores[parent]))
        both = ~np.isnan(scores[node] + scores[parent])
        same(rows[node, parent, "pearson"].measure_value, pearsonr(scores[node][both], scores[parent][both]).statistic)
    pairs = [("a", "b"), ("a", "c"), ("b", "c"), ("d", "e"), ("p", "q")]
    across = [("a", "q"), ("b", "q"), ("c", "q"), ("d", "p"), ("e", "p")]
    for one, other in pairs + across:
        same(rows[one, other, "pearson"].measure_value, plain_pearson(scores[one], scores[other]))
    held = {(node, other) for node, other, measure in rows if measure == "pearson"}
    assert held == {*PARENT.items(), *pairs, *across}


def test_alpha_and_components_are_those_of_the_children():
    scores = panel(3, holes=0.1)
    rows = rows_of(scores)
    for node, children in TREE.children.items():
        columns = [scores[child] for child in children]
        same(rows[node, "", "cronbach_alpha"].measure_value, plain_alpha(columns))
        matrix = [[plain_pearson(x, y) for y in columns] for x in columns]
        values = np.linalg.eigvalsh(matrix)
        same(rows[node, "", "explained_variance"].measure_value, values.max() / len(children))
        assert rows[node, "", "eigenvalues_above_one"].measure_value == (values > 1).sum()


def test_alpha_by_hand():
    # variances 1, covariance 1/2: 2^2 (1/2)/3
    same(cronbach_alpha(np.array([[1.0, 1.0], [2.0, 3.0], [3.0, 2.0]])), 2 / 3)
    same(cronbach_alpha(np.array([[1.0, 2.0], [2.0, 4.0]])), 4 * 1 / (0.5 + 2 + 2))


@pytest.mark.parametrize(
    "columns",
    [[[1.0], [2.0]], [[1.0, 2.0]], [[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]], [[1.0, NAN], [NAN, 2.0], [3.0, 4.0]]],
    ids=["one column", "one row", "opposite", "no common rows"],
)
def test_alpha_is_missing_where_it_has_no_meaning(columns):
    assert math.isnan(cronbach_alpha(np.array(columns)))


def test_components_of_two_correlated_children():
    same(components(np.array([[1.0, 0.6], [0.6, 1.0]]))[0], 0.8)
    assert components(np.array([[1.0, 0.6], [0.6, 1.0]]))[1] == 1
    # without correlation no component weighs more than one child
    assert components(np.eye(3)) == (1 / 3, 0.0)
    assert math.isnan(components(np.array([[1.0, NAN], [NAN, 1.0]]))[0])


def test_what_is_remarkable_is_flagged():
    rng = np.random.default_rng(5)
    x, y, z = rng.normal(size=(3, 200))
    scores = {
        "a": x,
        "b": x + 0.01 * z,
        "c": -x + 0.1 * y,
        "p": x + 0.2 * y,
        "d": y,
        "e": z,
        "q": 0.1 * y + z,
        "index": x,
    }
    rows = rows_of(scores)
    flags = {key: row.flag for key, row in rows.items() if row.flag and key[2] != "variance_share"}
    assert flags == {
        ("a", "b", "pearson"): "redundant",
        ("a", "c", "pearson"): "negative",
        ("b", "c", "pearson"): "negative",
        ("c", "p", "pearson"): "negative",
        ("d", "q", "pearson"): "weak",
        ("q", "index", "pearson"): rows["q", "index", "pearson"].flag,
        **{
            key: "negative"
            for key, row in rows.items()
            if key[:2] in (("d", "e"), ("p", "q")) and row.measure_value < 0
        },
        **{(node, "", "cronbach_alpha"): "low_alpha" for node in ("p", "q", "index")},
    }
    assert rows["q", "index", "pearson"].flag in ("weak", "negative")


def test_limits_are_those_of_the_index():
    scores = panel(1, 40, 0.0)
    r = rows_of(scores)["a", "b", "pearson"].measure_value
    assert rows_of(scores, Coherence(redundant=r - 0.01))["a", "b", "pearson"].flag == "redundant"
    assert rows_of(scores, Coherence(redundant=r + 0.01))["a", "b", "pearson"].flag is None
    r = rows_of(scores)["a", "p", "pearson"].measure_value
    assert rows_of(scores, Coherence(weak=r + 0.01))["a", "p", "pearson"].flag == "weak"
    assert rows_of(scores, Coherence(weak=r - 0.01))["a", "p", "pearson"].flag is None
    alpha = rows_of(scores)["p", "", "cronbach_alpha"].measure_value
    assert rows_of(scores, Coherence(alpha=alpha + 0.01))["p", "", "cronbach_alpha"].flag == "low_alpha"
    assert rows_of(scores, Coherence(alpha=alpha - 0.01))["p", "", "cronbach_alpha"].flag is None


def test_shares_of_the_variance_are_squared_correlations_with_the_index():
    scores = panel(2)
    weights = {"a": 0.5, "b": 0.2, "c": 0.1, "d": 0.2, "e": 0.0}
    rows = rows_of(scores, weights=weights)
    squares = {leaf: plain_pearson(scores[leaf], scores["index"]) ** 2 for leaf in "abcd"}
    for leaf, square in squares.items():
        row = rows[leaf, "", "variance_share"]
        share = square / sum(squares.values())
        same(row.measure_value, share)
        assert row.flag == (None if weights[leaf] / 2 <= share <= 2 * weights[leaf] else "weight_gap")
        assert rows[leaf, "", "effective_weight"].measure_value == weights[leaf]
    assert {row.flag for key, row in rows.items() if key[2] == "variance_share"} == {None, "weight_gap"}
    assert rows["e", "", "variance_share"].measure_value is None and rows["e", "", "variance_share"].flag is None


def test_a_leaf_without_a_weight_of_its_own_has_no_share():
    rows = rows_of(panel(2), weights={"a": 0.5, "b": 0.2, "c": 0.1, "d": 0.2, "e": NAN})
    assert rows["e", "", "effective_weight"].measure_value is None
    assert rows["e", "", "variance_share"].measure_value is None


def test_a_constant_part_has_no_correlation_and_no_warning():
    scores = panel(4, holes=0.0)
    scores["a"] = np.full(12, 0.1 + 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = rows_of(scores)
    for key in (("a", "p", "pearson"), ("a", "p", "spearman"), ("a", "p", "kendall"), ("a", "b", "pearson")):
        assert rows[key].measure_value is None and rows[key].flag is None
    assert rows["a", "", "variance_share"].measure_value is None
    assert rows["p", "", "explained_variance"].measure_value is None
    assert rows["p", "", "cronbach_alpha"].measure_value is not None


def test_scores_that_differ_beyond_the_twelfth_digit_are_tied():
    scores = panel(6, 4, 0.0)
    scores["a"], scores["p"] = np.array([0.3, 0.1 + 0.2, 0.5, 0.4]), np.array([1.0, 2.0, 3.0, 4.0])
    same(rows_of(scores)["a", "p", "kendall"].measure_value, plain_kendall([0.3, 0.3, 0.5, 0.4], scores["p"]))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_cells_give_nothing_and_no_warning(n):
    scores = {node: np.arange(n) * float(i + 1) for i, node in enumerate(("index", *PARENT))}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = rows_of(scores)
    same(rows["a", "p", "kendall"].measure_value, 1.0 if n == 2 else NAN)
    same(rows["a", "p", "pearson"].measure_value, 1.0 if n == 2 else NAN)


def test_a_node_with_one_child_has_no_alpha_and_no_components():
    tree = Tree("index", {"p": "index", "a": "p"}, {"index": 1.0, "p": 1.0, "a": 1.0}, ("index", "p", "a"))
    found = cohere(tree, {node: np.array([1.0, 2.0, 4.0]) for node in ("index", "p", "a")}, LIMITS, {"a": 1.0})
    measures = [(row.node_id, row.other_node_id, row.measure) for row in found]
    own = ("pearson", "spearman", "kendall")
    assert measures == [
        *(("a", "p", measure) for measure in own),
        *(("p", "index", measure) for measure in own),
        ("a", "", "effective_weight"),
        ("a", "", "variance_share"),
    ]


@given(st.integers(0, 1000), st.permutations(range(12)))
@settings(deadline=None, max_examples=40)
def test_the_order_of_areas_changes_no_digit(seed, order):
    scores = panel(seed)
    turned = {node: values[list(order)] for node, values in scores.items()}
    assert rows_of(scores) == rows_of(turned)


@given(st.integers(0, 1000), st.floats(0.01, 1000), st.floats(-100, 100))
@settings(deadline=None, max_examples=20)
def test_another_scale_changes_no_correlation(seed, factor, level):
    scores = panel(seed)
    moved = rows_of({node: values * factor + level for node, values in scores.items()})
    for key, row in rows_of(scores).items():
        found = moved[key].measure_value
        if row.measure_value is None:
            assert found is None
        else:
            assert found == pytest.approx(row.measure_value, rel=1e-6, abs=1e-7)
