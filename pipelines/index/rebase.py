"""Move a finished series of an index to another level: a new base, or the level of an earlier framework.

Not here: the base period of a chain (index_number) or of a ratio (normalise), contributions (contribute).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Mask


class Rebased(NamedTuple):
    """Scores (periods, areas) and what they were multiplied by (areas), NaN where that cannot be told."""

    scores: Floats
    factor: Floats


class Spliced(NamedTuple):
    """Scores (periods, areas), what those of the new framework were multiplied by (areas), and which of the scores are
    those of the old one."""

    scores: Floats
    factor: Floats
    is_old: Mask


def rebase(series: Floats, position: int | None, value: float = 100.0) -> Rebased:
    """Multiply the whole series of each area so that it has `value` in a period.

    In: (periods, areas), NaN missing; position of that period, None or below 0 when there is no such period. Out: the
    series of an area without a value above 0 in the period is missing as a whole, and so is its factor. Relative
    changes stay what they were.
    Source: METHOD.md section 6.
    """
    at = np.full(series.shape[1:], np.nan)
    if position is not None and position >= 0:
        at = np.where(series[position] > 0, series[position], np.nan)
    return Rebased(series / at * value, value / at)


def splice(new: Floats, old: Floats, positions: Sequence[int]) -> Spliced:
    """Scale a new framework to the level of an old one, and let the old one stand before it.

    In: new and old (periods, areas) over the same periods, NaN missing; positions of the overlap. The factor of an area
    is the mean of the old scores over the mean of the new ones, over those overlap periods in which it has both: the
    ratio on one period, the ratio of the means (not the mean of ratios) on several.
    Out: before the first period of the overlap, and where the new framework has no score, the old scores; elsewhere
    (also where the old framework has none) the new ones times the factor. Without a common overlap period, or with a
    mean that is not above 0, an area has no factor: its new scores are missing, the old ones stand.
    Source: METHOD.md section 6.
    """
    overlap = sorted(set(positions))
    sums = np.zeros((2, *new.shape[1:]))
    for place in overlap:
        pair = np.stack([old[place], new[place]])
        sums += np.where(np.isnan(pair).any(axis=0), 0.0, pair)
    is_sound = (sums > 0).all(axis=0)
    factor = np.where(is_sound, sums[0], np.nan) / np.where(is_sound, sums[1], 1.0)
    is_before = np.arange(len(new))[:, None] < (overlap[0] if overlap else len(new))
    is_old = (is_before | np.isnan(new)) & ~np.isnan(old)
    return Spliced(np.where(is_old, old, new * factor), factor, is_old)
