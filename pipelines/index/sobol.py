"""Sobol indices: which choice of the method moves the result most, alone and with the others.

Not here: random numbers (draw), runs of an index and how far one moves it (simulate).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from pipelines.index.draw import Choices, Positions, Stream, choice, choose, uniforms, weight_columns
from pipelines.index.rank import Floats
from pipelines.index.simulate import Plan, change_measure, mean_abs_change, run_choices
from pipelines.index.statistics import quantile
from warehouse.catalogue.method.robustness import Uncertainty
from warehouse.rounding import round_significant

INTERVAL = (0.05, 0.95)
TOLERANCE = 1e-10  # relative: results closer than this are equal


class SobolIndices(NamedTuple):
    """Sobol indices with their bootstrap intervals, each (factors,), or (factors, results) for several results; NaN
    where the result does not vary."""

    first_order: Floats
    first_order_low: Floats
    first_order_high: Floats
    total_order: Floats
    total_order_low: Floats
    total_order_high: Floats


class Sensitivities(NamedTuple):
    """The factors that vary, by measure their indices (factors, periods), and how many runs these rest on."""

    factors: tuple[str, ...]
    indices: Mapping[str, SobolIndices]
    runs: int


def samples(seed: int, factors: int, n: int) -> Floats:
    """The inputs of all runs: (n (factors + 2), factors) uniform numbers in [0, 1).

    First the n rows of A, then those of B, then for each factor those of A with this factor's column from B.
    """
    u = uniforms(seed, 0, n, 2 * factors, Stream.SAMPLES)
    a, b = u[:, :factors], u[:, factors:]
    mixed = [np.where(np.arange(factors) == factor, b, a) for factor in range(factors)]
    return np.concatenate([a, b, *mixed])


def sobol(evaluate: Callable[[Floats], Floats], factors: int, n: int, seed: int, bootstrap: int = 0) -> SobolIndices:
    """Estimate Sobol indices of a function of independent uniform numbers.

    In: `evaluate` takes (runs, factors) numbers in [0, 1), for all n (factors + 2) runs at once, and gives (runs,)
    results, or (runs, results); NaN missing. Out: SobolIndices of each result. A sample counts only where all its
    factors + 2 runs have the result. The interval is the 5 % and 95 % quantile (type 7) over resamples of the
    samples, each with its own centre and variance; NaN without resamples.
    Source: METHOD.md section 8: first order Saltelli et al. (2010), table 2 (b); total order Jansen (1999).
    """
    results = np.asarray(evaluate(samples(seed, factors, n)))
    many = results.reshape(factors + 2, n, -1)
    shape = (factors, *results.shape[1:])
    columns = [_with_interval(many[:, :, i], seed, bootstrap) for i in range(many.shape[-1])]
    return SobolIndices(*(np.stack(each, axis=-1).reshape(shape) for each in zip(*columns, strict=True)))


def _with_interval(y: Floats, seed: int, bootstrap: int) -> tuple[Floats, ...]:
    """Indices of one result and their intervals, each (factors,), from runs (factors + 2, n)."""
    y = np.ascontiguousarray(y[:, ~np.isnan(y).any(axis=0)])
    factors, n = len(y) - 2, y.shape[1]
    first, total = estimate(y)
    ends = np.full((4, factors), np.nan)
    if bootstrap and n:
        found = np.empty((2, factors, bootstrap))
        step = max(1, 2**18 // y.size)
        for start in range(0, bootstrap, step):
            count = min(step, bootstrap - start)
            drawn = choice(uniforms(seed, start, count, n, Stream.RESAMPLES), n)
            found[:, :, start : start + count] = estimate(y[:, drawn])
        ends[:2], ends[2:] = quantile(found[0], INTERVAL, axis=-1), quantile(found[1], INTERVAL, axis=-1)
    low_first, high_first, low_total, high_total = ends
    return tuple(round_significant(each) for each in (first, low_first, high_first, total, low_total, high_total))


def estimate(y: Floats) -> tuple[Floats, Floats]:
    """First and total order indices of finished runs.

    In: (factors + 2, ..., n): yA, yB, and yAB of each factor; nothing missing. Out: two arrays (factors, ...):
    mean(yB (yAB - yA))/V and mean((yA - yAB)^2)/(2 V), y less the mean of yA and yB together, V their variance (n -
    1); NaN where that is 0, or no more than rounding.
    Source: METHOD.md section 8.
    """
    if y.shape[-1] == 0:
        none = np.full((len(y) - 2, *y.shape[1:-1]), np.nan)
        return none, none
    both = np.concatenate([y[0], y[1]], axis=-1)
    centre = both.mean(axis=-1, keepdims=True)
    a, b, mixed = y[0] - centre, y[1] - centre, y[2:] - centre
    variance = ((both - centre) ** 2).sum(axis=-1) / (both.shape[-1] - 1)
    low, high = both.min(axis=-1), both.max(axis=-1)
    varies = high - low > TOLERANCE * np.maximum(np.abs(low), np.abs(high))
    divisor = np.where(varies, variance, 1.0)
    first = (b * (mixed - a)).mean(axis=-1) / divisor
    total = ((a - mixed) ** 2).mean(axis=-1) / (2 * divisor)
    return np.where(varies, first, np.nan), np.where(varies, total, np.nan)


def sensitivity(
    uncertainty: Uncertainty, plan: Plan, area: int | None = None, threads: int | None = None
) -> Sensitivities:
    """Sobol indices of the choices of an index, by period.

    In: `uncertainty` with its `sensitivity`; `area`, the position of the area whose score is watched too. The results
    are the mean absolute change of rank against the published one (of the score for an index of one area), and for
    `area` the absolute change of its score. One number per factor: a discrete choice takes equal slices, weights is
    one of the drawn sets, leaving out is none or one of the leaves.
    Raises ValueError without `sensitivity`.
    Source: METHOD.md section 8.
    """
    if uncertainty.sensitivity is None:
        raise ValueError("'uncertainty.sensitivity' is missing; give it, with the number of samples")
    factors = uncertainty.factors()
    n = uncertainty.sensitivity.samples
    periods, areas = plan.base[plan.root].shape
    watched = {change_measure(areas): slice(None)}
    if area is not None:
        watched["mean_abs_score_change"] = slice(area, area + 1)
    columns = weight_columns(uncertainty, plan.shares)
    sets = uniforms(uncertainty.seed, 0, uncertainty.sensitivity.weight_sets, columns, Stream.WEIGHT_SETS)

    def evaluate(u: Floats) -> Floats:
        position, drawn = chosen(uncertainty, plan, u)
        runs, back = np.unique(np.column_stack([position, drawn]), axis=0, return_inverse=True)
        moved = np.empty((len(runs), len(watched), periods))

        def write(rows: Positions, at: int, scores: Mapping[str, Floats]) -> None:
            found = scores[plan.root].reshape(-1, periods, areas)
            for i, part in enumerate(watched.values()):
                moved[rows, i] = mean_abs_change(found[:, :, part], plan.base[plan.root][:, part])

        with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
            choices = Choices(runs[:, :-1], sets[runs[:, -1]])
            run_choices(uncertainty.weights, plan, choices, write, pool)
        return moved[back.reshape(-1)]

    found = sobol(evaluate, len(factors), n, uncertainty.seed, uncertainty.sensitivity.bootstrap)
    indices = {measure: SobolIndices(*(each[:, i] for each in found)) for i, measure in enumerate(watched)}
    return Sensitivities(factors, indices, n * (len(factors) + 2))


def chosen(uncertainty: Uncertainty, plan: Plan, u: Floats) -> tuple[Positions, Positions]:
    """What runs choose: (runs, 5) positions as in Choices, and (runs,) the number of the set of weights, 0 where
    weights do not vary. In: (runs, factors), the factors in the order of `Uncertainty.factors`."""
    by_factor = dict(zip(uncertainty.factors(), u.T, strict=True))
    position = choose(uncertainty, plan.leaves, by_factor, len(u))
    if uncertainty.weights is None or uncertainty.sensitivity is None:
        return position, np.zeros(len(u), dtype=np.int64)
    return position, choice(by_factor["weights"], uncertainty.sensitivity.weight_sets)
