"""Scores of all nodes of a tree from those of its indicators: weights spread, coverage, thresholds.

Not here: how one node is aggregated (aggregate), ranks (rank), frames (build).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.aggregate import Step, aggregate, allowed, spread_weights
from pipelines.index.rank import Floats
from pipelines.index.tree import Tree


class NodeScores(NamedTuple):
    """By node (periods, areas): score, coverage; by inner node the weights (periods, areas, children)
    spread over the children present, and where a child's score was not allowed by the method."""

    score: dict[str, Floats]
    coverage: dict[str, Floats]
    spread: dict[str, Floats]
    refused: dict[str, NDArray[np.bool_]]


def score_tree(
    tree: Tree,
    leaf_scores: Mapping[str, Floats],
    observed: Mapping[str, NDArray[np.bool_]],
    steps: Mapping[str, Step],
    thresholds: Mapping[str, float],
) -> NodeScores:
    """Score every node, from the leaves up.

    In: per leaf its normalised scores and where they rest on an observed (not imputed) value, both (periods,
    areas); per inner node its aggregation and its coverage threshold. Coverage is the weight of the
    indicators that were observed over the weight of all; below the threshold of a node its score is missing.
    Source: METHOD.md section 5.
    """
    score = dict(leaf_scores)
    coverage = {leaf: np.asarray(observed[leaf], dtype=np.float64) for leaf in tree.leaves}
    spread: dict[str, Floats] = {}
    refused: dict[str, NDArray[np.bool_]] = {}
    for leaf in tree.leaves:
        score[leaf] = np.where(coverage[leaf] < thresholds.get(leaf, 0.0) - 1e-12, np.nan, score[leaf])
    for node in tree.upwards:
        children = tree.children[node]
        below = np.stack([score[child] for child in children], axis=-1)
        weights = np.array([tree.weight[child] for child in children])
        shares = np.array([tree.share[child] for child in children])
        covered = np.stack([coverage[child] for child in children], axis=-1)
        coverage[node] = (covered * shares).sum(axis=-1)
        spread[node] = spread_weights(below, weights)
        refused[node] = np.asarray(((spread[node] > 0) & ~allowed(below, steps[node])).any(axis=-1))
        whole = aggregate(below, weights, steps[node])
        score[node] = np.where(coverage[node] < thresholds.get(node, 0.0) - 1e-12, np.nan, whole)
    return NodeScores(score, coverage, spread, refused)


def effective_weights(tree: Tree, scores: NodeScores) -> dict[str, Floats]:
    """Weight (periods, areas) that each node had in the score of the root: spread weights multiplied down the
    path.

    They sum to 1 over the leaves; 0 for what did not enter, NaN where the root has no score.
    """
    weight = {tree.root: np.where(np.isnan(scores.score[tree.root]), np.nan, 1.0)}
    for node in reversed(tree.upwards):
        for place, child in enumerate(tree.children[node]):
            weight[child] = weight[node] * scores.spread[node][..., place]
    return weight
