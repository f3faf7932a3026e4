"""Fill missing values, and say how and from which periods each filled value comes.

Not here: a weight spread over the children present (aggregate), which is no imputation; formulas (formula).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Notes
from pipelines.index.statistics import highest, lowest, mean, quantile
from warehouse.catalogue.method.prepare import Carry, Constant, CrossSection, Impute, Linear, NoImputation, RowMean

Places = NDArray[np.int64]
NOWHERE = -1


class Filled(NamedTuple):
    """Values; for each filled cell the positions of the periods before and after that it comes from, -1 where a cell
    was not filled or has no such period; notes on filled cells and on those that a step could not fill: each
    (periods, areas, indicators)."""

    values: Floats
    before: Places
    after: Places
    notes: Notes

    def only(self, places: NDArray[np.int64]) -> Filled:
        """The indicators at these places."""
        notes = {text: mask[:, :, places] for text, mask in self.notes.items()}
        return Filled(self.values[:, :, places], self.before[:, :, places], self.after[:, :, places], notes)


class _Data(NamedTuple):
    """What every step gets: values and where they are missing (periods, areas, indicators), group numbers (areas,),
    directions and parents (indicators,)."""

    values: Floats
    missing: Mask
    groups: Places
    directions: NDArray[np.int64]
    parents: NDArray[np.int64]


def impute(
    values: Floats, step: Impute, cells: Cells, directions: NDArray[np.int64], parents: NDArray[np.int64]
) -> Filled:
    """Fill the missing values of all indicators that share one step.

    In: (periods, areas, indicators), periods in time order, NaN missing; directions (indicators,) 1 or -1 and parents
    (indicators,), equal numbers for indicators of one pillar, both for `row_mean` only. Out: the same shape; present
    values are never touched; where the step has nothing to go by, the cell stays missing. The result of a cell does
    not depend on the order of areas or indicators.
    Source: METHOD.md section 2.
    """
    missing = np.isnan(values)
    if isinstance(step, NoImputation) or not missing.any():
        return Filled(values, _nowhere(values), _nowhere(values), {})
    groups = np.full(values.shape[1], NOWHERE) if cells.groups is None else np.asarray(cells.groups, dtype=np.int64)
    return _STEPS[type(step)](_Data(values, missing, groups, np.asarray(directions), np.asarray(parents)), step)


def _nowhere(values: Floats) -> Places:
    return np.full(values.shape, NOWHERE, dtype=np.int64)


# In time


class _Gaps(NamedTuple):
    """The missing cells, flat: position in the panel, own period, nearest periods with a value (-1: none)."""

    cell: Places
    now: Places
    before: Places
    after: Places


def _gaps(data: _Data) -> _Gaps:
    n = len(data.values)
    cell = np.flatnonzero(data.missing)
    count = np.arange(1, n + 1, dtype=np.int32)[:, None, None]
    before = _running_maximum(np.multiply(~data.missing, count, dtype=np.int32)).reshape(-1)[cell]
    left = _running_maximum(np.multiply(~data.missing, count[::-1], dtype=np.int32)[::-1])[::-1].reshape(-1)[cell]
    after = np.where(left > 0, n - left, NOWHERE)
    return _Gaps(cell, cell // data.values[0].size, before.astype(np.int64) - 1, after.astype(np.int64))


def _running_maximum(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """The largest number so far along axis 0, in place: where 0 is 'no value', the nearest period that has one."""
    for place in range(1, len(numbers)):
        np.maximum(numbers[place], numbers[place - 1], out=numbers[place])
    return numbers


def _carry(data: _Data, step: Carry) -> Filled:
    """The nearest value before or after, at most `max_age` periods away; both: the one before where there is one."""
    gaps = _gaps(data)
    reach = step.max_age if step.max_age is not None else len(data.values)
    before = np.where(gaps.now - gaps.before <= reach, gaps.before, NOWHERE)
    after = np.where(gaps.after - gaps.now <= reach, gaps.after, NOWHERE)
    if step.direction == "forward":
        after = np.full_like(after, NOWHERE)
    elif step.direction == "back":
        before = np.full_like(before, NOWHERE)
    else:
        after = np.where(before >= 0, NOWHERE, after)
    taken = _value_at(data, gaps, np.maximum(before, after))
    return _timed(data, gaps, taken, before, after)


def _linear(data: _Data, step: Linear) -> Filled:
    """x_a + (x_b - x_a)(t - a)/(b - a) between the nearest values; beyond them the nearest one, or nothing."""
    gaps = _gaps(data)
    before, after = gaps.before, gaps.after
    inside = (before >= 0) & (after >= 0)
    if step.ends == "leave":
        before, after = np.where(inside, before, NOWHERE), np.where(inside, after, NOWHERE)
    low = _value_at(data, gaps, np.where(before >= 0, before, after))
    high = _value_at(data, gaps, np.where(after >= 0, after, before))
    share = (gaps.now - before) / np.where(inside, after - before, 1)
    return _timed(data, gaps, np.where(inside, low + (high - low) * share, low), before, after)


def _value_at(data: _Data, gaps: _Gaps, period: Places) -> Floats:
    """The value that the area of each gap has in a period; NaN for period -1."""
    size = data.values[0].size
    taken = data.values.reshape(-1)[gaps.cell % size + np.maximum(period, 0) * size]
    return np.where(period >= 0, taken, np.nan)


def _timed(data: _Data, gaps: _Gaps, taken: Floats, before: Places, after: Places) -> Filled:
    """Put what was found for the gaps into their cells."""
    values, places = data.values.copy(), (_nowhere(data.values), _nowhere(data.values))
    values.reshape(-1)[gaps.cell] = taken
    for whole, part in zip(places, (before, after), strict=True):
        whole.reshape(-1)[gaps.cell] = part
    notes: Notes = {}
    for text, is_so in {
        "linear between its neighbours in time": (before >= 0) & (after >= 0),
        "carried forward": (before >= 0) & (after < 0),
        "carried back": (before < 0) & (after >= 0),
    }.items():
        if is_so.any():
            notes[text] = np.zeros(data.values.shape, dtype=bool)
            notes[text].reshape(-1)[gaps.cell] = is_so
    return Filled(values, *places, notes)


# In the period


def _cross_section(data: _Data, step: CrossSection) -> Filled:
    """Mean or median over the areas with a value in the period, all of them or those of the area's group."""
    if step.within == "all":
        return _in_period(data, _centre(data.values, step), {}, f"{step.statistic} of the areas in the period")
    centre = np.full(data.values.shape, np.nan)
    for group in np.unique(data.groups[data.groups >= 0]):
        members = np.flatnonzero(data.groups == group)
        centre[:, members] = _centre(data.values[:, members], step)
    alone = np.broadcast_to((data.groups < 0)[:, None], data.values.shape)
    reasons = {"its area is in no group": alone, "its group has no value in the period": ~alone}
    return _in_period(data, centre, reasons, f"{step.statistic} of the areas of its group in the period")


