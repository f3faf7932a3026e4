"""Bring indicators on a common scale: one function a method, direction turned by the engine.

Not here: which cells a scope takes and statistics over them (scope), leaving outliers out (treat), weights (weigh).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats, rank_descending
from pipelines.index.scope import Cells, Mask, Notes, Parameters, scope_cells
from pipelines.index.statistics import deviation, highest, lowest, mean
from warehouse.catalogue.method.normalise import (
    Ampi,
    AmpiReference,
    BaseRatio,
    DistanceToReference,
    DistanceToTarget,
    FractionOfMax,
    Goalposts,
    MinMax,
    NoNormalisation,
    Normalise,
    RankScore,
    ZScore,
)
from warehouse.catalogue.method.scope import GivenScope
from warehouse.errors import IndexhouseError, suggest
from warehouse.rounding import round_significant

Number = TypeVar("Number", bound=np.generic)


class Normalised(NamedTuple):
    """Scores (periods, areas, indicators), the numbers they rest on, and why cells with a value have no score."""

    scores: Floats
    parameters: Parameters
    notes: Notes


class ParameterError(IndexhouseError):
    """A parameter given by hand cannot work; `indicators` are the positions it fails for, which the caller names."""

    def __init__(self, problem: str, indicators: tuple[int, ...]) -> None:
        self.indicators = indicators
        super().__init__(problem)


class _Data(NamedTuple):
    """What every method gets: values and excluded (periods, areas, indicators), signs (indicators,) 1 or -1."""

    values: Floats
    signs: Floats
    cells: Cells
    excluded: Mask | None

    def each(self, number: float) -> Floats:
        """One number for every indicator: (1, indicators)."""
        return np.full((1, self.values.shape[-1]), float(number))


Failing = tuple[tuple[str, Mask], ...]
"""Where a method cannot score: texts with masks that fit the scores; the first that holds is the note of a cell."""


class _Scored(NamedTuple):
    """What every method gives back; what stands in the scores where it cannot score does not matter."""

    scores: Floats
    parameters: Parameters
    failing: Failing = ()


def normalise(
    values: Floats, directions: NDArray[np.int64], step: Normalise, cells: Cells, excluded: Mask | None = None
) -> Normalised:
    """Score all indicators that share one step.

    In: values (periods, areas, indicators) on the natural scale, NaN missing, periods in time order; directions
    (indicators,) 1 (more is better) or -1; `excluded` (same shape) are cells that take no part in estimating parameters
    but are scored. Out: scores of the same shape, finite or NaN; a cell without a value has none, and a cell with a
    value that has none has exactly one note. Notes hold only what occurred. Parameters: one row for all periods or a
    row per period. The result of an indicator does not depend on the order of areas or on the indicators beside it.
    Raises: ParameterError where a number, area or period given by hand cannot work. Source: METHOD.md section 3.
    """
    data = _Data(values, np.asarray(directions, dtype=np.float64), cells, excluded)
    with np.errstate(all="ignore"):
        scores, parameters, failing = _STEPS[type(step)](data, step)
    untold = ~np.isnan(values)
    notes: Notes = {}
    for text, where in (*failing, ("the score is not a finite number", ~np.isfinite(scores))):
        if where.any() and (lost := untold & where).any():
            notes[text] = lost
            untold &= ~where
            scores = np.where(where, np.nan, scores)
    return Normalised(scores, {name: _finite(each) for name, each in parameters.items()}, notes)


def _none(data: _Data, step: NoNormalisation) -> _Scored:
    """x in both directions: the same array. A cell without a value has no score. Source: METHOD.md section 3."""
    return _Scored(data.values, {})


def _min_max(data: _Data, step: MinMax) -> _Scored:
    """l + (u - l)(x - min)/(max - min); for less-is-better l + (u - l)(max - x)/(max - min).

    Missing where max = min (a constant indicator) or the scope has no value. Of a cell of the scope never outside l and
    u, and exactly on them at the ends. Source: METHOD.md section 3; Handbook, normalisation.
    """
    low, high = _limits(data, step.scope)
    worst, best = _turned(data, low, high)
    scores = _between(_way(data.values, worst, best - worst), step.lower, step.upper)
    return _Scored(scores, {"min": low, "max": high}, _unscalable(high - low))


def _z_score(data: _Data, step: ZScore) -> _Scored:
    """m + s (x - mean)/sd with n-1; for less-is-better m - s (x - mean)/sd.

    Missing where sd = 0 (a constant indicator) or the scope has fewer than two values. Source: METHOD.md section 3;
    Handbook, normalisation.
    """
    centre, sd = _moments(data, step.scope)
    scores = _way(data.values, centre, data.signs * sd)
    scores *= step.sd
    scores += step.mean
    return _Scored(scores, {"mean": centre, "sd": sd}, _unscalable(sd))


def _rank(data: _Data, step: RankScore) -> _Scored:
    """rank r: 1 for the worst, ties take the smallest; borda r - 1; percentile_rank (r - 1)/(n - 1); for less-is-better
    of -x.

    Over the areas of each period or over all cells, of values rounded to 12 significant digits; n counts the values
    present. Missing values are not ranked; percentile_rank is missing for n = 1. There is no parameter, so an excluded
    cell counts. Source: METHOD.md preamble and section 3; COINr for the name borda.
    """
    periods, areas, indicators = data.values.shape
    turned = round_significant(data.values) * -data.signs
    if step.over == "all":
        turned = turned.reshape(1, periods * areas, indicators)
    places, n = rank_descending(turned.swapaxes(1, 2))
    scores = places.swapaxes(1, 2).reshape(data.values.shape).astype(np.float64)
    scores[np.isnan(data.values)] = np.nan
    if step.method == "rank":
        return _Scored(scores, {})
    scores -= 1
    if step.method == "borda":
        return _Scored(scores, {})
    scores /= n[:, None, :] - 1
    return _Scored(scores, {}, (("only one value to rank", n[:, None, :] == 1),))


def _goalposts(data: _Data, step: Goalposts) -> _Scored:
    """scale (x - lo)/(hi - lo); for less-is-better scale (hi - x)/(hi - lo); capped: cut to [0, scale]; log: ln of all
    three.

    Missing where x <= 0 under log. Source: METHOD.md section 3; UNDP HDR technical notes.
    """
    values, low, high = data.values, data.each(step.low), data.each(step.high)
    parameters: Parameters = {"low": low, "high": high}
    failing: Failing = ()
    if step.log:
        failing = (("value is not above 0, so it has no logarithm", values <= 0),)
        values, low, high = np.log(values), np.log(low), np.log(high)
    worst, best = _turned(data, low, high)
    scores = _way(values, worst, best - worst)
    scores *= step.scale
    if step.cap:
        np.clip(scores, 0.0, step.scale, out=scores)
    return _Scored(scores, parameters, failing)


def _distance_to_target(data: _Data, step: DistanceToTarget) -> _Scored:
    """(x - min)/(t - min), needs t > min; for less-is-better (max - x)/(max - t), needs t < max; capped: at most 1.

    Capped, a target on or beyond the worst value scores 1: all cells of the scope have reached it; a cell outside the
    scope that has not is missing. Missing where the scope has no value. Raises: ParameterError where such a target is
    not capped. Source: METHOD.md section 3; COINr for the name.
    """
    low, high = _limits(data, step.scope)
    worst, _ = _turned(data, low, high)
    target = data.each(step.target)
    is_beyond = (target - worst) * data.signs <= 0
    if is_beyond.any() and not step.cap:
        _refuse(
            is_beyond,
            f"distance_to_target: 'target' ({step.target:g}) is not better than the worst value of the scope "
            f"({worst[is_beyond][0]:g}); set a better one, or 'cap: true'",
        )
    scores = _way(data.values, worst, target - worst)
    failing: Failing = (_nothing_in_scope(worst),)
    if step.cap:
        np.minimum(scores, 1.0, out=scores)
        if is_beyond.any():
            is_reached = (data.values - step.target) * data.signs >= 0
            scores = np.where(_in_cells(is_beyond) & is_reached, 1.0, scores)
            text = "the target is on or beyond the worst value of the scope, and the value has not reached it"
            failing += ((text, _in_cells(is_beyond) & ~is_reached),)
    return _Scored(scores, {"min": low, "max": high, "target": target}, failing)


def _distance_to_reference(data: _Data, step: DistanceToReference) -> _Scored:
    """1 - (ref - x)/(ref - min), needs ref > min; for less-is-better 1 - (x - ref)/(max - ref), needs ref < max.

    ref is the value of the reference area in the same period, also where that cell is excluded; computed as the equal
    (x - min)/(ref - min), which is exact at both ends. Missing where the condition fails, the area has no value in the
    period or the scope has none. Raises: ParameterError for an unknown area. Source: METHOD.md section 3; COINr for the
    name.
    """
    low, high = _limits(data, step.scope)
    worst, _ = _turned(data, low, high)
    reference = data.values[:, _place_of(data, step.area, "distance_to_reference: 'area'")]
    margin = reference - worst
    failing: Failing = (
        (f"no value of the reference area {step.area} in the period", _in_cells(np.isnan(reference))),
        _nothing_in_scope(worst),
        (f"the reference area {step.area} is not better than the worst value", _in_cells(margin * data.signs <= 0)),
    )
    scores = _way(data.values, worst, margin)
    return _Scored(scores, {"min": low, "max": high, "reference": reference}, failing)


def _fraction_of_max(data: _Data, step: FractionOfMax) -> _Scored:
    """x/max, needs max > 0; for less-is-better min/x, needs all x > 0: the best of the scope scores 1 in both
    directions.

    Where the condition fails over the scope, the indicator has no score; where x <= 0 outside the scope, the cell has
    none. Raises: ParameterError where the number given for max (min for less-is-better) is not above 0. Source:
    METHOD.md section 3; COINr for the name.
    """
    low, high = _limits(data, step.scope)
    is_more = data.signs > 0
    best = np.where(is_more, high, low)
    if isinstance(step.scope, GivenScope):
        key = "'max' of 'scope.values' ('min' for less-is-better)"
        _refuse(best <= 0, f"fraction_of_max: {key} must be above 0; give another number")
    scores = np.where(is_more, data.values, _in_cells(best)) / np.where(is_more, _in_cells(best), data.values)
    failing: Failing = (
        _nothing_in_scope(best),
        ("fraction_of_max needs a maximum above 0", _in_cells(is_more & (best <= 0))),
        ("fraction_of_max of less-is-better needs all values above 0", _in_cells(~is_more & (best <= 0))),
        (_NOT_POSITIVE, ~is_more & (data.values <= 0)),
    )
    return _Scored(scores, {"min": low, "max": high}, failing)


def _base_ratio(data: _Data, step: BaseRatio) -> _Scored:
    """value x_t/x_base of the same area, needs x_base > 0; for less-is-better value x_base/x_t, needs x_t > 0 as well.

    Missing where the condition fails or the area has no value in the base period; the base is taken also where that
    cell is excluded. Raises: ParameterError without any base period. Source: METHOD.md sections 3 and 6.
    """
    period = _period_of(data, step.period, "base_ratio: 'period'")
    base = _in_period(data, period)
    is_more = data.signs > 0
    scores = np.where(is_more, data.values, base) / np.where(is_more, base, data.values)
    scores *= step.value
    failing: Failing = (
        (f"no value in the base period {period}", np.isnan(base)),
        (f"value of the base period {period} is not above 0", base <= 0),
        (_NOT_POSITIVE, ~is_more & (data.values <= 0)),
    )
    parameters = {f"base_value {area}": base[:, i] for i, area in enumerate(data.cells.areas)}
    return _Scored(scores, parameters, failing)


def _ampi(data: _Data, step: Ampi) -> _Scored:
    """70 + 60 (x - ref + D)/(2 D); for less-is-better 70 + 60 (ref - x + D)/(2 D): the reference scores 100.

    D is half the range over the scope; ref a given value, the value of an area in a stated period, or the mean over the
    areas in it (excluded cells left out). Missing where D = 0 (a constant indicator), the scope has no value or there
    is no ref. Raises: ParameterError for an unknown area, or without any period. Source: METHOD.md section 3; Mazziotta
    and Pareto (2016).
    """
    low, high = _limits(data, step.scope)
    reference, name = _ampi_reference(data, step.reference)
    span = high - low
    scores = data.values - _in_cells(reference)
    scores *= data.signs
    scores += _in_cells(span / 2)
    scores /= _in_cells(_divisor(span))
    scores *= 60.0
    scores += 70.0
    failing: Failing = ((f"no value of the reference ({name})", _in_cells(np.isnan(reference))), *_unscalable(span))
    return _Scored(scores, {"min": low, "max": high, "reference": reference}, failing)


def _ampi_reference(data: _Data, reference: AmpiReference) -> tuple[Floats, str]:
    """What scores 100 (1, indicators), NaN where there is none, and its name in a note."""
    if reference.value is not None:
        return data.each(reference.value), "given"
    period = _period_of(data, reference.period, "ampi: 'period' of 'reference'")
    row = _in_period(data, period)
    if reference.area is not None:
        place = _place_of(data, reference.area, "ampi: 'area' of 'reference'")
        return row[:, place], f"{reference.area} in {period}"
    if data.excluded is not None and period in data.cells.periods:
        row = np.where(data.excluded[data.cells.periods.index(period)], np.nan, row)
    return mean(row, axis=1), f"mean of the areas in {period}"


_STEPS: dict[type, Callable[[_Data, Any], _Scored]] = {
    NoNormalisation: _none,
    MinMax: _min_max,
    ZScore: _z_score,
    RankScore: _rank,
    Goalposts: _goalposts,
    DistanceToTarget: _distance_to_target,
    DistanceToReference: _distance_to_reference,
    FractionOfMax: _fraction_of_max,
    BaseRatio: _base_ratio,
    Ampi: _ampi,
}

_NOT_POSITIVE = "value is not above 0"
_TOO_FEW = "too few values to scale by"


def _limits(data: _Data, scope: object) -> tuple[Floats, Floats]:
    """Smallest and largest value over the scope, or the numbers given for them: (1 or periods, indicators) each."""
    if isinstance(scope, GivenScope):
        return data.each(scope.values["min"]), data.each(scope.values["max"])
    chosen = scope_cells(data.values, scope, data.cells, data.excluded)
    return lowest(chosen, 1), highest(chosen, 1)


def _moments(data: _Data, scope: object) -> tuple[Floats, Floats]:
    """Mean and standard deviation (n-1) over the scope, or the numbers given for them; shapes as of `_limits`."""
    if isinstance(scope, GivenScope):
        return data.each(scope.values["mean"]), data.each(scope.values["sd"])
    chosen = scope_cells(data.values, scope, data.cells, data.excluded)
    centre = mean(chosen, 1)
    return centre, deviation(chosen, 1, centre=centre)


def _turned(data: _Data, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The worst and the best of two ends given on the natural scale: swapped for less-is-better."""
    return np.where(data.signs > 0, low, high), np.where(data.signs > 0, high, low)


