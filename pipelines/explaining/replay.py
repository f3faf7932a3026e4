"""One edition of an index computed again from the observations of its release, in all digits of a double.

The release holds numbers in 12 significant digits. What a parent is computed from are the unrounded ones, so an
explanation whose numbers can be added up needs those; that they agree with the release is checked where they are shown.
Not here: the method (pipelines.index), which numbers are shown of a cell (tree).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipelines.explaining.opened import Opened, Row
from pipelines.index.panel import Panel
from pipelines.index.rank import Floats
from pipelines.index.rebase import rebase, splice
from pipelines.index.robust import Model, model_of
from pipelines.index.scope import Mask
from pipelines.index.score import NodeScores, effective_weights
from pipelines.index.stages import LeafSteps, Stages, inputs_of
from pipelines.index.tree import Tree, tree_of
from pipelines.version import code_version
from warehouse.catalogue.index import Index
from warehouse.errors import IndexhouseError


@dataclass(frozen=True)
class Replay:
    """All numbers of one edition. `scores` are those of the method by node (periods, areas), `spliced` those after
    splicing, `published` those after rebasing too, all unrounded; `old` are the scores of the index that is continued
    (None where none is), `is_old` where they stand, `factor` (areas) what the new ones were multiplied by."""

    index_id: str
    edition: Row
    index: Index
    model: Model
    weight_used: dict[str, Floats]
    published: dict[str, Floats]
    spliced: dict[str, Floats]
    factor: Floats
    old: Floats | None
    is_old: Mask
    vintages: pl.DataFrame
    known: pl.DataFrame

    @property
    def edition_id(self) -> str:
        return str(self.edition["edition_id"])

    @property
    def as_of(self) -> date | None:
        found: date | None = self.edition["as_of"]
        return found

    @property
    def tree(self) -> Tree:
        return self.model.tree

    @property
    def panel(self) -> Panel:
        return self.model.inputs.panel

    @property
    def stages(self) -> Stages:
        return self.model.stages

    @property
    def scores(self) -> NodeScores:
        return self.model.scores

    @property
    def base_period(self) -> str | None:
        return self.index.base_period

    def steps(self, leaf: str) -> LeafSteps:
        return self.model.steps[self.tree.leaves.index(leaf)]

    def indicator_of(self, leaf: str) -> str:
        return self.index.nodes[leaf].indicator or leaf


def replay(opened: Opened, index_id: str, edition: Row) -> Replay:
    """Compute an edition again from what its release holds.

    In: its row of `index_edition`. Raises IndexhouseError where the catalogue of the manifest does not know it, or this
    version of the code cannot compute what another one could.
    """
    index = index_of(opened, index_id, edition["edition_id"])
    catalogue = opened.catalogue
    tree = tree_of(index_id, index)
    wanted = opened.needed(_indicators(index, tree))
    vintages = opened.vintages(wanted)
    known = opened.known(vintages, wanted, edition["as_of"])
    inputs = inputs_of(tree, index, known, catalogue.indicators, catalogue.areas, edition["last_period"])
    try:
        model = model_of(tree, index, inputs, catalogue.indicators)
    except IndexhouseError as error:
        raise IndexhouseError(
            f"index {index_id}, edition {edition['edition_id']}: {error} (the release was built by indexhouse "
            f"{opened.code_version}, this is {code_version()})"
        ) from None
    moved = _moved(opened, index, model)
    return Replay(
        index_id,
        edition,
        index,
        model,
        effective_weights(tree, model.scores._replace(score=moved.published)),
        *moved,
        vintages,
        known,
    )


def index_of(opened: Opened, index_id: str, edition_id: str) -> Index:
    """The declaration that an edition was built from, with the changes of a variant in it."""
    index = opened.catalogue.indices[index_id]
    for variant in index.variants:
        if variant.id == edition_id:
            return index.with_changes(variant.changes)
    return index


def _indicators(index: Index, tree: Tree) -> Any:
    for leaf in tree.leaves:
        node = index.nodes[leaf]
        yield node.indicator or leaf
        if node.denominate:
            yield node.denominate.by
        if node.quantity:
            yield node.quantity


class _Moved(NamedTuple):
    """Scores after splicing and then rebasing, those between the two, the factor of the splice (areas), the old scores
    (None without a splice) and where they stand."""

    published: dict[str, Floats]
    spliced: dict[str, Floats]
    factor: Floats
    old: Floats | None
    is_old: Mask


def _moved(opened: Opened, index: Index, model: Model) -> _Moved:
    found, panel, root = dict(model.scores.score), model.inputs.panel, model.tree.root
    old, is_old, factor = None, np.zeros(found[root].shape, dtype=bool), np.ones(len(panel.areas))
    if index.splice is not None:
        old = _earlier(opened, index.splice.index, index.splice.edition, panel)
        places = [panel.periods.index(period) for period in index.splice.periods if period in panel.periods]
        done = splice(found[root], old, places)
        found[root], factor, is_old = done.scores, done.factor, done.is_old
    between = dict(found)
    if index.rebase is not None:
        at = panel.periods.index(index.rebase.period) if index.rebase.period in panel.periods else -1
        for node in model.tree.children:
            found[node] = rebase(found[node], at, index.rebase.value).scores
    return _Moved(found, between, factor, old, is_old)


def _earlier(opened: Opened, index_id: str, edition_id: str, panel: Panel) -> Floats:
    """The published scores (periods, areas) of the index that is continued."""
    scores = np.full((len(panel.periods), len(panel.areas)), np.nan)
    for row in opened.rows(
        "select ref_area, time_period, score from index_score where index_id = $1 and edition_id = $2 "
        "and node_kind = 'index' and score is not null",
        [index_id, edition_id],
    ):
        if row["time_period"] in panel.periods and row["ref_area"] in panel.areas:
            scores[panel.periods.index(row["time_period"]), panel.areas.index(row["ref_area"])] = row["score"]
    return scores
