"""Over which cells a parameter is estimated: whole panel, each period, or a frozen reference.

Not here: statistics over them (statistics), what is done with the parameters (normalise, treat, weight); what the YAML
may say (warehouse.catalogue.method.scope).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method.scope import PeriodScope, ReferenceScope

Mask = NDArray[np.bool_]
Parameters = dict[str, Floats]
"""Name of a parameter -> (1, indicators) or, where each period has its own, (periods, indicators); NaN: there is
none."""
Notes = dict[str, Mask]
"""What happened to cells, or why they have no value -> mask (periods, areas, indicators)."""


class Cells(NamedTuple):
    """What the rows and columns of a panel are: periods in time order, areas, the base period of the index, and the
    group number of each area (-1: none)."""

    periods: Sequence[str]
    areas: Sequence[str]
    base_period: str | None = None
    groups: Sequence[int] | None = None


def scope_mask(scope: object, cells: Cells) -> Mask:
    """Which cells (periods, areas) the parameters of a scope are estimated on; all True for `all` and `period`."""
    mask = np.ones((len(cells.periods), len(cells.areas)), dtype=bool)
    if isinstance(scope, ReferenceScope):
        if scope.periods:
            mask &= np.isin(cells.periods, scope.periods)[:, None]
        if scope.areas:
            mask &= np.isin(cells.areas, scope.areas)[None, :]
    return mask


def scope_cells(values: Floats, scope: object, cells: Cells, excluded: Mask | None = None) -> Floats:
    """The values that a scope's parameters rest on.

    In: (periods, areas, indicators), NaN missing; `excluded` cells count as missing. Out: (blocks, size, indicators) in
    the order of the panel, a block per period for the scope `period`, else one.
    """
    chosen = values
    if isinstance(scope, ReferenceScope):
        mask = scope_mask(scope, cells)
        chosen = values[mask][None]
        excluded = excluded[mask][None] if excluded is not None else None
    if excluded is not None:
        chosen = np.where(excluded, np.nan, chosen)
    if not isinstance(scope, PeriodScope):
        chosen = chosen.reshape(1, chosen.shape[0] * chosen.shape[1], values.shape[-1])
    return chosen


def is_per_period(scope: object) -> bool:
    """Whether every period has parameters of its own."""
    return isinstance(scope, PeriodScope)
