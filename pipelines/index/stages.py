"""The stages of a method for all indicators of an index: raw, screened, denominated, imputed, treated, normalised.

Indicators that share a step are worked on together. Not here: a single stage (screen, denominate, impute, treat,
normalise), the tree above the indicators (score), frames (build).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.index.denominate import denominate
from pipelines.index.impute import impute
from pipelines.index.normalise import ParameterError, normalise
from pipelines.index.panel import Panel, end_of, panel_of
from pipelines.index.period import shift_years
from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Notes, Parameters
from pipelines.index.screen import Screened, screen
from pipelines.index.treat import treat
from pipelines.index.tree import Tree
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Index, Node, area_groups
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.catalogue.method.normalise import Normalise
from warehouse.catalogue.method.prepare import (
    Denominate,
    ImputeSteps,
    NoImputation,
    NoTreatment,
    RowMean,
    Screen,
    Treat,
)

Places = NDArray[np.int64]
Number = TypeVar("Number", np.float64, np.bool_, np.int64)
STAGES = ("screen", "denominate", "impute", "treat", "normalise")
BLOCK_CELLS = 500_000  # small enough that memory freed by one block serves the next
BLOCK_LEAVES = 8  # at least: neighbours share a line of the processor's cache


class Inputs(NamedTuple):
    """All that the stages of one index work on: the panel of its indicators, what its rows and columns are, and further
    panels (periods, areas): denominators by (indicator, lag), quantities by indicator."""

    panel: Panel
    cells: Cells
    denominators: Mapping[tuple[str, int], Floats]
    quantities: Mapping[str, Floats]


class LeafSteps(NamedTuple):
    """The steps of one leaf, its own or those of the method."""

    direction: int
    parent: int
    denominate: Denominate | None
    impute: ImputeSteps
    treat: Treat
    normalise: Normalise


@dataclass
class Stages:
    """Every stage as a named data set (periods, areas, leaves), with flags, sources and notes per cell.

    `data` holds raw and each of STAGES (one that does not run equals the one before it); `before` and `after` are
    positions of the periods that a filled cell comes from, -1 for none; `parameters` are pairs of leaf positions and
    their numbers; `screened` is None where no area can be left out.
    """

    data: dict[str, Floats]
    is_imputed: Mask
    is_treated: Mask
    before: Places
    after: Places
    parameters: list[tuple[Places, Parameters]] = field(default_factory=list)
    notes: Notes = field(default_factory=dict)
    screened: Screened | None = None

    @property
    def scores(self) -> Floats:
        """What the tree is scored from: the last stage."""
        return self.data["normalise"]

    @property
    def observed(self) -> Mask:
        """Cells whose score rests on an observed, not an imputed value."""
        return ~np.isnan(self.scores) & ~self.is_imputed


def direction_of(node_id: str, node: Node, indicators: Mapping[str, Indicator]) -> int:
    """1 or -1: of the node, else of its indicator (a neutral one counts as more-is-better)."""
    return node.direction or indicators[node.indicator or node_id].direction or 1


def inputs_of(
    tree: Tree,
    index: Index,
    observations: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    areas: Mapping[str, Area],
    last: str | None,
) -> Inputs:
    """Place the observations of an index on its grid of periods and areas.

    In: long observations as known at the as_of (see `panel_of`). Out: leaves in the order of the tree; a denominator
    stands in the period in which it is used.
    """
    area_ids = index.area_ids(areas)
    names = [index.nodes[leaf].indicator or leaf for leaf in tree.leaves]
    distinct = sorted(set(names))
    first = index.periods.first
    last = end_of(observations, distinct, area_ids, first, last, index.freq)
    panel = panel_of(observations, distinct, area_ids, first, last, index.freq)
    place = [distinct.index(name) for name in names]
    panel = Panel(
        panel.periods, panel.areas, tree.leaves, panel.values[:, :, place], panel.row[:, :, place], panel.observations
    )

    def further(indicator_id: str, lag: int) -> Floats:
        begin, end = shift_years(panel.periods[0], -lag), shift_years(panel.periods[-1], -lag)
        assert begin is not None and end is not None
        return panel_of(observations, (indicator_id,), area_ids, begin, end, index.freq).values[:, :, 0]

    nodes = [index.nodes[leaf] for leaf in tree.leaves]
    divisors = {(node.denominate.by, node.denominate.lag) for node in nodes if node.denominate}
    groups = area_groups(index, area_ids, areas)
    return Inputs(
        panel,
        Cells(panel.periods, panel.areas, index.base_period, groups),
        {(by, lag): further(by, lag) for by, lag in sorted(divisors)},
        {name: further(name, 0) for name in sorted({node.quantity for node in nodes if node.quantity})},
    )


def steps_of(tree: Tree, index: Index, indicators: Mapping[str, Indicator]) -> tuple[LeafSteps, ...]:
    """The steps of every leaf, in the order of the tree's leaves."""
    parents = {node: number for number, node in enumerate(tree.upwards)}
    method = index.method
    found = []
    for leaf in tree.leaves:
        node = index.nodes[leaf]
        found.append(
            LeafSteps(
                direction_of(leaf, node, indicators),
                parents[tree.parent[leaf]],
                node.denominate,
                node.impute if node.impute is not None else method.impute,
                node.treat or method.treat,
                node.normalise or method.normalise,
            )
        )
    return tuple(found)


