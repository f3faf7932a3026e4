"""Benefit of the doubt: every area is weighed the way that suits it best, as long as nobody then exceeds 1.

Not here: weights that are the same for all areas (weigh), the means (aggregate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask
from warehouse.catalogue.method.aggregate import BenefitOfTheDoubt
from warehouse.errors import IndexhouseError
from warehouse.rounding import round_significant

TOLERANCE = 1e-12
NOTHING = 1e-9  # of the largest score of a child: less counts as 0
CERTAIN = 1e-9  # how far a score may be from what the prices of the areas prove to be the most
SOLVER = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
NEGATIVE = "a child is below 0; benefit of the doubt needs scores from 0 up"
NO_SHARE = "score 0: the share bounds want a share of a child that is 0"
RAISED = "upper share bounds raised in proportion: those of the children present sum below 1"


class Doubt(NamedTuple):
    """Scores (periods, areas) from 0 to 1; the weights (periods, areas, children) that each area chose, not rescaled, 0
    for a child that takes no part; notes, text -> mask (periods, areas)."""

    scores: Floats
    weights: Floats
    notes: dict[str, Mask]


class _Best(NamedTuple):
    score: float
    weights: Floats
    notes: tuple[str, ...]


def benefit_of_the_doubt(
    scores: Floats, step: BenefitOfTheDoubt, names: Sequence[str], cells: Cells | None = None
) -> Doubt:
    """Give each area the weights that maximise its own weighted sum.

    For area i with values y_i, the weights w >= 0 maximise S = sum w y_i, subject to sum w y_k <= 1 for every area k of
    the period (or of all periods) and low S <= w y_i <= high S for each child.
    In: scores (..., periods, areas, children), from 0 up, NaN missing; ids of the children; cells, for messages.
    A missing child takes no part: it adds nothing to the sum of that area. Where the upper bounds of the children
    present sum below 1, they are raised in proportion; lower ones stay. An area with a child below 0 has no score and
    limits nobody; one without any child has none either; one whose bounds want a share of a child that is 0 (or below
    1e-9 of the largest score of that child) has score 0.
    Out: scores and weights, rounded to 12 significant digits. The score is the only one possible; weights need not be
    (least of all those of an area with score 1), and the ones taken do not depend on the order of areas or children.
    Raises: IndexhouseError where lower bounds sum above 1 or upper ones below 1, or where a program is not solved to
    nine digits.
    Source: METHOD.md section 5; Cherchye, Moesen, Rogge and Van Puyenbroeck (2007). It is solved in the shares
    p = w y_i/S: the smallest t = 1/S with sum p y_k/y_i <= t for all k, sum p = 1, low <= p <= high.
    """
    by_name = np.argsort(np.array(names), kind="stable")
    low, high = (bound[by_name] for bound in _bounds(step, names))
    pooled = 2 if step.over == "all" and scores.ndim > 2 else 1
    pools = scores[..., by_name].reshape(-1, int(np.prod(scores.shape[-1 - pooled : -1])), len(names))
    score = np.full(pools.shape[:2], np.nan)
    weights = np.zeros(pools.shape)
    notes = {text: np.zeros(pools.shape[:2], dtype=bool) for text in (NEGATIVE, NO_SHARE, RAISED)}
    for number, pool in enumerate(pools):
        present = ~np.isnan(pool)
        refused = np.asarray((pool < 0).any(axis=-1))
        notes[NEGATIVE][number] = refused
        rows = np.where(present & ~refused[:, None], pool, 0.0)
        rows = np.where(rows > NOTHING * rows.max(axis=0, initial=0.0), rows, 0.0)
        peers = _frontier(rows)
        for area in np.flatnonzero(present.any(axis=-1) & ~refused):
            best = _best(rows[area], present[area], peers, low, high)
            if best is None:
                place = _place(number * pools.shape[1] + int(area), scores.shape[:-1], cells)
                raise IndexhouseError(
                    f"benefit of the doubt of {_listed(names)}: no weights found for {place}, its scores lie too far "
                    "apart; normalise the children to a common range, or choose another aggregation"
                )
            score[number, area], weights[number, area] = best.score, best.weights
            for text in best.notes:
                notes[text][number, area] = True
    unsorted = np.empty_like(weights)
    unsorted[..., by_name] = round_significant(weights)
    shape = scores.shape[:-1]
    return Doubt(
        round_significant(score).reshape(shape),
        unsorted.reshape(scores.shape),
        {text: mask.reshape(shape) for text, mask in notes.items()},
    )


def _bounds(step: BenefitOfTheDoubt, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Lower and upper bounds of the share of each child."""
    pairs = [step.bounds.get(name, (step.low, step.high)) for name in names]
    low, high = np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])
    if low.sum() > 1 + TOLERANCE:
        raise IndexhouseError(
            f"benefit of the doubt of {_listed(names)}: the lower share bounds sum to {low.sum():.6g}, above 1; lower "
            f"them, first that of '{names[int(low.argmax())]}' ({low.max():g})"
        )
    if high.sum() < 1 - TOLERANCE:
        raise IndexhouseError(
            f"benefit of the doubt of {_listed(names)}: the upper share bounds sum to {high.sum():.6g}, below 1; raise "
            f"them, first that of '{names[int(high.argmin())]}' ({high.min():g})"
        )
    return low, high


