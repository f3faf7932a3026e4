"""Scores of all nodes of a tree from those of its indicators: weights, aggregation, coverage, thresholds.

Not here: how one node is weighed (weigh) or put together (aggregate, index_number, doubt), ranks (rank), frames
(build).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pipelines.index.aggregate import aggregate, allowed, spread_weights
from pipelines.index.doubt import benefit_of_the_doubt
from pipelines.index.index_number import link
from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Notes, Parameters
from pipelines.index.stages import LeafSteps
from pipelines.index.tree import Tree
from pipelines.index.weigh import weigh
from warehouse.catalogue.base import IndexhouseError
from warehouse.catalogue.index import Index
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt, Chain, PriceIndex
from warehouse.catalogue.method.normalise import NoNormalisation

TOLERANCE = 1e-12


class Methods(NamedTuple):
    """How every node is scored: by inner node its weighting and aggregation, by node the least coverage; by leaf its
    direction and the quantities (periods, areas) that go with its prices; the leaves whose scores are values on the
    natural scale, to which no direction is applied yet; what rows and columns are."""

    weighting: Mapping[str, Any]
    aggregation: Mapping[str, Any]
    threshold: Mapping[str, float]
    direction: Mapping[str, int]
    quantity: Mapping[str, Floats]
    natural: frozenset[str]
    cells: Cells


class NodeScores(NamedTuple):
    """What a tree is scored as. By node (periods, areas): score, coverage. By inner node: the nominal shares of its
    children (periods or 1, areas or 1, children), the weights used (periods, areas, children) spread over the children
    present, where a child's score was not allowed by the method, the numbers behind estimated weights, and notes (text
    -> mask of periods and areas). By index number: what each child adds to the change from the period before (periods,
    areas, children), and notes on its cells (text -> mask of that shape).

    With runs in front the scores are (runs, periods, areas), and all that says why stays empty."""

    score: dict[str, Floats]
    coverage: dict[str, Floats]
    weights: dict[str, Floats]
    spread: dict[str, Floats]
    refused: dict[str, Mask]
    parameters: dict[str, Parameters]
    notes: dict[str, dict[str, Mask]]
    terms: dict[str, Floats]
    child_notes: dict[str, Notes]


def methods_of(
    tree: Tree, index: Index, steps: Sequence[LeafSteps], quantities: Mapping[str, Floats], cells: Cells
) -> Methods:
    """What an index says of its nodes; `steps` in the order of the tree's leaves, quantities (periods, areas) by
    indicator."""

    def own(node: str, key: str) -> Any:
        value = getattr(index.nodes[node], key) if node in index.nodes else None
        return value if value is not None else getattr(index.method, key)

    threshold = {node: own(node, "coverage") for node in tree.children}
    threshold |= {leaf: index.nodes[leaf].coverage or 0.0 for leaf in tree.leaves}
    priced = {leaf: index.nodes[leaf].quantity for leaf in tree.leaves}
    return Methods(
        {node: own(node, "weighting") for node in tree.children},
        {node: own(node, "aggregate") for node in tree.children},
        threshold,
        {leaf: step.direction for leaf, step in zip(tree.leaves, steps, strict=True)},
        {leaf: quantities[name] for leaf, name in priced.items() if name},
        natural_leaves(tree, index, steps),
        cells,
    )


def natural_leaves(tree: Tree, index: Index, steps: Sequence[LeafSteps]) -> frozenset[str]:
    """The leaves that are not normalised."""
    is_run = "normalise" in index.method.order
    named = zip(tree.leaves, steps, strict=True)
    return frozenset(leaf for leaf, step in named if not is_run or isinstance(step.normalise, NoNormalisation))


def score_tree(
    tree: Tree,
    leaf_scores: Floats,
    observed: Mask,
    methods: Methods,
    weights: Mapping[str, Floats] | None = None,
) -> NodeScores:
    """Score every node, from the leaves up.

    In: normalised scores of the leaves and where they rest on an observed (not imputed) value, both (periods, areas,
    leaves); `weights` of inner nodes (runs, 1, 1, children) take the place of those of the method, for many runs at
    once. Coverage is the weight of the indicators that were observed over the weight of all; below the threshold of a
    node its score is missing.
    Source: METHOD.md section 5.
    """
    found = NodeScores({}, {}, {}, {}, {}, {}, {}, {}, {})
    is_single = weights is None
    place = {leaf: i for i, leaf in enumerate(tree.leaves)}
    counts = is_single or any(value > 0 for value in methods.threshold.values())
    for leaf, i in place.items():
        seen = observed[:, :, i]
        score = leaf_scores[:, :, i]
        if counts:
            found.coverage[leaf] = seen.astype(np.float64)
        found.score[leaf] = np.where(seen, score, np.nan) if methods.threshold[leaf] > 0 else score
    for node in tree.upwards:
        children = tree.children[node]
        # child by child in memory, as they are worked on
        below = np.moveaxis(np.stack(np.broadcast_arrays(*(found.score[child] for child in children))), 0, -1)
        if weights is not None and node in weights:
            given = weights[node]
        else:
            nominal = np.array([tree.weight[child] for child in children])
            try:
                weighed = weigh(below, methods.weighting[node], methods.cells, children, nominal)
            except IndexhouseError as error:
                raise IndexhouseError(f"{node}: {error}") from None
            given = weighed.weights
            found.parameters[node] = weighed.parameters
        found.weights[node] = given
        whole = _scored(found, node, children, below, given, methods, is_single)
        if counts:
            total = given.sum(axis=-1)
            covered = sum(given[..., c] * found.coverage[child] for c, child in enumerate(children))
            found.coverage[node] = covered / np.where(total > 0, total, 1.0)
            if methods.threshold[node] > 0:
                whole = np.where(found.coverage[node] < methods.threshold[node] - TOLERANCE, np.nan, whole)
        found.score[node] = whole
    return found


def _scored(
    found: NodeScores,
    node: str,
    children: Sequence[str],
    below: Floats,
    weights: Floats,
    methods: Methods,
    is_single: bool,
) -> Floats:
    """The score of one node; of a single run also the weights that its children had, and what was lost."""
    step = methods.aggregation[node]
    if isinstance(step, BenefitOfTheDoubt):
        try:
            own = benefit_of_the_doubt(below, step, children, methods.cells)
        except IndexhouseError as error:
            raise IndexhouseError(f"{node}: {error}") from None
        if is_single:
            found.spread[node] = own.weights
            found.notes[node] = own.notes
        return own.scores
    if isinstance(step, (Chain, PriceIndex)):
        # a normalised score is turned already; index numbers turn what is on the natural scale
        directions = np.array([methods.direction[child] if child in methods.natural else 1 for child in children])
        priced = [methods.quantity[child] for child in children if child in methods.quantity]
        quantities = np.stack(priced, axis=-1) if isinstance(step, PriceIndex) else None
        linked = link(below, weights, step, directions, methods.cells, quantities)
        if is_single:
            found.spread[node] = linked.weights
            found.notes[node] = linked.notes
            found.terms[node] = linked.terms
            found.child_notes[node] = linked.child_notes
        return linked.scores
    if is_single:
        found.spread[node] = spread_weights(below, weights)
        refused = (found.spread[node] > 0) & ~allowed(below, step)
        found.refused[node] = np.asarray(refused.any(axis=-1))
    whole = aggregate(below, weights, step)
    if is_single:
        has_children = (found.spread[node] > 0).any(axis=-1) & ~found.refused[node]
        found.notes[node] = {f"{step.method} has no number for these scores": has_children & np.isnan(whole)}
    return whole


def effective_weights(tree: Tree, scores: NodeScores) -> dict[str, Floats]:
    """Weight (periods, areas) that each node had in the score of the root: spread weights multiplied down the
    path.

    They sum to 1 over the leaves (but for benefit of the doubt, whose weights are not rescaled); 0 for what did not
    enter, NaN where the root has no score.
    """
    weight = {tree.root: np.where(np.isnan(scores.score[tree.root]), np.nan, 1.0)}
    for node in reversed(tree.upwards):
        for place, child in enumerate(tree.children[node]):
            weight[child] = weight[node] * scores.spread[node][..., place]
    return weight


def nominal_shares(tree: Tree, scores: NodeScores, methods: Methods) -> dict[str, tuple[float, float]]:
    """By node its share in its parent and in the index, before any is spread; NaN where the method sets it per area or
    period."""
    found = {tree.root: (1.0, 1.0)}
    for node in reversed(tree.upwards):
        shares = scores.weights[node]
        fixed = shares.shape[:-1] == (1, 1) and not isinstance(methods.aggregation[node], BenefitOfTheDoubt)
        total = float(shares.sum()) if fixed else np.nan
        for place, child in enumerate(tree.children[node]):
            share = float(shares[0, 0, place]) / total if fixed else np.nan
            found[child] = (share, share * found[node][1])
    return found
