"""The work of the engine as somebody would write it in a script: plain NumPy and SciPy, for one purpose each.

What the engine is timed against, so nothing of it is imported. Not here: inputs and clocks (method_cases).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Level = Sequence[tuple[Places, Floats]]
"""The nodes of one level: of each the positions of its children in the level below, and their weights."""
PERCENTS = (5, 50, 95)


# The panel: (periods, areas, indicators), NaN missing


def skewness_and_kurtosis(x: Floats) -> tuple[float, float]:
    """Bias-corrected skewness and excess kurtosis of one series without gaps."""
    n = len(x)
    d = x - x.mean()
    square = d * d
    second, third, fourth = square.mean(), (square * d).mean(), (square * square).mean()
    if second == 0:
        return 0.0, 0.0
    skewness = np.sqrt(n * (n - 1)) / (n - 2) * third / second**1.5
    kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * fourth / second**2 - 3 * (n - 1))
    return float(skewness), float(kurtosis)


def treat(values: Floats, most: int = 5) -> Floats:
    """Winsorise each indicator that is skewed and peaked, at most so many points; else its logarithm."""
    result = values.copy()
    for i in range(values.shape[-1]):
        column = result[:, :, i]
        present = ~np.isnan(column)
        x = column[present]
        skewness, kurtosis = skewness_and_kurtosis(x)
        if abs(skewness) < 2 or kurtosis < 3.5:
            continue
        w, moved = x.copy(), 0
        while abs(skewness) >= 2 and kurtosis >= 3.5 and moved < most:
            at = w == (w.max() if skewness > 0 else w.min())
            w[at] = w[~at].max() if skewness > 0 else w[~at].min()
            moved = int(np.count_nonzero(w != x))
            skewness, kurtosis = skewness_and_kurtosis(w)
        if abs(skewness) >= 2 and kurtosis >= 3.5:
            w = np.log(x - x.min() + 0.01 * (x.max() - x.min()))
        column[present] = w
    return result


def min_max(values: Floats, directions: Places, lower: float = 0.0, upper: float = 100.0) -> Floats:
    """Scale each indicator over all cells; turn those of which less is better."""
    low, high = np.nanmin(values, axis=(0, 1)), np.nanmax(values, axis=(0, 1))
    way = (values - low) / (high - low)
    return lower + (upper - lower) * np.where(directions > 0, way, 1 - way)


def z_scores(values: Floats, directions: Places, mean: float, sd: float) -> Floats:
    """Standardise each indicator over all cells; turn those of which less is better."""
    centre, spread = np.nanmean(values, axis=(0, 1)), np.nanstd(values, axis=(0, 1), ddof=1)
    return mean + sd * directions * (values - centre) / spread


def fill_linear(values: Floats) -> Floats:
    """Fill gaps on the line between their neighbours in time; hold the ends."""
    result = values.copy()
    time = np.arange(len(values))
    for area in range(values.shape[1]):
        for i in range(values.shape[2]):
            series = result[:, area, i]
            gap = np.isnan(series)
            if gap.any() and not gap.all():
                series[gap] = np.interp(time[gap], time[~gap], series[~gap])
    return result


def carry_forward(values: Floats) -> Floats:
    """Fill gaps with the last value before them."""
    place = np.where(np.isnan(values), 0, np.arange(len(values))[:, None, None])
    return np.take_along_axis(values, np.maximum.accumulate(place, axis=0), axis=0)


def climb(scores: Floats, levels: Sequence[Level]) -> list[Floats]:
    """Weighted means over the children present, level by level: the scores of each level (..., nodes)."""
    found = []
    for level in levels:
        nodes = []
        for children, weights in level:
            below = scores[..., children]
            present = ~np.isnan(below)
            nodes.append((np.where(present, below, 0.0) * weights).sum(axis=-1) / (present * weights).sum(axis=-1))
        scores = np.stack(nodes, axis=-1)
        found.append(scores)
    return found


def score_panel(values: Floats, directions: Places, levels: Sequence[Level], fill: str = "") -> list[Floats]:
    """Fill (linear, carry), treat, min-max, and all levels above the indicators."""
    if fill:
        values = {"linear": fill_linear, "carry": carry_forward}[fill](values)
    return climb(min_max(treat(values), directions), levels)


# Monte Carlo and Sobol indices over the choices of the method, without gaps


class Draws(NamedTuple):
    """What each run chooses: which prepared scores and whether geometric means (runs,); by level and node the weights
    of the children (runs, children)."""

    prepared: Places
    is_geometric: Places
    weights: Sequence[Sequence[Floats]]


def run_all(prepared: Sequence[Floats], levels: Sequence[Level], draws: Draws) -> Floats:
    """Score the index once for each run: prepared scores (areas, indicators) each, out (runs, areas)."""
    runs = len(draws.prepared)
    scores = np.empty((runs, len(prepared[0])))
    for run in range(runs):
        y = prepared[draws.prepared[run]]
        for level, drawn in zip(levels, draws.weights, strict=True):
            above = np.empty((len(y), len(level)))
            for node, (children, _) in enumerate(level):
                w = drawn[node][run]
                w = w / w.sum()
                below = y[:, children]
                above[:, node] = np.exp(np.log(below) @ w) if draws.is_geometric[run] else below @ w
            y = above
        scores[run] = y[:, 0]
    return scores


def ranks_of(scores: Floats) -> Floats:
    """1 for the highest of each run: (runs, areas)."""
    return ((-scores).argsort(axis=-1).argsort(axis=-1) + 1).astype(np.float64)


def monte_carlo(prepared: Sequence[Floats], levels: Sequence[Level], draws: Draws) -> tuple[Floats, Floats]:
    """Quantiles of scores and ranks over the runs: (percents, areas) each."""
    scores = run_all(prepared, levels, draws)
    return np.percentile(scores, PERCENTS, axis=0), np.percentile(ranks_of(scores), PERCENTS, axis=0)


def sobol(
    prepared: Sequence[Floats],
    levels: Sequence[Level],
    draws: Draws,
    base: Floats,
    factors: int,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """First and total order of each factor on the mean change of rank against `base` (areas,), and the 5 % and 95 %
    of both over resamples (2, 2, factors). The runs: A, B, and A with the column of each factor from B."""
    ranks = ranks_of(run_all(prepared, levels, draws))
    y = np.abs(ranks - ranks_of(base)).mean(axis=-1).reshape(factors + 2, -1)

    def indices(y: Floats) -> tuple[Floats, Floats]:
        a, b = y[0], y[1]
        both = np.concatenate([a, b])
        variance, centre = both.var(ddof=1), both.mean()
        first = np.array([((b - centre) * (mixed - a)).mean() / variance for mixed in y[2:]])
        total = np.array([((a - mixed) ** 2).mean() / (2 * variance) for mixed in y[2:]])
        return first, total

    first, total = indices(y)
    again = np.array([indices(y[:, rng.integers(0, y.shape[1], y.shape[1])]) for _ in range(resamples)])
    return first, total, np.percentile(again, (5, 95), axis=0)


# Benefit of the doubt, growth


def benefit_of_the_doubt(rows: Floats, low: float, high: float) -> Floats:
    """One linear program an area: rows (areas, children) above 0; each child's share between low and high."""
    from scipy.optimize import linprog

    areas, children = rows.shape
    scores = np.empty(areas)
    for area, y in enumerate(rows):
        own = np.diag(y)
        limits = np.concatenate([rows, low * y - own, own - high * y])
        bounds = np.concatenate([np.ones(areas), np.zeros(2 * children)])
        scores[area] = -linprog(-y, A_ub=limits, b_ub=bounds, method="highs").fun
    return scores


def growth(series: Mapping[str, tuple[Floats, Floats]]) -> dict[str, tuple[float, float]]:
    """By series of (years, values), without gaps and above 0: compound rate and trend, in per cent a year."""
    found = {}
    for name, (years, values) in series.items():
        rate = 100 * ((values[-1] / values[0]) ** (1 / (years[-1] - years[0])) - 1)
        slope = np.polyfit(years - years[0], np.log(values), 1)[0]
        found[name] = (float(rate), float(100 * np.expm1(slope)))
    return found