def _frontier(rows: Floats) -> Floats:
    """The rows that no other equals or exceeds in every child, in descending order: only they can limit anybody."""
    ordered = rows[np.lexsort(rows.T[::-1])[::-1]]
    kept = np.empty_like(ordered)
    size = 0
    for row in ordered:
        if not (kept[:size] >= row).all(axis=1).any():
            kept[size] = row
            size += 1
    return kept[:size]


def _best(row: Floats, present: Mask, peers: Floats, low: Floats, high: Floats) -> _Best | None:
    """The best sum of one area and its weights (children,); None where the solver finds none."""
    notes: tuple[str, ...] = ()
    low, high = np.where(present, low, 0.0), np.where(present, high, 0.0)
    if high.sum() < 1 - TOLERANCE:
        notes = (RAISED,)
        high = np.minimum(high / high.sum(), 1.0)
    weights = np.zeros(len(row))
    counts = row > 0
    if not counts.any():
        return _Best(0.0, weights, notes)
    if (low[~counts] > 0).any() or high[counts].sum() < 1 - TOLERANCE:
        return _Best(0.0, weights, (*notes, NO_SHARE))
    found = _shares(peers[:, counts] / row[counts], low[counts], high[counts])
    if found is None:
        return None
    share, score = found
    weights[counts] = share * score / row[counts]
    return _Best(score, weights, notes)


def _shares(relative: Floats, low: Floats, high: Floats) -> tuple[Floats, float] | None:
    """The shares of the children present, and the sum S that they give; None where none are found.

    In: peers relative to the area (peers, children), all finite; bounds of the shares (children,).
    """
    from scipy.optimize import linprog

    peers, children = relative.shape
    limits: dict[str, Any] = {
        "c": np.append(np.zeros(children), 1.0),
        "A_ub": np.column_stack([relative, np.full(peers, -1.0)]),
        "b_ub": np.zeros(peers),
        "A_eq": np.append(np.ones(children), 0.0)[None, :],
        "b_eq": np.ones(1),
        "bounds": np.column_stack([np.append(low, 0.0), np.append(high, np.inf)]),
    }
    for presolve in (False, True):
        found = linprog(**limits, method="highs-ds", options={"presolve": presolve, **SOLVER})
        if found.status != 0:
            continue
        share = np.clip(found.x[:-1], low, high)
        share /= share.sum()
        reached = np.zeros(peers)
        for child in range(children):
            reached += share[child] * relative[:, child]
        most = reached.max()
        prices = np.maximum(-found.ineqlin.marginals, 0.0)
        cost = (prices[:, None] * relative).sum(axis=0) / prices.sum()
        if most - _least(cost, low, high) <= CERTAIN * most:
            return share, min(1.0, 1.0 / float(most))
    return None


def _least(cost: Floats, low: Floats, high: Floats) -> float:
    """The smallest sum of cost * share over shares within their bounds: by the dual, no t can be smaller."""
    share, left = low.copy(), 1.0 - low.sum()
    for child in np.argsort(cost, kind="stable"):
        more = min(left, high[child] - low[child])
        share[child] += more
        left -= more
    return float((share * cost).sum())


def _place(number: int, shape: tuple[int, ...], cells: Cells | None) -> str:
    """Area and period of a cell, by name where they are known."""
    *_, period, area = (0, *(int(i) for i in np.unravel_index(number, shape)))
    if cells is None:
        return f"area {area + 1} of period {period + 1}"
    return f"{cells.areas[area]} in {cells.periods[period]}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:8]) + (", ..." if len(names) > 8 else "")
