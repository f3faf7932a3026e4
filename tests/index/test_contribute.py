"""Contributions to the change of an index: one node by hand, exact sums in random mixed trees with gaps.

Not here: growth of single series (test_growth).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.index.aggregate import aggregate
from pipelines.index.contribute import contribute
from pipelines.index.scope import Cells
from pipelines.index.score import Methods, NodeScores, effective_weights, score_tree
from pipelines.index.split import by_replacement, logarithmic_mean
from pipelines.index.tree import Tree, tree_of
from warehouse.catalogue.index import Index
from warehouse.catalogue.method import Method

NAN = float("nan")
MEANS = [
    "arithmetic",
    "geometric",
    {"method": "geometric", "floor": 20},
    "harmonic",
    "median",
    "min",
    {"method": "power_mean", "p": 2},
    {"method": "power_mean", "p": -0.5},
    "mpi",
    {"method": "ampi", "penalty": "plus"},
]
FAMILY = [
    *MEANS,
    "copeland",
    "topsis",
    {"method": "topsis", "over": "period"},
    "chain_symmetric",
    {"method": "chain_symmetric", "gaps": "bridge", "base_period": "2012"},
    {"method": "chain_geometric", "base_period": "2011"},
    {"method": "chain_geometric", "gaps": "bridge"},
]


def step(how: object) -> object:
    return Method.model_validate({"aggregate": how}).aggregate


def built(
    nodes: dict[str, dict[str, object]],
    values: dict[str, object],
    how: dict[str, object],
    thresholds: dict[str, float] | None = None,
    quantities: dict[str, list[float]] | None = None,
) -> tuple[Tree, NodeScores, dict[str, object]]:
    """Nodes as in YAML; values by leaf, a number per period or a row of areas per period; aggregation by inner node."""
    index = Index.model_validate({"name_en": "x", "areas": ["A"], "periods": {"from": 2010}, "nodes": nodes})
    tree = tree_of("root", index)
    panel = np.stack([np.array(values[leaf], float).reshape(len(values[leaf]), -1) for leaf in tree.leaves], axis=-1)
    steps = {node: step(how.get(node, "arithmetic")) for node in tree.children}
    methods = Methods(
        {node: Method().weighting for node in tree.children},
        steps,
        dict.fromkeys(tree.declared, 0.0) | (thresholds or {}),
        {leaf: nodes[leaf].get("direction", 1) for leaf in tree.leaves},
        {leaf: np.array(q, float)[:, None] for leaf, q in (quantities or {}).items()},
        frozenset(tree.leaves),
        Cells([str(2010 + t) for t in range(len(panel))], [f"A{a}" for a in range(panel.shape[1])]),
    )
    return tree, score_tree(tree, panel, ~np.isnan(panel), methods), steps


def parts(nodes, values, how, **more) -> dict[str, list[float]]:
    tree, scores, steps = built(nodes, values, how, **more)
    return {node: each[:, 0].tolist() for node, each in contribute(tree, scores, steps).items()}


def sums_up(tree: Tree, scores: NodeScores, steps: dict[str, object]) -> None:
    """Children sum to their node and indicators to the change of the root, to 1e-9 of the largest score in
    the tree."""
    found = contribute(tree, scores, steps)
    root = scores.score["root"]
    change = root[1:] - root[:-1]
    size = max(1.0, *(np.nanmax(np.abs(each), initial=0.0) for each in scores.score.values()))
    assert (np.isnan(found["root"]) == np.isnan(change)).all()
    for node, children in tree.children.items():
        whole = sum(found[child] for child in children)
        np.testing.assert_allclose(whole, found[node], rtol=0, atol=1e-9 * size)
    np.testing.assert_allclose(sum(found[leaf] for leaf in tree.leaves), change, rtol=0, atol=1e-9 * size)


TWO = {"a": {"weight": 1}, "b": {"weight": 3}}


def test_arithmetic_contributions_are_weighted_changes():
    found = parts(TWO, {"a": [10, 14], "b": [20, 16]}, {})
    assert found == {"root": [-2.0], "a": [1.0], "b": [-3.0]}


def test_a_child_that_appears_is_measured_against_the_mean_level_of_the_parent():
    # Before: a alone, score 10. After: (14 + 3 x 16)/4 = 15.5; S = 12.75.
    found = parts(TWO, {"a": [10, 14], "b": [NAN, 16]}, {})
    assert found["root"] == [5.5]
    assert found["a"] == [pytest.approx(0.25 * 14 - 10 - 12.75 * (0.25 - 1))]
    assert found["b"] == [pytest.approx(0.75 * 16 - 12.75 * 0.75)]


def test_geometric_contributions_are_log_changes_times_the_logarithmic_mean():
    found = parts(TWO, {"a": [10, 20], "b": [10, 10]}, {"root": "geometric"})
    after = 10 * 2**0.25
    assert found["root"] == [pytest.approx(after - 10)]
    assert found["a"] == [pytest.approx(after - 10)]
    assert found["b"] == [pytest.approx(0, abs=1e-12)]


def test_the_logarithmic_mean_of_equal_and_nearly_equal_scores():
    pairs = [(3.0, 3.0), (3.0, 3.0 * (1 + 1e-13)), (2.0, 8.0)]
    found = logarithmic_mean(*(np.array(each) for each in zip(*pairs, strict=True)))
    assert found == pytest.approx([3.0, 3.0, 6 / math.log(4)], rel=1e-12)


def test_a_minimum_is_shared_by_averaging_over_all_orders():
    values = {"a": [1, 6], "b": [2, 5], "c": [3, 4]}
    found = parts({name: {} for name in values}, values, {"root": "min"})
    wanted = dict.fromkeys(values, 0.0)
    for order in itertools.permutations(values):
        state = {name: each[0] for name, each in values.items()}
        for name in order:
            before = min(state.values())
            state[name] = values[name][1]
            wanted[name] += (min(state.values()) - before) / 6
    assert {name: found[name][0] for name in values} == pytest.approx(wanted, rel=1e-12)


def test_no_contribution_over_a_gap_of_the_index():
    found = parts(TWO, {"a": [10, NAN, 12], "b": [10, NAN, 12]}, {})
    assert np.isnan(found["root"]).all()
    assert np.isnan(found["a"]).all()


def test_a_change_of_weight_inside_a_pillar_goes_to_its_indicators():
    nodes = {"p": {}, "q": {}, "p1": {"parent": "p"}, "p2": {"parent": "p"}, "q1": {"parent": "q"}}
    found = parts(nodes, {"p1": [10, 10], "p2": [30, 30], "q1": [NAN, 40]}, {})
    # p stays 20 and its weight falls from 1 to 1/2: (1/2 - 1)(20 - 25) = 2.5, spread evenly over p1 and p2.
    assert found["root"] == [10.0]
    assert (found["p"], found["p1"], found["p2"]) == ([2.5], [1.25], [1.25])
    assert (found["q"], found["q1"]) == ([7.5], [7.5])


@st.composite
def mixed_trees(draw, family=FAMILY):
    """A root, up to four pillars (some with sub-pillars), up to three areas, gaps, any aggregation."""
    nodes: dict[str, dict[str, object]] = {}
    weight = st.sampled_from([0.5, 1, 2, 3])
    leaves = []
    for p in range(draw(st.integers(1, 4))):
        nodes[f"p{p}"] = {"weight": draw(weight)}
        below = [f"p{p}"]
        if draw(st.booleans()):
            nodes[f"p{p}_s"] = {"parent": f"p{p}", "weight": draw(weight)}
            below.append(f"p{p}_s")
        for parent in below:
            for i in range(draw(st.integers(1, 3))):
                node = {"parent": parent, "weight": draw(weight), "direction": draw(st.sampled_from([1, -1]))}
                nodes[f"{parent}_{i}"] = node
                leaves.append(f"{parent}_{i}")
    areas = draw(st.integers(1, 3))
    value = st.one_of(st.just(NAN), st.floats(0.5, 200))
    row = st.lists(value, min_size=areas, max_size=areas)
    values = {leaf: draw(st.lists(row, min_size=5, max_size=5)) for leaf in leaves}
    inner = ["root", *(node for node in nodes if any(n.get("parent") == node for n in nodes.values()))]
    how = {node: draw(st.sampled_from(family)) for node in inner}
    return nodes, values, how, {node: draw(st.sampled_from([0.0, 0.0, 0.5, 0.7])) for node in inner}


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mixed_trees())
def test_contributions_sum_to_the_change_in_any_mixed_tree_with_gaps(case):
    sums_up(*built(*case))


@settings(max_examples=50, deadline=None)
@given(mixed_trees(), st.randoms(use_true_random=False))
def test_contributions_sum_when_weights_differ_between_periods_and_areas(case, random):
    tree, scores, steps = built(*case)
    again = dict(scores.score)
    for node in tree.upwards:
        if steps[node].method.startswith("chain"):
            continue
        y = np.stack([again[child] for child in tree.children[node]], axis=-1)
        by_area = 1 if steps[node].method == "copeland" else y.shape[1]
        shape = (len(y), by_area, y.shape[2])
        weights = np.array([random.choice([0.0, 0.2, 1.0]) for _ in range(math.prod(shape))]).reshape(shape)
        present = np.where(np.isnan(y), 0.0, weights)
        whole = present.sum(axis=-1, keepdims=True)
        scores.weights[node], scores.spread[node] = weights, present / np.where(whole > 0, whole, 1.0)
        again[node] = aggregate(y, weights, steps[node])
    chained = {node for node in tree.children if steps[node].method.startswith("chain")}
    if not any(child in tree.children for node in chained for child in tree.children[node]):
        sums_up(tree, scores._replace(score=again), steps)


@settings(max_examples=50, deadline=None)
@given(mixed_trees())
def test_effective_weights_sum_to_one_where_there_is_a_score(case):
    tree, scores, _ = built(*case)
    weight = effective_weights(tree, scores)
    whole = sum(weight[leaf] for leaf in tree.leaves)
    there = ~np.isnan(scores.score["root"])
    assert np.isnan(whole[~there]).all()
    np.testing.assert_allclose(whole[there], 1.0, rtol=1e-12)


def test_more_than_ten_children_are_moved_in_both_orders_and_still_sum():
    values = {f"c{i:02d}": [10.0 + i, 20.0 - i / 2] for i in range(12)}
    found = parts({name: {} for name in values}, values, {"root": "median"})
    assert sum(found[name][0] for name in values) == pytest.approx(found["root"][0], abs=1e-12)
    ahead = dict.fromkeys(values, 0.0)
    for order in (sorted(values), sorted(values, reverse=True)):
        state = {name: each[0] for name, each in values.items()}
        for name in order:
            before = float(np.median(list(state.values())))
            state[name] = values[name][1]
            ahead[name] += (float(np.median(list(state.values()))) - before) / 2
    assert {name: found[name][0] for name in values} == pytest.approx(ahead, abs=1e-12)


def test_contributions_add_up_to_the_published_change_when_scores_are_rounded():
    tree, scores, steps = built(TWO, {"a": [10.04, 14.02], "b": [20.01, 16.07]}, {})
    published = np.round(scores.score["root"], 1)
    found = contribute(tree, scores, steps, published)
    assert found["root"][0, 0] == published[1, 0] - published[0, 0]
    assert found["a"][0, 0] + found["b"][0, 0] == pytest.approx(found["root"][0, 0], abs=1e-14)


# Index numbers


def test_the_terms_of_a_symmetric_chain_are_its_weighted_growth_rates():
    # Weights 1/4, 3/4; g = 200 x 10/210 for a; b, less is better, 200 x 20/180; term = 100 x 2 w g/(200 - G).
    nodes = {"a": {"weight": 1}, "b": {"weight": 3, "direction": -1}}
    found = parts(nodes, {"a": [100, 110], "b": [100, 80]}, {"root": "chain_symmetric"})
    rates = 0.25 * 200 * 10 / 210, 0.75 * 200 * 20 / 180
    assert (found["a"][0], found["b"][0]) == pytest.approx(
        [200 * rate / (200 - sum(rates)) for rate in rates], rel=1e-13
    )
    assert found["root"] == [pytest.approx(100 * (200 + sum(rates)) / (200 - sum(rates)) - 100, rel=1e-12)]


def test_the_terms_of_a_geometric_chain_are_log_exact():
    found = parts(TWO, {"a": [10, 20], "b": [10, 5]}, {"root": "chain_geometric"})
    after = 100 * 2**0.25 * 0.5**0.75
    scale = (after - 100) / math.log(after / 100)
    assert found["a"] == [pytest.approx(scale * 0.25 * math.log(2), rel=1e-12)]
    assert found["b"] == [pytest.approx(scale * 0.75 * math.log(0.5), rel=1e-12)]


def test_a_child_that_sits_out_a_step_adds_nothing_to_it():
    found = parts({"a": {}, "b": {}}, {"a": [10, NAN, 40, 80], "b": [10, 20, 20, 30]}, {"root": "chain_symmetric"})
    assert found["a"][:2] == [0, 0]
    assert found["b"][:2] == pytest.approx([100, 0])
    assert found["a"][2] > 0


def test_a_bridged_gap_adds_to_each_of_its_periods():
    how = {"root": {"method": "chain_geometric", "gaps": "bridge"}}
    found = parts({"a": {}}, {"a": [10, NAN, 40]}, how)
    assert found["a"] == pytest.approx([100, 200])


def test_pillars_of_a_chain_pass_their_terms_to_their_indicators():
    nodes = {
        "p": {"weight": 1},
        "q": {"weight": 3},
        "p1": {"parent": "p"},
        "p2": {"parent": "p"},
        "q1": {"parent": "q"},
    }
    values = {"p1": [80, 100], "p2": [120, 120], "q1": [100, 100]}
    found = parts(nodes, values, {"root": "chain_symmetric"})
    growth = 0.25 * 200 * 10 / 210
    assert found["p"] == [pytest.approx(200 * growth / (200 - growth), rel=1e-12)]
    assert (found["p1"][0], found["p2"][0]) == (pytest.approx(found["p"][0], rel=1e-12), 0)


def test_a_price_index_is_shared_by_moving_price_and_quantity_of_an_item_together():
    prices, quantities = {"a": [50, 55], "b": [25, 20]}, {"a": [10, 15], "b": [15, 20]}
    found = parts({"a": {}, "b": {}}, prices, {"root": {"method": "paasche"}}, quantities=quantities)

    def paasche(a: int, b: int) -> float:
        p, q = (prices["a"][a], prices["b"][b]), (quantities["a"][a], quantities["b"][b])
        return 100 * (p[0] * q[0] + p[1] * q[1]) / (50 * q[0] + 25 * q[1])

    one = (paasche(1, 0) - paasche(0, 0) + paasche(1, 1) - paasche(0, 1)) / 2
    other = (paasche(0, 1) - paasche(0, 0) + paasche(1, 1) - paasche(1, 0)) / 2
    assert (found["a"][0], found["b"][0]) == pytest.approx((one, other), rel=1e-12)
    assert found["root"] == [pytest.approx(-2.0)]


def test_an_item_of_a_chained_paasche_index_needs_no_quantity_of_the_period_before():
    prices, quantities = {"a": [50, 55], "b": [25, 20]}, {"a": [NAN, 15], "b": [15, 20]}
    how = {"root": {"method": "paasche", "chained": True}}
    found = parts({"a": {}, "b": {}}, prices, how, quantities=quantities)

    def paasche(a: int, b: int) -> float:
        p, q = (prices["a"][a], prices["b"][b]), (15, quantities["b"][b])
        return 100 * (p[0] * q[0] + p[1] * q[1]) / (50 * q[0] + 25 * q[1])

    one = (paasche(1, 0) - paasche(0, 0) + paasche(1, 1) - paasche(0, 1)) / 2
    assert found["a"] == [pytest.approx(one, rel=1e-12)]
    assert found["b"] == [pytest.approx(paasche(1, 1) - 100 - one, rel=1e-12)]


# Methods that look at other areas or at all periods


def test_an_outranking_is_shared_by_moving_a_child_in_all_areas_at_once():
    values = {"a": [[1, 2, 3], [3, 1, 2]], "b": [[5, 4, 6], [1, 2, 3]], "c": [[9, 7, 8], [7, 9, 8]]}
    tree, scores, steps = built({"a": {}, "b": {}, "c": {}}, values, {"root": "copeland"})
    found = contribute(tree, scores, steps)

    def copeland(state: dict[str, int]) -> list[int]:
        rows = [values[name][when] for name, when in state.items()]
        result = []
        for i in range(3):
            wins = [sum((row[i] > row[j]) - (row[i] < row[j]) for row in rows) for j in range(3)]
            result.append(sum((each > 0) - (each < 0) for each in wins))
        return result

    for area in range(3):
        wanted = dict.fromkeys(values, 0.0)
        for order in itertools.permutations(values):
            state = dict.fromkeys(values, 0)
            for name in order:
                before = copeland(state)[area]
                state[name] = 1
                wanted[name] += (copeland(state)[area] - before) / 6
        assert {name: found[name][0, area] for name in values} == pytest.approx(wanted, abs=1e-12)
        change = copeland(dict.fromkeys(values, 1))[area] - copeland(dict.fromkeys(values, 0))[area]
        assert found["root"][0, area] == change


def test_closeness_to_an_ideal_of_all_periods_is_shared_with_that_ideal_held():
    values = {"a": [[1, 2], [3, 1], [2, 5]], "b": [[5, 4], [1, 2], [6, 6]]}
    tree, scores, steps = built({"a": {}, "b": {}}, values, {"root": "topsis"})
    found = contribute(tree, scores, steps)
    cells = {name: np.array(rows, float) for name, rows in values.items()}

    def closeness(a: float, b: float) -> float:
        to = {max: 0.0, min: 0.0}
        for name, y in (("a", a), ("b", b)):
            length = math.sqrt((cells[name] ** 2).sum())
            for ideal in to:
                to[ideal] += (0.5 * (y - ideal(cells[name].flat)) / length) ** 2
        return math.sqrt(to[min]) / (math.sqrt(to[min]) + math.sqrt(to[max]))

    for t, area in itertools.product((0, 1), (0, 1)):
        (a0, a1), (b0, b1) = (cells[name][t : t + 2, area] for name in "ab")
        one = (closeness(a1, b0) - closeness(a0, b0) + closeness(a1, b1) - closeness(a0, b1)) / 2
        assert found["a"][t, area] == pytest.approx(one, rel=1e-11)
        assert found["root"][t, area] == pytest.approx(closeness(a1, b1) - closeness(a0, b0), rel=1e-11)


def test_an_outranked_pillar_passes_its_term_on_by_weight():
    nodes = {"p": {}, "p1": {"parent": "p", "weight": 3}, "p2": {"parent": "p"}}
    # Area A0 hardly moves, area A1 falls from 20 to 5: A0 goes from outranked to outranking.
    values = {"p1": [[10, 20], [12, 5]], "p2": [[10, 20], [4.04, 5]]}
    tree, scores, steps = built(nodes, values, {"root": "copeland"})
    found = contribute(tree, scores, steps)
    assert [found[node][0, 0] for node in ("root", "p", "p1", "p2")] == pytest.approx([2, 2, 1.5, 0.5], rel=1e-14)


def test_weights_that_differ_between_periods_are_apart_from_the_change_of_a_child():
    nodes = {"p": {}, "q": {}, "p1": {"parent": "p"}, "p2": {"parent": "p"}, "q1": {"parent": "q"}}
    values = {"p1": [10, 12], "p2": [10, 10], "q1": [20, 20]}
    tree, scores, steps = built(nodes, values, {"root": "harmonic"})

    def harmonic(p: float, weight: float) -> float:
        return 1 / (weight / p + (1 - weight) / 20)

    weights = np.array([[[0.2, 0.8]], [[0.8, 0.2]]])
    scores.weights["root"], scores.spread["root"] = weights, weights
    scores.score["root"] = np.array([[harmonic(10, 0.2)], [harmonic(11, 0.8)]])
    found = contribute(tree, scores, steps)

    # Weights of p and q when only one of them has moved: 0.8 and 0.8, or 0.2 and 0.2, that is one half each.
    before, after = scores.score["root"][:, 0]
    term = (harmonic(11, 0.5) - before + after - harmonic(10, 0.5)) / 2
    own = harmonic(11, 0.5) - harmonic(10, 0.5)
    assert found["p"] == [pytest.approx(term, rel=1e-12)]
    assert found["p1"] == [pytest.approx(own + (term - own) / 2, rel=1e-12)]
    assert found["p2"] == [pytest.approx((term - own) / 2, rel=1e-12)]


def test_a_pillar_below_its_threshold_counts_with_the_weights_of_the_other_period():
    nodes = {"p": {}, "q": {}, "p1": {"parent": "p"}, "p2": {"parent": "p"}, "q1": {"parent": "q"}}
    values = {"p1": [10, 10], "p2": [NAN, 30], "q1": [40, 40]}
    found = parts(nodes, values, {}, thresholds={"p": 0.6})
    # p appears with 20, weight 1/2: 10 - (40 + 30)/2 x 1/2 = -7.5, of which p1 and p2 had one half each.
    assert (found["p"], found["p1"], found["p2"]) == ([-7.5], [-3.75], [-3.75])


def test_weights_that_every_area_chooses_are_part_of_the_terms():
    tree, scores, steps = built({"a": {}, "b": {}}, {"a": [0.5, 0.6], "b": [1.0, NAN]}, {})
    steps = {"root": step("benefit_of_the_doubt")}
    weights = np.array([[[0.4, 0.7]], [[1.5, 0.0]]])
    scores.spread["root"] = weights
    scores.score["root"] = np.array([[0.4 * 0.5 + 0.7 * 1.0], [1.5 * 0.6]])
    found = contribute(tree, scores, steps)
    assert found["a"][0, 0] == pytest.approx(1.5 * 0.6 - 0.4 * 0.5)
    assert found["b"][0, 0] == pytest.approx(-0.7)
    assert found["root"][0, 0] == pytest.approx(0.0, abs=1e-15)


def test_a_child_that_makes_no_difference_has_exactly_no_term():
    values = {"a": [1, 2], "b": [5.3, 7.1], "c": [9.7, 8.3]}
    found = parts({name: {} for name in values}, values, {"root": "min"})
    assert (found["a"], found["b"], found["c"]) == ([1], [0], [0])


def test_a_penalty_over_a_mean_that_is_only_rounding_noise_is_no_score_on_the_way():
    # With c moved first the children are 0.1, 0.2 and -0.3, whose mean in doubles is some 1e-17.
    values = {"a": [0.1, 0.4], "b": [0.2, 0.5], "c": [1.0, -0.3]}
    found = parts({name: {} for name in values}, values, {"root": "mpi"})
    assert max(abs(found[name][0]) for name in values) < 1e3
    assert sum(found[name][0] for name in values) == pytest.approx(found["root"][0], abs=1e-9)


def test_ranks_far_above_the_scores_they_come_from_are_no_noise():
    values = {"a": [[1e-6, 2e-6], [2e-6, 1e-6]], "b": [[5e-6, 5e-6], [5e-6, 5e-6]]}
    tree, scores, steps = built({"a": {}, "b": {}}, values, {"root": "copeland"})
    found = contribute(tree, scores, steps)
    assert (found["a"].tolist(), found["b"].tolist()) == ([[2, -2]], [[0, 0]])


def test_replacement_gives_the_same_in_blocks(monkeypatch):
    rng = np.random.default_rng(7)
    y = rng.uniform(1, 9, (7, 4, 5))

    def value(moved, steps):
        return np.median(np.where(moved[:, None, None, :], y[1:][steps], y[:-1][steps]), axis=-1)

    whole = by_replacement(value, (6, 4, 5))
    monkeypatch.setattr("pipelines.index.split.KEPT", 300)
    monkeypatch.setattr("pipelines.index.split.WORKED_ON", 100)
    np.testing.assert_array_equal(by_replacement(value, (6, 4, 5)), whole)


def test_a_mixed_tree_agrees_with_a_plain_loop():
    """Arithmetic over a geometric pillar with a gap and an arithmetic one, in three periods."""
    nodes = {
        "p": {"weight": 1}, "q": {"weight": 2},
        "p1": {"parent": "p", "weight": 1}, "p2": {"parent": "p", "weight": 3},
        "q1": {"parent": "q", "weight": 1}, "q2": {"parent": "q", "weight": 1},
    }  # fmt: skip
    values = {"p1": [10, 14, 9], "p2": [30, NAN, 21], "q1": [NAN, 50, 44], "q2": [NAN, 7, 12]}
    found = parts(nodes, values, {"p": "geometric"})

    def spread(names: list[str], scores: list[float]) -> list[float]:
        weights = [nodes[n].get("weight", 1) if y == y else 0 for n, y in zip(names, scores, strict=True)]
        return [w / (sum(weights) or 1) for w in weights]

    def at(t: int) -> dict[str, float]:
        y = {name: row[t] for name, row in values.items()}
        w = {}
        for node, names, how in (("p", ["p1", "p2"], "geo"), ("q", ["q1", "q2"], "mean"), ("root", ["p", "q"], "mean")):
            shares = spread(names, [y[n] for n in names])
            w |= dict(zip(names, shares, strict=True))
            there = [(share, y[n]) for n, share in zip(names, shares, strict=True) if share > 0]
            if not there:
                y[node] = NAN
            elif how == "geo":
                y[node] = math.exp(sum(share * math.log(score) for share, score in there))
            else:
                y[node] = sum(share * score for share, score in there)
        return y | {f"w_{n}": share for n, share in w.items()}

    def zero(number: float) -> float:
        return number if number == number else 0.0

    def mean_log(a: float, b: float) -> float:
        return (b - a) / math.log(b / a) if a != b else a

    for t in (0, 1):
        a, b = at(t), at(t + 1)
        level = (a["root"] + b["root"]) / 2
        for node, below in (("p", ["p1", "p2"]), ("q", ["q1", "q2"])):
            wa, wb = a[f"w_{node}"], b[f"w_{node}"]
            term = wb * zero(b[node]) - wa * zero(a[node]) - level * (wb - wa)
            stayed = a[node] == a[node] and b[node] == b[node]
            multiplier = (wa + wb) / 2 if stayed else 0.0
            rest = term - multiplier * (b[node] - a[node] if stayed else 0.0)
            assert found[node][t] == pytest.approx(term, rel=1e-12)
            for leaf in below:
                ua, ub = a[f"w_{leaf}"], b[f"w_{leaf}"]
                one, two = (math.log(y[leaf]) if y[leaf] == y[leaf] else 0.0 for y in (a, b))
                if node == "p":
                    middle = (math.log(a[node]) + math.log(b[node])) / 2
                    inner = (ub * two - ua * one - middle * (ub - ua)) * mean_log(a[node], b[node])
                else:
                    inner = ub * zero(b[leaf]) - ua * zero(a[leaf]) if stayed else 0.0
                    inner -= (a[node] + b[node]) / 2 * (ub - ua) if stayed else 0.0
                shares = [u for u, y in ((ua, a[node]), (ub, b[node])) if y == y]
                wanted = multiplier * inner + rest * sum(shares) / len(shares)
                assert found[leaf][t] == pytest.approx(wanted, rel=1e-12, abs=1e-13)