def run_stages(inputs: Inputs, steps: Sequence[LeafSteps], order: Sequence[str], screening: Screen) -> Stages:
    """Take the values of an index through its stages.

    In: the panel, the steps of its leaves, the order of stages (one that is not named does not run), the screening.
    Out: see Stages. What is lost or changed on the way has a note.
    Source: METHOD.md section 1.
    """
    values = inputs.panel.values
    never = np.zeros(values.shape, dtype=bool)
    nowhere = np.broadcast_to(np.int64(-1), values.shape)
    stages = Stages({"raw": values}, never, never, nowhere, nowhere)
    excluded: Mask | None = None
    for stage in order:
        if stage == "screen":
            values = _screened(stages, values, screening, inputs.cells)
        elif stage == "denominate":
            values = _denominated(stages, values, steps, inputs)
        elif stage == "impute":
            values = _imputed(stages, values, steps, inputs.cells)
        elif stage == "treat":
            values, excluded = _treated(stages, values, steps, inputs.cells)
        else:
            values = _normalised(stages, values, steps, inputs, excluded)
        stages.data[stage] = values
    # a stage that does not run, or runs later, shows the values of the stage before it
    shown = "raw"
    for stage in STAGES:
        shown = stage if stage in stages.data else shown
        stages.data.setdefault(stage, stages.data[shown])
    if "normalise" not in order:
        stages.data["normalise"] = values
    return stages


