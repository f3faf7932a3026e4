"""Index numbers over time: chains of growth rates, and price indices, with a stated value in the base period.

Not here: the ratio of one indicator to its base period (normalise), means of scores of one period (aggregate), moving a
finished series to another base (rebase).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from pipelines.index.scope import Cells, Mask, Notes
from pipelines.index.split import by_replacement, logarithmic_mean
from warehouse.catalogue.method.aggregate import Chain, IndexNumber, PriceIndex
from warehouse.errors import IndexhouseError

Gaps = Literal["bridge", "sit_out"]
Formula = Literal["laspeyres", "paasche", "fisher", "tornqvist"]
Whole = NDArray[np.int64] | int
_EMPTY = np.empty((0, 0, 0))
_ONE = np.ones(1)


class Linked(NamedTuple):
    """An index number with what it rests on.

    scores (..., periods, areas); weights (periods, areas, children), spread over the children that take part in the
    step from the period before, or without such a step over those present; terms of the same shape, what each child
    adds to the change from the period before, NaN where there is none; notes on missing scores (text -> mask of
    periods and areas), and on cells of the children (text -> mask of periods, areas, children). With runs in front
    there are scores only: the rest is empty.
    """

    scores: Floats
    weights: Floats
    terms: Floats
    notes: Notes
    child_notes: Notes


def symmetric_growth(x: Floats, direction: int = 1) -> Floats:
    """Growth from the period before against the mean of both: 200 d (x_t - x_{t-1})/(x_t + x_{t-1}).

    In: periods on axis 0, NaN missing. Out: the same shape, in percent, between -200 and 200; NaN in the first period
    and where one of the two values is missing or not above 0.
    Source: METHOD.md section 6; The Conference Board, Business Cycle Indicators.
    """
    used = _above_zero(x)
    rate = np.full(x.shape, np.nan)
    rate[1:] = direction * _symmetric(used[:-1], used[1:])
    return rate


def chain_symmetric(
    values: Floats,
    weights: Floats,
    directions: Whole = 1,
    base: int = 0,
    value: float = 100.0,
    gaps: Gaps = "sit_out",
) -> Floats:
    """Chain the weighted mean G of the symmetric growth rates: I_t = I_{t-1} (200 + G)/(200 - G).

    In: values (..., periods, areas, children), NaN missing, what is not above 0 counts as missing; weights that
    broadcast to it, not negative, any scale, with runs in front if any (those of period t count for the step to t);
    directions +1 or -1, one for all or one per child; position of the base period, in which the score is `value`:
    later periods follow by the links, earlier ones by their inverse. gaps: `sit_out`, a child takes part in a step
    when it has both its ends, and the others share its weight; `bridge`, over a gap of k periods it grows by the k-th
    root of its ratio in each.
    Out: (..., periods, areas). Missing: every period when no child has a value in the base period; else the periods
    beyond a step in which no child takes part.
    Source: METHOD.md section 6; The Conference Board, Business Cycle Indicators.
    """
    x = _above_zero(values)
    growth = _mean(directions * _symmetric(*_ends(x, gaps)), _of_steps(weights))
    with np.errstate(all="ignore"):
        links = (200 + growth) / (200 - growth)
    return _chained(links, _any_at(base, _is_there(x, gaps), weights), base, value)


def chain_geometric(
    values: Floats,
    weights: Floats,
    directions: Whole = 1,
    base: int = 0,
    value: float = 100.0,
    gaps: Gaps = "sit_out",
) -> Floats:
    """Chain the weighted geometric mean of the growth ratios: I_t = I_{t-1} prod (x_t/x_{t-1})^(d w).

    In, Out and missing values as in `chain_symmetric`. Source: METHOD.md section 6.
    """
    x = _above_zero(values)
    growth = _mean(directions * _logarithmic(*_ends(x, gaps)), _of_steps(weights))
    with np.errstate(all="ignore"):
        links = np.exp(growth)
    return _chained(links, _any_at(base, _is_there(x, gaps), weights), base, value)


def laspeyres(prices: Floats, quantities: Floats, base: int = 0, value: float = 100.0, chained: bool = False) -> Floats:
    """Price index with the quantities of the earlier period: sum p_t q_0/sum p_0 q_0.

    In: prices and quantities (..., periods, areas, children), NaN missing; a price counts above 0, a quantity from 0;
    position of the base period, in which the index is `value`. Straight to the base period, or `chained`: the product
    of the links from each period to the next.
    Out: (..., periods, areas). An item takes part in a comparison of two periods when it has all that the formula needs
    of it; the index is missing where no item does, and in a chain beyond such a link.
    Source: METHOD.md section 6; ILO and others, Consumer Price Index Manual, matched items.
    """
    return _price_index("laspeyres", prices, quantities, _ONE, base, value, chained)


def paasche(prices: Floats, quantities: Floats, base: int = 0, value: float = 100.0, chained: bool = False) -> Floats:
    """Price index with the quantities of the later period: sum p_t q_t/sum p_0 q_t.

    In, Out and missing values as in `laspeyres`. Source: METHOD.md section 6.
    """
    return _price_index("paasche", prices, quantities, _ONE, base, value, chained)


def fisher(prices: Floats, quantities: Floats, base: int = 0, value: float = 100.0, chained: bool = False) -> Floats:
    """Geometric mean of the Laspeyres and the Paasche price index of the same items.

    In, Out and missing values as in `laspeyres`. Source: METHOD.md section 6.
    """
    return _price_index("fisher", prices, quantities, _ONE, base, value, chained)


def tornqvist(prices: Floats, quantities: Floats, base: int = 0, value: float = 100.0, chained: bool = False) -> Floats:
    """Price index prod (p_t/p_0)^((s_0 + s_t)/2), s the shares of the items in the value p q.

    In, Out and missing values as in `laspeyres`. Source: METHOD.md section 6.
    """
    return _price_index("tornqvist", prices, quantities, _ONE, base, value, chained)


def link(
    values: Floats,
    weights: Floats,
    step: IndexNumber,
    directions: Whole,
    cells: Cells,
    quantities: Floats | None = None,
) -> Linked:
    """Compute the index number of the children of one node, with what each of them did.

    In: values (periods, areas, children), for a price index the prices, and quantities of the same shape; weights
    (periods or 1, areas or 1, children), not negative; values and weights may have runs in front. The base period is
    that of the step, else of the index, else the first. In a price index the quantities are the weights: a child with
    weight 0 is left out, all others count alike.
    Out: see Linked; a missing score has a note that names the base period or the break.
    Raises IndexhouseError for a price index without quantities, or with a child for which less is better.
    Source: METHOD.md sections 6 and 7.
    """
    name = step.base_period or cells.base_period or next(iter(cells.periods), "")
    base = list(cells.periods).index(name) if name in cells.periods else None
    runs = np.broadcast_shapes(values.shape[:-3], weights.shape[:-3])
    if base is None:
        scores = np.full((*runs, *values.shape[-3:-1]), np.nan)
    elif isinstance(step, Chain):
        chain = chain_symmetric if step.method == "chain_symmetric" else chain_geometric
        scores = chain(values, weights, directions, base, step.value, step.gaps)
    else:
        quantities = _quantities(step, quantities, directions)
        scores = _price_index(step.method, values, quantities, weights, base, step.value, step.chained)
    if runs:
        return Linked(np.broadcast_to(scores, (*runs, *scores.shape[-2:])), _EMPTY, _EMPTY, {}, {})
    if base is None:
        unknown = np.full(values.shape, np.nan)
        return Linked(
            scores, np.zeros(values.shape), unknown, {f"no value in the base period {name}": np.isnan(scores)}, {}
        )
    if isinstance(step, Chain):
        parts = _chain_parts(values, weights, step, directions, scores)
        notes = _notes(scores, base, cells.periods, True)
    else:
        parts = _price_parts(values, _quantities(step, quantities, directions), weights, step, base, scores)
        notes = _notes(scores, base, cells.periods, step.chained)
    return Linked(scores, parts[0], parts[1], notes, {text: mask for text, mask in parts[2].items() if mask.any()})


def _quantities(step: PriceIndex, quantities: Floats | None, directions: Whole) -> Floats:
    if quantities is None:
        raise IndexhouseError(f"{step.method} needs the quantities of its prices; name them with 'quantity'")
    if np.any(np.asarray(directions) < 0):
        raise IndexhouseError(f"{step.method} follows prices up and down; give its indicators 'direction: 1'")
    return quantities


def _above_zero(x: Floats) -> Floats:
    return np.where(x > 0, x, np.nan)


def _total(numbers: Floats) -> Floats:
    """Sum over the children, one by one: the bytes do not depend on how a machine adds up."""
    whole = np.zeros(numbers.shape[:-1])
    for child in range(numbers.shape[-1]):
        whole = whole + numbers[..., child]
    return whole


def _mean(rates: Floats, weights: Floats) -> Floats:
    """Weighted mean over the children that have a rate; NaN where none with a weight has. One child at a time: runs of
    weights need no array with an axis of children."""
    whole = total = np.zeros(())
    for child in range(rates.shape[-1]):
        there = ~np.isnan(rates[..., child])
        weight = np.where(there, weights[..., child], 0.0)
        total = total + weight
        whole = whole + weight * np.where(there, rates[..., child], 0.0)
    return whole / np.where(total > 0, total, np.nan)


def _of_steps(weights: Floats) -> Floats:
    """Weights of the steps to the periods after the first; those of one period are those of all."""
    return weights[..., 1:, :, :] if weights.ndim > 2 and weights.shape[-3] > 1 else weights


def _ends(x: Floats, gaps: Gaps) -> tuple[Floats, Floats, Whole]:
    """Of every step and child the two values (..., periods - 1, areas, children) that its growth rests on, and how many
    periods lie between them: more than 1 where a gap is bridged. NaN: the child sits out."""
    if gaps == "sit_out":
        return x[..., :-1, :, :], x[..., 1:, :, :], 1
    n = x.shape[-3]
    is_missing = np.isnan(x)
    place = np.arange(n)[:, None, None]
    start = np.maximum.accumulate(np.where(is_missing, -1, place), axis=-3)[..., :-1, :, :]
    end = np.minimum.accumulate(np.where(is_missing, n, place)[..., ::-1, :, :], axis=-3)[..., -2::-1, :, :]
    # before the first value and after the last, the end that is cut to the panel is a missing cell
    first, last = (np.take_along_axis(x, np.clip(at, 0, n - 1), axis=-3) for at in (start, end))
    return first, last, end - start


def _is_there(x: Floats, gaps: Gaps) -> Mask:
    """Where a child has a value or is led over a gap."""
    there = ~np.isnan(x)
    if gaps == "sit_out":
        return there
    since = np.logical_or.accumulate(there, axis=-3)
    return np.asarray(since & np.logical_or.accumulate(there[..., ::-1, :, :], axis=-3)[..., ::-1, :, :])


def _any_at(base: int, there: Mask, weights: Floats) -> Mask:
    """Areas (..., areas) in which a child with a weight is there in the base period."""
    if weights.ndim > 2:
        weights = weights[..., base if weights.shape[-3] > 1 else 0, :, :]
    return np.asarray((there[..., base, :, :] & (weights > 0)).any(axis=-1))


def _symmetric(start: Floats, end: Floats, intervals: Whole = 1) -> Floats:
    with np.errstate(all="ignore"):
        ratio = (end / start) ** (1 / np.asarray(intervals))
        return 200 * np.where(np.equal(intervals, 1), (end - start) / (end + start), (ratio - 1) / (ratio + 1))


def _logarithmic(start: Floats, end: Floats, intervals: Whole = 1) -> Floats:
    with np.errstate(all="ignore"):
        return np.log(end / start) / intervals


def _chained(links: Floats, is_there: Mask, base: int, value: float) -> Floats:
    """Scores (..., periods, areas) from the links between them, outwards from the base period."""
    links = np.where(np.isfinite(links) & (links > 0), links, np.nan)
    runs = np.broadcast_shapes(links.shape[:-2], is_there.shape[:-1])
    scores = np.full((*runs, links.shape[-2] + 1, is_there.shape[-1]), np.nan)
    scores[..., base, :] = np.where(is_there, value, np.nan)
    for t in range(base + 1, scores.shape[-2]):
        scores[..., t, :] = scores[..., t - 1, :] * links[..., t - 1, :]
    for t in range(base, 0, -1):
        scores[..., t - 1, :] = scores[..., t, :] / links[..., t - 1, :]
    return np.where(np.isfinite(scores), scores, np.nan)


Items = tuple[Floats, Floats, Floats, Floats]
"""Prices and quantities of an earlier period, prices and quantities of a later one; NaN where they cannot be used."""


def _price_index(
    formula: Formula, prices: Floats, quantities: Floats, weights: Floats, base: int, value: float, chained: bool
) -> Floats:
    p, q = _usable(prices, quantities, weights)
    ratio = _ratio(formula, _compared(p, q, base, chained))
    if not chained:
        return value * ratio
    return _chained(ratio, np.asarray((p[..., base, :, :] > 0).any(axis=-1)), base, value)


def _usable(prices: Floats, quantities: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Prices above 0 of children with a weight, and quantities from 0; NaN elsewhere."""
    counts = weights > 0
    if counts.ndim > 3 and (counts == counts.reshape(-1, *counts.shape[-3:])[0]).all():
        counts = counts.reshape(-1, *counts.shape[-3:])[0]  # runs that only scale weights give one result
    return np.where(counts & (prices > 0), prices, np.nan), np.where(quantities >= 0, quantities, np.nan)


