"""The chain of stages for all indicators of one index: raw, denominated, imputed, treated, normalised.

Not here: a single stage (denominate, impute, normalise), the tree above the indicators (score), frames
(build).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.index.denominate import denominate
from pipelines.index.impute import impute
from pipelines.index.normalise import Cells, normalise
from pipelines.index.panel import Panel, end_of, panel_of
from pipelines.index.period import shift_years
from pipelines.index.rank import Floats
from pipelines.index.tree import Tree
from warehouse.catalogue.index import Index, Node
from warehouse.catalogue.indicator import Indicator
from warehouse.catalogue.method import Carry, CrossSection, Denominate, Linear

Mask = NDArray[np.bool_]


@dataclass
class Chain:
    """Every stage as a named data set (periods, areas, leaves), with flags, sources and notes per cell."""

    panel: Panel
    stages: dict[str, Floats]
    is_imputed: Mask
    is_treated: Mask
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    parameters: list[tuple[str, str, str, float]]
    notes: list[tuple[str, str, Mask]] = field(default_factory=list)


def direction_of(node_id: str, node: Node, indicators: Mapping[str, Indicator]) -> int:
    """1 or -1: of the node, else of its indicator (a neutral one counts as more-is-better)."""
    return node.direction or indicators[node.indicator or node_id].direction or 1


def run_chain(
    tree: Tree,
    index: Index,
    observations: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    areas: tuple[str, ...],
    last: str | None,
) -> Chain:
    """Take the indicators of an index from observations to scores, in the order of stages that the method
    states.

    In: long observations as known at the as_of. Out: `parameters` as (leaf, period or '', name, value);
    `notes` as (leaf, text, mask of periods and areas) for what was lost on the way.
    """
    names = [index.nodes[leaf].indicator or leaf for leaf in tree.leaves]
    distinct = sorted(set(names))
    last = end_of(observations, distinct, areas, index.periods.first, last, index.freq)
    panel = panel_of(observations, distinct, areas, index.periods.first, last, index.freq)
    place = [distinct.index(name) for name in names]
    panel = Panel(
        panel.periods,
        panel.areas,
        tree.leaves,
        panel.values[:, :, place],
        panel.row[:, :, place],
        panel.observations,
    )
    shape = panel.values.shape
    chain = Chain(
        panel,
        {"raw": panel.values},
        np.zeros(shape, dtype=bool),
        np.zeros(shape, dtype=bool),
        np.full(shape, -1, dtype=np.int64),
        np.full(shape, -1, dtype=np.int64),
        [],
    )
    values = panel.values
    for stage in index.method.order:
        values = values.copy()
        for i, leaf in enumerate(tree.leaves):
            node = index.nodes[leaf]
            if stage == "denominate" and node.denominate is not None:
                values[:, :, i] = _denominated(chain, i, values[:, :, i], node.denominate, observations, index.freq)
            elif stage == "impute":
                values[:, :, i] = _imputed(chain, i, values[:, :, i], index)
            elif stage == "normalise":
                direction = direction_of(leaf, node, indicators)
                values[:, :, i] = _normalised(chain, i, values[:, :, i], direction, index)
        chain.stages[stage] = values
    return chain


def _denominated(
    chain: Chain, i: int, values: Floats, step: Denominate, observations: pl.DataFrame, freq: str
) -> Floats:
    periods = chain.panel.periods
    first, last = shift_years(periods[0], -step.lag), shift_years(periods[-1], -step.lag)
    assert first is not None and last is not None
    divisor = panel_of(observations, (step.by,), chain.panel.areas, first, last, freq).values[:, :, 0]
    quotient, lost = denominate(values, divisor, step.scale)
    chain.notes.append((chain.panel.indicators[i], f"denominator {step.by} is missing or zero", lost))
    return quotient


def _imputed(chain: Chain, i: int, values: Floats, index: Index) -> Floats:
    leaf = chain.panel.indicators[i]
    own = index.nodes[leaf].impute
    missing = np.isnan(values)
    for step in own if own is not None else index.method.impute:
        filled = impute(values, step)
        changed = np.isnan(values) & ~np.isnan(filled.values)
        for target, found in ((chain.before, filled.before), (chain.after, filled.after)):
            target[:, :, i] = np.where(changed, found, target[:, :, i])
        for text, mask in _fill_notes(step, filled.before, filled.after, changed):
            chain.notes.append((leaf, text, mask))
        values = filled.values
    chain.is_imputed[:, :, i] = missing & ~np.isnan(values)
    return values


def _fill_notes(
    step: object, before: NDArray[np.int64], after: NDArray[np.int64], changed: Mask
) -> list[tuple[str, Mask]]:
    if isinstance(step, (Carry, Linear)):
        inside = changed & (before >= 0) & (after >= 0)
        return [
            ("linear between its neighbours in time", inside),
            ("carried forward", changed & ~inside & (before >= 0)),
            ("carried back", changed & ~inside & (after >= 0)),
        ]
    if isinstance(step, CrossSection):
        return [(f"{step.statistic} of the areas in the period", changed)]
    return [("set to the given value", changed)]


def _normalised(chain: Chain, i: int, values: Floats, direction: int, index: Index) -> Floats:
    leaf = chain.panel.indicators[i]
    step = index.nodes[leaf].normalise or index.method.normalise
    done = normalise(values, direction, step, Cells(chain.panel.periods, chain.panel.areas, index.base_period))
    chain.notes += [(leaf, text, mask) for text, mask in done.notes.items()]
    periods = chain.panel.periods
    chain.parameters += [
        (leaf, periods[place] if place >= 0 else "", name, value) for place, name, value in done.parameters
    ]
    return np.where(np.isfinite(done.scores), done.scores, np.nan)
