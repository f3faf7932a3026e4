"""Whether the parts of an index belong together: correlations, Cronbach's alpha, components, weight against importance.

Not here: eigenvalues and Pearson's matrix (principal), which cells are looked at, frames and warnings (robust).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.principal import correlation, eigen
from pipelines.index.rank import Floats
from pipelines.index.statistics import total
from pipelines.index.tree import Tree
from warehouse.catalogue.method.robustness import Coherence
from warehouse.rounding import round_significant

WEIGHT_GAP = 2.0  # how many times the weight a share of the variance may be, or the other way round
NOISE = 1e-12  # relative: no more than rounding
Whole = NDArray[np.int64]


class Row(NamedTuple):
    """One measure of a node, held against another node ('' where it needs none); None: cannot be computed, or nothing
    remarkable."""

    node_id: str
    other_node_id: str
    measure: str
    measure_value: float | None
    flag: str | None


def cohere(tree: Tree, scores: Mapping[str, Floats], limits: Coherence, weights: Mapping[str, float]) -> list[Row]:
    """Measure how the parts of an index hang together.

    In: scores of all nodes (cells), NaN missing, all over the same cells (areas of a period, or of all); `weights` of
    the leaves in the index, as a share of 1, NaN where there is none. Out, over the cells that both have:

    - each node but the root against its parent: pearson (flag `negative` below 0, else `weak`), spearman, kendall;
    against the other nodes of the parent's level: pearson;
    - siblings two by two, the first by id in front: pearson (`redundant`, `negative`);
    - an inner node with two children or more, over their scores: cronbach_alpha (`low_alpha`), explained_variance of
    their first principal component (largest eigenvalue of the correlations over their number), and
    eigenvalues_above_one, the number of components that weigh more than one child;
    - each leaf: effective_weight, and variance_share: its squared correlation with the index over the sum of all
    those of leaves with a weight (`weight_gap` where it is more than twice the weight, or less than half).

    The order of cells changes no digit.
    Source: METHOD.md section 8; variance share: Becker, Saisana, Paruolo and Vandecasteele (2017), linear case.
    """
    nodes = sorted(scores)
    place = {node: i for i, node in enumerate(nodes)}
    columns = round_significant(np.stack([scores[node] for node in nodes], axis=1))
    pearson_of = correlation(columns)

    def row(node: str, other: str, measure: str, value: float, flag: str | None = None) -> Row:
        return Row(node, other, measure, None if np.isnan(value) else float(value), flag)

    def pearson(one: str, other: str) -> float:
        return float(pearson_of[place[one], place[other]])

    below = [node for node in nodes if node != tree.root]
    own = [place[node] for node in below]
    parents = [place[tree.parent[node]] for node in below]
    by_rank = spearman(columns[:, own], columns[:, parents])
    in_pairs = kendall(columns[:, own], columns[:, parents])
    rows: list[Row] = []
    for i, node in enumerate(below):
        parent = tree.parent[node]
        r = pearson(node, parent)
        flag = "negative" if r < 0 else "weak" if r < limits.weak else None
        rows.append(row(node, parent, "pearson", r, flag))
        rows.append(row(node, parent, "spearman", by_rank[i]))
        rows.append(row(node, parent, "kendall", in_pairs[i]))
        rows += [row(node, other, "pearson", pearson(node, other)) for other in _other_parents(tree, node)]
    for node, children in sorted(tree.children.items()):
        for one, other in combinations(children, 2):
            r = pearson(one, other)
            flag = "redundant" if r > limits.redundant else "negative" if r < 0 else None
            rows.append(row(one, other, "pearson", r, flag))
        if len(children) > 1:
            chosen = [place[child] for child in children]
            alpha = cronbach_alpha(columns[:, chosen])
            rows.append(row(node, "", "cronbach_alpha", alpha, "low_alpha" if alpha < limits.alpha else None))
            explained, above = components(pearson_of[np.ix_(chosen, chosen)])
            rows.append(row(node, "", "explained_variance", explained))
            rows.append(row(node, "", "eigenvalues_above_one", above))
    rows += _importance(tree.leaves, {leaf: pearson(leaf, tree.root) for leaf in tree.leaves}, weights)
    return _rounded(rows)


def _other_parents(tree: Tree, node: str) -> Iterator[str]:
    """Inner nodes of the parent's level but the parent itself, sorted by id."""
    parent = tree.parent[node]
    return (other for other in sorted(tree.children) if tree.level[other] == tree.level[parent] and other != parent)