def _compared(p: Floats, q: Floats, base: int, chained: bool) -> Items:
    """Which periods are compared: each with the one before (one period less), or each with the base period."""
    if chained:
        return p[..., :-1, :, :], q[..., :-1, :, :], p[..., 1:, :, :], q[..., 1:, :, :]
    return p[..., base : base + 1, :, :], q[..., base : base + 1, :, :], p, q


def _matched(formula: Formula, items: Items) -> Mask:
    """Items that have all that the formula needs of them in both periods."""
    p0, q0, p1, q1 = (~np.isnan(each) for each in items)
    if formula == "laspeyres":
        return np.asarray(p0 & q0 & p1)
    return np.asarray(p0 & q1 & p1 if formula == "paasche" else p0 & q0 & p1 & q1)


def _ratio(formula: Formula, items: Items, matched: Mask | None = None) -> Floats:
    """The price index of the later period on the earlier one (..., periods, areas); NaN without items of any value."""
    matched = _matched(formula, items) if matched is None else matched
    p0, q0, p1, q1 = (np.where(matched, each, 0.0) for each in items)
    with np.errstate(all="ignore"):
        if formula == "tornqvist":
            logs = np.where(matched, np.log(np.where(matched, p1 / p0, 1.0)), 0.0)
            ratio = np.exp(_total(_shares(formula, items, matched) * logs))
        else:
            by_earlier = _total(p1 * q0) / _total(p0 * q0)
            by_later = _total(p1 * q1) / _total(p0 * q1)
            mean = np.sqrt(by_earlier * by_later)
            ratio = {"laspeyres": by_earlier, "paasche": by_later, "fisher": mean}[formula]
    return np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)


