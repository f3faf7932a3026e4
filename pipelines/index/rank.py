"""Ranks among areas, ties sharing the smallest; values are rounded (warehouse.rounding) before they are ranked.

Not here: rank as a normalisation (normalise), ranks of raw indicators among areas (compare).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
