"""Rounding to 12 significant digits: what decides a tie and what is written, the same on every machine.

Not here: decimals as printed by a provider (pipelines.sources.numbers).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT_DIGITS = 12
EXACT_POWER = 22  # beyond it a power of ten is no longer an exact double


def round_significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to 12 significant digits; NaN and infinity stay, -0 becomes 0.

    In/Out: any shape. Uses IEEE multiplication, division and rounding only, so the bytes do not depend on the machine,
    and rounding again changes nothing. Source: METHOD.md, preamble.
    """
    values = np.asarray(values, dtype=np.float64)
    powers = _powers()
    magnitude = np.abs(values)
    is_number = np.isfinite(values) & (magnitude > 0)
    exponent = np.searchsorted(powers, magnitude, side="right") - 1 - 323
    shift = np.where(is_number, SIGNIFICANT_DIGITS - 1 - exponent, 0)
    scale = powers[323 + np.clip(np.abs(shift), 0, EXACT_POWER)]
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = np.where(shift >= 0, np.rint(values * scale) / scale, np.rint(values / scale) * scale)
    out = np.where(is_number, rounded, values)
    # those few values take the exact but slow way through text
    flat, given = out.reshape(-1), values.reshape(-1)
    for place in np.flatnonzero(is_number & (np.abs(shift) > EXACT_POWER)):
        flat[place] = float(f"{given[place]:.{SIGNIFICANT_DIGITS - 1}e}")
    return np.asarray(flat.reshape(values.shape) + 0.0, dtype=np.float64)


@cache
def _powers() -> NDArray[np.float64]:
    return np.array([float(f"1e{exponent}") for exponent in range(-323, 309)])