def _shares(formula: Formula, items: Items, matched: Mask) -> Floats:
    """What each price ratio weighs in the comparison, summing to 1 over the matched items: the shares in p_0 q_0
    (Laspeyres) or p_0 q_t (Paasche), the mean of both (Fisher), the mean of the value shares (Tornqvist)."""
    p0, q0, p1, q1 = (np.where(matched, each, 0.0) for each in items)
    values = {"laspeyres": (p0 * q0,), "paasche": (p0 * q1,), "fisher": (p0 * q0, p0 * q1)}.get(
        formula, (p0 * q0, p1 * q1)
    )
    with np.errstate(all="ignore"):
        return sum((value / _total(value)[..., None] for value in values), np.zeros(())) / len(values)


def _chain_parts(
    values: Floats, weights: Floats, step: Chain, directions: Whole, scores: Floats
) -> tuple[Floats, Floats, Notes]:
    """Weights, terms and notes on the children of a chain: the terms are I_{t-1} 2 w g/(200 - G), or w ln r times the
    logarithmic mean of the two scores."""
    x = _above_zero(values)
    start, end, intervals = _ends(x, step.gaps)
    before, after = scores[:-1], scores[1:]
    if step.method == "chain_symmetric":
        rates = directions * _symmetric(start, end, intervals)
        with np.errstate(divide="ignore"):
            scale = np.where(np.isnan(after), np.nan, 2 * before / (200 - _mean(rates, _of_steps(weights))))
    else:
        rates = directions * _logarithmic(start, end, intervals)
        scale = logarithmic_mean(before, after)
    takes_part = ~np.isnan(rates)
    weights = np.broadcast_to(weights, values.shape)
    counted = _dated(takes_part, False) & (weights > 0)
    counted = np.where(counted.any(axis=-1, keepdims=True), counted, _is_there(x, step.gaps))
    used = _to_one(np.where(counted, weights, 0.0))
    alone = ~np.isnan(x[1:]) & ~takes_part
    notes = {
        "not above 0, so without growth": values <= 0,
        "growth over a gap, even in all its periods": _dated(takes_part & np.greater(intervals, 1), False),
        "sits out: no value in the period before": _dated(alone, False),
    }
    return used, _dated(np.where(takes_part, used[1:] * rates, 0.0) * scale[..., None], np.nan), notes


