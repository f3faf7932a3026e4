"""Put children together into their parent: means, outranking, penalised means, closeness to an ideal.

Not here: where nominal weights come from (weigh), weights that every area chooses for itself (doubt), index numbers
over time (index_number), coverage thresholds (score).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Mask
from pipelines.index.statistics import total
from warehouse.catalogue.method.aggregate import Copeland, Mean, Penalised, PositiveMean, PowerMean, Topsis
from warehouse.rounding import round_significant

Step = Mean | PositiveMean | PowerMean | Copeland | Penalised | Topsis
TOLERANCE = 1e-12


class _Children(NamedTuple):
    """Scores (..., children), where they are present and allowed (None: everywhere), weights that broadcast to them."""

    scores: Floats
    usable: Mask | None
    weights: Floats


def aggregate(scores: Floats, weights: Floats, step: Step) -> Floats:
    """Aggregate the last axis.

    In: scores (..., areas, children) or, for means, (..., children), NaN missing; weights that broadcast to them, not
    negative, of any scale; Copeland wants the same weights for all areas of a period. Axes before periods and areas are
    runs: scores and weights broadcast against each other child by child, so that an axis that only one of them has
    costs the size of the result, not times the children.
    Out: (..., areas); missing where no child with a weight is present, where a child with a weight is not `allowed`,
    and where the method has no number (children of mean 0 that differ under mpi and ampi, areas that are all alike
    under topsis).
    Source: METHOD.md section 5.
    """
    scores = np.asarray(scores, dtype=np.float64)
    weights = np.asarray(weights, dtype=np.float64)
    weights = np.broadcast_to(weights, (*weights.shape[:-1], scores.shape[-1]))
    usable = ~np.isnan(scores)
    refused = None
    if _is_limited(step):
        fine = allowed(scores, step)
        refused = _refused(~fine, weights)
        usable &= fine
    with np.errstate(all="ignore"):
        result = _METHODS[step.method](_Children(scores, None if usable.all() else usable, weights), step)
    return np.asarray(result if refused is None else np.where(refused, np.nan, result))


def allowed(scores: Floats, step: Step) -> Mask:
    """Where a present child may enter: above 0 for geometric and harmonic (unless a floor is stated) and for power
    means of a negative power; not below 0 for power means of a fraction."""
    if not _is_limited(step):
        return np.ones(scores.shape, dtype=bool)
    if isinstance(step, PowerMean) and step.p > 0:
        return ~(scores < 0)
    return ~(scores <= 0)


def floored(scores: Floats, step: Step) -> Floats:
    """Scores as geometric and harmonic means see them: not below the stated floor."""
    floor = step.floor if isinstance(step, PositiveMean) else None
    return scores if floor is None else np.maximum(scores, floor)


def spread_weights(scores: Floats, weights: Floats) -> Floats:
    """Rescale weights to sum 1 over the children present.

    In: scores (..., children), weights that broadcast to them. Out: (..., children), 0 for a missing child, all 0 where
    no child with a weight is present.
    """
    present = np.where(np.isnan(scores), 0.0, weights)
    whole = np.zeros(present.shape[:-1])
    for child in range(present.shape[-1]):
        whole += present[..., child]
    return present / np.where(whole > 0, whole, 1.0)[..., None]


def _is_limited(step: Step) -> bool:
    """Whether there are numbers that the method does not allow."""
    if isinstance(step, PowerMean):
        return step.p < 0 or step.p % 1 != 0
    return isinstance(step, PositiveMean) and step.floor is None


def _refused(bad: Mask, weights: Floats) -> Mask | None:
    """Where a child that is not allowed has a weight."""
    found = None
    for child in range(bad.shape[-1]):
        if bad[..., child].any():
            here = bad[..., child] & (weights[..., child] > 0)
            found = here if found is None else found | here
    return found


def _weighted_sum(values: Floats, weights: Floats) -> Floats:
    """sum w v over the children: (...), with one array of that shape beside it. One by one in their order, so that no
    digit depends on the layout of an array."""
    shape = np.broadcast_shapes(values.shape[:-1], weights.shape[:-1])
    result, term = np.zeros(shape), np.empty(shape)
    for child in range(values.shape[-1]):
        target = term if child else result
        np.multiply(weights[..., child], values[..., child], out=target)
        if child:
            result += term
    return result


def _whole(children: _Children) -> Floats:
    """Sum of the weights of the children that are usable: (...), or less where it is the same for all."""
    whole = np.zeros(children.weights.shape[:-1])
    for child in range(children.weights.shape[-1]):
        weight = children.weights[..., child]
        here = None if children.usable is None else children.usable[..., child]
        whole = whole + (weight if here is None or here.all() else weight * here)
    return whole


def _mean(children: _Children, values: Floats) -> Floats:
    """sum w v / sum w over the usable children; NaN where they have no weight."""
    if children.usable is not None:
        values = np.where(children.usable, values, 0.0)
    result = _weighted_sum(values, children.weights)
    result /= _whole(children)
    return result


def _arithmetic(children: _Children, step: Mean) -> Floats:
    return _mean(children, children.scores)


def _geometric(children: _Children, step: PositiveMean) -> Floats:
    result = _mean(children, np.log(floored(children.scores, step)))
    return np.exp(result, out=result)


def _harmonic(children: _Children, step: PositiveMean) -> Floats:
    return 1.0 / _mean(children, 1.0 / floored(children.scores, step))


def _power_mean(children: _Children, step: PowerMean) -> Floats:
    """(sum w y^p)^(1/p), a negative sum of an odd power keeping its sign. Scores are measured in the largest of the
    cell (the smallest for a negative power), so that no power leaves the range of a double."""
    size = np.abs(children.scores if children.usable is None else np.where(children.usable, children.scores, np.nan))
    unit = np.full(size.shape[:-1], np.nan)
    for child in range(size.shape[-1]):
        unit = (np.fmax if step.p > 0 else np.fmin)(unit, size[..., child])
    unit = np.where(unit > 0, unit, 1.0)
    result = _mean(children, (children.scores / unit[..., None]) ** step.p)
    sign = np.sign(result) if step.p % 2 == 1 else 1.0
    return unit * sign * np.abs(result) ** (1.0 / step.p)


def _median(children: _Children, step: Mean) -> Floats:
    """The smallest y with at least half the weight at or below it; on an exact half the mean with the next one that has
    a weight."""
    key = children.scores if children.usable is None else np.where(children.usable, children.scores, np.inf)
    order = np.argsort(key, axis=-1, kind="stable")
    ordered = np.take_along_axis(key, order, axis=-1)
    shape = np.broadcast_shapes(key.shape, children.weights.shape)
    weights = np.broadcast_to(children.weights, shape)
    half = 0.5 * _whole(children)
    below = np.zeros(shape[:-1])
    low, high = np.full(shape[:-1], np.nan), np.full(shape[:-1], np.nan)
    for place in range(shape[-1]):
        at = np.broadcast_to(order[..., place : place + 1], (*shape[:-1], 1))
        below += np.take_along_axis(weights, at, axis=-1)[..., 0]
        y = np.broadcast_to(ordered[..., place], shape[:-1])
        np.copyto(low, y, where=np.isnan(low) & (below >= half * (1 - TOLERANCE)))
        np.copyto(high, y, where=np.isnan(high) & (below > half * (1 + TOLERANCE)))
    return np.where(half > 0, (low + high) / 2, np.nan)


def _min(children: _Children, step: Mean) -> Floats:
    shape = np.broadcast_shapes(children.scores.shape[:-1], children.weights.shape[:-1])
    result = np.full(shape, np.nan)
    for child in range(children.scores.shape[-1]):
        counts = children.weights[..., child] > 0
        np.fmin(result, children.scores[..., child], out=result, where=np.broadcast_to(counts, shape))
    return result


def _penalised(children: _Children, step: Penalised) -> Floats:
    """M -/+ s^2/M with M = sum w y and s^2 = n/(n - ddof) sum w (y - M)^2, w spread over the n children that are
    present and have a weight: for equal weights the variance with n - ddof. A single child, and children that are all
    equal, have no penalty. Meant for scores above 0: with M below 0 the penalty turns its sign.

    Source: METHOD.md section 5; Mazziotta and Pareto (2013, 2016), who have equal weights.
    """
    ddof = step.ddof if step.ddof is not None else {"mpi": 1, "ampi": 0}[step.method]
    mean = _mean(children, children.scores)
    squares = np.zeros(mean.shape)
    n = np.zeros(mean.shape)
    for child in range(children.scores.shape[-1]):
        y, w = children.scores[..., child], children.weights[..., child]
        here = True if children.usable is None else children.usable[..., child]
        n += here & (w > 0)
        squares += np.where(here, w * (y - mean) ** 2, 0.0)
    variance = squares / _whole(children)
    if ddof:
        variance *= np.where(n > ddof, n / np.maximum(n - ddof, 1), 0.0)
    penalty = np.where(variance == 0, 0.0, variance / mean)
    result = mean - penalty if step.penalty == "minus" else mean + penalty
    return np.where(np.isinf(result), np.nan, result)


def _copeland(children: _Children, step: Copeland) -> Floats:
    """Number of areas of the period that an area beats minus number that beat it. With d = sum w sign(y_i - y_j) and W
    the sum of the weights, both over the children that the two have, o_ij = 0.5 + d/(2 W). Scores that agree in 12
    significant digits are ties."""
    y = np.ascontiguousarray(np.moveaxis(round_significant(children.scores), -1, 0))
    w = np.moveaxis(children.weights, -1, 0)
    has_gaps = children.usable is not None
    whole = _whole(children)
    result = np.zeros(np.broadcast_shapes(y.shape[1:], w.shape[1:]))
    areas = y.shape[-1]
    for area in range(areas - 1):
        ahead = np.zeros((*result.shape[:-1], areas - area - 1))
        common = np.zeros_like(ahead) if has_gaps else whole
        for score, weight in zip(y, w, strict=True):
            mine, others = score[..., area : area + 1], score[..., area + 1 :]
            ahead += weight * ((mine > others).view(np.int8) - (mine < others).view(np.int8))
            if has_gaps:
                common += weight * ~(np.isnan(mine) | np.isnan(others))
        win = np.sign(np.where(np.abs(ahead) > 2 * TOLERANCE * common, ahead, 0.0))
        result[..., area] += win.sum(axis=-1)
        result[..., area + 1 :] -= win
    return np.where(whole > 0, result, np.nan)


def _topsis(children: _Children, step: Topsis) -> Floats:
    """Closeness d-/(d- + d+), distances over the children present: spreading the weights of the missing ones would
    lengthen both distances alike. Columns have length one over the scope; one that is constant there (to 12 digits)
    adds nothing to either distance."""
    y = children.scores
    cells = (-3, -2) if step.over == "all" and y.ndim > 2 else (-2,)
    squares = y * y
    for axis in reversed(cells):
        squares = np.expand_dims(total(squares, axis), axis)
    scaled = y / np.sqrt(np.where(squares > 0, squares, 1.0))
    best, worst = np.fmax.reduce(scaled, axis=cells, keepdims=True), np.fmin.reduce(scaled, axis=cells, keepdims=True)
    varies = best - worst > TOLERANCE * np.maximum(np.abs(best), np.abs(worst))
    counts = varies & ~np.isnan(y)
    near, far = np.where(counts, scaled - best, 0.0), np.where(counts, scaled - worst, 0.0)
    squared = children.weights**2
    to_best, to_worst = np.sqrt(_weighted_sum(near**2, squared)), np.sqrt(_weighted_sum(far**2, squared))
    return to_worst / (to_worst + to_best)


_METHODS: dict[str, Callable[[_Children, Any], Floats]] = {
    "arithmetic": _arithmetic,
    "geometric": _geometric,
    "harmonic": _harmonic,
    "power_mean": _power_mean,
    "median": _median,
    "min": _min,
    "mpi": _penalised,
    "ampi": _penalised,
    "copeland": _copeland,
    "topsis": _topsis,
}
