"""Divide a value by the size of its area: x / (d / scale).

Not here: ratios that are indicators of their own (formula), which also check dimensions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats


def denominate(values: Floats, denominator: Floats, scale: float = 1.0) -> tuple[Floats, NDArray[np.bool_]]:
    """Divide values by denominator / scale, element by element.

    In: two arrays of one shape; the denominator is of the same area and of the same period or the stated lag.
    Out: the quotient, and where a present value was lost: a zero or missing denominator gives a missing
    value.
    Source: METHOD.md section 2.
    """
    usable = np.isfinite(denominator) & (denominator != 0)
    with np.errstate(all="ignore"):
        quotient = np.where(usable, values / np.where(usable, denominator, 1.0) * scale, np.nan)
    return quotient, ~np.isnan(values) & ~usable