def _way(values: Floats, start: Floats, span: Floats) -> Floats:
    """(x - start)/span: from the worst value and over best - worst this is (x - min)/(max - min), and bit for bit
    (max - x)/(max - min) for less-is-better, where numerator and denominator both change sign."""
    way = values - _in_cells(start)
    way /= _in_cells(_divisor(span))
    way += 0.0  # makes minus zero zero
    return way


def _divisor(span: Floats) -> Floats:
    """The span where one can divide by it, else NaN: x over an infinite span would be a finite but wrong 0."""
    return np.where(np.isfinite(span) & (span != 0), span, np.nan)


def _between(way: Floats, lower: float, upper: float) -> Floats:
    """lower + (upper - lower) way, exactly on the bounds at 0 and 1 and never beyond them in between; overwrites `way`.

    Where upper - lower is rounded, lower + (upper - lower) may miss upper in the last bit: from 1 on the way is counted
    from upper, and before 1 cut at it.
    """
    width = upper - lower
    if lower + width == upper:
        way *= width
        way += lower
        return way
    return np.where(way < 1, np.minimum(lower + width * way, upper), upper + width * (way - 1))


def _unscalable(spread: Floats) -> Failing:
    """Why a spread (blocks, indicators) cannot be divided by."""
    return (("constant indicator", _in_cells(spread <= 0)), _nothing_in_scope(spread))