def _importance(leaves: Iterable[str], with_index: Mapping[str, float], weights: Mapping[str, float]) -> Iterator[Row]:
    squares = {leaf: r * r for leaf, r in with_index.items() if weights[leaf] > 0 and not np.isnan(r)}
    whole = float(total(np.array(list(squares.values()))))
    for leaf in leaves:
        weight = weights[leaf]
        yield Row(leaf, "", "effective_weight", None if np.isnan(weight) else weight, None)
        share = squares[leaf] / whole if leaf in squares and whole > 0 else None
        is_off = share is not None and not weight / WEIGHT_GAP <= share <= weight * WEIGHT_GAP
        yield Row(leaf, "", "variance_share", share, "weight_gap" if is_off else None)


def _rounded(rows: list[Row]) -> list[Row]:
    values = np.array([np.nan if row.measure_value is None else row.measure_value for row in rows])
    found = round_significant(values).tolist()
    return [
        row if row.measure_value is None else row._replace(measure_value=value)
        for row, value in zip(rows, found, strict=True)
    ]


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman's rank correlation of columns of x with the same columns of y.

    In: (rows, k) each, NaN missing; each pair over the rows that have both. Out: (k,), NaN for fewer than two rows and
    where one of the two is constant. Ties have the mean of their ranks. Exact in whole numbers up to the last division,
    so that the order of rows changes no digit.
    Source: Pearson's correlation of ranks.
    """
    a, b, n = _paired(x, y)
    last = n[:, None] + 1
    present = np.arange(a.shape[1]) < n[:, None]
    # twice the mean rank less its mean is a whole number
    p = np.where(present, _twice_mean_rank(a) - last, 0)
    q = np.where(present, _twice_mean_rank(b) - last, 0)
    return _ratio((p * q).sum(axis=1), (p * p).sum(axis=1), (q * q).sum(axis=1))


def kendall(x: Floats, y: Floats) -> Floats:
    """Kendall's tau-b of columns of x with the same columns of y.

    In: (rows, k) each, NaN missing; each pair over the rows that have both. Out: (k,), NaN for fewer than two rows and
    where one of the two is constant. Exact in whole numbers up to the last division.
    Source: Kendall (1945); discordant pairs counted as inversions in n log n steps, as in Knight (1966).
    """
    a, b, n = _paired(x, y)
    first, second = _dense(a), _dense(b)
    size = a.shape[1]
    order = np.argsort(first * (size + 1) + second, axis=1, kind="stable")
    discordant = _inversions(np.take_along_axis(second, order, axis=1))
    pairs = n * (n - 1) // 2
    tied_first, tied_second = _tied_pairs(first, n), _tied_pairs(second, n)
    tied_both = _tied_pairs(first * (size + 1) + second, n)
    surplus = pairs - tied_first - tied_second + tied_both - 2 * discordant
    return _ratio(surplus, pairs - tied_first, pairs - tied_second)


def _ratio(above: Whole, one: Whole, other: Whole) -> Floats:
    """above / sqrt(one other), from -1 to 1; NaN where one of them is 0."""
    is_fine = (one > 0) & (other > 0)
    below = np.sqrt(np.where(is_fine, one, 1).astype(float)) * np.sqrt(np.where(is_fine, other, 1).astype(float))
    return np.where(is_fine, np.clip(above / below, -1.0, 1.0), np.nan)


def _paired(x: Floats, y: Floats) -> tuple[Floats, Floats, Whole]:
    """Columns as rows (k, rows), infinite where one of the pair is missing and those last; and how many are not."""
    both = (~np.isnan(x) & ~np.isnan(y)).T
    order = np.argsort(~both, axis=1, kind="stable")
    a = np.take_along_axis(np.where(both, x.T, np.inf), order, axis=1)
    b = np.take_along_axis(np.where(both, y.T, np.inf), order, axis=1)
    return a, b, np.count_nonzero(both, axis=1)


def _runs(values: Floats | Whole) -> tuple[Whole, Whole, Whole]:
    """Order of the values of each row, and by place in that order the first and the last place of an equal value."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    size = values.shape[1]
    place = np.broadcast_to(np.arange(size), values.shape)
    is_new = np.ones((len(values), size + 1), dtype=bool)
    is_new[:, 1:-1] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(is_new[:, :-1], place, 0), axis=1)
    last = np.minimum.accumulate(np.where(is_new[:, 1:], place, size)[:, ::-1], axis=1)[:, ::-1]
    return order, first, last


