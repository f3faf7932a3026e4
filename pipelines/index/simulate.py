"""Runs of an index under other choices: Monte Carlo intervals, and the effect of leaving each indicator out.

Not here: the random numbers (draw), Sobol indices (sobol), how a run is scored (score; it comes in as a function).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.index.draw import AS_IS, Choices, Positions, draw_choices, draw_weights, weight_columns
from pipelines.index.rank import Floats, rank_descending
from warehouse.catalogue.method.robustness import Uncertainty, VaryWeights
from warehouse.rounding import round_significant

PERCENTS = (5, 50, 95)
MEMORY = 480 * 2**20  # bytes of scores kept at once
CACHED = 2**19  # numbers in one array of a call: few enough for the processor's cache, and for long calls of NumPy
BLOCK = 2**14  # runs that are grouped by their choices at once, unless there are very many combinations
DRAWN = 2**21  # most numbers that are drawn for the weights at once
TILE = 2**13  # numbers rounded at once
RANKED = 2**17  # numbers ranked at once
FEW_AREAS = 128  # up to here comparing every pair of areas is faster than sorting
ROUNDING = 1e-11  # relative: twice what rounding a score to 12 significant digits may move it


class Score(Protocol):
    """Score runs that share all choices but their weights.

    In: positions of the alternatives of (impute, treat, normalise), of aggregation, and of the leaf left out, AS_IS
    (-1) each where the index's own holds; `weights` by inner node (runs, periods or 1, areas or 1, children) of any
    scale, a node without an entry has those of its method. Out: by inner node (runs, periods, areas), without the
    axis of runs or with one run where no weights are given; NaN missing. It is called from several threads at once.
    """

    def __call__(
        self, choice: tuple[int, int, int], weights: Mapping[str, Floats], aggregation: int, dropped: int
    ) -> Mapping[str, Floats]: ...


class Plan(NamedTuple):
    """What an analysis needs to know of an index: the root, how many leaves, by inner node the published scores
    (periods, areas) and, but for nodes that set weights themselves, the nominal shares of the children (as in
    `draw_weights`)."""

    root: str
    leaves: int
    base: Mapping[str, Floats]
    shares: Mapping[str, Floats]
    score: Score


class Interval(NamedTuple):
    """Quantiles of one measure over the runs that have a value, each (nodes, periods, areas): the published value, the
    5 %, 50 % and 95 % quantiles (type 7), and for changes signal to noise; NaN missing."""

    point: Floats
    p05: Floats
    p50: Floats
    p95: Floats
    signal_to_noise: Floats


def simulate(
    uncertainty: Uncertainty,
    plan: Plan,
    nodes: Sequence[str] | None = None,
    threads: int | None = None,
    memory: int = MEMORY,
    block: int | None = None,
) -> dict[str, Interval]:
    """Run an index many times, each time with other choices, and take quantiles of what comes out.

    In: `nodes` to look at (all inner nodes); `memory` bounds the scores kept at once: beyond it the runs are made
    again for other nodes and periods, at least a period and the one before at a time. Out: by measure (score; rank
    with two areas or more; change, from the period before, with two periods or more) an Interval with the nodes in
    the given order, rounded to 12 significant digits. Runs without a value do not count; ranks are 1 for the best,
    ties share the smallest, among the areas with a score in that run. Nothing depends on `threads`, `memory` or
    `block`.
    Source: METHOD.md section 8. Signal to noise is this project's definition: size of the published change over half
    the width of its interval, missing where that is 0.
    """
    nodes = tuple(plan.base if nodes is None else nodes)
    base = round_significant(np.stack([plan.base[node] for node in nodes]))
    _, periods, areas = base.shape
    units = [(node, period) for node in range(len(nodes)) for period in range(periods)]
    size = max(1 + (periods > 1), memory // (areas * uncertainty.runs * base.itemsize))
    ranks = np.full((len(units), len(PERCENTS), areas), np.nan)
    scores, changes = ranks.copy(), ranks.copy()

    def look(kept: Floats, at: int, unit: int) -> None:
        scores[unit] = quantiles(kept[at])
        if areas > 1:
            ranks[unit] = _rank_quantiles(kept[at])
        if units[unit][1] > 0:
            changes[unit] = quantiles(kept[at], less=kept[at - 1])

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        room = np.empty((min(size, len(units)), areas, uncertainty.runs))
        first = 0
        while first < len(units):
            before = int(units[first][1] > 0)
            last = min(len(units), first + size - before)
            wanted = [(nodes[node], period) for node, period in units[first - before : last]]
            kept = room[: len(wanted)]
            _fill(kept, wanted, uncertainty, plan, pool, block)
            each = range(first, last)
            _all(pool.map(look, [kept] * len(each), range(before, len(wanted)), each))
            first = last

    def interval(points: Floats, found: Floats, noise: Floats) -> Interval:
        low, middle, high = (round_significant(found[:, i]).reshape(base.shape) for i in range(len(PERCENTS)))
        return Interval(points, low, middle, high, noise)

    none = np.full(base.shape, np.nan)
    result = {"score": interval(base, scores, none)}
    if areas > 1:
        found, _ = rank_descending(base)
        result["rank"] = interval(np.where(found > 0, found, np.nan), ranks, none)
    if periods > 1:
        change = none.copy()
        change[:, 1:] = round_significant(base[:, 1:] - base[:, :-1])
        interval_of_change = interval(change, changes, none)
        result["change"] = interval_of_change._replace(signal_to_noise=_signal_to_noise(base, interval_of_change))
    return result


def _signal_to_noise(base: Floats, change: Interval) -> Floats:
    half = (change.p95 - change.p05) / 2
    magnitude = np.zeros(base.shape)
    magnitude[:, 1:] = np.maximum(np.abs(base[:, 1:]), np.abs(base[:, :-1]))
    is_noise = half > ROUNDING * magnitude
    return np.where(is_noise, round_significant(np.abs(change.point) / np.where(is_noise, half, 1.0)), np.nan)


def _fill(
    kept: Floats,
    wanted: Sequence[tuple[str, int]],
    uncertainty: Uncertainty,
    plan: Plan,
    pool: ThreadPoolExecutor,
    block: int | None,
) -> None:
    """Write the rounded scores of all runs: kept (wanted, areas, runs), the runs in any order."""
    runs = uncertainty.runs
    size = block or _block_size(uncertainty, plan)
    for first in range(0, runs, size):
        choices = draw_choices(uncertainty, plan.shares, plan.leaves, first, min(size, runs - first))

        def write(rows: Positions, at: int, scores: Mapping[str, Floats], first: int = first) -> None:
            for unit, (node, period) in enumerate(wanted):
                kept[unit, :, first + at : first + at + len(rows)] = scores[node][..., period, :].T.reshape(
                    kept.shape[1], -1
                )

        run_choices(uncertainty.weights, plan, choices, write, pool)
    flat = kept.reshape(-1)

    def tidy(at: int) -> None:
        for start in range(at, min(at + 16 * TILE, len(flat)), TILE):
            flat[start : start + TILE] = round_significant(flat[start : start + TILE])

    _all(pool.map(tidy, range(0, len(flat), 16 * TILE)))


def _block_size(uncertainty: Uncertainty, plan: Plan) -> int:
    """Runs that are drawn and grouped at once: enough to fill the calls of every combination, within bounds of
    memory."""
    listed = (uncertainty.impute, uncertainty.treat, uncertainty.normalise, uncertainty.aggregate)
    combinations = (plan.leaves + 1) if uncertainty.leave_out else 1
    for alternatives in listed:
        combinations *= max(1, len(alternatives))
    most = DRAWN // max(1, weight_columns(uncertainty, plan.shares))
    return max(1, min(max(BLOCK, combinations * _call_size(plan)), most))


def _call_size(plan: Plan) -> int:
    """Runs that are scored in one call."""
    children = max((each.shape[-1] for each in plan.shares.values()), default=1)
    return max(1, CACHED // max(1, plan.base[plan.root].size * children))


Write = Callable[[Positions, int, Mapping[str, Floats]], None]


def run_choices(vary: VaryWeights | None, plan: Plan, choices: Choices, write: Write, pool: ThreadPoolExecutor) -> None:
    """Score runs, those that differ in their weights only in one call.

    `write` is given the rows of `choices` that were scored, how many rows were before them, and the scores by node,
    with one run for all rows where weights do not vary; it is called from several threads.
    """
    size = _call_size(plan) if vary else len(choices.position)

    def call(rows: Positions, at: int) -> None:
        impute, treat, normalise, aggregation, dropped = (int(each) for each in choices.position[rows[0]])
        weights = draw_weights(vary, plan.shares, choices.u[rows])
        write(rows, at, plan.score((impute, treat, normalise), weights, aggregation, dropped))

    calls = list(_calls(choices.position, size))
    _all(pool.map(call, *zip(*calls, strict=True)))


def _calls(position: Positions, size: int) -> Iterator[tuple[Positions, int]]:
    """Rows with equal positions, in pieces of at most `size`, and how many rows were before."""
    order = np.lexsort(position.T[::-1])
    ordered = position[order]
    starts = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        for at in range(start, end, size):
            yield order[at : min(at + size, end)], at


def _all(results: Iterable[None]) -> None:
    """Wait for all tasks; raise what any of them raised."""
    for _ in results:
        pass


def quantiles(values: Floats, less: Floats | None = None) -> Floats:
    """The PERCENTS of many runs: quantiles of type 7 along the last axis over the values present.

    In: (rows, runs), NaN missing; `less` of the same shape is taken off first. Out: (percents, rows); NaN without
    values. The values are not put in order (as in statistics.quantile), which takes three times as long.
    Source: METHOD.md section 2; Hyndman and Fan (1996), definition 7.
    """
    rows, runs = values.shape
    found = np.full((len(PERCENTS), rows), np.nan)
    step = max(1, 2**20 // max(1, runs))
    for first in range(0, rows, step):
        part = values[first : first + step]
        if less is not None:
            part = part - less[first : first + step]
        counts = runs - np.count_nonzero(np.isnan(part), axis=1)
        for count in np.unique(counts[counts > 0]):
            same = np.flatnonzero(counts == count)
            below, above, part_way = _places(count)
            chosen = part if len(same) == len(part) else part[same]
            ordered = np.partition(chosen, np.unique([*below, *above]), axis=1)
            low, high = ordered[:, below], ordered[:, above]
            found[:, first + same] = (low + (high - low) * part_way).T
    return found


def _places(count: int | Positions) -> tuple[Positions, Positions, Floats]:
    """Which two of `count` ordered values a quantile of type 7 lies between, and how far: (..., percents)."""
    last = np.maximum(np.asarray(count) - 1, 0)[..., None]
    below, rest = np.divmod(last * np.array(PERCENTS), 100)
    return below, np.minimum(below + 1, last), rest / 100.0


def _rank_quantiles(scores: Floats) -> Floats:
    """Quantiles of ranks from how often each rank occurs: (areas, runs) to (percents, areas)."""
    areas, runs = scores.shape
    counts = np.zeros((areas, areas + 1), dtype=np.int64)
    step = max(1, RANKED // areas)
    offset = (np.arange(areas) * (areas + 1))[:, None]
    for first in range(0, runs, step):
        placed = (rank_runs(scores[:, first : first + step]) + offset).reshape(-1)
        counts += np.bincount(placed, minlength=counts.size).reshape(counts.shape)
    counts[:, 0] = 0
    up_to = counts.cumsum(axis=1)
    below, above, part_way = _places(up_to[:, -1])
    low, high = (_rank_at(up_to, place) for place in (below, above))
    return np.where(up_to[:, -1] > 0, (low + (high - low) * part_way).T, np.nan)


def _rank_at(up_to: Positions, place: Positions) -> Floats:
    """The rank that stands at a place (from 0) when ranks are ordered: (areas, ranks) and (areas, percents)."""
    return np.stack([(up_to <= place[:, i : i + 1]).sum(axis=1) for i in range(place.shape[1])], axis=1).astype(float)


def rank_runs(scores: Floats) -> NDArray[np.integer]:
    """Rank the areas of every run: (areas, runs), already rounded, to ranks of the same shape; 1 is the highest, ties
    share the smallest, 0 where the score is NaN."""
    areas, runs = scores.shape
    if areas > FEW_AREAS:
        found, _ = rank_descending(np.ascontiguousarray(scores.T))
        return found.T
    ranks = np.empty((areas, runs), dtype=np.uint8)
    better = np.empty((areas, runs), dtype=np.bool_)
    for area in range(areas):
        np.greater(scores, scores[area], out=better)
        np.add.reduce(better.view(np.uint8), axis=0, dtype=np.uint8, out=ranks[area])
    ranks += np.uint8(1)
    ranks[np.isnan(scores)] = 0
    return ranks


def change_measure(areas: int) -> str:
    """What a changed choice is measured by: ranks move; the score does where there is one area only."""
    return "mean_abs_rank_change" if areas > 1 else "mean_abs_score_change"


def mean_abs_change(scores: Floats, base: Floats) -> Floats:
    """Mean absolute change of rank over the areas that have one in both; of one area only, the absolute change of
    score.

    In: scores (runs, periods, areas), base (periods, areas). Out: (runs, periods), NaN where no area has both.
    """
    scores, base = round_significant(scores), round_significant(base)
    if base.shape[-1] == 1:
        moved = np.abs(scores - base)
        return np.where(moved <= ROUNDING * np.abs(base), 0.0, moved)[..., 0]
    ranks, _ = rank_descending(scores)
    published, _ = rank_descending(base)
    in_both = (ranks > 0) & (published > 0)
    count = in_both.sum(axis=-1)
    places = np.where(in_both, np.abs(ranks - published), 0).sum(axis=-1)
    return np.where(count > 0, places / np.maximum(count, 1), np.nan)


def leave_out(plan: Plan, threads: int | None = None) -> Floats:
    """How far the index moves when one indicator is left out and its weight is spread over its siblings.

    All other choices are those of the index. Out: (leaves, periods) of the measure `change_measure`, rounded to 12
    significant digits; NaN where nothing is left to compare.
    Source: METHOD.md section 8.
    """
    base = plan.base[plan.root]

    def without(leaf: int) -> Floats:
        scores = plan.score((AS_IS, AS_IS, AS_IS), {}, AS_IS, leaf)[plan.root]
        return mean_abs_change(scores.reshape(1, *base.shape), base)[0]

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        return round_significant(np.stack(list(pool.map(without, range(plan.leaves)))))
