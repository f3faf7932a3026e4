"""Rounding to 12 significant digits, and ranks: the two together decide what is a tie.

Not here: rank as a normalisation (normalise), ranks of raw indicators among areas (compare).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DIGITS = 12
# Read from text, so that they are the nearest doubles everywhere; powers by a library differ in the last bit.
_POWERS = np.array([float(f"1e{k}") for k in range(309)])


def round_significant(values: Floats, digits: int = DIGITS) -> Floats:
    """Round to significant digits, half to even on the scaled value; NaN, 0 and what is below 1e-290 stay.

    In/Out: any shape. Everything is rounded so before it is ranked or written, so that noise in the last bits
    of a sum makes neither a difference nor a rank. Source: METHOD.md, preamble.
    """
    values = np.asarray(values, dtype=np.float64)
    size = np.abs(values)
    usable = np.isfinite(values) & (size > 1e-290)
    exponent = np.floor(np.log10(np.where(usable, size, 1.0))).astype(np.int64)
    shift = digits - 1 - exponent
    power = _POWERS[np.abs(shift)]
    with np.errstate(all="ignore"):
        up = np.round(values * power) / power
        down = np.round(values / power) * power
    return np.where(usable, np.where(shift >= 0, up, down), values)


def rank_descending(values: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank along the last axis: 1 = highest, ties share the smallest; 0 where the value is NaN.

    In: (..., areas), already rounded. Out: ranks of the same shape and the number of ranked areas (...).
    """
    present = ~np.isnan(values)
    order = np.argsort(np.where(present, -values, np.inf), axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    n = values.shape[-1]
    place = np.broadcast_to(np.arange(1, n + 1), values.shape)
    starts = np.ones(values.shape, dtype=bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    firsts = np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    ranks = np.zeros(values.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, firsts, axis=-1)
    return np.where(present, ranks, 0), present.sum(axis=-1)
