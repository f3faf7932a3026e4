"""How robust an index is: the index under other choices, and the rows of `rank_interval`, `sensitivity` and
`coherence`.

Not here: the runs themselves (simulate, sobol), correlations (cohere), which choices there are
(warehouse.catalogue.method.robustness).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipelines.index.cohere import cohere
from pipelines.index.draw import AS_IS
from pipelines.index.rank import Floats
from pipelines.index.rebase import rebase
from pipelines.index.scope import Mask
from pipelines.index.score import (
    Methods,
    NodeScores,
    effective_weights,
    methods_of,
    natural_leaves,
    nominal_shares,
    score_tree,
)
from pipelines.index.simulate import Interval, Plan, change_measure, leave_out, simulate
from pipelines.index.sobol import sensitivity
from pipelines.index.stages import Inputs, LeafSteps, Stages, run_stages, steps_of
from pipelines.index.tree import Tree
from warehouse.catalogue.index import Index
from warehouse.catalogue.indicator import Indicator
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt
from warehouse.rounding import round_significant

FEW_AREAS = 5
Key = Mapping[str, str]


class Model(NamedTuple):
    """One edition of an index, computed: tree, inputs, steps of the leaves, stages, methods of the nodes, scores."""

    tree: Tree
    inputs: Inputs
    steps: tuple[LeafSteps, ...]
    stages: Stages
    methods: Methods
    scores: NodeScores


def model_of(tree: Tree, index: Index, inputs: Inputs, indicators: Mapping[str, Indicator]) -> Model:
    """Take the inputs of an index through its stages and up its tree."""
    steps = steps_of(tree, index, indicators)
    stages = run_stages(inputs, steps, index.method.order, index.method.screen)
    methods = methods_of(tree, index, steps, inputs.quantities, inputs.cells)
    return Model(tree, inputs, steps, stages, methods, score_tree(tree, stages.scores, stages.observed, methods))


class _Staged(NamedTuple):
    """Leaf scores of one combination of choices, which of them are observed, and the leaves on their natural scale."""

    scores: Floats
    observed: Mask
    natural: frozenset[str]


class Variations:
    """Scores of an index under other choices. Stages and nominal weights of a combination are computed once."""

    def __init__(self, index: Index, model: Model, rebased: int | None = None) -> None:
        """`rebased`: position of the period that all series are rebased on."""
        self._index, self._model, self._rebased = index, model, rebased
        self._staged: dict[tuple[int, int, int], _Staged] = {
            (AS_IS, AS_IS, AS_IS): _Staged(model.stages.scores, model.stages.observed, model.methods.natural)
        }
        self._nominal: dict[tuple[tuple[int, int, int], int], Mapping[str, Floats]] = {}
        self._lock = Lock()

    def score(
        self, choice: tuple[int, int, int], weights: Mapping[str, Floats], aggregation: int, dropped: int
    ) -> dict[str, Floats]:
        """See `pipelines.index.simulate.Score`."""
        tree = self._model.tree
        leaf_scores, observed, natural = self._stage(choice)
        methods = self._methods(aggregation)._replace(natural=natural)
        if dropped != AS_IS:
            weights = self._without(choice, weights, aggregation, tree.leaves[dropped])
        found = score_tree(tree, leaf_scores, observed, methods, weights).score
        scores = {node: found[node] for node in tree.children}
        if self._rebased is not None:
            assert self._index.rebase is not None
            for node, series in scores.items():
                by_period = rebase(np.moveaxis(series, -2, 0), self._rebased, self._index.rebase.value)
                scores[node] = np.moveaxis(by_period.scores, 0, -2)
        return scores

    def _without(
        self, choice: tuple[int, int, int], weights: Mapping[str, Floats], aggregation: int, leaf: str
    ) -> dict[str, Floats]:
        """Weights with that of a leaf at 0, and that of each node above which has no other child."""
        tree = self._model.tree
        found, left_out = dict(weights), leaf
        while left_out != tree.root:
            parent = tree.parent[left_out]
            whole = found[parent] if parent in found else self._nominal_weights(choice, aggregation)[parent]
            found[parent] = whole * np.array([child != left_out for child in tree.children[parent]])
            if len(tree.children[parent]) > 1:
                break
            left_out = parent
        return found

    def _stage(self, choice: tuple[int, int, int]) -> _Staged:
        with self._lock:
            if choice not in self._staged:
                drawn, method = self._index.uncertainty, self._index.method
                assert drawn is not None
                impute, treat, normalise = choice
                changes: dict[str, Any] = {}
                if impute != AS_IS:
                    changes["impute"] = drawn.impute[impute]
                if treat != AS_IS:
                    changes["treat"] = drawn.treat[treat]
                if normalise != AS_IS:
                    changes["normalise"] = drawn.normalise[normalise]
                steps = [self._changed(leaf, step, changes) for leaf, step in zip(
                    self._model.tree.leaves, self._model.steps, strict=True)]  # fmt: skip
                done = run_stages(self._model.inputs, steps, method.order, method.screen)
                natural = natural_leaves(self._model.tree, self._index, steps)
                self._staged[choice] = _Staged(done.scores, done.observed, natural)
            return self._staged[choice]

    def _changed(self, leaf: str, step: LeafSteps, changes: Mapping[str, Any]) -> LeafSteps:
        """The steps of a leaf with the alternatives drawn; a step of its own stays."""
        node = self._index.nodes[leaf]
        return step._replace(**{key: value for key, value in changes.items() if getattr(node, key) is None})

    def _methods(self, aggregation: int) -> Methods:
        if aggregation == AS_IS:
            return self._model.methods
        assert self._index.uncertainty is not None
        drawn = self._index.uncertainty.aggregate[aggregation]
        nodes = self._index.nodes
        own = {node for node in self._model.tree.children if node in nodes and nodes[node].aggregate is not None}
        steps = {node: step if node in own else drawn for node, step in self._model.methods.aggregation.items()}
        return self._model.methods._replace(aggregation=steps)

    def _nominal_weights(self, choice: tuple[int, int, int], aggregation: int) -> Mapping[str, Floats]:
        key = (choice, aggregation)
        if key not in self._nominal:
            leaf_scores, observed, natural = self._stage(choice)
            methods = self._methods(aggregation)._replace(natural=natural)
            found = score_tree(self._model.tree, leaf_scores, observed, methods)
            self._nominal[key] = found.weights
        return self._nominal[key]


def plan_of(index: Index, model: Model, scores: NodeScores) -> Plan:
    """What the analyses need to know of an index; `scores` are the published ones (rebased)."""
    tree, methods = model.tree, model.methods
    shares = {
        node: model.scores.weights[node] / model.scores.weights[node].sum(axis=-1, keepdims=True)
        for node in tree.children
        if not isinstance(methods.aggregation[node], BenefitOfTheDoubt)
    }
    periods = model.inputs.panel.periods
    rebased = periods.index(index.rebase.period) if index.rebase and index.rebase.period in periods else None
    base = {node: scores.score[node] for node in tree.children}
    return Plan(tree.root, len(tree.leaves), base, shares, Variations(index, model, rebased).score)


def robustness_frames(key: Key, index: Index, model: Model, scores: NodeScores) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `rank_interval` and `sensitivity` of one edition, sorted by key.

    Without `uncertainty` in the index there are no intervals; each indicator is left out in any case. An index that is
    spliced onto another one is analysed as its own framework, before the splice.
    """
    if index.splice is not None:
        scores = model.scores
    plan = plan_of(index, model, scores)
    intervals = _interval_frame(key, index, model, plan)
    rows = _left_out(key, model, plan)
    if index.uncertainty is not None and index.uncertainty.sensitivity is not None:
        rows = [*rows, *_sobol(key, index, model, plan)]
    frame = pl.DataFrame(rows, schema=_SENSITIVITY_SCHEMA, orient="row")
    return intervals, frame.sort("time_period", "factor", "measure")


