"""Weights of the children of one node: given, equal, from the data (entropy, CRITIC, PCA) or from comparisons (AHP).

Not here: weights spread over the children present (aggregate); weights that every area chooses for itself (doubt).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipelines.index.principal import correlation, eigen, principal
from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Parameters, is_per_period, scope_cells
from pipelines.index.statistics import count, deviation, highest, lowest, total
from warehouse.catalogue.method.weight import AhpWeights, CriticWeights, EntropyWeights, PcaWeights
from warehouse.errors import IndexhouseError
from warehouse.rounding import round_significant

RANDOM_INDEX = (0.0, 0.0, 0.58, 0.90, 1.12, 1.24, 1.32, 1.41, 1.45, 1.49, 1.51, 1.48, 1.56, 1.57, 1.59)
"""Consistency index of random matrices of 1, 2, ... items. Source: Saaty (1980), The Analytic Hierarchy Process."""
SMALL = 1e-12


class Weights(NamedTuple):
    """Weights (1, 1, children) or, where each period has its own, (periods, 1, children), summing to 1; and the numbers
    behind them: name -> (1 or periods, children), or (1 or periods, 1) for one number of the node."""

    weights: Floats
    parameters: Parameters


class _Node(NamedTuple):
    scores: Floats
    cells: Cells
    names: Sequence[str]
    given: Floats


def weigh(scores: Floats, step: Any, cells: Cells, names: Sequence[str], given: Floats) -> Weights:
    """Set the weights of the children of one node.

    In: scores (periods, areas, children), a higher one better, NaN missing; ids of the children; their weights as given
    (children,), not negative. Estimates skip missing values. Their weights are rounded to 12 significant digits, and
    so are the scores before, so that rounding noise is no variation; given and equal weights are exact quotients.
    Raises: IndexhouseError where the method has no weights for these children; it names them, not the node.
    Source: METHOD.md section 4.
    """
    return _METHODS[step.method](_Node(scores, cells, names, np.asarray(given, dtype=np.float64)), step)


def _given(node: _Node, step: Any) -> Weights:
    whole = sum(node.given.tolist())
    if not whole > 0:
        raise IndexhouseError(f"the weights of {_listed(node.names)} are all 0; give one of them a weight above 0")
    return Weights((node.given / whole)[None, None, :], {})


def _equal(node: _Node, step: Any) -> Weights:
    n = len(node.names)
    return Weights(np.full((1, 1, n), 1.0 / n), {})


def _entropy(node: _Node, step: EntropyWeights) -> Weights:
    """w ~ 1 - e with e = -sum p ln p / ln n, p the share of a cell in its child's min-max 0-1 scores plus epsilon.

    A child that is constant over the scope, or has one value there, has e = 1 and weight 0; without a value it has no e
    and weight 0. All of them so: equal weights.
    """
    unit, varies = _unit_scores(_blocks(node, step.scope))
    n = count(unit, 1)
    p = (unit + step.epsilon) / np.expand_dims(total(unit + step.epsilon, 1), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        entropy = -total(p * np.log(p), 1) / np.log(n)
    entropy = np.where(varies, np.minimum(entropy, 1.0), np.where(n > 0, 1.0, np.nan))
    return Weights(_rescaled(np.where(varies, 1.0 - entropy, 0.0)), {"entropy": entropy})


def _critic(node: _Node, step: CriticWeights) -> Weights:
    """w ~ sd * sum of (1 - r) over the siblings, on min-max 0-1 scores, sd with n - 1, r over the cells that have both.

    A child that is constant over the scope has weight 0; where r does not exist (a constant sibling, fewer than two
    cells in common) the sibling adds nothing, so a constant sibling changes nothing. Where no child is in conflict with
    another (one child, or all correlated perfectly) those that vary count the same; where none varies, all do.
    """
    unit, varies = _unit_scores(_blocks(node, step.scope))
    conflict = np.zeros(varies.shape)
    for block, rows in enumerate(unit):
        opposed = 1.0 - correlation(rows)
        opposed = np.where(np.abs(opposed) < SMALL, 0.0, opposed)
        conflict[block] = total(opposed)
    sd = np.where(varies, deviation(unit, 1), 0.0)
    raw = sd * conflict
    raw = np.where((raw.max(axis=1, initial=0.0) > 0)[:, None], raw, varies)
    present = np.isfinite(lowest(unit, 1))
    return Weights(
        _rescaled(raw), {"score_sd": np.where(present, sd, np.nan), "conflict": np.where(present, conflict, np.nan)}
    )


def _pca(node: _Node, step: PcaWeights) -> Weights:
    """w ~ loadings (elements of the eigenvector of length one, not squared) of the first component of the scaled
    children, over the cells that have all children; `explained_share` is its eigenvalue over the number of children.

    A child that is constant there has no loading and weight 0. A scope without any value, or without a child that
    varies, gives equal weights.
    """
    blocks = _blocks(node, step.scope)
    loading = np.full((len(blocks), len(node.names)), np.nan)
    explained = np.full((len(blocks), 1), np.nan)
    for block, rows in enumerate(blocks):
        place = f" in {node.cells.periods[block]}" if is_per_period(step.scope) else ""
        if not np.isnan(rows).all():
            loading[block], explained[block] = _first_component(rows, node.names, place)
        below = [name for name, value in zip(node.names, loading[block], strict=True) if value < 0]
        if below and step.negative == "error":
            shown = loading[block][list(node.names).index(below[0])]
            raise IndexhouseError(
                f"PCA weights of {_listed(node.names)}: the loading of '{below[0]}' is {shown:.4g}{place}, a weight is "
                "not negative; turn its direction, leave it out, choose other weights, or write negative: zero"
            )
    used = np.where(loading > 0, loading, 0.0)
    return Weights(_rescaled(used), {"loading": loading, "explained_share": explained})


def _first_component(rows: Floats, names: Sequence[str], place: str) -> tuple[Floats, float]:
    """Loadings (children,) of the first component, NaN for a constant child, and its share of the variance."""
    complete = rows[~np.isnan(rows).any(axis=1)]
    if len(complete) < 2:
        scarce = names[int(np.count_nonzero(np.isnan(rows), axis=0).argmax())]
        raise IndexhouseError(
            f"PCA weights of {_listed(names)}: fewer than two cells{place} have all of them ('{scarce}' has the most "
            "gaps); impute first, leave it out, or choose other weights"
        )
    r = correlation(complete)
    varies = ~np.isnan(r.diagonal())
    loading = np.full(len(names), np.nan)
    if not varies.any():
        return loading, np.nan
    values, vectors = eigen(r[np.ix_(varies, varies)])
    if len(values) > 1 and values[0] - values[1] < 1e-9:
        raise IndexhouseError(
            f"PCA weights of {_listed(names)}: the first two components{place} explain the same, so there is no first "
            "one; choose other weights"
        )
    first = np.rint(vectors[:, 0] * 1e12) / 1e12 + 0.0
    by_name = sorted(zip((name for name, here in zip(names, varies, strict=True) if here), first, strict=True))
    leading = next(value for _, value in by_name if value)
    if abs(total(first)) < 10 * SMALL and leading < 0:
        first = -first + 0.0
    loading[varies] = first
    return loading, float(round_significant(np.array(values[0] / len(values))))


def _ahp(node: _Node, step: AhpWeights) -> Weights:
    """Principal eigenvector of the matrix of comparisons; consistency ratio = (lambda - n)/(n - 1) / random index of n,
    0 for up to two items.

    Comparisons of other children than these are left aside, so that one table may serve several nodes. Where a pair is
    given both ways, the number that is at least 1 counts.
    """
    names, n = node.names, len(node.names)
    matrix = np.ones((n, n))
    for i, one in enumerate(names):
        for j in range(i + 1, n):
            matrix[i, j] = _compared(step, one, names[j])
            matrix[j, i] = 1.0 / matrix[i, j]
    if n > len(RANDOM_INDEX):
        raise IndexhouseError(
            f"AHP weights of {_listed(names)}: there is no random index for {n} items, only for up to "
            f"{len(RANDOM_INDEX)}; group them into pillars"
        )
    largest, vector = principal(matrix)
    largest = float(round_significant(np.array(largest)))
    ratio = max(0.0, (largest - n) / (n - 1) / RANDOM_INDEX[n - 1]) if n > 2 else 0.0
    if ratio > step.max_ratio:
        off = np.abs(np.log(matrix * vector[None, :] / vector[:, None]))
        i, j = divmod(int(np.triu(off).argmax()), n)
        raise IndexhouseError(
            f"AHP weights of {_listed(names)}: the consistency ratio is {ratio:.4g}, above {step.max_ratio:g}; revise "
            f"the comparisons, first '{names[i]}' against '{names[j]}' ({matrix[i, j]:.3g}, the weights say "
            f"{vector[i] / vector[j]:.3g}), or raise max_ratio"
        )
    parameters = {
        "principal_eigenvalue": np.array([[largest]]),
        "consistency_ratio": round_significant(np.array([[ratio]])),
    }
    return Weights(_rescaled(vector[None, :]), parameters)


def _compared(step: AhpWeights, one: str, other: str) -> float:
    """How many times `one` counts what `other` counts."""
    there = step.pairs.get(one, {}).get(other)
    back = step.pairs.get(other, {}).get(one)
    if there is not None and (back is None or there >= back):
        return there
    if back is not None:
        return 1.0 / back
    raise IndexhouseError(
        f"AHP weights: '{one}' and '{other}' are not compared; add the pair, pairs: {{{one}: {{{other}: 1}}}} if both "
        "count the same"
    )


def _blocks(node: _Node, scope: Any) -> Floats:
    """The scores of the scope (blocks, cells, children), a block per period for the scope `period`, else one."""
    scores = round_significant(node.scores)
    return scope_cells(scores, scope, node.cells)


def _unit_scores(blocks: Floats) -> tuple[Floats, Mask]:
    """Min-max 0-1 scores of each block, NaN missing, and which children (blocks, children) are not constant; those that
    are get 0."""
    low, high = lowest(blocks, 1), highest(blocks, 1)
    varies = np.asarray(low < high)
    spread = np.where(varies, high - low, 1.0)
    return (blocks - np.expand_dims(low, 1)) / np.expand_dims(spread, 1), varies


def _rescaled(raw: Floats) -> Floats:
    """Weights (blocks, 1, children) summing to 1 in each block from (blocks, children), equal where all are 0."""
    whole = np.zeros((len(raw), 1))
    for child in range(raw.shape[1]):
        whole += raw[:, child : child + 1]
    weights = np.where(whole > 0, raw / np.where(whole > 0, whole, 1.0), 1.0 / raw.shape[1])
    return round_significant(weights)[:, None, :]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:8]) + (", ..." if len(names) > 8 else "")


_METHODS: dict[str, Callable[[_Node, Any], Weights]] = {
    "given": _given,
    "equal": _equal,
    "entropy": _entropy,
    "critic": _critic,
    "ahp": _ahp,
    "pca": _pca,
}