def _centre(values: Floats, step: CrossSection) -> Floats:
    """Mean or median over the areas: (periods, 1, indicators)."""
    found = mean(values, axis=1) if step.statistic == "mean" else quantile(values, 0.5, axis=1)
    return found[:, None, :]


def _row_mean(data: _Data, step: RowMean) -> Filled:
    """Mean over the indicators of the same parent on min-max 0-1 scores of the whole panel, turned by direction,
    brought back to the indicator's own scale. An indicator without two different values has no such scores: none is
    used or filled."""
    low, high = lowest(data.values, (0, 1)), highest(data.values, (0, 1))
    # 0 is the worst and 1 the best value, so one formula serves both directions
    worst = np.where(data.directions > 0, low, high)
    span = np.where(data.directions > 0, high, low) - worst
    span[span == 0] = np.nan
    scores = (data.values - worst) / span
    centre = np.full(data.values.shape, np.nan)
    for parent in np.unique(data.parents):
        members = np.flatnonzero(data.parents == parent)
        centre[:, :, members] = mean(scores[:, :, members], axis=2)[:, :, None]
    flat = np.broadcast_to(np.isnan(span), data.values.shape)
    reasons = {
        "no two different values to compare it with the indicators beside it": flat,
        "no indicator beside it has a value": ~flat,
    }
    return _in_period(data, worst + centre * span, reasons, "mean of the indicators beside it")


def _in_period(data: _Data, found: Floats, reasons: Notes, text: str) -> Filled:
    """Fill gaps with what was found in the same period; the rest keeps a note on the reason that holds."""
    candidate = np.broadcast_to(found, data.values.shape)
    filled = data.missing & ~np.isnan(candidate)
    now = np.arange(len(data.values))[:, None, None]
    here = np.where(filled, now, NOWHERE)
    notes = {text: filled} | {reason: data.missing & ~filled & holds for reason, holds in reasons.items()}
    kept = {text: mask for text, mask in notes.items() if mask.any()}
    return Filled(np.where(filled, candidate, data.values), here, here, kept)


def _constant(data: _Data, step: Constant) -> Filled:
    """One given value."""
    filled = np.where(data.missing, step.value, data.values)
    none = _nowhere(data.values)
    return Filled(filled, none, none, {"set to the given value": data.missing})


_STEPS: dict[type, Callable[[_Data, Any], Filled]] = {
    Carry: _carry,
    Linear: _linear,
    CrossSection: _cross_section,
    RowMean: _row_mean,
    Constant: _constant,
}