def _nothing_in_scope(statistic: Floats) -> tuple[str, Mask]:
    return _TOO_FEW, _in_cells(np.isnan(statistic))


def _period_of(data: _Data, period: str | None, key: str) -> str:
    """The stated period, else the base period of the index."""
    found = period or data.cells.base_period
    if found is None:
        raise ParameterError(f"{key} is missing; set it, or 'base_period' of the index", tuple(range(len(data.signs))))
    return found


def _in_period(data: _Data, period: str) -> Floats:
    """The values of one period (1, areas, indicators), NaN where it is not in the panel."""
    if period in data.cells.periods:
        return data.values[data.cells.periods.index(period)][None]
    return np.full((1, *data.values.shape[1:]), np.nan)


def _place_of(data: _Data, area: str, key: str) -> int:
    """Where the area stands among the areas of the panel."""
    if area not in data.cells.areas:
        problem = f"{key}: '{area}' is not an area of the index; {suggest(area, data.cells.areas)}"
        raise ParameterError(problem, tuple(range(len(data.signs))))
    return data.cells.areas.index(area)


def _refuse(is_wrong: Mask, problem: str) -> None:
    """Raise ParameterError where something is wrong in any block (blocks, indicators)."""
    if is_wrong.any():
        raise ParameterError(problem, tuple(np.flatnonzero(is_wrong.any(axis=0)).tolist()))


def _in_cells(statistic: NDArray[Number]) -> NDArray[Number]:
    """(blocks, indicators) so that it fits (periods, areas, indicators)."""
    return statistic[:, None, :]


def _finite(parameter: Floats) -> Floats:
    return np.where(np.isfinite(parameter), parameter, np.nan)
