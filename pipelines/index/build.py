"""One edition of one index: from observations to the rows of the index tables.

Not here: the stages (stages), the tree (score), the rows of the tables (tabulate, robust), growth and comparisons of
the result, writing tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.index.contribute import contribute
from pipelines.index.describe import method_words
from pipelines.index.losses import IndexWarning, losses, screened_out
from pipelines.index.rank import Floats
from pipelines.index.rebase import rebase, splice
from pipelines.index.robust import Model, coherence_frame, model_of, robustness_frames
from pipelines.index.score import NodeScores
from pipelines.index.stages import inputs_of
from pipelines.index.tabulate import contribution_frame, input_frame, node_frame, parameter_frame, score_frame
from pipelines.index.tree import tree_of
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Edition, Index, Variant
from warehouse.catalogue.indicator import Area, Indicator
from warehouse.rounding import round_significant

TABLES = (
    "index_edition", "index_node", "index_input", "index_parameter", "index_score", "index_contribution",
    "rank_interval", "sensitivity", "coherence",
)  # fmt: skip


@dataclass(frozen=True)
class EditionResult:
    """Rows of one edition in the columns and order of the release tables, without release_id, sorted by key; what was
    lost, and the areas that were screened out."""

    index_edition: pl.DataFrame
    index_node: pl.DataFrame
    index_input: pl.DataFrame
    index_parameter: pl.DataFrame
    index_score: pl.DataFrame
    index_contribution: pl.DataFrame
    rank_interval: pl.DataFrame
    sensitivity: pl.DataFrame
    coherence: pl.DataFrame
    warnings: tuple[IndexWarning, ...]
    screened_out: tuple[str, ...]


def edition_of(index: Index, variant: Variant) -> Edition:
    """The edition that a variant is built as: its own id and names, the as_of and periods of the edition
    it names."""
    base = next((each for each in index.editions if each.id == variant.edition), index.editions[-1])
    return Edition(id=variant.id, name_en=variant.name_en, name_zh=variant.name_zh, as_of=base.as_of, to=base.to)


def build_edition(
    index_id: str,
    index: Index,
    edition: Edition | Variant,
    observations: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    areas: Mapping[str, Area],
    as_of: date | None = None,
    continued: pl.DataFrame | None = None,
) -> EditionResult:
    """Compute one edition (or variant) of an index.

    In: observations, one row per (indicator_id, ref_area, freq, time_period) in the columns of the `observation` table,
    as known at the edition's as_of (choosing them is the caller's part; `as_of` overrides the date shown); `continued`,
    the `index_score` rows of the index that this one is spliced onto.
    Out: see EditionResult. Missing is NULL; numbers are rounded to 12 significant digits before ranks are taken.
    Raises IndexhouseError, naming index and edition, where the index cannot be computed at all: an unknown indicator,
    no area, weights that cannot be estimated, bounds that no weight satisfies.
    """
    variant_of = None
    if isinstance(edition, Variant):
        base = next((each.id for each in index.editions if each.id == edition.edition), index.editions[-1].id)
        variant, edition = edition, edition_of(index, edition)
        index, variant_of = index.with_changes(variant.changes), base
    try:
        model = edition_model(index_id, index, edition, observations, indicators, areas)
        scores, factor, changes = published_scores(index, model, continued)
        key = {"index_id": index_id, "edition_id": edition.id}
        parts = _contributions(model, scores, factor, changes)
        intervals, sensitivity = robustness_frames(key, index, model, scores)
    except IndexhouseError as error:
        text = str(error)
        where = "" if text.startswith(f"index {index_id}") else f"index {index_id}, edition {edition.id}: "
        raise type(error)(f"{where}{text}") from None
    tree, panel, stages = model.tree, model.inputs.panel, model.stages
    version = index.method_version()
    en, zh = method_words(index, index.base_period)
    row = key | {
        "name_en": edition.name_en or f"{index.name_en} {edition.id}",
        "name_zh": edition.name_zh or f"{index.name_zh} {edition.id}",
        "variant_of": variant_of,
        "as_of": as_of or edition.as_of,
        "first_period": panel.periods[0],
        "last_period": panel.periods[-1],
        "base_period": index.base_period,
        "method_version": version,
        "method_en": en,
        "method_zh": zh,
    }
    return EditionResult(
        pl.DataFrame([row], schema=_EDITION_SCHEMA),
        node_frame(key, tree, index, model.methods, scores, indicators),
        input_frame(key, tree, index, panel, stages, scores, indicators),
        parameter_frame(key, tree, panel, stages, model.methods, scores),
        score_frame(key, tree, panel, scores, version),
        contribution_frame(key, tree, panel, parts),
        intervals,
        sensitivity,
        coherence_frame(key, index, model, scores),
        tuple(losses(index_id, edition.id, tree, panel, stages, scores)),
        screened_out(panel, stages),
    )


def edition_model(
    index_id: str,
    index: Index,
    edition: Edition,
    observations: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    areas: Mapping[str, Area],
) -> Model:
    """Stages and scores. An edition without an end of its own ends with the newest period in which the index has a
    score: some indicators are always out before the others."""
    if not index.area_ids(areas):
        raise IndexhouseError(f"index {index_id}: no area matches 'areas'; name them or change the filter")
    tree = tree_of(index_id, index)
    for leaf in tree.leaves:
        if (index.nodes[leaf].indicator or leaf) not in indicators:
            raise IndexhouseError(f"index {index_id}: node '{leaf}' has no known indicator; declare it or rename")
    last = edition.to or index.periods.last
    model = model_of(tree, index, inputs_of(tree, index, observations, indicators, areas, last), indicators)
    scored = np.flatnonzero(~np.isnan(model.scores.score[index_id]).all(axis=1))
    periods = model.inputs.panel.periods
    if edition.to is None and len(scored) and scored[-1] + 1 < len(periods):
        inputs = inputs_of(tree, index, observations, indicators, areas, periods[scored[-1]])
        model = model_of(tree, index, inputs, indicators)
    return model


def published_scores(index: Index, model: Model, continued: pl.DataFrame | None) -> tuple[NodeScores, Floats, Floats]:
    """Scores after splicing and rebasing, the factor (areas) between them and the scores of the method, and where
    (periods, areas) the index is this framework's own."""
    scores, panel, root = model.scores, model.inputs.panel, model.tree.root
    found = dict(scores.score)
    factor = np.ones(len(panel.areas))
    own = np.ones(found[root].shape, dtype=bool)
    notes = {node: dict(texts) for node, texts in scores.notes.items()}
    if index.splice is not None and continued is not None:
        earlier = _earlier(continued, panel.periods, panel.areas)
        places = [panel.periods.index(period) for period in index.splice.periods if period in panel.periods]
        spliced = splice(found[root], earlier, places)
        lost = ~np.isnan(found[root]) & np.isnan(spliced.scores)
        notes.setdefault(root, {})["no score of both on the overlap, so it cannot be spliced"] = lost
        found[root], factor, own = spliced.scores, spliced.factor, ~spliced.is_old
    if index.rebase is not None:
        place = panel.periods.index(index.rebase.period) if index.rebase.period in panel.periods else -1
        for node in model.tree.children:
            done = rebase(found[node], place, index.rebase.value)
            lost = ~np.isnan(found[node]) & np.isnan(done.scores)
            notes.setdefault(node, {})[f"no score above 0 in {index.rebase.period}, so it cannot be rebased"] = lost
            found[node] = done.scores
            factor = factor * done.factor if node == root else factor
    return scores._replace(score=found, notes=notes), factor, own


