"""Split the change of an index over the nodes of its tree, exactly.

Not here: growth of one series (growth), shares of the level of a score (weights times scores).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from pipelines.index.aggregate import Step, aggregate, floored
from pipelines.index.rank import Floats
from pipelines.index.score import NodeScores
from pipelines.index.tree import Tree
from warehouse.catalogue.method import Geometric

SHAPLEY_CHILDREN = 10


def contribute(
    tree: Tree, scores: NodeScores, steps: Mapping[str, Step], published: Floats | None = None
) -> dict[str, Floats]:
    """Contributions of every node to the change of the root from the period before.

    In: scores (periods, areas) of all nodes with the spread weights. Out: by node (periods - 1, areas), NaN
    where the root has no score in either period. The children of a node sum to the node, the indicators to
    the root's change; a change of weight (a child that appears or goes missing) is part of it.
    With `published`, the rounded scores of the root, the sums are those of its changes: what rounding took away is
    spread over the indicators by effective weight.
    Source: METHOD.md section 7. The term of a child splits into its own change, which goes down the tree with
    a multiplier, and its change of weight, which goes to its indicators by their effective weight.
    """
    root = scores.score[tree.root]
    both = ~np.isnan(root[1:]) & ~np.isnan(root[:-1])
    change = root[1:] - root[:-1]
    shown = change if published is None else published[1:] - published[:-1]
    result = {tree.root: np.where(both, shown, np.nan)}
    multiplier = {tree.root: both.astype(np.float64)}
    residual = {tree.root: np.where(both, shown - change, 0.0)}
    for node in reversed(tree.upwards):
        y, w = _two_periods(tree, scores, node)
        parent = scores.score[node]
        terms = _change_at(node, tree, steps[node], y, w, (parent[:-1], parent[1:]))
        share = _mean_present(w, (~np.isnan(parent[:-1]), ~np.isnan(parent[1:])))
        for place, child in enumerate(tree.children[node]):
            total, own = (part[..., place] for part in terms)
            down = residual[node] * share[..., place]
            result[child] = np.where(both, multiplier[node] * total + down, np.nan)
            multiplier[child] = multiplier[node] * own
            moved = _zero(y[1][..., place] - y[0][..., place])
            residual[child] = multiplier[node] * (total - own * moved) + down
    return result


Pair = tuple[Floats, Floats]


def _two_periods(tree: Tree, scores: NodeScores, node: str) -> tuple[Pair, Pair]:
    """Scores and spread weights (periods - 1, areas, children) of the period before and of the period."""
    y = np.stack([scores.score[child] for child in tree.children[node]], axis=-1)
    w = scores.spread[node]
    return (y[:-1], y[1:]), (w[:-1], w[1:])


def _change_at(node: str, tree: Tree, step: Step, y: Pair, w: Pair, parent: Pair) -> Pair:
    """Total term of each child of one node, and the multiplier of its own change (0 where it was missing
    once)."""
    if step.method == "arithmetic":
        total, own = _weighted(y, w, (parent[0] + parent[1]) / 2)
    elif isinstance(step, Geometric):
        total, own = _logarithmic(y, w, parent, step)
    else:
        total, own = _by_replacement(np.array([tree.weight[c] for c in tree.children[node]]), step, y, parent)
    here = ~np.isnan(parent[0]) & ~np.isnan(parent[1])
    return np.where(here[..., None], total, 0.0), np.where(here[..., None], own, 0.0)


def _weighted(y: Pair, w: Pair, level: Floats) -> Pair:
    """w1 y1 - w0 y0 - S (w1 - w0), missing terms 0; the multiplier is the mean weight."""
    stayed = ~np.isnan(y[0]) & ~np.isnan(y[1])
    total = w[1] * _zero(y[1]) - w[0] * _zero(y[0]) - level[..., None] * (w[1] - w[0])
    return total, np.where(stayed, (w[0] + w[1]) / 2, 0.0)


def _logarithmic(y: Pair, w: Pair, parent: Pair, step: Geometric) -> Pair:
    """The same with logarithms, times the logarithmic mean of the two parent scores."""
    with np.errstate(all="ignore"):
        seen = (floored(y[0], step), floored(y[1], step))
        logs = tuple(np.where(each > 0, np.log(each), np.nan) for each in seen)
        total, mean_weight = _weighted((logs[0], logs[1]), w, (np.log(parent[0]) + np.log(parent[1])) / 2)
        scale = logarithmic_mean(parent[0], parent[1])[..., None]
        own = np.where(mean_weight > 0, mean_weight * scale / logarithmic_mean(*seen), 0.0)
    return total * scale, _zero(own)


def logarithmic_mean(a: Floats, b: Floats) -> Floats:
    """(b - a)/(ln b - ln a), a where both are equal; both above 0."""
    growth = (b - a) / a
    with np.errstate(all="ignore"):
        return a * np.where(growth == 0, 1.0, growth / np.log1p(growth))


def _by_replacement(weights: Floats, step: Step, y: Pair, parent: Pair) -> Pair:
    """Move the children one by one from the period before to the period, and average over the orders: all
    of them (Shapley) up to ten children, else the order of node ids and its reverse. A combination in
    which no child has a score counts as the mean of the two parent scores. The multiplier is term / own
    change, which stays bounded because the term is 0 when the child does not change."""
    n = len(weights)

    def value(moved: int) -> Floats:
        chosen = np.array([bool(moved >> place & 1) for place in range(n)])
        whole = aggregate(np.where(chosen, y[1], y[0]), weights, step)
        return np.where(np.isnan(whole), (parent[0] + parent[1]) / 2, whole)

    total = _shapley(n, value) if n <= SHAPLEY_CHILDREN else _both_orders(n, value)
    moved = y[1] - y[0]
    scale = np.maximum(np.abs(_zero(y[0])), np.abs(_zero(y[1])))
    usable = np.abs(_zero(moved)) > 1e-12 * scale
    return total, np.where(usable, total / np.where(usable, moved, 1.0), 0.0)


def _shapley(n: int, value: Callable[[int], Floats]) -> Floats:
    values = [value(moved) for moved in range(1 << n)]
    factor = [1.0 / n]
    for size in range(1, n):
        factor.append(factor[-1] * size / (n - size))
    terms = []
    for place in range(n):
        bit = 1 << place
        without = [moved for moved in range(1 << n) if not moved & bit]
        terms.append(sum(factor[moved.bit_count()] * (values[moved | bit] - values[moved]) for moved in without))
    return np.stack(terms, axis=-1)


def _both_orders(n: int, value: Callable[[int], Floats]) -> Floats:
    full = (1 << n) - 1
    forward = [value((1 << done) - 1) for done in range(n + 1)]
    backward = [value(full & ~((1 << place) - 1)) for place in range(n, -1, -1)]
    ahead = [after - before for before, after in pairwise(forward)]
    behind = [after - before for before, after in pairwise(backward)][::-1]
    return np.stack([(a + b) / 2 for a, b in zip(ahead, behind, strict=True)], axis=-1)


def _mean_present(w: Pair, present: tuple[np.ndarray, np.ndarray]) -> Floats:
    """Mean of the two weight vectors over the periods in which the node has a score."""
    first, second = (mask[..., None].astype(np.float64) for mask in present)
    return (w[0] * first + w[1] * second) / np.maximum(first + second, 1.0)


def _zero(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)