def _twice_mean_rank(values: Floats) -> Whole:
    order, first, last = _runs(values)
    ranks = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, first + last + 2, axis=1)
    return ranks


def _dense(values: Floats) -> Whole:
    """Number of smaller values in the row: equal values have equal numbers."""
    order, first, _ = _runs(values)
    ranks = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, first, axis=1)
    return ranks


def _tied_pairs(values: Whole, n: Whole) -> Whole:
    """Pairs of equal values among the first n of each row; those after them are larger than these."""
    _, first, _ = _runs(values)
    before = np.arange(values.shape[1]) - first
    return np.where(np.arange(values.shape[1]) < n[:, None], before, 0).sum(axis=1)


def _inversions(values: Whole) -> Whole:
    """Pairs of each row that stand in descending order.

    In: (k, rows), from 0 to rows. Two numbers differ first in one binary digit: digit by digit, among those that agree
    in all higher digits, count for each 0 the 1s that stand before it.
    """
    found = np.zeros(len(values), dtype=np.int64)
    rows = np.arange(len(values))[:, None]
    for digit in range(int(values.max(initial=0)).bit_length()):
        order = np.argsort(values >> (digit + 1), axis=1, kind="stable")
        ordered = np.take_along_axis(values, order, axis=1)
        is_one = (ordered >> digit) & 1
        ones = np.cumsum(is_one, axis=1) - is_one
        group = ordered >> (digit + 1)
        starts = np.zeros(values.shape, dtype=np.int64)
        starts[:, 1:] = np.where(group[:, 1:] != group[:, :-1], np.arange(1, values.shape[1]), 0)
        before = ones - ones[rows, np.maximum.accumulate(starts, axis=1)]
        found += np.where(is_one == 0, before, 0).sum(axis=1)
    return found


def cronbach_alpha(columns: Floats) -> float:
    """Cronbach's alpha k^2 (mean covariance of two different columns)/(sum of all covariances).

    In: (rows, k), NaN missing; each covariance (n - 1) over the rows that have both. Out: NaN for one column, where a
    pair has fewer than two rows, and where the covariances do not sum above 0 (beyond rounding).
    Source: METHOD.md section 8; Cronbach (1951).
    """
    k = columns.shape[1]
    one, other = np.triu_indices(k)
    found = _covariances(columns[:, one], columns[:, other])
    if k < 2 or np.isnan(found).any():
        return float("nan")
    apart = 2.0 * float(total(found[one != other]))
    whole = apart + float(total(found[one == other]))
    if whole <= NOISE * float(total(np.abs(found))):
        return float("nan")
    return k * apart / (k - 1) / whole


def _covariances(x: Floats, y: Floats) -> Floats:
    """Covariances (k,) with n - 1 of columns of x (rows, k) with those of y over the rows that have both; NaN for fewer
    than two."""
    both = ~np.isnan(x) & ~np.isnan(y)
    n = np.count_nonzero(both, axis=0)
    dx, dy = (each - total(np.where(both, each, 0.0)) / np.maximum(n, 1) for each in (x, y))
    return np.where(n > 1, total(np.where(both, dx * dy, 0.0)) / np.maximum(n - 1, 1), np.nan)


def components(correlations: Floats) -> tuple[float, float]:
    """Share of the variance that the first principal component explains, and the number of eigenvalues above 1.

    In: correlations (k, k). Out: NaN where one of them is.
    Source: Handbook on Constructing Composite Indicators, step 4; Kaiser's criterion (1960).
    """
    if np.isnan(correlations).any():
        return float("nan"), float("nan")
    values = eigen(correlations).values
    return float(values[0]) / len(values), float(np.count_nonzero(values > 1.0 + NOISE))
