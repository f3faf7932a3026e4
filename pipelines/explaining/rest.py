"""What the score of a node rests on beside the scores and weights of its children: other areas, other periods.

Means need nothing else. Not here: computing scores (pipelines.index), the tree (tree).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.explaining.origin import Document
from pipelines.explaining.replay import Replay
from pipelines.explaining.stage import number
from pipelines.index.rank import Floats
from pipelines.index.statistics import total
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt, Chain, Copeland, PriceIndex, Topsis

LIMITING = 1 - 1e-9  # an area whose sum under another one's weights is 1 limits these weights


def rest_of(replay: Replay, node: str, area: int, period: int) -> Document | None:
    """All that is needed to compute a score again from its children; None where children and weights are enough."""
    step = replay.model.methods.aggregation[node]
    for kind, tell in _TELLERS.items():
        if isinstance(step, kind):
            return tell(replay, node, step, area, period)
    return None


def _children(replay: Replay, node: str) -> Floats:
    """Scores of the children (periods, areas, children) as the method has them."""
    return np.stack([replay.scores.score[child] for child in replay.tree.children[node]], axis=-1)


def _named(replay: Replay, node: str, values: Floats) -> Document:
    return {child: number(value) for child, value in zip(replay.tree.children[node], values, strict=True)}


def _copeland(replay: Replay, node: str, step: Copeland, area: int, period: int) -> Document:
    """The children's scores of every area of the period: the areas that are compared."""
    scores = _children(replay, node)[period]
    return {"areas": {name: _named(replay, node, scores[i]) for i, name in enumerate(replay.panel.areas)}}


def _topsis(replay: Replay, node: str, step: Topsis, area: int, period: int) -> Document:
    """By child its length over the scope, and the best and worst scaled score there; those of a constant child are
    left out. Closeness is far/(far + near), distances of score/length to worst and best, times weights."""
    y = _children(replay, node)
    block = (y if step.over == "all" else y[period : period + 1]).reshape(-1, y.shape[-1])
    squares = total(block * block, 0)
    length = np.sqrt(np.where(squares > 0, squares, 1.0))
    scaled = block / length
    best, worst = np.fmax.reduce(scaled, axis=0), np.fmin.reduce(scaled, axis=0)
    varies = best - worst > 1e-12 * np.maximum(np.abs(best), np.abs(worst))
    each = {
        child: {"length": number(length[i]), "best": number(best[i]), "worst": number(worst[i])}
        for i, child in enumerate(replay.tree.children[node])
        if varies[i]
    }
    return {"over": step.over, "children": each}


def _doubt(replay: Replay, node: str, step: BenefitOfTheDoubt, area: int, period: int) -> Document:
    """The weights that the area chose, bounds of the shares, and the areas that keep it from choosing better ones."""
    own = replay.scores.spread[node][period, area]
    y = _children(replay, node)
    pool = y if step.over == "all" else y[period : period + 1]
    sums = np.nansum(pool * own, axis=-1)
    limiting = [
        {"ref_area": replay.panel.areas[a], "time_period": replay.panel.periods[t if step.over == "all" else period],
         "sum": number(sums[t, a])}
        for t, a in np.argwhere(sums >= LIMITING)
    ]  # fmt: skip
    bounds = {child: list(step.bounds.get(child, (step.low, step.high))) for child in replay.tree.children[node]}
    return {"own_weights": _named(replay, node, own), "share_bounds": bounds, "limited_by": limiting}


def _base(replay: Replay, step: Chain | PriceIndex) -> int | None:
    periods = list(replay.panel.periods)
    name = step.base_period or replay.base_period or periods[0]
    return periods.index(name) if name in periods else None


