"""Treat outliers: test each distribution, winsorise or transform those that fail, or cut at mean +/- k standard
deviations.

Every treatment keeps the order of the values. The elementary functions (winsorise, log_ct, ...) work on one series or
on many, along the last axis.
Not here: skewness and kurtosis (statistics), scaling (normalise).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Notes, Parameters
from pipelines.index.statistics import deviation, highest, lowest, mean, moments
from warehouse.catalogue.method.prepare import NoTreatment, SdLimits, Transform, TransformStep, Treat, Winsorise

Places = NDArray[np.int64]


class Treated(NamedTuple):
    """Values and where they were changed; cells that take no part in the parameters of the normalisation (None: all
    do); the numbers of the test and the treatment; what was done to a cell: each (periods, areas, indicators)."""

    values: Floats
    is_treated: Mask
    excluded: Mask | None
    parameters: Parameters
    notes: Notes


class Winsorised(NamedTuple):
    """Values of the same shape as given, and which of them were moved."""

    values: Floats
    moved: Mask


def treat(values: Floats, step: Treat, cells: Cells, directions: NDArray[np.int64]) -> Treated:
    """Treat all indicators that share one step.

    In: (periods, areas, indicators), NaN missing; directions (indicators,) 1 or -1, for `log_gii` only. Out: the same
    shape; an indicator (with over: period, an indicator in a period) that passes the test stays as it is. A value
    that has no transform (square root of a negative number) is lost; what was changed, what was lost, what a
    treatment did not change, and what is still an outlier has a note.
    Parameters: `skewness` and `kurtosis` before; of those treated `skewness_treated` and `kurtosis_treated`; for
    winsorise `winsorised`, the number of points moved, also where `then` took the original values instead; for
    sd_limits `lower_limit` and `upper_limit`. The result does not depend on the order of areas, and an indicator's
    not on those beside it.
    Source: METHOD.md section 2.
    """
    if isinstance(step, NoTreatment):
        return Treated(values, np.zeros(values.shape, dtype=bool), None, {}, {})
    if isinstance(step, SdLimits):
        return _limited(values, step)
    work = _Work(values, step, directions)
    if isinstance(step, Winsorise):
        _winsorised(work, step)
    else:
        chosen = np.arange(len(work.series)) if step.when == "always" else np.flatnonzero(work.fails)
        _transformed(work, chosen, work.series[chosen], work.skewness[chosen], step.method, step.boxcox_lambda)
    return work.done()


class _Work:
    """The panel as series (blocks x indicators, cells), a block being all cells or the cells of a period, and what
    comes of them."""

    def __init__(self, values: Floats, step: Winsorise | TransformStep, directions: NDArray[np.int64]) -> None:
        self.values, self.step = values, step
        self.blocks = _blocks(values, step.over)
        count, cells, indicators = self.blocks.shape
        self.series = np.ascontiguousarray(self.blocks.transpose(0, 2, 1)).reshape(count * indicators, cells)
        self.directions = np.tile(np.asarray(directions), count)
        self.skewness, self.kurtosis = moments(self.series, -1)
        self.fails = is_outlier(self.skewness, self.kurtosis, step.skew, step.kurtosis)
        self.parameters: Parameters = {"skewness": self._table(self.skewness), "kurtosis": self._table(self.kurtosis)}
        self.result = self.blocks.copy()
        self.notes: Notes = {}

    def _table(self, numbers: Floats) -> Floats:
        return numbers.reshape(len(self.blocks), self.blocks.shape[2])

    def _at(self, chosen: Places) -> tuple[Places, slice, Places]:
        """Where chosen series stand in `blocks`."""
        indicators = self.blocks.shape[2]
        return chosen // indicators, slice(None), chosen % indicators

    def put(self, chosen: Places, rows: Floats) -> None:
        """Set chosen series to rows of values."""
        self.result[self._at(chosen)] = rows

    def parameter(self, name: str, chosen: Places, numbers: Floats | Places, other: float = np.nan) -> None:
        """Record a number of chosen series."""
        whole = self.parameters.setdefault(name, self._table(np.full(len(self.series), other)))
        whole.reshape(-1)[chosen] = numbers

    def note(self, text: str, chosen: Places, cells: Mask | None = None) -> None:
        """Note something on the cells of chosen series that have a value, all or those of `cells` (chosen, n)."""
        marked = ~np.isnan(self.series[chosen])
        if cells is not None:
            marked &= cells
        if marked.any():
            mask = self.notes.setdefault(text, np.zeros(self.blocks.shape, dtype=bool))
            mask[self._at(chosen)] |= marked

    def retest(self, chosen: Places, rows: Floats) -> tuple[Mask, Floats]:
        """Record the test of chosen series given as treated rows; give back which still fail, and their skewness."""
        skewness, kurtosis = moments(rows, -1)
        self.parameter("skewness_treated", chosen, skewness)
        self.parameter("kurtosis_treated", chosen, kurtosis)
        return is_outlier(skewness, kurtosis, self.step.skew, self.step.kurtosis), skewness

    def done(self) -> Treated:
        """All that came of the treatment, in the shape of the panel."""
        result = self.result.reshape(self.values.shape)
        changed = (result != self.values) & ~np.isnan(self.values)
        notes = {text: mask.reshape(self.values.shape) for text, mask in self.notes.items()}
        return Treated(result, changed, None, self.parameters, notes)


def _blocks(values: Floats, over: str) -> Floats:
    """The panel as (blocks, cells, indicators)."""
    periods, areas, indicators = values.shape
    return values if over == "period" else values.reshape(1, periods * areas, indicators)


def is_outlier(skewness: Floats, kurtosis: Floats, skew: float = 2.0, kurt: float = 3.5) -> Mask:
    """Whether a distribution fails the test: |skewness| >= skew and kurtosis >= kurt. Without a kurtosis (fewer than
    four values, or all equal) it passes. Source: METHOD.md section 2."""
    return np.asarray((np.abs(skewness) >= skew) & (kurtosis >= kurt))


def _winsorised(work: _Work, step: Winsorise) -> None:
    """Winsorise the series that fail; give those that still fail to the second treatment."""
    chosen = np.flatnonzero(work.fails)
    rows, moved = winsorise(work.series[chosen], step.winmax, step.skew, step.kurtosis)
    points = np.count_nonzero(moved, axis=-1)
    work.parameter("winsorised", chosen, points, other=0.0)
    still, skewness = work.retest(chosen, rows)
    for number in sorted(set(points[still].tolist())):
        work.note(f"winsorised {number} points and still an outlier", chosen[still & (points == number)])
    is_undone = still & (step.then is not None and step.then_on == "original")
    work.put(chosen[~is_undone], rows[~is_undone])
    work.note("winsorised", chosen[~is_undone], moved[~is_undone])
    if step.then is not None:
        again = chosen[still]
        on_original = step.then_on == "original"
        taken = work.series[again] if on_original else rows[still]
        skew = work.skewness[again] if on_original else skewness[still]
        _transformed(work, again, taken, skew, step.then, step.boxcox_lambda)


def _transformed(
    work: _Work, chosen: Places, rows: Floats, skewness: Floats, method: Transform, exponent: float | None
) -> None:
    """Transform chosen series, given as rows of values together with their skewness."""
    new = _transform(rows, method, skewness[:, None], work.directions[chosen][:, None], exponent)
    lost = ~np.isfinite(new) & np.isfinite(rows)
    new = np.where(lost, np.nan, new)
    changed = (new != rows) & ~np.isnan(rows)
    has_changed = changed.any(axis=-1)
    is_constant = lowest(rows, -1) == highest(rows, -1)
    work.put(chosen, new)
    work.note(
        "square root of a negative value" if method == "sqrt" else f"{method} is too large a number", chosen, lost
    )
    work.note(f"transformed by {method}", chosen, changed & ~lost)
    work.note(f"{method} changes nothing: constant", chosen[~has_changed & is_constant])
    if method == "log_gii":
        work.note("log_gii changes nothing: no value above 1", chosen[~has_changed & ~is_constant])
    still, _ = work.retest(chosen, new)
    work.note(f"{method} and still an outlier", chosen[still])


def _transform(
    x: Floats, method: Transform, skew: Floats, direction: NDArray[np.int64], exponent: float | None
) -> Floats:
    if method == "log_ct_plus":
        return log_ct_plus(x, skew)
    if method == "log_gii":
        return log_gii(x, direction)
    if method == "boxcox":
        assert exponent is not None
        return boxcox(x, exponent)
    return {"log_ct": log_ct, "log_ct_orig": log_ct_orig, "sqrt": square_root}[method](x)


def winsorise(x: Floats, winmax: int = 5, skew: float = 2.0, kurtosis: float = 3.5) -> Winsorised:
    """Move the highest value (positive skewness) or the lowest one to the next, all ties of it together, until the
    test passes or at least `winmax` points were moved; the side is decided anew each time.

    In: (..., n), NaN missing. Out: the same shape. A series that passes stays as it is. Ties may bring more than
    `winmax` points; a move that would make all values equal is not made, so a series keeps two different values at
    least.
    Source: METHOD.md section 2.
    """
    shape = np.shape(x)
    rows = np.array(x, dtype=np.float64).reshape(math.prod(shape[:-1]), shape[-1])
    moved = np.zeros(rows.shape, dtype=bool)
    active = np.arange(len(rows))
    while active.size:
        now = rows[active]
        skewness, excess = moments(now, -1)
        goes_on = is_outlier(skewness, excess, skew, kurtosis) & (np.count_nonzero(moved[active], axis=-1) < winmax)
        active, now, skewness = active[goes_on], now[goes_on], skewness[goes_on]
        # turned upside down where the lowest value is to move
        sign = np.where(skewness > 0, 1.0, -1.0)[:, None]
        turned = now * sign
        at_top = turned == highest(turned, -1)[:, None]
        next_one = highest(np.where(at_top, np.nan, turned), -1)
        can_move = next_one > lowest(turned, -1)
        active, now, at_top = active[can_move], now[can_move], at_top[can_move]
        rows[active] = np.where(at_top, (next_one[:, None] * sign)[can_move], now)
        moved[active] |= at_top
    return Winsorised(rows.reshape(shape), moved.reshape(shape))


def log_ct(x: Floats) -> Floats:
    """ln(x - m + 0.01 R), m the lowest value and R the range of a series.

    In: (..., n), NaN missing. Out: the same shape; equal values have no such logarithm and stay as they are.
    Source: METHOD.md section 2 (the COIN Tool's logarithm with a floor that scales with the range).
    """
    low, _, span = _extent(x)
    is_flat = span == 0
    return np.where(is_flat, x, np.log(x - low + np.where(is_flat, 1.0, 0.01 * span)))


def log_ct_orig(x: Floats) -> Floats:
    """ln(x - m + 1), m the lowest value of a series.

    In: (..., n), NaN missing. Out: the same shape; equal values become 0. Source: METHOD.md section 2.
    """
    low, _, _ = _extent(x)
    return np.log(x - low + 1.0)


def log_ct_plus(x: Floats, skew: float | Floats) -> Floats:
    """log_ct, and its mirror image -ln(M - x + 0.01 R) where the skewness is negative, M the highest value of a series.

    In: (..., n), NaN missing; skew one number or (..., 1). Out: the same shape; equal values stay as they are.
    Source: METHOD.md section 2.
    """
    _, high, span = _extent(x)
    is_flat = span == 0
    mirrored = -np.log(high - x + np.where(is_flat, 1.0, 0.01 * span))
    return np.where(~is_flat & (np.asarray(skew) < 0), mirrored, log_ct(x))


def log_gii(x: Floats, direction: int | NDArray[np.int64] = 1) -> Floats:
    """ln((M - 1)(x - m)/R + 1) for more-is-better, -ln((M - 1)(M - x)/R + 1) for less-is-better; m, M, R the lowest
    and highest value and the range of a series.

    In: (..., n), NaN missing; direction 1 or -1, one number or (..., 1). Out: the same shape, rising with x in both
    directions; a series stays as it is when its highest value is not above 1, or its values are equal.
    Source: METHOD.md section 2; the Global Innovation Index's technical notes.
    """
    low, high, span = _extent(x)
    works = (high > 1) & (span > 0)
    is_less = np.asarray(direction) < 0
    share = np.where(is_less, high - x, x - low) / np.where(works, span, 1.0)
    found = np.log(np.where(works, high - 1.0, 0.0) * share + 1.0)
    return np.where(works, np.where(is_less, -found, found), x)


def boxcox(x: Floats, exponent: float) -> Floats:
    """(z^exponent - 1)/exponent, ln z for exponent 0, of z = x - m + 1, m the lowest value of a series.

    In: (..., n), NaN missing. Out: the same shape; equal values become 0.
    Source: METHOD.md section 2; Box and Cox (1964).
    """
    low, _, _ = _extent(x)
    z = x - low + 1.0
    with np.errstate(over="ignore"):
        return np.log(z) if exponent == 0 else (z**exponent - 1.0) / exponent


def square_root(x: Floats) -> Floats:
    """Square root of each value. In: any shape, NaN missing. Out: the same shape; missing for x < 0."""
    return np.sqrt(np.where(np.asarray(x) < 0, np.nan, x))


def _extent(x: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest, highest value and range of each series: (..., 1)."""
    low, high = lowest(x, -1)[..., None], highest(x, -1)[..., None]
    return low, high, high - low


def _limited(values: Floats, step: SdLimits) -> Treated:
    """Leave out of the parameters, cut, or both, what lies beyond mean +/- k sd (n - 1)."""
    blocks = _blocks(values, step.over)
    centre, spread = mean(blocks, 1), deviation(blocks, 1)
    lower, upper = centre - step.k * spread, centre + step.k * spread
    beyond = ((blocks < lower[:, None, :]) | (blocks > upper[:, None, :])).reshape(values.shape)
    notes: Notes = {}
    result = values
    if step.clip:
        result = np.where(beyond, np.clip(blocks, lower[:, None, :], upper[:, None, :]).reshape(values.shape), values)
    if beyond.any():
        where = f"beyond mean +/- {step.k:g} standard deviations"
        if step.exclude:
            notes[f"{where}: not in the parameters"] = beyond
        if step.clip:
            notes[f"{where}: cut"] = beyond
    parameters = {"lower_limit": lower, "upper_limit": upper}
    is_treated = beyond if step.clip else np.zeros(values.shape, dtype=bool)
    return Treated(result, is_treated, beyond if step.exclude else None, parameters, notes)
