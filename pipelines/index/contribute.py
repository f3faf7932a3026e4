"""Split the change of an index over the nodes of its tree, exactly.

Not here: the ways to split the change of one function (split), the terms of index numbers (index_number), growth of one
series (growth), shares of the level of a score (weights times scores).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.index.aggregate import Step, aggregate, floored
from pipelines.index.rank import Floats
from pipelines.index.scope import Mask
from pipelines.index.score import NodeScores
from pipelines.index.split import by_replacement, logarithmic_mean
from pipelines.index.statistics import total
from pipelines.index.tree import Tree
from warehouse.catalogue.method.aggregate import (
    BenefitOfTheDoubt,
    Chain,
    Copeland,
    Penalised,
    PositiveMean,
    PriceIndex,
    Topsis,
)

STEEP = 1e3  # penalised means so many times their children, and means that follow one so steeply, are rounding noise


def contribute(
    tree: Tree, scores: NodeScores, steps: Mapping[str, Any], published: Floats | None = None
) -> dict[str, Floats]:
    """Contributions of every node to the change of the root from the period before.

    In: scores (periods, areas) of all nodes, with nominal and spread weights, and the terms of index numbers; by inner
    node its aggregation. Out: by node (periods - 1, areas), NaN where the root has no score in either period. The
    children of a node sum to the node, the indicators to the root's change; a change of weight (a child that appears or
    goes missing, weights estimated anew in each period) is part of it.
    With `published`, the rounded scores of the root, the sums are those of its changes: what rounding took away is
    spread over the indicators by effective weight.
    Source: METHOD.md section 7. The term of a child splits into its own change, which goes down the tree with
    a multiplier, and the rest (its change of weight, what other areas did to an outranking), which goes to its
    indicators by their effective weight.
    """
    root = scores.score[tree.root]
    both = ~np.isnan(root[1:]) & ~np.isnan(root[:-1])
    change = root[1:] - root[:-1]
    shown = change if published is None else published[1:] - published[:-1]
    result = {tree.root: np.where(both, shown, np.nan)}
    multiplier = {tree.root: both.astype(np.float64)}
    residual = {tree.root: np.where(both, shown - change, 0.0)}
    for node in reversed(tree.upwards):
        y = np.stack([scores.score[child] for child in tree.children[node]], axis=-1)
        whole, own = _change_at(node, scores, steps[node], y)
        share = _mean_share(scores.spread[node], ~np.isnan(scores.score[node]))
        for place, child in enumerate(tree.children[node]):
            down = residual[node] * share[..., place]
            result[child] = np.where(both, multiplier[node] * whole[..., place] + down, np.nan)
            multiplier[child] = multiplier[node] * own[..., place]
            moved = _zero(y[1:, :, place] - y[:-1, :, place])
            residual[child] = multiplier[node] * (whole[..., place] - own[..., place] * moved) + down
    return result


Pair = tuple[Floats, Floats]
"""Of the period before and of the period; or total terms and multipliers: (periods - 1, areas, children)."""


def _change_at(node: str, scores: NodeScores, step: Any, y: Floats) -> Pair:
    """Total term of each child of one node, and the multiplier of its own change (0 where it was missing once)."""
    score = scores.score[node]
    parent, pair = (score[:-1], score[1:]), (y[:-1], y[1:])
    spread = scores.spread[node]
    w = (spread[:-1], spread[1:])
    if isinstance(step, (Chain, PriceIndex)):
        whole = scores.terms[node][1:]
        own = _slope(whole, pair)
    elif isinstance(step, BenefitOfTheDoubt):
        # every area has weights of its own, and the score is their sum w y: no level to measure a weight against
        whole, own = _weighted(pair, w, np.zeros(parent[0].shape))
    elif step.method == "arithmetic":
        whole, own = _weighted(pair, w, (parent[0] + parent[1]) / 2)
    elif step.method == "geometric":
        whole, own = _logarithmic(pair, w, parent, step)
    else:
        whole, own = _replaced(y, scores.weights[node], parent, step)
    here = ~np.isnan(parent[0]) & ~np.isnan(parent[1])
    return np.where(here[..., None], whole, 0.0), np.where(here[..., None], own, 0.0)


def _weighted(y: Pair, w: Pair, level: Floats) -> Pair:
    """w1 y1 - w0 y0 - S (w1 - w0), missing terms 0; the multiplier is the mean weight."""
    stayed = ~np.isnan(y[0]) & ~np.isnan(y[1])
    whole = w[1] * _zero(y[1]) - w[0] * _zero(y[0]) - level[..., None] * (w[1] - w[0])
    return whole, np.where(stayed, (w[0] + w[1]) / 2, 0.0)


def _logarithmic(y: Pair, w: Pair, parent: Pair, step: PositiveMean) -> Pair:
    """The same with logarithms, times the logarithmic mean of the two parent scores."""
    with np.errstate(all="ignore"):
        seen = (floored(y[0], step), floored(y[1], step))
        logs = tuple(np.where(each > 0, np.log(each), np.nan) for each in seen)
        whole, mean_weight = _weighted((logs[0], logs[1]), w, (np.log(parent[0]) + np.log(parent[1])) / 2)
        scale = logarithmic_mean(parent[0], parent[1])[..., None]
        own = np.where(mean_weight > 0, mean_weight * scale / logarithmic_mean(*seen), 0.0)
    return whole * scale, _zero(own)


def _replaced(y: Floats, weights: Floats, parent: Pair, step: Step) -> Pair:
    """Terms by replacement: a child moves from the period before to the period in all areas at once, with its weight. A
    combination in which the node has no score (or, with a mean next to 0 to divide a penalty by, one beyond all
    measure) counts as the mean of the two parent scores.

    The multiplier is term / own change, which stays bounded as the term is 0 when the child does not change; where
    weights change too, it is that of a replacement at the mean weights. Under copeland and topsis the changes of other
    areas are in the term, so nothing is divided: the whole term goes down by effective weight.
    """
    y0, y1 = y[:-1], y[1:]
    w0, w1 = (weights[:-1], weights[1:]) if len(weights) > 1 else (weights, weights)
    largest = np.full(parent[0].shape, np.inf)
    if isinstance(step, Penalised):
        largest = STEEP * np.fmax.reduce(
            [*(np.fmax.reduce(np.abs(each), axis=-1) for each in (y0, y1)), *np.abs(parent)]
        )

    def terms(before: Floats, after: Floats) -> Floats:
        def value(moved: Mask, at: slice) -> Floats:
            chosen = moved[:, None, None, :]
            w = before if len(weights) == 1 else np.where(chosen, after[at], before[at])
            mixed = np.where(chosen, y1[at], y0[at])
            whole = _held(y, mixed, w, step) if _spans_periods(step) else aggregate(mixed, w, step)
            return np.where(np.abs(whole) <= largest[at], whole, (parent[0][at] + parent[1][at]) / 2)

        return by_replacement(value, y0.shape)

    whole = terms(w0, w1)
    if isinstance(step, (Copeland, Topsis)):
        return whole, np.zeros(whole.shape)
    mean = (w0 + w1) / 2
    return whole, _slope(whole if len(weights) == 1 else terms(mean, mean), (y0, y1), STEEP)


def _spans_periods(step: Step) -> bool:
    return isinstance(step, Topsis) and step.over == "all"


def _held(y: Floats, mixed: Floats, weights: Floats, step: Step) -> Floats:
    """Closeness (combinations, steps, areas) of mixed rows to the ideals of the whole panel y.

    Beside the mixed rows, which hold values of the panel only, stand two periods with its best and its worst values: so
    the ideals are those of the panel. That a column has another length than there is taken back by its weight."""
    runs = len(mixed)
    best, worst = (each.reduce(y, axis=(0, 1), keepdims=True) for each in (np.fmax, np.fmin))
    ideals = np.concatenate([np.broadcast_to(each, (runs, 1, *y.shape[1:])) for each in (best, worst)], axis=1)
    beside = np.concatenate([ideals, mixed], axis=1)
    length, here = total(y.reshape(-1, y.shape[-1]) ** 2), total(beside.reshape(runs, -1, y.shape[-1]) ** 2, axis=1)
    stretch = np.sqrt(here / np.where(length > 0, length, 1.0))[:, None, None, :]
    rows = np.broadcast_to(weights, mixed.shape) * stretch
    return aggregate(beside, np.concatenate([np.ones(ideals.shape), rows], axis=1), step)[:, 2:]


def _slope(whole: Floats, y: Pair, most: float = np.inf) -> Floats:
    """Term over own change; 0 for a child that stayed as it was or was missing once, and where it is above `most`: so
    much would make what rounding leaves of the changes below visible."""
    moved = _zero(y[1] - y[0])
    usable = np.abs(moved) > 1e-12 * np.maximum(np.abs(_zero(y[0])), np.abs(_zero(y[1])))
    slope = _zero(whole) / np.where(usable, moved, 1.0)
    return np.where(usable & (np.abs(slope) <= most), slope, 0.0)


def _mean_share(weights: Floats, present: Mask) -> Floats:
    """Mean of the shares (periods - 1, areas, children) of the two periods in which the node has a score, summing to 1;
    even where no child had a weight."""
    w = np.where(present[..., None], weights, 0.0)
    mean = w[:-1] + w[1:]
    whole = np.zeros(mean.shape[:-1])
    for child in range(mean.shape[-1]):
        whole += mean[..., child]
    whole = whole[..., None]
    return np.where(whole > 0, mean / np.where(whole > 0, whole, 1.0), 1 / mean.shape[-1])


def _zero(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)
