"""Single steps of the method a second time: plain loops and SciPy, written from its formulas alone, slow and simple.

A panel maps each leaf to a (periods, areas) array, NaN for missing. A step is a mapping as the catalogue writes it,
`{"method": "min_max", "upper": 1}`, or its name. Nothing of the engine is imported, so what agrees was found twice.
Not here: the chain of the steps and the tree of scores (independent).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]
Step = Mapping[str, Any]
NAN = math.nan
RANKED = {"rank", "borda", "percentile_rank"}


@dataclass(frozen=True)
class Panel:
    """Values of each leaf over periods (in time order) and areas; `groups` gives the group of an area that has one."""

    periods: Sequence[str]
    areas: Sequence[str]
    values: dict[str, Array]
    groups: Mapping[str, str] = field(default_factory=dict)
    base_period: str | None = None


@dataclass(frozen=True)
class Tree:
    """Node -> parent for every node but the root, weights among siblings, directions of leaves (1 unless given)."""

    root: str
    parents: Mapping[str, str]
    weights: Mapping[str, float] = field(default_factory=dict)
    directions: Mapping[str, int] = field(default_factory=dict)

    def children(self, node: str) -> list[str]:
        return [child for child, parent in self.parents.items() if parent == node]

    def leaves(self, node: str | None = None) -> list[str]:
        """The leaves below a node, of the whole tree by default; a leaf is its own."""
        below = self.children(node or self.root)
        if not below:
            return [node or self.root]
        return [leaf for child in below for leaf in self.leaves(child)]

    def weight(self, node: str) -> float:
        return float(self.weights.get(node, 1.0))

    def share(self, leaf: str, node: str) -> float:
        """Product of the rescaled weights on the way from a node down to a leaf."""
        product, here = 1.0, leaf
        while here != node:
            parent = self.parents[here]
            product *= self.weight(here) / math.fsum(self.weight(child) for child in self.children(parent))
            here = parent
        return product


def step_of(step: Step | str) -> dict[str, Any]:
    """A step written by its name alone is a mapping too."""
    return {"method": step} if isinstance(step, str) else dict(step)


def significant(value: float, digits: int = 12) -> float:
    """A number with so many significant digits, as results have before they are ranked."""
    return float(f"{value:.{digits - 1}e}") if math.isfinite(value) else value


def present(values: Iterable[float]) -> list[float]:
    return [float(value) for value in values if not math.isnan(value)]


def mean_of(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else NAN


# Before scoring


def denominate(values: Array, by: Array, scale: float = 1.0) -> Array:
    """x / (d / scale); missing where d is missing or zero."""
    result = np.full(values.shape, NAN)
    for cell, value in np.ndenumerate(values):
        if not math.isnan(by[cell]) and by[cell] != 0:
            result[cell] = value / (by[cell] / scale)
    return result


def screen(panel: Panel, step: Step) -> NDArray[np.bool_]:
    """Which areas (in which periods) have enough values, and enough that are not zero."""
    step = {"availability": 0.0, "non_zero": 0.0, "over": "all", "keep": (), "drop": (), **step}
    kept = np.zeros((len(panel.periods), len(panel.areas)), bool)
    for t in range(len(panel.periods)):
        looked_at = range(len(panel.periods)) if step["over"] == "all" else [t]
        for a, area in enumerate(panel.areas):
            cells = [float(values[when, a]) for values in panel.values.values() for when in looked_at]
            there = present(cells)
            share = len(there) / len(cells)
            non_zero = sum(value != 0 for value in there) / len(there) if there else 0.0
            enough = share >= step["availability"] and non_zero >= step["non_zero"]
            kept[t, a] = area in step["keep"] or (enough and area not in step["drop"])
    return kept


def impute(panel: Panel, tree: Tree, steps: Sequence[Step | str]) -> dict[str, Array]:
    """Fill the gaps by one step after the other; a step works on what the one before it left."""
    for step in steps:
        filled = {leaf: _filled(leaf, panel, tree, step_of(step)) for leaf in panel.values}
        panel = replace(panel, values=filled)
    return dict(panel.values)


def _filled(leaf: str, panel: Panel, tree: Tree, step: Step) -> Array:
    result = panel.values[leaf].copy()
    for t, a in zip(*np.nonzero(np.isnan(result)), strict=True):
        result[t, a] = _filling(leaf, panel, tree, step, int(t), int(a))
    return result


def _filling(leaf: str, panel: Panel, tree: Tree, step: Step, t: int, a: int) -> float:
    method, values = step["method"], panel.values[leaf]
    before = [when for when in range(t) if not math.isnan(values[when, a])]
    after = [when for when in range(t + 1, len(panel.periods)) if not math.isnan(values[when, a])]
    if method == "constant":
        return float(step["value"])
    if method == "carry":
        age = step.get("max_age") or len(panel.periods)
        back = before[-1] if before and t - before[-1] <= age else None
        ahead = after[0] if after and after[0] - t <= age else None
        order = {"forward": [back], "back": [ahead], "both": [back, ahead]}[step.get("direction", "forward")]
        return next((float(values[when, a]) for when in order if when is not None), NAN)
    if method == "linear":
        if before and after:
            first, last = before[-1], after[0]
            rise = (values[last, a] - values[first, a]) / (last - first)
            return float(values[first, a] + rise * (t - first))
        if step.get("ends") == "hold" and (before or after):
            return float(values[before[-1] if before else after[0], a])
        return NAN
    if method == "cross_section":
        group = panel.groups.get(panel.areas[a])
        among = [
            float(values[t, other])
            for other, area in enumerate(panel.areas)
            if step.get("within", "all") == "all" or (group is not None and panel.groups.get(area) == group)
        ]
        middle = mean_of if step.get("statistic", "mean") == "mean" else lambda there: float(np.median(there))
        return middle(present(among)) if present(among) else NAN
    if method == "row_mean":
        return _row_mean(leaf, panel, tree, t, a)
    assert method == "none", method
    return NAN


def _row_mean(leaf: str, panel: Panel, tree: Tree, t: int, a: int) -> float:
    siblings = [other for other in tree.children(tree.parents[leaf]) if other in panel.values]
    unit = {
        other: normalise(panel.values[other], tree.directions.get(other, 1), {"method": "min_max", "upper": 1}, panel)
        for other in siblings
    }
    score = mean_of(present(unit[other][t, a] for other in siblings))
    low, high = np.nanmin(panel.values[leaf]), np.nanmax(panel.values[leaf])
    return float(low + score * (high - low) if tree.directions.get(leaf, 1) > 0 else high - score * (high - low))


# Treatment of outliers


def fails(values: Iterable[float], skew: float = 2.0, kurtosis: float = 3.5) -> bool:
    """|skewness G1| and excess kurtosis G2, both corrected for bias, reach their thresholds; never with n < 4."""
    there = present(values)
    if len(there) < 4 or max(there) == min(there):
        return False
    return bool(
        abs(stats.skew(there, bias=False)) >= skew and stats.kurtosis(there, fisher=True, bias=False) >= kurtosis
    )


def winsorise(values: Sequence[float], winmax: int, skew: float = 2.0, kurtosis: float = 3.5) -> list[float]:
    """Move the outermost value, with all its ties, to the next one until the test passes or `winmax` are moved."""
    result = list(values)
    moved: set[int] = set()
    while fails(result, skew, kurtosis) and len(moved) < winmax:
        there = sorted(set(present(result)))
        upwards = stats.skew(present(result), bias=False) > 0
        outermost, following = (there[-1], there[-2]) if upwards else (there[0], there[1])
        for position, value in enumerate(result):
            if value == outermost:
                result[position] = following
                moved.add(position)
    return result


def transform(values: Sequence[float], method: str, direction: int = 1, exponent: float | None = None) -> list[float]:
    """A second treatment, over the smallest and largest of the values given."""
    there = present(values)
    if not there:
        return list(values)
    m, top = min(there), max(there)
    span = top - m
    if span == 0 or (method == "log_gii" and top <= 1):
        return list(values)
    upwards = len(there) < 4 or stats.skew(there, bias=False) >= 0

    def one(x: float) -> float:
        if math.isnan(x):
            return NAN
        if method == "log_ct" or (method == "log_ct_plus" and upwards):
            return math.log(x - m + 0.01 * span)
        if method == "log_ct_plus":
            return -math.log(top - x + 0.01 * span)
        if method == "log_ct_orig":
            return math.log(x - m + 1)
        if method == "log_gii":
            far = x - m if direction > 0 else top - x
            return direction * math.log((top - 1) * far / span + 1)
        if method == "boxcox":
            assert exponent is not None
            z = x - m + 1
            return (z**exponent - 1) / exponent if exponent else math.log(z)
        assert method == "sqrt", method
        return math.sqrt(x) if x >= 0 else NAN

    return [one(value) for value in values]


def treat(values: Array, step: Step | str, direction: int = 1) -> tuple[Array, NDArray[np.bool_]]:
    """The treated values, and the cells that take no part in the parameters of the normalisation."""
    step = {"over": "all", "skew": 2.0, "kurtosis": 3.5, **step_of(step)}
    result, excluded = values.copy(), np.zeros(values.shape, bool)
    if step["method"] == "none":
        return result, excluded
    blocks = [range(values.shape[0])] if step["over"] == "all" else [[t] for t in range(values.shape[0])]
    for block in blocks:
        cells = [(t, a) for t in block for a in range(values.shape[1])]
        old = [float(values[cell]) for cell in cells]
        new, left_out = _treated(old, step, direction)
        for cell, value, is_out in zip(cells, new, left_out, strict=True):
            result[cell], excluded[cell] = value, is_out
    return result, excluded


def _treated(old: Sequence[float], step: Step, direction: int) -> tuple[list[float], list[bool]]:
    method, test = step["method"], (step["skew"], step["kurtosis"])
    nobody = [False] * len(old)
    if method == "sd_limits":
        there = present(old)
        if len(there) < 2:
            return list(old), nobody
        centre, reach = mean_of(there), step.get("k", 3.0) * float(np.std(there, ddof=1))
        out = [abs(value - centre) > reach for value in old]
        cut = [min(max(value, centre - reach), centre + reach) if is_out else value
               for value, is_out in zip(old, out, strict=True)]  # fmt: skip
        return (cut if step.get("clip") else list(old)), (out if step.get("exclude", True) else nobody)
    if method == "winsorise":
        new = winsorise(old, step.get("winmax", 5), *test)
        if fails(new, *test) and step.get("then"):
            base = old if step.get("then_on", "original") == "original" else new
            new = transform(base, step["then"], direction, step.get("boxcox_lambda"))
        return new, nobody
    if step.get("when", "outliers") == "always" or fails(old, *test):
        return transform(old, method, direction, step.get("boxcox_lambda")), nobody
    return list(old), nobody


# Normalisation


def normalise(
    values: Array, direction: int, step: Step | str, panel: Panel, excluded: NDArray[np.bool_] | None = None
) -> Array:
    """Scores of one leaf. Parameters are those of the scope; where a condition of the method fails, nothing.

    `excluded` cells take no part in parameters; they have a rank like all others.
    """
    step = step_of(step)
    excluded = None if step["method"] in RANKED else excluded
    counted = values if excluded is None else np.where(excluded, NAN, values)
    scope = step.get("scope", {"over": step.get("over", "period")} if step["method"] in RANKED else "all")
    scope = {"over": scope} if isinstance(scope, str) else scope
    result = np.full(values.shape, NAN)
    for t in range(values.shape[0]):
        among = present(
            counted[when, other]
            for when, period in enumerate(panel.periods)
            for other, area in enumerate(panel.areas)
            if _in_scope(scope, t, when, period, area)
        )
        facts = dict(scope["values"]) if scope["over"] == "given" else _facts(among)
        if facts and step["method"] == "ampi":
            facts["reference"] = _ampi_reference(step.get("reference", {}), values, counted, panel)
        for a in range(values.shape[1]):
            x = float(values[t, a])
            if not math.isnan(x) and facts:
                result[t, a] = _score(x, direction, step, facts, among, values, panel, (t, a))
    return result


def _facts(among: list[float]) -> dict[str, float]:
    """Smallest, largest, mean and standard deviation (n - 1) of the scope; nothing where it has no value."""
    if not among:
        return {}
    low, high = min(among), max(among)
    sd = float(np.std(among, ddof=1)) if high > low else NAN
    return {"min": low, "max": high, "mean": mean_of(among), "sd": sd}


def _in_scope(scope: Step, here: int, when: int, period: str, area: str) -> bool:
    if scope["over"] == "period":
        return here == when
    if scope["over"] == "reference":
        periods, areas = [str(each) for each in scope.get("periods", ())], scope.get("areas", ())
        return (not periods or period in periods) and (not areas or area in areas)
    return True


def _score(
    x: float, direction: int, step: Step, facts: Mapping[str, float], among: list[float], values: Array, panel: Panel,
    cell: tuple[int, int],
) -> float:  # fmt: skip
    method, up = step["method"], direction > 0
    if method == "none":
        return x
    if method in RANKED:
        mine, others = significant(x), [significant(other) for other in among]
        rank = 1 + sum((other < mine) if up else (other > mine) for other in others)
        if method == "rank":
            return float(rank)
        if method == "borda":
            return float(rank - 1)
        return (rank - 1) / (len(among) - 1) if len(among) > 1 else NAN
    if method == "goalposts":
        low, high = float(step["low"]), float(step["high"])
        if step.get("log"):
            if x <= 0:
                return NAN
            x, low, high = math.log(x), math.log(low), math.log(high)
        share = (x - low) / (high - low) if up else (high - x) / (high - low)
        return float(step.get("scale", 100.0)) * (min(max(share, 0.0), 1.0) if step.get("cap", True) else share)
    if method == "base_ratio":
        base = float(values[panel.periods.index(str(step.get("period") or panel.base_period)), cell[1]])
        if math.isnan(base) or base <= 0 or (not up and x <= 0):
            return NAN
        return float(step.get("value", 100.0)) * (x / base if up else base / x)
    low, high = facts.get("min", NAN), facts.get("max", NAN)
    if method == "min_max":
        bottom, top = float(step.get("lower", 0.0)), float(step.get("upper", 100.0))
        return NAN if high == low else bottom + (top - bottom) * ((x - low) if up else (high - x)) / (high - low)
    if method == "z_score":
        distance = direction * (x - facts["mean"]) / facts["sd"]
        return float(step.get("mean", 0.0)) + float(step.get("sd", 1.0)) * distance
    if method == "distance_to_target":
        return _to_target(x, up, float(step["target"]), low, high, step.get("cap", True))
    if method == "distance_to_reference":
        ref = float(values[cell[0], panel.areas.index(step["area"])])
        if up:
            return 1 - (ref - x) / (ref - low) if ref > low else NAN
        return 1 - (x - ref) / (high - ref) if ref < high else NAN
    if method == "fraction_of_max":
        if up:
            return x / high if high > 0 else NAN
        return low / x if low > 0 else NAN
    assert method == "ampi", method
    half, ref = (high - low) / 2, facts["reference"]
    return 70 + 60 * ((x - ref if up else ref - x) + half) / (2 * half) if half > 0 else NAN


def _to_target(x: float, up: bool, target: float, low: float, high: float, cap: bool) -> float:
    worst = low if up else high
    if (target <= worst) if up else (target >= worst):
        return 1.0 if cap else NAN
    share = (x - worst) / (target - worst)
    return min(share, 1.0) if cap else share


def _ampi_reference(reference: Step, values: Array, counted: Array, panel: Panel) -> float:
    if reference.get("value") is not None:
        return float(reference["value"])
    t = panel.periods.index(str(reference.get("period") or panel.base_period))
    if reference.get("area") is not None:
        return float(values[t, panel.areas.index(reference["area"])])
    return mean_of(present(counted[t]))


# Aggregation


def aggregate(scores: Mapping[str, Array], weights: Mapping[str, float], step: Step | str) -> Array:
    """Scores of a node from those of its children; missing children hand their weight to those present."""
    step = step_of(step)
    names = list(scores)
    cube = np.stack([scores[name] for name in names], axis=-1)
    shares = np.array([weights[name] for name in names], float)
    if step["method"] == "copeland":
        return np.stack([_copeland(rows, shares) for rows in cube])
    if step["method"] in ("topsis", "benefit_of_the_doubt"):
        together = step.get("over", "all" if step["method"] == "topsis" else "period") == "all"
        blocks = [cube.reshape(-1, len(names))] if together else list(cube)
        if step["method"] == "topsis":
            found = [_topsis(rows, shares) for rows in blocks]
        else:
            low, high = share_bounds(names, step)
            found = [np.array([doubt_score(rows, area, low, high) for area in range(len(rows))]) for rows in blocks]
        return np.concatenate(found).reshape(cube.shape[:2])
    result = np.full(cube.shape[:2], NAN)
    for cell in np.ndindex(result.shape):
        there = [(float(y), float(w)) for y, w in zip(cube[cell], shares, strict=True) if not math.isnan(y) and w > 0]
        if there:
            total = math.fsum(w for _, w in there)
            result[cell] = combine([y for y, _ in there], [w / total for _, w in there], step)
    return result


def combine(y: Sequence[float], w: Sequence[float], step: Step | str) -> float:
    """One mean of the scores present, weights summing to 1."""
    step = step_of(step)
    method, pairs = step["method"], list(zip(y, w, strict=True))
    if method == "arithmetic":
        return math.fsum(v * x for x, v in pairs)
    if method in ("geometric", "harmonic"):
        pairs = [(max(x, step["floor"]), v) for x, v in pairs] if step.get("floor") else pairs
        if any(x <= 0 for x, _ in pairs):
            return NAN
        if method == "harmonic":
            return 1 / math.fsum(v / x for x, v in pairs)
        return math.exp(math.fsum(v * math.log(x) for x, v in pairs))
    if method == "power_mean":
        p = float(step["p"])
        if any((x <= 0 if p < 0 else x < 0) for x, _ in pairs) and (p < 0 or p != int(p)):
            return NAN
        return float(math.fsum(v * x**p for x, v in pairs) ** (1 / p))
    if method == "min":
        return min(y)
    if method == "median":
        return _weighted_median(sorted(pairs))
    assert method in ("mpi", "ampi"), method
    n, ddof = len(y), step.get("ddof")
    ddof = {"mpi": 1, "ampi": 0}[method] if ddof is None else ddof
    if n <= ddof:
        return NAN
    mean = math.fsum(v * x for x, v in pairs)
    variance = math.fsum(v * (x - mean) ** 2 for x, v in pairs) * n / (n - ddof)
    return (mean + variance / mean if step.get("penalty") == "plus" else mean - variance / mean) if mean else NAN


def _weighted_median(pairs: Sequence[tuple[float, float]]) -> float:
    below = 0.0
    for position, (x, v) in enumerate(pairs):
        below += v
        if abs(below - 0.5) < 1e-12 and position + 1 < len(pairs):
            return (x + pairs[position + 1][0]) / 2
        if below > 0.5:
            return x
    return pairs[-1][0]


def _copeland(rows: Array, weights: Array) -> Array:
    """Number of areas beaten minus number that beat it; areas without a child are not in the game."""
    result = np.full(len(rows), NAN)
    for i, mine in enumerate(rows):
        if not present(mine):
            continue
        result[i] = 0
        for j, theirs in enumerate(rows):
            both = [k for k in range(len(weights)) if not math.isnan(mine[k]) and not math.isnan(theirs[k])]
            total = math.fsum(weights[k] for k in both)
            if i == j or total <= 0:
                continue
            won = math.fsum(weights[k] * (1.0 if mine[k] > theirs[k] else 0.5 * (mine[k] == theirs[k])) for k in both)
            share = won / total
            result[i] += 1 if share > 0.5 + 1e-12 else -1 if share < 0.5 - 1e-12 else 0
    return result


def _topsis(rows: Array, weights: Array) -> Array:
    """Closeness to the best value of each child, on columns of length one times their weights."""
    w = weights / math.fsum(weights)
    column = [math.sqrt(math.fsum(x * x for x in present(rows[:, k]))) for k in range(len(w))]
    scaled = np.array([[w[k] * row[k] / column[k] if column[k] else NAN for k in range(len(w))] for row in rows])
    best, worst = np.nanmax(scaled, axis=0), np.nanmin(scaled, axis=0)
    result = np.full(len(rows), NAN)
    for a, row in enumerate(scaled):
        far = math.sqrt(math.fsum(present((row - worst) ** 2)))
        near = math.sqrt(math.fsum(present((row - best) ** 2)))
        result[a] = far / (far + near) if far + near > 0 else NAN
    return result


# Benefit of the doubt


def share_bounds(names: Sequence[str], step: Step) -> tuple[list[float], list[float]]:
    """Lower and upper bounds of the share of each child in the sum of an area."""
    own = step.get("bounds", {})
    pairs = [own.get(name, (step.get("low", 0.0), step.get("high", 1.0))) for name in names]
    return [low for low, _ in pairs], [high for _, high in pairs]


def doubt_score(rows: Array, area: int, low: Sequence[float], high: Sequence[float]) -> float:
    """The sum that an area reaches with its own best weights, by the dual program.

    The weights w >= 0 that maximise sum w y of the area, with sum w y <= 1 for every area and low S <= w y <= high S
    for its own sum S, never appear. The dual has a price for every area (p), for every lower bound (a) and for every
    upper bound (b): minimise sum p subject to, for each child j with the area's own value y_j,
    sum_k p_k y_kj + y_j (sum_i a_i low_i - a_j + b_j - sum_i b_i high_i) >= y_j.
    """
    mine = rows[area]
    there = [k for k in range(len(mine)) if not math.isnan(mine[k])]
    others = [row for row in rows if all(not math.isnan(row[k]) for k in there)]
    if not there:
        return NAN
    areas, children = len(others), len(there)
    cost = np.concatenate([np.ones(areas), np.zeros(2 * children)])
    left = np.zeros((children, areas + 2 * children))
    for row, j in enumerate(there):
        for k, other in enumerate(others):
            left[row, k] = other[j]
        for column, i in enumerate(there):
            left[row, areas + column] = mine[j] * (low[i] - (i == j))
            left[row, areas + children + column] = mine[j] * ((i == j) - high[i])
    found = optimize.linprog(cost, A_ub=-left, b_ub=-mine[there], bounds=(0, None), method="highs")
    assert found.status == 0, found.message
    return float(found.fun)


def doubt_score_by_shares(rows: Array, area: int, low: Sequence[float], high: Sequence[float]) -> float:
    """The same for positive values, by shares instead of weights: 1 / the smallest, over shares within their bounds, of
    the largest sum over areas of share * (their value / the area's own)."""
    relative = rows / rows[area]
    children = rows.shape[1]
    found = optimize.linprog(
        np.array([0.0] * children + [1.0]),
        A_ub=np.column_stack([relative, -np.ones(len(rows))]),
        b_ub=np.zeros(len(rows)),
        A_eq=np.array([[1.0] * children + [0.0]]),
        b_eq=np.array([1.0]),
        bounds=[*zip(low, high, strict=True), (None, None)],
        method="highs",
    )
    assert found.status == 0, found.message
    return 1 / float(found.fun)
