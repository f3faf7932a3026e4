"""Rows of the index tables from the arrays of one edition: tree, stages, parameters, scores, contributions.

Not here: computing them (stages, score, contribute), the robustness tables (robust).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.index.describe import short
from pipelines.index.panel import PROVENANCE, Panel
from pipelines.index.period import period_frame
from pipelines.index.rank import Floats, rank_descending
from pipelines.index.score import Methods, NodeScores, effective_weights, nominal_shares
from pipelines.index.stages import Stages
from pipelines.index.tree import Tree
from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Indicator
from warehouse.catalogue.method.weight import EqualWeights, GivenWeights
from warehouse.rounding import round_significant

Key = Mapping[str, str]


def node_frame(
    key: Key, tree: Tree, index: Index, methods: Methods, scores: NodeScores, indicators: Mapping[str, Indicator]
) -> pl.DataFrame:
    """The tree: one row per node in the columns of `index_node`. The declared weight is missing where the method
    computes it, shares where it sets them per area or period."""
    shares = nominal_shares(tree, scores, methods)
    rows = []
    for ordinal, node in enumerate(tree.declared):
        given = index.nodes.get(node)
        leaf = node not in tree.children
        indicator_id = (given.indicator or node) if given is not None and leaf else None
        names = given if given is not None and given.name_en else index if node == tree.root else None
        labels = names or (indicators[indicator_id] if indicator_id else None)
        weighting = methods.weighting[tree.parent[node]] if node in tree.parent else None
        is_declared = weighting is None or isinstance(weighting, (GivenWeights, EqualWeights))
        share, effective = round_significant(np.array(shares[node]))
        rows.append(
            {
                **key,
                "node_id": node,
                "parent_id": tree.parent.get(node),
                "node_level": tree.level[node],
                "node_kind": tree.kind(node),
                "indicator_id": indicator_id,
                "name_en": labels.name_en if labels else node,
                "name_zh": labels.name_zh if labels else node,
                "direction": methods.direction[node] if leaf else None,
                "weight": tree.weight[node] if is_declared else None,
                "weight_in_parent": None if np.isnan(share) else float(share),
                "weight_effective": None if np.isnan(effective) else float(effective),
                "normalisation": short((given.normalise if given else None) or index.method.normalise)
                if leaf
                else None,
                "aggregation": None if leaf else short(methods.aggregation[node]),
                "coverage_threshold": methods.threshold[node],
                "ordinal": ordinal,
            }
        )
    return pl.DataFrame(rows, schema=_NODE_SCHEMA).sort("node_id")


def input_frame(
    key: Key, tree: Tree, index: Index, panel: Panel, stages: Stages, scores: NodeScores,
    indicators: Mapping[str, Indicator],
) -> pl.DataFrame:  # fmt: skip
    """Every stage of every cell: one row per leaf, area and period in the columns of `index_input`."""
    leaves, data = tree.leaves, stages.data
    weight = effective_weights(tree, scores)
    unit = [indicators[index.nodes[leaf].indicator or leaf].unit for leaf in leaves]
    row = pl.Series(_flat(panel.row))
    place = row.set(row < 0, None)
    origin = [panel.observations[name].gather(place) for name in PROVENANCE]
    frame = _grid(key, leaves, panel)
    repeated = np.repeat(np.arange(len(leaves)), frame.height // max(len(leaves), 1))
    return frame.with_columns(
        _column("raw", data["raw"]),
        _column("denominated", data["denominate"]),
        _column("imputed", data["impute"]),
        _column("treated", data["treat"]),
        _column("normalised", data["normalise"]),
        _column("weight_effective", np.stack([weight[leaf] for leaf in leaves], axis=-1)),
        pl.Series("is_imputed", _flat(stages.is_imputed)),
        _imputed_from(panel, stages),
        pl.Series("is_treated", _flat(stages.is_treated)),
        _input_note(stages),
        pl.Series("unit_id", unit, dtype=pl.String).gather(repeated),
    ).with_columns(origin)


def parameter_frame(
    key: Key, tree: Tree, panel: Panel, stages: Stages, methods: Methods, scores: NodeScores
) -> pl.DataFrame:
    """Every estimated or given number: one row per node, period ('' for all) and parameter in the columns of
    `index_parameter`."""
    rows: list[tuple[str, str, str, float]] = []

    def add(nodes: list[str], name: str, values: Floats) -> None:
        """Values (1 or periods, nodes); one number for all periods stands under the empty period."""
        periods = panel.periods if len(values) == len(panel.periods) > 1 else [""] * len(values)
        for period, line in zip(periods, values, strict=True):
            rows.extend((node, period, name, float(x)) for node, x in zip(nodes, line, strict=True) if not np.isnan(x))

    for places, parameters in stages.parameters:
        for name, values in parameters.items():
            add([tree.leaves[place] for place in places], name, values)
    for node, parameters in scores.parameters.items():
        children = list(tree.children[node])
        if not isinstance(methods.weighting[node], (GivenWeights, EqualWeights)):
            add(children, "weight", scores.weights[node][:, 0, :])
        for name, values in parameters.items():
            add(children if values.shape[-1] == len(children) else [node], name, values)
    if stages.screened is not None:
        shares = {"availability": stages.screened.availability, "non_zero": stages.screened.non_zero}
        for name, values in shares.items():
            kept = values if (values != values[:1]).any() else values[:1]
            for place, area in enumerate(panel.areas):
                add([tree.root], f"{name} {area}", kept[:, place, None])
    schema = {"node_id": pl.String, "time_period": pl.String, "parameter": pl.String, "parameter_value": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    rounded = pl.Series("parameter_value", round_significant(frame["parameter_value"].to_numpy()))
    return _keyed(key, frame.with_columns(rounded)).sort("node_id", "time_period", "parameter")


def score_frame(key: Key, tree: Tree, panel: Panel, scores: NodeScores, version: str) -> pl.DataFrame:
    """Scores, ranks and coverage: one row per node, area and period in the columns of `index_score`."""
    nodes = tuple(sorted(tree.declared))
    score = round_significant(np.stack([scores.score[node] for node in nodes], axis=-1))
    ranks, counted = rank_descending(np.moveaxis(score, 2, 1))
    ranks = np.moveaxis(ranks, 1, 2)
    ranked = np.broadcast_to(counted[:, None, :], ranks.shape)
    frame = _grid(key, nodes, panel)
    each = np.repeat(np.arange(len(nodes)), frame.height // len(nodes))
    rank = pl.Series("score_rank", _flat(ranks).astype(np.int32))
    covered = [np.broadcast_to(scores.coverage[node], score.shape[:2]) for node in nodes]
    return frame.with_columns(
        pl.Series("node_level", [tree.level[node] for node in nodes], dtype=pl.Int32).gather(each),
        pl.Series("node_kind", [tree.kind(node) for node in nodes], dtype=pl.String).gather(each),
        pl.Series("score", _flat(score), nan_to_null=True),
        rank.set(rank == 0, None),
        pl.Series("areas_ranked", _flat(ranked).astype(np.int32)),
        _column("coverage", np.stack(covered, axis=-1)),
        pl.lit(version).alias("method_version"),
    )


def contribution_frame(key: Key, tree: Tree, panel: Panel, parts: Mapping[str, Floats]) -> pl.DataFrame:
    """What each node did to the change of the index: one row per node, area and period with a change, in the columns of
    `index_contribution`. In: by node (periods - 1, areas), NaN where the index did not change from score to score."""
    nodes = tuple(sorted(tree.declared))
    empty = np.full((1, len(panel.areas)), np.nan)
    stacked = np.stack([np.concatenate([empty, parts[node]]) for node in nodes], axis=-1)
    whole = stacked[:, :, nodes.index(tree.root)][..., None]
    with np.errstate(all="ignore"):
        share = np.where(whole != 0, stacked / np.where(whole != 0, whole, 1.0), np.nan)
    frame = _grid(key, nodes, panel)
    each = np.repeat(np.arange(len(nodes)), frame.height // len(nodes))
    previous = pl.Series("previous_period", [None, *panel.periods[:-1]], dtype=pl.String)
    positions = np.tile(np.arange(len(panel.periods)), len(nodes) * len(panel.areas))
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


def _keyed(key: Key, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(*(pl.lit(value).alias(name) for name, value in key.items()), pl.all())


def _grid(key: Key, nodes: tuple[str, ...], panel: Panel) -> pl.DataFrame:
    """One row per node, area and period, in key order: nodes must be sorted, areas and periods are."""
    periods, areas = panel.periods, panel.areas
    n, a, p = len(nodes), len(areas), len(periods)
    spread = pl.DataFrame(
        {
            "node_id": pl.Series(nodes, dtype=pl.String).gather(np.repeat(np.arange(n), a * p)),
            "ref_area": pl.Series(areas, dtype=pl.String).gather(np.tile(np.repeat(np.arange(a), p), n)),
            "time_period": pl.Series(periods, dtype=pl.String).gather(np.tile(np.arange(p), n * a)),
        }
    )
    dates = period_frame(periods)
    return _keyed(key, spread).join(dates, on="time_period", how="left", maintain_order="left")


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """(periods, areas, nodes) in the row order of `_grid`."""
    return np.ascontiguousarray(values.transpose(2, 1, 0)).reshape(-1)


def _column(name: str, values: Floats) -> pl.Series:
    return pl.Series(name, round_significant(_flat(values)), nan_to_null=True)


def _imputed_from(panel: Panel, stages: Stages) -> pl.Series:
    """The period that a filled cell comes from; two of them for a line between neighbours; NULL for none."""
    n = len(panel.periods) + 1
    code = _flat(stages.before + 1) * n + _flat(stages.after + 1)
    names = ("", *panel.periods)

    def text(code: int) -> str | None:
        ends = dict.fromkeys(name for name in (names[code // n], names[code % n]) if name)
        return " ".join(ends) or None

    return _worded("imputed_from", code, text)


def _input_note(stages: Stages) -> pl.Series:
    """What happened to a cell, in a few words; NULL where nothing did."""
    texts: list[str] = [""]
    code = np.zeros(stages.is_imputed.shape, dtype=np.int64)
    for text, mask in {"missing": np.isnan(stages.data["raw"]), **stages.notes}.items():
        here = code[mask]
        for old in np.unique(here):
            texts.append(f"{texts[old]}; {text}" if texts[old] else text)
            here[here == old] = -len(texts)
        code[mask] = -1 - here
    return _worded("input_note", _flat(code), lambda place: texts[place] or None)


def _worded(name: str, code: NDArray[np.int64], text: Callable[[int], str | None]) -> pl.Series:
    """A text for every code that occurs, gathered in the order of the codes."""
    used = np.flatnonzero(np.bincount(code))
    words = pl.Series(name, [text(int(each)) for each in used], dtype=pl.String)
    return words.gather(np.searchsorted(used, code))


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
