"""Statistics along an axis, missing values skipped: sum, mean, standard deviation, skewness, kurtosis, quantiles.

None of them depends on the order of the values along the axis, nor on how many cores or which CPU there is: sums are
taken of parts that add up without rounding.
Not here: between indicators (cohere), over which cells a parameter is estimated (scope).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats

Counts = NDArray[np.int64]
DIGITS = 53  # of the significand of a double
CACHED = 32_768  # doubles worked on at once, so that the intermediate arrays stay in the cache of a core
HUGE = 2.0**64


class Moments(NamedTuple):
    """Skewness G1 and excess kurtosis G2, one number per series."""

    skewness: Floats
    kurtosis: Floats


def count(values: Floats, axis: int = 0) -> Counts:
    """Number of values present along an axis. In: NaN missing. Out: without that axis."""
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=axis), dtype=np.int64)


def lowest(values: Floats, axis: int | tuple[int, ...] = 0) -> Floats:
    """Smallest value present along an axis or several, NaN where there is none; never minus zero, whose place among
    zeros would depend on their order. Out: without these axes."""
    return np.asarray(np.fmin.reduce(np.asarray(values, dtype=np.float64), axis=axis, initial=np.nan) + 0.0)


def highest(values: Floats, axis: int | tuple[int, ...] = 0) -> Floats:
    """Largest value present along an axis or several, NaN where there is none; never minus zero. Out: without these
    axes."""
    return np.asarray(np.fmax.reduce(np.asarray(values, dtype=np.float64), axis=axis, initial=np.nan) + 0.0)


def total(values: Floats, axis: int = 0) -> Floats:
    """Sum the values present along an axis; the result does not depend on their order.

    In: finite, NaN missing, at most a million along the axis. Out: without that axis; 0 where there is no value; as
    exact as a sum in twice the precision.
    Source: values split at a power of two above their sum, as in Rump's and Demmel and Nguyen's reproducible summation.
    """
    terms = np.where(np.isnan(values), 0.0, values)
    exponent = np.frexp(np.abs(terms).max(axis=axis, initial=0.0, keepdims=True))[1]
    spare = _spare(values.shape[axis])
    if exponent.max(initial=0) + spare > 1000:
        return total(values / HUGE, axis) * HUGE
    return _total(terms, np.ldexp(1.0, exponent + spare), spare, axis)


def mean(values: Floats, axis: int = 0) -> Floats:
    """Mean of the values present along an axis, exactly their value where all are equal; NaN where there is none.

    In: NaN missing. Out: without that axis.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = total(values, axis) / count(values, axis)
    return np.clip(centre, lowest(values, axis), highest(values, axis))


def deviation(values: Floats, axis: int = 0, ddof: int = 1, centre: Floats | None = None) -> Floats:
    """Standard deviation of the values present along an axis, with n - ddof; 0 where all are equal.

    In: NaN missing; `centre`, their `mean`, where it is known already. Out: without that axis; NaN for ddof or fewer
    values, infinite where it is no double.
    """
    n = count(values, axis)
    distance = values - np.expand_dims(mean(values, axis) if centre is None else centre, axis)
    # a power of two changes no digit, and keeps the squares of very large and very small values within range
    exponent = np.maximum(np.frexp(np.fmax.reduce(np.abs(distance), axis=axis, initial=0.0))[1], -1022)
    squares = total((distance * np.expand_dims(np.ldexp(1.0, -exponent), axis)) ** 2, axis)
    spread = np.ldexp(np.sqrt(squares / np.maximum(n - ddof, 1)), exponent)
    return np.where(n > ddof, np.where(np.isnan(spread), np.inf, spread), np.nan)


def skewness(values: Floats, axis: int = 0) -> Floats:
    """Skewness G1 along an axis, bias-corrected as in Excel, SAS and pandas: sqrt(n (n - 1))/(n - 2) m3/m2^1.5.

    In: NaN missing. Out: without that axis; NaN for fewer than three values or when all are equal.
    Source: METHOD.md section 2; Joanes and Gill (1998), G1.
    """
    return moments(values, axis).skewness


