"""Fill missing values of one indicator, and say from which periods each filled value comes.

Not here: a weight spread over the children present (aggregate), which is no imputation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method import Carry, Constant, CrossSection, Linear, NoImputation

Places = NDArray[np.int64]


class Filled(NamedTuple):
    """Values (periods, areas) and, for each filled cell, the positions of the periods before and after
    that it comes from; -1 where a cell was not filled or has no such period."""

    values: Floats
    before: Places
    after: Places


def impute(values: Floats, step: NoImputation | Carry | Linear | CrossSection | Constant) -> Filled:
    """Fill the missing values of one indicator by one step.

    In: (periods, areas), periods in time order, NaN missing. Out: the same shape; present values are never
    touched; where the step has nothing to go by, the cell stays missing.
    Source: METHOD.md section 2.
    """
    return _STEPS[type(step)](values, step)


def _nothing(values: Floats, step: NoImputation) -> Filled:
    none = np.full(values.shape, -1, dtype=np.int64)
    return Filled(values, none, none)


def last_present(present: NDArray[np.bool_]) -> Places:
    """Position along axis 0 of the nearest True at or before each cell; -1 where there is none."""
    place = np.where(present, np.arange(len(present))[:, None], -1)
    return np.maximum.accumulate(place, axis=0)


def next_present(present: NDArray[np.bool_]) -> Places:
    """Position along axis 0 of the nearest True at or after each cell; -1 where there is none."""
    n = len(present)
    back = last_present(present[::-1])[::-1]
    return np.where(back >= 0, n - 1 - back, -1)


def _carry(values: Floats, step: Carry) -> Filled:
    present = ~np.isnan(values)
    now = np.arange(len(values))[:, None]
    reach = step.max_age if step.max_age is not None else len(values)
    before, after = last_present(present), next_present(present)
    before = np.where((before >= 0) & (now - before <= reach) & ~present, before, -1)
    after = np.where((after >= 0) & (after - now <= reach) & ~present, after, -1)
    if step.direction == "forward":
        after = np.full_like(after, -1)
    elif step.direction == "back":
        before = np.full_like(before, -1)
    else:
        after = np.where(before >= 0, -1, after)
    source = np.maximum(before, after)
    taken = np.take_along_axis(values, np.maximum(source, 0), axis=0)
    return Filled(np.where(source >= 0, taken, values), before, after)


def _linear(values: Floats, step: Linear) -> Filled:
    present = ~np.isnan(values)
    now = np.arange(len(values))[:, None]
    before = np.where(present, -1, last_present(present))
    after = np.where(present, -1, next_present(present))
    inside = (before >= 0) & (after >= 0)
    low = np.take_along_axis(values, np.maximum(before, 0), axis=0)
    high = np.take_along_axis(values, np.maximum(after, 0), axis=0)
    with np.errstate(invalid="ignore"):
        line = low + (high - low) * ((now - before) / np.where(inside, after - before, 1))
    filled = np.where(inside, line, values)
    if step.ends == "hold":
        filled = np.where(~present & (before >= 0) & (after < 0), low, filled)
        filled = np.where(~present & (after >= 0) & (before < 0), high, filled)
    else:
        before, after = np.where(inside, before, -1), np.where(inside, after, -1)
    return Filled(filled, before, after)


def _cross_section(values: Floats, step: CrossSection) -> Filled:
    present = ~np.isnan(values)
    ordered = np.sort(values, axis=1)  # NaN last, and the sum does not depend on the order of areas
    count = present.sum(axis=1)
    if step.statistic == "mean":
        centre = np.where(np.isnan(ordered), 0.0, ordered).sum(axis=1) / np.maximum(count, 1)
    else:
        upper = np.take_along_axis(ordered, (np.maximum(count, 1) // 2)[:, None].clip(max=values.shape[1] - 1), 1)
        lower = np.take_along_axis(ordered, ((np.maximum(count, 1) - 1) // 2)[:, None], 1)
        centre = (np.where((count % 2 == 1)[:, None], lower, (lower + upper) / 2))[:, 0]
    fillable = ~present & (count > 0)[:, None]
    here = np.where(fillable, np.arange(len(values))[:, None], -1)
    return Filled(np.where(fillable, centre[:, None], values), here, here)


def _constant(values: Floats, step: Constant) -> Filled:
    none = np.full(values.shape, -1, dtype=np.int64)
    return Filled(np.where(np.isnan(values), step.value, values), none, none)


_STEPS: dict[type, Callable[[Floats, Any], Filled]] = {
    NoImputation: _nothing,
    Carry: _carry,
    Linear: _linear,
    CrossSection: _cross_section,
    Constant: _constant,
}
