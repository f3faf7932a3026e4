"""One edition of one index: from observations to the rows of the index tables.

Not here: the stages (chain), the tree (score), growth and comparisons of the result, writing tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from pipelines.index.chain import Chain, Mask, direction_of, run_chain
from pipelines.index.contribute import contribute
from pipelines.index.describe import method_words, short
from pipelines.index.panel import PROVENANCE
from pipelines.index.period import period_frame
from pipelines.index.rank import Floats, rank_descending
from pipelines.index.score import NodeScores, effective_weights, score_tree
from pipelines.index.tree import Tree, tree_of
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Edition, Index, Variant
from warehouse.catalogue.indicator import Area, Indicator, Unit
from warehouse.rounding import round_significant


@dataclass(frozen=True)
class IndexWarning:
    """Something lost on the way to a score: '' in area or period means all of them."""

    index_id: str
    edition_id: str
    node_id: str
    ref_area: str
    time_period: str
    text: str


@dataclass(frozen=True)
class EditionResult:
    """Rows of one edition in the columns and order of the release tables, without release_id, sorted by
    key."""

    index_edition: pl.DataFrame
    index_node: pl.DataFrame
    index_input: pl.DataFrame
    index_parameter: pl.DataFrame
    index_score: pl.DataFrame
    index_contribution: pl.DataFrame
    warnings: tuple[IndexWarning, ...]


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
    units: Mapping[str, Unit],
    areas: Mapping[str, Area],
    as_of: date | None = None,
) -> EditionResult:
    """Compute one edition (or variant) of an index.

    In: observations, one row per (indicator_id, ref_area, freq, time_period) in the columns of the
    `observation` table, as known at the edition's as_of (choosing them is the caller's part; `as_of`
    overrides the date shown).
    Out: see EditionResult. Missing is NULL; numbers are rounded to 12 significant digits before ranks are
    taken.
    Raises IndexhouseError where the index cannot be computed at all: an unknown indicator, no area, no
    weight.
    """
    variant_of = None
    if isinstance(edition, Variant):
        base = next((each.id for each in index.editions if each.id == edition.edition), index.editions[-1].id)
        variant, edition = edition, edition_of(index, edition)
        index, variant_of = index.with_changes(variant.changes), base
    area_ids = index.area_ids(areas)
    if not area_ids:
        raise IndexhouseError(f"index {index_id}: no area matches 'areas'; name them or change the filter")
    tree = tree_of(index_id, index)
    for leaf in tree.leaves:
        if (index.nodes[leaf].indicator or leaf) not in indicators:
            raise IndexhouseError(f"index {index_id}: node '{leaf}' has no known indicator; declare it or rename")
    chain, scores = _computed(index_id, index, edition, tree, observations, indicators, area_ids)
    steps = {node: _step(index, node) for node in tree.children}
    key = {"index_id": index_id, "edition_id": edition.id}
    version = index.method_version()
    en, zh = method_words(index, index.base_period)
    row = key | {
        "name_en": edition.name_en or f"{index.name_en} {edition.id}",
        "name_zh": edition.name_zh or f"{index.name_zh} {edition.id}",
        "variant_of": variant_of,
        "as_of": as_of or edition.as_of,
        "first_period": chain.panel.periods[0],
        "last_period": chain.panel.periods[-1],
        "base_period": index.base_period,
        "method_version": version,
        "method_en": en,
        "method_zh": zh,
    }
    return EditionResult(
        pl.DataFrame([row], schema=_EDITION_SCHEMA),
        _node_frame(key, tree, index, indicators),
        _input_frame(key, tree, index, chain, effective_weights(tree, scores), indicators),
        _parameter_frame(key, chain),
        _score_frame(key, tree, chain, scores, version),
        _contribution_frame(
            key, tree, chain, contribute(tree, scores, steps, round_significant(scores.score[index_id]))
        ),
        tuple(_warnings(index_id, edition.id, tree, chain, scores)),
    )


def _computed(
    index_id: str,
    index: Index,
    edition: Edition,
    tree: Tree,
    observations: pl.DataFrame,
    indicators: Mapping[str, Indicator],
    area_ids: tuple[str, ...],
) -> tuple[Chain, NodeScores]:
    """Stages and scores. An edition without an end of its own ends with the newest period in which the index has a
    score: some indicators are always out before the others."""
    last = edition.to or index.periods.last
    chain = run_chain(tree, index, observations, indicators, area_ids, last)
    scores = _scores(tree, index, chain)
    scored = np.flatnonzero(~np.isnan(scores.score[index_id]).all(axis=1))
    if edition.to is None and len(scored) and scored[-1] + 1 < len(chain.panel.periods):
        chain = run_chain(tree, index, observations, indicators, area_ids, chain.panel.periods[scored[-1]])
        scores = _scores(tree, index, chain)
    return chain, scores


def _step(index: Index, node: str) -> Any:
    own = index.nodes[node].aggregate if node in index.nodes else None
    return own or index.method.aggregate


def _threshold(index: Index, node: str, is_leaf: bool) -> float:
    own = index.nodes[node].coverage if node in index.nodes else None
    return own if own is not None else (0.0 if is_leaf else index.method.coverage)


def _scores(tree: Tree, index: Index, chain: Chain) -> NodeScores:
    final = chain.stages["normalise"]
    observed = ~np.isnan(final) & ~chain.is_imputed
    return score_tree(
        tree,
        {leaf: final[:, :, i] for i, leaf in enumerate(tree.leaves)},
        {leaf: observed[:, :, i] for i, leaf in enumerate(tree.leaves)},
        {node: _step(index, node) for node in tree.children},
        {node: _threshold(index, node, node not in tree.children) for node in tree.declared},
    )


def _node_frame(key: dict[str, Any], tree: Tree, index: Index, indicators: Mapping[str, Indicator]) -> pl.DataFrame:
    rows = []
    for ordinal, node in enumerate(tree.declared):
        given = index.nodes.get(node)
        leaf = node not in tree.children
        indicator_id = (given.indicator or node) if given is not None and leaf else None
        names = given if given is not None and given.name_en else index if node == tree.root else None
        labels = names or (indicators[indicator_id] if indicator_id else None)
        rows.append(
            key
            | {
                "node_id": node,
                "parent_id": tree.parent.get(node),
                "node_level": tree.level[node],
                "node_kind": tree.kind(node),
                "indicator_id": indicator_id,
                "name_en": labels.name_en if labels else node,
                "name_zh": labels.name_zh if labels else node,
                "direction": direction_of(node, given, indicators) if given is not None and leaf else None,
                "weight": tree.weight[node],
                "weight_in_parent": float(round_significant(np.array(tree.share[node]))),
                "weight_effective": float(round_significant(np.array(tree.effective[node]))),
                "normalisation": short((given.normalise if given else None) or index.method.normalise)
                if leaf
                else None,
                "aggregation": None if leaf else short(_step(index, node)),
                "coverage_threshold": _threshold(index, node, leaf),
                "ordinal": ordinal,
            }
        )
    return pl.DataFrame(rows, schema=_NODE_SCHEMA).sort("node_id")


def _grid(key: dict[str, str], nodes: tuple[str, ...], chain: Chain) -> pl.DataFrame:
    """One row per node, area and period, in key order: nodes must be sorted, areas and periods are."""
    periods, areas = chain.panel.periods, chain.panel.areas
    n, a, p = len(nodes), len(areas), len(periods)
    spread = pl.DataFrame(
        {
            "node_id": pl.Series(nodes, dtype=pl.String).gather(np.repeat(np.arange(n), a * p)),
            "ref_area": pl.Series(areas, dtype=pl.String).gather(np.tile(np.repeat(np.arange(a), p), n)),
            "time_period": pl.Series(periods, dtype=pl.String).gather(np.tile(np.arange(p), n * a)),
        }
    )
    dates = period_frame(periods)
    return spread.select(
        pl.lit(key["index_id"]).alias("index_id"), pl.lit(key["edition_id"]).alias("edition_id"), pl.all()
    ).join(dates, on="time_period", how="left", maintain_order="left")


def _flat(values: np.ndarray) -> np.ndarray:
    """(periods, areas, nodes) in the row order of `_grid`."""
    return np.ascontiguousarray(values.transpose(2, 1, 0)).reshape(-1)


def _column(name: str, values: Floats) -> pl.Series:
    return pl.Series(name, round_significant(_flat(values)), nan_to_null=True)


def _input_frame(
    key: dict[str, str],
    tree: Tree,
    index: Index,
    chain: Chain,
    weight: dict[str, Floats],
    indicators: Mapping[str, Indicator],
) -> pl.DataFrame:
    leaves, stages = tree.leaves, chain.stages
    unit = [indicators[index.nodes[leaf].indicator or leaf].unit for leaf in leaves]
    row = pl.Series(_flat(chain.panel.row))
    place = row.set(row < 0, None)
    origin = [chain.panel.observations[name].gather(place) for name in PROVENANCE]
    frame = _grid(key, leaves, chain)
    repeated = np.repeat(np.arange(len(leaves)), frame.height // max(len(leaves), 1))
    return frame.with_columns(
        _column("raw", stages["raw"]),
        _column("denominated", stages["denominate"]),
        _column("imputed", stages["impute"]),
        _column("treated", stages["treat"]),
        _column("normalised", stages["normalise"]),
        _column("weight_effective", np.stack([weight[leaf] for leaf in leaves], axis=-1)),
        pl.Series("is_imputed", _flat(chain.is_imputed)),
        _imputed_from(chain),
        pl.Series("is_treated", _flat(chain.is_treated)),
        _input_note(chain),
        pl.Series("unit_id", unit, dtype=pl.String).gather(repeated),
    ).with_columns(origin)


def _imputed_from(chain: Chain) -> pl.Series:
    """The period that a filled cell comes from; two of them for a line between neighbours; NULL for none."""
    n = len(chain.panel.periods) + 1
    code = _flat(chain.before + 1) * n + _flat(chain.after + 1)
    names = ("", *chain.panel.periods)
    used = np.flatnonzero(np.bincount(code))
    text = []
    for each in used:
        ends = dict.fromkeys(name for name in (names[each // n], names[each % n]) if name)
        text.append(" ".join(ends) or None)
    return pl.Series("imputed_from", text, dtype=pl.String).gather(np.searchsorted(used, code))


def _input_note(chain: Chain) -> pl.Series:
    """What happened to a cell, in a few words; NULL where nothing did."""
    texts: list[str] = [""]
    code = np.zeros(chain.panel.values.shape, dtype=np.int64)
    missing = np.isnan(chain.stages["raw"])
    lost = [("missing", missing[:, :, i], i) for i in range(missing.shape[2])]
    place = {leaf: i for i, leaf in enumerate(chain.panel.indicators)}
    for text, mask, i in (*lost, *((text, mask, place[leaf]) for leaf, text, mask in chain.notes)):
        here = code[:, :, i]
        for old in np.flatnonzero(np.bincount(here[mask])):
            combined = f"{texts[old]}; {text}" if texts[old] else text
            if combined not in texts:
                texts.append(combined)
            here[mask & (here == old)] = -1 - texts.index(combined)
        here[here < 0] = -1 - here[here < 0]
    names = pl.Series("input_note", [text or None for text in texts], dtype=pl.String)
    return names.gather(_flat(code))


def _parameter_frame(key: dict[str, str], chain: Chain) -> pl.DataFrame:
    rows = [
        key | {"node_id": leaf, "time_period": period, "parameter": name, "parameter_value": value}
        for leaf, period, name, value in chain.parameters
    ]
    frame = pl.DataFrame(rows, schema=_PARAMETER_SCHEMA)
    rounded = pl.Series("parameter_value", round_significant(frame["parameter_value"].to_numpy()))
    return frame.with_columns(rounded).sort("node_id", "time_period", "parameter")


def _score_frame(key: dict[str, str], tree: Tree, chain: Chain, scores: NodeScores, version: str) -> pl.DataFrame:
    nodes = tuple(sorted(tree.declared))
    score = round_significant(np.stack([scores.score[node] for node in nodes], axis=-1))
    ranks, counted = rank_descending(np.moveaxis(score, 2, 1))
    ranks = np.moveaxis(ranks, 1, 2)
    ranked = np.broadcast_to(counted[:, None, :], ranks.shape)
    frame = _grid(key, nodes, chain)
    each = np.repeat(np.arange(len(nodes)), frame.height // len(nodes))
    rank = pl.Series("score_rank", _flat(ranks).astype(np.int32))
    return frame.with_columns(
        pl.Series("node_level", [tree.level[node] for node in nodes], dtype=pl.Int32).gather(each),
        pl.Series("node_kind", [tree.kind(node) for node in nodes], dtype=pl.String).gather(each),
        pl.Series("score", _flat(score), nan_to_null=True),
        rank.set(rank == 0, None),
        pl.Series("areas_ranked", _flat(ranked).astype(np.int32)),
        _column("coverage", np.stack([scores.coverage[node] for node in nodes], axis=-1)),
        pl.lit(version).alias("method_version"),
    )


def _contribution_frame(key: dict[str, str], tree: Tree, chain: Chain, parts: dict[str, Floats]) -> pl.DataFrame:
    nodes = tuple(sorted(tree.declared))
    empty = np.full((1, len(chain.panel.areas)), np.nan)
    stacked = np.stack([np.concatenate([empty, parts[node]]) for node in nodes], axis=-1)
    whole = stacked[:, :, nodes.index(tree.root)][..., None]
    with np.errstate(all="ignore"):
        share = np.where(whole != 0, stacked / whole, np.nan)
    frame = _grid(key, nodes, chain)
    each = np.repeat(np.arange(len(nodes)), frame.height // len(nodes))
    previous = pl.Series((None, *chain.panel.periods[:-1]), dtype=pl.String)
    positions = np.tile(np.arange(len(chain.panel.periods)), frame.height // len(chain.panel.periods))
    return (
        frame.drop("period_start", "period_year")
        .with_columns(
            pl.Series("node_kind", [tree.kind(node) for node in nodes], dtype=pl.String).gather(each),
            previous.gather(positions).alias("previous_period"),
            _column("contribution", stacked),
            _column("contribution_share", share),
        )
        .filter(pl.col("contribution").is_not_null())
    )


def _warnings(index_id: str, edition_id: str, tree: Tree, chain: Chain, scores: NodeScores) -> Iterator[IndexWarning]:
    """What a reader must know: lost values and scores, one line per node, reason and area."""
    harmless = {"linear between its neighbours in time", "carried forward", "carried back"}
    raw = chain.stages["raw"]
    empty = {leaf for i, leaf in enumerate(tree.leaves) if np.isnan(raw[:, :, i]).all()}
    for leaf in sorted(empty):
        yield IndexWarning(index_id, edition_id, leaf, "", "", "no observation in any area and period")
    final = chain.stages["normalise"]
    for leaf, text, mask in chain.notes:
        without = mask & np.isnan(final[:, :, tree.leaves.index(leaf)])
        if text not in harmless and without.any():
            yield from _located(index_id, edition_id, leaf, text, without, chain)
    for node in sorted(scores.refused):
        if scores.refused[node].any():
            text = "a child's score is not above 0; state a floor or choose another aggregation"
            yield from _located(index_id, edition_id, node, text, scores.refused[node], chain)


def _located(index_id: str, edition_id: str, node: str, text: str, mask: Mask, chain: Chain) -> Iterator[IndexWarning]:
    if mask.any(axis=0).all() and len(chain.panel.areas) > 1:
        yield IndexWarning(
            index_id,
            edition_id,
            node,
            "",
            _only(np.asarray(mask.any(axis=1)), chain),
            f"{text} ({mask.sum()} cells)",
        )
        return
    for place in np.flatnonzero(mask.any(axis=0)):
        area, column = chain.panel.areas[place], mask[:, place]
        yield IndexWarning(index_id, edition_id, node, area, _only(column, chain), f"{text} ({column.sum()} cells)")


def _only(periods: np.ndarray, chain: Chain) -> str:
    return chain.panel.periods[int(periods.argmax())] if periods.sum() == 1 else ""


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
_NODE_SCHEMA = {
    "index_id": pl.String,
    "edition_id": pl.String,
    "node_id": pl.String,
    "parent_id": pl.String,
    "node_level": pl.Int32,
    "node_kind": pl.String,
    "indicator_id": pl.String,
    "name_en": pl.String,
    "name_zh": pl.String,
    "direction": pl.Int32,
    "weight": pl.Float64,
    "weight_in_parent": pl.Float64,
    "weight_effective": pl.Float64,
    "normalisation": pl.String,
    "aggregation": pl.String,
    "coverage_threshold": pl.Float64,
    "ordinal": pl.Int32,
}
_PARAMETER_SCHEMA = {
    "index_id": pl.String,
    "edition_id": pl.String,
    "node_id": pl.String,
    "time_period": pl.String,
    "parameter": pl.String,
    "parameter_value": pl.Float64,
}