def kurtosis(values: Floats, axis: int = 0) -> Floats:
    """Excess kurtosis G2 along an axis, bias-corrected as in Excel, SAS and pandas:
    (n - 1)/((n - 2)(n - 3)) ((n + 1) m4/m2^2 - 3 (n - 1)).

    In: NaN missing. Out: without that axis; NaN for fewer than four values or when all are equal.
    Source: METHOD.md section 2; Joanes and Gill (1998), G2.
    """
    return moments(values, axis).kurtosis


def moments(values: Floats, axis: int = 0) -> Moments:
    """Skewness and kurtosis along an axis in one go; see `skewness` and `kurtosis`."""
    series = np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1)
    n = series.shape[-1]
    rows = np.ascontiguousarray(series).reshape(math.prod(series.shape[:-1]), n)
    out = np.empty((2, len(rows)))
    size = max(1, CACHED // max(n, 1))
    for first in range(0, len(rows), size):
        out[:, first : first + size] = _moments(rows[first : first + size])
    return Moments(out[0].reshape(series.shape[:-1]), out[1].reshape(series.shape[:-1]))


def quantile(values: Floats, q: float | Sequence[float], axis: int = 0) -> Floats:
    """Quantiles of type 7 (R's, NumPy's and Excel's default) along an axis: linear between the two values around
    position (n - 1) q.

    In: NaN missing; q from 0 to 1, one or several. Out: without that axis, several q in front; NaN where there is no
    value.
    Source: METHOD.md section 2; Hyndman and Fan (1996), type 7.
    """
    share = np.asarray(q, dtype=np.float64)
    if not ((share >= 0) & (share <= 1)).all():
        raise ValueError(f"quantiles are from 0 to 1 (given: {q})")
    ordered = np.sort(np.moveaxis(np.asarray(values, dtype=np.float64), axis, -1), axis=-1)
    if not ordered.shape[-1]:
        return np.full(share.shape + ordered.shape[:-1], np.nan)
    last = np.maximum(count(ordered, -1) - 1, 0)
    position = share.reshape(share.shape + (1,) * last.ndim) * last
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, last)
    spread = np.broadcast_to(ordered, share.shape + ordered.shape)
    low = np.take_along_axis(spread, below[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(spread, above[..., None], axis=-1)[..., 0]
    return low + (position - below) * (high - low) + 0.0


def _spare(n: int) -> int:
    """Binary digits that a sum of n terms has above the largest of them, and one more."""
    return max(n - 1, 0).bit_length() + 1


def _total(terms: Floats, above: NDArray[np.float64] | float, spare: int, axis: int) -> Floats:
    """Sum terms, none missing, given a power of two at least 2^spare times the largest.

    Adding and subtracting `above` leaves the leading digits of each term; they share a last digit, so their sum is
    exact in any order. The same is done once more with what is left.
    """
    lead = terms + above
    lead -= above
    rest = terms - lead
    found = lead.sum(axis=axis)
    above = above * 2.0 ** (spare - DIGITS)
    rest += above
    rest -= above
    return np.asarray(found + rest.sum(axis=axis))


def _moments(x: Floats) -> tuple[Floats, Floats]:
    """Skewness and kurtosis of each row (rows, n). Values are moved to 0 to 1 first: no power of them overflows, and
    a large common level costs no digits."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        low, high = lowest(x, -1)[:, None], highest(x, -1)[:, None]
        if not np.isfinite(high - low).all() and np.isfinite(high).any():
            x, low, high = x / 4, low / 4, high / 4
        z = x - low
        z /= high - low
        missing = np.isnan(x)
        n = (x.shape[1] - np.count_nonzero(missing, axis=1)).astype(np.float64)
        has_gaps = bool(missing.any())
        spare = _spare(x.shape[1])
        above = 2.0**spare
        if has_gaps:
            z[missing] = 0.0
        z -= (_total(z, above, spare, -1) / n)[:, None]
        if has_gaps:
            z[missing] = 0.0
        square = z * z
        second = _total(square, above, spare, -1) / n
        z *= square
        third = _total(z, above, spare, -1) / n
        square *= square
        fourth = _total(square, above, spare, -1) / n
        skew = np.sqrt(n * (n - 1)) / (n - 2) * third / (second * np.sqrt(second))
        excess = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * fourth / (second * second) - 3 * (n - 1))
    return np.where(n >= 3, skew, np.nan), np.where(n >= 4, excess, np.nan)