def _interval_frame(key: Key, index: Index, model: Model, plan: Plan) -> pl.DataFrame:
    drawn = index.uncertainty
    if drawn is None:
        return pl.DataFrame(schema=_INTERVAL_SCHEMA)
    panel = model.inputs.panel
    nodes = tuple(sorted(plan.base))
    parts = [
        _measured(measure, interval, nodes, panel.areas, panel.periods)
        for measure, interval in simulate(drawn, plan, nodes).items()
    ]
    whole = pl.concat(parts).with_columns(
        *(pl.lit(value).alias(name) for name, value in key.items()),
        pl.lit(drawn.runs, dtype=pl.Int32).alias("n_runs"),
        pl.lit(drawn.seed, dtype=pl.Int32).alias("seed"),
    )
    return whole.select(list(_INTERVAL_SCHEMA)).sort("node_id", "ref_area", "time_period", "measure")


def _measured(
    measure: str, interval: Interval, nodes: Sequence[str], areas: Sequence[str], periods: Sequence[str]
) -> pl.DataFrame:
    """Rows of one measure: those that have a point or an interval."""
    n, p, a = interval.point.shape
    names = {
        "node_id": pl.Series(nodes, dtype=pl.String).gather(np.repeat(np.arange(n), p * a)),
        "time_period": pl.Series(periods, dtype=pl.String).gather(np.tile(np.repeat(np.arange(p), a), n)),
        "ref_area": pl.Series(areas, dtype=pl.String).gather(np.tile(np.arange(a), n * p)),
    }
    numbers = {
        name: pl.Series(name, getattr(interval, name).reshape(-1), nan_to_null=True) for name in Interval._fields
    }
    frame = pl.DataFrame({**names, **numbers}).with_columns(pl.lit(measure).alias("measure"))
    return frame.filter(pl.col("point").is_not_null() | pl.col("p50").is_not_null())


