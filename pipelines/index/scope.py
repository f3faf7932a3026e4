"""Over which cells a parameter is estimated, and statistics over them: whole panel, each period, or a frozen reference.

Not here: what is done with the parameters (normalise, treat, weight); what the YAML may say
(warehouse.catalogue.method.scope).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method.scope import PeriodScope, ReferenceScope

Mask = NDArray[np.bool_]
Parameters = dict[str, Floats]
"""Name of a parameter -> (1, indicators) or, where each period has its own, (periods, indicators); NaN: there is
none."""
Notes = dict[str, Mask]
"""What happened to cells, or why they have no value -> mask (periods, areas, indicators)."""


class Cells(NamedTuple):
    """What the rows and columns of a panel are: periods in time order, areas, the base period of the index, and the
    group number of each area (-1: none)."""

    periods: Sequence[str]
    areas: Sequence[str]
    base_period: str | None = None
    groups: Sequence[int] | None = None


def scope_mask(scope: object, cells: Cells) -> Mask:
    """Which cells (periods, areas) the parameters of a scope are estimated on; all True for `all` and `period`."""
    mask = np.ones((len(cells.periods), len(cells.areas)), dtype=bool)
    if isinstance(scope, ReferenceScope):
        if scope.periods:
            mask &= np.isin(cells.periods, scope.periods)[:, None]
        if scope.areas:
            mask &= np.isin(cells.areas, scope.areas)[None, :]
    return mask


def samples(values: Floats, scope: object, cells: Cells, excluded: Mask | None = None) -> Floats:
    """The values that a scope's parameters rest on, in ascending order.

    In: (periods, areas, indicators), NaN missing; `excluded` cells count as missing. Out: (blocks, size, indicators), a
    block per period for the scope `period`, else one; sorted along `size`, missing last, so that no sum over them
    depends on the order of areas.
    """
    return np.sort(_chosen(values, scope, cells, excluded), axis=1)


def extremes(values: Floats, scope: object, cells: Cells, excluded: Mask | None = None) -> tuple[Floats, Floats]:
    """Smallest and largest of the values that a scope's parameters rest on, without sorting them.

    In: as `samples`. Out: two of (blocks, indicators), NaN where there is no value; never minus zero, whose place among
    zeros would depend on the order of areas.
    """
    chosen = _chosen(values, scope, cells, excluded)
    return (
        np.fmin.reduce(chosen, axis=1, initial=np.nan) + 0.0,
        np.fmax.reduce(chosen, axis=1, initial=np.nan) + 0.0,
    )


def _chosen(values: Floats, scope: object, cells: Cells, excluded: Mask | None) -> Floats:
    """The cells of a scope as (blocks, size, indicators), in the order of the panel, NaN missing or excluded."""
    chosen = values
    if isinstance(scope, ReferenceScope):
        mask = scope_mask(scope, cells)
        chosen = values[mask][None]
        excluded = excluded[mask][None] if excluded is not None else None
    if excluded is not None:
        chosen = np.where(excluded, np.nan, chosen)
    if not isinstance(scope, PeriodScope):
        chosen = chosen.reshape(1, chosen.shape[0] * chosen.shape[1], values.shape[-1])
    return chosen


def is_per_period(scope: object) -> bool:
    """Whether every period has parameters of its own."""
    return isinstance(scope, PeriodScope)


def count(ordered: Floats) -> NDArray[np.int64]:
    """Number of values present in each block of `samples`: (blocks, indicators)."""
    return np.count_nonzero(~np.isnan(ordered), axis=1)


Statistic = Callable[[Floats], Floats]


def total(ordered: Floats) -> Floats:
    """Sum of each block of `samples`, missing as 0: (blocks, indicators).

    Neighbours are added in pairs, then pairs of pairs, and so on: rounding stays small, and neither further indicators
    beside an indicator nor missing values after its last one change a bit of it. NumPy's own sum promises neither.
    """
    parts = np.where(np.isnan(ordered), 0.0, ordered)
    size = parts.shape[1]
    if not size:
        return np.zeros((len(parts), parts.shape[2]))
    step = 1
    while step < size:
        parts[:, : size - step : 2 * step] += parts[:, step :: 2 * step]
        step *= 2
    return parts[:, 0].copy()


def lowest(ordered: Floats) -> Floats:
    """Smallest value of each block of `samples`: (blocks, indicators), NaN where there is none."""
    if not ordered.shape[1]:
        return np.full((len(ordered), ordered.shape[2]), np.nan)
    return ordered[:, 0] + 0.0


def highest(ordered: Floats) -> Floats:
    """Largest value of each block of `samples`: (blocks, indicators), NaN where there is none."""
    if not ordered.shape[1]:
        return np.full((len(ordered), ordered.shape[2]), np.nan)
    last = np.maximum(count(ordered) - 1, 0)
    return np.take_along_axis(ordered, last[:, None, :], axis=1)[:, 0] + 0.0


def mean(ordered: Floats) -> Floats:
    """Mean of each block of `samples`: (blocks, indicators), NaN where there is no value; exact for equal values."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        centre = total(ordered) / count(ordered)
    return np.where(is_constant(ordered), lowest(ordered), centre)


def is_constant(ordered: Floats) -> Mask:
    """Where all values present are equal (one value included): (blocks, indicators)."""
    return np.asarray(lowest(ordered) == highest(ordered))


def deviation(ordered: Floats, ddof: int = 1, centre: Floats | None = None) -> Floats:
    """Standard deviation of each block of `samples`: (blocks, indicators); 0 for equal values (no noise from rounding),
    NaN for fewer than ddof + 1 values. `centre` is their `mean`, where it is known already."""
    n = count(ordered)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        distance = ordered - (mean(ordered) if centre is None else centre)[:, None, :]
        # a power of two changes no digit, and keeps the squares of very large and very small values within range
        exponent = np.maximum(np.frexp(np.fmax(np.abs(lowest(distance)), np.abs(highest(distance))))[1], -1022)
        distance *= np.ldexp(1.0, -exponent)[:, None, :]
        spread = np.ldexp(np.sqrt(total(np.square(distance, out=distance)) / (n - ddof)), exponent)
    spread = np.where(is_constant(ordered), 0.0, spread)
    return np.where(n > ddof, spread, np.nan)