def run_scores(inputs: Inputs, steps: Sequence[LeafSteps], order: Sequence[str]) -> tuple[Floats, Mask]:
    """The last stage and which of its cells are observed, and nothing else: for panels of 10^8 cells.

    Works through blocks of indicators, several at once, so that beside the input and the result (the same size) only
    these blocks are in memory. Screening looks at all indicators at once and is not part of it.
    """
    panel = inputs.panel
    scores = np.empty(panel.values.shape)
    observed = np.empty(scores.shape, dtype=bool)
    stages = [stage for stage in order if stage != "screen"]

    def fill(block: Places | slice) -> None:
        places = np.arange(len(steps))[block].tolist()
        names = tuple(panel.indicators[place] for place in places)
        part = replace(panel, indicators=names, values=panel.values[:, :, block], row=panel.row[:, :, block])
        done = run_stages(inputs._replace(panel=part), [steps[place] for place in places], stages, Screen())
        scores[:, :, block], observed[:, :, block] = done.scores, done.observed

    periods, areas, _ = panel.values.shape
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(fill, _blocks(steps, max(BLOCK_LEAVES, BLOCK_CELLS // max(1, periods * areas)))):
            pass
    return scores, observed


def _blocks(steps: Sequence[LeafSteps], most: int) -> Iterator[Places | slice]:
    """Leaves, about so many at a time; siblings stay together where they are imputed from each other."""
    if not any(isinstance(how, RowMean) for step in steps for how in step.impute):
        yield from (slice(first, first + most) for first in range(0, len(steps), most))
        return
    parents = np.array([step.parent for step in steps])
    order = np.argsort(parents, kind="stable")
    block: list[int] = []
    for family in np.split(order, np.flatnonzero(np.diff(parents[order])) + 1):
        if block and len(block) + len(family) > most:
            yield np.array(block)
            block = []
        block += family.tolist()
    yield np.array(block)


def _sharing(keys: Sequence[object]) -> list[tuple[Places, int]]:
    """Positions that share a step, and the position of the first of them."""
    texts: dict[int, str] = {}  # one text an object: nearly all leaves have the very step of the method
    found: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        if id(key) not in texts:
            texts[id(key)] = repr(key)
        found.setdefault(texts[id(key)], []).append(place)
    return [(np.array(places), places[0]) for places in found.values()]


def _part(values: NDArray[Number], places: Places) -> NDArray[Number]:
    """The columns at these places; the array itself when they are all of them."""
    return values if len(places) == values.shape[-1] else values[:, :, places]


def _with(whole: NDArray[Number], places: Places, part: NDArray[Number]) -> NDArray[Number]:
    """An array with other columns at these places: the part itself when they are all of them, else written into
    `whole`."""
    if len(places) == whole.shape[-1]:
        return part
    whole[:, :, places] = part
    return whole


def _note(stages: Stages, notes: Notes, places: Places) -> None:
    for text, mask in notes.items():
        if mask.any():
            shape = stages.is_imputed.shape
            whole = mask if len(places) == shape[-1] else _with(np.zeros(shape, dtype=bool), places, mask)
            stages.notes[text] = stages.notes[text] | whole if text in stages.notes else whole


def _screened(stages: Stages, values: Floats, step: Screen, cells: Cells) -> Floats:
    if step == Screen():
        return values
    found = screen(values, step, cells)
    stages.screened = found
    lost = ~found.kept[:, :, None] & ~np.isnan(values)
    _note(stages, {"its area is screened out": lost}, np.arange(values.shape[-1]))
    return np.where(found.kept[:, :, None], values, np.nan)


def _denominated(stages: Stages, values: Floats, steps: Sequence[LeafSteps], inputs: Inputs) -> Floats:
    if not any(step.denominate for step in steps):
        return values
    values = values.copy()
    for places, first in _sharing([step.denominate for step in steps]):
        how = steps[first].denominate
        if how is not None:
            divisor = inputs.denominators[how.by, how.lag][:, :, None]
            part = values[:, :, places]
            values[:, :, places], lost = denominate(part, np.broadcast_to(divisor, part.shape), how.scale)
            _note(stages, {f"denominator {how.by} is missing or zero": lost}, places)
    return values


def _imputed(stages: Stages, values: Floats, steps: Sequence[LeafSteps], cells: Cells) -> Floats:
    missing = np.isnan(values)
    if not missing.any() or all(isinstance(each, NoImputation) for step in steps for each in step.impute):
        return values
    directions = np.array([step.direction for step in steps])
    parents = np.array([step.parent for step in steps])
    shared = _sharing([step.impute for step in steps])
    whole = values
    kept = stages.screened.kept[:, :, None] if stages.screened is not None else None
    if len(shared) > 1:
        whole, stages.before, stages.after = values.copy(), stages.before.copy(), stages.after.copy()
    for places, first in shared:
        part = _part(values, places)
        before, after = _part(stages.before, places), _part(stages.after, places)
        for how in steps[first].impute:
            if isinstance(how, NoImputation):
                continue
            if isinstance(how, RowMean) and len(places) < len(steps):
                # its siblings count, also those with other steps, as they were before this stage
                beside = values.copy()
                beside[:, :, places] = part
                filled = impute(beside, how, cells, directions, parents)
                filled = filled.only(places)
            else:
                filled = impute(part, how, cells, directions[places], parents[places])
            # a cell is filled once, and without a position wherever a step did not fill it
            before, after = np.maximum(before, filled.before), np.maximum(after, filled.after)
            notes = filled.notes
            part = filled.values
            if kept is not None:
                # an area that was screened out before stays out
                part, notes = np.where(kept, part, np.nan), {text: mask & kept for text, mask in notes.items()}
                before, after = np.where(kept, before, -1), np.where(kept, after, -1)
            _note(stages, notes, places)
        whole = _with(whole, places, part)
        stages.before, stages.after = _with(stages.before, places, before), _with(stages.after, places, after)
    stages.is_imputed = missing & ~np.isnan(whole)
    return whole


def _treated(stages: Stages, values: Floats, steps: Sequence[LeafSteps], cells: Cells) -> tuple[Floats, Mask | None]:
    if all(isinstance(step.treat, NoTreatment) for step in steps):
        return values, None
    directions = np.array([step.direction for step in steps])
    shared = _sharing([step.treat for step in steps])
    whole = values if len(shared) == 1 else values.copy()
    is_treated, excluded = np.zeros(values.shape, dtype=bool), None
    for places, first in shared:
        how = steps[first].treat
        if isinstance(how, NoTreatment):
            continue
        done = treat(_part(values, places), how, cells, directions[places])
        whole = _with(whole, places, done.values)
        is_treated = _with(is_treated, places, done.is_treated)
        if done.excluded is not None and done.excluded.any():
            excluded = np.zeros(values.shape, dtype=bool) if excluded is None else excluded
            excluded = _with(excluded, places, done.excluded)
        stages.parameters.append((places, done.parameters))
        _note(stages, done.notes, places)
    stages.is_treated = is_treated
    return whole, excluded


def _normalised(
    stages: Stages, values: Floats, steps: Sequence[LeafSteps], inputs: Inputs, excluded: Mask | None
) -> Floats:
    directions = np.array([step.direction for step in steps])
    shared = _sharing([step.normalise for step in steps])
    scores = values if len(shared) == 1 else np.empty(values.shape)
    for places, first in shared:
        out = None if excluded is None else _part(excluded, places)
        how = steps[first].normalise
        try:
            done = normalise(_part(values, places), directions[places], how, inputs.cells, out)
        except ParameterError as error:
            named = ", ".join(inputs.panel.indicators[places[i]] for i in error.indicators)
            raise IndexhouseError(f"{named}: {error}") from None
        stages.parameters.append((places, done.parameters))
        _note(stages, done.notes, places)
        scores = _with(scores, places, done.scores)
    return scores