def _price_parts(
    prices: Floats, quantities: Floats, weights: Floats, step: PriceIndex, base: int, scores: Floats
) -> tuple[Floats, Floats, Notes]:
    """Weights (of the price ratios), terms and notes on the children of a price index."""
    p, q = _usable(prices, quantities, weights)
    items = _compared(p, q, base, step.chained)
    matched = _matched(step.method, items)
    used = np.where(
        matched & ~np.isnan(_ratio(step.method, items))[..., None], _shares(step.method, items, matched), 0.0
    )
    alone = ~np.isnan(p[-len(matched) :]) & ~matched
    if step.chained:
        worth = np.where(np.isnan(p * q), 0.0, p * q)
        own = _to_one(np.where(_total(worth)[..., None] > 0, worth, ~np.isnan(p)))
        used = np.where(_dated(used.any(axis=-1, keepdims=True), False), _dated(used, 0.0), own)
        alone = _dated(alone, False)
    notes = {
        "price not above 0": prices <= 0,
        "quantity below 0": quantities < 0,
        "sits out: no price and quantity to compare with": alone,
    }
    return used, _dated(_price_terms(p, q, step, base, scores), np.nan), notes


def _price_terms(p: Floats, q: Floats, step: PriceIndex, base: int, scores: Floats) -> Floats:
    """What each item adds to a change, its price and its quantity moving together; in a chain only items of the link
    move. A combination without a matched item counts as the mean of the two scores."""
    before, after = scores[:-1], scores[1:]
    p0, q0, p1, q1 = _compared(p, q, base, True)
    linked = _matched(step.method, (p0, q0, p1, q1))
    origin = p[base : base + 1], q[base : base + 1]

    def value(moved: Mask, steps: slice) -> Floats:
        chosen = moved[:, None, None, :]
        mixed = np.where(chosen, p1[steps], p0[steps]), np.where(chosen, q1[steps], q0[steps])
        if step.chained:
            # the later quantity is all that Paasche needs of an item
            mixed = mixed[0], np.where(np.isnan(mixed[1]), q1[steps], mixed[1])
            whole = before[steps] * _ratio(step.method, (p0[steps], q0[steps], *mixed), linked[steps])
        else:
            whole = step.value * _ratio(step.method, (*origin, *mixed))
        return np.where(np.isnan(whole), (before[steps] + after[steps]) / 2, whole)

    there = ~np.isnan(before) & ~np.isnan(after)
    return np.where(there[..., None], by_replacement(value, p0.shape), np.nan)


