"""Which areas have enough values to stay in an index, and the shares that decide it.

Not here: the coverage of a node by observed weight (score).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask
from warehouse.catalogue.method.prepare import Screen

TOLERANCE = 1e-12  # 9 of 10 values are a share of 0.9, whatever the last bit of the quotient is


class Screened(NamedTuple):
    """Whether an area stays, its share of indicators with a value, and the share of those values that is not zero: each
    (periods, areas), 0 to 1, all periods alike when the shares are over all of them."""

    kept: Mask
    availability: Floats
    non_zero: Floats


def screen(values: Floats, step: Screen, cells: Cells) -> Screened:
    """Compare the shares of each area with the thresholds of a step.

    In: (periods, areas, indicators), NaN missing. Out: an area stays when both shares reach their thresholds, or it
    is named in `keep`, and not in `drop`; without any value its share of values that are not zero is 0.
    Source: METHOD.md section 2.
    """
    axis = (0, 2) if step.over == "all" else 2
    present = ~np.isnan(values)
    here = np.count_nonzero(present, axis=axis)
    filled = np.count_nonzero(present & (values != 0), axis=axis)
    possible = values.shape[2] * (values.shape[0] if step.over == "all" else 1)
    availability = np.broadcast_to(here / max(possible, 1), values.shape[:2])
    non_zero = np.broadcast_to(filled / np.maximum(here, 1), values.shape[:2])
    kept = (availability >= step.availability - TOLERANCE) & (non_zero >= step.non_zero - TOLERANCE)
    kept = (kept | np.isin(cells.areas, step.keep)) & ~np.isin(cells.areas, step.drop)
    return Screened(kept, availability, non_zero)
