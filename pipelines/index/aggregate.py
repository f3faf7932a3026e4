"""Put children together into their parent: means over weights that are spread over the children present.

Not here: nominal weights (tree), what each child did to a change (contribute), coverage thresholds per node
(score).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipelines.index.rank import Floats
from warehouse.catalogue.method import Geometric, Mean, PowerMean

Step = Mean | Geometric | PowerMean
TOLERANCE = 1e-12


def spread_weights(scores: Floats, weights: Floats) -> Floats:
    """Rescale weights to sum 1 over the children present.

    In: scores (..., children), weights (children). Out: (..., children), 0 for a missing child, all 0 where
    no child with a weight is present.
    """
    present = np.where(np.isnan(scores), 0.0, weights)
    total = present.sum(axis=-1, keepdims=True)
    return present / np.where(total > 0, total, 1.0)


def aggregate(scores: Floats, weights: Floats, step: Step) -> Floats:
    """Aggregate the last axis.

    In: scores (..., children), NaN missing; weights (children), not negative. Out: (...); missing where no
    child with a weight is present, or where the method does not allow a value that is present (`allowed`).
    Source: METHOD.md section 5.
    """
    used = spread_weights(scores, weights)
    fine = (used.sum(axis=-1) > 0) & (allowed(scores, step) | (used == 0)).all(axis=-1)
    y = np.where(used > 0, scores, 1.0)
    with np.errstate(all="ignore"):
        result = _FUNCTIONS[step.method](y, used, step)
    return np.where(fine, result, np.nan)


def allowed(scores: Floats, step: Step) -> NDArray[np.bool_]:
    """Where a present child may enter: above 0 for geometric (unless a floor is stated), harmonic and
    power means of a negative power; not below 0 for power means of a fraction."""
    missing = np.isnan(scores)
    power = step.p if isinstance(step, PowerMean) else 1.0
    if step.method == "harmonic" or power < 0 or (isinstance(step, Geometric) and step.floor is None):
        return missing | (scores > 0)
    return missing | (scores >= 0) if power % 1 else np.ones(scores.shape, dtype=bool)


def _arithmetic(y: Floats, w: Floats, step: Step) -> Floats:
    return (w * y).sum(axis=-1)


def _geometric(y: Floats, w: Floats, step: Step) -> Floats:
    return np.exp((w * np.log(floored(y, step))).sum(axis=-1))


def floored(y: Floats, step: Step) -> Floats:
    """Scores as a geometric mean sees them: not below the stated floor."""
    floor = step.floor if isinstance(step, Geometric) else None
    return y if floor is None else np.maximum(y, floor)


def _harmonic(y: Floats, w: Floats, step: Step) -> Floats:
    return 1.0 / (w / y).sum(axis=-1)


def _power_mean(y: Floats, w: Floats, step: Step) -> Floats:
    p = step.p if isinstance(step, PowerMean) else 1.0
    mean = (w * y**p).sum(axis=-1)
    return np.sign(mean) * np.abs(mean) ** (1.0 / p) if p % 2 == 1 else mean ** (1.0 / p)


def _median(y: Floats, w: Floats, step: Step) -> Floats:
    """The smallest y with at least half the weight at or below it; on an exact half the mean with the next
    one."""
    key = np.where(w > 0, y, np.inf)
    order = np.argsort(key, axis=-1, kind="stable")
    ordered = np.take_along_axis(key, order, axis=-1)
    below = np.cumsum(np.take_along_axis(w, order, axis=-1), axis=-1)
    first = (below >= 0.5 - TOLERANCE).argmax(axis=-1)[..., None]
    following = (below > 0.5 + TOLERANCE).argmax(axis=-1)[..., None]
    return (np.take_along_axis(ordered, first, -1) + np.take_along_axis(ordered, following, -1))[..., 0] / 2


def _min(y: Floats, w: Floats, step: Step) -> Floats:
    return np.where(w > 0, y, np.inf).min(axis=-1)


_FUNCTIONS = {
    "arithmetic": _arithmetic,
    "geometric": _geometric,
    "harmonic": _harmonic,
    "power_mean": _power_mean,
    "median": _median,
    "min": _min,
}
