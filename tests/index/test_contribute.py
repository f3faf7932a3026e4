"""Contributions to the change of an index: one node by hand, exact sums in random mixed trees with gaps.

Not here: growth of single series (test_growth).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.index.contribute import contribute, logarithmic_mean
from pipelines.index.score import NodeScores, effective_weights, score_tree
from pipelines.index.tree import Tree, tree_of
from warehouse.catalogue.index import Index
from warehouse.catalogue.method import Method

NAN = float("nan")
FAMILY = [
    "arithmetic",
    "geometric",
    {"method": "geometric", "floor": 20},
    "harmonic",
    "median",
    "min",
    {"method": "power_mean", "p": 2},
]


def step(how: object) -> object:
    return Method.model_validate({"aggregate": how}).aggregate


def built(
    nodes: dict[str, dict[str, object]],
    values: dict[str, list[float]],
    how: dict[str, object],
    thresholds: dict[str, float] | None = None,
) -> tuple[Tree, NodeScores, dict[str, object]]:
    """A tree with one area: nodes as in YAML, values by leaf over the periods, aggregation by inner node."""
    index = Index.model_validate({"name_en": "x", "areas": ["A"], "periods": {"from": 2010}, "nodes": nodes})
    tree = tree_of("root", index)
    steps = {node: step(how.get(node, "arithmetic")) for node in tree.children}
    leaves = {leaf: np.array(values[leaf], float)[:, None] for leaf in tree.leaves}
    observed = {leaf: ~np.isnan(each) for leaf, each in leaves.items()}
    return tree, score_tree(tree, leaves, observed, steps, thresholds or {}), steps


def parts(nodes, values, how) -> dict[str, list[float]]:
    tree, scores, steps = built(nodes, values, how)
    return {node: each[:, 0].tolist() for node, each in contribute(tree, scores, steps).items()}


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
def mixed_trees(draw):
    """A root, up to four pillars (some with sub-pillars), gaps over five periods, any aggregation."""
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
                nodes[f"{parent}_{i}"] = {"parent": parent, "weight": draw(weight)}
                leaves.append(f"{parent}_{i}")
    value = st.one_of(st.just(NAN), st.floats(0.5, 200))
    values = {leaf: draw(st.lists(value, min_size=5, max_size=5)) for leaf in leaves}
    inner = ["root", *(node for node in nodes if any(n.get("parent") == node for n in nodes.values()))]
    how = {node: draw(st.sampled_from(FAMILY)) for node in inner}
    return nodes, values, how, {node: draw(st.sampled_from([0.0, 0.0, 0.5, 0.7])) for node in inner}


@settings(max_examples=150, deadline=None)
@given(mixed_trees())
def test_contributions_sum_to_the_change_in_any_mixed_tree_with_gaps(case):
    tree, scores, steps = built(*case)
    found = contribute(tree, scores, steps)
    root = scores.score["root"]
    change = root[1:] - root[:-1]
    assert (np.isnan(found["root"]) == np.isnan(change)).all()
    for node, children in tree.children.items():
        whole = sum(found[child] for child in children)
        np.testing.assert_allclose(whole, found[node], rtol=0, atol=1e-9)
    np.testing.assert_allclose(sum(found[leaf] for leaf in tree.leaves), change, rtol=0, atol=1e-9)


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