def _left_out(key: Key, model: Model, plan: Plan) -> list[tuple[object, ...]]:
    """Rows of the indicators left out one by one; an index of one indicator has none."""
    if plan.leaves < 2:
        return []
    panel = model.inputs.panel
    effects = leave_out(plan)
    measure = change_measure(len(panel.areas))
    empty = (None,) * 6
    return [
        (*key.values(), period, leaf, measure, *empty, float(effects[i, t]), 1, None)
        for i, leaf in enumerate(model.tree.leaves)
        for t, period in enumerate(panel.periods)
        if not np.isnan(effects[i, t])
    ]


def _sobol(key: Key, index: Index, model: Model, plan: Plan) -> list[tuple[object, ...]]:
    """Rows of the Sobol indices, by period."""
    drawn, panel = index.uncertainty, model.inputs.panel
    assert drawn is not None and drawn.sensitivity is not None
    area = drawn.sensitivity.area
    found = sensitivity(drawn, plan, area=panel.areas.index(area) if area in panel.areas else None)
    rows: list[tuple[object, ...]] = []
    for measure, indices in found.indices.items():
        is_of_area = measure == "mean_abs_score_change" and len(panel.areas) > 1
        named = f"abs_score_change {area}" if is_of_area else measure
        for (i, factor), (t, period) in product(enumerate(found.factors), enumerate(panel.periods)):
            numbers = [float(each[i, t]) for each in indices]
            if not np.isnan(numbers[0]):
                rows.append((*key.values(), period, factor, named, *numbers, None, found.runs, drawn.seed))
    return rows


def _mean_weights(model: Model) -> dict[str, float]:
    """The weight of each leaf in the index: the nominal one, or the mean of those it had where each area or period has
    its own."""
    shares = nominal_shares(model.tree, model.scores, model.methods)
    used = effective_weights(model.tree, model.scores)
    found = {}
    for leaf in model.tree.leaves:
        own = used[leaf][~np.isnan(used[leaf])]
        mean = float(np.sort(own).sum() / len(own)) if len(own) else np.nan
        found[leaf] = shares[leaf][1] if not np.isnan(shares[leaf][1]) else mean
    return found


def coherence_frame(key: Key, index: Index, model: Model, scores: NodeScores) -> pl.DataFrame:
    """Rows of `coherence` of one edition, sorted by key: over the areas of the last period, or all areas and
    periods."""
    how = index.coherence
    root = scores.score[model.tree.root]
    over = how.over or ("last" if root.shape[1] >= FEW_AREAS else "all")
    cells = slice(-1, None) if over == "last" else slice(None)
    flat = {node: round_significant(series[cells]).reshape(-1) for node, series in model.scores.score.items()}
    rows = cohere(model.tree, flat, how, _mean_weights(model))
    frame = pl.DataFrame(rows, schema=_COHERENCE_SCHEMA, orient="row")
    named = (pl.lit(value).alias(name) for name, value in key.items())
    return frame.select(*named, pl.all()).sort("node_id", "other_node_id", "measure")


_INTERVAL_SCHEMA = {
    "index_id": pl.String,
    "edition_id": pl.String,
    "node_id": pl.String,
    "ref_area": pl.String,
    "time_period": pl.String,
    "measure": pl.String,
    "point": pl.Float64,
    "p05": pl.Float64,
    "p50": pl.Float64,
    "p95": pl.Float64,
    "signal_to_noise": pl.Float64,
    "n_runs": pl.Int32,
    "seed": pl.Int32,
}
_SENSITIVITY_SCHEMA = {
    "index_id": pl.String,
    "edition_id": pl.String,
    "time_period": pl.String,
    "factor": pl.String,
    "measure": pl.String,
    "first_order": pl.Float64,
    "first_order_low": pl.Float64,
    "first_order_high": pl.Float64,
    "total_order": pl.Float64,
    "total_order_low": pl.Float64,
    "total_order_high": pl.Float64,
    "effect": pl.Float64,
    "n_runs": pl.Int32,
    "seed": pl.Int32,
}
_COHERENCE_SCHEMA = {
    "node_id": pl.String,
    "other_node_id": pl.String,
    "measure": pl.String,
    "measure_value": pl.Float64,
    "flag": pl.String,
}
