"""The chain of a method a second time, from values to scores and ranks, and one run of an uncertainty analysis.

Written from the formulas alone; nothing of the engine is imported.
Not here: the single steps (independent_steps); reading files and holding the engine against this (test_asem,
test_compind).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.replications.independent_steps import (
    NAN,
    Array,
    Panel,
    Step,
    Tree,
    aggregate,
    denominate,
    impute,
    normalise,
    screen,
    significant,
    treat,
)


@dataclass(frozen=True)
class Stages:
    """Every named data set on the way to the scores; `kept` tells the areas that screening left in."""

    denominated: dict[str, Array]
    imputed: dict[str, Array]
    kept: NDArray[np.bool_]
    treated: dict[str, Array]
    normalised: dict[str, Array]
    scores: dict[str, Array]
    ranks: dict[str, Array]
    coverage: dict[str, Array]


def score_tree(leaves: Mapping[str, Array], tree: Tree, aggregation: Mapping[str, Any] | str) -> dict[str, Array]:
    """Scores of every node. `aggregation` is one step for all nodes, or node -> step with the others under ''."""
    scores = dict(leaves)

    def visit(node: str) -> None:
        children = tree.children(node)
        for child in children:
            if child not in scores:
                visit(child)
        step = aggregation
        if not isinstance(aggregation, str) and "method" not in aggregation:
            step = aggregation.get(node, aggregation.get("", "arithmetic"))
        scores[node] = aggregate(
            {child: scores[child] for child in children}, {child: tree.weight(child) for child in children}, step
        )

    visit(tree.root)
    return scores


def ranks_of(scores: Array) -> Array:
    """1 = best within the period, ties share the smallest, none without a score."""
    result = np.full(scores.shape, NAN)
    for t, row in enumerate(scores):
        rounded = [significant(float(score)) for score in row]
        for a, score in enumerate(rounded):
            if not math.isnan(score):
                result[t, a] = 1 + sum(other > score for other in rounded)
    return result


def score_once(
    panel: Panel,
    tree: Tree,
    normalisation: Step | str | Mapping[str, Step | str],
    aggregation: Mapping[str, Any] | str,
    *,
    imputation: Sequence[Step | str] = (),
    treatment: Step | str = "none",
    screening: Step | None = None,
    order: Sequence[str] = ("screen", "impute", "treat", "normalise"),
    multipliers: Mapping[str, float] | None = None,
    left_out: str | None = None,
) -> dict[str, Array]:
    """One run of an uncertainty analysis with its choices made: scores of every node, (periods, areas).

    `panel` holds the values after their denominators; `normalisation` is one step, or leaf -> step; `multipliers` are
    factors on the weights of nodes, before they are rescaled among siblings; `left_out` names an indicator that the run
    leaves out: it is gone from the start, and its weight goes to its siblings.
    """
    leaves = [leaf for leaf in tree.leaves() if leaf != left_out]
    kept = _kept_nodes(tree, leaves)
    weights = {node: tree.weight(node) * (multipliers or {}).get(node, 1.0) for node in kept}
    pruned = replace(tree, parents={node: tree.parents[node] for node in tree.parents if node in kept}, weights=weights)
    stages = run_stages(
        replace(panel, values={leaf: panel.values[leaf] for leaf in leaves}),
        pruned,
        denominators={},
        order=order,
        screening=screening or {},
        imputation=imputation,
        treatment=treatment,
        normalisation=normalisation,
        aggregation=aggregation,
    )
    return stages.scores


def _kept_nodes(tree: Tree, leaves: Sequence[str]) -> set[str]:
    kept = set(leaves)
    for leaf in leaves:
        while leaf != tree.root:
            kept.add(leaf)
            leaf = tree.parents[leaf]
    return kept


def run_stages(
    panel: Panel,
    tree: Tree,
    *,
    denominators: Mapping[str, Array],
    order: Sequence[str],
    screening: Step,
    imputation: Sequence[Step | str],
    treatment: Step | str,
    normalisation: Step | str | Mapping[str, Step | str],
    aggregation: Mapping[str, Any] | str,
) -> Stages:
    """The whole chain in the order given, every data set on the way kept.

    A screened-out area has no values from then on; a stage that does not run leaves the values as they are.
    """
    observed = {leaf: values.copy() for leaf, values in panel.values.items()}
    values = dict(panel.values)
    kept = np.ones((len(panel.periods), len(panel.areas)), bool)
    denominated, imputed, excluded = dict(values), dict(values), {}
    for stage in order:
        if stage == "denominate":
            values = {leaf: denominate(x, denominators[leaf]) if leaf in denominators else x
                      for leaf, x in values.items()}  # fmt: skip
            observed = {leaf: np.where(np.isnan(values[leaf]), NAN, x) for leaf, x in observed.items()}
            denominated = dict(values)
        elif stage == "screen":
            kept = screen(replace(panel, values=values), screening)
            values = {leaf: np.where(kept, x, NAN) for leaf, x in values.items()}
        elif stage == "impute":
            values = impute(replace(panel, values=values), tree, imputation)
            values = {leaf: np.where(kept, x, NAN) for leaf, x in values.items()}
            imputed = dict(values)
        elif stage == "treat":
            done = {leaf: treat(x, treatment, tree.directions.get(leaf, 1)) for leaf, x in values.items()}
            values, excluded = {leaf: x for leaf, (x, _) in done.items()}, {leaf: e for leaf, (_, e) in done.items()}
    treated = dict(values)
    observed = {leaf: np.where(kept, x, NAN) for leaf, x in observed.items()}
    is_one = isinstance(normalisation, str) or "method" in normalisation
    normalised = {
        leaf: normalise(
            x, tree.directions.get(leaf, 1), normalisation if is_one else normalisation[leaf], panel, excluded.get(leaf)
        )
        for leaf, x in values.items()
    }
    scores = score_tree(normalised, tree, aggregation)
    return Stages(
        denominated, imputed, kept, treated, normalised, scores,
        {node: ranks_of(score) for node, score in scores.items()}, coverage_of(observed, tree),
    )  # fmt: skip


def coverage_of(observed: Mapping[str, Array], tree: Tree) -> dict[str, Array]:
    """Weight of the indicators below a node that were observed, over the weight of all of them."""
    result = {}
    for node in [tree.root, *tree.parents]:
        leaves = tree.leaves(node)
        total = np.zeros(next(iter(observed.values())).shape)
        for leaf in leaves:
            total += tree.share(leaf, node) * ~np.isnan(observed[leaf])
        result[node] = total
    return result