def _chain(replay: Replay, node: str, step: Chain, area: int, period: int) -> Document:
    """The period that this one is linked to, its score, and of each child that takes part the values and the growth
    between the two. The link of the step is (200 + G)/(200 - G), or exp G, G the weighted mean of the growth; towards
    periods before the base its inverse."""
    base, periods = _base(replay, step), replay.panel.periods
    document: Document = {"base_period": periods[base] if base is not None else step.base_period, "value": step.value}
    if base is None or period == base:
        return document
    other = period - 1 if period > base else period + 1
    first, last = min(period, other), max(period, other)
    weights = replay.scores.weights[node]
    given = np.broadcast_to(weights, (len(periods) if weights.shape[0] > 1 else 1, 1, weights.shape[-1]))
    of_step = given[last if len(given) > 1 else 0, 0]
    y = _children(replay, node)[:, area]
    parts = []
    for place, child in enumerate(replay.tree.children[node]):
        ends = _ends(y[:, place], first, last, step.gaps)
        if ends is None:
            continue
        methods = replay.model.methods
        direction = methods.direction[child] if child in methods.natural else 1
        parts.append(
            {
                "node_id": child,
                "from": {"period": periods[ends[0]], "value": number(y[ends[0], place])},
                "to": {"period": periods[ends[1]], "value": number(y[ends[1], place])},
                "intervals": ends[1] - ends[0],
                "direction": direction,
                "growth": _growth(step, y[ends[0], place], y[ends[1], place], ends[1] - ends[0], direction),
                "weight": number(of_step[place]),
            }
        )
    return document | {
        "linked_to": periods[other],
        "score_there": number(replay.scores.score[node][other, area]),
        "step": [periods[first], periods[last]],
        "is_backwards": period < base,
        "children": parts,
    }


def _ends(values: Floats, first: int, last: int, gaps: str) -> tuple[int, int] | None:
    """Positions of the two values that the growth of a step rests on; None where the child sits out."""
    there = np.flatnonzero(values > 0)
    if gaps == "sit_out":
        return (first, last) if first in there and last in there else None
    before, after = there[there <= first], there[there >= last]
    return (int(before[-1]), int(after[0])) if len(before) and len(after) else None


def _growth(step: Chain, start: float, end: float, intervals: int, direction: int) -> float:
    if step.method == "chain_geometric":
        return float(direction * np.log(end / start) / intervals)
    if intervals == 1:
        return float(direction * (200 * ((end - start) / (end + start))))
    ratio = (end / start) ** (1 / intervals)
    return float(direction * (200 * ((ratio - 1) / (ratio + 1))))


def _price(replay: Replay, node: str, step: PriceIndex, area: int, period: int) -> Document:
    """The period compared with, its score in a chain, and of each child prices and quantities of both periods."""
    base, periods = _base(replay, step), replay.panel.periods
    document: Document = {"base_period": periods[base] if base is not None else step.base_period, "value": step.value,
                          "is_chained": step.chained}  # fmt: skip
    if base is None or (step.chained and period == base):
        return document
    other = base if not step.chained else period - 1 if period > base else period + 1
    first, last = (base, period) if not step.chained else (min(period, other), max(period, other))
    y = _children(replay, node)[:, area]
    parts = []
    for place, child in enumerate(replay.tree.children[node]):
        quantity = replay.model.methods.quantity[child][:, area]
        parts.append(
            {
                "node_id": child,
                "counts": bool(replay.scores.weights[node][0, 0, place] > 0),
                "from": {"price": number(y[first, place]), "quantity": number(quantity[first])},
                "to": {"price": number(y[last, place]), "quantity": number(quantity[last])},
            }
        )
    return document | {
        "linked_to": periods[other],
        "score_there": number(replay.scores.score[node][other, area]) if step.chained else step.value,
        "step": [periods[first], periods[last]],
        "is_backwards": step.chained and period < base,
        "children": parts,
    }


_TELLERS: dict[type, Callable[[Replay, str, Any, int, int], Document]] = {
    Copeland: _copeland,
    Topsis: _topsis,
    BenefitOfTheDoubt: _doubt,
    Chain: _chain,
    PriceIndex: _price,
}