def _earlier(continued: pl.DataFrame, periods: tuple[str, ...], areas: tuple[str, ...]) -> Floats:
    """Scores (periods, areas) of the root of the index that is continued."""
    found = np.full((len(periods), len(areas)), np.nan)
    period = {name: place for place, name in enumerate(periods)}
    area = {name: place for place, name in enumerate(areas)}
    rows = continued.filter(pl.col("node_kind") == "index").select("time_period", "ref_area", "score")
    for when, where, score in rows.iter_rows():
        if when in period and where in area and score is not None:
            found[period[when], area[where]] = score
    return found


def _contributions(model: Model, scores: NodeScores, factor: Floats, own: Floats) -> dict[str, Floats]:
    """Contributions to the change of the published (rounded) index; none where a period is another framework's."""
    published = round_significant(scores.score[model.tree.root])
    with np.errstate(all="ignore"):
        parts = contribute(model.tree, model.scores, model.methods.aggregation, published / factor)
    both = own[1:].astype(bool) & own[:-1].astype(bool)
    return {node: np.where(both, part * factor, np.nan) for node, part in parts.items()}


_EDITION_SCHEMA = {
    "index_id": pl.String,
    "edition_id": pl.String,
    "name_en": pl.String,
    "name_zh": pl.String,
    "variant_of": pl.String,
    "as_of": pl.Date,
    "first_period": pl.String,
    "last_period": pl.String,
    "base_period": pl.String,
    "method_version": pl.String,
    "method_en": pl.String,
    "method_zh": pl.String,
}