def _to_one(weights: Floats) -> Floats:
    """Rescale the children to sum 1; all 0 stay 0."""
    total = _total(weights)[..., None]
    return np.asarray(weights / np.where(total > 0, total, 1.0))


def _dated(of_steps: Any, first: float | bool) -> Any:
    """Numbers or masks of steps (periods - 1, ...) at the period they lead to; `first` in the first period."""
    return np.concatenate([np.full((1, *of_steps.shape[1:]), first), of_steps])


def _notes(scores: Floats, base: int, periods: Sequence[str], is_chain: bool) -> Notes:
    """Why scores (periods, areas) are missing."""
    lost = np.isnan(scores)
    notes = {f"no value in the base period {periods[base]}": lost & lost[base]}
    if not is_chain:
        notes[f"nothing to compare with the base period {periods[base]}"] = lost & ~lost[base]
    later, earlier = range(base + 1, len(periods)), range(base - 1, -1, -1)
    for t in (*later, *earlier) if is_chain else ():
        broken = lost[t] & ~lost[t - 1 if t > base else t + 1]
        beyond = slice(t, None) if t > base else slice(None, t + 1)
        first, second = (t - 1, t) if t > base else (t, t + 1)
        text = f"the chain breaks: no growth from {periods[first]} to {periods[second]}"
        notes[text] = np.zeros(lost.shape, dtype=bool)
        notes[text][beyond, broken] = True
    return {text: mask for text, mask in notes.items() if mask.any()}
