"""Bring one indicator on a common scale: one function a method, direction turned by the engine.

Not here: over which cells parameters are estimated (`scope_mask` selects them from what the YAML says),
weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method import (
    BaseRatio,
    GivenScope,
    Goalposts,
    MinMax,
    PeriodScope,
    RankScore,
    ReferenceScope,
    ZScore,
)

Statistic = Callable[[Floats], float]


class Normalised(NamedTuple):
    """Scores (periods, areas); parameters as (period position or -1, name, value); why cells with a value
    have no score: note -> mask (periods, areas)."""

    scores: Floats
    parameters: list[tuple[int, str, float]]
    notes: dict[str, NDArray[np.bool_]]


class Cells(NamedTuple):
    """What the rows and columns of the values are, and the base period of the index."""

    periods: Sequence[str]
    areas: Sequence[str]
    base_period: str | None = None


def scope_mask(scope: object, cells: Cells) -> NDArray[np.bool_]:
    """Which cells (periods, areas) the parameters of a scope are estimated on; all True for `all` and
    `period`."""
    mask = np.ones((len(cells.periods), len(cells.areas)), dtype=bool)
    if isinstance(scope, ReferenceScope):
        if scope.periods:
            mask &= np.isin(cells.periods, scope.periods)[:, None]
        if scope.areas:
            mask &= np.isin(cells.areas, scope.areas)[None, :]
    return mask


def normalise(
    values: Floats, direction: int, step: MinMax | ZScore | BaseRatio | Goalposts | RankScore, cells: Cells
) -> Normalised:
    """Score one indicator.

    In: (periods, areas) on the natural scale, NaN missing; direction 1 (more is better) or -1.
    Out: scores of the same shape; a cell without a value, or where the method's condition fails, has none.
    Source: METHOD.md section 3.
    """
    return _STEPS[type(step)](values, direction, step, cells)


def _min_max(values: Floats, direction: int, step: MinMax, cells: Cells) -> Normalised:
    """l + (u - l)(x - min)/(max - min), or (max - x) for less-is-better. No score where max = min."""
    if isinstance(step.scope, GivenScope):
        low, high = _rows(values, step.scope.values["min"]), _rows(values, step.scope.values["max"])
    else:
        low, high = (
            _per_scope(values, cells, step.scope, _lowest),
            _per_scope(values, cells, step.scope, _highest),
        )
    span = high - low
    usable = span > 0
    distance = values - low if direction > 0 else high - values
    scores = step.lower + (step.upper - step.lower) * (distance / np.where(usable, span, np.nan))
    named = _parameters(step.scope, (("min", low), ("max", high)))
    return Normalised(scores, named, _without(values, usable, span))


def _z_score(values: Floats, direction: int, step: ZScore, cells: Cells) -> Normalised:
    """m + s (x - mean)/sd with n-1, or m - s (...) for less-is-better. No score where sd = 0."""
    if isinstance(step.scope, GivenScope):
        mean, sd = _rows(values, step.scope.values["mean"]), _rows(values, step.scope.values["sd"])
    else:
        mean, sd = (
            _per_scope(values, cells, step.scope, _mean),
            _per_scope(values, cells, step.scope, _deviation),
        )
    usable = sd > 0
    scores = step.mean + direction * step.sd * ((values - mean) / np.where(usable, sd, np.nan))
    return Normalised(scores, _parameters(step.scope, (("mean", mean), ("sd", sd))), _without(values, usable, sd))


def _base_ratio(values: Floats, direction: int, step: BaseRatio, cells: Cells) -> Normalised:
    """value x_t/x_base of the same area; value x_base/x_t for less-is-better. Base and, upside down, x_t
    above 0."""
    base_period = step.period or cells.base_period
    place = cells.periods.index(base_period) if base_period in cells.periods else None
    base = values[place] if place is not None else np.full(values.shape[1], np.nan)
    usable = np.broadcast_to(base > 0, values.shape) & (values > 0 if direction < 0 else True)
    safe = np.where(base > 0, base, np.nan)
    ratio = values / safe if direction > 0 else safe / np.where(values > 0, values, np.nan)
    present = ~np.isnan(values)
    notes = {
        f"no value in the base period {base_period}": present & np.isnan(base),
        f"value of the base period {base_period} is not above 0": present & ~np.isnan(base) & ~(base > 0),
        "value is not above 0": present & (base > 0) & ~usable,
    }
    named = [(-1, f"base_value {area}", float(x)) for area, x in zip(cells.areas, base, strict=True) if not np.isnan(x)]
    return Normalised(step.value * ratio, named, notes)


def _goalposts(values: Floats, direction: int, step: Goalposts, cells: Cells) -> Normalised:
    """scale (x - low)/(high - low), or (high - x) for less-is-better; with `log` the logarithm of all
    three."""
    low, high, x = step.low, step.high, values
    notes: dict[str, NDArray[np.bool_]] = {}
    if step.log:
        bad = ~np.isnan(values) & ~(values > 0)
        notes["value is not above 0, so it has no logarithm"] = bad
        x = np.log(np.where(values > 0, values, np.nan))
        low, high = float(np.log(low)), float(np.log(high))
    scores = step.scale * ((x - low if direction > 0 else high - x) / (high - low))
    if step.cap:
        scores = np.clip(scores, 0.0, step.scale)
    return Normalised(scores, [(-1, "low", step.low), (-1, "high", step.high)], notes)


def _rank(values: Floats, direction: int, step: RankScore, cells: Cells) -> Normalised:
    """rank: 1 for the worst, ties take the smallest; borda r - 1; percentile_rank (r - 1)/(n - 1), none
    for n = 1."""
    rows = values if step.over == "period" else values.reshape(1, -1)
    ranks = np.full(rows.shape, np.nan)
    notes: dict[str, NDArray[np.bool_]] = {}
    for row, out in zip(rows * direction, ranks, strict=True):
        present = ~np.isnan(row)
        ordered = np.sort(row[present])
        out[present] = np.searchsorted(ordered, row[present], side="left") + 1
        if step.method == "percentile_rank":
            n = len(ordered)
            out[:] = (out - 1) / (n - 1) if n > 1 else np.nan
    if step.method == "borda":
        ranks = ranks - 1
    ranks = ranks.reshape(values.shape)
    notes["only one value to rank"] = ~np.isnan(values) & np.isnan(ranks)
    return Normalised(ranks, [], notes)


def _per_scope(values: Floats, cells: Cells, scope: object, statistic: Statistic) -> Floats:
    """A statistic of the present values of the scope as (periods, 1): of each period, or the same for all."""
    chosen = np.where(scope_mask(scope, cells), values, np.nan)
    if isinstance(scope, PeriodScope):
        return np.array([[statistic(np.sort(row[~np.isnan(row)]))] for row in chosen])
    return _rows(values, statistic(np.sort(chosen[~np.isnan(chosen)])))


def _rows(values: Floats, number: float) -> Floats:
    return np.full((len(values), 1), number)


def _lowest(ordered: Floats) -> float:
    return float(ordered[0]) if len(ordered) else np.nan


def _highest(ordered: Floats) -> float:
    return float(ordered[-1]) if len(ordered) else np.nan


def _mean(ordered: Floats) -> float:
    return float(ordered.sum() / len(ordered)) if len(ordered) else np.nan


def _deviation(ordered: Floats) -> float:
    """Standard deviation with n-1; 0 for equal values (no noise from rounding), missing below two values."""
    if len(ordered) < 2:
        return np.nan
    if ordered[0] == ordered[-1]:
        return 0.0
    return float(np.sqrt(((ordered - _mean(ordered)) ** 2).sum() / (len(ordered) - 1)))


def _parameters(scope: object, named: Sequence[tuple[str, Floats]]) -> list[tuple[int, str, float]]:
    rows = range(len(named[0][1])) if isinstance(scope, PeriodScope) else (-1,)
    return [
        (row, name, float(values[max(row, 0), 0]))
        for row in rows
        for name, values in named
        if not np.isnan(values[max(row, 0), 0])
    ]


def _without(values: Floats, usable: NDArray[np.bool_], spread: Floats) -> dict[str, NDArray[np.bool_]]:
    present = ~np.isnan(values)
    return {
        "constant indicator": present & (spread <= 0),
        "too few values to scale by": present & ~usable & np.isnan(spread),
    }


_STEPS: dict[type, Callable[[Floats, int, Any, Cells], Normalised]] = {
    MinMax: _min_max,
    ZScore: _z_score,
    BaseRatio: _base_ratio,
    Goalposts: _goalposts,
    RankScore: _rank,
}
